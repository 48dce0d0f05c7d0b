/**
 * What lets a node have effects.
 *
 * The gate is open while the latest acknowledged renewal of the lease was *sent* less than `safeMs` ago, something sent
 * less than `freshMs` ago has come back (an echo and a neighbour's answer, or a renewal), the transport is connected, and
 * nothing has disturbed the node since that renewal was sent: no disconnection, no reconnection, no suspended machine,
 * no time in which nothing came back. A closed gate pauses, and opens again by itself with the next renewal that is
 * good; only `end` closes it for ever.
 *
 * Why "sent": an observer starts counting when it sees the renewal, which is never before it was sent. So the gate
 * closes on this side before the lease can run out on any other. And one who is without a connection for longer than
 * `freshMs` has no effects, so that the others may be quick.
 *
 * @module
 */
import type { Clock, Timer } from "../platform/clock.ts";

/** What a gate needs. */
export interface GateOptions {
  readonly clock: Clock;
  /** How long after its sending a renewal keeps the gate open, in milliseconds. */
  readonly safeMs: number;
  /** How long after its sending something that came back keeps the gate open, in milliseconds. */
  readonly freshMs: number;
  readonly connected: boolean;
}

/** Called when the gate has opened or closed. `reason` is for people; empty when it opened. */
export type GateListener = (isOpen: boolean, reason: string) => void;

const NOTHING_FRESH = "nothing that was sent lately has come back";
/** From one look at the two clocks to the next, in milliseconds. */
const CHECK_MS = 250;
/** So long without a look, although one is due several times in it, means that the process stood still. */
const STOOD_STILL_MS = 1_500;
/** The wall clock this far ahead of the monotonic one since the last look means that the machine was suspended. */
const SUSPENDED_MS = 1_000;
/** How long one comparison of the two clocks serves those who ask for each message, in milliseconds. */
const COMPARE_MS = 1;

/** The gate of one node. Reading `isOpen` costs a look at the two clocks at most. */
export class Gate {
  readonly #clock: Clock;
  readonly #safeMs: number;
  readonly #freshMs: number;
  readonly #listeners = new Set<GateListener>();
  #connected: boolean;
  #mark = 1;
  #ackedMark = 0;
  #leaseUntil = Number.NEGATIVE_INFINITY;
  #freshUntil = Number.NEGATIVE_INFINITY;
  /** The earlier of both; the lease alone as long as there is no pulse. */
  #openUntil = Number.NEGATIVE_INFINITY;
  #pulsing = false;
  #allowed = false;
  #told = false;
  #reason = "no renewal yet";
  /** Why renewals have failed since the latest that was acknowledged, for people; empty if none has. */
  #failure = "";
  #ended = false;
  #driftMs: number;
  #lookedAt: number = Number.POSITIVE_INFINITY;
  /** When the two clocks were last compared, and whether the wall clock had run ahead then. */
  #comparedAt = Number.NEGATIVE_INFINITY;
  #isAhead = false;
  #timer: Timer | undefined;

  constructor({ clock, safeMs, freshMs, connected }: GateOptions) {
    this.#clock = clock;
    this.#safeMs = safeMs;
    this.#freshMs = freshMs;
    this.#connected = connected;
    this.#driftMs = clock.wall() - clock.now();
  }

