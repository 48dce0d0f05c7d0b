/**
 * The living instance of one actor, from its first hook to its last; `turn.ts` handles its messages, one at a time.
 *
 * An activation does not know its shard's fate. Its host tells by `running` whether handlers may start, and hears by
 * `onRest` when nothing is going on any more, which is what a drain waits for.
 *
 * @module
 */
import { ConfigurationError, toErrorData } from "../errors.ts";
import type { ActivationHost, Beginning } from "./activation_host.ts";
import { type ContextSource, LentContext } from "./context.ts";
import { Conversation } from "./conversation.ts";
import {
  type ActivationReason,
  type ActivationStatus,
  type DeactivationReason,
  mayBecome,
} from "./lifecycle.ts";
import type { Mail } from "./mail.ts";
import { Mailbox } from "./mailbox.ts";
import { fenced } from "./refusals.ts";
import { reportFailure } from "./reports.ts";
import type { Runnable } from "./scheduler.ts";
import type { Snapshot } from "./snapshot.ts";
import { StateCell } from "./state_cell.ts";
import { type ActorTimer, ActorTimers, TimerMail } from "./timers.ts";
import { Turn, type TurnOwner } from "./turn.ts";
import { UserCode } from "./user_code.ts";

/** See the module's text. */
export class Activation implements ContextSource, TurnOwner, Runnable {
  readonly name: string;
  readonly why: ActivationReason;
  readonly mailbox: Mailbox<Mail>;
  readonly timers: ActorTimers;
  lastActiveAt: number;
  readonly #host: ActivationHost<Activation>;
  #status: ActivationStatus = "activating";
  readonly #code: UserCode;
  readonly #state: StateCell;
  #scheduled = false;
  /** `onActivate` has ended well. */
  #started = false;
  readonly #dormant: boolean;
  #closing = false;
  /** As they were before `onActivate`: a start that fails changes nothing. */
  #timersBefore: readonly ActorTimer[] | undefined;
  readonly #conversation: Conversation;
  readonly #turn: Turn;

