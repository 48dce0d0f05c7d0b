// Stored timers after a crash, while the store is slow, refuses, or answers what no store should.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ActorNode, NodeEvent } from "../../../mod.ts";
import type { RecordFate } from "../../../transport/memory/records.ts";
import { StoredWorld, watched } from "../../support/stored_world.ts";
import { hostTally, tally } from "../../support/tally.ts";

const SHARDS = 64;
const COUNT = 200;
const AFTER_MS = 30_000;
const Many = tally("many", { shards: SHARDS });

let world: StoredWorld;

beforeEach(() => {
  world = new StoredWorld();
});
afterEach(() => world.end());

/** Nothing moves: all that the next node gets it claims, and at once. */
function options() {
  return { hosts: [hostTally(world.steering, Many)], settings: { settleMs: 600_000 } };
}

/** Node "a" has everything, and each of so many actors has a timer. */
async function planned(count = COUNT): Promise<ActorNode> {
  const a = await world.start("a", options());
  await world.cluster.settled("many", "a");
  world.steering.run = (actor) => void actor.schedule("note", 1, { afterMs: AFTER_MS });
  const runs = Array.from({ length: count }, (_, i) => a.ref(Many, `x${i}`).run(0));
  await world.cluster.ends(Promise.all(runs));
  return a;
}

/** Node "a" is killed, and "b" has everything. */
async function crashed(): Promise<ActorNode> {
  const b = await world.start("b", options());
  world.cluster.network.crash("a");
  await world.cluster.settled("many", "b");
  return b;
}

const wentOff = () => world.steering.log.filter((line) => line.endsWith(" note 1")).length;

/** What the node that takes over has told. */
const told = (type: NodeEvent["type"]) =>
  world.cluster.events.filter(({ node, event }) => node === "b" && event.type === type);

const TROUBLES: readonly RecordFate[] = ["lose-request", "lose-answer", "apply-late", "not-now", "refuse"];

describe("stored timers of a node that was killed", () => {
  test.each(TROUBLES.map((fate) => [fate]))(
    "all go off when every request to the store ends as %s for a while after the claims",
    async (fate) => {
      await planned();
      const b = await crashed();
      world.fate = (_, __, client) => (client === "b" ? fate : "answer");
      await world.cluster.clock.advance(20_000);
      expect(wentOff()).toBe(0);
      world.answerAll();
      await world.cluster.until("all timers", () => wentOff() >= COUNT);
      await world.cluster.clock.advance(60_000);
      expect(wentOff()).toBe(COUNT);
      expect(b.inspect().shards.every(({ owner }) => owner === "b")).toBe(true);
      expect(told("recovery-delayed").length).toBeGreaterThan(0);
    },
  );

  test("all go off when every third request to the store goes wrong, each time in another way", async () => {
    await planned();
    let request = 0;
    world.fate = (_, __, client) => {
      if (client !== "b" || ++request % 3 !== 0) return "answer";
      return TROUBLES[(request / 3) % TROUBLES.length] as RecordFate;
    };
    const b = await crashed();
    await world.cluster.until("all timers", () => wentOff() >= COUNT, 120_000);
    world.answerAll();
    await world.cluster.clock.advance(60_000);
    const read = Array.from({ length: COUNT }, (_, i) => b.ref(Many, `x${i}`).read());
    const counts = await world.cluster.ends(Promise.all(read));
    expect(counts).toEqual(counts.map(() => 1)); // what was refused to be stored is undone, and comes again
  });

  test("are listed once for all shards that are claimed together", async () => {
    await planned();
    const listings: string[] = [];
    world.fate = (operation, key, client) => {
      if (operation === "watch" && client === "b") listings.push(key);
      return "answer";
    };
    await crashed();
    await world.cluster.until("all timers", () => wentOff() === COUNT);
    expect(listings).toEqual(["timers.many"]);
  });

  test("hold up no other when one of them cannot be loaded: that is told, and tried until it can", async () => {
    await planned();
    world.fate = (operation, key) =>
      operation === "get" && key.endsWith(".x7") && key.startsWith("state.") ? "refuse" : "answer";
    const b = await crashed();
    await world.cluster.until("all others", () => wentOff() === COUNT - 1);
    const call = watched(b.ref(Many, "x7").read(undefined, { timeoutMs: 20_000 }));
    await world.cluster.clock.advance(15_000);
    expect([wentOff(), call.outcome]).toEqual([COUNT - 1, "records-refused"]);
    expect(told("load-failed").length).toBeGreaterThan(3);
    for (const { event } of told("load-failed"))
      expect(event).toMatchObject({ name: "x7", error: { code: "records-refused" }, again: true });
    world.answerAll();
    await world.cluster.until("the last one", () => wentOff() === COUNT, 15_000);
  });
});
