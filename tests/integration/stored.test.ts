import { afterEach, describe, expect, test } from "bun:test";
import type { ActorNode } from "../../mod.ts";
import type { RecordFate, RecordOperation } from "../../transport/memory_records.ts";
import { MemoryCluster } from "../support/memory_cluster.ts";
import { hostTally, type Steering, Tally } from "../support/tally.ts";

const BUCKET = "baton-test-stored";
const HEAD = /^state\./;

let cluster: MemoryCluster;
/** What becomes of a request to the bucket of stored actors. */
let fate: (operation: RecordOperation, key: string, client: string) => RecordFate;
let writes: string[];
let steering: Steering & { log: string[] };

function begin(): void {
  fate = () => "answer";
  writes = [];
  steering = { log: [] };
  cluster = new MemoryCluster({
    recordFilter: (client, operation, bucket, key) => {
      if (bucket !== BUCKET) return "answer";
      if (HEAD.test(key) && (operation === "create" || operation === "update"))
        writes.push(`${client} ${key}`);
      return fate(operation, key, client);
    },
  });
}

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
  begin();
  const node = await start("a", ...defects);
  await cluster.settled("tally", "a");
  return node;
}

/** To the others it is as if its process had been killed. */
function kill(name: string): void {
  cluster.network.crash(name);
}

const lost = (operation: RecordOperation, key: string) =>
  HEAD.test(key) && operation !== "get" ? "lose-request" : "answer";

function ended<T>(promise: Promise<T>): { readonly outcome: string | undefined } {
  const seen: { outcome: string | undefined } = { outcome: undefined };
  promise.then(
    (value) => (seen.outcome = `value ${String(value)}`),
    (error: { code?: string }) => (seen.outcome = error.code ?? "error"),
  );
  return seen;
}

