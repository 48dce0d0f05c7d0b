/**
 * The living instance of one actor: take → decode → validate → handle → check the state → answer, one at a time.
 *
 * An activation does not know its shard's fate. Its host tells by `running` whether handlers may start, and hears by
 * `onRest` when nothing is going on any more, which is what a drain waits for.
 *
 * @module
 */
import { ConfigurationError, type ErrorData, toErrorData } from "../errors.ts";
import type { ActivationHost, Beginning } from "./activation_host.ts";
import { type ContextSource, LentContext } from "./context.ts";
import { expired, handledErrorData, unknownMessage, validArgument, validResult } from "./dispatch.ts";
import type { HostedMessage } from "./host.ts";
import {
  type ActivationReason,
  type ActivationStatus,
  type DeactivationReason,
  mayBecome,
} from "./lifecycle.ts";
import type { Mail } from "./mail.ts";
import { Mailbox } from "./mailbox.ts";
import { fenced } from "./refusals.ts";
import { reportDeadLetter, reportFailure } from "./reports.ts";
import type { Runnable } from "./scheduler.ts";
import { RunningSignal } from "./signal.ts";
import type { Snapshot } from "./snapshot.ts";
import { StateCell } from "./state_cell.ts";
import { ActorTimers, TimerMail } from "./timers.ts";
import { isThenable, UserCode } from "./user_code.ts";

/** See the module's text. */
export class Activation implements ContextSource, Runnable {
  readonly name: string;
  readonly why: ActivationReason;
  readonly mailbox: Mailbox<Mail>;
  readonly timers: ActorTimers;
  lastActiveAt: number;
  readonly #host: ActivationHost<Activation>;
  #status: ActivationStatus = "activating";
  readonly #code: UserCode;
  readonly #state: StateCell;
  #running: Mail | undefined;
  #scheduled = false;
  #outstanding = 0;
  /** It shall end as soon as nothing that it sent is under way: what begins after it must not overtake that. */
  #retiring: (() => void) | undefined;
  #chain: readonly string[] | undefined;
  readonly #signal: RunningSignal;

