// Stored actors while something else goes wrong as well: moves, leaves, stores that are away, second losses.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ActorNode } from "../../../mod.ts";
import { recordCodec } from "../../../cluster/records/schemas.ts";
import { keys as recordKeys } from "../../../transport/subjects.ts";
import { hostLedger, ledger } from "../../support/ledger.ts";
import { signalled } from "../../support/memory_cluster.ts";
import { HEAD, StoredWorld, watched } from "../../support/stored_world.ts";
import { hostTally, Tally, type TallyActor, tally } from "../../support/tally.ts";
import { bareKey, keyIn } from "../../support/keys_inside.ts";

let world: StoredWorld;

beforeEach(() => {
  world = new StoredWorld();
});
afterEach(() => world.end());

/** A handler that adds 10, waits for the signal, does the rest, and adds 100. */
function holding(signal: Promise<void>, rest: (actor: TallyActor) => void = () => {}): void {
  world.steering.run = async (actor) => {
    actor.state.count += 10;
    world.steering.log.push(`${actor.name} runs`);
    await signal;
    rest(actor);
    actor.state.count += 100;
    return actor.state.count;
  };
}

const isLate = () => world.cluster.seen("actor-late").length > 0;

describe("a stored actor that is late", () => {
  test("goes where its shard went, with what its handler left, once that is stored", async () => {
    const a = await world.alone();
    await world.cluster.ends(a.ref(Tally, "x").add(1));
    const b = await world.start("b");
    const { promise, resolve } = signalled();
    holding(promise);
    const call = watched(a.ref(Tally, "x").run(0));
    const leaving = a.leave();
    await world.cluster.until("late", isLate);
    const behind = watched(b.ref(Tally, "x").add(1_000));
    world.loseCommits("x");
    resolve();
    await world.cluster.clock.advance(2_000);
    expect([call.outcome, behind.outcome]).toEqual([undefined, undefined]);
    world.answerAll();
    await world.cluster.ends(leaving);
    expect([call.outcome, behind.outcome]).toEqual(["value 111", "value 1111"]);
    expect(b.inspect().counters.commitsRefused).toBe(0);
  });

  test("and loses its commit is loaded where its shard went; what its handler says then goes nowhere", async () => {
    const a = await world.alone();
    await world.cluster.ends(a.ref(Tally, "x").add(1));
    const first = world.headOf("x");
    const b = await world.start("b");
    const { promise, resolve } = signalled();
    holding(promise, (actor) => void actor.ref(Tally, "other").note(7));
    world.loseCommits("x");
    const calls = [watched(a.ref(Tally, "x").add(5)), watched(a.ref(Tally, "x").run(0))];
    await world.cluster.until("the handler", () => world.steering.log.includes("x runs"));
    const leaving = a.leave();
    await world.cluster.until("late", isLate);
    world.overwrite(first);
    world.answerAll();
    await world.cluster.until("the refusal", () => calls[0]?.outcome !== undefined);
    resolve();
    expect(await world.cluster.ends(leaving, 5_000)).toMatchObject({ late: 1, recovered: 0 });
    expect(calls.map(({ outcome }) => outcome)).toEqual(["outcome-unknown", "outcome-unknown"]);
    expect(await world.cluster.ends(b.ref(Tally, "x").add(1))).toBe(2);
    expect(await world.cluster.ends(b.ref(Tally, "other").read())).toBe(0);
    expect(world.cluster.seen("dead-letter")).toMatchObject([{ message: "note" }]);
  });

  test("and whose load was not answered when its shard moved is loaded where that went", async () => {
    const a = await world.alone();
    world.fate = (operation, key, client) =>
      client === "a" && operation === "get" && HEAD.test(key) ? "lose-request" : "answer";
    const call = watched(a.ref(Tally, "x").add(1));
    await world.cluster.clock.advance(10);
    const b = await world.start("b");
    const leaving = a.leave();
    await world.cluster.until("late", isLate);
    const behind = watched(b.ref(Tally, "x").add(1));
    await world.cluster.clock.advance(500);
    world.answerAll();
    await world.cluster.ends(leaving);
    await world.cluster.until("both ends", () => call.outcome !== undefined && behind.outcome !== undefined);
    expect([call.outcome, behind.outcome]).toEqual(["value 1", "value 2"]);
  });

  test("comes back with what is stored when its node dies; a commit of it that comes later is refused", async () => {
    const a = await world.alone();
    await world.cluster.ends(a.ref(Tally, "x").add(1));
    const before = world.headOf("x");
    const revision = world.bucket.entry(before.key)?.revision;
    const b = await world.start("b");
    const { promise } = signalled();
    holding(promise);
    const call = watched(b.ref(Tally, "x").run(0));
    await world.cluster.until("the handler", () => world.steering.log.includes("x runs"));
    void a.leave().catch(() => undefined);
    await world.cluster.until("late", isLate);
    await world.cluster.settled("tally", "b");
    world.cluster.network.crash("a");
    expect(await world.cluster.ends(b.ref(Tally, "x").add(1))).toBe(2);
    await world.cluster.until("the end of the call", () => call.outcome !== undefined);
    expect(call.outcome).toBe("outcome-unknown");
    expect(world.steering.log).toContain("x recovered 1");
    const late = world.bucket;
    expect(late.write(before.key, before.value, (now) => now?.revision === revision)).toEqual({ ok: false });
  });
});

