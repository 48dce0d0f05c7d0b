/**
 * A bucket in memory: exact compare-and-set, with one revision for all that it holds.
 *
 * @module
 */
import type { CasResult, RecordEntry } from "../records.ts";

/** All that a bucket held at one moment. */
export interface BucketCopy {
  readonly revision: number;
  readonly entries: readonly RecordEntry[];
}

/** What is stored, and who is told. */
export class MemoryBucket {
  isThere = false;
  #birth = 0;
  #revision = 0;
  readonly #entries: Map<string, RecordEntry> = new Map();
  readonly #watchers: Set<(entry: RecordEntry) => void> = new Set();

  /** Makes it, if it is missing. @returns itself */
  made(): this {
    if (!this.isThere) this.#birth++;
    this.isThere = true;
    return this;
  }

  /** Loses all that it holds, and its watches hear no more. Made again, its revisions begin anew. */
  remove(): void {
    this.isThere = false;
    this.#entries.clear();
    this.#watchers.clear();
    this.#revision = 0;
  }

  /** How often it was made. */
  get birth(): number {
    return this.#birth;
  }

  /** Of the latest change; 0 if there was none. */
  get revision(): number {
    return this.#revision;
  }

  /** All that it holds now. */
  copy(): BucketCopy {
    return { revision: this.#revision, entries: this.entries() };
  }

  /** Forgets all that came after the copy. Its watches hear nothing of that, nor of revisions that they know. */
  restore({ revision, entries }: BucketCopy): void {
    this.#revision = revision;
    this.#entries.clear();
    for (const entry of entries) this.#entries.set(entry.key, entry);
  }

  /** The record as it is now; `value` is `undefined` once it was removed. */
  entry(key: string): RecordEntry | undefined {
    return this.#entries.get(key);
  }

  /** All records and marks of removal, in order of revision. */
  entries(): RecordEntry[] {
    return [...this.#entries.values()].sort((a, b) => a.revision - b.revision);
  }

  /** Writes, or removes with `undefined`, if `allowed` accepts what is there. */
  write(
    key: string,
    value: Uint8Array | undefined,
    allowed: (now: RecordEntry | undefined) => boolean,
  ): CasResult {
    if (!this.isThere || !allowed(this.#entries.get(key))) return { ok: false };
    const entry = { key, value: value?.slice(), revision: ++this.#revision };
    this.#entries.set(key, entry);
    for (const tell of [...this.#watchers]) tell(entry);
    return { ok: true, revision: entry.revision };
  }

  /** Tells of each change. Returns a function that stops it. */
  onChange(tell: (entry: RecordEntry) => void): () => void {
    this.#watchers.add(tell);
    return () => void this.#watchers.delete(tell);
  }
}
