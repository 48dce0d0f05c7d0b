// A move during which the record of its shard is removed, at each of its steps: the shard stays, with its memory.
import { afterEach, describe, expect, test } from "bun:test";
import type { ActorNode, Ref } from "../../../mod.ts";
import type { RecordFate } from "../../../transport/memory/records.ts";
import { keys } from "../../../transport/subjects.ts";
import { bareKey, keyIn } from "../../support/keys_inside.ts";
import { hostLedger, Ledger, steering, type Steering } from "../../support/ledger.ts";
import { startOwner } from "../../support/ledger_cluster.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";

const KEY = keys.shard("ledger", 0);
let cluster: MemoryCluster;
let steered: Steering;
/** What becomes of changes of the shard's record, by who makes them. */
let fates: Record<string, RecordFate>;
/** Changes of it, by who asked for them. */
let changes: Record<string, number>;
/** Called when a node asks for the removed record to be made anew, before that is done. */
let beforeCreate: (() => void) | undefined;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

/** "a" owns an actor that knows a word; "b" is about to get the shard. */
async function began(): Promise<{ a: ActorNode; x: Ref<typeof Ledger> }> {
  [fates, changes, steered, beforeCreate] = [{}, {}, steering(), undefined];
  cluster = new MemoryCluster({
    recordLatencyMs: () => 1,
    recordFilter: (client, operation, _bucket, key) => {
      if (bareKey(key) !== KEY || operation === "get") return "answer";
      changes[client] = (changes[client] ?? 0) + 1;
      if (bucket().entry(keyIn(bucket(), KEY))?.value === undefined) beforeCreate?.();
      return fates[client] ?? "answer";
    },
  });
  const a = await startOwner(cluster, "a", steered);
  const x = (await cluster.start("caller")).ref(Ledger, "x");
  await cluster.ends(x.add("one"));
  return { a, x };
}

const bStarts = () => cluster.start("b", { weight: 1_000, hosts: [hostLedger(steered)] });
const bucket = () => cluster.network.bucket("baton-test");
const isMoving = (a: ActorNode) => a.inspect().shards[0]?.state === "moving";

function remove(): void {
  bucket().write(keyIn(bucket(), KEY), undefined, () => true);
}

/** The shard is sealed while a handler of it runs, and then nobody hears of that. @returns what lets the handler end */
async function sealedInVain(a: ActorNode, x: Ref<typeof Ledger>): Promise<() => Promise<void>> {
  const gate = signalled();
  steered.run = () => gate.promise;
  void x.run(undefined, { timeoutMs: 60_000 }).catch(() => undefined); // its end is not always told
  await bStarts();
  await cluster.until("a move", () => isMoving(a));
  cluster.network.partition(["a"], ["b"]);
  await cluster.until("a late actor", () => cluster.seen("actor-late").length > 0);
  expect(isMoving(a)).toBe(true);
  return async () => {
    gate.resolve();
    steered.run = () => undefined;
    await cluster.clock.advance(50);
  };
}

/** The shard is at a, and goes to b afterwards, and all that was said is known there. */
async function goesOn(a: ActorNode, x: Ref<typeof Ledger>, words: readonly string[]): Promise<void> {
  await cluster.until("a record", () => a.inspect().shards[0]?.state === "owned", 8_000);
  expect(cluster.seen("shard-moved")).toEqual([]);
  expect(cluster.seen("shard-lost")).toEqual([]);
  expect(await cluster.ends(x.read(undefined, { timeoutMs: 60_000 }))).toEqual([...words]);
  cluster.network.mend();
  fates = {};
  await cluster.settled("ledger", "b");
  expect(cluster.seen("shard-moved").length).toBe(1);
  expect(await cluster.ends(x.read(undefined, { timeoutMs: 60_000 }))).toEqual([...words]);
  expect(steered.log.filter((line) => line.startsWith("activate"))).toEqual([
    "activate x first",
    "activate x handed-off",
  ]);
}