describe("a move of a stored actor", () => {
  test("while its node is cut off with a commit under way: it waits, and nothing is lost or stored twice", async () => {
    const a = await world.alone();
    await world.cluster.ends(a.ref(Tally, "x").add(1));
    const b = await world.start("b");
    world.fate = (operation, key, client) =>
      client === "a" && operation === "update" && HEAD.test(key) ? "lose-answer" : "answer";
    const call = watched(a.ref(Tally, "x").add(10, { timeoutMs: 30_000 }));
    await world.cluster.clock.advance(2);
    world.cluster.network.cut("a");
    await world.cluster.until("a closed gate", () => !a.inspect().gateOpen);
    const leaving = a.leave();
    const behind = watched(b.ref(Tally, "x").add(100, { timeoutMs: 30_000 }));
    await world.cluster.clock.advance(500); // not so long that it would be declared dead
    expect([call.outcome, behind.outcome]).toEqual([undefined, undefined]);
    world.answerAll();
    world.cluster.network.heal("a");
    expect(await world.cluster.ends(leaving)).toMatchObject({ recovered: 0, leftOver: 0 });
    await world.cluster.until("both", () => call.outcome !== undefined && behind.outcome !== undefined);
    expect([call.outcome, behind.outcome].sort()).toEqual(["value 11", "value 111"]);
    expect(await world.cluster.ends(b.ref(Tally, "x").read())).toBe(111);
    expect(b.inspect().counters.commitsRefused).toBe(0);
  });
});

describe("a stored actor whose code goes on after its handler has ended", () => {
  test("can still be moved: what it tells then goes out", async () => {
    const a = await world.alone();
    const { promise, resolve } = signalled();
    world.steering.run = (actor) => {
      actor.state.count++;
      void promise.then(() => actor.ref(Tally, "other").note(7));
      return "ended";
    };
    expect(await world.cluster.ends(a.ref(Tally, "x").run(0))).toBe("ended");
    resolve();
    await world.cluster.until("the note", () => world.steering.log.includes("other note 7"), 1_000);
    const b = await world.start("b");
    const report = await world.cluster.ends(a.leave());
    expect(report).toMatchObject({ late: 0 });
    expect(await world.cluster.ends(b.ref(Tally, "x").read())).toBe(1);
  });
});

describe("a stored actor whose entry another has written", () => {
  test("goes on with its stored timers, though nobody sends it anything", async () => {
    const a = await world.alone();
    world.steering.run = (actor) => void actor.schedule("note", 3, { everyMs: 1_000 });
    await world.cluster.ends(a.ref(Tally, "x").run(0));
    world.overwrite(world.headOf("x"));
    await world.cluster.until("the refusal", () => world.cluster.seen("commit-refused").length === 1);
    await world.cluster.until("the beat", () => world.count("x note 3") >= 4);
  });

  test("has no answer for the handler that runs: its caller does not know", async () => {
    const a = await world.alone();
    const b = await world.cluster.start("b");
    await world.cluster.ends(a.ref(Tally, "x").add(1));
    const { promise, resolve } = signalled();
    holding(promise);
    world.loseCommits("x");
    const calls = [watched(b.ref(Tally, "x").add(1)), watched(b.ref(Tally, "x").run(0))];
    await world.cluster.until("the handler", () => world.steering.log.includes("x runs"));
    world.overwrite(world.headOf("x"));
    world.answerAll();
    await world.cluster.until("the refusal", () => world.cluster.seen("commit-refused").length === 1);
    const waiting = watched(b.ref(Tally, "x").read());
    await world.cluster.until("the next one", () => waiting.outcome !== undefined);
    resolve();
    await world.cluster.until("the end", () => calls[1]?.outcome !== undefined);
    expect(calls.map(({ outcome }) => outcome)).toEqual(["outcome-unknown", "outcome-unknown"]);
    expect(waiting.outcome).toBe("value 1");
  });

  test("ends the answer as unknown", async () => {
    const a = await world.alone();
    await world.cluster.ends(a.ref(Tally, "x").add(1));
    world.overwrite(world.headOf("x"));
    const outcome = await world.cluster.outcome(a.ref(Tally, "x").add(1));
    expect(outcome.error?.code).toBe("outcome-unknown");
  });
});

