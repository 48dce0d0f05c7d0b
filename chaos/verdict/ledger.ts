// What the servers acknowledged to the nodes themselves, bucket by bucket, and what of it they have lost.
//
// A stream gives each revision once. One that comes twice, or a key that is behind what was acknowledged, is the
// servers' loss and nobody else's.
import type { Acked } from "../cluster/lines.ts";

/** The revision under which the servers hold each key now; a key that they do not know is left out. */
export type Held = ReadonlyMap<string, number>;

interface Book {
  /** Newest acknowledged revision of each key. */
  readonly newest: Map<string, number>;
  readonly keyOf: Map<number, string>;
}

export class Ledger {
  readonly #books = new Map<string, Book>();
  readonly #doubles: string[] = [];

  /** Takes in that a write was acknowledged. */
  acknowledged({ bucket, key, revision }: Acked): void {
    const book = this.#book(bucket);
    const other = book.keyOf.get(revision);
    if (other !== undefined)
      this.#doubles.push(`the servers gave revision ${revision} of ${bucket} to ${other} and to ${key}`);
    book.keyOf.set(revision, key);
    book.newest.set(key, Math.max(revision, book.newest.get(key) ?? 0));
  }

  get buckets(): readonly string[] {
    return [...this.#books.keys()];
  }

  /** Newest acknowledged revisions by key, as of now. */
  newest(bucket: string): ReadonlyMap<string, number> {
    return new Map(this.#books.get(bucket)?.newest);
  }

  /** Revisions that were given twice; each is told once. */
  doubles(): readonly string[] {
    return this.#doubles.splice(0);
  }

  /** Each key that was behind what had been acknowledged before it was read; each is told once. */
  missing(bucket: string, acknowledged: ReadonlyMap<string, number>, held: Held): readonly string[] {
    const { newest } = this.#book(bucket);
    const missing: string[] = [];
    for (const [key, revision] of acknowledged) {
      const now = held.get(key) ?? 0;
      if (now >= revision) continue;
      missing.push(
        `the servers hold ${key} of ${bucket} at revision ${now}, after ${revision} was acknowledged`,
      );
      if (newest.get(key) === revision) newest.set(key, now);
    }
    return missing;
  }

  #book(bucket: string): Book {
    let book = this.#books.get(bucket);
    if (book === undefined) this.#books.set(bucket, (book = { newest: new Map(), keyOf: new Map() }));
    return book;
  }
}
