// The planned leave: one of two nodes hands a number of actors over while they are asked and told without a break.
import type { SaidChecked, SaidLeft } from "../parts.ts";
import type { Bench } from "../bench.ts";
import type { Runtime } from "../../tests/support/processes/runtimes.ts";
import { percentile } from "../statistics.ts";

const START_TIMEOUT_MS = 60_000;
const LEAVE_TIMEOUT_MS = 90_000;
const BASELINE_MS = 1_000;

/** How one leave went. */
export interface LeaveFigures {
  readonly actors: number;
  readonly from: Runtime;
  readonly to: Runtime;
  readonly seconds: number;
  readonly shards: number;
  readonly lateActors: number;
  readonly leftOver: number;
  readonly lost: number;
  readonly doubled: number;
  readonly failed: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly asks: number;
  readonly tells: number;
  /** Of every actor: its shard's pause, as the source tells it. */
  readonly pauseP50Ms: number;
  readonly pauseP99Ms: number;
  /** Of the probed actors: the longest time between two answers, less the usual one. Includes all queueing. */
  readonly silenceP50Ms: number;
  readonly silenceP99Ms: number;
}

/** Lets a node with that many actors leave. */
export async function measureLeave(bench: Bench, actors: number): Promise<LeaveFigures> {
  const from = bench.runtimes[0] as Runtime;
  const to = bench.runtimes.at(-1) as Runtime;
  const { url: server } = bench.server;
  const cluster = `leave${actors}`;
  const nodes = [
    bench.start(from, "leave/node.ts", { name: "leaver", server, cluster }),
    bench.start(to, "leave/node.ts", { name: "stayer", server, cluster }),
  ];
  await Promise.all(nodes.map((node) => node.next("up", START_TIMEOUT_MS)));
  const [leaver] = nodes as [(typeof nodes)[number]];
  const settings = {
    server,
    cluster,
    actors,
    from: "leaver",
    nodes: ["leaver", "stayer"],
    baselineMs: BASELINE_MS,
  };
  const load = bench.start(to, "leave/load.ts", settings);
  await load.next("ready", START_TIMEOUT_MS);
  load.command("leaving");
  leaver.command("leave");
  const left = await leaver.next<SaidLeft>("left", LEAVE_TIMEOUT_MS);
  load.command("stop");
  const checked = await load.next<SaidChecked>("checked", LEAVE_TIMEOUT_MS);
  await bench.endAll();
  return figuresOf({ from, to, left, checked });
}

interface Seen {
  readonly from: Runtime;
  readonly to: Runtime;
  readonly left: SaidLeft;
  readonly checked: SaidChecked;
}

function figuresOf({ from, to, left, checked }: Seen): LeaveFigures {
  const { report, moves, actors } = left;
  const { lost, doubled, failed, failures, asks, tells, pausesMs } = checked;
  const ofActors = moves.flatMap((move) => new Array<number>(move.actors).fill(move.pauseMs));
  return {
    actors,
    from,
    to,
    seconds: report.durationMs / 1_000,
    shards: moves.length,
    lateActors: report.late,
    leftOver: report.leftOver + report.recovered,
    lost,
    doubled,
    failed,
    failures,
    asks,
    tells,
    pauseP50Ms: percentile(ofActors, 0.5),
    pauseP99Ms: percentile(ofActors, 0.99),
    silenceP50Ms: percentile(pausesMs, 0.5),
    silenceP99Ms: percentile(pausesMs, 0.99),
  };
}