describe("a claim while the store is away", () => {
  test("waits, and no other kind waits for it", async () => {
    const big = tally("tally", { shards: 256 });
    const small = ledger({ shards: 4 });
    world.fate = () => "lose-request";
    const hosts = [hostTally(world.steering, big), hostLedger(undefined, small)];
    const a = await world.cluster.start("a", { hosts });
    const startedAt = world.cluster.clock.now();
    await world.cluster.settled("ledger", "a");
    expect(world.cluster.clock.now() - startedAt).toBeLessThan(1_500);
    expect(await world.cluster.ends(a.ref(small, "x").add("word"))).toBe(1);
    world.answerAll();
    await world.cluster.settled("tally", "a");
    expect(await world.cluster.ends(a.ref(big, "x").add(1))).toBe(1);
  });
});

describe("a store that has lost the newest writes of the ownership records", () => {
  test("does not let a lost owner's commit through", async () => {
    const a = await world.alone();
    const b = await world.start("b");
    world.cluster.network.crash("a");
    await world.cluster.settled("tally", "b");
    await world.cluster.ends(b.ref(Tally, "x").add(1));
    const { key, value } = world.headOf("x");
    const revision = world.bucket.entry(key)?.revision;
    world.cluster.network.crash("b");
    const records = world.cluster.network.bucket("baton-test");
    const entries = records.entries().filter(({ key: each }) => !bareKey(each).startsWith("shards."));
    records.restore({ revision: records.revision, entries });
    const c = await world.start("c");
    await world.cluster.settled("tally", "c");
    expect(await world.cluster.ends(c.ref(Tally, "x").read())).toBe(1);
    const late = world.bucket.write(key, value, (now) => now?.revision === revision);
    expect(late.ok).toBe(false);
    void a;
  });
});

describe("parking of stored actors", () => {
  test("brings them back with state, timers and waiting tells, and their next commit is taken", async () => {
    const a = await world.alone();
    world.steering.run = (actor) => {
      actor.state.count += 5;
      actor.schedule("note", 3, { afterMs: 3_000 });
    };
    await world.cluster.ends(a.ref(Tally, "x").run(0));
    await world.cluster.ends(a.leave());
    expect(world.cluster.network.bucket("baton-test").entries().length).toBeGreaterThan(0);
    const b = await world.start("b");
    await world.cluster.settled("tally", "b");
    expect(await world.cluster.ends(b.ref(Tally, "x").add(1))).toBe(6);
    await world.cluster.until("the timer", () => world.steering.log.includes("x note 3"));
    expect(await world.cluster.ends(b.ref(Tally, "x").read())).toBe(9);
    expect(world.steering.log).toContain("x handed-off 5");
    expect(b.inspect().counters).toMatchObject({ commitsRefused: 0 });
    await world.cluster.clock.advance(1_000);
    expect(world.keys("timers")).toEqual([]);
  });
});

