// The upgrade in place: a node gives all its actors other code while they are asked and told without a break.
import type { Bench } from "../bench.ts";
import type { SaidChecked, SaidUpgraded } from "../parts.ts";
import type { Runtime } from "../../tests/support/processes/runtimes.ts";
import {
  BASELINE_MS,
  figuresOf,
  HANDOVER_TIMEOUT_MS,
  type HandoverFigures,
  START_TIMEOUT_MS,
} from "./handover.ts";

const NAME = "upgraded";

/** Upgrades a node with that many actors. */
export async function measureUpgrade(
  bench: Bench,
  runtime: Runtime,
  actors: number,
): Promise<HandoverFigures> {
  const { url: server } = bench.server;
  const cluster = `upgrade${actors}${runtime}`;
  const node = bench.start(runtime, "handover/node.ts", { name: NAME, server, cluster });
  await node.next("up", START_TIMEOUT_MS);
  const settings = { server, cluster, actors, from: [NAME], nodes: [NAME], baselineMs: BASELINE_MS };
  const load = bench.start(runtime, "handover/load.ts", settings);
  await load.next("ready", START_TIMEOUT_MS);
  node.command("begin");
  load.command("leaving");
  node.command("upgrade");
  const { report, handed } = await node.next<SaidUpgraded>("upgraded", HANDOVER_TIMEOUT_MS);
  load.command("stop");
  const checked = await load.next<SaidChecked>("checked", HANDOVER_TIMEOUT_MS);
  await bench.endAll();
  const { durationMs, late, kept } = report;
  const runtimes = { from: runtime, to: runtime };
  const facts = { how: "upgrade", ...runtimes, actors, seconds: durationMs / 1_000 } as const;
  return figuresOf({ ...facts, lateActors: late, kept: kept.length }, [handed], [], checked);
}
