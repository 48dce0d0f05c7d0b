// What moves, reclaims and parks leave behind: nothing that counts against a bound, nothing of a park without its node.
import { afterEach, describe, expect, test } from "bun:test";
import type { ActorNode } from "../../../mod.ts";
import { bucketOf, keys } from "../../../transport/subjects.ts";
import { hostLedger, Ledger, ledger, steering } from "../../support/ledger.ts";
import { gateOf, startOwner } from "../../support/ledger_cluster.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";
import { bareKey } from "../../support/keys_inside.ts";

let cluster: MemoryCluster;
const KEY = keys.shard("ledger", 0);
const WORD = "x".repeat(10_000);
const parkedBucket = `${bucketOf("test")}-parked`;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

/** The shard is owned by that node, with so many late actors. */
async function at(observer: ActorNode, node: string, lateActors = 0): Promise<void> {
  await cluster.until(`the shard at ${node} with ${lateActors} late actors`, () =>
    observer
      .inspect()
      .shards.every(
        ({ owner, state, late }) => owner === node && state === "owned" && late.length === lateActors,
      ),
  );
}

describe("mail of an actor that is awaited", () => {
  test("leaves the scales of a node when the shard moves on before the actor has come", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    const gate = gateOf(steered, "x");
    const a = await startOwner(cluster, "a", steered);
    const x = a.ref(Ledger, "x");
    const held = x.hold("one", { timeoutMs: 60_000 });
    await cluster.clock.advance(20);
    const b = await cluster.start("b", { weight: 100, hosts: [hostLedger(steered)] });
    await at(a, "b", 1);
    const waiting = x.add(WORD, { timeoutMs: 60_000 });
    await cluster.clock.advance(100);
    expect(b.inspect().counters.mailboxBytes).toBeGreaterThan(9_000);
    const c = await cluster.start("c", { weight: 100_000, hosts: [hostLedger(steered)] });
    await at(a, "c", 1);
    expect(b.inspect().counters.mailboxBytes).toBe(0);
    expect(c.inspect().counters.mailboxBytes).toBeGreaterThan(9_000);
    gate.resolve();
    expect(await cluster.ends(Promise.all([held, waiting]))).toEqual([1, 2]);
    for (const node of [a, b, c]) expect(node.inspect().counters.mailboxBytes).toBe(0);
  });
});

describe("a backlog", () => {
  test("that came with a move is exempt from the bounds, counts against them, and is handled", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    const [mine, others] = [signalled(), signalled()];
    steered.gates.set("x", mine.promise);
    const contract = ledger({ mailboxMax: 4 });
    const a = await cluster.start("a", { hosts: [hostLedger(steered, ledger({ mailboxMax: 40 }))] });
    await cluster.settled("ledger", "a");
    const x = a.ref(contract, "x");
    const held = x.hold("held", { timeoutMs: 60_000 });
    const calls = Array.from({ length: 20 }, () => x.add(WORD, { timeoutMs: 60_000 }));
    await cluster.clock.advance(20);
    steered.gates.set("x", others.promise);
    const b = await cluster.start("b", {
      weight: 100,
      hosts: [hostLedger(steered, contract)],
      settings: { mailboxBytesMax: 50_000 },
    });
    await at(a, "b", 1);
    await cluster.clock.advance(50);
    expect(b.inspect().counters.mailboxBytes).toBeGreaterThan(190_000);
    for (const name of ["x", "y"]) {
      const { error } = await cluster.outcome(a.ref(contract, name).add("new"));
      expect([name, error?.code]).toEqual([name, "busy"]);
    }
    mine.resolve();
    expect(await cluster.ends(held)).toBe(1);
    expect(await cluster.ends(Promise.all(calls))).toEqual(calls.map((_, i) => i + 2));
    expect(b.inspect().counters.mailboxBytes).toBe(0);
    expect(await cluster.ends(a.ref(contract, "y").add("new"))).toBe(1);
  });
});

describe("an instance", () => {
  test("stays the same through a reclaim, with what it remembers outside of its state; its loss later is a crash", async () => {
    cluster = new MemoryCluster({
      // the target never hears of the sealed shard, so that its source takes it back
      filter: (from, to, subject) =>
        deaf && from === "a" && to === "b" && subject.includes(".move.") ? "drop" : "deliver",
    });
    let deaf = false;
    const steered = steering();
    const seen = new Map<object, number>();
    steered.run = (actor) => {
      seen.set(actor, (seen.get(actor) ?? 0) + 1);
      return [...seen.values()];
    };
    steered.onDrain = () => void (deaf = true);
    await startOwner(cluster, "a", steered);
    const caller = await cluster.start("caller");
    const x = caller.ref(Ledger, "x");
    await cluster.ends(x.add("one"));
    expect(await cluster.ends(x.run(undefined))).toEqual([1]);
    await cluster.start("b", { weight: 1_000, hosts: [hostLedger(steered)] });
    await cluster.until("a kept move", () => cluster.seen("move-aborted").length > 0);
    expect(cluster.seen("move-aborted")[0]?.reason).toBe("reclaimed");
    expect(await cluster.ends(x.run(undefined, { timeoutMs: 20_000 }))).toEqual([2]);
    expect(await cluster.ends(x.read())).toEqual(["one"]);
    expect(steered.log.filter((line) => line.startsWith("activate"))).toEqual(["activate x first"]);
    cluster.network.crash("a");
    await at(caller, "b");
    expect(await cluster.ends(x.run(undefined))).toEqual([2, 1]);
    expect(steered.log.filter((line) => line.startsWith("activate"))).toEqual([
      "activate x first",
      "activate x recovered",
    ]);
    expect(await cluster.ends(x.read())).toEqual([]);
  });
});

