import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Hono } from "hono";
import { actorRoutes } from "../../http/mod.ts";
import { Echo, FakeNode, type SeenCall } from "./fake_node.ts";
import { exchange, serve, type TestServer } from "./serve.ts";

const BODY_MAX_BYTES = 65_536;

let answer: (call: SeenCall) => unknown = () => 1;
let server: TestServer;
const node = new FakeNode((call) => answer(call));

beforeAll(() => {
  const app = new Hono();
  app.onError((_, c) => c.text("handled elsewhere", 500));
  app.route(
    "/actors",
    actorRoutes(node, { expose: [Echo], authorize: "public", bodyMaxBytes: BODY_MAX_BYTES }),
  );
  server = serve((request) => app.fetch(request));
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
    await bounded(started.promise, "the call to start");
    client.abort();
    await bounded(aborted.promise, "the call's signal to abort");
    expect(await gone).toBe("gone");
  });
});

async function bounded(promise: Promise<void>, what: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Cannot wait longer for ${what}: current state is waiting`)),
      5_000,
    );
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
