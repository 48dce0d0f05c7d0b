// One process of a run: a node that hosts actors and calls them, or a client that only calls. It tells on standard
// output, as lines of JSON, what happens, and does what it reads on standard input.
import process from "node:process";
import { createInterface } from "node:readline";
import { type ActorNode, natsTransport, startNode } from "../../mod.ts";
import { shardOf } from "../../cluster/placement/placement.ts";
import { systemRandom } from "../../platform/random.ts";
import { workloadHosts } from "../workload/actors.ts";
import { Caller } from "../workload/caller.ts";
import { contracts as contractsOf, parseAddress } from "../workload/contract.ts";
import { keeperHosts, keepers as keepersOf, runningOn } from "../workload/kept.ts";
import type { Command, Explained, Line, MemberSettings } from "./lines.ts";
import { toldConnection } from "./told_connection.ts";

/** Events too many to be told one by one. */
const QUIET: ReadonlySet<string> = new Set(["actor-activated", "actor-passivated"]);
const LEAVE_DEADLINE_MS = 25_000;
const BYE_MS = 500;

const given = JSON.parse(process.argv[2] ?? "{}") as MemberSettings;
const contracts = contractsOf(given.durabilities);
const keepers = keepersOf(given.durabilities);
const random = systemRandom();
const self: { node: ActorNode | undefined } = { node: undefined };

function tell(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function nodeName(): string {
  return `${given.name}.${self.node?.incarnation ?? "?"}`;
}

async function start(): Promise<ActorNode> {
  const transport = await natsTransport({
    servers: given.servers,
    name: given.id,
    replicas: given.replicas,
    onError: (error) => process.stderr.write(`transport: ${String(error)}\n`),
  });
  const around = { contracts, node: nodeName, newId: () => random.id(), tell };
  const connection = toldConnection(transport, (acked) => tell({ type: "acked", acked }));
  return await startNode({
    ...{ name: given.name, cluster: given.cluster, transport: connection, signals: false },
    hosts: given.hosts ? [...workloadHosts(around), ...keeperHosts(around, keepers)] : [],
    settings: given.settings,
  });
}

async function tellEvents(node: ActorNode): Promise<void> {
  for await (const event of node.events()) if (!QUIET.has(event.type)) tell({ type: "event", event });
}

async function leave(node: ActorNode, told: Promise<void>): Promise<void> {
  const report = await node.leave({ deadlineMs: LEAVE_DEADLINE_MS });
  await told;
  await caller.ended();
  tell({ type: "left", report });
  exitSoon(0);
}

function explain(actor: string): Explained {
  const { kind, name } = parseAddress(actor);
  const number = shardOf(
    kind,
    name,
    [...contracts, ...keepers].find((each) => each.kind === kind)?.shards ?? 1,
  );
  const { gateOpen = false, shards = [], actors = [] } = self.node?.inspect() ?? {};
  const shard = shards.find((each) => each.kind === kind && each.shard === number);
  return { actor, gateOpen, shard, here: actors.find((each) => each.kind === kind && each.name === name) };
}

/** So that what is counted is what is held. On Deno this needs a flag of the engine; without it nothing happens. */
function collectGarbage(): void {
  if (process.versions.bun !== undefined)
    (globalThis as { Bun?: { gc(force: boolean): void } }).Bun?.gc(true);
  else (globalThis as { gc?: () => void }).gc?.();
}

/** Calls of a node that has stopped end at once; what they say has to get out before the end. */
function exitSoon(status: number): void {
  setTimeout(() => process.stdout.write("", () => process.exit(status)), BYE_MS);
}

async function obey(command: Command): Promise<void> {
  switch (command.do) {
    case "quiet":
      return tell({ type: "quiet", transfers: await caller.quiet() });
    case "resume":
      void caller.run();
      if (given.transfers) caller.transfer();
      return;
    case "ask-all":
      await caller.askAll(command.actors, command.timeoutMs);
      return tell({ type: "asked-all" });
    case "tell-running":
      return tell({
        ...{ type: "running", question: command.question },
        actors: self.node ? runningOn(self.node, keepers) : [],
      });
    case "explain":
      return tell({ type: "explained", actors: command.actors.map(explain) });
    case "census": {
      collectGarbage();
      const memory = process.memoryUsage();
      const counters = self.node?.inspect().counters ?? {};
      const census = { heapBytes: memory.heapUsed, rssBytes: memory.rss, counters };
      return tell({ type: "census", census });
    }
  }
}

const node = await start().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(3);
});
self.node = node;
const { id, seed, rate } = given;
const caller = new Caller({ id, seed, rate, contracts, keepers, node, tell });
const told = tellEvents(node);
const leaving = { yes: false };
process.once("SIGTERM", () => {
  leaving.yes = true;
  void leave(node, told);
});
createInterface({ input: process.stdin })
  .on("line", (line) => void obey(JSON.parse(line) as Command))
  .once("close", () => process.exit(1));
void node.whenStopped.then(async () => {
  if (leaving.yes) return;
  await caller.ended();
  tell({ type: "stopped", node: nodeName() });
  exitSoon(4);
});
tell({ type: "up", node: nodeName() });
void caller.run();
if (given.transfers) caller.transfer();
