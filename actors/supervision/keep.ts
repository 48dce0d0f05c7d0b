/**
 * Which actors of a kind are kept alive: they begin without a message, wherever they belong, and do not sleep.
 *
 * @module
 */
import { ConfigurationError } from "../../errors.ts";
import { sha256 } from "../../platform/hash.ts";
import { nameFault } from "../../transport/subjects.ts";
import type { Contract } from "../contract.ts";

/**
 * Which actors are kept alive:
 *
 * - those of these names: a singleton is `["the"]`;
 * - so many, named "0", "1" and so on;
 * - "all", of a stored kind: each of which something is stored.
 */
export type KeepOption = readonly string[] | { readonly count: number } | "all";

/** The same, checked: the names, or "all". */
export type KeptNames = ReadonlySet<string> | "all";

/** Actors of one kind that can be kept by their names. */
export const KEPT_MAX = 100_000;

/** @throws {ConfigurationError} for a name that is none, a count out of its bounds, and "all" of a kind that is not stored */
export function keptNames({ kind, durability }: Contract, option: KeepOption): KeptNames {
  if (option === "all") {
    if (durability === "stored") return "all";
    throw refused(
      kind,
      `"all"`,
      `it lives in memory, and only of a kind with durability "stored" it is known which actors there are`,
    );
  }
  if (Array.isArray(option)) return checked(kind, option as readonly unknown[]);
  if (typeof option !== "object" || option === null || Object.keys(option).join() !== "count")
    throw refused(
      kind,
      JSON.stringify(option) ?? String(option),
      `it must be a list of names, { count }, or "all"`,
    );
  const { count } = option as { readonly count: number };
  if (!Number.isInteger(count) || count < 0 || count > KEPT_MAX)
    throw refused(kind, `count ${String(count)}`, `it must be a whole number from 0 to ${KEPT_MAX}`);
  return new Set(Array.from({ length: count }, (_, i) => String(i)));
}

function checked(kind: string, names: readonly unknown[]): KeptNames {
  if (names.length > KEPT_MAX) throw refused(kind, `${names.length} names`, `${KEPT_MAX} are the most`);
  const kept = new Set<string>();
  for (const name of names) {
    const fault = nameFault(name);
    if (fault) throw refused(kind, `name ${shown(name)}`, `it is ${fault}`);
    if (kept.has(name as string)) throw refused(kind, `name ${shown(name)}`, "it is given twice");
    kept.add(name as string);
  }
  return kept;
}

function refused(kind: string, what: string, why: string): ConfigurationError {
  return new ConfigurationError(`Cannot keep actors of kind "${kind}" by ${what}: ${why}`);
}

/** A name that somebody has written into their program. */
function shown(name: unknown): string {
  return typeof name === "string" ? JSON.stringify(name.slice(0, 64)) : `of type ${typeof name}`;
}

/** A short text that is the same where the same are kept; `undefined` where none are. */
export function keepMark(kept: KeptNames | undefined): string | undefined {
  if (kept === undefined) return undefined;
  if (kept === "all") return "all";
  const text = JSON.stringify([...kept].sort());
  return sha256(new TextEncoder().encode(text)).slice(0, 16);
}
