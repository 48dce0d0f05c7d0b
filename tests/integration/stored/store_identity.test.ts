// Stores that are not what a node takes them for, and kinds that change where their states live.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { z } from "zod";
import { type ActorNode, type NodeOptions, type Store, sqliteStore } from "../../../mod.ts";
import { recordsStore } from "../../../storage/records/store.ts";
import type { RecordFate } from "../../../transport/memory/records.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";
import { hostTally, type Steering, tally } from "../../support/tally.ts";

let folder: string;
let stores: Store[];
let cluster: MemoryCluster;
let steering: Steering & { log: string[] };

const Stored = tally("till");
const Memory = tally("till", { durability: "memory" }) as unknown as typeof Stored;
const Wider = tally("till", { shards: 8 }) as typeof Stored;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "baton-identity-"));
  [stores, cluster, steering] = [[], new MemoryCluster(), { log: [] }];
});
afterEach(async () => {
  await cluster.close();
  for (const store of stores) await store.close();
  fs.rmSync(folder, { recursive: true });
});

async function file(name: string): Promise<Store> {
  const store = await sqliteStore({ path: path.join(folder, name) });
  stores.push(store);
  return store;
}

async function start(name: string, contract: typeof Stored, options: NodeOptions = {}): Promise<ActorNode> {
  const node = await cluster.start(name, { hosts: [hostTally(steering, contract)], ...options });
  return node;
}

async function refusal(name: string, contract: typeof Stored, options: NodeOptions = {}): Promise<string> {
  const { error } = await cluster.outcome(start(name, contract, options));
  expect(error).toMatchObject({ code: "invalid-configuration" });
  return error?.message ?? "";
}

/** All nodes end, and with them all that the cluster knew. */
async function anew(): Promise<void> {
  await cluster.close();
  cluster = new MemoryCluster();
}

const names = Array.from({ length: 20 }, (_, i) => `t${i}`);
async function values(node: ActorNode, contract: typeof Stored): Promise<number[]> {
  return await cluster.ends(Promise.all(names.map((name) => node.ref(contract, name).read())));
}
async function addAll(node: ActorNode, contract: typeof Stored, by: number): Promise<void> {
  await cluster.ends(Promise.all(names.map((name) => node.ref(contract, name).add(by))));
}

describe("a node with another store than the others'", () => {
  test("is refused, and one with the same is not", async () => {
    const [one, two] = [await file("a.db"), await file("b.db")];
    await start("a", Stored, { store: one });
    expect(await refusal("b", Stored, { store: two })).toMatch(/in the cluster it is store ".*"; give all/);
    expect(await refusal("c", Stored)).toMatch(/with store ".*": in the cluster it is store ".*"/);
    await start("d", Stored, { store: one });
  });

  test("is refused also when those that had the right one have gone", async () => {
    const a = await start("a", Stored, { store: await file("a.db") });
    await cluster.settled("till", "a");
    await cluster.ends(a.leave());
    await refusal("b", Stored, { store: await file("b.db") });
  });

  test("is refused for a store that has no labels, beside one that has an id", async () => {
    await start("a", Stored);
    const records = await cluster.network.connect("plain").records("mine");
    const plain = Object.create(recordsStore(records), { label: { value: undefined } }) as Store;
    expect(await refusal("b", Stored, { store: plain })).toMatch(/with a store without an id/);
  });
});

