import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ActorNode } from "../../../mod.ts";
import { HEAD, StoredWorld, watched } from "../../support/stored_world.ts";
import { hostTally, Tally, tally } from "../../support/tally.ts";

let world: StoredWorld;

beforeEach(() => {
  world = new StoredWorld();
});
afterEach(() => world.end());

describe("a stored actor", () => {
  test("comes back with every state whose reply was sent when its owner is killed", async () => {
    const a = await world.alone();
    for (const by of [1, 2, 3]) await world.cluster.ends(a.ref(Tally, "x").add(by));
    const b = await world.start("b");
    world.cluster.network.crash("a");
    await world.cluster.settled("tally", "b");
    expect(await world.cluster.ends(b.ref(Tally, "x").read())).toBe(6);
    expect(await world.cluster.ends(b.ref(Tally, "y").read())).toBe(0);
    expect(world.steering.log).toEqual(["x first 0", "x recovered 6", "y first 0"]);
  });

  test("does not answer before its state is stored, while its handlers run ahead", async () => {
    const a = await world.alone();
    const x = a.ref(Tally, "x");
    await world.cluster.ends(x.add(1));
    world.loseCommits();
    const first = watched(x.add(1));
    await world.cluster.clock.advance(100);
    const later = [watched(x.add(1)), watched(x.read())];
    await world.cluster.clock.advance(500);
    expect([first, ...later].map(({ outcome }) => outcome)).toEqual([undefined, undefined, undefined]);
    expect(a.inspect().counters).toMatchObject({ commits: 1, commitsOutstanding: 1 });
    world.answerAll();
    await world.cluster.until("answers", () => later.every(({ outcome }) => outcome !== undefined));
    expect([first, ...later].map(({ outcome }) => outcome)).toEqual(["value 2", "value 3", "value 3"]);
    expect(a.inspect().counters).toMatchObject({ commits: 3, commitsOutstanding: 0, commitsRefused: 0 });
  });

  test("writes nothing when a handler has changed nothing, and many changes of one tick once", async () => {
    const a = await world.alone();
    const x = a.ref(Tally, "x");
    await world.cluster.ends(Promise.all([x.read(), x.read()]));
    expect(world.writes).toEqual([]);
    expect(await world.cluster.ends(Promise.all([x.add(1), x.add(1), x.add(1)]))).toEqual([1, 2, 3]);
    expect(world.writes.length).toBe(1);
    await world.cluster.ends(x.add(0));
    expect(world.writes.length).toBe(1);
  });

  test("stores once and answers rightly when the answer to a commit is lost", async () => {
    const a = await world.alone();
    const x = a.ref(Tally, "x");
    await world.cluster.ends(x.add(1));
    let losses = 2;
    world.fate = (operation, key) =>
      HEAD.test(key) && operation === "update" && losses-- > 0 ? "lose-answer" : "answer";
    expect(await world.cluster.ends(x.add(1))).toBe(2);
    expect(await world.cluster.ends(x.add(1))).toBe(3);
    expect(a.inspect().counters).toMatchObject({ commits: 3, commitsRefused: 0 });
  });

  test("is as it was when its owner is killed between a handler and its commit; the caller does not know", async () => {
    const a = await world.alone();
    await world.cluster.ends(a.ref(Tally, "x").add(1));
    const b = await world.start("b");
    world.fate = (operation, key, client) =>
      client === "a" && HEAD.test(key) && operation !== "get" ? "lose-request" : "answer";
    await world.cluster.settled("tally", "a", "b");
    const name = ["x", "y", "z", "v", "w"].find((each) => ownerOf(b, each) === "a") ?? "x";
    const call = watched(b.ref(Tally, name).add(5));
    await world.cluster.clock.advance(50);
    world.cluster.network.crash("a");
    await world.cluster.until("an end", () => call.outcome !== undefined);
    expect(call.outcome).toBe("outcome-unknown");
    await world.cluster.settled("tally", "b");
    expect(await world.cluster.ends(b.ref(Tally, name).read())).toBe(name === "x" ? 1 : 0);
  });

  test("cannot be changed by a commit of its former owner that comes after a claim", async () => {
    const a = await world.alone();
    await world.cluster.ends(a.ref(Tally, "x").add(1));
    const bucket = world.bucket;
    const before = bucket.entries().find(({ key }) => HEAD.test(key));
    const b = await world.start("b");
    world.cluster.network.crash("a");
    await world.cluster.settled("tally", "b");
    expect(await world.cluster.ends(b.ref(Tally, "x").read())).toBe(1);
    const key = before?.key ?? "";
    const late = bucket.write(key, before?.value, (now) => now?.revision === before?.revision);
    expect(late).toEqual({ ok: false });
    expect(await world.cluster.ends(b.ref(Tally, "x").add(1))).toBe(2);
  });

  test("begins anew from what is stored when another has changed it; callers do not know, mail that waits is handled", async () => {
    const a = await world.alone();
    const x = a.ref(Tally, "x");
    await world.cluster.ends(x.add(1));
    const bucket = world.bucket;
    const first = bucket.entries().find(({ key }) => HEAD.test(key));
    await world.cluster.ends(x.add(1));
    bucket.write(first?.key ?? "", first?.value, () => true);
    expect((await world.cluster.outcome(x.add(1))).error?.code).toBe("outcome-unknown");
    expect(await world.cluster.ends(x.read())).toBe(1);
    expect(world.cluster.seen("commit-refused")).toMatchObject([{ kind: "tally", name: "x" }]);
  });

  test("is not kept in memory while it sleeps", async () => {
    const sleepy = tally("tally", { idleMs: 2_000 });
    const a = await world.start("a", { hosts: [hostTally(world.steering, sleepy)] });
    await world.cluster.ends(a.ref(Tally, "x").add(1));
    await world.cluster.until("sleep", () => a.inspect().actors.length === 0);
    expect(a.inspect().counters.sleepingBytes).toBe(0);
    expect(await world.cluster.ends(a.ref(Tally, "x").read())).toBe(1);
    expect(world.steering.log.slice(1)).toEqual(["x woken 1"]);
  });

  test("moves with its state and is not read from the store; one that sleeps is", async () => {
    const a = await world.alone();
    const names = Array.from({ length: 12 }, (_, i) => `x${i}`);
    for (const [i, name] of names.entries()) await world.cluster.ends(a.ref(Tally, name).add(i));
    const b = await world.start("b");
    let loads = 0;
    world.fate = (operation, key) => {
      if (operation === "get" && HEAD.test(key)) loads++;
      return "answer";
    };
    await world.cluster.ends(a.leave());
    for (const [i, name] of names.entries())
      expect(await world.cluster.ends(b.ref(Tally, name).add(100))).toBe(100 + i);
    expect(loads).toBe(0);
    expect(world.steering.log.filter((line) => line.includes("handed-off")).length).toBe(12);
  });

  test("is quarantined when what is stored cannot be read, and never begins from nothing", async () => {
    const a = await world.alone();
    await world.cluster.ends(a.ref(Tally, "x").add(1));
    const bucket = world.bucket;
    const stored = bucket.entries().find(({ key }) => HEAD.test(key));
    const b = await world.start("b");
    world.cluster.network.crash("a");
    bucket.write(stored?.key ?? "", stored?.value?.subarray(0, -3), () => true);
    await world.cluster.settled("tally", "b");
    expect((await world.cluster.outcome(b.ref(Tally, "x").read())).error?.code).toBe("invalid-state");
    expect((await world.cluster.outcome(b.ref(Tally, "x").add(1))).error?.code).toBe("invalid-state");
    await world.cluster.clock.advance(10);
    expect(world.cluster.seen("actor-quarantined")).toMatchObject([{ name: "x" }]);
    expect(bucket.entry(stored?.key ?? "")?.value).toEqual(stored?.value?.subarray(0, -3));
  });

  test("is refused a state above the bound, which is undone; a long one within it comes back", async () => {
    const a = await world.alone();
    const x = a.ref(Tally, "x");
    expect(await world.cluster.ends(x.fill(1_500_000))).toBe(1_500_000);
    expect((await world.cluster.outcome(x.fill(17_000_000))).error?.code).toBe("invalid-state");
    const b = await world.start("b");
    world.cluster.network.crash("a");
    await world.cluster.settled("tally", "b");
    world.steering.run = (actor) => actor.state.text.length;
    expect(await world.cluster.ends(b.ref(Tally, "x").run(0))).toBe(1_500_000);
  });
});

