// A real nats-server whose file store is put back to what it was some time before, while nodes run.
import { cpSync, rmSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { until } from "../../support/conditions.ts";
import { ledger } from "../../support/ledger.ts";
import { ProcessCluster } from "../../support/processes/process_cluster.ts";

const Words = ledger({ shards: 16 });
const SETTINGS = { leaseMs: 4_000, renewMs: 400, renewTimeoutMs: 400, safeMs: 3_000 };
const TIMEOUT_MS = 60_000;

let cluster: ProcessCluster;

beforeEach(async () => {
  cluster = await ProcessCluster.begin(SETTINGS);
});

afterEach(() => cluster.end());

/** Waits until each of these nodes is in that life and they have all shards between them. */
async function served(life: number, ...names: readonly string[]): Promise<void> {
  const isServed = () => {
    const { nodes, shards, gateOpen } = cluster.caller.inspect();
    const lives = nodes.filter(
      ({ node, incarnation }) => names.includes(node) && incarnation.startsWith(`${life}-`),
    );
    const owned = shards.filter(({ state, owner }) => state === "owned" && names.includes(owner));
    return gateOpen && lives.length === names.length && owned.length === 16;
  };
  await until(`16 shards in life ${life} of ${names.join(" and ")}`, isServed, { timeoutMs: 30_000 });
}

test(
  "all nodes join another generation and serve again when the store of the server went back",
  async () => {
    await cluster.start("bun", "a");
    await served(1, "a");
    const copy = (store: string) => `${store}-copy`;
    await cluster.server.restart({ between: (store) => cpSync(store, copy(store), { recursive: true }) });
    await cluster.start("deno", "b");
    await served(1, "a", "b");
    const names = Array.from({ length: 16 }, (_, i) => `n${i}`);
    for (const name of names) expect(await cluster.caller.ref(Words, name).add("before")).toBe(1);
    await cluster.server.restart({
      between: (store) => {
        rmSync(store, { recursive: true });
        cpSync(copy(store), store, { recursive: true });
      },
    });
    await served(2, "a", "b");
    expect(cluster.caller.incarnation).toMatch(/^2-/);
    for (const name of names) expect(await cluster.caller.ref(Words, name).add("after")).toBe(1);
  },
  TIMEOUT_MS,
);
