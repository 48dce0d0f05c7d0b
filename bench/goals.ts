// What we set out to reach, beside what was measured.
import type { LeaveFigures } from "./leave/leave.ts";
import type { Figures, SideFigures } from "./measure.ts";
import type { RecoveryFigures } from "./recovery/recovery.ts";
import type { Runtime } from "../tests/support/processes/runtimes.ts";
import { median, ratios } from "./statistics.ts";

/** One line of the last table. */
export interface GoalLine {
  readonly what: string;
  readonly on: string;
  readonly goal: string;
  readonly seen: string;
  readonly reached: boolean;
}

type Part = { readonly runtime: Runtime; readonly figures: readonly Figures[] };

/** Each figure that was measured and has a goal. */
export function goalLines(
  parts: readonly Part[],
  leaves: readonly LeaveFigures[],
  recoveries: readonly RecoveryFigures[] = [],
): GoalLine[] {
  return [
    ...parts.flatMap(({ runtime, figures }) => figures.flatMap((each) => comparisonLines(runtime, each))),
    ...leaves.filter(({ actors }) => actors >= 10_000).flatMap(leaveLines),
    ...recoveries.flatMap(recoveryLines),
  ];
}

function comparisonLines(on: Runtime, { name, sides }: Figures): GoalLine[] {
  const [ours, first, bare] = sides;
  if (ours === undefined || first === undefined) return [];
  const rate = median(ratios(ours.perSecond, first.perSecond));
  const atLeast = (goal: number): GoalLine => line(`${name} vs ${first.label}`, on, "≥", goal, rate);
  switch (name) {
    case "remote ask, 256 in flight":
      return [atLeast(on === "bun" ? 2.5 : 4), ...(bare ? [cpuLine(on, ours, bare)] : [])];
    case "remote ask, 1 in flight": {
      const p50 = median(ratios(ours.p50Ms, first.p50Ms));
      return [line(`${name}, p50 vs ${first.label}`, on, "≤", 1.1, p50)];
    }
    case "remote tell":
    case "local ask":
    case "local tell":
      return [atLeast(0.5)];
    default:
      return [];
  }
}

function cpuLine(on: Runtime, ours: SideFigures, bare: SideFigures): GoalLine {
  return line(`CPU of a remote ask vs ${bare.label}`, on, "≤", 1.3, median(ratios(ours.cpuUs, bare.cpuUs)));
}

function line(what: string, on: string, sign: "≥" | "≤", goal: number, seen: number): GoalLine {
  const reached = sign === "≥" ? seen >= goal : seen <= goal;
  return { what, on, goal: `${sign} ${goal} ×`, seen: `${seen.toFixed(2)} ×`, reached };
}

function leaveLines(leave: LeaveFigures): GoalLine[] {
  const on = `${leave.from} → ${leave.to}`;
  const what = `leave with ${leave.actors.toLocaleString("en")} actors`;
  const below = (part: string, goal: number, unit: string, seen: number, digits: number): GoalLine => ({
    what: `${what}: ${part}`,
    on,
    goal: `< ${goal} ${unit}`,
    seen: `${seen.toFixed(digits)} ${unit}`,
    reached: seen < goal,
  });
  const { lost, doubled } = leave;
  return [
    below("time", 1, "s", leave.seconds, 2),
    {
      what: `${what}: lost or doubled`,
      on,
      goal: "0",
      seen: String(lost + doubled),
      reached: lost + doubled === 0,
    },
    below("actor pause p50", 10, "ms", leave.pauseP50Ms, 1),
    below("actor pause p99", 50, "ms", leave.pauseP99Ms, 1),
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
