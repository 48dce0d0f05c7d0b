// The upgrade in place: a node gives all its actors other code while they are asked and told without a break.
import type { Bench } from "../bench.ts";
import type { SaidChecked, SaidUpgraded } from "../parts.ts";
import type { Runtime } from "../../tests/support/processes/runtimes.ts";
import { percentile } from "../statistics.ts";

const START_TIMEOUT_MS = 60_000;
const UPGRADE_TIMEOUT_MS = 120_000;
const BASELINE_MS = 1_000;
const NAME = "upgraded";

/** How one upgrade went. */
export interface UpgradeFigures {
  readonly runtime: Runtime;
  readonly actors: number;
  readonly seconds: number;
  readonly shards: number;
  readonly kept: number;
  readonly lateActors: number;
  readonly lost: number;
  readonly doubled: number;
  readonly failed: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly asks: number;
  readonly tells: number;
  /** Of every actor: its shard's pause, as the node tells it. */
  readonly pauseP50Ms: number;
  readonly pauseP99Ms: number;
  /** Of the probed actors: the longest time between two answers, less the usual one. Includes all queueing. */
  readonly silenceP50Ms: number;
  readonly silenceP99Ms: number;
}

/** Upgrades a node with that many actors. */
export async function measureUpgrade(
  bench: Bench,
  runtime: Runtime,
  actors: number,
): Promise<UpgradeFigures> {
  const { url: server } = bench.server;
  const cluster = `upgrade${actors}${runtime}`;
  const node = bench.start(runtime, "upgrade/node.ts", { name: NAME, server, cluster });
  await node.next("up", START_TIMEOUT_MS);
  const settings = { server, cluster, actors, from: NAME, nodes: [NAME], baselineMs: BASELINE_MS };
  const load = bench.start(runtime, "leave/load.ts", settings);
  await load.next("ready", START_TIMEOUT_MS);
  load.command("leaving");
  node.command("upgrade");
  const upgraded = await node.next<SaidUpgraded>("upgraded", UPGRADE_TIMEOUT_MS);
  load.command("stop");
  const checked = await load.next<SaidChecked>("checked", UPGRADE_TIMEOUT_MS);
  node.command("end");
  await bench.endAll();
  return figuresOf(runtime, upgraded, checked);
}

function figuresOf(runtime: Runtime, { report, shards }: SaidUpgraded, checked: SaidChecked): UpgradeFigures {
  const { lost, doubled, failed, failures, asks, tells, pausesMs } = checked;
  const ofActors = shards.flatMap((shard) => new Array<number>(shard.actors).fill(shard.pauseMs));
  return {
    runtime,
    actors: report.actors,
    seconds: report.durationMs / 1_000,
    shards: report.upgraded,
    kept: report.kept.length,
    lateActors: report.late,
    ...{ lost, doubled, failed, failures, asks, tells },
    pauseP50Ms: percentile(ofActors, 0.5),
    pauseP99Ms: percentile(ofActors, 0.99),
    silenceP50Ms: percentile(pausesMs, 0.5),
    silenceP99Ms: percentile(pausesMs, 0.99),
  };
}