describe("a shard whose record is removed stays with its owner, and its memory,", () => {
  test("while nothing moves, and nobody else would like to have it", async () => {
    const { a, x } = await began();
    const before = a.inspect().shards[0];
    remove();
    await cluster.until(
      "a record made anew",
      () => bucket().entry(keyIn(bucket(), KEY))?.value !== undefined,
      500,
    );
    expect(a.inspect().shards[0]).toMatchObject({ epoch: before?.epoch, floor: before?.floor, owner: "a" });
    expect(await cluster.ends(x.add("two"))).toBe(2);
    await bStarts();
    await goesOn(a, x, ["one", "two"]);
  });

  test("when it is offered to one who does not answer", async () => {
    const { a, x } = await began();
    cluster.network.partition(["a"], ["b"]);
    await bStarts();
    await cluster.clock.advance(1_500);
    expect(isMoving(a)).toBe(false);
    remove();
    await cluster.until("a kept move", () => cluster.seen("move-aborted").length > 0, 500);
    expect(cluster.seen("move-aborted")[0]?.reason).toBe("its record is missing");
    await goesOn(a, x, ["one"]);
  });

  test("when its move is being prepared", async () => {
    const { a, x } = await began();
    fates = { a: "lose-request" };
    const asked = changes.a ?? 0;
    await bStarts();
    await cluster.until("a change by a", () => (changes.a ?? 0) > asked);
    remove();
    fates = {};
    await cluster.until("a kept move", () => cluster.seen("move-aborted").length > 0, 1_000);
    await goesOn(a, x, ["one"]);
  });

  test("when it is drained", async () => {
    const { a, x } = await began();
    const gate = signalled();
    steered.run = () => gate.promise;
    const running = x.run(undefined, { timeoutMs: 60_000 });
    await bStarts();
    await cluster.until("a move", () => isMoving(a));
    const waiting = x.add("two", { timeoutMs: 60_000 });
    remove();
    await cluster.until("a kept move", () => cluster.seen("move-aborted").length > 0, 1_000);
    gate.resolve();
    await cluster.ends(running);
    expect(await cluster.ends(waiting)).toBe(2);
    await goesOn(a, x, ["one", "two"]);
  });

  test("when it is sealed, and the other has not heard of it", async () => {
    const { a, x } = await began();
    const ended = await sealedInVain(a, x);
    const before = a.inspect().shards[0];
    remove();
    await cluster.until("a kept move", () => cluster.seen("move-aborted").length > 0, 1_000);
    // nobody can tell any more whether the other has committed: this node goes on above that
    const epoch = (before?.epoch ?? 0) + 2;
    expect(a.inspect().shards[0]).toMatchObject({ owner: "a", epoch, floor: epoch });
    await ended();
    await goesOn(a, x, ["one"]);
  });

  test("when it is sealed, and its record is put back before this node has made it anew", async () => {
    const { a, x } = await began();
    const ended = await sealedInVain(a, x);
    const key = keyIn(bucket(), KEY);
    const { value } = bucket().entry(key) ?? {};
    let tries = 0;
    beforeCreate = () => {
      if (++tries === 1) bucket().write(key, value, () => true);
    };
    remove();
    await cluster.until("a kept move", () => cluster.seen("move-aborted").length > 0);
    expect(tries).toBe(1);
    expect(cluster.seen("move-aborted")[0]?.reason).toBe("reclaimed");
    await ended();
    await goesOn(a, x, ["one"]);
  });

  test("when it is sealed, and its record of before the move is put back instead", async () => {
    const { a, x } = await began();
    const key = keyIn(bucket(), KEY);
    const { value } = bucket().entry(key) ?? {};
    const ended = await sealedInVain(a, x);
    beforeCreate = () => bucket().write(key, value, () => true);
    remove();
    await cluster.until("a kept move", () => cluster.seen("move-aborted").length > 0);
    beforeCreate = undefined;
    await ended();
    await goesOn(a, x, ["one"]);
  });

  for (const copy of ["of the move", "of before the move"])
    test(`when it is sealed, and its record is written over by a copy ${copy}`, async () => {
      const { a, x } = await began();
      const key = keyIn(bucket(), KEY);
      const before = bucket().entry(key)?.value;
      const ended = await sealedInVain(a, x);
      const value = copy === "of the move" ? bucket().entry(key)?.value : before;
      bucket().write(key, value, () => true);
      await cluster.until("a kept move", () => cluster.seen("move-aborted").length > 0);
      await ended();
      await goesOn(a, x, ["one"]);
    });

  test("when the other is about to commit", async () => {
    const { a, x } = await began();
    fates = { b: "lose-request" };
    await bStarts();
    await cluster.until("a commit", () => (changes.b ?? 0) > 0);
    remove();
    fates = {};
    await cluster.until("a kept move", () => cluster.seen("move-aborted").length > 0, 1_000);
    await goesOn(a, x, ["one"]);
  });

  test("when it is just taken back, and that is not known yet", async () => {
    const { a, x } = await began();
    const ended = await sealedInVain(a, x);
    fates = { a: "lose-request" };
    const asked = changes.a ?? 0;
    await cluster.until("a reclaim", () => (changes.a ?? 0) > asked, 12_000);
    remove();
    await cluster.clock.advance(500);
    fates = {};
    await cluster.until("a kept move", () => cluster.seen("move-aborted").length > 0, 12_000);
    await ended();
    await goesOn(a, x, ["one"]);
  });
});

