// Stored actors whose store says no: a definite answer, which is neither silence nor a conflict.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { HEAD, StoredWorld, watched } from "../../support/stored_world.ts";
import { hostTally, Tally, tally } from "../../support/tally.ts";
import type { RecordFate } from "../../../transport/memory/records.ts";

let world: StoredWorld;

beforeEach(() => {
  world = new StoredWorld(() => 4_000);
});
afterEach(() => world.end());

/** Writes of states meet these fates, one after the other, and then the last one of them always. */
function fates(...all: [RecordFate, ...RecordFate[]]): void {
  let at = 0;
  world.fate = (operation, key) => {
    if (!HEAD.test(key) || operation === "get") return "answer";
    return all[Math.min(at++, all.length - 1)] as RecordFate;
  };
}

describe("a stored actor whose commit is refused", () => {
  test("is as it was before; its caller hears the store's words, and an event tells them", async () => {
    const a = await world.alone();
    const x = a.ref(Tally, "x");
    expect(await world.cluster.ends(x.add(1))).toBe(1);
    fates("refuse");
    const { error } = await world.cluster.outcome(x.add(10));
    expect(error).toMatchObject({ code: "records-refused", retryable: false });
    expect(error?.message).toContain(
      "Cannot store what changed in tally/x, and it was undone. Cannot update",
    );
    expect(error?.message).toContain("the store refuses it");
    expect(await world.cluster.ends(x.read())).toBe(1);
    world.answerAll();
    expect(await world.cluster.ends(x.add(1))).toBe(2);
    const [told, ...more] = world.cluster.seen("store-refused");
    expect(told).toMatchObject({ store: "stored", error: { code: "records-refused" } });
    expect([more, world.cluster.seen("commit-refused")]).toEqual([[], []]);
    expect(a.inspect().counters).toMatchObject({ storeRefused: 1, commitsOutstanding: 0, commitsRefused: 0 });
  });

  test("before anything of it was stored begins from its initial state", async () => {
    const a = await world.alone();
    fates("refuse");
    const { error } = await world.cluster.outcome(a.ref(Tally, "x").add(10));
    expect(error?.code).toBe("records-refused");
    expect(await world.cluster.ends(a.ref(Tally, "x").read())).toBe(0);
  });

  test("takes back what handlers have done that ran ahead, and what they have told", async () => {
    const a = await world.alone();
    const x = a.ref(Tally, "x");
    await world.cluster.ends(x.add(1));
    fates("refuse");
    world.steering.run = (actor) => {
      actor.state.count += 100;
      void actor.ref(Tally, "other").note(7);
      return actor.state.count;
    };
    const calls = [watched(x.add(10)), watched(x.run(0)), watched(x.read())];
    await world.cluster.until("an end of all", () => calls.every(({ outcome }) => outcome !== undefined));
    expect(calls.map(({ outcome }) => outcome)).toEqual([
      "records-refused",
      "records-refused",
      "records-refused",
    ]);
    expect(world.cluster.seen("dead-letter")).toMatchObject([{ message: "note", name: "other" }]);
    world.answerAll();
    expect(await world.cluster.ends(x.read())).toBe(1);
    expect(await world.cluster.ends(a.ref(Tally, "other").read())).toBe(0);
  });

  test("keeps its timers; one whose handling was refused comes again, and not at once", async () => {
    const a = await world.alone();
    const x = a.ref(Tally, "x");
    world.steering.run = (actor) => actor.schedule("note", 5, { afterMs: 500 });
    await world.cluster.ends(x.run(0));
    fates("refuse");
    await world.cluster.clock.advance(10_000);
    const tries = world.count("x note 5");
    expect(tries).toBeGreaterThan(5);
    expect(tries).toBeLessThan(12);
    world.answerAll();
    await world.cluster.clock.advance(2_000);
    expect(await world.cluster.ends(x.read())).toBe(5);
    await world.cluster.clock.advance(5_000);
    expect(world.count("x note 5")).toBe(tries + 1);
  });

  test("after a try without an answer lets nothing out before that is known", async () => {
    const a = await world.alone();
    const x = a.ref(Tally, "x");
    await world.cluster.ends(x.add(1));
    fates("apply-late", "refuse");
    const calls = [
      watched(x.add(10, { timeoutMs: 30_000 })),
      watched(x.read(undefined, { timeoutMs: 30_000 })),
    ];
    await world.cluster.clock.advance(3_000);
    expect(calls.map(({ outcome }) => outcome)).toEqual([undefined, undefined]);
    await world.cluster.clock.advance(5_000); // the first try is applied
    expect(calls.map(({ outcome }) => outcome)).toEqual(["value 11", "value 11"]);
    expect((await world.cluster.outcome(x.add(10))).error?.code).toBe("records-refused");
    expect(await world.cluster.ends(x.read())).toBe(11);
  });

  test("and a try whose answer was lost was not refused", async () => {
    const a = await world.alone();
    const x = a.ref(Tally, "x");
    await world.cluster.ends(x.add(1));
    fates("lose-answer", "refuse");
    expect(await world.cluster.ends(x.add(10))).toBe(11);
  });
});

