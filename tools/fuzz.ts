// npm run fuzz -- [--inputs N] [--seed S] [--from I] [--target NAMES] [--json] [--help]
import process from "node:process";
import { parseArgs } from "node:util";
import { fuzz, type FuzzReport } from "../tests/fuzz/fuzz.ts";
import { NodeTarget, memoryGround } from "../tests/fuzz/node_target.ts";
import { decoderTargets, type Target } from "../tests/fuzz/targets.ts";

const HELP = `npm run fuzz -- [options]
  Gives hostile input to everything that reads bytes of others: made by the grammar of each form with its rules broken, and
  by damage to what is honest. Each must be taken, or refused by a typed error, in time, with nothing left behind.

  --inputs N        how many in all (default 100,000); with --target of one name, for that target
  --seed S          which inputs (default 1): the same seed makes the same ones
  --from I          number of the first input of each target (default 0)
  --target NAMES    some of TARGETS
                    with commas between (default: all)
  --json            prints one line of JSON at the end instead of words
  --help            prints this
`;

const MAKERS: ReadonlyMap<string, () => Promise<Target>> = new Map([
  ...decoderTargets().map((target) => [target.name, async () => target] as const),
  ["node", async () => new NodeTarget("node", await memoryGround())] as const,
]);

interface Options {
  readonly inputs: number;
  readonly seed: number;
  readonly from: number;
  readonly targets: readonly string[];
  readonly json: boolean;
}

function options(): Options {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      inputs: { type: "string", default: "100000" },
      seed: { type: "string", default: "1" },
      from: { type: "string", default: "0" },
      target: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const known = [...MAKERS.keys()];
  if (values.help) {
    process.stdout.write(HELP.replace("TARGETS", known.join(", ")));
    process.exit(0);
  }
  const targets = values.target?.split(",") ?? known;
  const unknown = targets.find((name) => !MAKERS.has(name));
  if (unknown !== undefined)
    fail(`Cannot attack "${unknown}": there is no target of that name; --help lists them`);
  const { json } = values;
  return {
    inputs: count("inputs", values.inputs, 1),
    seed: count("seed", values.seed, 0),
    from: count("from", values.from, 0),
    targets,
    json,
  };
}

function count(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  return fail(`Cannot use --${flag} ${text}: give a whole number from ${least}`);
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

async function main(): Promise<void> {
  const { inputs, seed, from, targets, json } = options();
  const each = Math.ceil(inputs / targets.length);
  const startedAt = performance.now();
  const reports: [string, FuzzReport, number][] = [];
  for (const name of targets) {
    const target = await (MAKERS.get(name) as () => Promise<Target>)();
    const targetAt = performance.now();
    const report = await fuzz([target], { seed, from, inputs: each });
    const perSecond = Math.round(report.inputs / ((performance.now() - targetAt) / 1_000));
    reports.push([name, report, perSecond]);
    for (const { what, repeat } of report.findings)
      process.stderr.write(`${name}: ${what}\n  repeat with: ${repeat}\n`);
    if (!json) {
      const { taken, refused, slowestMs } = report;
      const shown = `${perSecond}/s, slowest ${slowestMs.toFixed(1)} ms, ${report.findings.length} findings`;
      console.log(`${name.padEnd(13)} ${taken} taken, ${refused} refused, ${shown}`);
    }
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  const total = reports.reduce((sum, [, report]) => sum + report.inputs, 0);
  const findings = reports.flatMap(([, report]) => report.findings);
  const perSecond = Math.round(total / seconds);
  const report = {
    ok: findings.length === 0,
    seed,
    inputs: total,
    perSecond,
    seconds: Number(seconds.toFixed(1)),
  };
  if (json) {
    const byTarget = Object.fromEntries(
      reports.map(([name, { taken, refused }, rate]) => [name, { taken, refused, perSecond: rate }]),
    );
    console.log(JSON.stringify({ ...report, targets: byTarget, findings }));
  } else {
    console.log(`${total} inputs in ${report.seconds} s, ${perSecond} a second, ${findings.length} findings`);
  }
  process.exitCode = report.ok ? 0 : 1;
}

await main();
