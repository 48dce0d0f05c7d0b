// npm run chaos: see `--help`.
import process from "node:process";
import { program, type Reported } from "./program.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { problemsOf, reportOf } from "./report.ts";
import { run, type RunOptions } from "./run.ts";

async function work(given: RunOptions): Promise<Reported> {
  const result = await run(given);
  return { report: reportOf(given.options, result), problems: problemsOf(given.options, result) };
}

process.exit(await program<Options>({ name: "chaos", help: HELP, parse: parseOptions, work }));
