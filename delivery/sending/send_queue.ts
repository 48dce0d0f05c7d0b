/**
 * Messages of one link that wait for their turn, in order.
 *
 * @module
 */
import { nodeIsBusy, tooManyWaiting } from "../calls/call_errors.ts";
import type { PendingCall } from "../calls/pending_call.ts";
import type { SendingQuotas } from "./sender_deps.ts";

/** See the module's text. */
export class SendQueue implements Iterable<PendingCall> {
  readonly #rooms: SendingQuotas;
  readonly #max: number;
  #calls: PendingCall[] = [];

  /** @param max messages that may wait here */
  constructor(rooms: SendingQuotas, max: number) {
    this.#rooms = rooms;
    this.#max = max;
  }

  get size(): number {
    return this.#calls.length;
  }

  [Symbol.iterator](): Iterator<PendingCall> {
    return this.#calls.values();
  }

  /** Why no further message of that type may be sent, if a bound is reached. */
  refusal(call: Pick<PendingCall, "type" | "message">): Error | undefined {
    const { pending, unadmitted, areFull } = this.#rooms;
    if (this.size >= this.#max) return tooManyWaiting(call, this.size);
    if (areFull) return nodeIsBusy(call, "messages waiting");
    if (call.type === "tell") return unadmitted.isFull ? nodeIsBusy(call, "tells waiting") : undefined;
    return pending.isFull ? nodeIsBusy(call, "calls pending") : undefined;
  }

  push(call: PendingCall): void {
    this.#calls.push(call);
    this.#rooms.take(call.weight);
  }

  /** Puts some before all others. */
  pushFirst(some: readonly PendingCall[]): void {
    this.#calls.unshift(...some);
    for (const { weight } of some) this.#rooms.take(weight);
  }

  take(): PendingCall | undefined {
    const call = this.#calls.shift();
    if (call) this.#rooms.give(call.weight);
    return call;
  }

  /** Takes out all that are to leave. */
  takeAll(leaves: (call: PendingCall) => boolean): PendingCall[] {
    const out = this.#calls.filter(leaves);
    if (out.length > 0) this.#calls = this.#calls.filter((call) => !leaves(call));
    for (const { weight } of out) this.#rooms.give(weight);
    return out;
  }
}
