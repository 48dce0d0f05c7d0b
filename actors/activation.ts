/**
 * The living instance of one actor: take → decode → validate → handle → check the state → answer, one at a time.
 *
 * An activation does not know its shard's fate. Its host tells by `running` whether handlers may start, and hears by
 * `onRest` when nothing is going on any more, which is what a drain waits for.
 *
 * @module
 */
import {
  ConfigurationError,
  type ErrorData,
  FencedError,
  InvalidArgumentError,
  toErrorData,
} from "../errors.ts";
import type { EventBus } from "../events.ts";
import type { Clock } from "../platform/clock.ts";
import type { Codec } from "../transport/codec.ts";
import { Actor, type ActorContext, type Schedule } from "./actor.ts";
import type { Contract } from "./contract.ts";
import { expired, unknownMessage, validArgument, validResult } from "./dispatch.ts";
import type { Hosted, HostedMessage } from "./host.ts";
import {
  type ActivationReason,
  type ActivationStatus,
  type DeactivationReason,
  mayBecome,
} from "./lifecycle.ts";
import type { Mail } from "./mail.ts";
import { Mailbox } from "./mailbox.ts";
import type { Channel, Ref, RefFactory } from "./ref.ts";
import type { Runnable, Scheduler } from "./scheduler.ts";
import { RunningSignal } from "./signal.ts";
import type { Snapshot } from "./snapshot.ts";
import { StateCell } from "./state_cell.ts";
import { ActorTimers, type TimerData, TimerMail } from "./timers.ts";

/** On whose behalf a message is sent: what a call chain and a drain need to know. */
export interface Caller {
  /** The actors that wait for the running message, and this one. */
  readonly chain: readonly string[];
  /** Counts a message as on its way. @throws {FencedError} when this activation may not speak any more */
  sent(): void;
  /** The message was admitted (tell) or has ended (ask). */
  settled(): void;
}

/** What every activation of a node shares. */
export interface ActorRuntime {
  readonly clock: Clock;
  readonly codec: Codec;
  readonly scheduler: Scheduler;
  readonly refs: RefFactory;
  readonly events: EventBus;
  open(contract: Contract, name: string, caller: Caller): Channel;
}

/** What an activation needs of the shard it lives in. */
export interface ActivationHost {
  readonly hosted: Hosted;
  readonly runtime: ActorRuntime;
  readonly epoch: number;
  /** Whether handlers may start now. */
  readonly running: boolean;
  /** A handler or hook ended, or the last message sent was acknowledged. */
  onRest(activation: Activation): void;
  /**
   * Its end, asked for by `retire`, is complete; `snapshot` is undefined if its state was never touched. With timers
   * it shall begin anew at once, and have them.
   */
  onRetired(
    activation: Activation,
    snapshot: Snapshot | undefined,
    timers: readonly TimerData[] | undefined,
  ): void;
  /** `onActivate` threw. */
  onFailedStart(activation: Activation, error: ErrorData): void;
}

/** How an activation begins. */
export interface Beginning {
  readonly name: string;
  readonly why: ActivationReason;
  /** A state of its own, checked; `undefined` for the initial one. */
  readonly state?: unknown;
  readonly timers?: readonly TimerData[];
}

/** See the module's text. */
export class Activation implements ActorContext, Caller, Runnable {
  readonly name: string;
  readonly why: ActivationReason;
  readonly mailbox: Mailbox<Mail>;
  readonly timers: ActorTimers;
  lastActiveAt: number;
  readonly #host: ActivationHost;
  #status: ActivationStatus = "activating";
  #instance: Actor<Contract> | undefined;
  readonly #state: StateCell;
  #running: Mail | undefined;
  #busy = false;
  #scheduled = false;
  #outstanding = 0;
  #chain: readonly string[] | undefined;
  readonly #signal: RunningSignal;

