// A real nats-server that says no, and buckets that somebody removes or changes while nodes run.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import {
  type ActorNode,
  type Hosted,
  type NodeEvent,
  type NodeOptions,
  natsTransport,
  startNode,
} from "../../../mod.ts";
import { until, within } from "../../support/conditions.ts";
import { type NatsServer, startNatsServer } from "../../support/nats/nats_server.ts";
import { hostTally, tally } from "../../support/tally.ts";

const Stored = tally("stored", { idleMs: 200 });
const Cart = tally("cart", { durability: "memory" }) as typeof Stored;
const NAMES = Array.from({ length: 12 }, (_, i) => `n${i}`);
const TIMEOUT_MS = 60_000;

let server: NatsServer;
let nodes: ActorNode[];
let events: NodeEvent[];

beforeEach(() => {
  [nodes, events] = [[], []];
});
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.kill()));
  await server.stop();
});

function hosts(): Hosted[] {
  return [Stored, Cart].map((contract) => hostTally({ log: [] }, contract));
}

async function start(name: string, options: NodeOptions = {}, user?: string): Promise<ActorNode> {
  const login = user === undefined ? {} : { user, password: user };
  const transport = await natsTransport({ servers: server.url, ...login });
  const common = { name, cluster: "shop", transport, signals: false, hosts: hosts() };
  const node = await startNode({ ...common, settings: { bucketCheckMs: 300 }, ...options });
  nodes.push(node);
  void (async () => {
    for await (const event of node.events()) events.push(event);
  })();
  const owned = () => node.inspect().shards.filter(({ state }) => state === "owned").length;
  await until("all shards", () => owned() === 8, { timeoutMs: 20_000 });
  return node;
}

async function operate(work: (manager: JetStreamManager) => Promise<unknown>): Promise<void> {
  const { client, close } = await natsTransport({ servers: server.url });
  await work(await jetstreamManager(client));
  await close();
}

function seen<T extends NodeEvent["type"]>(type: T): Extract<NodeEvent, { type: T }>[] {
  return events.filter((event) => event.type === type) as Extract<NodeEvent, { type: T }>[];
}

/** The error of a call, as data. */
async function errorOf(call: Promise<unknown>): Promise<{ code?: string; message?: string }> {
  return await call.then(
    () => ({}),
    (error: Error & { code: string }) => ({ code: error.code, message: error.message }),
  );
}

/** JetStream stands in the file: a server that reads it anew forgets what its command line says of that. */
function users({ denied }: { readonly denied: string }) {
  return (directory: string) => `
    jetstream { store_dir: "${directory}/store" }
    authorization { users: [
      { user: "boss", password: "boss" }
      { user: "a", password: "a", permissions: { publish: { deny: ["${denied}"] } } }
    ] }`;
}

/** A node as a user that may do everything, until the server is told otherwise. */
async function startAsUser(): Promise<ActorNode> {
  server = await startNatsServer({ jetstream: false, config: users({ denied: "nothing" }) });
  return await start("a", {}, "a");
}

