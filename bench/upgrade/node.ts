// The node of the upgrade. On the command "upgrade" it gives its actors other code in place, and tells how that went.
import process from "node:process";
import { natsTransport, type NodeEvent, startNode } from "../../mod.ts";
import { childSettings, followParent, tellParent } from "../child.ts";
import { ledgerHost, nextLedgerHost } from "../leave/ledger.ts";
import type { LeaveNodeSettings } from "../parts.ts";

const { name, server, cluster } = childSettings<LeaveNodeSettings>();
const transport = await natsTransport({ servers: server, name });
const node = await startNode({ name, cluster, transport, hosts: [ledgerHost()], signals: false });

async function upgrade(): Promise<void> {
  const shards: Pick<Extract<NodeEvent, { type: "shard-upgraded" }>, "actors" | "pauseMs">[] = [];
  const events = node.events({ types: ["shard-upgraded", "kind-upgraded"] });
  const report = await node.upgrade([nextLedgerHost()]);
  for await (const event of events) {
    if (event.type === "kind-upgraded") break;
    if (event.type === "shard-upgraded") shards.push({ actors: event.actors, pauseMs: event.pauseMs });
  }
  await tellParent({ type: "upgraded", report, shards });
}

followParent((command) => {
  if (command === "upgrade") void upgrade();
  if (command === "end") void node.kill().then(() => process.exit(0));
});
await tellParent({ type: "up" });
