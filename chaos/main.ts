// npm run chaos: see `--help`.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { findRuntimes, type Runtime } from "../bench/runtimes.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { problemsOf, reportOf, wordsOf } from "./report.ts";
import { run } from "./run.ts";

function executablesFor({ runtimes }: Options): ReadonlyMap<Runtime, string> {
  const found = findRuntimes();
  const missing = runtimes.find((runtime) => !found.has(runtime));
  if (missing !== undefined) throw new Error(`Cannot run on ${missing}: it is not on this machine`);
  return new Map(runtimes.map((runtime) => [runtime, found.get(runtime) ?? runtime]));
}

/** Aborts at the first signal to end; a second one ends this process as it stands. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => (stop.signal.aborted ? process.exit(130) : stop.abort()));
  }
  return stop.signal;
}

/** @returns the exit status */
async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const executables = executablesFor(options);
  const logs = mkdtempSync(join(tmpdir(), `baton-chaos-${options.seed}-`));
  const say = (text: string) => void (options.json || process.stderr.write(`${text}\n`));
  const signal = stopSignal();
  let keep = true;
  try {
    const result = await run({ options, executables, logs, say, signal });
    if (signal.aborted) {
      keep = false;
      return 130;
    }
    const problems = problemsOf(options, result);
    const report = reportOf(options, result);
    keep = !report.ok;
    if (keep)
      writeFileSync(
        join(logs, "violations.txt"),
        problems.map(({ promise, what }) => `${promise}: ${what}\n`).join(""),
      );
    if (keep) process.stderr.write(`${wordsOf(problems)}\n`);
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return report.ok ? 0 : 1;
  } finally {
    if (keep) process.stderr.write(`chaos: the logs are in ${logs}\n`);
    else rmSync(logs, { recursive: true, force: true });
  }
}

const status = await main().catch((error: unknown) => {
  process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});
process.exit(status);
