// The load of a leave, a join or an upgrade: it fills the nodes with actors, sends them numbered asks and tells all the while, and
// reads every actor's book at the end.
import process from "node:process";
import { shardOf } from "../../cluster/placement/placement.ts";
import { type ActorNode, natsTransport, type Ref, startNode } from "../../mod.ts";
import { childSettings, followParent, tellParent } from "../child.ts";
import { Ledger } from "./ledger.ts";
import type { LoadSettings, SaidChecked } from "../parts.ts";
import { median } from "../statistics.ts";

const TICK_MS = 5;
const TELLS_PER_TICK = 10;
const PROBES = 64;
const CONCURRENCY = 256;
const SETTLE_TIMEOUT_MS = 20_000;
const LAST_TIMEOUT_MS = 30_000;

/** One actor, and what was sent to it. */
interface Target {
  readonly ref: Ref<typeof Ledger>;
  next: number;
  done: number;
}

/** One actor that is asked again and again; how long it was silent. */
interface Probe {
  readonly target: Target;
  answeredAt: number;
  readonly gapsBefore: number[];
  longestGap: number;
}

const settings = childSettings<LoadSettings>();
const transport = await natsTransport({ servers: settings.server, name: "load" });
const { cluster } = settings;
const node = await startNode({ name: "load", cluster, transport, hosts: [], signals: false });
const failures: Record<string, number> = {};
const count = { asks: 0, tells: 0, failed: 0 };
const phase = { leaving: false, over: false };

function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, TICK_MS));
}

/** Waits until each of the nodes has its share of the shards: nothing else moves then. */
async function settled(of: ActorNode): Promise<void> {
  const startMs = performance.now();
  const share = Ledger.shards / settings.nodes.length;
  for (;;) {
    const owned = of.inspect().shards.filter(({ state }) => state === "owned");
    const counts = settings.nodes.map((name) => owned.filter(({ owner }) => owner === name).length);
    if (counts.every((count) => count === share)) return;
    if (performance.now() - startMs > SETTLE_TIMEOUT_MS)
      throw new Error(
        `Cannot begin: the nodes have ${counts.join(" and ")} shards, and should have ${share} each`,
      );
    await tick();
  }
}

/** Names whose shards are owned by those nodes. */
function namesOn(owners: readonly string[], wanted: number): string[] {
  const { shards } = node.inspect();
  const owned = new Set(shards.filter(({ owner }) => owners.includes(owner)).map(({ shard }) => shard));
  const found: string[] = [];
  for (let i = 0; found.length < wanted; i++) {
    const name = `ledger-${i}`;
    if (owned.has(shardOf(Ledger.kind, name, Ledger.shards))) found.push(name);
  }
  return found;
}

async function send(target: Target, type: "ask" | "tell"): Promise<void> {
  const number = target.next++;
  try {
    await target.ref[type](number);
    count[type === "ask" ? "asks" : "tells"]++;
    target.done++;
  } catch (error) {
    count.failed++;
    const code = (error as { code?: string }).code ?? String(error);
    failures[code] = (failures[code] ?? 0) + 1;
  }
}

async function inParallel(targets: readonly Target[], work: (target: Target) => Promise<void>) {
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < targets.length; at = next++) await work(targets[at] as Target);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

async function probing(probe: Probe): Promise<void> {
  while (!phase.over) {
    await send(probe.target, "ask");
    const now = performance.now();
    const gap = now - probe.answeredAt;
    probe.answeredAt = now;
    if (!phase.leaving) probe.gapsBefore.push(gap);
    else probe.longestGap = Math.max(probe.longestGap, gap);
    await tick();
  }
}

async function telling(targets: readonly Target[]): Promise<void> {
  const sent: Promise<void>[] = [];
  let next = 0;
  while (!phase.over) {
    for (let i = 0; i < TELLS_PER_TICK; i++)
      sent.push(send(targets[next++ % targets.length] as Target, "tell"));
    await tick();
  }
  await Promise.all(sent);
}

async function check(targets: readonly Target[], probes: readonly Probe[]): Promise<SaidChecked> {
  let lost = 0;
  let doubled = 0;
  await inParallel(targets, async ({ ref, done }) => {
    const book = await ref.read(undefined, { timeoutMs: LAST_TIMEOUT_MS });
    lost += Math.max(0, done - book.handled);
    doubled += book.doubled;
  });
  const baselineMs = median(probes.flatMap(({ gapsBefore }) => gapsBefore));
  const pausesMs = probes.map(({ longestGap }) => Math.max(0, longestGap - baselineMs));
  return { type: "checked", lost, doubled, ...count, failures, baselineMs, pausesMs };
}

followParent((command) => {
  if (command === "leaving") phase.leaving = true;
  if (command === "stop") phase.over = true;
});
await settled(node);
const targets = namesOn(settings.from, settings.actors).map((name) => {
  return { ref: node.ref(Ledger, name), next: 0, done: 0 };
});
await inParallel(targets, (target) => send(target, "ask"));
count.asks = 0;
const stride = Math.max(1, Math.floor(targets.length / PROBES));
const probes = targets
  .filter((_, index) => index % stride === 0)
  .slice(0, PROBES)
  .map((target): Probe => ({ target, answeredAt: performance.now(), gapsBefore: [], longestGap: 0 }));
const load = Promise.all([telling(targets), ...probes.map(probing)]);
for (let ticks = 0; ticks * TICK_MS < settings.baselineMs; ticks++) await tick();
await tellParent({ type: "ready" });
await load;
await tellParent(await check(targets, probes));
await node.kill();
process.exit(0);