describe("a shard whose record was removed when its owner was not there", () => {
  test("is claimed by another, as after any crash", async () => {
    const { a, x } = await began();
    await bStarts();
    await cluster.settled("ledger", "b");
    const epoch = a.inspect().shards[0]?.epoch ?? 0;
    cluster.network.crash("b");
    remove();
    await cluster.until("a claim", () => a.inspect().shards[0]?.owner === "a");
    // what is known of a removed record may be old: the next owner goes above any epoch that there can have been
    const next = a.inspect().shards[0];
    expect(next?.epoch).toBeGreaterThan(epoch);
    expect(next?.floor).toBe(next?.epoch);
    expect(await cluster.ends(x.read())).toEqual([]);
  });

  test("is claimed as after any crash also by one who came later, and has never seen the record", async () => {
    const { a, x } = await began();
    cluster.network.crash("a");
    remove();
    const b = await bStarts();
    await cluster.until("a claim", () => b.inspect().shards[0]?.owner === "b", 25_000);
    const { epoch, floor } = b.inspect().shards[0] ?? {};
    expect(epoch).toBeGreaterThan(a.inspect().shards[0]?.epoch ?? 0);
    expect(floor).toBe(epoch);
    expect(cluster.seen("shard-owned").at(-1)).toMatchObject({ how: "claimed", epoch });
    expect(await cluster.ends(x.read())).toEqual([]);
    expect(steered.log.at(-1)).toBe("activate x recovered");
  });

  test("is left to an owner who cannot be reached just then by one who came later", async () => {
    const { a, x } = await began();
    cluster.network.cut("a");
    remove();
    await bStarts();
    await cluster.clock.advance(2_000); // before the others find it dead
    expect(bucket().entry(keyIn(bucket(), KEY))?.value).toBeUndefined();
    cluster.network.heal("a");
    await goesOn(a, x, ["one"]);
  });

  test("is left to an owner who cannot be reached just then by one who knows another, who has gone", async () => {
    const { a, x } = await began();
    const c = await cluster.start("c", { weight: 1, hosts: [hostLedger(steered)] });
    await cluster.settled("ledger", "a");
    cluster.network.cut("c");
    const b = await bStarts();
    await cluster.settled("ledger", "b");
    await cluster.ends(a.leave());
    cluster.network.cut("b");
    remove();
    cluster.network.heal("c");
    await cluster.until("a node that has gone", () => c.inspect().nodes.some((n) => n.state === "gone"));
    await cluster.clock.advance(1_500);
    expect(bucket().entry(keyIn(bucket(), KEY))?.value).toBeUndefined();
    cluster.network.heal("b");
    await cluster.until("a record", () => b.inspect().shards[0]?.state === "owned", 8_000);
    expect(await cluster.ends(x.read(undefined, { timeoutMs: 60_000 }))).toEqual(["one"]);
    expect(cluster.seen("shard-lost")).toEqual([]);
  });

  test("is claimed at once by one who came later, when nobody else is there who could have had it", async () => {
    const { a } = await began();
    await cluster.ends(a.leave());
    remove();
    const b = await bStarts();
    await cluster.until("a claim", () => b.inspect().shards[0]?.owner === "b", 5_000);
  });

  test("is not taken by a claim of another that got no answer, from when nobody had it", async () => {
    [fates, changes, steered] = [{ b: "lose-request" }, {}, steering()];
    cluster = new MemoryCluster({
      recordLatencyMs: () => 1,
      recordFilter: (client, operation, _bucket, key) => {
        if (bareKey(key) !== KEY || operation === "get") return "answer";
        changes[client] = (changes[client] ?? 0) + 1;
        return fates[client] ?? "answer";
      },
    });
    await cluster.start("b", { hosts: [hostLedger(steered)] });
    await cluster.until("a claim by b", () => (changes.b ?? 0) > 1);
    const a = await cluster.start("a", { weight: 1_000, hosts: [hostLedger(steered)] });
    await cluster.until("a claim by a", () => a.inspect().shards[0]?.owner === "a");
    await cluster.clock.advance(3_000); // the pauses between two tries are up to a second
    const tries = changes.b;
    fates = {};
    remove();
    await cluster.until("a record", () => bucket().entry(keyIn(bucket(), KEY))?.value !== undefined, 500);
    await cluster.clock.advance(3_000);
    expect([a.inspect().shards[0]?.owner, a.inspect().shards[0]?.epoch]).toEqual(["a", 1]);
    expect(changes.b).toBe((tries ?? 0) + 1); // the one that was told of the other
  });

  test("is claimed above all its owners by one who has heard neither of them nor of the removal", async () => {
    [fates, changes, steered] = [{ b: "lose-request" }, {}, steering()];
    const silent = new Set<string>();
    cluster = new MemoryCluster({
      recordLatencyMs: () => 1,
      watchDelayMs: (client) => (silent.has(client) ? 3_600_000 : 0),
      recordFilter: (client, operation, _bucket, key) => {
        if (bareKey(key) !== KEY || operation === "get") return "answer";
        changes[client] = (changes[client] ?? 0) + 1;
        return fates[client] ?? "answer";
      },
    });
    const b = await cluster.start("b", { hosts: [hostLedger(steered)] });
    await cluster.until("a claim by b", () => (changes.b ?? 0) > 1);
    silent.add("b");
    const a = await cluster.start("a", { weight: 1_000, hosts: [hostLedger(steered)] });
    await cluster.until("a claim by a", () => a.inspect().shards[0]?.owner === "a");
    silent.add("a");
    remove();
    const { revision } = bucket().entry(keyIn(bucket(), KEY)) ?? { revision: 0 };
    fates = {};
    await cluster.until("a claim by b", () => b.inspect().shards[0]?.owner === "b", 40_000);
    // "a" still serves it under its own epoch, and hears of nothing: whoever sees both must be able to tell
    const { epoch, floor } = b.inspect().shards[0] ?? {};
    expect(epoch).toBeGreaterThan(revision);
    expect(floor).toBe(epoch);
  });
});
