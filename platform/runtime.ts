import process from "node:process";

/** The runtime and its version, for people: "bun 1.4.5". */
export function runtimeName(): string {
  const { bun, deno } = process.versions as Record<string, string | undefined>;
  if (bun !== undefined) return `bun ${bun}`;
  if (deno !== undefined) return `deno ${deno}`;
  return `node ${process.versions.node}`;
}

/** Ends the process. */
export function exitProcess(code: number): never {
  process.exit(code);
}
