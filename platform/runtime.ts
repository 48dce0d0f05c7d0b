import process from "node:process";

/** The runtime and its version, for people: "bun 1.4.5". */
export function runtimeName(): string {
  const { bun, deno } = process.versions as Record<string, string | undefined>;
  if (bun !== undefined) return `bun ${bun}`;
  if (deno !== undefined) return `deno ${deno}`;
  return `node ${process.versions.node}`;
}

/** Whether this is Deno. */
export function isDeno(): boolean {
  return (process.versions as Record<string, string | undefined>).deno !== undefined;
}

/**
 * What an environment variable says. On Deno only if reading it is allowed already: nobody is asked for it.
 */
export function environment(name: string): string | undefined {
  const { Deno: deno } = globalThis as { Deno?: DenoPermissions };
  const isAllowed = deno?.permissions.querySync({ name: "env", variable: name }).state ?? "granted";
  return isAllowed === "granted" ? process.env[name] : undefined;
}

interface DenoPermissions {
  readonly permissions: { querySync(of: { name: "env"; variable: string }): { readonly state: string } };
}

/** The environment variable by which a supervisor tags the process that it starts. */
export const TAG_VARIABLE = "BATON_NODE_TAG";

/** The tag that this process was started with, if any: up to 32 letters and digits. */
export function processTag(): string | undefined {
  const tag = environment(TAG_VARIABLE);
  return tag !== undefined && /^[0-9A-Za-z]{1,32}$/.test(tag) ? tag : undefined;
}

/** Ends the process. */
export function exitProcess(code: number): never {
  process.exit(code);
}
