// What we set out to reach, beside what was measured.
import type { HandoverFigures } from "./handover/handover.ts";
import type { Figures, SideFigures } from "./measure.ts";
import type { RecoveryFigures } from "./recovery/recovery.ts";
import type { Runtime } from "../tests/support/processes/runtimes.ts";
import { median, ratios } from "./statistics.ts";
import type { RegistryFigures } from "./registry/registry.ts";

/** One line of the last table. */
export interface GoalLine {
  readonly what: string;
  readonly on: string;
  readonly goal: string;
  readonly seen: string;
  readonly reached: boolean;
}

type Part = { readonly runtime: Runtime; readonly figures: readonly Figures[] };

/** How near to the leanest code with the same checks and copies messages between actors of one node are to come. */
const FLOOR_SHARE = 0.8;

/** What a run has measured. */
export interface Measured {
  readonly parts: readonly Part[];
  readonly handovers?: readonly HandoverFigures[];
  readonly registries?: readonly RegistryFigures[];
  readonly recoveries?: readonly RecoveryFigures[];
}

/** Each figure that was measured and has a goal. */
export function goalLines({ parts, handovers = [], registries = [], recoveries = [] }: Measured): GoalLine[] {
  return [
    ...parts.flatMap(({ runtime, figures }) => figures.flatMap((each) => comparisonLines(runtime, each))),
    ...handovers.flatMap(handoverLines),
    ...registries.filter(({ actors }) => actors >= 100_000).flatMap(registryLines),
    ...recoveries.flatMap(recoveryLines),
  ];
}

function comparisonLines(on: Runtime, { name, sides }: Figures): GoalLine[] {
  const [ours, first, second] = sides;
  if (ours === undefined || first === undefined) return [];
  const atLeast = (goal: number, side: SideFigures = first): GoalLine => {
    const rate = median(ratios(ours.perSecond, side.perSecond));
    return line(`${name} vs ${side.label}`, on, "≥", goal, rate);
  };
  const floor = second ? [atLeast(FLOOR_SHARE, second)] : [];
  switch (name) {
    case "remote ask, 256 in flight":
      return [atLeast(on === "bun" ? 3.5 : 6), ...(second ? [cpuLine(on, ours, second)] : [])];
    case "remote ask, a real handler":
      return [atLeast(on === "bun" ? 2 : 4)];
    case "remote ask, 1 in flight": {
      const p50 = median(ratios(ours.p50Ms, first.p50Ms));
      return [line(`${name}, p50 vs ${first.label}`, on, "≤", 1.1, p50)];
    }
    case "remote tell":
      return [atLeast(on === "bun" ? 0.6 : 0.85)];
    case "local ask":
      return [atLeast(on === "bun" ? 0.28 : 0.25), ...floor];
    case "local tell":
      return [atLeast(0.12), ...floor];
    case "local ask, 1 of 1,000 items changed":
      return on === "bun" ? [timeLine(name, on, 12, 1_000_000 / median(ours.perSecond))] : [];
    default:
      return [];
  }
}

function timeLine(what: string, on: Runtime, goalUs: number, seenUs: number): GoalLine {
  return { what, on, goal: `≤ ${goalUs} µs`, seen: `${seenUs.toFixed(1)} µs`, reached: seenUs <= goalUs };
}

function cpuLine(on: Runtime, ours: SideFigures, bare: SideFigures): GoalLine {
  const goal = on === "bun" ? 0.7 : 0.55;
  return line(`CPU of a remote ask vs ${bare.label}`, on, "≤", goal, median(ratios(ours.cpuUs, bare.cpuUs)));
}

function line(what: string, on: string, sign: "≥" | "≤", goal: number, seen: number): GoalLine {
  const reached = sign === "≥" ? seen >= goal : seen <= goal;
  return { what, on, goal: `${sign} ${goal} ×`, seen: `${seen.toFixed(2)} ×`, reached };
}

/** What is to be reached with that many actors or more. */
interface HandoverGoal {
  readonly how: HandoverFigures["how"];
  readonly actors: number;
  readonly seconds: number;
  readonly pauseP50Ms?: number;
  readonly pauseP99Ms: number;
}

/** For the same handover the one with the most actors counts. */
const HANDOVER_GOALS: readonly HandoverGoal[] = [
  { how: "leave", actors: 100_000, seconds: 5, pauseP50Ms: 5, pauseP99Ms: 25 },
  { how: "leave", actors: 10_000, seconds: 0.5, pauseP50Ms: 5, pauseP99Ms: 25 },
  { how: "join", actors: 10_000, seconds: 0.5, pauseP50Ms: 5, pauseP99Ms: 25 },
  { how: "upgrade", actors: 100_000, seconds: 3, pauseP99Ms: 50 },
];

function handoverLines(handover: HandoverFigures): GoalLine[] {
  const { how, actors, from, to, lost, doubled } = handover;
  const goal = HANDOVER_GOALS.find((each) => each.how === how && actors >= each.actors);
  if (goal === undefined) return [];
  const on = how === "upgrade" ? from : `${from} → ${to}`;
  const what = `${how} with ${actors.toLocaleString("en")} actors`;
  const below = (part: string, most: number, unit: string, seen: number, digits: number): GoalLine => ({
    what: `${what}: ${part}`,
    on,
    goal: `< ${most} ${unit}`,
    seen: `${seen.toFixed(digits)} ${unit}`,
    reached: seen < most,
  });
  const none = lost + doubled;
  const p50 = goal.pauseP50Ms;
  return [
    below("time", goal.seconds, "s", handover.seconds, 2),
    { what: `${what}: lost or doubled`, on, goal: "0", seen: String(none), reached: none === 0 },
    ...(p50 === undefined ? [] : [below("actor pause p50", p50, "ms", handover.pauseP50Ms, 1)]),
    below("actor pause p99", goal.pauseP99Ms, "ms", handover.pauseP99Ms, 1),
  ];
}

function registryLines({ actors, runtime, askerMs, ownerMs, wrong }: RegistryFigures): GoalLine[] {
  const what = `list of ${actors.toLocaleString("en")} actors`;
  const heldUp = (whose: string, seenMs: number): GoalLine => ({
    what: `${what}: the loop of ${whose}`,
    on: runtime,
    goal: "< 10 ms",
    seen: `${seenMs.toFixed(1)} ms`,
    reached: seenMs < 10,
  });
  return [
    heldUp("who asks", askerMs),
    heldUp("who answers", ownerMs),
    { what: `${what}: missed or doubled`, on: runtime, goal: "0", seen: String(wrong), reached: wrong === 0 },
  ];
}

/** A lease of 15 s, and ten more. */
const SERVED_MS = 25_000;
const ANSWERED_MS = 1_000;

function recoveryLines({ runtime, timers, entries, servedMs, answeredMs }: RecoveryFigures): GoalLine[] {
  const what = `crash with ${timers.toLocaleString("en")} stored timers`;
  const within = (part: string, goalMs: number, seenMs: number): GoalLine => ({
    what: `${what}: ${part}`,
    on: runtime,
    goal: `≤ ${goalMs / 1_000} s`,
    seen: `${(seenMs / 1_000).toFixed(2)} s`,
    reached: seenMs <= goalMs,
  });
  return entries > 0
    ? [within(`actors answer, beside ${entries.toLocaleString("en")} entries`, ANSWERED_MS, answeredMs)]
    : [within("every shard served", SERVED_MS, servedMs)];
}