  constructor(host: ActivationHost, beginning: Beginning) {
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

  /** The message being handled, if any. */
  get current(): Mail | undefined {
    return this.#running;
  }

  /** It can be sealed: no handler, hook or activation runs, and nothing it sent is unacknowledged or unanswered. */
  get idle(): boolean {
    return (this.#status === "active" || this.#status === "activating") && this.atRest;
  }

  /** Like `idle`, whatever the status is. */
  get atRest(): boolean {
    return !this.#busy && this.#outstanding === 0;
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
    let count = 0;
    while (count < budget && this.#mayStart()) {
      if (this.#status === "activating") this.#begin();
      else {
        const mail = this.mailbox.take();
        if (mail === undefined) break;
        this.#handle(mail);
      }
      count++;
    }
    this.lastActiveAt = this.#host.runtime.clock.now();
    this.wake();
    if (this.atRest) this.#host.onRest(this);
    return count;
  }

  #mayStart(): boolean {
    return !this.#busy && (this.#status === "active" || this.#status === "activating") && this.#host.running;
  }

  // ---- beginning and end

  #begin(): void {
    const { hosted, runtime } = this.#host;
    const failed = (error: unknown) => {
      this.#report("onActivate", error);
      this.#host.onFailedStart(this, toErrorData(error));
    };
    try {
      this.#state.begin();
      this.#instance = hosted.create();
      Actor.attach(this.#instance, this);
    } catch (error) {
      return failed(error);
    }
    runtime.events.emit({ type: "actor-activated", kind: this.kind, name: this.name, why: this.why });
    const done = () => {
      try {
        this.#state.settle();
      } catch (error) {
        this.#state.undo();
        return failed(error);
      }
      if (this.#status === "activating") this.#become("active");
    };
    this.#run(() => this.#instance?.onActivate(this.why), done, failed);
  }

  /** Runs `onDrain`, if the class has one. A throw is reported through the promise: it cancels the handoff. */
  drain(signal: AbortSignal): Promise<void> | undefined {
    const instance = this.#instance;
    if (instance === undefined || this.#busy || instance.onDrain === Actor.prototype.onDrain)
      return undefined;
    return new Promise((resolve, reject) => this.#run(() => instance.onDrain(signal), resolve, reject));
  }

  /** Ends it after its hook; the host hears `onRetired`. Only at rest. `again`: it shall begin anew at once. */
  retire(why: DeactivationReason, again: boolean): void {
    const done = () => {
      if (this.#status !== "active") return; // late meanwhile: it follows its shard instead
      const snapshot = this.#state.mustKeep ? this.snapshot() : undefined;
      const timers = again ? this.timers.pause() : undefined;
      this.end();
      this.#host.onRetired(this, snapshot, timers);
    };
    this.#run(
      () => this.#hook(why),
      done,
      (error) => {
        this.#report("onDeactivate", error);
        done();
      },
    );
  }

  #hook(why: DeactivationReason): void | Promise<void> {
    const instance = this.#instance;
    if (instance && instance.onDeactivate !== Actor.prototype.onDeactivate) return instance.onDeactivate(why);
  }

  /** Fixes the state: nothing runs on it here any more, unless `unseal` takes it back. */
  seal(): void {
    this.#become("sealed");
  }

  /** The shard was sealed around it: its handler goes on, its mail and timers have been taken along. */
  becomeLate(): void {
    this.#become("late");
  }

  /** A reclaim: it goes on as if nothing had been asked. */
  resume(): void {
    this.#become(this.#instance === undefined ? "activating" : "active");
    this.timers.resume();
    this.wake();
  }

  /** The end, at once. The hook runs if a reason is given; nothing it does has an effect. */
  end(why?: DeactivationReason): void {
    if (this.#status === "ended") return;
    this.#status = "ended";
    this.timers.clear();
    this.#signal.abort(new FencedError(`Cannot go on as ${this.address}: current activation has ended`));
    if (why === undefined) return;
    this.#run(
      () => this.#hook(why),
      () => {},
      (error) => this.#report("onDeactivate", error),
    );
  }

  /** Aborts the running handler's signal, at a leave deadline. */
  abort(reason: Error): void {
    this.#signal.abort(reason);
  }

  /** The checked state as bytes; `undefined` if it has not begun. @throws {InvalidStateError} */
  snapshot(): Snapshot | undefined {
    return this.#state.snapshot(this.#host.runtime.codec);
  }

  #become(status: ActivationStatus): void {
    if (!mayBecome(this.#status, status))
      throw new ConfigurationError(
        `Cannot make ${this.address} ${status}: current status is ${this.#status}`,
      );
    this.#status = status;
  }

  // ---- one message

  #handle(mail: Mail): void {
    const { hosted } = this.#host;
    if (mail instanceof TimerMail && !this.timers.begin(mail.timer)) return;
    const message = hosted.messages.get(mail.message);
    if (message === undefined) return this.#reject(mail, unknownMessage(this.kind));
    if (this.#isExpired(mail)) return mail.fail(expired(mail.message));
    let input: unknown;
    try {
      input = validArgument(hosted, message, mail.argument());
    } catch (error) {
      return this.#reject(mail, toErrorData(error));
    }
    this.#running = mail;
    this.#chain = undefined;
    this.#run(
      () => message.handler.call(this.#instance, input),
      (value) => this.#succeeded(mail, message, value),
      (error) => this.#failed(mail, error),
    );
  }

  #isExpired(mail: Mail): boolean {
    return mail.deadlineAt !== Infinity && mail.deadlineAt <= this.#host.runtime.clock.now();
  }

  #reject(mail: Mail, error: ErrorData): void {
    mail.fail(error);
    if (mail.type === "ask") return;
    const { kind, name } = this;
    this.#host.runtime.events.emit({
      type: "dead-letter",
      kind,
      name,
      message: mail.message,
      reason: error.message,
    });
  }

  /** Calls user code: at most one at a time. The ends run in the same turn if it is synchronous. */
  #run<T>(work: () => T | Promise<T>, done: (value: T) => void, failed: (error: unknown) => void): void {
    this.#busy = true;
    let result: T | Promise<T>;
    try {
      result = work();
    } catch (error) {
      this.#busy = false;
      return failed(error);
    }
    if (!isThenable(result)) {
      this.#busy = false;
      return done(result);
    }
    const after = (end: () => void) => {
      this.#busy = false;
      end();
      this.wake();
      if (this.atRest) this.#host.onRest(this);
    };
    result.then(
      (value) => after(() => done(value)),
      (error) => after(() => failed(error)),
    );
  }

