// A node of the leave. On the command "leave" it hands everything over and tells how that went.
import process from "node:process";
import { natsTransport, type ShardMoved, startNode } from "../../mod.ts";
import { childSettings, followParent, tellParent } from "../child.ts";
import { ledgerHost } from "./ledger.ts";
import type { LeaveNodeSettings } from "../parts.ts";

const { name, server, cluster } = childSettings<LeaveNodeSettings>();
const transport = await natsTransport({ servers: server, name });
const node = await startNode({ name, cluster, transport, hosts: [ledgerHost()], signals: false });
const moves: Pick<ShardMoved, "actors" | "pauseMs">[] = [];

async function follow(): Promise<void> {
  for await (const event of node.events()) {
    if (event.type === "shard-moved") moves.push({ actors: event.actors, pauseMs: event.pauseMs });
  }
}

async function leave(): Promise<void> {
  const actors = node.inspect().actors.length;
  moves.length = 0;
  const report = await node.leave();
  await followed;
  await tellParent({ type: "left", actors, report, moves });
  process.exit(0);
}

const followed = follow();
followParent((command) => {
  if (command === "leave") void leave();
});
await tellParent({ type: "up" });
