// Compares Baton with what it stands on, on this machine and in one run: see `npm run bench -- --help`.
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import { startNatsServer } from "../tests/support/nats/nats_server.ts";
import { Bench } from "./bench.ts";
import { goalLines } from "./goals.ts";
import type { HandoverFigures } from "./handover/handover.ts";
import { measureJoin } from "./handover/join.ts";
import { measureLeave } from "./handover/leave.ts";
import { measureUpgrade } from "./handover/upgrade.ts";
import type { Figures } from "./measure.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import type { SaidFigures } from "./parts.ts";
import type { MeasuringProcess } from "./processes.ts";
import { measureRecovery, type RecoveryFigures } from "./recovery/recovery.ts";
import { measureRegistry, type RegistryFigures } from "./registry/registry.ts";
import { comparisonText, goalsText, handoverText, recoveryText, registryText } from "./report.ts";
import { findRuntimes, type Runtime } from "../tests/support/processes/runtimes.ts";

const START_TIMEOUT_MS = 30_000;
/** For each comparison, beside the time that is measured: warming up, and a machine that has other work. */
const SLACK_MS = 60_000;

/** One part on one runtime. */
interface PartResult {
  readonly part: "local" | "remote";
  readonly runtime: Runtime;
  readonly figures: readonly Figures[];
}

/** Everything that a run has found; also the form of the JSON file. */
interface Results {
  readonly machine: { readonly cpus: number; readonly model: string };
  readonly options: Options;
  readonly parts: PartResult[];
  readonly handovers: HandoverFigures[];
  readonly registries: RegistryFigures[];
  readonly recoveries: RecoveryFigures[];
}

function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

async function figuresFrom(child: MeasuringProcess, options: Options): Promise<Figures[]> {
  const all: Figures[] = [];
  for (let last = false; !last; ) {
    const said = await child.next<SaidFigures>("figures", options.seconds * 1_000 + SLACK_MS);
    all.push(said.figures);
    process.stdout.write(`${comparisonText(said.figures)}\n`);
    ({ last } = said);
  }
  return all;
}

async function measureLocal(bench: Bench, runtime: Runtime, options: Options): Promise<Figures[]> {
  const { actors } = options;
  const child = bench.start(runtime, "local/local.ts", { pace: options, actors });
  const figures = await figuresFrom(child, options);
  await bench.endAll();
  return figures;
}

async function measureRemote(bench: Bench, runtime: Runtime, options: Options): Promise<Figures[]> {
  const { actors } = options;
  const settings = { pace: options, actors, server: bench.server.url, cluster: `remote-${runtime}` };
  const owner = bench.start(runtime, "remote/owner.ts", settings);
  await owner.next("up", START_TIMEOUT_MS);
  const caller = bench.start(runtime, "remote/caller.ts", settings);
  const figures = await figuresFrom(caller, options);
  await bench.endAll();
  return figures;
}

async function measureAll(bench: Bench, options: Options, results: Results): Promise<void> {
  for (const runtime of bench.runtimes) {
    for (const part of ["local", "remote"] as const) {
      if (!options.only.includes(part)) continue;
      say(`${part} messages on ${runtime}`);
      process.stdout.write(`\n── ${part} on ${runtime}\n`);
      const measure = part === "local" ? measureLocal : measureRemote;
      results.parts.push({ part, runtime, figures: await measure(bench, runtime, options) });
    }
  }
  for (const how of ["leave", "join", "upgrade"] as const)
    if (options.only.includes(how)) await measureHandovers(bench, how, options, results);
  if (options.only.includes("registry")) await measureRegistries(bench, options, results);
  if (options.only.includes("recovery")) await measureRecoveries(bench, options, results);
}

const HANDOVERS = { leave: "planned leave", join: "join", upgrade: "upgrade in place" } as const;

async function measureHandovers(
  bench: Bench,
  how: HandoverFigures["how"],
  options: Options,
  results: Results,
): Promise<void> {
  process.stdout.write(`\n── ${HANDOVERS[how]}\n`);
  const [first = "bun"] = bench.runtimes;
  const last = bench.runtimes.at(-1) ?? first;
  for (const actors of options[how])
    for (const from of bench.runtimes) {
      const pair = [from, from === first ? last : first] as const;
      say(`${HANDOVERS[how]} with ${actors} actors, from ${from}`);
      const measure = { leave: measureLeave, join: measureJoin };
      const figures =
        how === "upgrade"
          ? await measureUpgrade(bench, from, actors)
          : await measure[how](bench, pair, actors);
      results.handovers.push(figures);
      process.stdout.write(`${handoverText(figures)}\n`);
    }
}

async function measureRegistries(bench: Bench, options: Options, results: Results): Promise<void> {
  process.stdout.write("\n── lists of actors\n");
  for (const runtime of bench.runtimes)
    for (const actors of options.registry) {
      say(`lists of ${actors} actors, on ${runtime}`);
      const registry = await measureRegistry(bench, runtime, actors);
      results.registries.push(registry);
      process.stdout.write(`${registryText(registry)}\n`);
    }
}

/** Actors that are asked while a node takes over. */
const ASKED = 300;

async function measureRecoveries(bench: Bench, options: Options, results: Results): Promise<void> {
  process.stdout.write("\n── recovery of stored timers\n");
  const { timers, entries } = options;
  for (const runtime of bench.runtimes) {
    for (const each of [
      { timers, entries: 0, asked: Math.min(ASKED, timers) },
      { timers: ASKED, entries, asked: ASKED },
    ]) {
      say(`a crash with ${each.timers} stored timers beside ${each.entries} entries, on ${runtime}`);
      const recovery = await measureRecovery(bench, runtime, each);
      results.recoveries.push(recovery);
      process.stdout.write(`${recoveryText(recovery)}\n`);
    }
  }
}

function machine(): Results["machine"] {
  const all = cpus();
  return { cpus: all.length, model: all[0]?.model ?? "unknown" };
}

async function openBench({ runtimes, only }: Options): Promise<Bench> {
  const found = findRuntimes();
  const missing = runtimes?.find((runtime) => !found.has(runtime));
  if (missing !== undefined) throw new Error(`Cannot measure on ${missing}: it is not on this machine`);
  const wanted = [...found].filter(([runtime]) => runtimes === undefined || runtimes.includes(runtime));
  const served = only.some((section) => section !== "local");
  return new Bench(new Map(wanted), served ? await startNatsServer() : undefined);
}

/** @returns the exit status */
async function run(options: Options): Promise<number> {
  const results: Results = {
    machine: machine(),
    options,
    parts: [],
    handovers: [],
    registries: [],
    recoveries: [],
  };
  const bench = await openBench(options);
  const stop = () => void bench.close().finally(() => process.exit(130));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);
  try {
    await measureAll(bench, options, results);
  } finally {
    await bench.close();
  }
  const goals = goalLines(results);
  if (goals.length > 0) process.stdout.write(`\n── beside the goals\n${goalsText(goals)}\n`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ ...results, goals }, undefined, 2)}\n`);
    say(`results are in ${options.json}`);
  }
  const handovers = results.handovers.filter(({ lost, doubled, kept }) => lost + doubled + kept > 0);
  for (const { how, actors } of handovers)
    say(`the ${how} with ${actors} actors lost, doubled or kept something`);
  const lists = results.registries.filter(({ wrong }) => wrong > 0);
  for (const { actors } of lists) say(`a list of ${actors} actors missed or doubled something`);
  return handovers.length + lists.length === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (!options.help) return await run(options);
  process.stdout.write(HELP);
  return 0;
}

process.exitCode = await main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  return 1;
});
