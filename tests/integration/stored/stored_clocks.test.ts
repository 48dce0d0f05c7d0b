// Stored timers go by the wall clock over whatever happens to their node; also where the clocks of two nodes disagree.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ActorNode } from "../../../mod.ts";
import type { Clock } from "../../../platform/clock.ts";
import { StoredWorld } from "../../support/stored_world.ts";
import { hostTally, Tally, tally } from "../../support/tally.ts";

const HOUR = 3_600_000;
const AFTER_MS = 120_000;
let world: StoredWorld;

beforeEach(() => {
  world = new StoredWorld();
});
afterEach(() => world.end());

/** The clock of the world, with another time on its wall. */
function clockAhead(byMs: number): Clock {
  const { clock } = world.cluster;
  return {
    now: () => clock.now(),
    wall: () => clock.wall() + byMs,
    after: (delayMs, run) => clock.after(delayMs, run),
    soon: (run) => clock.soon(run),
  };
}

async function start(name: string, aheadMs = 0): Promise<ActorNode> {
  return await world.start(name, { clock: clockAhead(aheadMs) });
}

/** Sets a timer, and returns when it is due. */
async function plan(node: ActorNode): Promise<number> {
  world.steering.run = (actor) => void actor.schedule("note", 1, { afterMs: AFTER_MS });
  await world.cluster.ends(node.ref(Tally, "x").run(0));
  return world.cluster.clock.now() + AFTER_MS;
}

/** It goes off when it is due, as the world's clock has it. */
async function goesOffAt(dueAt: number): Promise<void> {
  const { clock } = world.cluster;
  if (dueAt - 500 > clock.now()) await clock.advance(dueAt - 500 - clock.now());
  expect(world.count("x note 1")).toBe(0);
  await clock.advance(dueAt + 500 - clock.now());
  expect(world.count("x note 1")).toBe(1);
}

const disagreements = () =>
  world.cluster.events.flatMap(({ node, event }) =>
    event.type === "clocks-disagree" ? [`${node} of ${event.node}: ${Math.round(event.byMs / 1_000)} s`] : [],
  );

describe("a stored timer", () => {
  test("counts while it lies in a park", async () => {
    const a = await start("a");
    await world.cluster.settled("tally", "a");
    const dueAt = await plan(a);
    await world.cluster.ends(a.leave());
    await world.cluster.clock.advance(60_000);
    await start("b");
    await goesOffAt(dueAt);
    expect(disagreements()).toEqual([]);
  });

  test("comes at once when it came due in the park; an interval keeps its beat", async () => {
    const a = await start("a");
    await world.cluster.settled("tally", "a");
    world.steering.run = (actor) => {
      actor.schedule("note", 1, { afterMs: 20_000 });
      actor.schedule("note", 2, { everyMs: 50_000 });
    };
    await world.cluster.ends(a.ref(Tally, "x").run(0));
    const startedAt = world.cluster.clock.now();
    await world.cluster.ends(a.leave());
    await world.cluster.clock.advance(70_000);
    await start("b");
    await world.cluster.settled("tally", "b");
    await world.cluster.clock.advance(500);
    expect([world.count("x note 1"), world.count("x note 2")]).toEqual([1, 1]);
    await world.cluster.clock.advance(startedAt + 99_000 - world.cluster.clock.now());
    expect(world.count("x note 2")).toBe(1);
    await world.cluster.clock.advance(2_000);
    expect(world.count("x note 2")).toBe(2);
  });

  for (const aheadMs of [HOUR, -HOUR]) {
    const words = `${aheadMs > 0 ? "ahead" : "behind"} by an hour`;

    test(`keeps its time over a move to a node whose clock is ${words}, and back`, async () => {
      const a = await start("a");
      await world.cluster.settled("tally", "a");
      const dueAt = await plan(a);
      const b = await start("b", aheadMs);
      await world.cluster.ends(a.leave());
      await world.cluster.settled("tally", "b");
      await world.cluster.clock.advance(30_000);
      await start("c");
      await world.cluster.ends(b.leave());
      await world.cluster.settled("tally", "c");
      await goesOffAt(dueAt);
      const told = disagreements();
      expect(told).toContain(`b of a: ${aheadMs / 1_000} s`);
      expect(told).toContain(`c of b: ${-aheadMs / 1_000} s`);
      expect(new Set(told).size).toBe(told.length);
    });

    test(`keeps its time when a node whose clock is ${words} takes over from one that is lost`, async () => {
      const a = await start("a");
      await world.cluster.settled("tally", "a");
      await start("b", aheadMs);
      const dueAt = await plan(a);
      await world.cluster.clock.advance(20_000);
      world.cluster.network.crash("a");
      await world.cluster.settled("tally", "b");
      await goesOffAt(dueAt);
      const c = await start("c");
      await world.cluster.clock.advance(10_000);
      world.steering.run = (actor) => void actor.schedule("note", 7, { afterMs: AFTER_MS });
      await world.cluster.ends(c.ref(Tally, "x").run(0));
      world.cluster.network.crash("b");
      await world.cluster.settled("tally", "c");
      await world.cluster.until("the second timer", () => world.count("x note 7") === 1, AFTER_MS);
      expect(disagreements()).toContain(`b of a: ${aheadMs / 1_000} s`);
    });
  }

  test("keeps what was left over a park, when the next clock would have it noted in the future", async () => {
    const a = await start("a");
    await world.cluster.settled("tally", "a");
    await plan(a);
    await world.cluster.ends(a.leave());
    await world.cluster.clock.advance(10_000);
    await start("b", -HOUR);
    await world.cluster.settled("tally", "b");
    await goesOffAt(world.cluster.clock.now() + AFTER_MS - 400);
    expect(disagreements()).toEqual(["b of a: -3590 s"]); // 10 s of it may have passed in the park
  });

  test("of an actor in memory keeps the time that was left, as ever", async () => {
    const memory = tally("tally", { durability: "memory" }) as unknown as typeof Tally;
    const hosts = [hostTally(world.steering, memory)];
    const a = await world.start("a", { hosts });
    await world.cluster.settled("tally", "a");
    await plan(a);
    await world.cluster.ends(a.leave());
    await world.cluster.clock.advance(60_000);
    await world.start("b", { hosts });
    await world.cluster.settled("tally", "b");
    await goesOffAt(world.cluster.clock.now() + AFTER_MS - 400);
  });
});