  /** Whether the node may start handlers and let anything out right now. */
  get isOpen(): boolean {
    this.compareAnew();
    return this.isOpenAt(this.#clock.now());
  }

  /**
   * The same at a time that was just read from the monotonic clock, for whoever asks for each message. The wall clock
   * may tell that the other one stood still; it is looked at once in a millisecond. So a message may be admitted that
   * late after a suspension. What starts handlers calls `compareAnew` first; what leaves is judged by `isOpen`.
   */
  isOpenAt(now: number): boolean {
    if (!this.#allowed || now >= this.#openUntil) return false;
    if (now < this.#comparedAt + COMPARE_MS) return !this.#isAhead;
    this.#comparedAt = now;
    this.#isAhead = this.#aheadMs(now) > SUSPENDED_MS;
    return !this.#isAhead;
  }

  /** The next `isOpenAt` looks at both clocks: whoever asks next must not act after a suspension on a look from before it. */
  compareAnew(): void {
    this.#comparedAt = Number.NEGATIVE_INFINITY;
  }

  /** Whether it is closed for ever. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Why it closed last, for people. */
  get reason(): string {
    return this.#told || this.#ended || this.#failure === ""
      ? this.#reason
      : `${this.#reason}. ${this.#failure}`;
  }

  /** Counts the disturbances. Who sends a renewal notes it, and hands it back with the acknowledgement. */
  get mark(): number {
    return this.#mark;
  }

  /** Calls back when the gate has opened, and when it has closed. Returns a function that stops it. */
  onChange(listener: GateListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Starts looking at the clocks. */
  start(): void {
    this.#lookedAt = this.#clock.now();
    this.#driftMs = this.#clock.wall() - this.#lookedAt;
    this.#check();
  }

  /** A renewal sent at `sentAt`, when `mark` was the count of disturbances, is acknowledged. */
  acked(sentAt: number, mark: number): void {
    this.#look();
    this.#update("the renewal before was sent too long ago"); // whoever saw it closed must hear that it opens
    this.#failure = "";
    this.#leaseUntil = Math.max(this.#leaseUntil, sentAt + this.#safeMs);
    this.#freshUntil = Math.max(this.#freshUntil, sentAt + this.#freshMs);
    this.#ackedMark = Math.max(this.#ackedMark, mark);
    this.#update("the renewal was sent too long ago, or before a disturbance");
  }

  /** A renewal has failed. If the gate closes before the next one is acknowledged, or has closed, that is told with it. */
  renewalFailed(reason: string): void {
    this.#failure = reason;
  }

  /** From now on the lease alone does not suffice: something fresh must have come back. */
  expectPulse(): void {
    this.#pulsing = true;
    this.#update(NOTHING_FRESH);
  }

  /** What was sent at `sentAt` has come back. After a time without, only a renewal opens the gate again. */
  fresh(sentAt: number): void {
    this.#look();
    this.#freshUntil = Math.max(this.#freshUntil, sentAt + this.#freshMs);
    this.#update(NOTHING_FRESH);
  }

  /** The connection was lost or came back. Either makes renewals void that were sent before. */
  setConnected(connected: boolean, reason: string): void {
    this.#connected = connected;
    this.disturb(reason);
  }

  /** Something has happened after which only a renewal sent from now on counts. */
  disturb(reason: string): void {
    this.#mark++;
    this.#update(reason);
  }

  /** Closes for ever. Listeners are told if it was open. */
  end(reason: string): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#update(reason);
  }

  #check(): void {
    if (this.#ended) return;
    this.#look();
    this.#update("the latest acknowledged renewal was sent too long ago");
    this.#timer = this.#clock.after(CHECK_MS, () => this.#check());
  }

  #look(): void {
    this.#lookAtWall();
    const now = this.#clock.now();
    const stoodStill = now - this.#lookedAt >= STOOD_STILL_MS;
    this.#lookedAt = now;
    const lapsed = this.#pulsing && this.#allowed && now >= this.#freshUntil;
    if (stoodStill || lapsed) this.disturb(NOTHING_FRESH);
  }

  /** How far the wall clock has run ahead of the monotonic one since the last look. */
  #aheadMs(now: number): number {
    return this.#clock.wall() - now - this.#driftMs;
  }

  #lookAtWall(): void {
    const aheadMs = this.#aheadMs(this.#clock.now());
    this.#driftMs += aheadMs;
    this.#comparedAt = Number.NEGATIVE_INFINITY;
    if (aheadMs > SUSPENDED_MS) this.disturb(`the wall clock is ${Math.round(aheadMs)} ms ahead`);
  }

  #update(reason: string): void {
    this.#allowed = !this.#ended && this.#connected && this.#ackedMark === this.#mark;
    this.#openUntil = this.#pulsing ? Math.min(this.#leaseUntil, this.#freshUntil) : this.#leaseUntil;
    const isOpen = this.isOpen;
    if (isOpen === this.#told) return;
    this.#told = isOpen;
    this.#reason = isOpen ? "" : reason;
    for (const listener of [...this.#listeners]) listener(isOpen, this.reason);
  }
}
