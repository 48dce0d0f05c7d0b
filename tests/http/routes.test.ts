import { describe, expect, test } from "bun:test";
import { Hono } from "hono";
import {
  type ActorError,
  BusyError,
  CallCycleError,
  ConfigurationError,
  DeadlineError,
  fromErrorData,
  HandlerError,
  InvalidArgumentError,
  OutcomeUnknownError,
  TooLargeError,
  UnavailableError,
} from "../../errors.ts";
import { type ActorRoutesOptions, actorRoutes, type CallingNode, type Problem } from "../../http/mod.ts";
import { Echo, FakeNode } from "./fake_node.ts";

const JSON_HEADERS = { "content-type": "application/json" };

function mounted(node: CallingNode, options: Partial<ActorRoutesOptions> = {}): Hono {
  const app = new Hono();
  app.route("/actors", actorRoutes(node, { expose: [Echo], authorize: "public", ...options }));
  return app;
}

function post(
  app: Hono,
  path: string,
  body: BodyInit | undefined,
  headers: Record<string, string> = JSON_HEADERS,
) {
  return app.request(`http://localhost/actors${path}`, {
    method: "POST",
    headers,
    ...(body === undefined ? {} : { body, duplex: "half" }),
  } as RequestInit);
}

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const body = (await response.json()) as Problem;
  expect(body.status).toBe(response.status);
  expect(JSON.stringify(body)).not.toContain(".ts:");
  return body;
}

function chunked(chunks: number, chunkBytes: number): ReadableStream<Uint8Array> {
  let left = chunks;
  return new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(new Uint8Array(chunkBytes).fill(0x20));
      else controller.close();
    },
  });
}

function failing(error: unknown): FakeNode {
  return new FakeNode(() => {
    throw error;
  });
}

describe("actorRoutes()", () => {
  test("refuses to mount without authorize", () => {
    const options = { expose: [Echo] } as unknown as ActorRoutesOptions;
    expect(() => actorRoutes(new FakeNode(), options)).toThrow(ConfigurationError);
    expect(() => actorRoutes(new FakeNode(), { ...options, authorize: "anyone" as "public" })).toThrow(
      ConfigurationError,
    );
  });

  test("refuses a kind listed twice and bounds that cannot work", () => {
    const node = new FakeNode();
    expect(() => actorRoutes(node, { expose: [Echo, Echo], authorize: "public" })).toThrow(
      ConfigurationError,
    );
    for (const bodyMaxBytes of [0, -1, 1.5, Number.NaN]) {
      expect(() => actorRoutes(node, { expose: [Echo], authorize: "public", bodyMaxBytes })).toThrow(
        ConfigurationError,
      );
    }
  });

  test("answers an ask by 200 and its result as JSON", async () => {
    const node = new FakeNode();
    const response = await post(mounted(node), "/echo/alice/say", '{"sku":"tea","n":[1,2.5,null,true]}');
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toEqual({ sku: "tea", n: [1, 2.5, null, true] });
    expect(node.calls).toHaveLength(1);
    expect(node.calls[0]).toMatchObject({ type: "ask", kind: "echo", name: "alice", message: "say" });
    expect(node.calls[0]?.options?.timeoutMs).toBe(5_000);
  });

  test("answers an ask without a result by 204 and a tell by 202, both without a body", async () => {
    const app = mounted(new FakeNode(() => undefined));
    const nothing = await post(app, "/echo/a/nothing", "{}");
    expect([nothing.status, await nothing.text()]).toEqual([204, ""]);
    const told = await post(mounted(new FakeNode(() => "ignored")), "/echo/a/note", "{}");
    expect([told.status, await told.text()]).toEqual([202, ""]);
  });

  test("takes an empty body for no argument", async () => {
    const node = new FakeNode(() => 1);
    expect((await post(mounted(node), "/echo/a/say", undefined)).status).toBe(200);
    expect((await post(mounted(node), "/echo/a/say", "")).status).toBe(200);
    expect(node.calls.map((call) => call.argument)).toEqual([undefined, undefined]);
  });

  test("writes what JSON does not know as documented", async () => {
    const node = new FakeNode(() => ({
      date: new Date(0),
      big: 2n ** 70n,
      bytes: new Uint8Array([251, 255, 1]),
      named: new Map([
        ["__proto__", 1],
        ["a", 2],
      ]),
      pairs: new Map<unknown, unknown>([
        [1, 2n],
        ["x", new Date(1)],
      ]),
      set: new Set([1, "b"]),
      missing: undefined,
      list: [undefined, Number.NaN],
    }));
    const text = await (await post(mounted(node), "/echo/a/say", "null")).text();
    expect(text).toBe(
      '{"date":"1970-01-01T00:00:00.000Z","big":"1180591620717411303424","bytes":"-_8B",' +
        '"named":{"__proto__":1,"a":2},"pairs":[[1,"2"],["x","1970-01-01T00:00:00.001Z"]],"set":[1,"b"],"list":[null,null]}',
    );
  });

  test("answers the same 404 for an unknown kind, a kind that is not exposed and an undeclared message", async () => {
    const node = new FakeNode();
    const paths = ["/nobody/a/say", "/__proto__/a/say", "/echo/a/missing", "/ECHO/a/say", "/echo/a/Say"];
    for (const word of [
      "constructor",
      "__proto__",
      "toString",
      "hasOwnProperty",
      "valueOf",
      "then",
      "_x",
      "onActivate",
      "state",
    ]) {
      paths.push(`/echo/a/${word}`);
    }
    const bodies = new Set<string>();
    for (const path of paths) {
      const response = await post(mounted(node), path, "{}");
      expect([path, response.status]).toEqual([path, 404]);
      bodies.add(await response.text());
    }
    expect([...bodies].map((body) => JSON.parse(body).code)).toEqual(["unknown-message"]);
    expect(node.calls).toHaveLength(0);
  });

  test("reaches no message by another method", async () => {
    const node = new FakeNode();
    for (const method of ["GET", "PUT", "DELETE", "PATCH"]) {
      const response = await mounted(node).request("http://localhost/actors/echo/a/say", { method });
      expect(response.status).toBe(404);
    }
    expect(node.calls).toHaveLength(0);
  });
});

