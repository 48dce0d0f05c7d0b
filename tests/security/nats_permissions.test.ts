// The configuration of docs/security.md on a real nats-server: nodes work with it, clients cannot do more than call.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type NatsConnection } from "nats";
import { type ActorNode, natsTransport, type NodeEvent, startNode, type Topic } from "../../mod.ts";
import { createCodec } from "../../codec/codec.ts";
import { guest, hostGuest, Room } from "../integration/groups/chat.ts";
import { Cart, hostCart } from "../integration/subscriptions/orders.ts";
import { until, within } from "../support/conditions.ts";
import { hostLedger, Ledger, ledger, steering } from "../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../support/nats/nats_server.ts";
import { TestStream } from "../support/nats/stream.ts";
import { hostTally, Tally, type TallyActor } from "../support/tally.ts";
import { clusterOf, frame } from "./forgery.ts";

const TEXT = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");
const CONFIG = /```conf\n(.*?)```/s.exec(TEXT)?.[1] ?? "";
const BUCKETS = ["baton-shop", "baton-shop-parked", "baton-shop-stored"];
const contract = ledger({ shards: 8 });

let server: NatsServer;
const nodes: ActorNode[] = [];
const clients: NatsConnection[] = [];
const errors: unknown[] = [];
const events: NodeEvent[] = [];

beforeAll(async () => {
  server = await startNatsServer({ config: CONFIG });
}, 40_000);

afterEach(async () => {
  for (const node of nodes.splice(0)) await within(node.leave(), 30_000); // its name is free at once then
  for (const client of clients.splice(0)) await within(client.close(), 10_000);
  errors.length = 0;
  events.length = 0;
});

afterAll(async () => {
  await server.stop();
}, 40_000);

async function makeBuckets(): Promise<void> {
  const admin = await natsTransport({ servers: server.url, user: "admin", password: "change-admin" });
  for (const bucket of BUCKETS) await admin.records(bucket);
  await admin.close();
}

async function start(
  name: "a" | "b",
  steered = steering(),
  hosts = [hostLedger(steered, contract)],
  topics: readonly Topic[] = [],
): Promise<ActorNode> {
  const transport = await natsTransport({
    servers: server.url,
    user: name,
    password: `change-${name}`,
    inboxPrefix: `_NODE.${name}`,
    onError: (error) => void errors.push(error),
  });
  const node = await startNode({
    name,
    cluster: "shop",
    transport,
    hosts,
    door: { replyPrefixes: ["_CLIENT."], topics },
    signals: false,
  });
  nodes.push(node);
  void (async () => {
    for await (const event of node.events()) events.push(event);
  })();
  return node;
}

async function client(user: string, inboxPrefix?: string): Promise<NatsConnection> {
  const connection = await connect({
    servers: server.url,
    user,
    pass: `change-${user}`,
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
  });
  clients.push(connection);
  return connection;
}

/** Whether the server refuses what is done with a connection. */
async function refused(connection: NatsConnection, deed: () => void): Promise<boolean> {
  let violation = false;
  void (async () => {
    for await (const status of connection.status())
      if (String(status.data).includes("PERMISSIONS") || JSON.stringify(status).includes("PERMISSIONS"))
        violation = true;
  })();
  deed();
  await within(connection.flush(), 5_000);
  await within(connection.flush(), 5_000);
  return violation;
}

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** Both nodes ask one another for their actors, and listen to one another. */
async function asksAndListens(a: ActorNode, b: ActorNode, actors: number): Promise<void> {
  const told: string[] = [];
  const stream = b.events({ scope: "cluster", types: ["actor-destroyed"] });
  void (async () => {
    for await (const { toldBy } of stream) told.push(toldBy);
  })();
  for (const node of [a, b]) {
    const page = await within(node.list(contract, { limit: 1_000 }), 10_000);
    expect([page.items.length, page.silent, page.unserved]).toEqual([actors, [], []]);
    expect(new Set(page.items.map(({ node: owner }) => owner))).toEqual(new Set(["a", "b"]));
    for (const { name, node: owner } of page.items.slice(0, 5))
      expect((await within(node.where(node.ref(Ledger, name)), 5_000)).node).toBe(owner);
  }
  await until("an event of each", async () => {
    for (let i = 0; i < 8; i++) await b.ref(Ledger, `gone-${i}`).run(null);
    return told.includes("a") && told.includes("b");
  });
  await stream.return?.();
}

