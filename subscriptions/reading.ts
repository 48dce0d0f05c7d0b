/**
 * One subscription on the node that reads it: opens the reader, and again whenever that cannot be had.
 *
 * ```
 *   opening ──► gathering ◄──► reading        see session.ts and in_flight.ts
 *     ▲  └─ cannot: waits, and opens again
 *     └──── the reader is not there any more
 * ```
 *
 * @module
 */
import { type ErrorData, toErrorData } from "../errors.ts";
import type { Registration } from "../actors/host.ts";
import { durableOf, type StreamSubscription } from "../actors/subscription/declared.ts";
import type { Timer } from "../platform/clock.ts";
import { pauseAfter, type Pauses } from "../platform/pause.ts";
import type { StreamReader } from "../transport/streams.ts";
import { Session, type SessionDeps, type SessionOf, type SubscriptionCounts } from "./session.ts";

/** How a subscription stands on the node that reads it. */
export interface ReadingStatus extends Readonly<SubscriptionCounts> {
  readonly state: "opening" | "gathering" | "reading";
  readonly inFlight: number;
  readonly waiting: number;
  readonly error: ErrorData | undefined;
}

const OPEN_PAUSES: Pauses = { firstMs: 250, longestMs: 10_000 };

/** See the module's text. */
export class Reading {
  readonly hosted: Registration;
  readonly #deps: SessionDeps;
  readonly #of: SessionOf;
  #session: Session | undefined;
  /** Whose readers are gone; what had begun goes on. */
  readonly #former: Session[] = [];
  #failures = 0;
  #error: ErrorData | undefined;
  #retry: Timer | undefined;
  #hasLeft = false;

  constructor(deps: SessionDeps, hosted: Registration, subscription: StreamSubscription) {
    this.hosted = hosted;
    this.#deps = deps;
    const durable = durableOf(deps.of.cluster, hosted.contract.kind, subscription);
    this.#of = { hosted, subscription, durable, counts: { settled: 0, buried: 0, refused: 0 } };
  }

  get status(): ReadingStatus {
    const session = this.#session;
    return {
      state: session === undefined ? "opening" : session.isWhole ? "reading" : "gathering",
      inFlight: session?.inFlight ?? 0,
      waiting: session?.waiting ?? 0,
      ...this.#of.counts,
      error: this.#error ?? session?.error,
    };
  }

  start(): void {
    void this.#open();
  }

  /** This node may have effects again. */
  resume(): void {
    for (const session of [...this.#former, this.#session]) session?.resume();
  }

  /** Reads no more; what has begun goes on. */
  leave(): void {
    this.#hasLeft = true;
    this.#retry?.cancel();
    this.#session?.leave();
  }

  /** Nothing that it does counts any more. */
  stop(): void {
    this.leave();
    for (const session of [...this.#former, this.#session]) session?.stop();
  }

  async #open(): Promise<void> {
    const { stream, filter, start, inFlightMax: unsettledMax, ackWaitMs: againMs } = this.#of.subscription;
    const { durable } = this.#of;
    let reader: StreamReader;
    try {
      reader = await this.#deps.streams.open({ stream, filter, durable, start, unsettledMax, againMs });
    } catch (error) {
      return this.#cannot(toErrorData(error));
    }
    if (this.#hasLeft) return;
    this.#failures = 0;
    this.#error = undefined;
    this.#deps.events.emit({ type: "subscription-reads", ...this.#who });
    const session = new Session(this.#deps, this.#of, reader, (error) => {
      session.leave();
      this.#former.splice(0, this.#former.length, session);
      this.#session = undefined;
      this.#cannot(toErrorData(error));
    });
    this.#session = session;
    session.start();
  }

  #cannot(error: ErrorData): void {
    if (this.#hasLeft) return;
    const { clock, random, events } = this.#deps;
    if (this.#error?.code !== error.code) events.emit({ type: "subscription-waits", ...this.#who, error });
    this.#error = error;
    this.#retry = clock.after(pauseAfter(++this.#failures, OPEN_PAUSES, random), () => void this.#open());
  }

  get #who(): { readonly kind: string; readonly stream: string; readonly durable: string } {
    const { hosted, subscription, durable } = this.#of;
    return { kind: hosted.contract.kind, stream: subscription.stream, durable };
  }
}
