/**
 * An actor's timers: data, not closures. They come as messages, and travel with the actor by their remaining time.
 *
 * @module
 */
import { sameBytes } from "../../codec/bytes.ts";
import { BusyError } from "../../errors.ts";
import { type Clock, DELAY_MAX_MS, type Timer } from "../../platform/clock.ts";
import type { Codec } from "../../codec/codec.ts";
import type { HeaderMap } from "../../codec/header_map.ts";
import type { Mail } from "../activation/mail.ts";

/** A timer as it travels. */
export interface TimerData {
  readonly id: string;
  readonly message: string;
  /** The argument as CBOR. */
  readonly argument: Uint8Array;
  /** Milliseconds until it is due; 0 when it is. */
  readonly remainingMs: number;
  readonly everyMs?: number | undefined;
  /** What accompanies its message. */
  readonly headers?: HeaderMap | undefined;
  /** Of a stored actor's: absent if no owner was lost near its time. */
  readonly suspicion?: Suspicion | undefined;
}

/** How far a stored timer is suspected of taking its owners with it; see `actors/activation/trials.ts`. */
export interface Suspicion {
  /** Owners that were lost near its time, in a row. */
  readonly deaths: number;
  /** It is the one suspect that its node tries now. */
  readonly onTrial: boolean;
  /** It does not go off any more. */
  readonly setAside: boolean;
}

/** A timer as a handler left it. */
export interface SettledTimer extends Omit<TimerData, "remainingMs"> {
  /** On the node's clock. */
  readonly dueAt: number;
}

/** A timer that waits here. */
export interface ActorTimer {
  readonly id: string;
  readonly message: string;
  readonly argument: Uint8Array;
  readonly everyMs: number | undefined;
  readonly headers: HeaderMap | undefined;
  dueAt: number;
  /** It came due and its message waits in the mailbox. */
  queued: boolean;
  alarm: Timer | undefined;
  /** One object for a timer and those of its message that its handler has set: what it is acquitted of, they are. */
  suspicion: { -readonly [K in keyof Suspicion]: Suspicion[K] } | undefined;
}

const ALL = { has: (): boolean => true };

/** Timers an actor may have. */
export const TIMERS_MAX = 1_000;

/** The timers of one activation. */
export class ActorTimers {
  readonly #clock: Clock;
  readonly #onDue: (timer: ActorTimer) => void;
  readonly #declared: Pick<ReadonlyMap<string, unknown>, "has">;
  readonly #timers = new Map<string, ActorTimer>();
  /** Under suspicion, begun, and not acquitted yet. */
  readonly #tried = new Set<ActorTimer>();
  #suspects = false;
  #lastId = 0;
  #changes = 0;

