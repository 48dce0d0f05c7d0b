// destroy() and passivate(): what is left of an actor that has asked for its end, in memory and in the store.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ActorNode } from "../../../mod.ts";
import { HEAD, StoredWorld, watched } from "../../support/stored_world.ts";
import { hostTally, Tally, type TallyActor, tally } from "../../support/tally.ts";

/** So late comes a write of an owner that was lost. */
const LATE_MS = 40_000;
let world: StoredWorld;
beforeEach(() => {
  world = new StoredWorld(() => LATE_MS);
});
afterEach(() => world.end());

const InMemory = tally("tally", { durability: "memory" }) as unknown as typeof Tally;
type Work = (actor: TallyActor) => unknown;

async function alone(durability: string): Promise<ActorNode> {
  const contract = durability === "memory" ? InMemory : Tally;
  return await world.alone({ hosts: [hostTally(world.steering, contract)] });
}

/** Lets the actor "x" do this within a message. */
async function within(node: ActorNode, work: Work): Promise<unknown> {
  world.steering.run = work;
  return await world.cluster.ends(node.ref(Tally, "x").run(0));
}

const destroyed = () => world.cluster.seen("actor-destroyed").map(({ name }) => name);

for (const durability of ["memory", "stored"])
  describe(`an actor that is ${durability}`, () => {
    test("is gone with its timers when it destroys itself, and the next message begins a fresh one", async () => {
      const a = await alone(durability);
      await world.cluster.ends(a.ref(Tally, "x").add(5));
      await within(a, (actor) => {
        actor.schedule("note", 1, { everyMs: 1_000 });
        actor.destroy();
        actor.state.count++; // until its handler ends, it is there
        return actor.state.count;
      });
      expect(destroyed()).toEqual(["x"]);
      expect(a.inspect().actors).toEqual([]);
      await world.cluster.clock.advance(5_000);
      expect(await world.cluster.ends(a.ref(Tally, "x").read())).toBe(0);
      expect(world.steering.log).toEqual(["x first 0", "x first 0"]);
    });

    test("goes on as if nothing had been asked when its handler throws", async () => {
      const a = await alone(durability);
      await world.cluster.ends(a.ref(Tally, "x").add(5));
      const failed = within(a, (actor) => {
        actor.destroy();
        throw new Error("on purpose");
      });
      await expect(failed).rejects.toThrow("on purpose");
      expect(await world.cluster.ends(a.ref(Tally, "x").read())).toBe(5);
      expect(destroyed()).toEqual([]);
    });

    test("has all its tells go out that it sent before its end", async () => {
      const a = await alone(durability);
      await within(a, (actor) => {
        for (const name of ["y", "z", "y", "z"]) void actor.ref(Tally, name).note(1);
        actor.destroy();
      });
      const counts = ["y", "z"].map((name) => a.ref(Tally, name).read());
      expect(await world.cluster.ends(Promise.all(counts))).toEqual([2, 2]);
    });

    test("is asked no further: what waits begins the fresh one", async () => {
      const a = await alone(durability);
      const x = a.ref(Tally, "x");
      world.steering.run = (actor) => actor.destroy();
      const answers = [x.add(5), x.run(0), x.add(1), x.add(1)];
      expect(await world.cluster.ends(Promise.all(answers))).toEqual([5, undefined, 1, 2]);
    });

    test("moves without a state when it was destroyed while its shard was on its way", async () => {
      const a = await alone(durability);
      await world.cluster.ends(a.ref(Tally, "x").add(5));
      const gate = Promise.withResolvers<void>();
      world.steering.run = async (actor) => {
        await gate.promise;
        actor.destroy();
      };
      const call = watched(a.ref(Tally, "x").run(0));
      const contract = durability === "memory" ? InMemory : Tally;
      const b = await world.start("b", { hosts: [hostTally(world.steering, contract)] });
      const leave = a.leave();
      await world.cluster.settled("tally", "b");
      const waits = watched(b.ref(Tally, "x").add(1));
      gate.resolve();
      await world.cluster.ends(leave);
      await world.cluster.until("both ends", () => Boolean(call.outcome && waits.outcome));
      expect([call.outcome, waits.outcome]).toEqual(["value undefined", "value 1"]);
    });

    test("sleeps when it asks for it, unless it has timers", async () => {
      const a = await alone(durability);
      await world.cluster.ends(a.ref(Tally, "x").add(5));
      const statuses = () => a.inspect().actors.map(({ status }) => status);
      await within(a, (actor) => {
        actor.schedule("note", 1, { afterMs: 60_000 }, "later");
        actor.passivate();
      });
      expect(statuses()).toEqual(["active"]);
      await within(a, (actor) => {
        actor.unschedule("later");
        actor.passivate();
      });
      expect(statuses()).toEqual(durability === "memory" ? ["passive"] : []);
      expect(await world.cluster.ends(a.ref(Tally, "x").read())).toBe(5);
      expect(world.steering.log.at(-1)).toBe("x woken 5");
    });
  });