describe("a store", () => {
  test("of another cluster is refused, and nothing is written on it", async () => {
    await start("a", Stored, { store: await file("a.db") });
    await anew();
    const before = fs.readFileSync(path.join(folder, "a.db"));
    const { error } = await cluster.outcome(
      start("a", Stored, { cluster: "other", store: stores[0] as Store }),
    );
    expect(error?.message).toMatch(/in cluster "other": it keeps the actors of cluster "test"/);
    expect(fs.readFileSync(path.join(folder, "a.db"))).toEqual(before);
  });

  test("in a file is laid out anew by another number of shards, with states, timers and epochs, and back", async () => {
    const store = await file("a.db");
    const first = await start("a", Stored, { store });
    await addAll(first, Stored, 100);
    steering.run = (actor) => void actor.schedule("note", 5, { afterMs: 600_000 });
    await cluster.ends(Promise.all(names.map((name) => first.ref(Stored, name).run(0))));
    let epoch = 1;
    for (const contract of [Wider, Stored, tally("till", { shards: 1 }) as typeof Stored]) {
      await anew();
      const node = await start("a", contract, { store });
      expect(await values(node, contract)).toEqual(names.map(() => 100));
      expect(await store.label?.("shards.till")).toBe(`${contract.shards}`);
      const epochs = node.inspect().shards.map((shard) => shard.epoch);
      expect(epochs.length).toBe(contract.shards);
      expect(Math.min(...epochs)).toBeGreaterThan(epoch);
      epoch = Math.max(...epochs) - 1;
    }
    await cluster.clock.advance(600_000);
    await cluster.until(
      "all timers",
      () => steering.log.filter((line) => line.endsWith("note 5")).length === 20,
    );
  });

  test("is refused with another number of shards if others may use it, or the cluster has agreed on one", async () => {
    const store = await file("a.db");
    const fixed = Object.create(store, { relayout: { value: undefined } }) as Store;
    for (const method of [
      "load",
      "head",
      "commit",
      "remove",
      "timed",
      "highestEpoch",
      "close",
      "label",
    ] as const)
      Object.defineProperty(fixed, method, { value: (store[method] as () => unknown).bind(store) });
    Object.defineProperty(fixed, "bytesMax", { value: store.bytesMax });
    await addAll(await start("a", Stored, { store }), Stored, 100);
    expect(await refusal("b", Wider, { store })).toMatch(/with 8 shards: in the cluster it is 4/);
    await anew();
    expect(await refusal("a", Wider, { store: fixed })).toMatch(
      /with 8 shards: the store keeps its actors in 4/,
    );
    const again = await start("a", Stored, { store });
    expect(await values(again, Stored)).toEqual(names.map(() => 100));
  });

  test("of the release before, without labels, is taken and labelled", async () => {
    const store = await file("a.db");
    const unlabelled = Object.create(store, { label: { value: undefined } }) as Store;
    for (const method of ["load", "head", "commit", "remove", "timed", "highestEpoch", "close"] as const)
      Object.defineProperty(unlabelled, method, { value: (store[method] as () => unknown).bind(store) });
    Object.defineProperty(unlabelled, "bytesMax", { value: store.bytesMax });
    await addAll(await start("a", Stored, { store: unlabelled }), Stored, 7);
    await anew();
    const again = await start("a", Stored, { store });
    expect(await values(again, Stored)).toEqual(names.map(() => 7));
    expect(await store.label?.("shards.till")).toBe("4");
    expect(await store.label?.("cluster")).toBe("test");
  });

  test("that keeps a kind is refused for it in memory", async () => {
    const store = await file("a.db");
    await start("a", Stored, { store });
    await anew();
    expect(await refusal("a", Memory, { store })).toMatch(/in memory: the store keeps its actors/);
  });

  test("that another was put in the place of refuses, instead of beginning afresh", async () => {
    const records = await cluster.network.connect("own").records("own");
    const node = await start("a", Stored, { store: recordsStore(records) });
    await addAll(node, Stored, 5);
    const bucket = cluster.network.bucket("own");
    bucket.remove();
    bucket.made();
    const { error } = await cluster.outcome(
      node.ref(Stored, "unheard-of").read(undefined, { timeoutMs: 2_000 }),
    );
    expect(error).toMatchObject({ code: "records-refused" });
    expect(error?.message).toMatch(/its id is none/);
    const late = await cluster.outcome(node.ref(Stored, "t0").add(1, { timeoutMs: 2_000 }));
    expect(late.error).toMatchObject({ code: "records-refused" });
    expect(cluster.seen("store-refused").length).toBeGreaterThan(0);
    expect(bucket.entries().filter(({ key }) => key.startsWith("state."))).toEqual([]);
  });
});

