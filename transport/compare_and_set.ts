/**
 * A compare-and-set whose outcome is always known at the end, of a record or of whatever else has a revision.
 *
 * A change that got no answer may have been applied. So the very same change is repeated: either it is applied now, or it
 * conflicts, and then what is there tells by its nonce whether an earlier try of it was applied.
 *
 * @module
 */
import type { CasResult, Records } from "./records.ts";

/** One change, which may be tried any number of times. */
export interface CompareAndSet<T extends { readonly revision: number }> {
  /** What must be there still; 0 if nothing must be. */
  readonly revision: number;
  /** Tries it. `undefined`: it could not be tried now. */
  attempt(): Promise<CasResult | undefined>;
  /** What is there now: no acknowledged change is missed. */
  read(): Promise<T | undefined>;
  /** Whether what is there was written by a try of this change. */
  isOwn(found: T): boolean;
}

/** How a change ended. `entry` of a lost one is what was there instead, `undefined` if nothing. */
export type Settled<T> =
  | { readonly won: true; readonly revision: number }
  | { readonly won: false; readonly entry: T | undefined };

/** What a failed try leads to: the end of the change, a look whether an earlier try was applied, or nothing but another try. */
export type AfterFailure = "end" | "look" | "repeat";

/** How long and for what a change is repeated. */
export interface Persistence {
  /** @param inDoubt whether an earlier try may have been applied, or may still be */
  judge(error: unknown, inDoubt: boolean): AfterFailure;
  /**
   * Waits before the next try. Rejects to give up; the outcome is unknown then.
   *
   * @param tries how many there were
   * @param error why the latest of them failed that did; `undefined` if none did
   */
  pause(tries: number, error: unknown): Promise<void>;
}

/**
 * Repeats a change until its outcome is known.
 *
 * @throws what ended it: an error of a try, or of {@link Persistence.pause}
 */
export async function settle<T extends { readonly revision: number }>(
  change: CompareAndSet<T>,
  { judge, pause }: Persistence,
): Promise<Settled<T>> {
  let inDoubt = false;
  let latest: unknown;
  for (let tries = 1; ; tries++) {
    try {
      const result = await change.attempt();
      if (result?.ok) return { won: true, revision: result.revision };
      const settled = result && (await outcomeOf(change));
      if (settled) return settled;
    } catch (error) {
      latest = error;
      const next = judge(error, inDoubt);
      if (next === "end") throw error;
      const settled = next === "look" ? await outcomeOf(change).catch(() => undefined) : undefined;
      if (settled) return settled;
      inDoubt = true;
    }
    await pause(tries, latest);
  }
}

/**
 * What has become of a change, by what is there.
 *
 * @returns `undefined` if that is what it was to replace: it may still be applied. A replicated store refuses at times
 *   although nothing has changed
 */
export async function outcomeOf<T extends { readonly revision: number }>(
  change: Omit<CompareAndSet<T>, "attempt">,
): Promise<Settled<T> | undefined> {
  const found = await change.read();
  if (found && change.isOwn(found)) return { won: true, revision: found.revision };
  return (found?.revision ?? 0) === change.revision ? undefined : { won: false, entry: found };
}

/** Writes a record of which no more is known than what it was at `revision`; 0 if it has never been. Tries once. */
export function writeOver(
  records: Records,
  key: string,
  value: Uint8Array,
  revision: number,
): Promise<CasResult> {
  return revision === 0 ? records.create(key, value) : records.update(key, value, revision);
}

/**
 * Writes what follows from a record's value, again and again until nobody else was faster. For what is as good whoever has
 * written it: a try without an answer ends it, and may have been applied.
 *
 * @param next of what is there, `undefined` if nothing; `undefined` if it may stay
 * @throws as {@link Records} does
 */
export async function amend(
  records: Records,
  key: string,
  next: (value: Uint8Array | undefined) => Uint8Array | undefined,
): Promise<void> {
  for (;;) {
    const found = await records.get(key);
    const value = next(found?.value);
    if (value === undefined || (await writeOver(records, key, value, found?.revision ?? 0)).ok) return;
  }
}
