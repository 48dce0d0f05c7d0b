/**
 * Messages of one link that wait for their turn, in order.
 *
 * @module
 */
import { nodeIsBusy, tooManyWaiting } from "./call_errors.ts";
import type { Outgoing } from "./outgoing.ts";
import type { SendingQuotas } from "./sender_deps.ts";

/** See the module's text. */
export class SendQueue implements Iterable<Outgoing> {
  readonly #rooms: SendingQuotas;
  readonly #max: number;
  #messages: Outgoing[] = [];

  /** @param max messages that may wait here */
  constructor(rooms: SendingQuotas, max: number) {
    this.#rooms = rooms;
    this.#max = max;
  }

  get size(): number {
    return this.#messages.length;
  }

  [Symbol.iterator](): Iterator<Outgoing> {
    return this.#messages.values();
  }

  /** Whether a bound is reached, as an error; if not, an ask is counted as pending. */
  refusal(outgoing: Outgoing): Error | undefined {
    const { pending, unadmitted, areFull } = this.#rooms;
    if (this.size >= this.#max) return tooManyWaiting(outgoing, this.size);
    if (areFull) return nodeIsBusy(outgoing, "messages waiting");
    if (outgoing.type === "tell")
      return unadmitted.isFull ? nodeIsBusy(outgoing, "tells waiting") : undefined;
    if (pending.isFull) return nodeIsBusy(outgoing, "calls pending");
    pending.take(1);
    outgoing.counted = true;
    return undefined;
  }

  push(outgoing: Outgoing): void {
    this.#messages.push(outgoing);
    this.#rooms.take(outgoing.weight);
  }

  /** Puts some before all others. */
  pushFirst(some: readonly Outgoing[]): void {
    this.#messages.unshift(...some);
    for (const { weight } of some) this.#rooms.take(weight);
  }

  take(): Outgoing | undefined {
    const outgoing = this.#messages.shift();
    if (outgoing) this.#rooms.give(outgoing.weight);
    return outgoing;
  }

  /** Takes out all that are to leave. */
  takeAll(leaves: (outgoing: Outgoing) => boolean): Outgoing[] {
    const out = this.#messages.filter(leaves);
    if (out.length > 0) this.#messages = this.#messages.filter((outgoing) => !leaves(outgoing));
    for (const { weight } of out) this.#rooms.give(weight);
    return out;
  }
}
