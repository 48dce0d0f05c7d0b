// Timers of stored actors: marks and entries that do not fit, crashes in between, very many of them.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { StoredWorld } from "../../support/stored_world.ts";
import { Tally } from "../../support/tally.ts";

let world: StoredWorld;

beforeEach(() => {
  world = new StoredWorld();
});
afterEach(() => world.end());

/** Runs time until so much of it has passed. */
async function until(atMs: number): Promise<void> {
  const { clock } = world.cluster;
  if (clock.now() < atMs) await clock.advance(atMs - clock.now());
}

describe("a crash", () => {
  test("between the mark and the commit: there is no timer, and the mark goes", async () => {
    const a = await world.alone();
    await world.cluster.ends(a.ref(Tally, "x").add(1));
    world.loseCommits("x");
    world.steering.run = (actor) => void actor.schedule("note", 5, { afterMs: 20_000 });
    a.ref(Tally, "x")
      .run(0)
      .catch(() => undefined);
    await world.cluster.until("the mark", () => world.keys("timers").length === 1);
    world.answerAll();
    const b = await world.succeed();
    await world.cluster.until("that the mark goes", () => world.keys("timers").length === 0, 5_000);
    await until(60_000);
    expect(world.count("x note 5")).toBe(0);
    expect(await world.cluster.ends(b.ref(Tally, "x").read())).toBe(1);
  });

  test("between the commit and the end of the mark: what was handled does not come again, and the mark goes", async () => {
    const a = await world.alone();
    world.steering.run = (actor) => void actor.schedule("note", 5, { afterMs: 1_000 });
    await world.cluster.ends(a.ref(Tally, "x").run(0));
    world.fate = (operation, key) =>
      operation === "remove" && key.startsWith("timers.") ? "lose-request" : "answer";
    await world.cluster.until("the timer", () => world.count("x note 5") === 1);
    await world.cluster.clock.advance(100);
    expect(world.keys("timers").length).toBe(1);
    const b = await world.succeed();
    world.answerAll();
    await until(20_000);
    expect(world.count("x note 5")).toBe(1);
    expect(await world.cluster.ends(b.ref(Tally, "x").read())).toBe(5);
    await world.cluster.ends(b.ref(Tally, "x").add(1));
    const c = await world.start("c");
    world.cluster.network.crash("b");
    await world.cluster.settled("tally", "c");
    await world.cluster.until("that the mark goes", () => world.keys("timers").length === 0, 5_000);
    expect(await world.cluster.ends(c.ref(Tally, "x").read())).toBe(6);
  });

  test("does not move the beat of an interval; what was missed comes as one", async () => {
    const a = await world.alone();
    world.steering.run = (actor) => void actor.schedule("note", 1, { everyMs: 10_000 });
    await world.cluster.ends(a.ref(Tally, "x").run(0));
    const startedAt = world.cluster.clock.now();
    await until(startedAt + 11_000);
    expect(world.count("x note 1")).toBe(1);
    await world.succeed();
    const seenAt: number[] = [];
    for (let beat = 2; beat <= 4; beat++) {
      await world.cluster.until(`beat ${beat}`, () => world.count("x note 1") === beat);
      seenAt.push(world.cluster.clock.now() - startedAt);
    }
    expect(seenAt.map((ms) => Math.round(ms / 1_000))).toEqual([20, 30, 40]);
    for (const ms of seenAt) expect(ms % 10_000).toBeLessThan(50);
  });
});

describe("very many actors with timers", () => {
  test("are loaded some at once after a claim, not all, and messages are handled meanwhile", async () => {
    world = new StoredWorld(undefined, 2);
    const count = 2_000;
    const a = await world.alone();
    world.steering.run = (actor) => void actor.schedule("note", 1, { afterMs: 60_000 });
    const names = Array.from({ length: count }, (_, i) => `x${i}`);
    await world.cluster.ends(Promise.all(names.map((name) => a.ref(Tally, name).run(0))));
    const loads: number[] = [];
    world.fate = (operation, key) => {
      if (operation === "get" && key.startsWith("state.")) loads.push(world.cluster.clock.now());
      return "answer";
    };
    await world.succeed();
    await world.cluster.until("all are loaded", () => world.steering.log.length >= 2 * count);
    const atOnce = new Map<number, number>();
    for (const at of loads) atOnce.set(at, (atOnce.get(at) ?? 0) + 1);
    expect(Math.max(...atOnce.values())).toBeLessThanOrEqual(64);
    await until(70_000);
    expect(world.count("x7 note 1")).toBe(1);
    expect(world.steering.log.filter((line) => line.includes("note")).length).toBe(count);
  });

  test("do not pile up while the store does not answer", async () => {
    const count = 3_000;
    const a = await world.alone();
    world.steering.run = (actor) => void actor.schedule("note", 1, { afterMs: 200_000 });
    const names = Array.from({ length: count }, (_, i) => `x${i}`);
    await world.cluster.ends(Promise.all(names.map((name) => a.ref(Tally, name).run(0))));
    world.steering.log.length = 0;
    const asked = new Set<string>();
    world.fate = (operation, key) => {
      if (operation !== "get" || !key.startsWith("state.")) return "answer";
      asked.add(key);
      return "lose-request";
    };
    await world.succeed();
    await world.cluster.clock.advance(3_000);
    expect(asked.size).toBeLessThanOrEqual(64);
    world.answerAll();
    await world.cluster.until("all are loaded", () => world.steering.log.length === count);
  });
});
