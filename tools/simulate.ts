// npm run simulate -- [--seeds 1..500] [--faults planned|crash|…|every] [--defect NAME [--until-found [--record]]] [--json] [--verbose] [--help]
import { spawn } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { DEFECTS, defectNamed, brokenBy, UNSEEN } from "../tests/simulation/defects/all.ts";
import { isProfile, type Profile, profileInTurn, PROFILES } from "../tests/simulation/world/profiles.ts";
import type * as Simulation from "../tests/simulation/simulate.ts";
import { repeatCommand, simulate, type SimulationResult } from "../tests/simulation/simulate.ts";

const HELP = `npm run simulate -- [options]
  Runs the real code of several nodes in one process, under a virtual clock and one seed for each run, while nodes join
  and leave and messages and records get lost; then checks that nothing was lost, doubled or reordered.

  --seeds A..B        which seeds to run (default 1..100)
  --faults PROFILE    what goes wrong beside lost messages (default planned). PROFILE is one of
${Object.entries(PROFILES)
  .map(([name, { title }]) => `                        ${name}: ${title}`)
  .join("\n")}
                        every: all of them in turn, another one with each seed
  --defect NAME       runs a copy of the code in which one rule of the protocol is broken on purpose, or several with + between;
                        it should fail then. NAME is one of
${DEFECTS.map(({ name, what, found }) => `                        ${name} (${found.profile}): ${what}`).join("\n")}
                        or one of these, which no seed is known to find
${UNSEEN.map(({ name, what }) => `                        ${name}: ${what}`).join("\n")}
                        With "all" and --until-found: one after the other, each under its own profile.
  --until-found       runs no further than to the first seed that fails, and prints which that is
  --record            writes that seed beside the patch, where another one is written down, or one that finds it no more
  --json              prints one line of JSON at the end instead of words
  --verbose           prints everything that happens, in one process
  --help              prints this
`;
const PROCESSES = 2;
const SHOWN_MAX = 5;

type Simulate = typeof simulate;

/** All defects in turn. */
const ALL = "all";
/** All profiles in turn. */
const EVERY = "every";

interface Options {
  readonly first: number;
  readonly last: number;
  readonly faults: Profile | typeof EVERY;
  readonly defect: string | undefined;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly worker: boolean;
  readonly untilFound: boolean;
  readonly record: boolean;
}

class Summary {
  seeds = 0;
  messages = 0;
  moves = 0;
  late = 0;
  parked = 0;
  /** Shards claimed from the dead. */
  claims = 0;
  deaths = 0;
  virtualMs = 0;
  /** Of all that happened in all seeds, whatever their order. */
  hash = 0;
  readonly failed: SimulationResult[] = [];

  add(result: SimulationResult): void {
    this.seeds++;
    this.messages += result.messages;
    this.moves += result.moves;
    this.late += result.late;
    this.parked += result.parked;
    this.claims += result.claims;
    this.deaths += result.deaths;
    this.virtualMs += result.virtualMs;
    this.hash = (this.hash ^ result.hash) >>> 0;
    if (result.violations.length > 0) this.failed.push(result);
  }
}

function options(): Options {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      seeds: { type: "string", default: "1..100" },
      faults: { type: "string" },
      "until-found": { type: "boolean", default: false },
      record: { type: "boolean", default: false },
      defect: { type: "string" },
      json: { type: "boolean", default: false },
      verbose: { type: "boolean", default: false },
      worker: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const [first = Number.NaN, last = first] = values.seeds.split("..").map(Number);
  if (!(first >= 0 && last >= first))
    fail(`Cannot run the seeds "${values.seeds}": give a first and a last one, as in 1..20`);
  const { defect, json, verbose, worker, record } = values;
  const faults = values.faults ?? profileOf(defect) ?? "planned";
  if (faults !== EVERY && !isProfile(faults))
    return fail(`Cannot run the profile "${faults}": there is none of that name; --help lists them`);
  const untilFound = values["until-found"];
  const isKnown = defect === undefined || defect.split("+").every((name) => defectNamed(name));
  if (!isKnown && !(untilFound && defect === ALL))
    fail(`Cannot break a rule by "${defect}": there is no defect of that name; --help lists them`);
  return { first, last, faults, defect, json, verbose, worker, untilFound, record };
}

/** The profile under which a defect is found. */
function profileOf(defect: string | undefined): Profile | undefined {
  return DEFECTS.find(({ name }) => name === defect)?.found.profile;
}

/** Runs with the simulation of the code as it is, or of a copy with a defect in it. */
async function withSimulation(
  defect: string | undefined,
  run: (simulate: Simulate) => Promise<void>,
): Promise<void> {
  if (defect === undefined) return await run(simulate);
  await using tree = await brokenBy(defect);
  await run((await tree.run<typeof Simulation>()).simulate);
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

async function runHere(given: Options, onResult: (result: SimulationResult) => void): Promise<void> {
  const { first, last, faults, defect, verbose } = given;
  const trace = verbose ? (line: string) => void process.stdout.write(`${line}\n`) : undefined;
  await withSimulation(defect, async (run) => {
    for (let seed = first; seed <= last; seed++) {
      const profile = faults === EVERY ? profileInTurn(seed) : faults;
      onResult(await run({ seed, profile, defect, trace }));
    }
  });
}

/** One half of the seeds in a process of its own, which writes a line of JSON for each. */
function runElsewhere(
  { faults, defect }: Options,
  seeds: string,
  onResult: (result: SimulationResult) => void,
): Promise<void> {
  const args = [fileURLToPath(import.meta.url), "--worker", "--seeds", seeds, "--faults", faults];
  if (defect !== undefined) args.push("--defect", defect);
  const isDeno = process.versions.deno !== undefined;
  const child = spawn(process.execPath, isDeno ? ["run", "-A", ...args] : args, {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let rest = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onResult(JSON.parse(line) as SimulationResult);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`A worker ended with ${code}`))));
  });
}

