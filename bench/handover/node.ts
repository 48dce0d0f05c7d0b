// A node of a leave, a join or an upgrade in place. On a command it hands everything over or takes its next code, and tells how that went.
import process from "node:process";
import { natsTransport, startNode } from "../../mod.ts";
import { childSettings, followParent, tellParent } from "../child.ts";
import { ownCpuUs } from "../measure.ts";
import { ledgerHost, nextLedgerHost } from "./ledger.ts";
import type { Handed, HandoverNodeSettings, HandedShard } from "../parts.ts";

const { name, server, cluster, takes } = childSettings<HandoverNodeSettings>();
const transport = await natsTransport({ servers: server, name });
const node = await startNode({ name, cluster, transport, hosts: [ledgerHost()], signals: false });
const upAt = Date.now();
let cpuUs = ownCpuUs();
let shards: HandedShard[] = [];
let taken = 0;
let takenAt = 0;

async function follow(): Promise<void> {
  for await (const event of node.events({ types: ["shard-moved", "shard-upgraded", "shard-owned"] })) {
    if (event.type === "shard-moved") {
      const { actors, pauseMs, durationMs, at } = event;
      shards.push({ actors, pauseMs, beganAt: at - durationMs });
    } else if (event.type === "shard-upgraded") {
      shards.push({ actors: event.actors, pauseMs: event.pauseMs, beganAt: event.at - event.pauseMs });
    } else if (event.type === "shard-owned" && event.how === "handed-off") {
      taken++;
      takenAt = event.at;
      if (taken === takes) await tellParent({ type: "taken" });
    }
  }
}

function handed(): Handed {
  return { shards, upAt, taken, takenAt, cpuUs: ownCpuUs() - cpuUs };
}

async function leave(): Promise<void> {
  const report = await node.leave();
  await followed;
  await tellParent({ type: "left", report, handed: handed() });
  process.exit(0);
}

async function upgrade(): Promise<void> {
  const report = await node.upgrade([nextLedgerHost()]);
  while (shards.length < report.upgraded) await new Promise((resolve) => setTimeout(resolve, 1)); // their events come
  await tellParent({ type: "upgraded", report, handed: handed() });
}

const followed = follow();
followParent((command) => {
  if (command === "begin") {
    cpuUs = ownCpuUs();
    shards = [];
  } else if (command === "leave") void leave();
  else if (command === "upgrade") void upgrade();
  else if (command === "tell") void tellParent({ type: "handed", handed: handed() });
});
await tellParent({ type: "up" });