describe("what waits behind the gates of a node", () => {
  const names = Array.from({ length: 30 }, (_, i) => `x${i}`);
  const WORD = "x".repeat(3_000);

  async function bounded(): Promise<ActorNode> {
    const settings = { outputBytesMax: 100_000 };
    const a = await world.cluster.start("a", { hosts: [hostTally(world.steering)], settings });
    await world.cluster.ends(Promise.all(names.map((name) => a.ref(Tally, name).add(1))));
    world.fate = (operation, key) => (HEAD.test(key) && operation === "update" ? "lose-request" : "answer");
    return a;
  }

  test("is bounded in bytes: handlers of stored actors wait, and go on when there is room", async () => {
    const a = await bounded();
    world.steering.run = (actor) => {
      actor.state.count++;
      return WORD;
    };
    const calls = [1, 2, 3].flatMap(() => names.map((name) => watched(a.ref(Tally, name).run(0))));
    await world.cluster.clock.advance(1_000);
    expect(a.inspect().counters.outputBytes).toBeGreaterThan(90_000);
    expect(a.inspect().counters.outputBytes).toBeLessThan(120_000);
    expect(calls.some(({ outcome }) => outcome !== undefined)).toBe(false);
    world.answerAll();
    await world.cluster.until("all answers", () => calls.every(({ outcome }) => outcome !== undefined));
    expect(calls.every(({ outcome }) => outcome === `value ${WORD}`)).toBe(true);
    expect(a.inspect().counters.outputBytes).toBe(0);
    world.steering.run = undefined as never;
    for (const name of names) expect(await world.cluster.ends(a.ref(Tally, name).read())).toBe(4);
  });

  test("is given back when it is dropped, and a tell beyond the bound is refused to its handler", async () => {
    const a = await bounded();
    let refused = 0;
    world.steering.run = async (actor) => {
      actor.state.count++;
      for (let i = 0; i < 100; i++)
        await actor
          .ref(Tally, "other")
          .note(1)
          .catch((error: { code: string }) => error.code === "busy" && refused++);
    };
    const calls = names.map((name) => watched(a.ref(Tally, name).run(0)));
    await world.cluster.clock.advance(100);
    expect(refused).toBeGreaterThan(1_000);
    for (const name of names) world.overwrite(world.headOf(name));
    world.answerAll();
    await world.cluster.until("all ends", () => calls.every(({ outcome }) => outcome !== undefined));
    expect(new Set(calls.map(({ outcome }) => outcome))).toContain("outcome-unknown");
    await world.cluster.clock.advance(1_000);
    expect(a.inspect().counters.outputBytes).toBe(0);
  });
});

describe("a stored actor that falls asleep", () => {
  test("while its last commit is in doubt ends when that is known, and mail that comes meanwhile is handled after it", async () => {
    const sleepy = tally("tally", { idleMs: 1_000 });
    const a = await world.cluster.start("a", { hosts: [hostTally(world.steering, sleepy)] });
    await world.cluster.ends(a.ref(sleepy, "x").add(1));
    world.loseCommits("x");
    const call = watched(a.ref(sleepy, "x").add(1));
    await world.cluster.clock.advance(3_000);
    expect(a.inspect().actors.map(({ name }) => name)).toEqual(["x"]);
    const second = watched(a.ref(sleepy, "x").add(1));
    await world.cluster.clock.advance(1_000);
    world.answerAll();
    await world.cluster.until("both", () => second.outcome !== undefined);
    expect([call.outcome, second.outcome]).toEqual(["value 2", "value 3"]);
    await world.cluster.until("sleep", () => a.inspect().actors.length === 0);
    expect(await world.cluster.ends(a.ref(sleepy, "x").read())).toBe(3);
  });
});

describe("a node that is fenced with commits in flight", () => {
  test("rejoins, and what its former life still writes is refused", async () => {
    const lateMs = 20_000;
    world = new StoredWorld(() => lateMs);
    const a = await world.alone();
    const b = await world.cluster.start("b");
    await world.cluster.ends(a.ref(Tally, "x").add(1));
    const { epoch } = a.inspect().shards[0] ?? { epoch: 0 };
    world.fate = (operation, key) => (operation === "update" && HEAD.test(key) ? "apply-late" : "answer");
    const call = watched(b.ref(Tally, "x").add(50, { timeoutMs: 60_000 }));
    await world.cluster.until("the commit", () => a.inspect().counters.commitsOutstanding === 1);
    const incarnation = a.inspect().incarnation;
    declareDead("a");
    await world.cluster.until("another life", () => a.inspect().incarnation !== incarnation);
    world.answerAll();
    await world.cluster.until("the end of the call", () => call.outcome !== undefined);
    expect(call.outcome).toBe("outcome-unknown");
    await world.cluster.settled("tally", "a");
    expect(a.inspect().shards[0]?.epoch).toBeGreaterThan(epoch);
    expect(await world.cluster.ends(b.ref(Tally, "x").add(1))).toBe(2);
    await world.cluster.clock.advance(lateMs + 1_000);
    expect(await world.cluster.ends(b.ref(Tally, "x").add(1))).toBe(3);
    expect(a.inspect().counters).toMatchObject({ commits: 3, commitsRefused: 0, commitsOutstanding: 0 });
  });
});

/** What another node does when it is sure. */
function declareDead(name: string): void {
  const bucket = world.cluster.network.bucket("baton-test");
  const codec = recordCodec();
  const key = keyIn(bucket, recordKeys.node(name));
  const record = codec.decodeNode(bucket.entry(key)?.value ?? new Uint8Array());
  const dead = codec.encodeNode({ ...record, state: "dead", nonce: `dead-${record.incarnation}` });
  bucket.write(key, dead, () => true);
}
