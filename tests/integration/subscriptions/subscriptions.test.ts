// Messages of a JetStream stream that become tells, on a real nats-server.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { connect, type NatsConnection } from "nats";
import { type ActorNode, type Hosted, natsTransport, type NodeEvent, startNode } from "../../../mod.ts";
import { createCodec } from "../../../codec/codec.ts";
import { until, within } from "../../support/conditions.ts";
import { type NatsServer, startNatsServer } from "../../support/nats/nats_server.ts";
import { TestStream } from "../../support/nats/stream.ts";
import { Basket, Cart, type CartContract, hostCart, type OnAdd } from "./orders.ts";

let server: NatsServer;
let client: NatsConnection;
let nodes: ActorNode[];
let told: NodeEvent[];
let cluster: string;
let count = 0;

beforeAll(async () => {
  server = await startNatsServer();
  client = await connect({ servers: server.url });
}, 40_000);
afterAll(async () => {
  await within(client.close(), 10_000);
  await server.stop();
}, 40_000);
beforeEach(() => {
  nodes = [];
  told = [];
  cluster = `c${++count}`;
});
afterEach(async () => {
  for (const node of nodes) await within(node.kill(), 10_000);
  const manager = await client.jetstreamManager();
  for (const name of ["ORDERS", "DEAD"]) await manager.streams.delete(name).catch(() => {});
});

async function start(name: string, ...hosts: Hosted[]): Promise<ActorNode> {
  const transport = await natsTransport({ servers: server.url, name });
  const node = await startNode({ name, cluster, transport, hosts, signals: false });
  nodes.push(node);
  void (async () => {
    for await (const event of node.events()) told.push(event);
  })();
  return node;
}

const orders = () => TestStream.make(client, "ORDERS", ["orders.>"]);
const had = (node: ActorNode, contract: CartContract, name: string) =>
  within(node.ref(contract, name).had(), 10_000);
const settled = async (stream: TestStream, durable = `${cluster}-cart-add`) => {
  await until(
    "all to be settled",
    async () => {
      const { waiting, unsettled } = await stream.consumer(durable);
      return waiting + unsettled === 0;
    },
    { timeoutMs: 20_000 },
  );
};
const buried = () => told.filter((event) => event.type === "message-buried");
const subscription = (node: ActorNode) => node.inspect().subscriptions[0];

describe("a subscription", () => {
  for (const [where, contract] of [
    ["in memory", Cart],
    ["stored", Basket],
  ] as const)
    test(`gives each message of a stream to its actor, ${where}, once and in order, and settles it`, async () => {
      const stream = await orders();
      const expected = new Map<string, number[]>();
      const add = async (n: number) => {
        const name = `k${n % 7}`;
        expected.set(name, [...(expected.get(name) ?? []), n]);
        await stream.add(`orders.${name}`, { cart: name, n });
      };
      for (let n = 0; n < 100; n++) await add(n);
      const a = await start("a", hostCart(contract, {}));
      const b = await start("b", hostCart(contract, {}));
      for (let n = 100; n < 200; n++) await add(n);
      await settled(stream, `${cluster}-${contract.kind}-add`);
      for (const [name, numbers] of expected) expect(await had(b, contract, name)).toEqual(numbers);
      expect(new Set(await within(a.ref(contract, "k1").via(), 10_000))).toEqual(new Set(["stream"]));
      const states = [a, b].map((node) => subscription(node)?.state);
      expect(states.toSorted()).toEqual(["elsewhere", "reading"]);
      expect([a, b].reduce((sum, node) => sum + (subscription(node)?.settled ?? 0), 0)).toBeGreaterThan(0);
      expect(buried()).toEqual([]);
    }, 60_000);

  test("goes on at another node when its node leaves, and loses and doubles nothing", async () => {
    const stream = await orders();
    let isOver = false;
    let n = 0;
    const filling = (async () => {
      while (!isOver) await stream.add("orders.x", { cart: `k${n % 5}`, n: n++ });
    })();
    const first = await start("n0", hostCart(Cart, { ackWaitMs: 30_000 }));
    await until("some", async () => (await had(first, Cart, "k0")).length > 10, { timeoutMs: 20_000 });
    for (let i = 1; i < 5; i++) {
      await start(`n${i}`, hostCart(Cart, { ackWaitMs: 30_000 }));
      const left = await within((nodes[i - 1] as ActorNode).leave(), 30_000);
      expect(left).toMatchObject({ leftOver: 0, recovered: 0 });
    }
    isOver = true;
    await within(filling, 10_000);
    await settled(stream);
    const last = nodes.at(-1) as ActorNode;
    for (let i = 0; i < 5; i++) {
      const all = Array.from({ length: n }, (_, each) => each).filter((each) => each % 5 === i);
      expect(await had(last, Cart, `k${i}`)).toEqual(all);
    }
  }, 120_000);

  test("has what was under way on a killed node again, and a stored actor has it once", async () => {
    const stream = await orders();
    const held = Promise.withResolvers<void>();
    const hosts = (onAdd: OnAdd) => hostCart(Basket, { ackWaitMs: 1_000, inFlightMax: 8 }, onAdd);
    const a = await start(
      "a",
      hosts(({ n }) => (n % 4 === 3 ? held.promise : undefined)),
    );
    const names = ["k0", "k1", "k2"];
    for (let n = 0; n < 60; n++) await stream.add("orders.x", { cart: names[n % 3], n });
    await until("a full hand", () => subscription(a)?.inFlight === 8, { timeoutMs: 20_000 });
    const b = await start(
      "b",
      hosts(() => undefined),
    );
    await within(a.kill(), 10_000);
    await settled(stream, `${cluster}-basket-add`);
    for (const [i, name] of names.entries())
      expect(await had(b, Basket, name)).toEqual(Array.from({ length: 20 }, (_, each) => 3 * each + i));
  }, 90_000);
});

