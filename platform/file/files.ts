/**
 * What the system tells of itself in `/proc`: small files, on Linux only.
 *
 * @module
 */
import { readFileSync, readlinkSync } from "node:fs";

interface DenoPermissions {
  readonly permissions: { querySync(of: { name: string }): { readonly state: string } };
}

const ALL: readonly string[] = ["read", "write", "net", "env", "run", "sys", "ffi"];

/** Deno gives `/proc` only to programs that may do everything. Nobody is asked for it. */
function mayRead(): boolean {
  const { Deno: deno } = globalThis as { Deno?: DenoPermissions };
  return deno === undefined || ALL.every((name) => deno.permissions.querySync({ name }).state === "granted");
}

/** A file as text; `undefined` if it is not there, or may not be read. */
export function readIfAllowed(path: string): string | undefined {
  return attempt(() => readFileSync(path, "latin1"));
}

/** Where a symbolic link leads; `undefined` if it is not there, or may not be read. */
export function readLinkIfAllowed(path: string): string | undefined {
  return attempt(() => readlinkSync(path, "latin1"));
}

function attempt(read: () => string): string | undefined {
  try {
    return mayRead() ? read() : undefined;
  } catch {
    return undefined;
  }
}
