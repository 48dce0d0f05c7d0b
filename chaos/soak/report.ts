// What a soak has shown, as the last line of its output and in words.
import type { Reported } from "../program.ts";
import type { SoakOptions } from "./options.ts";
import type { SoakResult } from "./run.ts";

/** Each minute, or it has shown nothing. */
const LEAST = { okCalls: 600, renewed: 3 } as const;

export function soakReport(options: SoakOptions, result: SoakResult): Reported {
  const { verdict, replaced, killed, samples, grew, settledMs, seconds } = result;
  const { minutes, seed, runtimes } = options;
  const problems = [
    ...verdict.violations,
    ...Object.entries(grew).map(([name, { before, after, limit }]) => {
      return { promise: "level", what: `${name} was ${before}, is ${after}, and may be ${limit}` };
    }),
  ];
  const tooLittle =
    verdict.okCalls < LEAST.okCalls * minutes || replaced + killed < Math.floor(LEAST.renewed * minutes);
  if (tooLittle) problems.push({ promise: "too-little", what: "too few calls or replaced nodes" });
  const violations: Record<string, number> = {};
  for (const { promise } of problems) violations[promise] = (violations[promise] ?? 0) + 1;
  const { calls, okCalls, refused, unknown, late, moves } = verdict;
  const report = {
    ...{
      ok: problems.length === 0,
      seed,
      minutes,
      runtimes,
      calls,
      ok_calls: okCalls,
      refused,
      unknown,
      late,
    },
    ...{ moves, replaced, killed, samples, violations, grew, settled_ms: settledMs, seconds },
    levels: result.after,
  };
  return { report, problems };
}
