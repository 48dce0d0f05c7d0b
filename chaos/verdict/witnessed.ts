// What a sole writer knows of one key, and what the servers have lost of it. Pure: it is told, and it decides.

/** A write by its number, and the revision it got. */
export interface Mark {
  readonly value: number;
  readonly revision: number;
}

/** What a key holds that was never written. */
export const UNWRITTEN: Mark = { value: 0, revision: 0 };

export class Witnessed {
  /** Acknowledged since the last verdict, and the last one before it; so a round bounds it. */
  #acknowledged: Mark[] = [];
  /** The revision that the next write expects; `undefined` while nobody knows. */
  #revision: number | undefined = 0;
  #written = 0;

  /** The last write that was acknowledged. */
  get last(): Mark {
    return this.#acknowledged.at(-1) ?? UNWRITTEN;
  }

  /** A write under a number that no other has, over the revision it expects; `undefined` if reading comes first. */
  next(): Mark | undefined {
    return this.#revision === undefined ? undefined : { value: ++this.#written, revision: this.#revision };
  }

  acknowledged(mark: Mark): void {
    this.#acknowledged.push(mark);
    this.#revision = mark.revision;
  }

  /** The write was refused, or nobody knows: no more of them until the key is read. */
  doubted(): void {
    this.#revision = undefined;
  }

  /**
   * Takes in what was read amid faults. What is behind an acknowledged write may come from a server that has not heard
   * yet that it leads no more: then the key is left as it is until the verdict, or a write could cover up a loss.
   */
  settled(found: Mark): void {
    if (!this.lacks(found)) this.#revision = found.revision;
  }

  /** Whether anything that was acknowledged is missing. */
  lacks(found: Mark): boolean {
    return isBehind(found, this.last);
  }

  /** Takes in what all servers together hold. @returns how many acknowledged writes they have lost, each told once */
  verdict(found: Mark): number {
    const kept = this.#acknowledged.filter((mark) => !isBehind(found, mark));
    const lost = this.#acknowledged.length - kept.length;
    this.#acknowledged = kept.slice(-1);
    this.#revision = found.revision;
    return lost;
  }
}

/** Either suffices: a stream that was set back gives its revisions out again. */
function isBehind(found: Mark, mark: Mark): boolean {
  return found.value < mark.value || found.revision < mark.revision;
}