describe("an account whose storage is full", () => {
  test(
    "is told to the caller, by an event, and by the pause; with more room everything goes on",
    async () => {
      const limited = (megabytes: number) => `jetstream { max_file_store: ${megabytes}MB }`;
      server = await startNatsServer({ config: limited(4) });
      const a = await start("a");
      const full: Record<string, number> = {};
      let refusal: { code?: string; message?: string } = {};
      for (let i = 0; refusal.code === undefined && i < 12; i++) {
        refusal = await errorOf(a.ref(Stored, `d${i}`).fill(500_000, { timeoutMs: 5_000 }));
        if (refusal.code === undefined) full[`d${i}`] = 500_000;
      }
      expect(refusal.code).toBe("records-refused");
      expect(refusal.message).toMatch(/the server answered "(insufficient|resource)/);
      expect(Object.keys(full).length).toBeGreaterThan(3);
      expect(seen("store-refused")[0]).toMatchObject({ store: "stored", error: { code: "records-refused" } });
      const paused = () => seen("paused").find(({ reason }) => /insufficient|resource/.test(reason));
      expect(await until("a pause that says why", paused, { timeoutMs: 20_000 })).toBeDefined();
      server.configure(limited(100));
      await server.restart();
      await until("the end of the pause", () => seen("resumed").length > 0 && a.inspect().gateOpen, {
        timeoutMs: 20_000,
      });
      expect(await a.ref(Stored, "more").fill(500_000, { timeoutMs: 10_000 })).toBe(500_000);
      for (const name of Object.keys(full)) expect(await a.ref(Stored, name).read()).toBe(0);
    },
    TIMEOUT_MS,
  );
});

describe("a bucket that somebody removes while nodes run", () => {
  beforeEach(async () => {
    server = await startNatsServer();
  });

  test(
    "for what is parked is made again, also if nobody parks anything",
    async () => {
      const a = await start("a");
      for (const name of NAMES) await a.ref(Cart, name).add(5);
      await operate((streams) => streams.streams.delete("KV_baton-shop-parked"));
      await until("its like", () => seen("bucket-trouble").length > 0 && seen("bucket-mended").length > 0, {
        timeoutMs: 10_000,
      });
      expect(seen("bucket-trouble")[0]?.reason).toContain("somebody has removed it");
      expect(await a.leave({ deadlineMs: 10_000 })).toMatchObject({ parked: 8, leftOver: 0 });
      const again = await start("a");
      for (const name of NAMES) expect(await again.ref(Cart, name).read()).toBe(5);
    },
    TIMEOUT_MS,
  );

  test(
    "for what is parked is made again within the leave that needs it",
    async () => {
      const a = await start("a", { settings: { bucketCheckMs: 60_000 } });
      for (const name of NAMES) await a.ref(Cart, name).add(5);
      await operate((streams) => streams.streams.delete("KV_baton-shop-parked"));
      expect(await a.leave({ deadlineMs: 20_000 })).toMatchObject({ parked: 8, leftOver: 0 });
      const again = await start("a");
      for (const name of NAMES) expect(await again.ref(Cart, name).read()).toBe(5);
    },
    TIMEOUT_MS,
  );

  for (const anew of [false, true]) {
    const words = anew ? " and makes anew" : "";
    test(
      `for stored actors${words} refuses them with its name, those that sleep too; others go on`,
      async () => {
        const settings = { bucketCheckMs: 60_000 };
        const [a, b] = [await start("a", { settings }), await start("b", { settings })];
        for (const name of NAMES) await a.ref(Stored, name).add(5);
        await until(
          "sleep",
          () => ![...a.inspect().actors, ...b.inspect().actors].some(({ kind }) => kind === "stored"),
        );
        await a.ref(Stored, "awake").add(5);
        await operate(async (streams) => {
          const { config } = await streams.streams.info("KV_baton-shop-stored");
          await streams.streams.delete("KV_baton-shop-stored");
          if (anew) await streams.streams.add(config);
        });
        for (const name of [...NAMES, "awake"]) {
          const error = await errorOf(within(b.ref(Stored, name).add(1), 10_000));
          expect(error).toMatchObject({ code: "records-refused" });
          expect(error.message).toContain('the bucket "baton-shop-stored"');
        }
        expect(await b.ref(Cart, "x").add(1)).toBe(1);
        expect(seen("bucket-trouble").map(({ bucket }) => bucket)).toContain("baton-shop-stored");
        expect([seen("fenced"), seen("commit-refused")]).toEqual([[], []]);
      },
      TIMEOUT_MS,
    );
  }

  test(
    "and whose settings somebody changes is written no more, until they are mended",
    async () => {
      const a = await start("a");
      await a.ref(Stored, "x").add(5);
      const age = (nanos: number) =>
        operate(async (streams) => {
          const { config } = await streams.streams.info("KV_baton-shop-stored");
          await streams.streams.update("KV_baton-shop-stored", { ...config, max_age: nanos });
        });
      await age(3_600_000_000_000);
      await until("the event", () => seen("bucket-trouble").length > 0);
      expect(seen("bucket-trouble")[0]?.reason).toContain("an age of at most 3600 s");
      const error = await errorOf(a.ref(Stored, "x").add(1));
      expect(error.code).toBe("records-refused");
      expect(error.message).toContain("an age of at most 3600 s");
      expect(await a.ref(Stored, "x").read()).toBe(5);
      await age(0);
      await until("the end of it", () => seen("bucket-mended").length > 0);
      expect(await a.ref(Stored, "x").add(1)).toBe(6);
    },
    TIMEOUT_MS,
  );
});

describe("a permission that is taken away while nodes run", () => {
  test(
    "is told to callers of stored actors, which go on when it is back",
    async () => {
      const a = await startAsUser();
      await a.ref(Stored, "x").add(5);
      server.configure(users({ denied: "$KV.baton-shop-stored.>" }));
      const denied = async () => (await errorOf(a.ref(Stored, "x").add(1, { timeoutMs: 2_000 }))).code;
      await until("the refusal", async () => (await denied()) === "permission-denied", { timeoutMs: 20_000 });
      expect(seen("store-refused")[0]).toMatchObject({
        store: "stored",
        error: { code: "permission-denied" },
      });
      const before = await a.ref(Stored, "x").read();
      server.configure(users({ denied: "nothing" }));
      const add = async () =>
        await a
          .ref(Stored, "x")
          .add(100, { timeoutMs: 2_000 })
          .catch(() => 0);
      const after = await until("an answer", add, { timeoutMs: 20_000 });
      expect(after % 100).toBe(before % 100);
    },
    TIMEOUT_MS,
  );
});

describe("a leave", () => {
  for (const [what, denied] of [
    ["no shard may be parked", "$KV.baton-shop-parked.>"],
    ["no record may be written", "$KV.baton-shop.>"],
  ] as const) {
    test(
      `does not wait for its deadline when ${what}, and says why`,
      async () => {
        const a = await startAsUser();
        await a.ref(Cart, "x").add(5);
        server.configure(users({ denied }));
        await until("the new permissions", () => server.log().includes("Reloaded server configuration"));
        const report = await a.leave({ deadlineMs: 24_000 });
        expect(report).toMatchObject({ parked: 0, leftOver: 8 });
        expect(report.refusal).toContain(denied.slice(0, -1));
        expect(report.durationMs).toBeGreaterThan(5_000);
        expect(report.durationMs).toBeLessThan(15_000);
      },
      TIMEOUT_MS,
    );
  }

  test(
    "does not wait for its deadline when the records were removed meanwhile",
    async () => {
      server = await startNatsServer();
      const a = await start("a");
      await operate((streams) => streams.streams.delete("KV_baton-shop"));
      const report = await a.leave({ deadlineMs: 55_000 });
      expect(report.leftOver + report.parked).toBeLessThan(9);
      expect(report.durationMs).toBeLessThan(20_000);
    },
    TIMEOUT_MS,
  );
});
