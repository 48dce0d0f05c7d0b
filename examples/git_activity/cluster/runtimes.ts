// Finds the executables of Bun and Deno themselves, not wrappers: a SIGTERM has to reach them.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { ownRuntime, type Runtime } from "./cluster.ts";

const MODULES = new URL("../../../node_modules/", import.meta.url);
const INSTALLED: Readonly<Record<Runtime, string>> = { bun: "bun/bin/bun.exe", deno: "deno/deno" };
const SET: Readonly<Record<Runtime, string>> = { bun: "BATON_BUN", deno: "BATON_DENO" };
const EXECUTABLE_BYTES_MIN = 1_000_000;

/** The runtimes of this machine: Bun first. */
export function findRuntimes(): ReadonlyMap<Runtime, string> {
  const found = new Map<Runtime, string>();
  for (const runtime of ["bun", "deno"] as const) {
    const executable = process.env[SET[runtime]] ?? own(runtime) ?? installed(runtime) ?? onPath(runtime);
    if (executable !== undefined) found.set(runtime, executable);
  }
  return found;
}

function own(runtime: Runtime): string | undefined {
  return runtime === ownRuntime() ? process.execPath : undefined;
}

function installed(runtime: Runtime): string | undefined {
  const file = fileURLToPath(new URL(INSTALLED[runtime], MODULES));
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return size > EXECUTABLE_BYTES_MIN ? file : undefined;
}

function onPath(runtime: Runtime): string | undefined {
  return spawnSync(runtime, ["--version"], { stdio: "ignore" }).status === 0 ? runtime : undefined;
}
