// What leaves, joins and upgrades in place have in common: actors change hands while they are asked and told without a break.
import type { Bench } from "../bench.ts";
import type { Handed, SaidChecked, SaidHanded } from "../parts.ts";
import type { MeasuringProcess } from "../processes.ts";
import type { Runtime } from "../../tests/support/processes/runtimes.ts";
import { percentile } from "../statistics.ts";

const START_TIMEOUT_MS = 60_000;
export const HANDOVER_TIMEOUT_MS = 120_000;
/** Of load before anything happens. */
const BASELINE_MS = 1_000;

/** How one handover went. */
export interface HandoverFigures {
  readonly how: "leave" | "join" | "upgrade";
  /** The runtimes of who gives and of who takes; of an upgrade the same. */
  readonly from: Runtime;
  readonly to: Runtime;
  /** All that there were. */
  readonly actors: number;
  /** Those that changed hands. */
  readonly moved: number;
  readonly seconds: number;
  readonly shards: number;
  readonly lateActors: number;
  /** Shards that were left over or kept, and actors that began again without their state. */
  readonly kept: number;
  readonly lost: number;
  readonly doubled: number;
  readonly failed: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly asks: number;
  readonly tells: number;
  /** CPU of those who give and of those who take for each actor that changed hands, with the load that they serve meanwhile; in microseconds. */
  readonly giverUs: number;
  readonly takerUs: number;
  /** Of every actor: its shard's pause, as its former owner tells it. */
  readonly pauseP50Ms: number;
  readonly pauseP99Ms: number;
  /** Of the probed actors: the longest time between two answers, less the usual one. Includes all queueing. */
  readonly silenceP50Ms: number;
  readonly silenceP99Ms: number;
  /** Of a join: from the node's start to the first move. */
  readonly calmMs?: number;
}

/** Nodes with actors on them, and a load that has begun. */
export interface UnderLoad {
  readonly nodes: readonly MeasuringProcess[];
  /** Ends it all, and tells what the load has seen. */
  end(): Promise<SaidChecked>;
}

/** Starts nodes by their names, and what asks and tells the actors of those in `from`. */
export async function underLoad(
  bench: Bench,
  cluster: string,
  runtimes: Readonly<Record<string, Runtime>>,
  load: { readonly runtime: Runtime; readonly from: readonly string[]; readonly actors: number },
): Promise<UnderLoad> {
  const { url: server } = bench.server;
  const names = Object.keys(runtimes);
  const nodes = Object.entries(runtimes).map(([name, runtime]) =>
    bench.start(runtime, "handover/node.ts", { name, server, cluster }),
  );
  await Promise.all(nodes.map((node) => node.next("up", START_TIMEOUT_MS)));
  const { runtime, from, actors } = load;
  const settings = { server, cluster, actors, from, nodes: names, baselineMs: BASELINE_MS };
  const calling = bench.start(runtime, "handover/load.ts", settings);
  await calling.next("ready", START_TIMEOUT_MS);
  for (const node of nodes) node.command("begin");
  calling.command("leaving");
  const end = async () => {
    calling.command("stop");
    const checked = await calling.next<SaidChecked>("checked", HANDOVER_TIMEOUT_MS);
    await bench.endAll();
    return checked;
  };
  return { nodes, end };
}

/** What a node has given and taken so far. */
export async function handedBy(node: MeasuringProcess): Promise<Handed> {
  node.command("tell");
  return (await node.next<SaidHanded>("handed", HANDOVER_TIMEOUT_MS)).handed;
}

/** What is known of a handover beside what its nodes and its load have seen. */
export type HandoverFacts = Pick<
  HandoverFigures,
  "how" | "from" | "to" | "actors" | "seconds" | "lateActors" | "kept" | "calmMs"
>;

/** The figures of what was seen. */
export function figuresOf(
  facts: HandoverFacts,
  givers: readonly Handed[],
  takers: readonly Handed[],
  checked: SaidChecked,
): HandoverFigures {
  const { lost, doubled, failed, failures, asks, tells, pausesMs } = checked;
  const shards = givers.flatMap((each) => each.shards);
  const ofActors = shards.flatMap(({ actors, pauseMs }) => new Array<number>(actors).fill(pauseMs));
  const moved = ofActors.length;
  const usForEach = (nodes: readonly Handed[]) => {
    return nodes.reduce((sum, { cpuUs }) => sum + cpuUs, 0) / Math.max(1, moved);
  };
  return {
    ...facts,
    ...{ moved, shards: shards.length },
    ...{ lost, doubled, failed, failures, asks, tells },
    ...{ giverUs: usForEach(givers), takerUs: usForEach(takers) },
    pauseP50Ms: percentile(ofActors, 0.5),
    pauseP99Ms: percentile(ofActors, 0.99),
    silenceP50Ms: percentile(pausesMs, 0.5),
    silenceP99Ms: percentile(pausesMs, 0.99),
  };
}