describe("a stored actor", () => {
  test("comes back with every state whose reply was sent when its owner is killed", async () => {
    const a = await alone();
    for (const by of [1, 2, 3]) await cluster.ends(a.ref(Tally, "x").add(by));
    const b = await start("b");
    kill("a");
    await cluster.settled("tally", "b");
    expect(await cluster.ends(b.ref(Tally, "x").read())).toBe(6);
    expect(await cluster.ends(b.ref(Tally, "y").read())).toBe(0);
    expect(steering.log).toEqual(["x first 0", "x recovered 6", "y first 0"]);
  });

  test("does not answer before its state is stored, while its handlers run ahead", async () => {
    const a = await alone();
    const x = a.ref(Tally, "x");
    await cluster.ends(x.add(1));
    fate = lost;
    const first = ended(x.add(1));
    await cluster.clock.advance(100);
    const later = [ended(x.add(1)), ended(x.read())];
    await cluster.clock.advance(500);
    expect([first, ...later].map(({ outcome }) => outcome)).toEqual([undefined, undefined, undefined]);
    expect(a.inspect().counters).toMatchObject({ commits: 1, commitsOutstanding: 1 });
    fate = () => "answer";
    await cluster.until("answers", () => later.every(({ outcome }) => outcome !== undefined));
    expect([first, ...later].map(({ outcome }) => outcome)).toEqual(["value 2", "value 3", "value 3"]);
    expect(a.inspect().counters).toMatchObject({ commits: 3, commitsOutstanding: 0, commitsRefused: 0 });
  });

  test("writes nothing when a handler has changed nothing, and many changes of one tick once", async () => {
    const a = await alone();
    const x = a.ref(Tally, "x");
    await cluster.ends(Promise.all([x.read(), x.read()]));
    expect(writes).toEqual([]);
    expect(await cluster.ends(Promise.all([x.add(1), x.add(1), x.add(1)]))).toEqual([1, 2, 3]);
    expect(writes.length).toBe(1);
    await cluster.ends(x.add(0));
    expect(writes.length).toBe(1);
  });

  test("stores once and answers rightly when the answer to a commit is lost", async () => {
    const a = await alone();
    const x = a.ref(Tally, "x");
    await cluster.ends(x.add(1));
    let losses = 2;
    fate = (operation, key) =>
      HEAD.test(key) && operation === "update" && losses-- > 0 ? "lose-answer" : "answer";
    expect(await cluster.ends(x.add(1))).toBe(2);
    expect(await cluster.ends(x.add(1))).toBe(3);
    expect(a.inspect().counters).toMatchObject({ commits: 3, commitsRefused: 0 });
  });

  test("is as it was when its owner is killed between a handler and its commit; the caller does not know", async () => {
    const a = await alone();
    await cluster.ends(a.ref(Tally, "x").add(1));
    const b = await start("b");
    fate = (operation, key, client) => (client === "a" ? lost(operation, key) : "answer");
    await cluster.settled("tally", "a", "b");
    const name = ["x", "y", "z", "v", "w"].find((each) => ownerOf(b, each) === "a") ?? "x";
    const call = ended(b.ref(Tally, name).add(5));
    await cluster.clock.advance(50);
    kill("a");
    await cluster.until("an end", () => call.outcome !== undefined);
    expect(call.outcome).toBe("outcome-unknown");
    await cluster.settled("tally", "b");
    expect(await cluster.ends(b.ref(Tally, name).read())).toBe(name === "x" ? 1 : 0);
  });

  test("cannot be changed by a commit of its former owner that comes after a claim", async () => {
    const a = await alone();
    await cluster.ends(a.ref(Tally, "x").add(1));
    const bucket = cluster.network.bucket(BUCKET);
    const before = bucket.entries().find(({ key }) => HEAD.test(key));
    const b = await start("b");
    kill("a");
    await cluster.settled("tally", "b");
    expect(await cluster.ends(b.ref(Tally, "x").read())).toBe(1);
    const key = before?.key ?? "";
    const late = bucket.write(key, before?.value, (now) => now?.revision === before?.revision);
    expect(late).toEqual({ ok: false });
    expect(await cluster.ends(b.ref(Tally, "x").add(1))).toBe(2);
  });

  test("begins anew from what is stored when another has changed it; callers do not know, mail that waits is handled", async () => {
    const a = await alone();
    const x = a.ref(Tally, "x");
    await cluster.ends(x.add(1));
    const bucket = cluster.network.bucket(BUCKET);
    const first = bucket.entries().find(({ key }) => HEAD.test(key));
    await cluster.ends(x.add(1));
    bucket.write(first?.key ?? "", first?.value, () => true);
    expect((await cluster.outcome(x.add(1))).error?.code).toBe("outcome-unknown");
    expect(await cluster.ends(x.read())).toBe(1);
    expect(cluster.seen("commit-refused")).toMatchObject([{ kind: "tally", name: "x" }]);
  });

  test("is not kept in memory while it sleeps", async () => {
    begin();
    const hosted = hostTally(
      steering,
      (await import("../support/tally.ts")).tally("tally", { idleMs: 2_000 }),
    );
    const a = await cluster.start("a", { hosts: [hosted] });
    await cluster.ends(a.ref(Tally, "x").add(1));
    await cluster.until("sleep", () => a.inspect().actors.length === 0);
    expect(a.inspect().counters.sleepingBytes).toBe(0);
    expect(await cluster.ends(a.ref(Tally, "x").read())).toBe(1);
    expect(steering.log.slice(1)).toEqual(["x woken 1"]);
  });

  test("moves with its state and is not read from the store; one that sleeps is", async () => {
    const a = await alone();
    const names = Array.from({ length: 12 }, (_, i) => `x${i}`);
    for (const [i, name] of names.entries()) await cluster.ends(a.ref(Tally, name).add(i));
    const b = await start("b");
    let loads = 0;
    fate = (operation, key) => {
      if (operation === "get" && HEAD.test(key)) loads++;
      return "answer";
    };
    await cluster.ends(a.leave());
    for (const [i, name] of names.entries())
      expect(await cluster.ends(b.ref(Tally, name).add(100))).toBe(100 + i);
    expect(loads).toBe(0);
    expect(steering.log.filter((line) => line.includes("handed-off")).length).toBe(12);
  });

  test("is quarantined when what is stored cannot be read, and never begins from nothing", async () => {
    const a = await alone();
    await cluster.ends(a.ref(Tally, "x").add(1));
    const bucket = cluster.network.bucket(BUCKET);
    const stored = bucket.entries().find(({ key }) => HEAD.test(key));
    const b = await start("b");
    kill("a");
    bucket.write(stored?.key ?? "", stored?.value?.subarray(0, -3), () => true);
    await cluster.settled("tally", "b");
    expect((await cluster.outcome(b.ref(Tally, "x").read())).error?.code).toBe("invalid-state");
    expect((await cluster.outcome(b.ref(Tally, "x").add(1))).error?.code).toBe("invalid-state");
    await cluster.clock.advance(10);
    expect(cluster.seen("actor-quarantined")).toMatchObject([{ name: "x" }]);
    expect(bucket.entry(stored?.key ?? "")?.value).toEqual(stored?.value?.subarray(0, -3));
  });

  test("is refused a state above the bound, which is undone; a long one within it comes back", async () => {
    const a = await alone();
    const x = a.ref(Tally, "x");
    expect(await cluster.ends(x.fill(1_500_000))).toBe(1_500_000);
    expect((await cluster.outcome(x.fill(17_000_000))).error?.code).toBe("invalid-state");
    const b = await start("b");
    kill("a");
    await cluster.settled("tally", "b");
    steering.run = (actor) => actor.state.text.length;
    expect(await cluster.ends(b.ref(Tally, "x").run(0))).toBe(1_500_000);
  });
});

function ownerOf(node: ActorNode, name: string): string | undefined {
  const shard = node.inspect().actors.find((actor) => actor.name === name)?.shard;
  const owner = node.inspect().shards.find((each) => each.kind === "tally" && each.shard === shard)?.owner;
  return owner ?? "a";
}