describe("a node with the least permissions", () => {
  test("cannot make buckets, and says which one it lacks", async () => {
    const start_ = start("a");
    await expect(within(start_, 20_000)).rejects.toMatchObject({ code: "permission-denied" });
    await expect(within(start_, 20_000)).rejects.toThrow(/baton-shop/);
  }, 40_000);

  test("joins, moves, parks, restores and brings late actors, and nothing is refused", async () => {
    await makeBuckets();
    const steered = steering({ run: (actor) => actor.destroy() });
    const a = await start("a", steered);
    const names = Array.from({ length: 24 }, (_, i) => `n${i}`);
    for (const name of names) await within(a.ref(Ledger, name).add("one"), 20_000);
    const release = Promise.withResolvers<void>();
    for (const name of names) steered.gates.set(`slow-${name}`, release.promise);
    const held = names.map((name) => a.ref(Ledger, `slow-${name}`).hold("late", { timeoutMs: 30_000 }));
    const b = await start("b", steered);
    await until("shards at both", () => new Set(b.inspect().shards.map(({ owner }) => owner)).size === 2, {
      timeoutMs: 20_000,
    });
    await until("late actors", () => b.inspect().shards.some(({ late }) => late.length > 0), {
      timeoutMs: 20_000,
    });
    release.resolve();
    expect(await within(Promise.all(held), 30_000)).toEqual(names.map(() => 1));
    for (const name of names) expect(await within(b.ref(Ledger, name).read(), 20_000)).toEqual(["one"]);
    await asksAndListens(a, b, 2 * names.length);
    const left = await within(a.leave(), 30_000);
    expect(left).toMatchObject({ recovered: 0, leftOver: 0 });
    const parked = await within(b.leave(), 30_000);
    expect(parked.parked).toBe(8);
    const again = await start("a", steered);
    for (const name of names) expect(await within(again.ref(Ledger, name).read(), 20_000)).toEqual(["one"]);
    const till = await client("till", "_CLIENT.till");
    const answer = await within(
      till.request("shop.call.ledger.n1.add", json("two"), { timeout: 8_000 }),
      10_000,
    );
    expect(answer.json()).toBe(2);
    expect(again.inspect().counters.permissionsRefused).toBe(0);
    expect(events.filter(({ type }) => type === "permission-denied")).toEqual([]);
    expect(errors).toEqual([]);
  }, 120_000);

  test("stores actors, long ones and their timers, and begins them again after a crash, and nothing is refused", async () => {
    await makeBuckets();
    const told: { log: string[]; run?: (actor: TallyActor) => unknown } = { log: [] };
    const a = await start("a", undefined, [hostTally(told)]);
    const names = ["short", "long", "timed"];
    for (const name of names) await within(a.ref(Tally, name).add(1), 20_000);
    await within(a.ref(Tally, "long").fill(2_000_000), 20_000);
    await within(a.ref(Tally, "long").fill(10), 20_000);
    await within(a.ref(Tally, "long").fill(1_500_000), 20_000);
    told.run = (actor) => void actor.schedule("note", 5, { afterMs: 500 });
    await within(a.ref(Tally, "timed").run(0), 20_000);
    await a.kill();
    nodes.length = 0;
    const b = await start("b", undefined, [hostTally(told)]);
    await until("the timer", () => told.log.includes("timed note 5"), { timeoutMs: 40_000 });
    for (const name of names)
      expect(await within(b.ref(Tally, name).read(), 20_000)).toBe(name === "timed" ? 6 : 1);
    expect(told.log).toContain("long recovered 1");
    expect(b.inspect().counters).toMatchObject({ permissionsRefused: 0, commitsRefused: 0 });
    expect(events.filter(({ type }) => type === "permission-denied")).toEqual([]);
    expect(errors).toEqual([]);
  }, 120_000);

  test("reads a stream, and sets aside what nobody can take, and nothing is refused", async () => {
    await makeBuckets();
    const admin = await client("admin");
    const orders = await TestStream.make(admin, "ORDERS", ["orders.>"]);
    const dead = await TestStream.make(admin, "DEAD", ["shop.dead.>"]);
    for (const order of [{ cart: "x", n: 1 }, { cart: 7 }, { cart: "x", n: 2 }])
      await orders.add("orders.x", order);
    const a = await start("a", undefined, [hostCart(Cart, {})]);
    const had = (node: ActorNode) => within(node.ref(Cart, "x").had(), 10_000);
    await until("both", async () => (await had(a)).length === 2, { timeoutMs: 20_000 });
    const b = await start("b", undefined, [hostCart(Cart, {})]);
    await within(a.leave(), 30_000);
    await orders.add("orders.x", { cart: "x", n: 3 });
    await until("the third", async () => (await had(b)).length === 3, { timeoutMs: 20_000 });
    await until("a dead letter", async () => (await dead.all()).length === 1);
    expect(b.inspect().counters.permissionsRefused).toBe(0);
    expect(events.filter(({ type }) => type === "permission-denied")).toEqual([]);
    expect(errors).toEqual([]);
  }, 60_000);

  test("says which permission it lacks to read another stream, and does everything else", async () => {
    await makeBuckets();
    const a = await start("a", undefined, [
      hostCart(Cart, { stream: "OTHERS" }),
      hostLedger(steering(), contract),
    ]);
    const subscription = () => a.inspect().subscriptions[0];
    await until("it told", () => subscription()?.error !== undefined, { timeoutMs: 20_000 });
    expect(subscription()).toMatchObject({ state: "opening", error: { code: "permission-denied" } });
    expect(subscription()?.error?.message).toContain("$JS.API.STREAM.INFO.OTHERS");
    expect(events.find(({ type }) => type === "subscription-waits")).toMatchObject({ stream: "OTHERS" });
    expect(await within(a.ref(Ledger, "w").add("one"), 20_000)).toBe(1);
  }, 60_000);

  test("says at the start what it may not hear, and takes no shard then", async () => {
    await makeBuckets();
    const transport = await natsTransport({
      servers: server.url,
      user: "a",
      password: "change-a",
      inboxPrefix: "_NODE.a",
    });
    const hosts = [hostLedger(steering(), contract)];
    const wrong = startNode({ name: "c", cluster: "shop", transport, hosts, signals: false });
    await expect(within(wrong, 20_000)).rejects.toMatchObject({ code: "permission-denied" });
    await expect(within(wrong, 20_000)).rejects.toThrow(/shop\.node\.c/);
  }, 40_000);

  test("tells of what is refused while it runs", async () => {
    await makeBuckets();
    const a = await start("a");
    const spied = await client("admin");
    // a client that the door trusts by its prefix, and that the server does not let it answer
    spied.subscribe("_CLIENTS.x");
    const transport = await natsTransport({
      servers: server.url,
      user: "b",
      password: "change-b",
      inboxPrefix: "_NODE.b",
    });
    const b = await startNode({
      name: "b",
      cluster: "shop",
      transport,
      door: { replyPrefixes: ["_OTHER."] },
      signals: false,
    });
    nodes.push(b);
    const told: NodeEvent[] = [];
    void (async () => {
      for await (const event of b.events()) told.push(event);
    })();
    await until("the refusal told", () => {
      spied.publish("shop.call.ledger.x.read", new Uint8Array(), { reply: "_OTHER.x" });
      return told.some(({ type }) => type === "permission-denied");
    });
    expect(b.inspect().counters.permissionsRefused).toBeGreaterThan(0);
    expect(a.inspect().gateOpen).toBe(true);
  }, 60_000);
});

