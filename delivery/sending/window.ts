/**
 * What a link has sent and not heard of: messages by number, without holes, and how far they have been sent on the way
 * that leads to the owner of now.
 *
 * @module
 */
import type { Outgoing } from "./outgoing.ts";

/** See the module's text. */
export class Window implements Iterable<Outgoing> {
  #messages: Outgoing[] = [];
  /** Index of what is to be sent next. */
  #cursor = 0;
  #sentBytes = 0;

  get size(): number {
    return this.#messages.length;
  }

  /** Whether some is to be sent again. */
  get hasMore(): boolean {
    return this.#cursor < this.#messages.length;
  }

  /** Messages sent on this way and not acknowledged. */
  get sent(): number {
    return this.#cursor;
  }

  /** Bytes of those, about. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** The lowest number that is kept; `undefined` if none is. */
  get first(): number | undefined {
    return this.#messages[0]?.seq;
  }

  [Symbol.iterator](): Iterator<Outgoing> {
    return this.#messages.values();
  }

  /** Appends what is sent for the first time now. */
  push(outgoing: Outgoing): void {
    this.#messages.push(outgoing);
    this.#sent(outgoing);
  }

  /** The next that is to be sent again; `undefined` when all have been. */
  next(): Outgoing | undefined {
    const again = this.#messages[this.#cursor];
    if (again !== undefined) this.#sent(again);
    return again;
  }

  #sent({ weight }: Outgoing): void {
    this.#cursor++;
    this.#sentBytes += weight;
  }

  /** Everything is to be sent again. */
  rewind(): void {
    this.#cursor = 0;
    this.#sentBytes = 0;
  }

  at(seq: number): Outgoing | undefined {
    return this.#messages[seq - (this.first ?? 0)];
  }

  /** What was sent on this way, of the given numbers. */
  sentBetween(from: number, to: number): Outgoing[] {
    return this.#messages.slice(0, this.#cursor).filter(({ seq }) => seq >= from && seq <= to);
  }

  /** Puts something else in a message's place. */
  replace(outgoing: Outgoing, by: Outgoing): void {
    const index = this.#messages.indexOf(outgoing);
    if (index < 0) return;
    this.#messages[index] = by;
    if (index < this.#cursor) this.#sentBytes += by.weight - outgoing.weight;
  }

  /** Forgets what is acknowledged, from the lowest number on. */
  trim(): void {
    let done = 0;
    for (const { acked, weight } of this.#messages) {
      if (!acked) break;
      if (done < this.#cursor) this.#sentBytes -= weight;
      done++;
    }
    if (done === 0) return;
    if (done === this.#messages.length) this.#messages.length = 0;
    else this.#messages.splice(0, done);
    this.#cursor = Math.max(0, this.#cursor - done);
  }
}