  #succeeded(mail: Mail, message: HostedMessage, value: unknown): void {
    this.#release();
    if (this.#status === "ended") return mail.fail(this.#fencedData());
    try {
      this.#state.settle();
    } catch (error) {
      this.#state.undo();
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
    if (this.#status === "ended") return mail.fail(this.#fencedData());
    this.#report(mail.message, error);
    const { onError } = this.#host.hosted.contract;
    if (onError === "keep") {
      try {
        this.#state.settle();
      } catch {
        this.#state.undo();
      }
    } else this.#state.undo();
    mail.fail(toErrorData(error));
    if (onError !== "keep" && this.#status === "active")
      this.retire(onError === "restart" ? "failed" : "stop", onError === "restart");
  }

  #release(): void {
    this.#running = undefined;
    this.#chain = undefined;
    this.#signal.release();
  }

  #report(message: string, error: unknown): void {
    const { kind, name } = this;
    this.#host.runtime.events.emit({
      type: "handler-failed",
      kind,
      name,
      message,
      error: toErrorData(error),
    });
  }

  // ---- what its instance may use

  getState(): unknown {
    this.#mustLive();
    return this.#state.get();
  }

  setState(value: unknown): void {
    this.#mustLive();
    this.#state.set(value);
  }

  get signal(): AbortSignal {
    this.#mustLive();
    return this.#signal.get(this.#running?.deadlineAt ?? Infinity);
  }

  ref<C extends Contract>(contract: C, name: string): Ref<C> {
    this.#mustLive();
    const { refs, open } = this.#host.runtime;
    return refs.create(contract, open(contract, name, this));
  }

  schedule(message: string, argument: unknown, when: Schedule, id: string | undefined): string {
    this.#mustLive();
    const { hosted, runtime } = this.#host;
    const hostedMessage = hosted.messages.get(message);
    if (hostedMessage === undefined)
      throw new InvalidArgumentError(
        `Cannot schedule "${message}": current messages of "${this.kind}" lack it`,
      );
    validArgument(hosted, hostedMessage, argument);
    const { everyMs } = when;
    const remainingMs = when.afterMs ?? everyMs ?? 0;
    const legal = remainingMs >= 0 && Number.isFinite(remainingMs) && (everyMs === undefined || everyMs >= 1);
    if (!legal)
      throw new InvalidArgumentError(
        `Cannot schedule "${message}": current times are ${when.afterMs} and ${everyMs} ms`,
      );
    const timer = id ?? this.timers.freshId();
    this.timers.set({ id: timer, message, argument: runtime.codec.encode(argument), remainingMs, everyMs });
    return timer;
  }

  unschedule(id: string): boolean {
    this.#mustLive();
    return this.timers.cancel(id);
  }

  #mustLive(): void {
    if (this.#status === "ended" || this.#status === "sealed") throw this.#fenced();
  }

  #fenced(): FencedError {
    return new FencedError(`Cannot act as ${this.address}: current activation is ${this.#status}`);
  }

  #fencedData(): ErrorData {
    return toErrorData(this.#fenced());
  }

  // ---- as a caller

  get chain(): readonly string[] {
    this.#chain ??= [...(this.#running?.chain ?? []), this.address];
    return this.#chain;
  }

  sent(): void {
    this.#mustLive();
    this.#outstanding++;
  }

  settled(): void {
    this.#outstanding--;
    if (this.atRest) this.#host.onRest(this);
  }
}

function isThenable<T>(value: T | Promise<T>): value is Promise<T> {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}