function ownerOf(node: ActorNode, name: string): string | undefined {
  const shard = node.inspect().actors.find((actor) => actor.name === name)?.shard;
  const owner = node.inspect().shards.find((each) => each.kind === "tally" && each.shard === shard)?.owner;
  return owner ?? "a";
}

describe("tells of a stored actor", () => {
  test("go out when its state is stored, and their promises do not wait for that", async () => {
    const a = await world.alone();
    let resolved = false;
    world.steering.run = async (actor) => {
      actor.state.count++;
      await actor.ref(Tally, "other").note(7);
      resolved = true;
      return "ran";
    };
    world.loseCommits("x");
    const call = watched(a.ref(Tally, "x").run(0));
    await world.cluster.clock.advance(300);
    expect([resolved, call.outcome, world.steering.log]).toEqual([true, undefined, ["x first 0"]]);
    world.answerAll();
    await world.cluster.until("the note", () => world.steering.log.includes("other note 7"));
    expect(call.outcome).toBe("value ran");
  });

  test("are refused at once for an argument that does not fit", async () => {
    const a = await world.alone();
    world.steering.run = (actor) =>
      actor
        .ref(Tally, "other")
        .note("no number" as unknown as number)
        .catch((error: { code: string }) => error.code);
    expect(await world.cluster.ends(a.ref(Tally, "x").run(0))).toBe("invalid-argument");
  });

  test("are not overtaken by an ask, which goes out at once", async () => {
    const a = await world.alone();
    world.steering.run = async (actor) => {
      actor.state.count++;
      void actor.ref(Tally, "other").note(7);
      return await actor.ref(Tally, "other").read();
    };
    expect(await world.cluster.ends(a.ref(Tally, "x").run(0))).toBe(7);
  });
});