describe("what is stored of a destroyed actor", () => {
  test("is an empty entry before its caller hears of the end, and nothing after an hour", async () => {
    const a = await alone("stored");
    await world.cluster.ends(a.ref(Tally, "x").add(5));
    const full = world.headOf("x").value?.byteLength ?? 0;
    world.loseCommits();
    world.steering.run = (actor) => actor.destroy();
    const end = watched(a.ref(Tally, "x").run(0));
    await world.cluster.clock.advance(500);
    expect(end.outcome).toBeUndefined();
    world.answerAll();
    await world.cluster.until("the end", () => end.outcome !== undefined);
    expect(world.headOf("x").value?.byteLength).toBeLessThan(full);
    await world.cluster.clock.advance(3_500_000);
    expect(world.headOf("x").value).toBeDefined();
    await world.cluster.clock.advance(200_000);
    expect(world.headOf("x").value).toBeUndefined();
    expect(await world.cluster.ends(a.ref(Tally, "x").read())).toBe(0);
  });

  test("stays gone when its owner is killed right after the answer", async () => {
    const a = await alone("stored");
    await world.cluster.ends(a.ref(Tally, "x").add(5));
    await within(a, (actor) => {
      actor.schedule("note", 1, { afterMs: 10_000 });
      actor.destroy();
    });
    const b = await world.succeed();
    await world.cluster.clock.advance(20_000);
    expect(await world.cluster.ends(b.ref(Tally, "x").read())).toBe(0);
    expect(world.steering.log).toEqual(["x first 0", "x first 0"]);
  });

  test("refuses the late write of a former owner", async () => {
    const a = await alone("stored");
    world.fate = (operation, key, client) =>
      client === "a" && HEAD.test(key) && operation === "create" ? "apply-late" : "answer";
    void a
      .ref(Tally, "x")
      .add(5)
      .catch(() => {});
    await world.cluster.clock.advance(10);
    expect(world.writes.filter((write) => write.startsWith("a "))).toHaveLength(1);
    const next = await world.succeed();
    await within(next, (actor) => actor.destroy());
    expect(destroyed()).toEqual(["x"]);
    await world.cluster.clock.advance(LATE_MS);
    expect(await world.cluster.ends(next.ref(Tally, "x").read())).toBe(0);
  });

  test("is as it was when the store says no, and its caller hears that", async () => {
    const a = await alone("stored");
    await world.cluster.ends(a.ref(Tally, "x").add(5));
    world.fate = (operation, key) => (HEAD.test(key) && operation === "update" ? "refuse" : "answer");
    const refused = within(a, (actor) => actor.destroy());
    await expect(refused).rejects.toMatchObject({ code: "records-refused" });
    world.answerAll();
    expect(await world.cluster.ends(a.ref(Tally, "x").read())).toBe(5);
  });

  test("is kept as long as an actor of the name lives again", async () => {
    const a = await alone("stored");
    await world.cluster.ends(a.ref(Tally, "x").add(5));
    await within(a, (actor) => actor.destroy());
    const beat = async () => {
      for (let minutes = 0; minutes < 70; minutes += 5) {
        await world.cluster.clock.advance(300_000);
        await world.cluster.ends(a.ref(Tally, "x").read());
      }
    };
    await beat();
    expect(await world.cluster.ends(a.ref(Tally, "x").add(7))).toBe(7);
    expect(a.inspect().counters.commitsRefused).toBe(0);
  });
});
