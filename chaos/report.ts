// What a run has shown, as the last line of its output and in words.
import type { Violation } from "../testing/history.ts";
import type { Options } from "./options.ts";
import type { RunResult } from "./run.ts";

export interface Report {
  readonly ok: boolean;
  readonly seed: number;
  readonly servers: number;
  readonly runtimes: readonly string[];
  readonly nodes: number;
  readonly minutes: number;
  readonly durabilities: readonly string[];
  readonly calls: number;
  readonly ok_calls: number;
  readonly refused: number;
  readonly unknown: number;
  readonly late: number;
  readonly failed: Readonly<Record<string, number>>;
  readonly effects: number;
  readonly moves: number;
  readonly stops: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly violations: Readonly<Record<string, number>>;
  /** Acknowledged writes that the servers themselves have lost, of the nodes and of a client that is none of them. */
  readonly store_lost: number;
  readonly recovery_p50_ms: number | null;
  readonly recovery_max_ms: number | null;
  /** Nodes declared dead although nothing had been done to them. */
  readonly needless_deaths: number;
  readonly restarts: number;
  readonly failed_starts: number;
  /** The longest time that the controlling process was held up. */
  readonly stall_ms: number;
  readonly seconds: number;
}

/** What a run has to do at least, each minute, or it has shown nothing. */
const LEAST = { okCalls: 600, faults: 6, moves: 4 } as const;

export function reportOf(options: Options, result: RunResult): Report {
  const { verdict, faults, recoveryMs } = result;
  const violations: Record<string, number> = {};
  for (const { promise } of problemsOf(options, result)) violations[promise] = (violations[promise] ?? 0) + 1;
  const sorted = [...recoveryMs].sort((a, b) => a - b);
  const { seed, servers, runtimes, nodes, minutes, durabilities } = options;
  return {
    ...{ ok: Object.keys(violations).length === 0, seed, servers, runtimes, nodes, minutes, durabilities },
    ...{
      calls: verdict.calls,
      ok_calls: verdict.okCalls,
      refused: verdict.refused,
      unknown: verdict.unknown,
    },
    ...{ late: verdict.late, failed: verdict.failed, effects: verdict.effects, moves: verdict.moves },
    stops: verdict.stops,
    ...{ faults, violations },
    store_lost: result.storeLost,
    recovery_p50_ms: rounded(sorted[Math.floor(sorted.length / 2)]),
    recovery_max_ms: rounded(sorted.at(-1)),
    needless_deaths: verdict.needlessDeaths,
    ...{ restarts: result.restarts, failed_starts: result.failedStarts },
    ...{ stall_ms: Math.round(result.stallMs), seconds: result.seconds },
  };
}

/** Violations, and what makes a run too little to tell anything. */
export function problemsOf({ minutes, only }: Options, { verdict, faults }: RunResult): Violation[] {
  const all = [...verdict.violations];
  const least = Math.min(1, minutes);
  const done = Object.values(faults).reduce((sum, count) => sum + count, 0);
  const expect = (what: string, seen: number, wanted: number) => {
    if (seen < wanted) all.push({ promise: "too-little", what: `${seen} ${what}, fewer than ${wanted}` });
  };
  expect("calls that ended well", verdict.okCalls, Math.round(LEAST.okCalls * minutes));
  expect("faults", done, Math.max(1, Math.floor(LEAST.faults * minutes * (only === undefined ? 1 : 0))));
  expect("moves", verdict.moves, Math.floor(LEAST.moves * least));
  return all;
}

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value);
}
