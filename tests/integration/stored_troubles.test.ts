// Stored actors while something else goes wrong as well: moves, leaves, stores that are away, second losses.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ActorNode } from "../../mod.ts";
import { recordCodec } from "../../cluster/protocol.ts";
import { keys as recordKeys } from "../../transport/subjects.ts";
import type { RecordFate, RecordOperation } from "../../transport/memory_records.ts";
import { hostLedger, ledger } from "../support/ledger.ts";
import { MemoryCluster, signalled } from "../support/memory_cluster.ts";
import { hostTally, type Steering, Tally, type TallyActor, tally } from "../support/tally.ts";

const BUCKET = "baton-test-stored";
const HEAD = /^state\./;

let cluster: MemoryCluster;
/** What becomes of a request to the bucket of stored actors. */
let fate: (operation: RecordOperation, key: string, client: string) => RecordFate;
let steering: Steering & { log: string[] };

beforeEach(() => {
  fate = () => "answer";
  steering = { log: [] };
  cluster = new MemoryCluster({
    recordFilter: (client, operation, bucket, key) =>
      bucket === BUCKET ? fate(operation, key, client) : "answer",
  });
});

afterEach(async () => {
  fate = () => "answer";
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

async function start(name: string, ...defects: readonly string[]): Promise<ActorNode> {
  return await cluster.start(name, { hosts: [hostTally(steering)], defects });
}

/** One node that owns everything. */
async function alone(...defects: readonly string[]): Promise<ActorNode> {
  const node = await start("a", ...defects);
  await cluster.settled("tally", "a");
  return node;
}

/** Commits of one actor get no answer and are not applied. */
function commitsLost(name: string): typeof fate {
  return (operation, key) =>
    HEAD.test(key) && operation !== "get" && key.endsWith(`.${name}`) ? "lose-request" : "answer";
}

function headOf(name: string): { readonly key: string; readonly value: Uint8Array | undefined } {
  const entries = cluster.network.bucket(BUCKET).entries();
  const found = entries.find(({ key }) => HEAD.test(key) && key.endsWith(`.${name}`));
  if (!found) throw new Error(`expected an entry of "${name}"; seen: none`);
  return { key: found.key, value: found.value };
}

/** Somebody else writes an entry, as it was: whoever relies on its revision is refused. */
function overwrite({ key, value }: { readonly key: string; readonly value: Uint8Array | undefined }): void {
  cluster.network.bucket(BUCKET).write(key, value, () => true);
}

function keys(prefix: string): string[] {
  const entries = cluster.network.bucket(BUCKET).entries();
  return entries.flatMap(({ key, value }) => (value && key.startsWith(`${prefix}.`) ? [key] : []));
}

function ended<T>(promise: Promise<T>): { readonly outcome: string | undefined } {
  const seen: { outcome: string | undefined } = { outcome: undefined };
  promise.then(
    (value) => (seen.outcome = `value ${String(value)}`),
    (error: { code?: string }) => (seen.outcome = error.code ?? "error"),
  );
  return seen;
}

/** A handler that adds 10, waits for the signal, does the rest, and adds 100. */
function holding(signal: Promise<void>, rest: (actor: TallyActor) => void = () => {}): void {
  steering.run = async (actor) => {
    actor.state.count += 10;
    steering.log.push(`${actor.name} runs`);
    await signal;
    rest(actor);
    actor.state.count += 100;
    return actor.state.count;
  };
}

const isLate = () => cluster.seen("actor-late").length > 0;

describe("a stored actor that is late", () => {
  test("goes where its shard went, with what its handler left, once that is stored", async () => {
    const a = await alone();
    await cluster.ends(a.ref(Tally, "x").add(1));
    const b = await start("b");
    const { promise, resolve } = signalled();
    holding(promise);
    const call = ended(a.ref(Tally, "x").run(0));
    const leaving = a.leave();
    await cluster.until("late", isLate);
    const behind = ended(b.ref(Tally, "x").add(1_000));
    fate = commitsLost("x");
    resolve();
    await cluster.clock.advance(2_000);
    expect([call.outcome, behind.outcome]).toEqual([undefined, undefined]);
    fate = () => "answer";
    await cluster.ends(leaving);
    expect([call.outcome, behind.outcome]).toEqual(["value 111", "value 1111"]);
    expect(b.inspect().counters.commitsRefused).toBe(0);
  });

  test("and loses its commit is loaded where its shard went; what its handler says then goes nowhere", async () => {
    const a = await alone();
    await cluster.ends(a.ref(Tally, "x").add(1));
    const first = headOf("x");
    const b = await start("b");
    const { promise, resolve } = signalled();
    holding(promise, (actor) => void actor.ref(Tally, "other").note(7));
    fate = commitsLost("x");
    const calls = [ended(a.ref(Tally, "x").add(5)), ended(a.ref(Tally, "x").run(0))];
    await cluster.until("the handler", () => steering.log.includes("x runs"));
    const leaving = a.leave();
    await cluster.until("late", isLate);
    overwrite(first);
    fate = () => "answer";
    await cluster.until("the refusal", () => calls[0]?.outcome !== undefined);
    resolve();
    expect(await cluster.ends(leaving, 5_000)).toMatchObject({ late: 1, recovered: 0 });
    expect(calls.map(({ outcome }) => outcome)).toEqual(["outcome-unknown", "outcome-unknown"]);
    expect(await cluster.ends(b.ref(Tally, "x").add(1))).toBe(2);
    expect(await cluster.ends(b.ref(Tally, "other").read())).toBe(0);
    expect(cluster.seen("dead-letter")).toMatchObject([{ message: "note" }]);
  });

  test("and whose load was not answered when its shard moved is loaded where that went", async () => {
    const a = await alone();
    fate = (operation, key, client) =>
      client === "a" && operation === "get" && HEAD.test(key) ? "lose-request" : "answer";
    const call = ended(a.ref(Tally, "x").add(1));
    await cluster.clock.advance(10);
    const b = await start("b");
    const leaving = a.leave();
    await cluster.until("late", isLate);
    const behind = ended(b.ref(Tally, "x").add(1));
    await cluster.clock.advance(500);
    fate = () => "answer";
    await cluster.ends(leaving);
    await cluster.until("both ends", () => call.outcome !== undefined && behind.outcome !== undefined);
    expect([call.outcome, behind.outcome]).toEqual(["value 1", "value 2"]);
  });

  test("comes back with what is stored when its node dies; a commit of it that comes later is refused", async () => {
    const a = await alone();
    await cluster.ends(a.ref(Tally, "x").add(1));
    const before = headOf("x");
    const revision = cluster.network.bucket(BUCKET).entry(before.key)?.revision;
    const b = await start("b");
    const { promise } = signalled();
    holding(promise);
    const call = ended(b.ref(Tally, "x").run(0));
    await cluster.until("the handler", () => steering.log.includes("x runs"));
    void a.leave().catch(() => undefined);
    await cluster.until("late", isLate);
    await cluster.settled("tally", "b");
    cluster.network.crash("a");
    expect(await cluster.ends(b.ref(Tally, "x").add(1))).toBe(2);
    await cluster.until("the end of the call", () => call.outcome !== undefined);
    expect(call.outcome).toBe("outcome-unknown");
    expect(steering.log).toContain("x recovered 1");
    const late = cluster.network.bucket(BUCKET);
    expect(late.write(before.key, before.value, (now) => now?.revision === revision)).toEqual({ ok: false });
  });
});

describe("a move of a stored actor", () => {
  test("while its node is cut off with a commit under way: it waits, and nothing is lost or stored twice", async () => {
    const a = await alone();
    await cluster.ends(a.ref(Tally, "x").add(1));
    const b = await start("b");
    fate = (operation, key, client) =>
      client === "a" && operation === "update" && HEAD.test(key) ? "lose-answer" : "answer";
    const call = ended(a.ref(Tally, "x").add(10, { timeoutMs: 30_000 }));
    await cluster.clock.advance(2);
    cluster.network.cut("a");
    await cluster.until("a closed gate", () => !a.inspect().gateOpen);
    const leaving = a.leave();
    const behind = ended(b.ref(Tally, "x").add(100, { timeoutMs: 30_000 }));
    await cluster.clock.advance(500); // not so long that it would be declared dead
    expect([call.outcome, behind.outcome]).toEqual([undefined, undefined]);
    fate = () => "answer";
    cluster.network.heal("a");
    expect(await cluster.ends(leaving)).toMatchObject({ recovered: 0, leftOver: 0 });
    await cluster.until("both", () => call.outcome !== undefined && behind.outcome !== undefined);
    expect([call.outcome, behind.outcome].sort()).toEqual(["value 11", "value 111"]);
    expect(await cluster.ends(b.ref(Tally, "x").read())).toBe(111);
    expect(b.inspect().counters.commitsRefused).toBe(0);
  });
});

describe("a stored actor whose code goes on after its handler has ended", () => {
  test("can still be moved: what it tells then goes out", async () => {
    const a = await alone();
    const { promise, resolve } = signalled();
    steering.run = (actor) => {
      actor.state.count++;
      void promise.then(() => actor.ref(Tally, "other").note(7));
      return "ended";
    };
    expect(await cluster.ends(a.ref(Tally, "x").run(0))).toBe("ended");
    resolve();
    await cluster.until("the note", () => steering.log.includes("other note 7"), 1_000);
    const b = await start("b");
    const report = await cluster.ends(a.leave());
    expect(report).toMatchObject({ late: 0 });
    expect(await cluster.ends(b.ref(Tally, "x").read())).toBe(1);
  });
});

describe("a stored actor whose entry another has written", () => {
  test("goes on with its stored timers, though nobody sends it anything", async () => {
    const a = await alone();
    steering.run = (actor) => void actor.schedule("note", 3, { everyMs: 1_000 });
    await cluster.ends(a.ref(Tally, "x").run(0));
    overwrite(headOf("x"));
    await cluster.until("the refusal", () => cluster.seen("commit-refused").length === 1);
    await cluster.until("the beat", () => steering.log.filter((line) => line === "x note 3").length >= 4);
  });

  test("has no answer for the handler that runs: its caller does not know", async () => {
    const a = await alone();
    const b = await cluster.start("b");
    await cluster.ends(a.ref(Tally, "x").add(1));
    const { promise, resolve } = signalled();
    holding(promise);
    fate = commitsLost("x");
    const calls = [ended(b.ref(Tally, "x").add(1)), ended(b.ref(Tally, "x").run(0))];
    await cluster.until("the handler", () => steering.log.includes("x runs"));
    overwrite(headOf("x"));
    fate = () => "answer";
    await cluster.until("the refusal", () => cluster.seen("commit-refused").length === 1);
    const waiting = ended(b.ref(Tally, "x").read());
    await cluster.until("the next one", () => waiting.outcome !== undefined);
    resolve();
    await cluster.until("the end", () => calls[1]?.outcome !== undefined);
    expect(calls.map(({ outcome }) => outcome)).toEqual(["outcome-unknown", "outcome-unknown"]);
    expect(waiting.outcome).toBe("value 1");
  });

  test("conflict-ignored: without the refusal an answer comes although nothing was stored", async () => {
    for (const defect of [undefined, "conflict-ignored"]) {
      if (defect) await again();
      const a = await alone(...(defect ? [defect] : []));
      await cluster.ends(a.ref(Tally, "x").add(1));
      overwrite(headOf("x"));
      const outcome = await cluster.outcome(a.ref(Tally, "x").add(1));
      expect(outcome.error?.code ?? outcome.value).toBe(defect ? 2 : "outcome-unknown");
    }
  });
});

/** Another cluster, of which nothing is known. */
async function again(): Promise<void> {
  await cluster.close();
  steering.log.length = 0;
  cluster = new MemoryCluster({
    recordFilter: (client, operation, bucket, key) =>
      bucket === BUCKET ? fate(operation, key, client) : "answer",
  });
}

describe("a claim while the store is away", () => {
  test("waits, and no other kind waits for it", async () => {
    const big = tally("tally", { shards: 256 });
    const small = ledger({ shards: 4 });
    fate = () => "lose-request";
    const hosts = [hostTally(steering, big), hostLedger(undefined, small)];
    const a = await cluster.start("a", { hosts });
    const startedAt = cluster.clock.now();
    await cluster.settled("ledger", "a");
    expect(cluster.clock.now() - startedAt).toBeLessThan(1_500);
    expect(await cluster.ends(a.ref(small, "x").add("word"))).toBe(1);
    fate = () => "answer";
    await cluster.settled("tally", "a");
    expect(await cluster.ends(a.ref(big, "x").add(1))).toBe(1);
  });
});

describe("a store that has lost the newest writes of the ownership records", () => {
  for (const defects of [[], ["stored-epoch-ignored"]]) {
    test(`${defects[0] ?? "as it is"}: a lost owner's commit is ${defects[0] ? "taken" : "refused"}`, async () => {
      const a = await alone();
      const b = await start("b");
      cluster.network.crash("a");
      await cluster.settled("tally", "b");
      await cluster.ends(b.ref(Tally, "x").add(1));
      const { key, value } = headOf("x");
      const revision = cluster.network.bucket(BUCKET).entry(key)?.revision;
      cluster.network.crash("b");
      const records = cluster.network.bucket("baton-test");
      for (const entry of records.entries())
        if (entry.key.startsWith("shards.")) records.write(entry.key, undefined, () => true);
      const c = await start("c", ...defects);
      await cluster.settled("tally", "c");
      expect(await cluster.ends(c.ref(Tally, "x").read())).toBe(1);
      const late = cluster.network.bucket(BUCKET).write(key, value, (now) => now?.revision === revision);
      expect(late.ok).toBe(defects.length > 0);
      void a;
    });
  }
});

describe("parking of stored actors", () => {
  test("brings them back with state, timers and waiting tells, and their next commit is taken", async () => {
    const a = await alone();
    steering.run = (actor) => {
      actor.state.count += 5;
      actor.schedule("note", 3, { afterMs: 3_000 });
    };
    await cluster.ends(a.ref(Tally, "x").run(0));
    await cluster.ends(a.leave());
    expect(cluster.network.bucket("baton-test").entries().length).toBeGreaterThan(0);
    const b = await start("b");
    await cluster.settled("tally", "b");
    expect(await cluster.ends(b.ref(Tally, "x").add(1))).toBe(6);
    await cluster.until("the timer", () => steering.log.includes("x note 3"));
    expect(await cluster.ends(b.ref(Tally, "x").read())).toBe(9);
    expect(steering.log).toContain("x handed-off 5");
    expect(b.inspect().counters).toMatchObject({ commitsRefused: 0 });
    await cluster.clock.advance(1_000);
    expect(keys("timers")).toEqual([]);
  });
});

describe("what waits behind the gates of a node", () => {
  const names = Array.from({ length: 30 }, (_, i) => `x${i}`);
  const WORD = "x".repeat(3_000);

  async function bounded(): Promise<ActorNode> {
    const settings = { outputBytesMax: 100_000 };
    const a = await cluster.start("a", { hosts: [hostTally(steering)], settings });
    await cluster.ends(Promise.all(names.map((name) => a.ref(Tally, name).add(1))));
    fate = (operation, key) => (HEAD.test(key) && operation === "update" ? "lose-request" : "answer");
    return a;
  }

  test("is bounded in bytes: handlers of stored actors wait, and go on when there is room", async () => {
    const a = await bounded();
    steering.run = (actor) => {
      actor.state.count++;
      return WORD;
    };
    const calls = [1, 2, 3].flatMap(() => names.map((name) => ended(a.ref(Tally, name).run(0))));
    await cluster.clock.advance(1_000);
    expect(a.inspect().counters.outputBytes).toBeGreaterThan(90_000);
    expect(a.inspect().counters.outputBytes).toBeLessThan(120_000);
    expect(calls.some(({ outcome }) => outcome !== undefined)).toBe(false);
    fate = () => "answer";
    await cluster.until("all answers", () => calls.every(({ outcome }) => outcome !== undefined));
    expect(calls.every(({ outcome }) => outcome === `value ${WORD}`)).toBe(true);
    expect(a.inspect().counters.outputBytes).toBe(0);
    steering.run = undefined as never;
    for (const name of names) expect(await cluster.ends(a.ref(Tally, name).read())).toBe(4);
  });

  test("is given back when it is dropped, and a tell beyond the bound is refused to its handler", async () => {
    const a = await bounded();
    let refused = 0;
    steering.run = async (actor) => {
      actor.state.count++;
      for (let i = 0; i < 100; i++)
        await actor
          .ref(Tally, "other")
          .note(1)
          .catch((error: { code: string }) => error.code === "busy" && refused++);
    };
    const calls = names.map((name) => ended(a.ref(Tally, name).run(0)));
    await cluster.clock.advance(100);
    expect(refused).toBeGreaterThan(1_000);
    for (const name of names) overwrite(headOf(name));
    fate = () => "answer";
    await cluster.until("all ends", () => calls.every(({ outcome }) => outcome !== undefined));
    expect(new Set(calls.map(({ outcome }) => outcome))).toContain("outcome-unknown");
    await cluster.clock.advance(1_000);
    expect(a.inspect().counters.outputBytes).toBe(0);
  });
});

describe("a stored actor that falls asleep", () => {
  test("while its last commit is in doubt ends when that is known, and mail that comes meanwhile is handled after it", async () => {
    const sleepy = tally("tally", { idleMs: 1_000 });
    const a = await cluster.start("a", { hosts: [hostTally(steering, sleepy)] });
    await cluster.ends(a.ref(sleepy, "x").add(1));
    fate = commitsLost("x");
    const call = ended(a.ref(sleepy, "x").add(1));
    await cluster.clock.advance(3_000);
    expect(a.inspect().actors.map(({ name }) => name)).toEqual(["x"]);
    const second = ended(a.ref(sleepy, "x").add(1));
    await cluster.clock.advance(1_000);
    fate = () => "answer";
    await cluster.until("both", () => second.outcome !== undefined);
    expect([call.outcome, second.outcome]).toEqual(["value 2", "value 3"]);
    await cluster.until("sleep", () => a.inspect().actors.length === 0);
    expect(await cluster.ends(a.ref(sleepy, "x").read())).toBe(3);
  });
});

describe("a node that is fenced with commits in flight", () => {
  test("rejoins, and what its former life still writes is refused", async () => {
    const lateMs = 20_000;
    await cluster.close();
    cluster = new MemoryCluster({
      lateMs: () => lateMs,
      recordFilter: (client, operation, bucket, key) =>
        bucket === BUCKET ? fate(operation, key, client) : "answer",
    });
    const a = await alone();
    const b = await cluster.start("b");
    await cluster.ends(a.ref(Tally, "x").add(1));
    const { epoch } = a.inspect().shards[0] ?? { epoch: 0 };
    fate = (operation, key) => (operation === "update" && HEAD.test(key) ? "apply-late" : "answer");
    const call = ended(b.ref(Tally, "x").add(50, { timeoutMs: 60_000 }));
    await cluster.until("the commit", () => a.inspect().counters.commitsOutstanding === 1);
    const incarnation = a.inspect().incarnation;
    declareDead("a");
    await cluster.until("another life", () => a.inspect().incarnation !== incarnation);
    fate = () => "answer";
    await cluster.until("the end of the call", () => call.outcome !== undefined);
    expect(call.outcome).toBe("outcome-unknown");
    await cluster.settled("tally", "a");
    expect(a.inspect().shards[0]?.epoch).toBeGreaterThan(epoch);
    expect(await cluster.ends(b.ref(Tally, "x").add(1))).toBe(2);
    await cluster.clock.advance(lateMs + 1_000);
    expect(await cluster.ends(b.ref(Tally, "x").add(1))).toBe(3);
    expect(a.inspect().counters).toMatchObject({ commits: 3, commitsRefused: 0, commitsOutstanding: 0 });
  });
});

/** What another node does when it is sure. */
function declareDead(name: string): void {
  const bucket = cluster.network.bucket("baton-test");
  const codec = recordCodec();
  const record = codec.decodeNode(bucket.entry(recordKeys.node(name))?.value ?? new Uint8Array());
  const dead = codec.encodeNode({ ...record, state: "dead", nonce: `dead-${record.incarnation}` });
  bucket.write(recordKeys.node(name), dead, () => true);
}