describe("an upgrade in place", () => {
  test("brings its own subscription, and goes on where the one before it has come", async () => {
    const stream = await orders();
    for (let n = 0; n < 5; n++) await stream.add("orders.x", { cart: "x", n });
    const a = await start("a", hostCart(Basket, {}));
    await settled(stream, `${cluster}-basket-add`);
    const { kept } = await within(
      a.upgrade([hostCart(Basket, { name: (_, { cart }) => `${cart}2` })]),
      20_000,
    );
    expect(kept).toEqual([]);
    for (let n = 5; n < 8; n++) await stream.add("orders.x", { cart: "x", n });
    await settled(stream, `${cluster}-basket-add`);
    expect([await had(a, Basket, "x"), await had(a, Basket, "x2")]).toEqual([
      [0, 1, 2, 3, 4],
      [5, 6, 7],
    ]);
  }, 60_000);
});

describe("a message that nobody can take", () => {
  test("is set aside with its reason, and holds up no other one", async () => {
    const stream = await orders();
    const dead = await TestStream.make(client, "DEAD", [`${cluster}.dead.>`]);
    const codec = createCodec();
    const cbor = { "Content-Type": "application/cbor" };
    const bad: readonly (readonly [string, unknown, Record<string, string>, string, string])[] = [
      ["orders.a", new Uint8Array([123]), {}, "invalid-argument", "1"],
      ["orders.b", { cart: "x", n: "one" }, {}, "invalid-argument", "1"],
      ["orders.c", new Uint8Array([0xff, 0x00]), cbor, "decode-failed", "1"],
      ["orders.d", { cart: "", n: 1 }, {}, "invalid-name", "3"],
      ["orders.e", { cart: "throw", n: 1 }, {}, "handler-error", "3"],
      ["orders.f", { cart: "x", n: 7, fails: "on purpose SECRET" }, {}, "handler-error", "3"],
    ];
    for (const [subject, value, lines] of bad) await stream.add(subject, value, lines);
    await stream.add("orders.good", { cart: "x", n: 8 });
    await stream.add("orders.good", codec.encode({ cart: "x", n: 9 }).slice(), cbor);
    const a = await start(
      "a",
      hostCart(Basket, {
        tries: 3,
        name: (_, { cart }) => {
          if (cart === "throw") throw new Error("SECRET: no such cart");
          return cart;
        },
      }),
    );
    await settled(stream, `${cluster}-basket-add`);
    expect(await had(a, Basket, "x")).toEqual([8, 9]);
    await until("all told", () => buried().length === bad.length);
    const all = await dead.all();
    const bySubject = new Map(all.map((each) => [each.headers["Baton-Subject"], each]));
    for (const [subject, value, lines, code, tries] of bad) {
      const letter = bySubject.get(subject);
      expect(letter?.headers).toMatchObject({
        ...{ "Baton-Error": code, "Baton-Tries": tries, "Baton-Stream": "ORDERS" },
        ...{ "Baton-Durable": `${cluster}-basket-add`, "Baton-Kind": "basket" },
        ...lines,
      });
      expect(letter?.subject).toBe(`${cluster}.dead.${cluster}-basket-add`);
      const bytes = value instanceof Uint8Array ? value : new TextEncoder().encode(JSON.stringify(value));
      expect([...(letter?.payload ?? [])]).toEqual([...bytes]);
      expect(JSON.stringify(letter?.headers)).not.toContain("SECRET");
      expect(JSON.stringify(letter?.headers)).not.toContain(".ts");
    }
    expect(bySubject.get("orders.f")?.headers["Baton-Name"]).toBe("x");
    expect(bySubject.get("orders.a")?.headers["Baton-Sequence"]).toBe("1");
    expect(all.length).toBe(bad.length);
    expect(new Set(buried().map((event) => (event.type === "message-buried" ? event.written : "")))).toEqual(
      new Set(["recorded"]),
    );
    expect(subscription(a)).toMatchObject({ buried: bad.length, settled: bad.length + 2, inFlight: 0 });
  }, 60_000);

  test("is told of where no stream records dead letters", async () => {
    const stream = await orders();
    await stream.add("orders.x", { cart: 7 });
    await start("a", hostCart(Cart, {}));
    await until("it told", () => buried().length === 1, { timeoutMs: 20_000 });
    expect(buried()[0]).toMatchObject({
      ...{ kind: "cart", stream: "ORDERS", durable: `${cluster}-cart-add`, message: "add", sequence: 1 },
      ...{ tries: 1, to: `${cluster}.dead.${cluster}-cart-add`, written: "unheard" },
      error: { code: "invalid-argument" },
    });
    await settled(stream);
  }, 40_000);

  test("that only cannot be had now waits, and is not set aside", async () => {
    const stream = await orders();
    await stream.add("orders.x", { cart: "x", n: 1 });
    const host = hostCart(Cart, { tries: 1 });
    await start("a", host);
    await settled(stream);
    expect(buried()).toEqual([]);
  }, 40_000);
});