describe("a store that says no to the next owner of a lost one", () => {
  test("lets callers hear that; timers go on when it says yes", async () => {
    const a = await world.alone();
    world.steering.run = (actor) => actor.schedule("note", 5, { afterMs: 30_000 });
    await world.cluster.ends(a.ref(Tally, "x").run(0));
    fates("refuse");
    const b = await world.succeed();
    const { error } = await world.cluster.outcome(b.ref(Tally, "x").read());
    expect(error).toMatchObject({ code: "records-refused" });
    await world.cluster.clock.advance(20_000);
    expect(world.cluster.seen("store-refused").length).toBeGreaterThan(1);
    world.answerAll();
    await world.cluster.clock.advance(20_000);
    expect(world.count("x note 5")).toBe(1);
  });
});

describe("a stored actor that is late when its store says no, and whose shard comes back", () => {
  const names = Array.from({ length: 12 }, (_, i) => `x${i}`);

  /** A second node gets some of the shards, cannot write that into their records, and is killed. */
  async function comesBack(whileLate: () => Promise<void> | void): Promise<void> {
    world.recordsFate = (operation, key, client) =>
      client === "b" && operation === "update" && key.includes("shards.") ? "lose-request" : "answer";
    await world.start("b");
    await world.cluster.until("a late actor", () => world.cluster.seen("actor-late").length > 0);
    await whileLate();
    await world.cluster.clock.advance(1_000);
    world.fate = () => "answer";
    world.cluster.network.crash("b");
    await world.cluster.until("a reclaim", () =>
      world.cluster.seen("move-aborted").some(({ reason }) => reason === "reclaimed"),
    );
    world.answerAll();
  }

  test("is loaded then, and does not begin afresh", async () => {
    const a = await world.alone({ hosts: [hostTally(world.steering, tally("tally", { idleMs: 100 }))] });
    for (const name of names) await world.cluster.ends(a.ref(Tally, name).add(5));
    await world.cluster.until("sleep", () => a.inspect().actors.length === 0);
    world.fate = (operation, key) => (HEAD.test(key) && operation === "get" ? "lose-request" : "answer");
    const calls = names.map((name) => watched(a.ref(Tally, name).read(undefined, { timeoutMs: 60_000 })));
    await world.cluster.clock.advance(100);
    await comesBack(() => {
      world.fate = (operation, key) => (HEAD.test(key) && operation === "get" ? "refuse" : "answer");
    });
    await world.cluster.until("an end of all", () => calls.every(({ outcome }) => outcome !== undefined));
    const ends = new Set(calls.map(({ outcome }) => outcome));
    expect([...ends].filter((end) => end !== "records-refused")).toEqual(["value 5"]);
    for (const name of names) expect(await world.cluster.ends(a.ref(Tally, name).read())).toBe(5);
    expect(world.steering.log.filter((line) => line.endsWith(" first 0")).length).toBe(names.length);
  });

  test("goes on from what is stored when its commit was refused meanwhile", async () => {
    const a = await world.alone();
    for (const name of names) await world.cluster.ends(a.ref(Tally, name).add(5));
    world.fate = (operation, key) => (HEAD.test(key) && operation === "update" ? "not-now" : "answer");
    const calls = names.map((name) => watched(a.ref(Tally, name).add(10, { timeoutMs: 60_000 })));
    await world.cluster.clock.advance(1);
    await comesBack(() => {
      for (const name of names) world.overwrite(world.headOf(name));
      world.fate = () => "answer";
    });
    await world.cluster.until("an end of all", () => calls.every(({ outcome }) => outcome !== undefined));
    for (const name of names) {
      const seen = await world.cluster.ends(a.ref(Tally, name).read());
      expect([5, 15]).toContain(seen);
      expect(await world.cluster.ends(a.ref(Tally, name).add(1))).toBe(seen + 1);
    }
  });
});