describe("a client with the client's role", () => {
  test("calls one kind and can do nothing else", async () => {
    await makeBuckets();
    const a = await start("a");
    expect(await within(a.ref(Ledger, "x").add("one"), 20_000)).toBe(1);
    const till = await client("till", "_CLIENT.till");
    expect(
      (await within(till.request("shop.call.ledger.x.read", "", { timeout: 8_000 }), 10_000)).json(),
    ).toEqual(["one"]);
    const at = `shop.node.a.${a.incarnation}`;
    const as = { node: "a", incarnation: a.incarnation };
    const ack = frame(as, [{ item: "ack", kind: "ledger", shard: 0, epoch: 1, upTo: 9 }], clusterOf(a));
    const body = createCodec().encode("forged");
    const reply = frame(
      as,
      [{ item: "reply", kind: "ledger", shard: 0, epoch: 1, seq: 1, ok: true, body }],
      clusterOf(a),
    );
    const publishes: [string, Uint8Array][] = [
      [`${at}.batch`, ack],
      [`${at}.reply`, reply],
      [`${at}.actor.ledger.x`, ack],
      [`${at}.move.m1`, body],
      ["shop.call.other.x.read", new Uint8Array()],
      ["shop.hint", body],
      ["_CLIENT.other.1", body],
      ["_NODE.a.1", body],
      ["$KV.baton-shop.shards.ledger.0", body],
      ["$KV.baton-shop.nodes.a", body],
      ["$KV.baton-shop-parked.x", body],
      ["$JS.API.STREAM.MSG.GET.KV_baton-shop", body],
      ["$JS.API.STREAM.DELETE.KV_baton-shop", body],
      ["$JS.API.STREAM.PURGE.KV_baton-shop", body],
      ["$JS.API.CONSUMER.CREATE.KV_baton-shop.x.$KV.baton-shop.>", body],
      ["$JS.API.INFO", body],
    ];
    for (const [subject, payload] of publishes)
      expect([subject, await refused(till, () => till.publish(subject, payload))]).toEqual([subject, true]);
    for (const subject of [
      ">",
      "shop.>",
      "shop.node.a.>",
      "shop.call.>",
      "_CLIENT.>",
      "_CLIENT.other.>",
      "_INBOX.>",
      "_NODE.a.>",
      "$KV.>",
      "$SYS.>",
    ]) {
      const spy = await client("till", "_CLIENT.till");
      expect([
        subject,
        await refused(spy, () => void spy.subscribe(subject, { callback: () => {} })),
      ]).toEqual([subject, true]);
    }
    expect(a.inspect().counters).toMatchObject({ rejectedInputs: 0, ignoredInputs: 0 });
    const [shard] = a.inspect().shards.filter(({ kind }) => kind === "ledger");
    expect(shard).toMatchObject({ owner: "a", state: "owned" });
  }, 60_000);

  test("cannot make a node publish for it: a reply elsewhere is dropped and counted", async () => {
    await makeBuckets();
    const a = await start("a");
    await within(a.ref(Ledger, "y").add("one"), 20_000);
    const till = await client("till", "_CLIENT.till");
    const replies = [
      `shop.node.a.${a.incarnation}.batch`,
      "$KV.baton-shop.nodes.a",
      "$JS.API.STREAM.DELETE.KV_baton-shop",
      "_NODE.a.1",
      "_INBOX.x",
      "_CLIENT",
      "_CLIENT.>",
    ];
    for (const reply of replies) till.publish("shop.call.ledger.y.read", new Uint8Array(), { reply });
    await until("all dropped", () => a.inspect().counters.doorDropped === replies.length);
    expect(a.inspect().counters.permissionsRefused).toBe(0);
    expect(
      (await within(till.request("shop.call.ledger.y.read", "", { timeout: 8_000 }), 10_000)).json(),
    ).toEqual(["one"]);
  }, 60_000);
});

