// One node of the cluster, as a process of its own. It tells on standard output, as lines of JSON, what happens.
//
//   bun run node_process.ts <name> <cluster> <server> <release>
//   deno run --allow-net=127.0.0.1:<port> node_process.ts <name> <cluster> <server> <release>
//
// A line on standard input lets it upgrade its actors in place to the second release. SIGTERM lets it hand over its actors
// and go. It also goes, at once, when its parent is gone.
import process from "node:process";
import { createInterface } from "node:readline";
import { type ActorNode, natsTransport, startNode } from "../../../mod.ts";
import { activityHosts } from "../actors.ts";
import type { Line } from "./processes.ts";

/** Events too many to be told one by one. */
const QUIET: ReadonlySet<string> = new Set(["actor-activated", "actor-passivated", "shard-owned"]);
const LEAVE_DEADLINE_MS = 25_000;

const [name = "node", cluster = "git-activity", servers = "nats://127.0.0.1:4222", release = "1"] =
  process.argv.slice(2);

const transport = await natsTransport({ servers, name });
const hosts = activityHosts(release === "2" ? 2 : 1);
const node = await startNode({ name, cluster, transport, hosts, signals: false });
const told = tellEvents(node);
process.once("SIGTERM", () => void leave());
process.stdin.once("end", () => process.exit(1));
createInterface({ input: process.stdin }).on("line", () => void upgrade());
await print({ type: "up" });

async function leave(): Promise<void> {
  const report = await node.leave({ deadlineMs: LEAVE_DEADLINE_MS });
  await told;
  await print({ type: "left", leftOver: report.leftOver + report.recovered });
  process.exit(0);
}

async function upgrade(): Promise<void> {
  await print({ type: "upgraded", report: await node.upgrade(activityHosts(2)) });
}

async function tellEvents(of: ActorNode): Promise<void> {
  for await (const event of of.events()) {
    if (!QUIET.has(event.type)) await print({ type: "event", event });
  }
}

function print(line: Line): Promise<void> {
  return new Promise((resolve) => process.stdout.write(`${JSON.stringify(line)}\n`, () => resolve()));
}