describe("timers of a stored actor", () => {
  test("go on after a crash, at their time, though nobody sends it anything", async () => {
    const a = await world.alone();
    world.steering.run = (actor) => void actor.schedule("note", 5, { afterMs: 40_000 });
    await world.cluster.ends(a.ref(Tally, "x").run(0));
    expect(world.keys("timers").length).toBe(1);
    await world.start("b");
    world.cluster.network.crash("a");
    await world.cluster.settled("tally", "b");
    await world.cluster.until("the timer", () => world.steering.log.includes("x note 5"));
    expect(world.cluster.clock.now()).toBeGreaterThanOrEqual(40_000);
    expect(world.cluster.clock.now()).toBeLessThan(42_000);
    await world.cluster.clock.advance(1_000);
    expect(world.keys("timers")).toEqual([]);
  });

  test("come again when their handling was not stored, and only then", async () => {
    const a = await world.alone();
    world.steering.run = (actor) => void actor.schedule("note", 5, { afterMs: 1_000 });
    await world.cluster.ends(a.ref(Tally, "stored").run(0));
    await world.cluster.ends(a.ref(Tally, "lost").run(0));
    world.loseCommits("lost");
    await world.cluster.until(
      "both",
      () => world.steering.log.filter((line) => line.includes("note")).length === 2,
    );
    await world.cluster.clock.advance(100);
    const b = await world.start("b");
    world.cluster.network.crash("a");
    world.answerAll();
    await world.cluster.settled("tally", "b");
    await world.cluster.until("the lost one again", () => world.count("lost note 5") === 2);
    expect(await world.cluster.ends(b.ref(Tally, "lost").read())).toBe(5);
    expect(await world.cluster.ends(b.ref(Tally, "stored").read())).toBe(5);
    expect(world.count("stored note 5")).toBe(1);
  });
});
