/**
 * The records of one sort, decoded: the newest known of each key, and who wants to hear of changes.
 *
 * @module
 */
import { type ActorError, DecodeError, RecordsUnavailableError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";
import { type CompareAndSet, settle, writeOver } from "../../transport/compare_and_set.ts";
import type { CasResult, RecordEntry, Records } from "../../transport/records.ts";
import { type KnownRevisions, type NewestRevision, NOTHING_KNOWN, wentBack } from "./rollback.ts";
import { type Patience, persistence } from "./patience.ts";

/** A record and the revision at which it was seen. */
export interface Entry<T> {
  readonly record: T;
  readonly revision: number;
}

/** What is left of a record that was removed. Whoever makes it anew has to know of that. */
export interface Mark {
  /** Of the removal. */
  readonly revision: number;
}

/** How a change of a record ended. `entry` of a lost one is what the leader has, `undefined` if there is none. */
export type Change<T> =
  | { readonly won: true; readonly entry: Entry<T> }
  | { readonly won: false; readonly entry: Entry<T> | undefined };

/** What a record that was to be made is now. */
export interface Made<T> {
  /** Whether it was made by this call; it was there if not. */
  readonly won: boolean;
  readonly entry: Entry<T>;
}

/**
 * Called with what is known now (`undefined`: removed), what was known before (`undefined` also of a record that was
 * removed before it was ever seen here), and the revision of the change.
 */
export type TableListener<T> = (
  key: string,
  entry: Entry<T> | undefined,
  previous: Entry<T> | undefined,
  revision: number,
) => void;

/** What a table needs of its bucket. */
export interface TableDeps<T> {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly encode: (record: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => T;
  /** Of all tables of the bucket. */
  readonly newest: NewestRevision;
  /** A change has shown that the store went back. Without it none is looked at for that. */
  readonly onWentBack: (() => void) | undefined;
}

/**
 * One sort of record.
 *
 * What is known never goes back in revision. What this node itself wrote or read is known at once, before the watch
 * tells. Listeners run synchronously; one that throws is logged and disturbs nothing else.
 */
export class RecordTable<T extends { readonly nonce: string }> {
  readonly #deps: TableDeps<T>;
  readonly #entries = new Map<string, Entry<T>>();
  /** Also of removed records, so that a late old value does not bring one back. */
  readonly #revisions = new Map<string, number>();
  /** Of records that are not there: what the leader has said last, for a mark may be removed as well. */
  readonly #marks = new Map<string, Mark>();
  readonly #listeners = new Set<TableListener<T>>();

  constructor(deps: TableDeps<T>) {
    this.#deps = deps;
  }

  /** The newest known record. */
  get(key: string): Entry<T> | undefined {
    return this.#entries.get(key);
  }

  /** The mark of a record that is known to be removed; `undefined` if it is there, or never was. */
  mark(key: string): Mark | undefined {
    return this.#marks.get(key);
  }

  /** All known records by key. Do not keep the iterator over an `await`. */
  entries(): IterableIterator<[string, Entry<T>]> {
    return this.#entries.entries();
  }

  /** Calls back at each change from now on. Returns a function that stops it. */
  onChange(listener: TableListener<T>): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Reads from the leader, so that no acknowledged change is missed.
   *
   * @throws {RecordsUnavailableError} if no answer comes
   * @throws {DecodeError} if what is there is not such a record
   */
  async refresh(key: string): Promise<Entry<T> | undefined> {
    return this.#hear(key, await this.#deps.records.get(key));
  }

  /**
   * Changes a record that is still as `from`, with a fresh nonce, and settles the outcome. `from` is all that is known of
   * it: the record, or the mark of its removal; `undefined` if it has never been. Take it when you decide what
   * to write, not when you write it.
   *
   * @throws {RecordsUnavailableError} if `patience` ends before the outcome is known, or if the store has gone back: what
   *   it says is worth nothing then
   * @throws {DecodeError} if the change was lost to something that is not such a record
   */
  async change(
    key: string,
    from: Entry<T> | Mark | undefined,
    next: Omit<T, "nonce">,
    patience: Patience = {},
  ): Promise<Change<T>> {
    const known = this.known(key);
    const { records, clock, random } = this.#deps;
    const nonce = random.id();
    const record = { ...next, nonce } as T;
    const value = this.#deps.encode(record);
    const revision = from?.revision ?? 0;
    const change: CompareAndSet<RecordEntry> = {
      revision,
      attempt: () => writeOver(records, key, value, revision),
      read: () => records.get(key),
      isOwn: (found) => found.value !== undefined && this.#deps.decode(found.value).nonce === nonce,
    };
    const settled = await settle(change, persistence(key, patience, clock, random));
    if (!settled.won) return { won: false, entry: this.#hear(key, settled.entry) };
    this.#checkStore(key, known, revision, settled.revision);
    const entry = { record, revision: settled.revision };
    this.#accept(key, entry, entry.revision);
    return { won: true, entry };
  }

  /**
   * Makes a record that is not there, whether it never was or was removed: for one that says the same in both cases.
   * Otherwise as {@link change}.
   *
   * @returns the record that is there now, and whether it was made
   */
  async make(key: string, next: Omit<T, "nonce">, patience?: Patience): Promise<Made<T>> {
    for (;;) {
      const { won, entry } = await this.change(key, this.mark(key), next, patience);
      if (entry) return { won, entry };
    } // a mark that was not known is known now
  }

  /** What the store has told of so far; nothing, if this table's changes are not looked at for that. */
  known(key: string): KnownRevisions {
    if (!this.#deps.onWentBack) return NOTHING_KNOWN;
    return { own: this.#revisions.get(key) ?? 0, any: this.#deps.newest.value };
  }

  #checkStore(key: string, known: KnownRevisions, from: number, revision: number): void {
    if (!wentBack(known, from, revision)) return;
    this.#deps.onWentBack?.();
    throw new RecordsUnavailableError(`Cannot change "${key}": the records went back to an older copy`);
  }

  /**
   * Writes once, without settling: for a writer that has its own way of repeating.
   *
   * @throws {RecordsUnavailableError} if no answer comes; it may have been applied
   */
  async write(key: string, revision: number, record: T): Promise<CasResult> {
    const result = await writeOver(this.#deps.records, key, this.#deps.encode(record), revision);
    if (result.ok) this.#accept(key, { record, revision: result.revision }, result.revision);
    return result;
  }

  /**
   * Removes a record that is still at `revision`; tells whether it did. Tries once.
   *
   * @throws {RecordsUnavailableError} if no answer comes; it may have been removed
   */
  async remove(key: string, revision: number): Promise<boolean> {
    const result = await this.#deps.records.remove(key, revision);
    if (result.ok) this.#accept(key, undefined, result.revision);
    return result.ok;
  }

  /** Takes what the watch tells. What cannot be decoded is logged and otherwise as if it had not been seen. */
  observe(entry: RecordEntry): void {
    if (entry.revision <= (this.#revisions.get(entry.key) ?? 0)) return;
    try {
      this.#learn(entry);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      const { message } = error as ActorError;
      this.#deps.log.error("A record cannot be read", { key: entry.key, revision: entry.revision, message });
    }
  }

  /** Takes what the leader has answered. */
  #hear(key: string, seen: RecordEntry | undefined): Entry<T> | undefined {
    const entry = seen && this.#learn(seen);
    if (entry || this.#entries.has(key)) return entry;
    if (seen) this.#marks.set(key, { revision: seen.revision });
    else this.#marks.delete(key);
    return undefined;
  }

  #learn({ key, value, revision }: RecordEntry): Entry<T> | undefined {
    // always what is there: in a bucket that was made anew, another record may have the revision of the known one
    const entry = value === undefined ? undefined : { record: this.#deps.decode(value), revision };
    this.#accept(key, entry, revision);
    return entry;
  }

  #accept(key: string, entry: Entry<T> | undefined, revision: number): void {
    this.#deps.newest.note(revision);
    if (revision <= (this.#revisions.get(key) ?? 0)) return;
    const previous = this.#entries.get(key);
    this.#revisions.set(key, revision);
    if (entry) {
      this.#entries.set(key, entry);
      this.#marks.delete(key);
    } else {
      this.#entries.delete(key);
      this.#marks.set(key, { revision });
    }
    for (const listener of [...this.#listeners]) this.#call(listener, key, entry, previous, revision);
  }

  #call(
    listener: TableListener<T>,
    key: string,
    entry: Entry<T> | undefined,
    previous: Entry<T> | undefined,
    revision: number,
  ): void {
    try {
      listener(key, entry, previous, revision);
    } catch (error) {
      this.#deps.log.error("A listener to records threw", { key, error });
    }
  }
}