describe("actorRoutes() names", () => {
  const legal: readonly (readonly [string, string])[] = [
    ["%2A", "*"],
    ["*", "*"],
    ["%3E", ">"],
    ["a%2Fb", "a/b"],
    ["a%2fb%2f", "a/b/"],
    ["%2F", "/"],
    ["a.b", "a.b"],
    ["a%20b", "a b"],
    ["%00", "\0"],
    ["%0d%0a", "\r\n"],
    ["%0D%0AX-Evil:%201", "\r\nX-Evil: 1"],
    ["%C3%BC", "ü"],
    ["ü", "ü"],
    ["%25", "%"],
    ["%2541", "%41"],
    ["%252F", "%2F"],
    ["a+b", "a+b"],
    ["a%5Cb", "a\\b"],
    ["%3Fx%23y", "?x#y"],
    ["$SYS.x", "$SYS.x"],
    ["..%2Fa", "../a"],
    ["%F0%9F%8D%B5", "🍵"],
    ["a:b;c=d,e@f", "a:b;c=d,e@f"],
  ];

  test("decodes a percent-encoded name once, whatever it holds", async () => {
    for (const [raw, name] of legal) {
      const node = new FakeNode(() => 1);
      const response = await post(mounted(node), `/echo/${raw}/say`, "{}");
      expect([raw, response.status, node.calls[0]?.name]).toEqual([raw, 200, name]);
    }
  });

  test("answers 400 for what is no percent-encoded UTF-8, and for a name above the limit", async () => {
    for (const raw of [
      "%ff",
      "%c3",
      "%zz",
      "%",
      "a%2",
      "%ED%A0%80",
      "x".repeat(4_097),
      "%C3%BC".repeat(2_049),
    ]) {
      const node = new FakeNode();
      const response = await post(mounted(node), `/echo/${raw}/say`, "{}");
      expect([raw.slice(0, 8), response.status, (await problemOf(response)).code]).toEqual([
        raw.slice(0, 8),
        400,
        "invalid-name",
      ]);
      expect(node.calls).toHaveLength(0);
    }
  });

  test("reaches nobody by an empty name or by dots", async () => {
    for (const path of ["/echo//say", "/echo/../say", "/echo/%2e%2e/say", "/echo/./say"]) {
      const node = new FakeNode();
      expect((await post(mounted(node), path, "{}")).status).toBe(404);
      expect(node.calls).toHaveLength(0);
    }
  });
});

