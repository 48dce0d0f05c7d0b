/**
 * What a link has sent and not heard of: messages by number, without holes, and how far they have been sent on the way
 * that leads to the owner of now.
 *
 * @module
 */
import { NumberRing } from "../number_ring.ts";
import type { WindowEntry } from "./window_entry.ts";

/** See the module's text. */
export class Window implements Iterable<WindowEntry> {
  readonly #entries = new NumberRing<WindowEntry>();
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
  [Symbol.iterator](): Iterator<WindowEntry> {
    return this.#entries[Symbol.iterator]();
  }

  /** Appends what is sent for the first time now: the next number. */
  push(entry: WindowEntry): void {
    const { seq } = entry;
    if (this.size === 0) this.#first = this.#cursor = seq;
    this.#entries.set(seq, entry);
    this.#end = seq + 1;
    this.#sent(entry);
  }

  /** The next that is to be sent again; `undefined` when all have been. */
  next(): WindowEntry | undefined {
    if (!this.hasMore) return undefined;
    const again = this.#entries.get(this.#cursor) as WindowEntry;
    this.#sent(again);
    return again;
  }

  #sent({ weight }: WindowEntry): void {
    this.#cursor++;
    this.#sentBytes += weight;
  }

  /** Everything is to be sent again. */
  rewind(): void {
    this.#cursor = this.#first;
    this.#sentBytes = 0;
  }

  at(seq: number): WindowEntry | undefined {
    return this.#entries.get(seq);
  }

  /** What was sent on this way, of the given numbers. */
  sentBetween(from: number, to: number): WindowEntry[] {
    const sent: WindowEntry[] = [];
    const end = Math.min(this.#cursor, to + 1);
    for (let seq = Math.max(this.#first, from); seq < end; seq++)
      sent.push(this.#entries.get(seq) as WindowEntry);
    return sent;
  }

  /** What has that number takes no room any more: it is becoming void. */
  lighten(seq: number): void {
    const entry = this.#entries.get(seq);
    if (entry === undefined) return;
    if (seq < this.#cursor) this.#sentBytes -= entry.weight;
    entry.weight = 0;
  }

  /** Forgets what is acknowledged, from the lowest number on. */
  trim(): void {
    while (this.#first < this.#end) {
      const { isAcknowledged, weight } = this.#entries.get(this.#first) as WindowEntry;
      if (!isAcknowledged) return;
      this.#entries.delete(this.#first);
      if (this.#first < this.#cursor) this.#sentBytes -= weight;
      else this.#cursor++;
      this.#first++;
    }
  }
}