describe("a kind", () => {
  test("that goes from memory to a store keeps its newest states, also when their new owner is lost", async () => {
    const a = await start("a", Memory);
    await cluster.settled("till", "a");
    await addAll(a, Memory, 3);
    await start("b", Stored);
    await cluster.settled("till", "b");
    await cluster.ends(a.leave());
    await start("c", Stored);
    cluster.network.crash("b");
    await cluster.settled("till", "c");
    const c = cluster.nodes.at(-1) as ActorNode;
    expect(await values(c, Stored)).toEqual(names.map(() => 3));
  });

  test("that goes to a store keeps also who slept in memory, and their timers", async () => {
    const sleepy = tally("till", { durability: "memory", idleMs: 1_000 }) as unknown as typeof Stored;
    const a = await start("a", sleepy, { settings: { sweepMs: 100 } });
    await cluster.settled("till", "a");
    await addAll(a, sleepy, 3);
    steering.run = (actor) => void actor.schedule("note", 4, { afterMs: 60_000 });
    await cluster.ends(a.ref(sleepy, "timed").run(0));
    await cluster.until("sleep", () => cluster.seen("actor-passivated").length === names.length);
    await start("b", Stored);
    await cluster.settled("till", "b");
    await cluster.ends(a.leave());
    await cluster.until("all in the store", () => states().length === names.length + 1);
    cluster.network.crash("b");
    const c = await start("c", Stored);
    await cluster.settled("till", "c");
    expect(await values(c, Stored)).toEqual(names.map(() => 3));
    await cluster.until("the timer", () => steering.log.includes("timed note 4"), 70_000);
  });

  test("that goes to a store keeps whose state cannot be read there, from one owner to the next", async () => {
    const a = await start("a", Memory);
    await cluster.settled("till", "a");
    await addAll(a, Memory, 3);
    const narrow = z.strictObject({ count: z.number().max(2), text: z.string() }) as never;
    const b = await start("b", tally("till", { state: narrow }) as typeof Stored);
    await cluster.settled("till", "b");
    expect((await cluster.outcome(b.ref(Stored, "t0").read())).error).toMatchObject({
      code: "invalid-state",
    });
    await cluster.ends(a.leave());
    const c = await start("c", Stored);
    await cluster.ends(b.leave());
    await cluster.settled("till", "c");
    expect(await values(c, Stored)).toEqual(names.map(() => 3));
  });

  test("that goes to a store that says no keeps its states until it says yes, also over a move", async () => {
    let says: RecordFate = "refuse";
    const isState = (bucket: string, key: string) => bucket.endsWith("-stored") && key.startsWith("state.");
    cluster = new MemoryCluster({
      recordFilter: (_, operation, bucket, key) =>
        isState(bucket, key) && operation !== "get" ? says : "answer",
    });
    const a = await start("a", Memory);
    await cluster.settled("till", "a");
    await addAll(a, Memory, 3);
    const b = await start("b", Stored);
    await cluster.settled("till", "b");
    await cluster.ends(a.leave());
    for (const name of names) {
      const { error } = await cluster.outcome(b.ref(Stored, name).add(1));
      expect(error).toMatchObject({ code: "records-refused" });
    }
    const c = await start("c", Stored);
    await cluster.settled("till", "b", "c");
    says = "answer";
    expect(await values(c, Stored)).toEqual(names.map(() => 3));
  });

  test("that was parked in memory is stored when it is restored", async () => {
    const a = await start("a", Memory);
    await cluster.settled("till", "a");
    await addAll(a, Memory, 3);
    await cluster.ends(a.leave());
    const b = await start("b", Stored);
    await cluster.settled("till", "b");
    await cluster.until("all in the store", () => states().length === names.length);
    expect(await values(b, Stored)).toEqual(names.map(() => 3));
  });

  test("that is stored is hosted in memory by nobody any more, and a node that still does gets none of it", async () => {
    const a = await start("a", Memory);
    await cluster.settled("till", "a");
    await start("b", Stored);
    await cluster.settled("till", "b");
    expect(await refusal("c", Memory)).toMatch(/in memory: in the cluster it is "stored"/);
    await addAll(a, Memory, 1);
    cluster.network.crash("b");
    await cluster.until("the loss", () => cluster.seen("node-lost").length > 0);
    const unserved = await cluster.outcome(a.ref(Memory, "t0").read(undefined, { timeoutMs: 3_000 }));
    expect(unserved.error?.code).toMatch(/deadline-exceeded|outcome-unknown|unavailable/);
    await start("d", Stored);
    await cluster.settled("till", "d");
    expect(await values(a, Memory)).toEqual(names.map(() => 1));
  });
});

function states(): string[] {
  const entries = cluster.network.bucket("baton-test-stored").entries();
  return entries.flatMap(({ key, value }) => (value && key.startsWith("state.") ? [key] : []));
}
