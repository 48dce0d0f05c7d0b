/**
 * Whether a watch has everything that existed when it began.
 *
 * The server says with each message how many follow. That is no measure: others may write so fast that something always
 * follows, and while they do, old servers count what was overwritten once more or not at all. So the server is asked which
 * keys there are, and the watch has begun when each of them has come, as it was or as it is.
 *
 * @module
 */

/** See the module's text. */
export class Snapshot {
  /** Keys with a value that was delivered: of others a mark of removal is no news. */
  readonly #shown = new Set<string>();
  readonly #seen = new Set<string>();
  /** Of the keys there are, those that have not come; `undefined` until the server has told. */
  #missing: Set<string> | undefined;

  /** Whether the removal of that key is no news: it was gone before the watch began. */
  hides(key: string): boolean {
    return !this.#shown.has(key);
  }

  saw(key: string, removed: boolean): void {
    if (!removed) this.#shown.add(key);
    this.#seen.add(key);
    this.#missing?.delete(key);
  }

  /** May be told again, with other keys. @param keys all that the server has */
  expect(keys: Iterable<string>): void {
    this.#missing = new Set(keys);
    for (const key of this.#seen) this.#missing.delete(key);
  }

  get isComplete(): boolean {
    return this.#missing?.size === 0;
  }
}