describe("tells of a stored actor", () => {
  test("go out when its state is stored, and their promises do not wait for that", async () => {
    const a = await alone();
    let resolved = false;
    steering.run = async (actor) => {
      actor.state.count++;
      await actor.ref(Tally, "other").note(7);
      resolved = true;
      return "ran";
    };
    fate = (operation, key) => (key.endsWith(".x") ? lost(operation, key) : "answer");
    const call = ended(a.ref(Tally, "x").run(0));
    await cluster.clock.advance(300);
    expect([resolved, call.outcome, steering.log]).toEqual([true, undefined, ["x first 0"]]);
    fate = () => "answer";
    await cluster.until("the note", () => steering.log.includes("other note 7"));
    expect(call.outcome).toBe("value ran");
  });

  test("are refused at once for an argument that does not fit", async () => {
    const a = await alone();
    steering.run = (actor) =>
      actor
        .ref(Tally, "other")
        .note("no number" as unknown as number)
        .catch((error: { code: string }) => error.code);
    expect(await cluster.ends(a.ref(Tally, "x").run(0))).toBe("invalid-argument");
  });

  test("are not overtaken by an ask, which goes out at once", async () => {
    const a = await alone();
    steering.run = async (actor) => {
      actor.state.count++;
      void actor.ref(Tally, "other").note(7);
      return await actor.ref(Tally, "other").read();
    };
    expect(await cluster.ends(a.ref(Tally, "x").run(0))).toBe(7);
  });
});

/** Keys of the marks that somebody has timers. */
function marks(): string[] {
  const entries = cluster.network.bucket(BUCKET).entries();
  return entries.flatMap(({ key, value }) => (value && key.startsWith("timers.") ? [key] : []));
}

describe("timers of a stored actor", () => {
  test("go on after a crash, at their time, though nobody sends it anything", async () => {
    const a = await alone();
    steering.run = (actor) => void actor.schedule("note", 5, { afterMs: 40_000 });
    await cluster.ends(a.ref(Tally, "x").run(0));
    expect(marks().length).toBe(1);
    await start("b");
    kill("a");
    await cluster.settled("tally", "b");
    await cluster.until("the timer", () => steering.log.includes("x note 5"));
    expect(cluster.clock.now()).toBeGreaterThanOrEqual(40_000);
    expect(cluster.clock.now()).toBeLessThan(42_000);
    await cluster.clock.advance(1_000);
    expect(marks()).toEqual([]);
  });

  test("come again when their handling was not stored, and only then", async () => {
    const a = await alone();
    steering.run = (actor) => void actor.schedule("note", 5, { afterMs: 1_000 });
    await cluster.ends(a.ref(Tally, "stored").run(0));
    await cluster.ends(a.ref(Tally, "lost").run(0));
    fate = (operation, key) => (key.endsWith(".lost") ? lost(operation, key) : "answer");
    await cluster.until("both", () => steering.log.filter((line) => line.includes("note")).length === 2);
    await cluster.clock.advance(100);
    const b = await start("b");
    kill("a");
    fate = () => "answer";
    await cluster.settled("tally", "b");
    await cluster.until(
      "the lost one again",
      () => steering.log.filter((line) => line === "lost note 5").length === 2,
    );
    expect(await cluster.ends(b.ref(Tally, "lost").read())).toBe(5);
    expect(await cluster.ends(b.ref(Tally, "stored").read())).toBe(5);
    expect(steering.log.filter((line) => line === "stored note 5").length).toBe(1);
  });
});

describe("a rule broken on purpose shows", () => {
  test("reply-before-commit: an answer comes although nothing was stored", async () => {
    const a = await alone("reply-before-commit");
    fate = lost;
    const call = ended(a.ref(Tally, "x").add(1));
    await cluster.clock.advance(100);
    expect(call.outcome).toBe("value 1");
  });

  test("tells-before-commit: a tell arrives although nothing was stored", async () => {
    const a = await alone("tells-before-commit");
    steering.run = (actor) => {
      actor.state.count++;
      void actor.ref(Tally, "other").note(7);
    };
    fate = lost;
    ended(a.ref(Tally, "x").run(0));
    await cluster.clock.advance(100);
    expect(steering.log).toContain("other note 7");
  });

  test("no-epoch-write: a former owner's commit that comes after a claim is taken", async () => {
    const a = await alone();
    await cluster.ends(a.ref(Tally, "x").add(1));
    const bucket = cluster.network.bucket(BUCKET);
    const before = bucket.entries().find(({ key }) => HEAD.test(key));
    const b = await start("b", "no-epoch-write");
    kill("a");
    await cluster.settled("tally", "b");
    expect(await cluster.ends(b.ref(Tally, "x").read())).toBe(1);
    const late = bucket.write(before?.key ?? "", before?.value, (now) => now?.revision === before?.revision);
    expect(late.ok).toBe(true);
  });
});
