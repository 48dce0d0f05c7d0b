// The planned leave: one of two nodes hands a number of actors over while they are asked and told without a break.
import type { Bench } from "../bench.ts";
import type { SaidLeft } from "../parts.ts";
import type { MeasuringProcess } from "../processes.ts";
import type { Runtime } from "../../tests/support/processes/runtimes.ts";
import { figuresOf, HANDOVER_TIMEOUT_MS, handedBy, type HandoverFigures, underLoad } from "./handover.ts";

/** Lets a node with that many actors leave. */
export async function measureLeave(
  bench: Bench,
  [from, to]: readonly [Runtime, Runtime],
  actors: number,
): Promise<HandoverFigures> {
  const runtimes = { leaver: from, stayer: to };
  const load = { runtime: to, from: ["leaver"], actors };
  const { nodes, end } = await underLoad(bench, `leave${actors}${from}`, runtimes, load);
  const [leaver, stayer] = nodes as readonly [MeasuringProcess, MeasuringProcess];
  leaver.command("leave");
  const { report, handed } = await leaver.next<SaidLeft>("left", HANDOVER_TIMEOUT_MS);
  const stayed = await handedBy(stayer);
  const checked = await end();
  const { durationMs, late, leftOver, recovered } = report;
  const facts = { how: "leave", from, to, actors, seconds: durationMs / 1_000 } as const;
  return figuresOf({ ...facts, lateActors: late, kept: leftOver + recovered }, [handed], [stayed], checked);
}
