// What the programs of this folder have in common: options, logs that stay when something failed, signals, the last line.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { findRuntimes, type Runtime } from "../tests/support/processes/runtimes.ts";
import type { Violation } from "../testing/history.ts";

/** The last line, and what went wrong. */
export interface Reported {
  readonly report: { readonly ok: boolean };
  readonly problems: readonly Violation[];
}

/** What a run is given. */
export interface Given<O> {
  readonly options: O;
  readonly executables: ReadonlyMap<Runtime, string>;
  /** Folder for logs. */
  readonly logs: string;
  readonly say: (text: string) => void;
  /** Ends it early; everything is taken down as at its end. */
  readonly signal: AbortSignal;
}

interface Program<O> {
  readonly name: string;
  readonly help: string;
  readonly parse: (args: readonly string[]) => O;
  readonly work: (given: Given<O>) => Promise<Reported>;
}

interface CommonOptions {
  readonly help: boolean;
  readonly json: boolean;
  readonly runtimes: readonly Runtime[];
}

const SHOWN_MAX = 10;
/** Of a program that was told to stop. */
const STOPPED = 130;

/** Runs it. Never rejects. @returns the exit status */
export async function program<O extends CommonOptions>(of: Program<O>): Promise<number> {
  try {
    const options = of.parse(process.argv.slice(2));
    if (!options.help) return await logged(of, options);
    process.stdout.write(of.help);
    return 0;
  } catch (error) {
    process.stderr.write(`${of.name}: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

async function logged<O extends CommonOptions>({ name, work }: Program<O>, options: O): Promise<number> {
  const executables = executablesFor(options.runtimes);
  const logs = mkdtempSync(join(tmpdir(), `baton-${name}-`));
  const signal = stopSignal();
  const say = (text: string) => void (options.json || process.stderr.write(`${text}\n`));
  let keep = true;
  try {
    const { report, problems } = await work({ options, executables, logs, say, signal });
    keep = !report.ok && !signal.aborted;
    if (keep) writeFileSync(join(logs, "violations.txt"), `${wordsOf(problems, Number.POSITIVE_INFINITY)}\n`);
    if (keep) process.stderr.write(`${wordsOf(problems, SHOWN_MAX)}\n`);
    if (signal.aborted) return STOPPED;
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return report.ok ? 0 : 1;
  } finally {
    if (keep) process.stderr.write(`${name}: the logs are in ${logs}\n`);
    else rmSync(logs, { recursive: true, force: true });
  }
}

/** @throws {Error} if one is not on this machine */
export function executablesFor(runtimes: readonly Runtime[]): ReadonlyMap<Runtime, string> {
  const found = findRuntimes();
  const missing = runtimes.find((runtime) => !found.has(runtime));
  if (missing !== undefined) throw new Error(`Cannot run on ${missing}: it is not on this machine`);
  return new Map(runtimes.map((runtime) => [runtime, found.get(runtime) ?? runtime]));
}

/** Aborts at the first signal to end; a second one ends this process as it stands. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => (stop.signal.aborted ? process.exit(STOPPED) : stop.abort()));
  }
  return stop.signal;
}

/** The first violations of each promise in words. */
function wordsOf(problems: readonly Violation[], max: number): string {
  const shown = new Map<string, number>();
  const lines: string[] = [];
  for (const { promise, what } of problems) {
    const count = (shown.get(promise) ?? 0) + 1;
    shown.set(promise, count);
    if (count <= max) lines.push(`  ${promise}: ${what}`);
  }
  for (const [promise, count] of shown)
    if (count > max) lines.push(`  ${promise}: … and ${count - max} more`);
  return lines.join("\n");
}
