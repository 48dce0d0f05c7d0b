import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { Hono } from "hono";
import { actorRoutes } from "../../http/mod.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { Echo, FakeNode, type SeenCall } from "./fake_node.ts";
import { until, within } from "../support/conditions.ts";
import { exchange, serve, type TestServer } from "./serve.ts";

const BODY_MAX_BYTES = 65_536;

let answer: (call: SeenCall) => unknown = () => 1;
let server: TestServer;
const node = new FakeNode((call) => answer(call));

/** What Hono or the routes took for a fault. */
const faults: unknown[] = [];

/** That of the routes at `/timed`. */
const clock = new ManualClock();
/** Requests whose head has come, and those that are over. */
const requests = { arrived: 0, over: 0 };

beforeAll(() => {
  const app = new Hono();
  app.onError((error, c) => {
    faults.push(error);
    return c.text("handled elsewhere", 500);
  });
  const onError = (error: unknown) => void faults.push(error);
  const options = { expose: [Echo], authorize: "public", bodyMaxBytes: BODY_MAX_BYTES, onError } as const;
  app.route("/actors", actorRoutes(node, options));
  app.route("/timed", actorRoutes(node, { ...options, clock }));
  server = serve(async (request) => {
    requests.arrived++;
    try {
      return await app.fetch(request);
    } finally {
      requests.over++;
    }
  });
});

afterAll(() => server.stop());

function head(path: string, more: readonly string[]): string {
  return [`POST ${path} HTTP/1.1`, "Host: localhost", "Content-Type: application/json", ...more, "", ""].join(
    "\r\n",
  );
}

function statusOf(seen: string): number {
  return Number(/^HTTP\/1\.1 (\d+)/.exec(seen)?.[1]);
}

function answered(seen: string): boolean {
  return seen.includes("\r\n\r\n");
}

describe("actorRoutes() behind a real server", () => {
  test("decodes names as they were sent, byte for byte", async () => {
    const names = [
      ["%2A", "*"],
      ["a%2Fb", "a/b"],
      ["%00", "\0"],
      ["%0d%0a", "\r\n"],
      ["%2541", "%41"],
      ["%F0%9F%8D%B5", "🍵"],
    ];
    for (const [raw, name] of names) {
      answer = (call) => call.name === name;
      const seen = await exchange(
        server.port,
        `${head(`/actors/echo/${raw}/say`, ["Content-Length: 1"])}1`,
        answered,
      );
      expect([raw, statusOf(seen), node.calls.at(-1)?.name]).toEqual([raw, 200, name]);
    }
    const before = node.calls.length;
    for (const raw of ["%ff", "%c3%28", "%zz"]) {
      const seen = await exchange(
        server.port,
        `${head(`/actors/echo/${raw}/say`, ["Content-Length: 1"])}1`,
        answered,
      );
      expect([raw, statusOf(seen)]).toEqual([raw, 400]);
    }
    expect(node.calls).toHaveLength(before);
  });

  test("answers 413 for an announced body without waiting for it", async () => {
    const request = head("/actors/echo/a/say", ["Content-Length: 1000000"]);
    expect(statusOf(await exchange(server.port, request, answered))).toBe(413);
  });

  test("answers 413 for a chunked body that never ends", async () => {
    const chunk = `1000\r\n${" ".repeat(4_096)}\r\n`;
    const request = head("/actors/echo/a/say", ["Transfer-Encoding: chunked"]) + chunk.repeat(32);
    expect(statusOf(await exchange(server.port, request, answered))).toBe(413);
  });

  test.each([
    ["stalls", []],
    ["trickles", [" ", " ", " ", " ", " ", " ", " ", " "]],
  ] as [string, string[]][])("answers 408 at the deadline for a body that %s", async (_, bytes) => {
    const before = node.calls.length;
    const more = ["Transfer-Encoding: chunked", "Baton-Timeout-Ms: 300"];
    const socket = connect(server.port, "127.0.0.1");
    let seen = "";
    socket.on("data", (data) => (seen += String(data))).on("error", () => {});
    socket.write(`${head("/actors/echo/a/say", more)}1\r\n"\r\n`);
    const at = performance.now();
    const trickle = setInterval(() => {
      const byte = bytes.shift();
      if (byte !== undefined) socket.write(`1\r\n${byte}\r\n`);
    }, 80);
    try {
      await until("an answer", () => answered(seen));
      expect(statusOf(seen)).toBe(408);
      expect(seen).toContain('"code":"request-timeout"');
      expect(performance.now() - at).toBeGreaterThan(250);
    } finally {
      clearInterval(trickle);
      socket.destroy();
    }
    expect(node.calls).toHaveLength(before);
    expect(faults).toEqual([]);
  });

  test("counts a deadline from the arrival of the request, and not from the end of its body", async () => {
    answer = () => 1;
    const more = ["Content-Length: 1", "Baton-Timeout-Ms: 5000"];
    const { arrived } = requests;
    const socket = connect(server.port, "127.0.0.1");
    let seen = "";
    socket.on("data", (data) => (seen += String(data)));
    socket.write(head("/timed/echo/a/say", more));
    await until("the arrival", () => requests.arrived > arrived);
    await clock.advance(300);
    socket.write("1");
    await until("an answer", () => answered(seen));
    socket.destroy();
    expect(statusOf(seen)).toBe(200);
    expect(node.calls.at(-1)?.options?.timeoutMs).toBe(4_700);
  });

  test("a client that goes away in the middle of its body is no fault, and calls nobody", async () => {
    const before = node.calls.length;
    for (const more of ["Content-Length: 100", "Transfer-Encoding: chunked"]) {
      const { arrived, over } = requests;
      const socket = connect(server.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.write(`${head("/actors/echo/a/say", [more])}5\r\n"abc`);
      await until("the arrival", () => requests.arrived > arrived);
      socket.destroy();
      await until("the end of the request", () => requests.over > over);
    }
    expect(node.calls).toHaveLength(before);
    expect(faults).toEqual([]);
  });

  test("a call that is over soon makes no runtime warn", async () => {
    const { warn } = console;
    const warnings: unknown[] = [];
    console.warn = (...words: unknown[]) => void warnings.push(words);
    try {
      answer = () => 1;
      for (let i = 0; i < 3; i++) {
        const request = `${head("/actors/echo/a/say", ["Content-Length: 1"])}1`;
        expect(statusOf(await exchange(server.port, request, answered))).toBe(200);
      }
    } finally {
      console.warn = warn;
    }
    expect(warnings).toEqual([]);
  });

  test("passes on that the client has gone", async () => {
    const started = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<void>();
    answer = async (call) => {
      call.options?.signal?.addEventListener("abort", () => aborted.resolve());
      started.resolve();
      await aborted.promise;
    };
    const client = new AbortController();
    const url = `http://127.0.0.1:${server.port}/actors/echo/a/say`;
    const headers = { "content-type": "application/json" };
    const gone = fetch(url, { method: "POST", headers, body: "1", signal: client.signal }).catch(
      () => "gone",
    );
    await within(started.promise, 5_000, "the call to start");
    client.abort();
    await within(aborted.promise, 5_000, "the call's signal to abort");
    expect(await gone).toBe("gone");
  });
});
