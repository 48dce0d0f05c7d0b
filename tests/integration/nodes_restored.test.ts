// A real nats-server whose file store is put back to what it was some time before, while nodes run.
import { cpSync, rmSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { type ActorNode, natsTransport, startNode } from "../../mod.ts";
import { until, within } from "../support/conditions.ts";
import { ledger } from "../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../support/nats_server.ts";
import { NodeProcess, type Runtime } from "../support/node_processes.ts";

const Words = ledger({ shards: 16 });
const SETTINGS = { leaseMs: 4_000, renewMs: 400, renewTimeoutMs: 400, safeMs: 3_000 };
const TIMEOUT_MS = 60_000;

let server: NatsServer;
let caller: ActorNode;
const processes: NodeProcess[] = [];

beforeEach(async () => {
  server = await startNatsServer();
  const transport = await natsTransport({ servers: server.url, name: "caller" });
  caller = await startNode({
    name: "caller",
    cluster: "test",
    transport,
    signals: false,
    settings: SETTINGS,
  });
});

afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.end("SIGKILL")));
  await within(caller.stop(), 10_000, "the caller's end");
  await server.stop();
});

async function start(runtime: Runtime, name: string): Promise<void> {
  const started = new NodeProcess(runtime, name, "test", server, SETTINGS);
  processes.push(started);
  await started.up();
}

/** Waits until each of these nodes is in that life and they have all shards between them. */
async function served(life: number, ...names: readonly string[]): Promise<void> {
  const isServed = () => {
    const { nodes, shards, gateOpen } = caller.inspect();
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
    await start("bun", "a");
    await served(1, "a");
    const copy = (store: string) => `${store}-copy`;
    await server.restart({ between: (store) => cpSync(store, copy(store), { recursive: true }) });
    await start("deno", "b");
    await served(1, "a", "b");
    const names = Array.from({ length: 16 }, (_, i) => `n${i}`);
    for (const name of names) expect(await caller.ref(Words, name).add("before")).toBe(1);
    await server.restart({
      between: (store) => {
        rmSync(store, { recursive: true });
        cpSync(copy(store), store, { recursive: true });
      },
    });
    await served(2, "a", "b");
    expect(caller.incarnation).toMatch(/^2-/);
    for (const name of names) expect(await caller.ref(Words, name).add("after")).toBe(1);
  },
  TIMEOUT_MS,
);
