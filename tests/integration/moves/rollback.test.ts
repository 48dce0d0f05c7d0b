// A release with a newer state version is taken away again: what the older one cannot read says so, and is kept.
import { afterEach, describe, expect, test } from "bun:test";
import type { ActorNode } from "../../../mod.ts";
import { hostLedger, Ledger, ledger, steering } from "../../support/ledger.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";

const SHARDS = 4;
const V1 = ledger({ shards: SHARDS });
const V2 = ledger({ shards: SHARDS, stateVersion: 2 });
const NAMES = Array.from({ length: 12 }, (_, i) => `x${i}`);
const WORDS = "parked with state version 2, nodes here read up to 1";
let cluster: MemoryCluster;
/** What `hold` at the canary waits for. */
let held: PromiseWithResolvers<void>;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

const shards = (node: ActorNode) => node.inspect().shards.filter(({ kind }) => kind === "ledger");

/** "a" hosts version 1 and knows a word of each actor; "canary", with version 2, has some of the shards, and is heavy. */
async function canary(): Promise<{ a: ActorNode; canary: ActorNode }> {
  cluster = new MemoryCluster();
  const a = await cluster.start("a", { hosts: [hostLedger(steering(), V1)] });
  await cluster.settled("ledger", "a");
  await cluster.ends(Promise.all(NAMES.map((name) => a.ref(Ledger, name).add("word"))));
  held = signalled();
  const gates = new Map(NAMES.map((name) => [name, held.promise] as const));
  const canary = await cluster.start("canary", { weight: 3, hosts: [hostLedger(steering({ gates }), V2)] });
  await cluster.until("some shards at the canary", () => shards(a).some(({ owner }) => owner === "canary"));
  await cluster.clock.advance(3_000);
  return { a, canary };
}

/** How a call to each actor ends. */
async function ends(
  from: ActorNode,
): Promise<{ answered: number; errors: { code?: string; message: string }[] }> {
  const calls = NAMES.map((name) => cluster.outcome(from.ref(Ledger, name).add("more", { timeoutMs: 500 })));
  const outcomes = await Promise.all(calls);
  for (const { value } of outcomes) expect(value ?? 2).toBeGreaterThan(1); // nothing began afresh
  const errors = outcomes.flatMap(({ error }) => (error ? [error] : []));
  return { answered: outcomes.length - errors.length, errors };
}

describe("shards that a newer release has parked", () => {
  test("say so to callers, with the version, and in an event of each node that hosts the kind, once", async () => {
    const { a, canary: newer } = await canary();
    const caller = await cluster.start("caller");
    expect(await cluster.ends(newer.leave())).toMatchObject({ leftOver: 0 });
    const parked = shards(a).filter(({ state }) => state === "parked");
    expect(parked.length).toBeGreaterThan(0);
    for (const from of [a, caller]) {
      const { errors } = await ends(from);
      expect(errors.length).toBeGreaterThan(0);
      for (const error of errors) {
        expect(error.code).toBe("deadline-exceeded");
        expect(error.message).toContain(WORDS);
      }
    }
    await cluster.clock.advance(10_000);
    const told = cluster.seen("shards-unreadable");
    expect(told.flatMap((event) => event.shards).sort()).toEqual(parked.map(({ shard }) => shard).sort());
    for (const event of told) {
      expect(event).toMatchObject({ kind: "ledger", stateVersion: 2, readable: 1, reason: WORDS });
    }
  });

  test("are kept, and come back with a node that reads them", async () => {
    const { a, canary: newer } = await canary();
    await cluster.ends(newer.leave());
    await cluster.start("again", { hosts: [hostLedger(steering(), V2)] });
    await cluster.until("all shards owned", () => shards(a).every(({ state }) => state === "owned"));
    expect((await ends(a)).answered).toBe(NAMES.length);
  });

  test("refuse the asks that wait there with the same words, and nodes that cannot read them do not hold up the park", async () => {
    const { a, canary: newer } = await canary();
    const there = shards(a).filter(({ owner }) => owner === "canary");
    const name = newer.inspect().actors.find(({ shard }) => shard === there[0]?.shard)?.name ?? "";
    const caller = await cluster.start("caller");
    const running = cluster.outcome(caller.ref(Ledger, name).hold("held", { timeoutMs: 30_000 }));
    await cluster.clock.advance(50);
    const waiting = cluster.outcome(caller.ref(Ledger, name).add("behind", { timeoutMs: 30_000 }));
    await cluster.clock.advance(50);
    const leaving = newer.leave();
    await cluster.clock.advance(500);
    await cluster.start("b", { hosts: [hostLedger(steering(), V1)] }); // reads no more than "a"
    await cluster.clock.advance(500);
    held.resolve();
    await cluster.ends(leaving);
    expect((await running).value).toBe(2);
    const { error } = await waiting;
    expect([error?.code, error?.message.includes(WORDS)]).toEqual(["unavailable", true]);
    expect(cluster.seen("move-aborted")).toEqual([]);
    expect(cluster.seen("shard-moved").filter(({ to }) => to === "parked").length).toBe(there.length);
  });

  test("tell another thing when no node hosts the kind at all", async () => {
    cluster = new MemoryCluster();
    const a = await cluster.start("a", { hosts: [hostLedger(steering(), V2)] });
    await cluster.settled("ledger", "a");
    const caller = await cluster.start("caller");
    await cluster.ends(caller.ref(Ledger, "x").add("word"));
    await cluster.ends(a.leave());
    const { error } = await cluster.outcome(caller.ref(Ledger, "x").read(undefined, { timeoutMs: 300 }));
    expect(error?.message).toContain("is parked, and no node that is up hosts its kind");
    expect(cluster.seen("shards-unreadable")).toEqual([]);
  });
});

describe("shards that a newer release served when it was killed", () => {
  test("begin again, as after any crash: nothing of a newer version is left in memory", async () => {
    const { a } = await canary();
    cluster.network.crash("canary");
    await cluster.until("all shards at a", () =>
      shards(a).every(({ owner, state }) => owner === "a" && state === "owned"),
    );
    expect(cluster.seen("shards-unreadable")).toEqual([]);
    expect(await cluster.ends(a.ref(Ledger, "x0").read())).toBeDefined();
  });
});