describe("that an actor was recovered", () => {
  /** A crash of the owner, with a state that is lost; another node has its shard then. */
  async function crashed(steered = steering()): Promise<ActorNode> {
    cluster = new MemoryCluster();
    const a = await startOwner(cluster, "a", steered);
    await cluster.ends(a.ref(Ledger, "x").add("lost"));
    const b = await cluster.start("b", { weight: 0.001, hosts: [hostLedger(steered)] });
    cluster.network.crash("a");
    await at(b, "b");
    steered.log.length = 0;
    return b;
  }

  test("is still said after a move of its shard, when its first message comes only then", async () => {
    const steered = steering();
    const b = await crashed(steered);
    await cluster.start("c", { weight: 1_000, hosts: [hostLedger(steered)] });
    await at(b, "c");
    expect(await cluster.ends(b.ref(Ledger, "x").read())).toEqual([]);
    expect(steered.log).toEqual(["activate x recovered"]);
  });

  test("is said again when the hook that heard it has failed, here and after a move", async () => {
    const steered = steering();
    const b = await crashed(steered);
    let fails = true;
    steered.onActivate = () => {
      if (fails) throw new Error("not now");
    };
    expect((await cluster.outcome(b.ref(Ledger, "x").read())).error?.code).toBe("handler-error");
    expect((await cluster.outcome(b.ref(Ledger, "x").read())).error?.code).toBe("handler-error");
    await cluster.start("c", { weight: 1_000, hosts: [hostLedger(steered)] });
    await at(b, "c");
    fails = false;
    expect(await cluster.ends(b.ref(Ledger, "x").read())).toEqual([]);
    expect(steered.log.filter((line) => line.startsWith("activate"))).toEqual(
      Array.from({ length: 3 }, () => "activate x recovered"),
    );
  });
});

describe("a park that outlives its node", () => {
  test("is nobody's hindrance: the next node has the state, or the crash is told, and no chunk stays", async () => {
    for (const [dies, lateMs] of [
      ["while its chunks are written", 20_000],
      ["after its record was sent, which comes too late", 20_000],
      ["after its record was sent, which comes in time", 1_500],
    ] as const) {
      const isParked = lateMs < 2_000;
      let stuck = false;
      cluster = new MemoryCluster({
        casTimeoutMs: 300,
        lateMs: () => lateMs,
        recordFilter: (client, operation, bucket, key) => {
          if (client !== "a" || !stuck) return "answer";
          if (bucket === parkedBucket) return dies.startsWith("while") ? "apply-late" : "answer";
          return operation === "update" && bareKey(key) === KEY && parking() ? "apply-late" : "answer";
        },
      });
      const parking = () => chunks().length > 0;
      const chunks = () =>
        cluster.network
          .bucket(parkedBucket)
          .entries()
          .filter(({ value }) => value !== undefined);
      const settings = { chunkBytes: 100, chunkSweepMs: 5_000 };
      const a = await startOwner(cluster, "a", steering(), { settings });
      await cluster.ends(a.ref(Ledger, "x").add(WORD.slice(0, 1_000)));
      stuck = true;
      const leaving = a.leave();
      await cluster.clock.advance(700);
      cluster.network.crash("a");
      const steered = steering();
      const b = await cluster.start("b", { hosts: [hostLedger(steered)], settings });
      await at(b, "b");
      const words = await cluster.ends(b.ref(Ledger, "x").read());
      expect([dies, words.length]).toEqual([dies, isParked ? 1 : 0]);
      expect(steered.log).toEqual([`activate x ${isParked ? "handed-off" : "recovered"}`]);
      await cluster.clock.advance(40_000);
      expect(await cluster.ends(b.ref(Ledger, "x").add("goes on"))).toBe(words.length + 1);
      expect([dies, chunks().length]).toEqual([dies, 0]);
      await cluster.ends(a.kill());
      await cluster.ends(leaving);
      if (!isParked) await cluster.close();
    }
  });
});
