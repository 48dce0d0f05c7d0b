// A store that is slow to say that a node has joined: the others know of it long before it knows itself.
import { afterEach, expect, test } from "bun:test";
import { keys } from "../../../transport/subjects.ts";
import { bareKey } from "../../support/keys_inside.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

/** Longer than a node is waited for that NATS does not find, shorter than a lease. */
const ANSWER_MS = 9_000;

test("a node whose store is slow to say that it has joined is not declared dead meanwhile, first or later", async () => {
  let isSlow = true;
  cluster = new MemoryCluster({
    casTimeoutMs: 30_000,
    recordLatencyMs: () => 1,
    answerDelayMs: (client, operation, key) => {
      const isJoin = client === "c" && bareKey(key) === keys.node("c") && operation !== "get";
      return isSlow && isJoin ? ANSWER_MS : 0;
    },
  });
  await cluster.start("a");
  await cluster.start("b");
  const before = cluster.clock.now();
  const c = await cluster.start("c");
  expect(cluster.clock.now() - before).toBeGreaterThanOrEqual(ANSWER_MS);
  expect(c.incarnation).toMatch(/^1-/);
  isSlow = false;
  await cluster.until("an open gate", () => c.inspect().gateOpen);
  await cluster.clock.advance(5_000);
  expect(cluster.seen("node-lost")).toEqual([]);

  // cut off for longer than its lease, it begins another life
  cluster.network.cut("c");
  await cluster.until("its death", () => cluster.seen("node-lost").length === 2, 30_000);
  isSlow = true;
  cluster.network.heal("c");
  await cluster.until("another life", () => c.incarnation.startsWith("2-"), 30_000);
  isSlow = false;
  await cluster.until("an open gate", () => c.inspect().gateOpen);
  await cluster.clock.advance(5_000);
  expect(cluster.seen("node-lost").map(({ incarnation }) => incarnation.slice(0, 2))).toEqual(["1-", "1-"]);
});
