// Clients outside say what their call has for a context, and only by the headers that a node lets in.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Hono } from "hono";
import { connect, headers, type NatsConnection } from "nats";
import { actorRoutes } from "../../http/mod.ts";
import { type ActorNode, type Caller, natsTransport, startNode } from "../../mod.ts";
import { until, within } from "../support/conditions.ts";
import { hostLedger, Ledger, steering } from "../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../support/nats/nats_server.ts";

/** No header has a name with a colon, which is what says from whom a message comes. */
const FORGED = {
  from: "ledger/admin",
  "baton-caller": "ledger/admin",
  admin: "yes",
  Tenant: "not as declared",
};
const DECLARED = ["tenant", "traceparent"];

let server: NatsServer;
let client: NatsConnection;
/** "a" lets headers in, "b" none; only "b" hosts. */
let [a, b]: ActorNode[] = [];
const callers: (Caller | undefined)[] = [];
const steered = steering({
  run: async (actor, word) => {
    callers.push(actor.caller);
    if (word === "on") await actor.ref(Ledger, "y").run("");
    return actor.caller as unknown;
  },
});

async function start(name: string, contextHeaders: readonly string[] | undefined, hosts = true) {
  return await startNode({
    ...{ name, cluster: `of-${name}`, signals: false },
    transport: await natsTransport({ servers: server.url, name }),
    hosts: hosts ? [hostLedger(steered)] : [],
    door: contextHeaders ? { contextHeaders } : true,
  });
}

beforeAll(async () => {
  server = await startNatsServer();
  [a, b] = [await start("a", DECLARED), await start("b", undefined)];
  client = await connect({ servers: server.url });
  for (const node of [a, b]) await until("an owner", () => node?.inspect().shards[0]?.state === "owned");
}, 40_000);

afterAll(async () => {
  await within(client.close(), 10_000);
  for (const node of [a, b]) if (node) await within(node.kill(), 10_000);
  await server.stop();
}, 40_000);

async function call(cluster: string, given: Record<string, string>, word = "") {
  const lines = headers();
  for (const [key, value] of Object.entries(given)) lines.set(key, value);
  const payload = new TextEncoder().encode(JSON.stringify(word));
  const answer = await within(
    client.request(`${cluster}.call.ledger.x.run`, payload, { timeout: 8_000, headers: lines }),
    10_000,
  );
  return answer.json() as unknown;
}

describe("the door", () => {
  test("lets in the headers that are declared, as written, and goes on with them", async () => {
    callers.length = 0;
    const context = { tenant: "acme", traceparent: "00-4bf9" };
    expect(await call("of-a", { ...FORGED, ...context }, "on")).toEqual({ via: "door", node: "a", context });
    expect(callers[1]).toEqual({ via: "actor", kind: "ledger", name: "x", node: "a", context } as Caller);
    expect(await call("of-a", { tenant: "" })).toEqual({ via: "door", node: "a", context: { tenant: "" } });
  });

  test("lets none in unless it is told to, and nobody says who he is", async () => {
    const given = { ...FORGED, tenant: "acme" };
    expect(await call("of-b", given)).toEqual({ via: "door", node: "b", context: {} });
    expect(await call("of-a", FORGED)).toEqual({ via: "door", node: "a", context: {} });
  });

  test("refuses more than a context may have, before the actor hears of it", async () => {
    callers.length = 0;
    const answer = await call("of-a", { tenant: "x".repeat(1_020) });
    expect(answer).toMatchObject({ code: "invalid-argument", retryable: false });
    expect(callers).toEqual([]);
  });

  test("does not open for headers that cannot be", async () => {
    for (const contextHeaders of [["Tenant"], ["baton-name"], Array(17).fill("a"), "tenant", [1]])
      await expect(startNode({ door: { contextHeaders: contextHeaders as string[] } })).rejects.toMatchObject(
        {
          code: "invalid-configuration",
        },
      );
  });
});

describe("actorRoutes()", () => {
  async function post(contextHeaders: readonly string[] | undefined, given: Record<string, string>) {
    const app = new Hono();
    const options = { expose: [Ledger], authorize: "public" as const };
    app.route("/", actorRoutes(a as ActorNode, contextHeaders ? { ...options, contextHeaders } : options));
    const response = await app.request("http://localhost/ledger/x/run", {
      method: "POST",
      headers: { "content-type": "application/json", ...FORGED, ...given },
      body: '""',
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  test("let in the headers that are declared, whatever their case, and no others", async () => {
    const { body } = await post(DECLARED, { TraceParent: "00-4bf9" });
    const context = { tenant: "not as declared", traceparent: "00-4bf9" };
    expect(body).toEqual({ via: "http", node: "a", context });
    expect((await post(undefined, { tenant: "acme" })).body).toEqual({ via: "http", node: "a", context: {} });
  });

  test("refuse more than a context may have by 400", async () => {
    const { status, body } = await post(DECLARED, { traceparent: "x".repeat(1_020) });
    expect([status, body.code]).toEqual([400, "invalid-argument"]);
  });

  test("are not mounted for headers that cannot be", () => {
    for (const contextHeaders of [["Tenant"], ["baton-name"], "tenant" as unknown as string[]])
      expect(() =>
        actorRoutes(a as ActorNode, { expose: [Ledger], authorize: "public", contextHeaders }),
      ).toThrow(expect.objectContaining({ code: "invalid-configuration" }));
  });
});
