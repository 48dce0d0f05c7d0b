// The planned leave: one of two nodes hands a number of actors over while they are asked and told without a break.
import type { Bench } from "../bench.ts";
import type { SaidChecked, SaidHanded, SaidLeft } from "../parts.ts";
import type { Runtime } from "../../tests/support/processes/runtimes.ts";
import {
  BASELINE_MS,
  figuresOf,
  HANDOVER_TIMEOUT_MS,
  type HandoverFigures,
  START_TIMEOUT_MS,
} from "./handover.ts";

/** Lets a node with that many actors leave. */
export async function measureLeave(
  bench: Bench,
  [from, to]: readonly [Runtime, Runtime],
  actors: number,
): Promise<HandoverFigures> {
  const { url: server } = bench.server;
  const cluster = `leave${actors}${from}`;
  const leaver = bench.start(from, "handover/node.ts", { name: "leaver", server, cluster });
  const stayer = bench.start(to, "handover/node.ts", { name: "stayer", server, cluster });
  await Promise.all([leaver, stayer].map((node) => node.next("up", START_TIMEOUT_MS)));
  const nodes = ["leaver", "stayer"];
  const settings = { server, cluster, actors, from: ["leaver"], nodes, baselineMs: BASELINE_MS };
  const load = bench.start(to, "handover/load.ts", settings);
  await load.next("ready", START_TIMEOUT_MS);
  for (const node of [leaver, stayer]) node.command("begin");
  load.command("leaving");
  leaver.command("leave");
  const { report, handed } = await leaver.next<SaidLeft>("left", HANDOVER_TIMEOUT_MS);
  stayer.command("tell");
  const stayed = await stayer.next<SaidHanded>("handed", HANDOVER_TIMEOUT_MS);
  load.command("stop");
  const checked = await load.next<SaidChecked>("checked", HANDOVER_TIMEOUT_MS);
  await bench.endAll();
  const { durationMs, late, leftOver, recovered } = report;
  const seconds = durationMs / 1_000;
  const facts = {
    how: "leave",
    from,
    to,
    actors,
    seconds,
    lateActors: late,
    kept: leftOver + recovered,
  } as const;
  return figuresOf(facts, [handed], [stayed.handed], checked);
}
