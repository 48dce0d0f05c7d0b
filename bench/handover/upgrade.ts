// The upgrade in place: a node gives all its actors other code while they are asked and told without a break.
import type { Bench } from "../bench.ts";
import type { SaidUpgraded } from "../parts.ts";
import type { MeasuringProcess } from "../processes.ts";
import type { Runtime } from "../../tests/support/processes/runtimes.ts";
import { figuresOf, HANDOVER_TIMEOUT_MS, type HandoverFigures, underLoad } from "./handover.ts";

/** Upgrades a node with that many actors. */
export async function measureUpgrade(
  bench: Bench,
  runtime: Runtime,
  actors: number,
): Promise<HandoverFigures> {
  const load = { runtime, from: ["upgraded"], actors };
  const cluster = `upgrade${actors}${runtime}`;
  const { nodes, end } = await underLoad(bench, cluster, { upgraded: runtime }, load);
  const [node] = nodes as readonly [MeasuringProcess];
  node.command("upgrade");
  const { report, handed } = await node.next<SaidUpgraded>("upgraded", HANDOVER_TIMEOUT_MS);
  const checked = await end();
  const { durationMs, late, kept } = report;
  const runtimes = { from: runtime, to: runtime };
  const facts = { how: "upgrade", ...runtimes, actors, seconds: durationMs / 1_000 } as const;
  return figuresOf({ ...facts, lateActors: late, kept: kept.length }, [handed], [], checked);
}