describe("a stream", () => {
  test("that is not there is waited for, which is told, and read as soon as it is", async () => {
    const a = await start("a", hostCart(Cart, {}));
    const waits = () => told.filter((event) => event.type === "subscription-waits");
    await until("it told", () => waits().length === 1);
    expect(waits()[0]).toMatchObject({
      ...{ kind: "cart", stream: "ORDERS", durable: `${cluster}-cart-add` },
      error: { code: "stream-unavailable", retryable: true, reason: "missing" },
    });
    expect(subscription(a)).toMatchObject({ state: "opening", error: { code: "stream-unavailable" } });
    const stream = await orders();
    await stream.add("orders.x", { cart: "x", n: 1 });
    await until("it read", async () => (await had(a, Cart, "x")).length === 1, { timeoutMs: 20_000 });
    expect(waits().length).toBe(1);
    expect(subscription(a)).toMatchObject({ state: "reading", error: undefined });
  }, 40_000);

  test("that is removed and made anew is read from its beginning, and nothing of it is taken for what was before", async () => {
    const stream = await orders();
    for (let n = 0; n < 3; n++) await stream.add("orders.x", { cart: "x", n });
    const a = await start("a", hostCart(Cart, {}));
    await settled(stream);
    await stream.manager.streams.delete("ORDERS");
    const again = await orders();
    for (let n = 10; n < 12; n++) await again.add("orders.x", { cart: "x", n });
    await until("all", async () => (await had(a, Cart, "x")).length === 5, { timeoutMs: 30_000 });
    expect(await had(a, Cart, "x")).toEqual([0, 1, 2, 10, 11]);
  }, 60_000);

  test("is read anew when its consumer is removed, and no actor has anything twice", async () => {
    const stream = await orders();
    for (let n = 0; n < 5; n++) await stream.add("orders.x", { cart: "x", n });
    const a = await start("a", hostCart(Cart, {}));
    await settled(stream);
    await stream.manager.consumers.delete("ORDERS", `${cluster}-cart-add`);
    await until(
      "another consumer",
      async () => (await stream.consumer(`${cluster}-cart-add`)).waiting === 0,
      {
        timeoutMs: 30_000,
      },
    );
    await stream.add("orders.x", { cart: "x", n: 5 });
    await settled(stream);
    expect(await had(a, Cart, "x")).toEqual([0, 1, 2, 3, 4, 5]);
  }, 60_000);

  test("whose consumer is for other subjects is not read, and says what to do", async () => {
    const stream = await orders();
    await stream.manager.consumers.add("ORDERS", {
      durable_name: "mine",
      ack_policy: "explicit",
      filter_subject: "orders.other",
    } as never);
    const a = await start("a", hostCart(Cart, { durable: "mine" }));
    await until("it told", () => subscription(a)?.error !== undefined);
    expect(subscription(a)?.error).toMatchObject({ code: "invalid-configuration" });
    expect(subscription(a)?.error?.message).toContain('the filter "orders.other" and not "orders.>"');
    expect(subscription(a)?.error?.message).toContain('another "durable"');
  }, 40_000);

  test('is read from what comes with start "new", and only as far as the filter goes', async () => {
    const stream = await orders();
    await stream.add("orders.a", { cart: "x", n: 1 });
    const a = await start("a", hostCart(Cart, { start: "new", filter: "orders.a" }));
    await until("it to read", () => subscription(a)?.state === "reading");
    await stream.add("orders.b", { cart: "x", n: 2 });
    await stream.add("orders.a", { cart: "x", n: 3 });
    await until("it", async () => (await had(a, Cart, "x")).length > 0);
    await settled(stream);
    expect(await had(a, Cart, "x")).toEqual([3]);
  }, 40_000);
});
