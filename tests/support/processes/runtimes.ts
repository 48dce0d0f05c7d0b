// The runtimes of this machine, and how a program is started on each.
import type { Runtime } from "../../../examples/git_activity/cluster/cluster.ts";

export { findRuntimes } from "../../../examples/git_activity/cluster/runtimes.ts";
export type { Runtime };

export const RUNTIMES = ["bun", "deno"] as const satisfies readonly Runtime[];

/** Arguments that run a file. `denoArgs` are what Deno is told before it: what the program may do. */
export function runArguments(runtime: Runtime, file: string, denoArgs: readonly string[]): string[] {
  return runtime === "bun" ? ["run", file] : ["run", "--no-prompt", "--quiet", ...denoArgs, file];
}

/** For Deno: it may connect to that port of this machine, and nothing else; without a port, nothing at all. */
export function onlyPort(port: number | undefined): string[] {
  return port === undefined ? [] : [`--allow-net=127.0.0.1:${port}`];
}
