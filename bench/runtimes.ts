// Where the runtimes are, and how a program is started on each.
import { spawnSync } from "node:child_process";
import process from "node:process";

export const RUNTIMES = ["bun", "deno"] as const;
export type Runtime = (typeof RUNTIMES)[number];

const SET: Readonly<Record<Runtime, string>> = { bun: "BATON_BUN", deno: "BATON_DENO" };

/** The executables on this machine; the launcher has named them, otherwise the PATH is searched. */
export function findRuntimes(): ReadonlyMap<Runtime, string> {
  const found = new Map<Runtime, string>();
  for (const runtime of RUNTIMES) {
    const executable = process.env[SET[runtime]] ?? own(runtime) ?? runtime;
    const { status } = spawnSync(executable, ["--version"], { stdio: "ignore" });
    if (status === 0) found.set(runtime, executable);
  }
  return found;
}

function own(runtime: Runtime): string | undefined {
  return process.versions[runtime] === undefined ? undefined : process.execPath;
}

/** Arguments that run a file, on Deno with the permission to reach the server and no other. */
export function runArguments(runtime: Runtime, file: string, port: number | undefined): string[] {
  if (runtime === "bun") return ["run", file];
  const allowed = port === undefined ? [] : [`--allow-net=127.0.0.1:${port}`];
  return ["run", "--no-prompt", "--no-check", "--quiet", ...allowed, file];
}