describe("actorRoutes() bodies", () => {
  test("answers 415 for any type but JSON, so that a page of another origin cannot post", async () => {
    const node = new FakeNode();
    const types = [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/jsonp",
    ];
    for (const type of [
      ...types,
      "text/json",
      "application/json; charset=utf-16",
      "application/json, text/plain",
      "",
    ]) {
      const response = await post(mounted(node), "/echo/a/say", "{}", { "content-type": type });
      expect([type, response.status, (await problemOf(response)).code]).toEqual([
        type,
        415,
        "unsupported-media-type",
      ]);
    }
    const compressed = await post(mounted(node), "/echo/a/say", "{}", {
      ...JSON_HEADERS,
      "content-encoding": "gzip",
    });
    expect(compressed.status).toBe(415);
    expect(node.calls).toHaveLength(0);
  });

  test("takes JSON with its charset named", async () => {
    for (const type of [
      "application/json",
      "application/json; charset=utf-8",
      'Application/JSON;charset="UTF-8"',
    ]) {
      expect((await post(mounted(new FakeNode()), "/echo/a/say", "1", { "content-type": type })).status).toBe(
        200,
      );
    }
  });

  test("answers 413 above the limit, by length and by chunks, also under a custom error handler", async () => {
    const node = new FakeNode();
    const app = mounted(node, { bodyMaxBytes: 1_000 });
    app.onError((_, c) => c.text("handled elsewhere", 500));
    const announced = await post(app, "/echo/a/say", " ".repeat(1_001), {
      ...JSON_HEADERS,
      "content-length": "1001",
    });
    expect([announced.status, (await problemOf(announced)).code]).toEqual([413, "too-large"]);
    const streamed = await post(app, "/echo/a/say", chunked(1_000_000, 100));
    expect([streamed.status, (await problemOf(streamed)).code]).toEqual([413, "too-large"]);
    const fits = await post(app, "/echo/a/say", `"${"x".repeat(998)}"`);
    expect(fits.status).toBe(200);
    expect(node.calls).toHaveLength(1);
  });

  test("applies its limit to a body that a middleware has read", async () => {
    const node = new FakeNode();
    const app = new Hono();
    app.use(async (c, next) => {
      await c.req.text();
      await next();
    });
    app.route("/actors", actorRoutes(node, { expose: [Echo], authorize: "public", bodyMaxBytes: 10 }));
    expect((await post(app, "/echo/a/say", '{"a":1}')).status).toBe(200);
    expect((await post(app, "/echo/a/say", '{"a":1234567}')).status).toBe(413);
    expect(node.calls.map((call) => call.argument)).toEqual([{ a: 1 }]);
  });

  test("answers 400 at once for JSON nested 100,000 deep", async () => {
    const node = new FakeNode();
    for (const bomb of ["[".repeat(100_000), '{"a":'.repeat(100_000), `${"[".repeat(65)}${"]".repeat(65)}`]) {
      const before = performance.now();
      const response = await post(mounted(node), "/echo/a/say", bomb);
      expect([response.status, (await problemOf(response)).code]).toEqual([400, "invalid-argument"]);
      expect(performance.now() - before).toBeLessThan(500);
    }
    expect(node.calls).toHaveLength(0);
    const deepest = `${"[".repeat(64)}${"]".repeat(64)}`;
    expect((await post(mounted(node), "/echo/a/say", deepest)).status).toBe(200);
    expect((await post(mounted(node), "/echo/a/say", JSON.stringify(`\\"${"[".repeat(500)}`))).status).toBe(
      200,
    );
  });

  test("answers 400 with the path for what JSON can say and no message may hold", async () => {
    const cases: readonly (readonly [BodyInit, string | undefined])[] = [
      ["1e999", ""],
      ['{"a":[0,-1e999]}', "a[1]"],
      ['{"a":{"__proto__":{"x":1}}}', "a"],
      ['{"\\u005f_proto__":1}', ""],
      ['{"a b":"\\ud800"}', '["a b"]'],
      ["{", undefined],
      ["{} {}", undefined],
      ["undefined", undefined],
      ["NaN", undefined],
      ["\0", undefined],
      [new Uint8Array([0x22, 0xff, 0x22]), undefined],
      [new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), undefined],
    ];
    for (const [body, path] of cases) {
      const node = new FakeNode();
      const response = await post(mounted(node), "/echo/a/say", body);
      const found = await problemOf(response);
      expect([String(body), found.status, found.code, found.path]).toEqual([
        String(body),
        400,
        "invalid-argument",
        path,
      ]);
      expect(node.calls).toHaveLength(0);
    }
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
});

describe("actorRoutes() authorize", () => {
  test("decides with the decoded address, before the body is read", async () => {
    const node = new FakeNode();
    const seen: unknown[] = [];
    const app = mounted(node, {
      authorize: (c, address) => {
        seen.push(address, c.req.raw.bodyUsed);
        return false;
      },
    });
    const response = await post(app, "/echo/a%2Fb/say", "not JSON");
    expect([response.status, (await problemOf(response)).code]).toEqual([403, "forbidden"]);
    expect(seen).toEqual([{ kind: "echo", name: "a/b", message: "say" }, false]);
    expect(node.calls).toHaveLength(0);
  });

  test("sends a Response as it is, and refuses whatever is not true", async () => {
    const challenge = () => new Response("who?", { status: 401, headers: { "www-authenticate": "Bearer" } });
    const response = await post(mounted(new FakeNode(), { authorize: challenge }), "/echo/a/say", "1");
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    const lax = (async () => "yes") as unknown as () => boolean;
    expect((await post(mounted(new FakeNode(), { authorize: lax }), "/echo/a/say", "1")).status).toBe(403);
    expect(
      (await post(mounted(new FakeNode(), { authorize: async () => true }), "/echo/a/say", "1")).status,
    ).toBe(200);
  });

  test("refuses when it throws, and tells onError only", async () => {
    const node = new FakeNode();
    const told: unknown[] = [];
    const secret = new Error("database password is hunter2");
    const app = mounted(node, {
      authorize: () => {
        throw secret;
      },
      onError: (error) => told.push(error),
    });
    const response = await post(app, "/echo/a/say", "1");
    expect(response.status).toBe(500);
    expect(JSON.stringify(await problemOf(response))).not.toContain("hunter2");
    expect(told).toEqual([secret]);
    expect(node.calls).toHaveLength(0);
  });
});

describe("actorRoutes() errors", () => {
  const cases: readonly (readonly [ActorError, number, string | null])[] = [
    [new InvalidArgumentError("Cannot x: y is no z", { path: "a.b" }), 400, null],
    [new CallCycleError("m"), 409, null],
    [fromErrorData({ code: "invalid-state", message: "m", retryable: false }), 409, null],
    [new TooLargeError("m"), 413, null],
    [new BusyError("m", { retryAfterMs: 1 }), 429, "1"],
    [new BusyError("m", { retryAfterMs: 2_001 }), 429, "3"],
    [new UnavailableError("m"), 503, "1"],
    [new UnavailableError("m", { retryAfterMs: Number.NaN }), 503, "1"],
    [fromErrorData({ code: "node-stopped", message: "m", retryable: false }), 503, "1"],
    [fromErrorData({ code: "aborted", message: "m", retryable: false }), 503, "1"],
    [new DeadlineError("m"), 504, null],
    [new OutcomeUnknownError("m"), 504, null],
    [fromErrorData({ code: "unknown-kind", message: "m", retryable: false }), 404, null],
    [fromErrorData({ code: "invalid-name", message: "m", retryable: false }), 400, null],
    [fromErrorData({ code: "invalid-result", message: "m", retryable: false }), 500, null],
    [fromErrorData({ code: "fenced", message: "m", retryable: false }), 500, null],
    [fromErrorData({ code: "of-a-newer-release", message: "m", retryable: true }), 500, null],
  ];

  test("maps each code to its status, with Retry-After where trying again helps", async () => {
    for (const [error, status, retryAfter] of cases) {
      const response = await post(mounted(failing(error)), "/echo/a/say", "1");
      expect([error.code, response.status, response.headers.get("retry-after")]).toEqual([
        error.code,
        status,
        retryAfter,
      ]);
      expect(await problemOf(response)).toMatchObject({
        type: `urn:baton:error:${error.code}`,
        code: error.code,
        retryable: error.retryable,
        detail: error.message,
        ...(error.path === undefined ? {} : { path: error.path }),
      });
    }
  });

  test("keeps a handler's own words unless told otherwise, and a stack always", async () => {
    const error = new HandlerError("password hunter2", {
      causeCode: "E1",
      causeName: "DbError",
      remoteStack: "at db.ts:1",
    });
    const hidden = await (await post(mounted(failing(error)), "/echo/a/say", "1")).text();
    expect(hidden).not.toContain("hunter2");
    expect(hidden).not.toContain("E1");
    const shown = await post(mounted(failing(error), { showHandlerErrors: true }), "/echo/a/say", "1");
    expect(shown.status).toBe(500);
    const body = await problemOf(shown);
    expect(body).toMatchObject({ detail: "password hunter2", causeCode: "E1", code: "handler-error" });
    expect(JSON.stringify(body)).not.toContain("db.ts");
    expect(JSON.stringify(body)).not.toContain("DbError");
  });

  test("answers what is no error of ours by a plain 500 and tells onError", async () => {
    const told: unknown[] = [];
    const error = new TypeError("secret is not a function");
    const response = await post(
      mounted(failing(error), { onError: (seen) => told.push(seen) }),
      "/echo/a/say",
      "1",
    );
    expect(response.status).toBe(500);
    expect(await problemOf(response)).toMatchObject({ code: "internal-error" });
    expect(told).toEqual([error]);
  });

  test("answers 500 for a result that has no JSON form", async () => {
    for (const result of [() => 1, { a: Symbol("x") }, deep(100)]) {
      const response = await post(mounted(new FakeNode(() => result)), "/echo/a/say", "1");
      expect([response.status, (await problemOf(response)).code]).toEqual([500, "invalid-result"]);
    }
  });

  test.each([
    ["its own server", (server: object) => server],
    ["an environment that holds it", (server: object) => ({ server })],
  ] as [string, (server: object) => object][])(
    "tells Bun, given %s, how long a client may be silent",
    async (_, env) => {
      const told: number[] = [];
      const server = { timeout: (_request: Request, seconds: number) => void told.push(seconds) };
      const ask = (timeoutMs: number) =>
        mounted(new FakeNode(), { timeoutMs }).request(
          "http://localhost/actors/echo/a/say",
          { method: "POST", headers: JSON_HEADERS, body: "1" },
          env(server),
        );
      for (const timeoutMs of [1_000, 4_999, 5_000, 60_000, 250_001])
        expect((await ask(timeoutMs)).status).toBe(200);
      expect(told).toEqual([10, 65, 0]);
    },
  );

  test("passes the shorter of both deadlines, and the client's signal", async () => {
    const node = new FakeNode();
    const app = mounted(node, { timeoutMs: 1_000 });
    for (const [given, used] of [
      ["50", 50],
      ["999999", 1_000],
      [undefined, 1_000],
    ] as const) {
      const headers = given === undefined ? JSON_HEADERS : { ...JSON_HEADERS, "Baton-Timeout-Ms": given };
      expect((await post(app, "/echo/a/say", "1", headers)).status).toBe(200);
      expect(node.calls.at(-1)?.options?.timeoutMs).toBe(used);
      expect(node.calls.at(-1)?.options?.signal).toBeInstanceOf(AbortSignal);
    }
    for (const given of ["0", "-1", "1.5", "1e3", "soon", ""]) {
      const response = await post(app, "/echo/a/say", "1", { ...JSON_HEADERS, "Baton-Timeout-Ms": given });
      expect([given, response.status]).toEqual([given, 400]);
    }
    expect(node.calls).toHaveLength(3);
  });
});

function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}
