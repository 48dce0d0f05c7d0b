import { afterEach, describe, expect, test } from "bun:test";
import { type NodeOptions, startNode } from "../../../mod.ts";
import type { RecordOperation } from "../../../transport/memory/records.ts";
import { countedClock, countedConnection, nothingOpen } from "../../support/counted.ts";
import { hostLedger, Ledger, ledger, steering } from "../../support/ledger.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";
import { bareKey } from "../../support/keys_inside.ts";

let cluster: MemoryCluster;
afterEach(async () => {
  await cluster.close();
});

type Lost = (client: string, operation: RecordOperation, key: string) => boolean;

function newCluster(isLost: Lost = () => false): MemoryCluster {
  cluster = new MemoryCluster({
    recordFilter: (client, operation, _, key) => (isLost(client, operation, key) ? "lose-request" : "answer"),
  });
  return cluster;
}

/** A start that fails: what is open afterwards, and whether its connection is closed. */
async function failed(options: NodeOptions) {
  const open = nothingOpen();
  const connection = cluster.network.connect("wrong");
  const transport = countedConnection(connection, open);
  const clock = countedClock(cluster.clock, open);
  const { error } = await cluster.outcome(
    startNode({ name: "wrong", cluster: "test", ...options, transport, clock }),
    100_000,
  );
  await cluster.clock.advance(60_000);
  return { code: error?.code, open, connected: connection.transport.connected };
}

describe("startNode() that fails closes all that it opened", () => {
  test.each([
    ["options that cannot work", { settings: { windowMax: 0 } }, "invalid-configuration"],
    ["a name in use", { name: "a" }, "invalid-configuration"],
    [
      "another number of shards",
      { hosts: [hostLedger(steering(), ledger({ shards: 4 }))] },
      "invalid-configuration",
    ],
  ] as [string, NodeOptions, string][])("for %s", async (_, options, code) => {
    newCluster();
    await cluster.start("a", { hosts: [hostLedger()] });
    expect(await failed(options)).toEqual({ code, open: nothingOpen(), connected: false });
  });

  test.each([
    ["the watch", (_: string, operation: string) => operation === "watch"],
    ["the generation", (_: string, _operation: string, key: string) => key === "generation"],
    [
      "its own record",
      (_: string, operation: string, key: string) => bareKey(key) === "nodes.wrong" && operation !== "get",
    ],
  ] as [string, Lost][])("when there is no answer about %s", async (_, isLost) => {
    newCluster((client, operation, key) => client === "wrong" && isLost(client, operation, key));
    await cluster.start("a", { hosts: [hostLedger()] });
    const seen = await failed({ hosts: [hostLedger()] });
    expect(seen).toEqual({ code: "records-unavailable", open: nothingOpen(), connected: false });
  });
});

describe("the end of a node", () => {
  test("comes once, however often and in whatever order it is asked for", async () => {
    newCluster();
    const a = await cluster.start("a", { hosts: [hostLedger()] });
    await cluster.start("b", { hosts: [hostLedger()] });
    await cluster.settled("ledger", "a", "b");
    let stops = 0;
    void a.whenStopped.then(() => stops++);
    const leaves = [a.leave(), a.leave({ deadlineMs: 1 })];
    const [first, second] = await cluster.ends(Promise.all(leaves));
    expect(second).toBe(first as never);
    await cluster.ends(Promise.all([a.kill(), a.kill(), a[Symbol.asyncDispose](), a.whenStopped]), 10);
    expect([stops, await cluster.ends(a.leave(), 10)]).toEqual([1, first as never]);
  });

  test("by stop() during a leave ends that leave soon", async () => {
    newCluster();
    const gates = new Map([["slow", new Promise(() => {})]]);
    const a = await cluster.start("a", { hosts: [hostLedger(steering({ gates }))] });
    await cluster.settled("ledger", "a");
    void cluster.outcome(a.ref(Ledger, "slow").hold("x"));
    await cluster.clock.advance(10);
    const leaving = a.leave();
    await cluster.clock.advance(100);
    await cluster.ends(a.kill(), 10);
    expect(await cluster.ends(leaving, 1_100)).toMatchObject({ moved: 0, parked: 0 });
    await cluster.ends(a.whenStopped, 10);
  });
});
