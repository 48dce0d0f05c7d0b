// Calls to a kind that this node has not heard of: the leader is asked first, and that may take longer than the call may.
import { afterEach, describe, expect, test } from "bun:test";
import type { ActorNode, Settings } from "../../../mod.ts";
import { hostLedger, steering } from "../../support/ledger.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";
import { bareKey } from "../../support/keys_inside.ts";

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

async function withSilentRecords(settings: Partial<Settings> = {}): Promise<{ node: ActorNode }> {
  cluster = new MemoryCluster({
    recordFilter: (_node, operation, _bucket, key) =>
      operation === "get" && bareKey(key).startsWith("kinds.") ? "lose-request" : "answer",
  });
  return { node: await cluster.start("caller", { settings }) };
}

describe("a call to a kind that is not known, while the records do not answer,", () => {
  test("ends at its deadline", async () => {
    const { node } = await withSilentRecords();
    const call = node.call("strange", "x", "y", 1, { timeoutMs: 100 });
    const { error } = await cluster.outcome(call, 150);
    expect(error).toMatchObject({ code: "deadline-exceeded", retryable: true });
    expect(error?.message).toContain('kind "strange" is not known here');
  });

  test("ends when its caller gives it up, at once if he already has", async () => {
    const { node } = await withSilentRecords();
    const controller = new AbortController();
    const { signal } = controller;
    const call = cluster.outcome(node.call("strange", "x", "y", 1, { signal }), 50);
    controller.abort();
    expect((await call).error?.code).toBe("aborted");
    expect((await cluster.outcome(node.call("strange", "x", "y", 1, { signal }), 0)).error?.code).toBe(
      "aborted",
    );
  });

  test("is refused at once for what cannot be sent", async () => {
    const { node } = await withSilentRecords();
    const code = async (call: Promise<unknown>) => (await cluster.outcome(call, 0)).error?.code;
    expect(await code(node.call("strange", "x", "y", 1, { timeoutMs: -1 }))).toBe("invalid-argument");
    expect(await code(node.call("strange", "x", "y", () => 1))).toBe("invalid-argument");
    expect(await code(node.call("strange", "x", "y", new Uint8Array(10_000_000)))).toBe("too-large");
  });

  test("ends when its node does", async () => {
    const { node } = await withSilentRecords();
    const call = cluster.outcome(node.call("strange", "x", "y", 1), 50);
    await cluster.ends(node.leave({ deadlineMs: 0 }));
    expect((await call).error?.code).toBe("node-stopped");
  });

  test("takes room among what waits on the node, and gives it back", async () => {
    const { node } = await withSilentRecords({ waitingBytesMax: 2_000 });
    const argument = "z".repeat(500);
    const call = () => cluster.outcome(node.call("strange", "x", "y", argument, { timeoutMs: 50 }));
    const codes = async () => (await Promise.all([1, 2, 3].map(call))).map(({ error }) => error?.code);
    const expected = ["deadline-exceeded", "deadline-exceeded", "busy"];
    expect(await codes()).toEqual(expected);
    expect(await codes()).toEqual(expected);
  });
});

test("what was sent before a kind was known goes out unchanged and in order, also what came in between", async () => {
  const mine = (node: string) => node === "caller";
  cluster = new MemoryCluster({
    watchDelayMs: (node) => (mine(node) ? 300 : 0),
    recordLatencyMs: (node) => (mine(node) ? 20 : 0),
  });
  const caller = await cluster.start("caller");
  const heard: unknown[] = [];
  const owner = await cluster.start("owner", {
    hosts: [hostLedger(steering({ run: (_, said) => heard.push(said) }))],
  });
  await cluster.until("owned shards", () => owner.inspect().shards.length > 0);
  const argument = ["1"];
  const sent = [caller.call("ledger", "x", "run", argument)];
  argument.push("changed later");
  await cluster.clock.advance(10);
  sent.push(caller.call("ledger", "x", "run", ["2"]));
  await cluster.clock.advance(40); // the leader has answered, and the watch has not
  sent.push(caller.call("ledger", "x", "run", ["3"]));
  await cluster.ends(Promise.all(sent));
  expect(heard).toEqual([["1"], ["2"], ["3"]]);
});
