/**
 * What is known of a bucket's revisions, and how a store that has gone back gives itself away: by an older copy that
 * was put back, or because it has lost what it had acknowledged.
 *
 * In a store that forgets nothing a write never replaces an older record than the one that is known, nor is it given a
 * revision that was known before it was sent. What is merely read proves nothing: a server that has just ceased to lead
 * may answer with what it has.
 *
 * @module
 */

/** The newest revisions that the store has told of, whether it still has them or not. */
export interface KnownRevisions {
  /** Of one record; 0 if there was none. */
  readonly own: number;
  /** Of any record. */
  readonly any: number;
}

/** Nothing is known, so nothing can be proved. */
export const NOTHING_KNOWN: KnownRevisions = { own: 0, any: 0 };

/**
 * Whether a store in which a write has replaced the record of revision `from`, and was given `revision`, has forgotten
 * what was known when the write was sent. With `from` 0 there was no record, as somebody may have removed it.
 */
export function wentBack({ own, any }: KnownRevisions, from: number, revision: number): boolean {
  return (from > 0 && from < own) || revision <= any;
}

/** The highest revision that a bucket has told of in any way. */
export class NewestRevision {
  #newest = 0;

  get value(): number {
    return this.#newest;
  }

  note(revision: number): void {
    this.#newest = Math.max(this.#newest, revision);
  }
}
