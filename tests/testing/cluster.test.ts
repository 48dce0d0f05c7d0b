import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { Actor } from "../../actors/actor.ts";
import { ask, defineActor } from "../../actors/contract.ts";
import { host } from "../../actors/host.ts";
import { SimulatedCluster, SimulationError } from "../../testing/cluster.ts";

const Counter = defineActor("counter", {
  state: z.strictObject({ count: z.number().int() }),
  stateVersion: 1,
  shards: 4,
  messages: { add: ask(z.number().int(), z.number().int()) },
});

class CounterActor extends Actor<typeof Counter> {
  static initialState() {
    return { count: 0 };
  }
  add(by: number): number {
    this.state.count += by;
    return this.state.count;
  }
}

const HOSTS = [host(Counter, CounterActor)];
const NAMES = ["a", "b", "c", "d", "e", "f"];

async function addAll(cluster: SimulatedCluster, node: string): Promise<number[]> {
  const refs = NAMES.map((name) => cluster.node(node).ref(Counter, name));
  return await cluster.ends("all answers", Promise.all(refs.map((ref) => ref.add(1))), 5_000);
}

describe("SimulatedCluster", () => {
  test("start() gives actors the environment of the test, a fake", async () => {
    class Times extends CounterActor {
      readonly #factor: number;
      constructor(factor: number) {
        super();
        this.#factor = factor;
      }
      override add(by: number): number {
        return super.add(by * this.#factor);
      }
    }
    const hosts = [host(Counter, (env: { factor: number }) => new Times(env.factor))];
    await using cluster = new SimulatedCluster({ seed: 1 });
    const node = await cluster.start("n1", hosts, { env: { factor: 7 } });
    expect(await cluster.ends("an answer", node.ref(Counter, "a").add(3))).toBe(21);
  });

  test("leave() hands every actor over with its state", async () => {
    await using cluster = new SimulatedCluster({ seed: 1 });
    await cluster.start("n1", HOSTS);
    await addAll(cluster, "n1");
    await cluster.start("n2", HOSTS);
    const report = await cluster.leave("n1");
    expect(report).toMatchObject({ recovered: 0, leftOver: 0 });
    expect([...cluster.nodes.keys()]).toEqual(["n2"]);
    expect(await addAll(cluster, "n2")).toEqual(NAMES.map(() => 2));
  });

  test("upgrade() gives actors other code in place", async () => {
    const CountedTwice = defineActor("counter", { ...Counter, stateVersion: 2 });
    class Doubled extends CounterActor {
      static upgrade(_from: number, old: unknown) {
        return { count: 100 * (old as { count: number }).count };
      }
    }
    await using cluster = new SimulatedCluster({ seed: 1 });
    await cluster.start("n1", HOSTS);
    await addAll(cluster, "n1");
    const report = await cluster.upgrade("n1", [host(CountedTwice, Doubled)]);
    expect(report).toMatchObject({ upgraded: 4, actors: NAMES.length, kept: [] });
    expect(await addAll(cluster, "n1")).toEqual(NAMES.map(() => 101));
  });

  test("crash() loses memory: actors begin again elsewhere once the lease has run out", async () => {
    await using cluster = new SimulatedCluster({ seed: 2 });
    await cluster.start("n1", HOSTS);
    await addAll(cluster, "n1");
    await cluster.start("n2", HOSTS, { weight: 0 });
    cluster.crash("n1");
    await cluster.start("n3", HOSTS);
    const owners = () =>
      cluster
        .node("n3")
        .inspect()
        .shards.map(({ owner }) => owner);
    await cluster.until("n3 to own all", () => owners().every((owner) => owner === "n3"), 30_000);
    expect(await addAll(cluster, "n2")).toEqual(NAMES.map(() => 1));
  });

  test("cut() pauses a node, and heal() lets it go on where it was", async () => {
    await using cluster = new SimulatedCluster({ seed: 3 });
    const node = await cluster.start("n1", HOSTS);
    await addAll(cluster, "n1");
    cluster.cut("n1");
    await cluster.advance(1_000);
    expect(node.inspect().gateOpen).toBe(false);
    cluster.heal("n1");
    await cluster.until("an open gate", () => node.inspect().gateOpen, 5_000);
    expect(await addAll(cluster, "n1")).toEqual(NAMES.map(() => 2));
  });

  test("until() fails with seed, phase, what was expected, what is, and how to repeat it", async () => {
    await using cluster = new SimulatedCluster({ seed: 4, repeat: "run 4" });
    cluster.phase = "waiting";
    const failed = cluster
      .until(
        "rain",
        () => false,
        20,
        () => "sun",
      )
      .catch((error: unknown) => error);
    const error = (await failed) as SimulationError;
    expect(error).toBeInstanceOf(SimulationError);
    expect(error.message).toBe(
      'seed 4, phase "waiting": expected rain within 20 ms, actual: sun; repeat with: run 4',
    );
  });

  test("node() fails for a name that no running node has", async () => {
    await using cluster = new SimulatedCluster({ seed: 5 });
    expect(() => cluster.node("n1")).toThrow('expected a node "n1"');
  });
});
