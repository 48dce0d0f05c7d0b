/**
 * Which nats-servers are good enough for what.
 *
 * @module
 */
import type { OutdatedServer } from "../transport.ts";

/** Below this one nothing is tried. */
export const VERSION_MIN = "2.9.10";
/**
 * Below this one a bucket of several copies may lose writes that it acknowledged, and give their revisions again, when servers
 * are killed. docs/operations.md says how that was found.
 */
const REPLICATED_MIN = "2.12.0";

/** Whether a version is the given one or newer. A pre-release counts as its release. */
export function isAtLeast(version: string, least: string): boolean {
  const [parts, leastParts] = [version, least].map((text) => text.split(/[.-]/).map(Number));
  for (const [i, wanted] of (leastParts ?? []).entries()) {
    const part = parts?.[i] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}

/** Whether a server of that version is too old for a bucket with so many copies; `undefined` if not. */
export function outdatedFor(copies: number, version: string): OutdatedServer | undefined {
  return copies > 1 && !isAtLeast(version, REPLICATED_MIN) ? { version, least: REPLICATED_MIN } : undefined;
}

/** For people. */
export function outdatedWords({ version, least }: OutdatedServer): string {
  return `Cannot rely on several copies of a bucket with a nats-server older than ${least}, which may lose acknowledged writes when one is killed: this one is "${version}"`;
}