  constructor(host: ActivationHost<Activation>, beginning: Beginning) {
    const { clock } = host.runtime;
    this.#host = host;
    this.name = beginning.name;
    this.why = beginning.why;
    this.#dormant = beginning.dormant ?? false;
    this.mailbox = new Mailbox(host.hosted.contract.mailboxMax, host.mailScales);
    this.timers = new ActorTimers(clock, (timer) => {
      this.mailbox.push(new TimerMail(timer, host.runtime.codec));
      this.wake();
    });
    this.lastActiveAt = clock.now();
    this.#state = new StateCell(host.hosted, beginning.name, beginning.state);
    this.#conversation = new Conversation(() => this.#tellRest());
    this.#code = new UserCode(() => {
      this.wake();
      this.#tellRest();
    });
    const { hosted, runtime } = host;
    const { events } = runtime;
    this.#turn = new Turn(this, { hosted, clock, events, code: this.#code, state: this.#state });
    for (const timer of beginning.timers ?? []) this.timers.set(timer);
    this.wake();
  }

  get kind(): string {
    return this.#host.hosted.contract.kind;
  }

  get address(): string {
    return `${this.kind}/${this.name}`;
  }

  get epoch(): number {
    return this.#host.epoch;
  }

  get status(): ActivationStatus {
    return this.#status;
  }

  /** It can be sealed: no handler, hook or activation runs, and nothing it sent is unacknowledged or unanswered. */
  get idle(): boolean {
    return (this.#status === "active" || this.#status === "activating") && this.atRest;
  }

  /** Like `idle`, whatever the status is. */
  get atRest(): boolean {
    const quiet = this.#conversation.isQuiet || this.#host.runtime.defects?.has("idle-with-sent");
    return !this.#code.busy && quiet === true;
  }

  /** Asks for a slice of work, unless it already stands in line or has nothing to do. */
  wake(): void {
    if (this.#scheduled || !this.#mayStart()) return;
    if (this.mailbox.size === 0 && (this.#status === "active" || this.#dormant)) return;
    this.#scheduled = true;
    this.#host.runtime.scheduler.schedule(this);
  }

  /** @returns false if the mailbox is full */
  offer(mail: Mail): boolean {
    if (!this.mailbox.offer(mail)) return false;
    if (!this.#scheduled) this.wake();
    return true;
  }

  runSlice(budget: number): number {
    this.#scheduled = false;
    const now = this.#host.runtime.clock.now();
    if (!this.#host.runsAt(now)) return 0; // it is woken when the gate opens
    this.lastActiveAt = now;
    let count = 0;
    while (count < budget && this.#mayStart()) {
      if (this.#status === "activating") this.#begin();
      else {
        const mail = this.mailbox.take();
        if (mail === undefined) break;
        this.#turn.handle(mail, now);
      }
      count++;
    }
    this.wake();
    this.#tellRest();
    return count;
  }

  #tellRest(): void {
    if (this.atRest) this.#host.onRest(this);
  }

  #mayStart(): boolean {
    const live = this.#status === "active" || this.#status === "activating";
    return live && !this.#code.busy && !this.#conversation.isClosing && this.#host.serving;
  }

  // ---- beginning and end

  #begin(): void {
    const { hosted, runtime } = this.#host;
    const { kind, name, why } = this;
    const failed = (error: unknown) => this.#failedStart(error);
    try {
      this.#state.begin();
      this.#timersBefore = this.timers.mark();
      this.#code.create(hosted, new LentContext(hosted, runtime, this, this.#state));
    } catch (error) {
      return failed(error);
    }
    runtime.events.emit({ type: "actor-activated", kind, name, why });
    this.#code.onActivate(why, () => this.#begun(), failed);
  }

  #begun(): void {
    try {
      this.#state.settle();
    } catch (error) {
      return this.#failedStart(error);
    }
    this.#turn.release(); // the first message gets one of its own
    this.#timersBefore = undefined;
    this.#started = true;
    if (this.#status === "activating") this.become("active");
  }

  /** Back to the state that it was to begin with. One that is late begins again where it follows its shard to. */
  #failedStart(error: unknown): void {
    this.#state.undo();
    if (this.#timersBefore) this.timers.undo(this.#timersBefore);
    this.#turn.release();
    this.#code.discard();
    reportFailure(this.#host.runtime.events, this, "onActivate", error);
    if (this.#status === "activating") this.#host.onFailedStart(this, toErrorData(error));
  }

  /**
   * Runs `onDrain`, if the class has one and nothing else is running. A throw is reported through the promise: it
   * cancels the handoff.
   */
  drain(signal: AbortSignal): Promise<void> | undefined {
    return this.#code.onDrain(signal, () => this.#state.settle());
  }

  /** Ends it after its hook; the host hears `onRetired`. Only at rest. `again`: it shall begin anew at once. */
  retire(why: DeactivationReason, again: boolean): void {
    const done = () => {
      if (this.#status !== "active") return; // late meanwhile: it follows its shard instead
      let snapshot: Snapshot | undefined;
      try {
        if (this.mustKeep) snapshot = this.snapshot();
      } catch (error) {
        return this.#host.onUnreadable(this, error);
      }
      const timers = again || this.timers.size > 0 ? this.timers.pause() : undefined;
      this.end();
      this.#host.onRetired(this, snapshot, timers);
    };
    this.#code.onDeactivate(why, done, (error) => {
      reportFailure(this.#host.runtime.events, this, "onDeactivate", error);
      done();
    });
  }

  /** A reclaim: it goes on as if nothing had been asked. */
  resume(): void {
    this.become(this.#started ? "active" : "activating");
    this.timers.resume();
    this.wake();
  }

  /** The end, at once. The hook runs if a reason is given; nothing it does has an effect. */
  end(why?: DeactivationReason): void {
    if (this.#status === "ended") return;
    this.#status = "ended";
    this.timers.clear();
    this.#turn.abort(fenced(this.address, this.#status));
    if (why !== undefined) this.#close(why);
  }

  #close(why: DeactivationReason): void {
    this.#closing = true;
    const done = () => {
      this.#closing = false;
    };
    this.#code.onDeactivate(why, done, (error) => {
      done();
      reportFailure(this.#host.runtime.events, this, "onDeactivate", error);
    });
  }

  get isClosing(): boolean {
    return this.#closing;
  }

  /** Aborts the running handler's signal, at a leave deadline. */
  abort(reason: Error): void {
    this.#turn.abort(reason);
  }

  /** Whether its state must not be forgotten. */
  get mustKeep(): boolean {
    return this.#state.mustKeep;
  }

  /** The checked state as bytes; `undefined` if it has not begun. @throws {InvalidStateError} */
  snapshot(): Snapshot | undefined {
    return this.#state.snapshot(this.#host.runtime.codec);
  }

  /** The state as bytes for an operator, whether it fits or not, if it can be written at all. */
  rawSnapshot(): Snapshot | undefined {
    return this.#state.raw(this.#host.runtime.codec);
  }

  /**
   * Another status: `sealed` fixes the state, nothing runs on it here any more; `late` lets the running handler go on
   * while its mail and timers are taken along.
   */
  become(status: ActivationStatus): void {
    if (!mayBecome(this.#status, status))
      throw new ConfigurationError(
        `Cannot make ${this.address} ${status}: current status is ${this.#status}`,
      );
    this.#status = status;
  }

  /** A handler threw and the contract does not let the actor go on: it ends once all that it sent is settled. */
  onBroken(again: boolean): void {
    if (this.#status !== "active") return;
    this.#conversation.whenQuiet(() => this.retire(again ? "failed" : "stop", again));
  }

  /** @throws {FencedError} once it is sealed, given up or fenced */
  assertLive(): void {
    if (this.#status === "ended" || this.#status === "sealed") throw fenced(this.address, this.#status);
  }

  /** The signal of what it handles now. */
  get signal(): AbortSignal {
    return this.#turn.signal;
  }

  // ---- as a caller

  get chain(): readonly string[] {
    return this.#turn.chain;
  }

  sent(): void {
    this.assertLive();
    this.#conversation.sent();
  }

  settled(): void {
    this.#conversation.settled();
  }
}