  /** @param declared the messages that may be due, by name: a timer of any other is kept, and waits for the code that has it again */
  constructor(
    clock: Clock,
    onDue: (timer: ActorTimer) => void,
    declared: Pick<ReadonlyMap<string, unknown>, "has"> = ALL,
  ) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#declared = declared;
  }

  /** Grows with each change that a handler makes, and with each timer that is handled. */
  get changes(): number {
    return this.#changes;
  }

  get size(): number {
    return this.#timers.size;
  }

  /** An id that no timer here has. */
  freshId(): string {
    do this.#lastId++;
    while (this.#timers.has(`timer-${this.#lastId}`));
    return `timer-${this.#lastId}`;
  }

  /** Sets a timer; it replaces one of the same id. @throws {BusyError} above 1,000 timers */
  set(data: TimerData): void {
    const suspicion = this.#suspicionOf(data);
    this.cancel(data.id);
    if (this.#timers.size >= TIMERS_MAX) {
      throw new BusyError(`Cannot schedule another message: the actor has ${TIMERS_MAX} timers already`);
    }
    const { id, message, argument, everyMs, headers } = data;
    const dueAt = this.#clock.now() + data.remainingMs;
    const rest = { queued: false, alarm: undefined, suspicion };
    const timer: ActorTimer = { id, message, argument, everyMs, headers, dueAt, ...rest };
    this.#timers.set(id, timer);
    this.#changes++;
    this.#arm(timer);
  }

  /** Set again, by its handler or by a new activation, it is the same suspect. */
  #suspicionOf({ id, message, argument, suspicion }: TimerData): ActorTimer["suspicion"] {
    if (suspicion) {
      this.#suspects = true;
      return { ...suspicion, onTrial: false };
    }
    if (!this.#suspects) return undefined;
    for (const tried of this.#tried) if (tried.message === message) return tried.suspicion;
    const isSame = (other: ActorTimer) => other.message === message && sameBytes(other.argument, argument);
    const replaced = this.#timers.get(id);
    if (replaced && isSame(replaced)) return replaced.suspicion;
    for (const other of this.#timers.values())
      if (other.suspicion?.setAside && isSame(other)) return other.suspicion;
    return undefined;
  }

  /** Whether any timer is under suspicion: then what is stored knows more than what travels. */
  get areSuspect(): boolean {
    return this.#suspects;
  }

  has(timer: ActorTimer): boolean {
    return this.#timers.get(timer.id) === timer;
  }

  /** It is about to be handled. */
  putOnTrial({ suspicion }: ActorTimer): void {
    if (suspicion) suspicion.onTrial = true;
    this.#changes++;
  }

  /** Whether it was begun under a suspicion that still stands. */
  wasTried(timer: ActorTimer): boolean {
    return this.#tried.has(timer);
  }

  /** It did no harm. @returns whether that changes what is to be stored */
  acquit(timer: ActorTimer): boolean {
    const { suspicion } = timer;
    if (!this.#tried.delete(timer) || suspicion === undefined) return false;
    const kept = [...this.#timers.values()].filter((other) => other.suspicion === suspicion);
    for (const free of [timer, ...kept]) free.suspicion = undefined;
    this.#suspects = [...this.#timers.values(), ...this.#tried].some((other) => other.suspicion);
    if (kept.length > 0) this.#changes++;
    return kept.length > 0;
  }

  cancel(id: string): boolean {
    this.#timers.get(id)?.alarm?.cancel();
    if (!this.#timers.delete(id)) return false;
    this.#changes++;
    return true;
  }

  /** Called when a due timer's message is about to be handled. @returns false if it was cancelled or replaced meanwhile */
  begin(timer: ActorTimer): boolean {
    if (this.#timers.get(timer.id) !== timer) return false;
    timer.queued = false;
    this.#changes++;
    if (timer.everyMs === undefined) this.#timers.delete(timer.id);
    if (timer.suspicion) this.#tried.add(timer);
    return true;
  }

  /** What there is now, by the time when it is due; what waits in the mailbox is due since it came. */
  settled(): SettledTimer[] {
    return [...this.#timers.values()].map((timer) => {
      const { id, message, argument, everyMs, headers, dueAt, queued, suspicion } = timer;
      const isDue = { dueAt: queued ? dueAt - (everyMs ?? 0) : dueAt };
      return { id, message, argument, everyMs, headers, ...isDue, suspicion: suspicion && { ...suspicion } };
    });
  }

  /** What there is now, for `undo`. */
  mark(): readonly ActorTimer[] {
    return [...this.#timers.values()];
  }

  /** As it was at the mark: what was set since is forgotten, what was cancelled or replaced is back. Alarms are stopped. */
  undo(mark: readonly ActorTimer[]): void {
    this.clear();
    this.#changes++;
    for (const timer of mark) this.#timers.set(timer.id, timer);
  }

  /** Stops all alarms and tells what there is; `resume` goes on. */
  pause(): TimerData[] {
    const now = this.#clock.now();
    return [...this.#timers.values()].map((timer) => {
      timer.alarm?.cancel();
      const { id, message, argument, everyMs, headers, suspicion } = timer;
      const remainingMs = timer.queued ? 0 : Math.max(0, timer.dueAt - now);
      const base = { id, message, argument, remainingMs, everyMs, headers };
      return suspicion ? { ...base, suspicion: { ...suspicion } } : base; // who begins anew here is as suspect
    });
  }

  /** The mailbox was emptied: what waited there comes due once more, when alarms run again. */
  unqueue(): void {
    const now = this.#clock.now();
    for (const timer of this.#timers.values()) {
      if (!timer.queued) continue;
      timer.queued = false;
      timer.dueAt = Math.min(timer.dueAt, now);
    }
  }

  resume(): void {
    for (const timer of this.#timers.values())
      if (!timer.queued || timer.everyMs !== undefined) this.#arm(timer);
  }

  clear(): void {
    for (const timer of this.#timers.values()) timer.alarm?.cancel();
    this.#timers.clear();
  }

  /** The same as a change that is to be stored. */
  erase(): void {
    this.clear();
    this.#changes++;
  }

  /** Also one that runs already, such as one that a late handler has set before a reclaim: an interval has one beat. */
  #arm(timer: ActorTimer): void {
    timer.alarm?.cancel();
    if (timer.suspicion?.setAside || !this.#declared.has(timer.message)) return;
    const waitMs = Math.max(0, timer.dueAt - this.#clock.now());
    if (waitMs <= DELAY_MAX_MS) timer.alarm = this.#clock.after(waitMs, () => this.#due(timer));
    else timer.alarm = this.#clock.after(DELAY_MAX_MS, () => this.#arm(timer)); // a longer time is counted in parts
  }

  #due(timer: ActorTimer): void {
    if (timer.everyMs !== undefined) {
      const missed = Math.max(0, Math.floor((this.#clock.now() - timer.dueAt) / timer.everyMs));
      timer.dueAt += timer.everyMs * (missed + 1); // the beat is kept; beats missed in a pause come as one
      this.#arm(timer);
    }
    if (timer.queued) return;
    timer.queued = true;
    this.#onDue(timer);
  }
}

/** A due timer's message. It travels as a timer that is due, not as backlog. */
export class TimerMail implements Mail {
  readonly type: "tell" = "tell" as const;
  readonly chain: readonly string[] = [];
  readonly deadlineAt: number = Infinity;
  readonly weight: number = 0;
  readonly timer: ActorTimer;
  readonly #codec: Codec;
  readonly #onEnd: ((timer: ActorTimer) => void) | undefined;

  /** @param onEnd told when it has been handled, and that is stored if it has to be */
  constructor(timer: ActorTimer, codec: Codec, onEnd?: (timer: ActorTimer) => void) {
    this.timer = timer;
    this.#codec = codec;
    this.#onEnd = onEnd;
  }

  get message(): string {
    return this.timer.message;
  }

  get headers(): HeaderMap | undefined {
    return this.timer.headers;
  }

  argument(): unknown {
    return this.#codec.decode(this.timer.argument);
  }

  isFrom(): boolean {
    return true;
  }

  waits(): void {}
  admitted(): void {}
  refuse(): void {}
  succeed(): undefined {
    this.#onEnd?.(this.timer);
  }
  fail(): void {
    this.#onEnd?.(this.timer);
  }
}