  constructor(host: ActivationHost<Activation>, beginning: Beginning) {
    const { clock } = host.runtime;
    this.#host = host;
    this.name = beginning.name;
    this.why = beginning.why;
    this.mailbox = new Mailbox(host.hosted.contract.mailboxMax);
    this.timers = new ActorTimers(clock, (timer) => {
      this.mailbox.push(new TimerMail(timer, host.runtime.codec));
      this.wake();
    });
    this.lastActiveAt = clock.now();
    this.#state = new StateCell(host.hosted, beginning.name, beginning.state);
    this.#signal = new RunningSignal(clock);
    this.#code = new UserCode(() => {
      this.wake();
      if (this.atRest) this.#host.onRest(this);
    });
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
    const nothingSent = this.#outstanding === 0 || this.#host.runtime.defects?.has("idle-with-sent");
    return !this.#code.busy && nothingSent === true;
  }

  /** Asks for a slice of work, unless it already stands in line or has nothing to do. */
  wake(): void {
    if (this.#scheduled || !this.#mayStart()) return;
    if (this.mailbox.size === 0 && this.#status === "active") return;
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
        this.#handle(mail, now);
      }
      count++;
    }
    this.wake();
    if (this.atRest) this.#host.onRest(this);
    return count;
  }

  #mayStart(): boolean {
    const live = this.#status === "active" || this.#status === "activating";
    return live && !this.#code.busy && this.#retiring === undefined && this.#host.serving;
  }

  // ---- beginning and end

  #begin(): void {
    const { hosted, runtime } = this.#host;
    const { kind, name, why } = this;
    const failed = (error: unknown) => this.#failedStart(error);
    try {
      this.#state.begin();
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
    this.#signal.release(); // the first message gets one of its own
    if (this.#status === "activating") this.become("active");
  }

  /** Back to the state that it was to begin with. One that is late begins again where it follows its shard to. */
  #failedStart(error: unknown): void {
    this.#state.undo();
    this.#signal.release();
    this.#code.discard();
    this.#report("onActivate", error);
    if (this.#status === "activating") this.#host.onFailedStart(this, toErrorData(error));
  }

  /**
   * Runs `onDrain`, if the class has one and nothing else is running. A throw is reported through the promise: it
   * cancels the handoff.
   */
  drain(signal: AbortSignal): Promise<void> | undefined {
    return this.#code.onDrain(signal, () => this.#settle());
  }

  /** @throws {InvalidStateError} if the state does not fit; it is then what it was before */
  #settle(): void {
    try {
      this.#state.settle();
    } catch (error) {
      this.#state.undo();
      throw error;
    }
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
      this.#report("onDeactivate", error);
      done();
    });
  }

  /** A reclaim: it goes on as if nothing had been asked. */
  resume(): void {
    this.become(this.#code.exists ? "active" : "activating");
    this.timers.resume();
    this.wake();
  }

  /** The end, at once. The hook runs if a reason is given; nothing it does has an effect. */
  end(why?: DeactivationReason): void {
    if (this.#status === "ended") return;
    this.#status = "ended";
    this.timers.clear();
    this.#signal.abort(fenced(this.address, this.#status));
    if (why !== undefined)
      this.#code.onDeactivate(
        why,
        () => {},
        (error) => this.#report("onDeactivate", error),
      );
  }

  /** Aborts the running handler's signal, at a leave deadline. */
  abort(reason: Error): void {
    this.#signal.abort(reason);
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

  // ---- one message

  #handle(mail: Mail, now: number): void {
    const { hosted } = this.#host;
    if (mail instanceof TimerMail && !this.timers.begin(mail.timer)) return;
    const message = hosted.messages.get(mail.message);
    if (message === undefined) return this.#reject(mail, unknownMessage(this.kind));
    if (mail.deadlineAt <= now) return mail.fail(expired(mail.message));
    let input: unknown;
    try {
      input =
        mail.checkedBy === message.declared ? mail.checked : validArgument(hosted, message, mail.argument());
    } catch (error) {
      return this.#reject(mail, toErrorData(error));
    }
    this.#running = mail;
    this.#chain = undefined;
    this.#call(mail, message, input);
  }

  #call(mail: Mail, message: HostedMessage, input: unknown): void {
    let result: unknown;
    let later: boolean;
    try {
      result = this.#code.call(message, input);
      later = isThenable(result);
    } catch (error) {
      return this.#failed(mail, error);
    }
    if (!later) return this.#succeeded(mail, message, result);
    this.#code.wait(
      result,
      (value) => this.#succeeded(mail, message, value),
      (error) => this.#failed(mail, error),
    );
  }

  #reject(mail: Mail, error: ErrorData): void {
    mail.fail(error);
    if (mail.type === "tell") reportDeadLetter(this.#host.runtime.events, this, mail.message, error);
  }

  #succeeded(mail: Mail, message: HostedMessage, value: unknown): void {
    this.#release();
    if (this.#status === "ended") return mail.fail(toErrorData(fenced(this.address, this.#status)));
    try {
      this.#settle();
    } catch (error) {
      this.#report(mail.message, error);
      return mail.fail(toErrorData(error));
    }
    if (mail.type === "tell") return mail.succeed(undefined);
    try {
      mail.succeed(validResult(this.#host.hosted, message, value));
    } catch (error) {
      mail.fail(toErrorData(error));
    }
  }

  #failed(mail: Mail, error: unknown): void {
    this.#release();
    if (this.#status === "ended") return mail.fail(toErrorData(fenced(this.address, this.#status)));
    this.#report(mail.message, error);
    const { onError } = this.#host.hosted.contract;
    if (onError === "keep") {
      try {
        this.#settle();
      } catch {
        // undone
      }
    } else this.#state.undo();
    mail.fail(handledErrorData(error));
    if (onError === "keep" || this.#status !== "active") return;
    const again = onError === "restart";
    const retire = () => this.retire(again ? "failed" : "stop", again);
    if (this.#outstanding === 0) retire();
    else this.#retiring = retire;
  }

  #release(): void {
    this.#running = undefined;
    this.#chain = undefined;
    this.#signal.release();
  }

  #report(message: string, error: unknown): void {
    reportFailure(this.#host.runtime.events, this, message, error);
  }

  /** @throws {FencedError} once it is sealed, given up or fenced */
  assertLive(): void {
    if (this.#status === "ended" || this.#status === "sealed") throw fenced(this.address, this.#status);
  }

  /** The signal of what it handles now. */
  get signal(): AbortSignal {
    return this.#signal.get(this.#running?.deadlineAt ?? Infinity);
  }

  // ---- as a caller

  get chain(): readonly string[] {
    this.#chain ??= [...(this.#running?.chain ?? []), this.address];
    return this.#chain;
  }

  sent(): void {
    this.assertLive();
    this.#outstanding++;
  }

  settled(): void {
    this.#outstanding--;
    if (!this.atRest) return;
    const retire = this.#retiring;
    this.#retiring = undefined;
    retire?.();
    if (this.atRest) this.#host.onRest(this);
  }
}