describe("a client with the role of a guest", () => {
  const Guest = guest({ shards: 8 });
  const topics: readonly Topic[] = [{ group: Room, publish: true, follow: "json" }];

  test("publishes to the groups of one type and follows them, and can do nothing else", async () => {
    await makeBuckets();
    const a = await start("a", undefined, [hostGuest(Guest)], topics);
    await within(a.ref(Guest, "ann").enter({ room: "7", meta: undefined }), 20_000);
    const visitor = await client("visitor", "_CLIENT.visitor");
    const followed: unknown[] = [];
    visitor.subscribe("shop.feed.room.>", { callback: (_, message) => void followed.push(message.json()) });
    const answer = await within(
      visitor.request("shop.group.room.7.said", json("hello"), { timeout: 8_000 }),
      10_000,
    );
    expect(answer.data.length).toBe(0);
    await until("what it said", () => followed.length === 1);
    expect([followed, await within(a.ref(Guest, "ann").heard(), 10_000)]).toEqual([["hello"], ["hello"]]);
    for (const subject of [
      ...["shop.feed.room.7.said", "shop.group.other.7.said", "shop.call.guest.ann.heard"],
      ...[`shop.node.a.${a.incarnation}.batch`, "_CLIENT.till.1", "$KV.baton-shop.nodes.a"],
    ])
      expect([subject, await refused(visitor, () => visitor.publish(subject, json("x")))]).toEqual([
        subject,
        true,
      ]);
    for (const subject of ["shop.group.>", "shop.feed.>", "shop.feed.other.>", "shop.call.>", "_CLIENT.>"]) {
      const spy = await client("visitor", "_CLIENT.visitor");
      expect([
        subject,
        await refused(spy, () => void spy.subscribe(subject, { callback: () => {} })),
      ]).toEqual([subject, true]);
    }
    expect(followed).toEqual(["hello"]);
    expect(a.inspect().counters).toMatchObject({ permissionsRefused: 0, feedDropped: 0 });
    expect(errors).toEqual([]);
  }, 60_000);
});

test("tenants in two accounts do not meet, though their clusters have the same name", async () => {
  await makeBuckets();
  const a = await start("a");
  await within(a.ref(Ledger, "z").add("shop"), 20_000);
  const transport = await natsTransport({ servers: server.url, user: "tenant", password: "change-tenant" });
  const hosts = [hostLedger(steering(), contract)];
  const other = await startNode({ name: "a", cluster: "shop", transport, hosts, signals: false });
  nodes.push(other);
  expect(await within(other.ref(Ledger, "z").read(), 20_000)).toEqual([]);
  expect(await within(other.ref(Ledger, "z").add("tenant"), 20_000)).toBe(1);
  expect(await within(a.ref(Ledger, "z").read(), 20_000)).toEqual(["shop"]);
  for (const node of [a, other])
    expect(node.inspect().nodes.filter(({ state }) => state === "up").length).toBe(1);
}, 60_000);
