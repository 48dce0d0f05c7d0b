/**
 * Something for each shard of each kind. Every message looks into one of these, so there is no key to build: a row for each
 * kind, with the shard's number as the place.
 *
 * @module
 */

/** For what concerns few shards at a time, and is counted: a key of an ordinary map. */
export function shardKey(kind: string, shard: number): string {
  return `${kind}/${shard}`;
}

/** See the module's text. */
export class ShardMap<T> {
  readonly #rows = new Map<string, (T | undefined)[]>();

  get(kind: string, shard: number): T | undefined {
    return this.#rows.get(kind)?.[shard];
  }

  set(kind: string, shard: number, value: T): void {
    this.#row(kind)[shard] = value;
  }

  /** What is there, or what is made now. */
  getOrMake(kind: string, shard: number, make: () => T): T {
    const row = this.#row(kind);
    return (row[shard] ??= make());
  }

  delete(kind: string, shard: number): void {
    const row = this.#rows.get(kind);
    if (row !== undefined) row[shard] = undefined;
  }

  clear(): void {
    this.#rows.clear();
  }

  /** By kind and shard number. */
  *entries(): IterableIterator<{ readonly kind: string; readonly shard: number; readonly value: T }> {
    for (const [kind, row] of this.#rows)
      for (const [shard, value] of row.entries()) if (value !== undefined) yield { kind, shard, value };
  }

  *values(): IterableIterator<T> {
    for (const row of this.#rows.values()) for (const value of row) if (value !== undefined) yield value;
  }

  #row(kind: string): (T | undefined)[] {
    let row = this.#rows.get(kind);
    if (row === undefined) this.#rows.set(kind, (row = []));
    return row;
  }
}