async function runAll(given: Options, onResult: (result: SimulationResult) => void): Promise<void> {
  const { first, last, verbose } = given;
  const count = last - first + 1;
  if (verbose || count < 2 * PROCESSES) return await runHere(given, onResult);
  const size = Math.ceil(count / PROCESSES);
  const parts = Array.from({ length: PROCESSES }, (_, i) => {
    const from = first + i * size;
    return `${from}..${Math.min(last, from + size - 1)}`;
  });
  await Promise.all(parts.map((seeds) => runElsewhere(given, seeds, onResult)));
}

function show({ seed, profile, phase, violations }: SimulationResult, { defect }: Options): string {
  const shown = violations.slice(0, SHOWN_MAX).map(({ promise, what }) => `  ${promise}: ${what}`);
  if (violations.length > SHOWN_MAX) shown.push(`  … and ${violations.length - SHOWN_MAX} more`);
  return [
    `seed ${seed} failed in phase "${phase}":`,
    ...shown,
    `  repeat with: ${repeatCommand(seed, profile, defect)}`,
    "",
  ].join("\n");
}

/** Looks for a seed that finds a defect, and tells of each. Of all defects, the seed that is written down comes first. */
async function search({ first, last, faults, defect, record }: Options): Promise<void> {
  const names = defect === ALL ? DEFECTS.map(({ name }) => name) : [defect];
  for (const name of names) {
    const profile = (defect === ALL ? profileOf(name) : faults) as Profile;
    await withSimulation(name, async (run) => {
      const written = defect === ALL ? DEFECTS.find((each) => each.name === name)?.found.seed : undefined;
      const seeds = Array.from({ length: last - first + 1 }, (_, i) => first + i);
      const inOrder = [...new Set(written === undefined ? seeds : [written, ...seeds])];
      const found = await firstFound(inOrder, (seed) => run({ seed, profile, defect: name }));
      const what = found?.violations[0];
      const words = what
        ? `seed ${found.seed}: ${what.promise}: ${what.what}`
        : `nothing in ${first}..${last}`;
      console.log(`${name ?? "no defect"} (${profile}) ${words}`);
      if (found === undefined) process.exitCode = 1;
      else if (record && name !== undefined && found.seed !== written) await writeDown(name, found.seed);
    });
  }
}

/** Writes the seed that finds a defect beside its patch. */
async function writeDown(name: string, seed: number): Promise<void> {
  const folder = fileURLToPath(new URL("../tests/simulation/defects/", import.meta.url));
  const place = new RegExp(`(name: "${name}",[\\s\\S]*?found: \\{ profile: "[^"]+", seed: )\\d+`);
  for (const file of await readdir(folder)) {
    const text = await readFile(folder + file, "utf8");
    const after = text.replace(place, (_, before: string) => `${before}${seed}`);
    if (after !== text) await writeFile(folder + file, after);
  }
}

async function firstFound(
  seeds: readonly number[],
  run: (seed: number) => Promise<SimulationResult>,
): Promise<SimulationResult | undefined> {
  for (const seed of seeds) {
    const result = await run(seed);
    if (result.violations.length > 0) return result;
  }
  return undefined;
}

async function main(): Promise<void> {
  const given = options();
  if (given.worker)
    return await runHere(given, (result) => void process.stdout.write(`${JSON.stringify(result)}\n`));
  if (given.untilFound) return await search(given);
  const startedAt = performance.now();
  const summary = new Summary();
  const progress = process.stderr.isTTY && !given.json && !given.verbose;
  await runAll(given, (result) => {
    summary.add(result);
    if (result.violations.length > 0) process.stderr.write(show(result, given));
    if (progress) process.stderr.write(`\r${summary.seeds} seeds, ${summary.failed.length} failed `);
  });
  if (progress) process.stderr.write("\n");
  const seconds = (performance.now() - startedAt) / 1000;
  const { seeds, messages, moves, late, parked, claims, deaths, virtualMs, hash, failed } = summary;
  const ok = failed.length === 0;
  const perMinute = Math.round((seeds / seconds) * 60);
  const report = { ok, faults: given.faults, seeds, messages, moves, late, parked, claims, deaths, hash };
  if (given.json) {
    const failedSeeds = failed.map(({ seed }) => seed);
    console.log(
      JSON.stringify({ ...report, failed: failedSeeds, perMinute, seconds: Number(seconds.toFixed(1)) }),
    );
  } else {
    console.log(
      `${seeds} seeds, ${failed.length} failed: ${messages} messages, ${moves} moves, ${late} late actors, ` +
        `${parked} shards parked, ${deaths} deaths, ${claims} claims, ${Math.round(virtualMs / 1000)} virtual seconds in ${seconds.toFixed(1)} s, ` +
        `${perMinute} seeds a minute`,
    );
  }
  process.exitCode = ok ? 0 : 1;
}

await main();
