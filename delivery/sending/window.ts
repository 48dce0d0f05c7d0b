/**
 * What a link has sent and not heard of: messages by number, without holes, and how far they have been sent on the way
 * that leads to the owner of now.
 *
 * @module
 */
import { NumberRing } from "../number_ring.ts";
import type { Outgoing } from "./outgoing.ts";

/** See the module's text. */
export class Window implements Iterable<Outgoing> {
  readonly #messages = new NumberRing<Outgoing>();
  /** The lowest number that is kept, the one to be sent next, and the one behind the last: all the same if none is kept. */
  #first = 0;
  #cursor = 0;
  #end = 0;
  #sentBytes = 0;

  get size(): number {
    return this.#end - this.#first;
  }

  /** Whether some is to be sent again. */
  get hasMore(): boolean {
    return this.#cursor < this.#end;
  }

  /** Messages sent on this way and not acknowledged. */
  get sent(): number {
    return this.#cursor - this.#first;
  }

  /** Bytes of those, about. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** The lowest number that is kept; `undefined` if none is. */
  get first(): number | undefined {
    return this.size === 0 ? undefined : this.#first;
  }

  /** All that are there now, the lowest number first. */
  [Symbol.iterator](): Iterator<Outgoing> {
    return this.#messages[Symbol.iterator]();
  }

  /** Appends what is sent for the first time now: the next number. */
  push(outgoing: Outgoing): void {
    const { seq } = outgoing;
    if (this.size === 0) this.#first = this.#cursor = seq;
    this.#messages.set(seq, outgoing);
    this.#end = seq + 1;
    this.#sent(outgoing);
  }

  /** The next that is to be sent again; `undefined` when all have been. */
  next(): Outgoing | undefined {
    if (!this.hasMore) return undefined;
    const again = this.#messages.get(this.#cursor) as Outgoing;
    this.#sent(again);
    return again;
  }

  #sent({ weight }: Outgoing): void {
    this.#cursor++;
    this.#sentBytes += weight;
  }

  /** Everything is to be sent again. */
  rewind(): void {
    this.#cursor = this.#first;
    this.#sentBytes = 0;
  }

  at(seq: number): Outgoing | undefined {
    return this.#messages.get(seq);
  }

  /** What was sent on this way, of the given numbers. */
  sentBetween(from: number, to: number): Outgoing[] {
    const sent: Outgoing[] = [];
    const end = Math.min(this.#cursor, to + 1);
    for (let seq = Math.max(this.#first, from); seq < end; seq++)
      sent.push(this.#messages.get(seq) as Outgoing);
    return sent;
  }

  /** Puts something else in a message's place, which is that of its own number. */
  replace(outgoing: Outgoing, by: Outgoing): void {
    const { seq } = by;
    if (this.#messages.get(seq) !== outgoing) return;
    this.#messages.set(seq, by);
    if (seq < this.#cursor) this.#sentBytes += by.weight - outgoing.weight;
  }

  /** Forgets what is acknowledged, from the lowest number on. */
  trim(): void {
    while (this.#first < this.#end) {
      const { acked, weight } = this.#messages.get(this.#first) as Outgoing;
      if (!acked) return;
      this.#messages.delete(this.#first);
      if (this.#first < this.#cursor) this.#sentBytes -= weight;
      else this.#cursor++;
      this.#first++;
    }
  }
}
