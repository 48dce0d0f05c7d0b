// npm run soak: see `--help`.
import process from "node:process";
import { program, type Reported } from "../program.ts";
import { soakReport } from "./report.ts";
import { parseSoakOptions, SOAK_HELP, type SoakOptions } from "./options.ts";
import { soak, type SoakRunOptions } from "./run.ts";

async function work(given: SoakRunOptions): Promise<Reported> {
  return soakReport(given.options, await soak(given));
}

process.exit(await program<SoakOptions>({ name: "soak", help: SOAK_HELP, parse: parseSoakOptions, work }));
