import { afterEach, describe, expect, test } from "bun:test";
import { hostLedger, Ledger, steering } from "../../support/ledger.ts";
import { MemoryCluster, type Outcome, signalled } from "../../support/memory_cluster.ts";

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

interface Cut {
  /** How the calls ended so far, by name of the actor. */
  readonly ends: Map<string, Outcome<unknown>>;
}

/** A node with running handlers, one that will return and one that will throw, whose connection is then lost. */
async function cutWhileRunning(timeoutMs: number): Promise<Cut & { finish: () => void }> {
  cluster = new MemoryCluster();
  const gate = signalled();
  const run = async (actor: { name: string }) => {
    await gate.promise;
    if (actor.name === "throws") throw new Error("on purpose");
    return actor.name;
  };
  const node = await cluster.start("a", { hosts: [hostLedger(steering({ run }))] });
  await cluster.settled("ledger", "a");
  const ends = new Map<string, Outcome<unknown>>();
  const call = (label: string, name = label) =>
    node
      .ref(Ledger, name)
      .run(undefined, { timeoutMs })
      .then(
        (value) => void ends.set(label, { value }),
        (error: Error) => void ends.set(label, { error }),
      );
  void call("returns");
  void call("throws");
  void call("waits", "returns");
  await cluster.clock.advance(20);
  cluster.network.cut("a");
  return { ends, finish: () => gate.resolve() };
}

const codes = (ends: Cut["ends"]) =>
  Object.fromEntries([...ends].map(([name, { value, error }]) => [name, error?.code ?? value]));

describe("an answer to a caller on the same node", () => {
  test("waits while the gate is closed, a result as well as an error, and comes when it opens", async () => {
    const { ends, finish } = await cutWhileRunning(20_000);
    finish();
    await cluster.clock.advance(5_000);
    expect(codes(ends)).toEqual({});
    cluster.network.heal("a");
    await cluster.until("all ends", () => ends.size === 3);
    expect(codes(ends)).toEqual({ returns: "returns", throws: "handler-error", waits: "returns" });
  });

  test("does not outlast the deadline of its call, which ends in time as unknown", async () => {
    const { ends, finish } = await cutWhileRunning(2_000);
    finish();
    await cluster.clock.advance(1_900);
    expect(codes(ends)).toEqual({});
    await cluster.clock.advance(200);
    const unknown = "outcome-unknown";
    expect(codes(ends)).toEqual({ returns: unknown, throws: unknown, waits: unknown });
    cluster.network.heal("a");
    await cluster.clock.advance(5_000);
    expect(codes(ends)).toEqual({ returns: unknown, throws: unknown, waits: unknown });
  });

  test("is void when the node is fenced: unknown if it was handled, a refusal if it never was", async () => {
    const { ends, finish } = await cutWhileRunning(120_000);
    await cluster.start("b");
    finish();
    await cluster.until("a lost node", () => cluster.seen("node-lost").length > 0);
    expect(codes(ends)).toEqual({});
    cluster.network.heal("a");
    await cluster.until("a fenced node", () => cluster.seen("fenced").length > 0);
    await cluster.clock.advance(100);
    expect(codes(ends)).toEqual({
      returns: "outcome-unknown",
      throws: "outcome-unknown",
      waits: "unavailable",
    });
  });
});
