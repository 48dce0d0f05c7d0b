/**
 * The messages of a stream that one node has in hands, and which of them may begin. Pure: `reading.ts` does what it says.
 *
 * Each actor gets its messages in the order of the stream, one after the other. For that two things must hold:
 *
 * - The next message of an actor begins when the one before it has ended.
 * - None begins while somebody else may have one. Deliveries are numbered: as long as each has come here, nobody else has any. At the
 *   beginning, and wherever a number is missing, whatever is delivered is gathered, until all that is not settled is here.
 *
 * ```
 *   gathering ──all that is not settled is here──► whole
 *       ▲──────────────a delivery is missing──────────┘
 * ```
 *
 * @module
 */
import type { ReaderStatus, StreamMessage } from "../transport/streams.ts";

/** Whatever is known of a message here. */
type Delivered = Pick<StreamMessage, "sequence" | "delivery">;

/** A message in hands. */
export interface Held<M extends Delivered> {
  /** As it was delivered last. */
  message: M;
  /** The actor that it is for; `undefined` if that cannot be said, so that it waits for no other one. */
  readonly lane: string | undefined;
  /** Tries that have failed. */
  tries: number;
  /** Whether it has begun, or will again by itself. */
  hasBegun: boolean;
}

/** See the module's text. */
export class InFlight<M extends Delivered> {
  readonly #held = new Map<number, Held<M>>();
  /** By actor, in the order of the stream, behind one that has begun. */
  readonly #lanes = new Map<string, Held<M>[]>();
  #last = 0;
  #isWhole = false;

  /** Whether nobody else has any. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  get size(): number {
    return this.#held.size;
  }

  [Symbol.iterator](): IterableIterator<Held<M>> {
    return this.#held.values();
  }

  /**
   * A message has been delivered.
   *
   * @param laneOf is asked if it is not in hands already
   * @returns it, if it may begin
   */
  deliver(message: M, laneOf: (message: M) => string | undefined): Held<M> | undefined {
    const { sequence, delivery } = message;
    const known = this.#held.get(sequence);
    const isNext = delivery === this.#last + 1;
    if (!isNext && (delivery > this.#last || known === undefined)) this.#isWhole = false;
    this.#last = Math.max(this.#last, delivery);
    if (known !== undefined) {
      if (delivery > known.message.delivery) known.message = message;
      return undefined;
    }
    const held: Held<M> = { message, lane: laneOf(message), tries: 0, hasBegun: false };
    this.#held.set(sequence, held);
    this.#line(held);
    return this.#isWhole && this.#isFirst(held) ? held : undefined;
  }

  /**
   * It is known how the reader stands.
   *
   * @returns those that may begin, if it is whole by that
   */
  compare({ unsettled, lastDelivery }: ReaderStatus): Held<M>[] {
    if (this.#isWhole || this.#last > lastDelivery) return [];
    if (this.#held.size > unsettled) this.#forget();
    if (this.#held.size !== unsettled) return [];
    this.#last = lastDelivery;
    this.#isWhole = true;
    return this.firsts();
  }

  /** Those that have not begun and may. */
  firsts(): Held<M>[] {
    return this.#isWhole ? [...this.#held.values()].filter((held) => this.#isFirst(held)) : [];
  }

  /** One has ended. @returns the one behind it, if that may begin */
  end(held: Held<M>): Held<M> | undefined {
    this.#held.delete(held.message.sequence);
    const { lane } = held;
    if (lane === undefined) return undefined;
    const line = this.#lanes.get(lane) ?? [];
    const [next] = line.splice(0, line.indexOf(held) + 1) && line;
    if (next === undefined) this.#lanes.delete(lane);
    return this.#isWhole ? next : undefined;
  }

  /** Somebody else has settled or removed one of them, and it is not known which: what is still to be done is delivered again. */
  #forget(): void {
    for (const held of [...this.#held.values()]) if (!held.hasBegun) this.end(held);
  }

  #line(held: Held<M>): void {
    const { lane, message } = held;
    if (lane === undefined) return;
    const line = this.#lanes.get(lane);
    if (line === undefined) return void this.#lanes.set(lane, [held]);
    let place = line.length;
    const isBehind = (other: Held<M> | undefined) =>
      other !== undefined && !other.hasBegun && other.message.sequence > message.sequence;
    while (isBehind(line[place - 1])) place--;
    line.splice(place, 0, held);
  }

  #isFirst(held: Held<M>): boolean {
    if (held.hasBegun) return false;
    return held.lane === undefined || this.#lanes.get(held.lane)?.[0] === held;
  }
}
