// A node of the recovery: the one that is killed fills the store first, and its heir tells how it took over.
import { type ActorNode, type NodeEvent, natsTransport, startNode } from "../../mod.ts";
import { bucketOf } from "../../transport/subjects.ts";
import { childSettings, followParent, tellParent } from "../child.ts";
import type { RecoveryNodeSettings } from "../parts.ts";
import { Reminder, reminderHost } from "./reminder.ts";

const IN_FLIGHT = 256;
/** Nothing moves: what the heir gets it has to claim. */
const NEVER_MS = 86_400_000;
const ASK_TIMEOUT_MS = 60_000;

const { name, server, cluster, timers, entries, asked, dueAt } = childSettings<RecoveryNodeSettings>();
const transport = await natsTransport({ servers: server, name });
const wentOff = new Map<string, number>();
let onGoOff = () => {};
const hosts = [
  reminderHost((actor) => {
    wentOff.set(actor, (wentOff.get(actor) ?? 0) + 1);
    onGoOff();
  }),
];
const node = await startNode({
  name,
  cluster,
  transport,
  hosts,
  signals: false,
  settings: { settleMs: NEVER_MS },
});
const bucket = `${bucketOf(cluster)}-stored`;
const nameOf = (index: number) => `reminder-${index}`;

async function inParallel(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

/** Waits for an event for which that holds. */
function event(of: ActorNode, holds: (event: NodeEvent) => boolean): Promise<void> {
  return (async () => {
    for await (const each of of.events()) if (holds(each)) return;
  })();
}

async function fill(): Promise<void> {
  const records = await transport.records(bucket);
  const value = new Uint8Array(100);
  await inParallel(entries, (i) => records.create(`state.others.${i % 256}.name${i}`, value));
  await inParallel(timers, (i) => node.ref(Reminder, nameOf(i)).plan({ afterMs: dueAt - Date.now() }));
  await tellParent({ type: "filled" });
}

/** Requests about records and their changes so far, as the server counts them. */
async function requests(): Promise<{ asked: number; written: number }> {
  const [account, stream] = await Promise.all(
    ["INFO", `STREAM.INFO.KV_${bucket}`].map(async (what) =>
      (await transport.client.request(`$JS.API.${what}`, "", { timeout: ASK_TIMEOUT_MS })).json<{
        api: { total: number };
        state: { last_seq: number };
      }>(),
    ),
  );
  return { asked: account?.api.total ?? 0, written: stream?.state.last_seq ?? 0 };
}

async function answer(index: number): Promise<void> {
  for (;;) {
    try {
      await node.ref(Reminder, nameOf(index)).read(undefined, { timeoutMs: ASK_TIMEOUT_MS });
      return;
    } catch (error) {
      if ((error as { retryable?: boolean }).retryable !== true) throw error;
    }
  }
}

/** From the moment at which the other one is killed. */
async function takeOver(): Promise<void> {
  const counts: Record<string, number> = {};
  const before = await requests();
  const startMs = performance.now();
  const since = () => performance.now() - startMs;
  const told = event(node, ({ type }) => {
    counts[type] = (counts[type] ?? 0) + 1;
    return false;
  });
  void told;
  let owned = 0;
  let claimedMs = 0;
  const served = event(node, (each) => {
    if (each.type !== "shard-owned" || each.how !== "claimed") return false;
    if (owned === 0) claimedMs = since();
    return ++owned === Reminder.shards;
  }).then(since);
  const claimed = event(node, (each) => each.type === "shard-owned" && each.how === "claimed");
  const answered = claimed
    .then(() => Promise.all(Array.from({ length: asked }, (_, index) => answer(index))))
    .then(() => since() - claimedMs);
  const gone = new Promise<number>((resolve) => {
    onGoOff = () => wentOff.size === timers && resolve(since());
  });
  const [servedMs, answeredMs, goneMs] = await Promise.all([served, answered, gone]);
  const after = await requests();
  await tellParent({
    type: "recovered",
    claimedMs,
    servedMs,
    answeredMs,
    goneMs,
    again: [...wentOff.values()].reduce((sum, times) => sum + times - 1, 0),
    activations: counts["actor-activated"] ?? 0,
    pauses: counts.paused ?? 0,
    delays: (counts["recovery-delayed"] ?? 0) + (counts["load-failed"] ?? 0),
    requests: after.asked - before.asked,
    writes: after.written - before.written,
  });
}

followParent((command) => {
  if (command === "fill") void fill();
  if (command === "take over") void takeOver();
});
await tellParent({ type: "up" });
