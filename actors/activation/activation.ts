/**
 * The living instance of one actor, from its first hook to its last; `turn.ts` handles its messages, one at a time.
 *
 * An activation does not know its shard's fate. Its host tells by `running` whether handlers may start, and hears by
 * `onRest` when nothing is going on any more, which is what a drain waits for.
 *
 * @module
 */
import { ConfigurationError, toErrorData } from "../../errors.ts";
import type { ActivationHost, Beginning } from "./activation_host.ts";
import { OutstandingSends } from "./outstanding_sends.ts";
import {
  type ActivationReason,
  type ActivationStatus,
  type DeactivationReason,
  mayBecome,
} from "../lifecycle.ts";
import { Deactivation, type DeactivationOwner } from "./deactivation.ts";
import { StateLoad, type StateLoadOwner } from "../durable/state_load.ts";
import type { Mail } from "./mail.ts";
import { Mailbox } from "./mailbox.ts";
import { type GateOwner, OutputGate } from "../durable/output_gate.ts";
import { DIRECT, type OutputSink } from "../durable/output_sink.ts";
import { fenced } from "../actor_errors.ts";
import type { Runnable } from "./scheduler.ts";
import { type Snapshot, unpackState } from "../state/snapshot.ts";
import { Start, type StartOwner } from "./start.ts";
import { StateCell } from "../state/state_cell.ts";
import { type ActorTimer, ActorTimers, type TimerData, TimerMail } from "../state/timers.ts";
import { type TrialOwner, Trials } from "./trials.ts";
import { Turn, type TurnOwner } from "./turn.ts";
import { UserCode } from "./user_code.ts";
import { type Kept, NOTHING_STORED, type StoredActor } from "../durable/state_store.ts";

/** See the module's text. */
export class Activation
  implements StartOwner, DeactivationOwner, TurnOwner, Runnable, StateLoadOwner, GateOwner, TrialOwner
{
  readonly name: string;
  readonly mailbox: Mailbox<Mail>;
  readonly timers: ActorTimers;
  readonly outputs: OutputSink;
  readonly loading: StateLoad = new StateLoad();
  lastActiveAt: number;
  readonly #host: ActivationHost<Activation>;
  #why: ActivationReason;
  #status: ActivationStatus = "activating";
  readonly #code: UserCode;
  readonly #state: StateCell;
  #scheduled = false;
  readonly #dormant: boolean;
  #due: boolean;
  readonly #fence: boolean;
  /** How its own code wants it to end. */
  #wish: "destroyed" | "idle" | undefined;
  /** What came of it while it was late, to be done if its shard comes back. */
  #putOff: (() => void) | undefined;
  /** It has a state of its own that was never stored, and is newer than whatever is. */
  readonly #isNewer: boolean;
  readonly #start: Start;
  readonly #conversation: OutstandingSends;
  readonly #turn: Turn;
  readonly #ending: Deactivation<Activation>;
  /** Made when a timer is first suspected of having ended its owners. */
  #trials: Trials | undefined;

  constructor(host: ActivationHost<Activation>, beginning: Beginning) {
    const { hosted, runtime, stateStore } = host;
    const { clock, codec, events, refusedTells, checks } = runtime;
    this.#host = host;
    this.name = beginning.name;
    this.#why = beginning.why;
    this.#dormant = beginning.dormant ?? false;
    this.#due = beginning.due ?? false;
    this.#fence = beginning.fence ?? false;
    this.#isNewer = beginning.state !== undefined && beginning.stored === undefined;
    this.mailbox = new Mailbox(hosted.contract.mailboxMax, host.mailScales);
    const handled = stateStore && ((timer: ActorTimer) => this.#trials?.handled(timer));
    this.timers = new ActorTimers(clock, (timer) => {
      this.mailbox.push(new TimerMail(timer, codec, handled));
      this.wake();
    });
    this.lastActiveAt = clock.now();
    const packing = stateStore && { codec, bytesMax: stateStore.bytesMax };
    this.#state = new StateCell(hosted, this.name, beginning.state, packing);
    this.#conversation = new OutstandingSends(() => this.#tellRest());
    this.#code = new UserCode(() => this.onProgress(), runtime.onThrow);
    const [timers, state, code, conversation] = [this.timers, this.#state, this.#code, this.#conversation];
    const { onThrow } = runtime;
    const deps = { state, timers, events, refusedTells, checks, onThrow, scales: host.outputScales };
    this.outputs = stateStore ? new OutputGate(this, { ...deps, stateStore }) : DIRECT;
    this.#ending = new Deactivation(this, { host, state, code, conversation });
    this.#start = new Start(this, { hosted, runtime, state, code });
    this.#turn = new Turn(this, { hosted, clock, events, code, state });
    for (const timer of beginning.timers ?? []) timers.set(timer);
    if (beginning.stored) this.outputs.know(beginning.stored);
    else if (stateStore) {
      if (this.#isNewer) this.outputs.know(NOTHING_STORED, true);
      this.#load();
    }
    this.wake();
  }

  #load(): void {
    const { stateStore, runtime } = this.#host;
    if (stateStore) this.loading.start(this, stateStore, runtime, this.#fence);
  }

  /** Of a stored actor it is known when it has been loaded. */
  get why(): ActivationReason {
    return this.#why;
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

  /** It can be sealed: nothing runs, loads or waits to be stored, and nothing it sent is unacknowledged or unanswered. */
  get idle(): boolean {
    return (this.#status === "active" || this.#status === "activating") && this.atRest;
  }

  /** Like `idle`, whatever the status is. */
  get atRest(): boolean {
    if (this.#code.busy || !this.#conversation.isQuiet || this.#trials?.isUnderWay) return false;
    return this.outputs === DIRECT || (!this.loading.isPending && this.outputs.isQuiet);
  }

  get isHandling(): boolean {
    return this.#code.busy;
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
    try {
      while (count < budget && this.#mayStart()) {
        if (this.#status === "activating") this.#start.run();
        else {
          const mail = this.mailbox.take();
          if (mail === undefined) break;
          this.#turn.handle(mail, now);
        }
        count++;
      }
    } finally {
      this.onProgress();
    }
    return count;
  }

  /** Something has ended: a handler, a hook, a commit. */
  onProgress(): void {
    if (this.#wish !== undefined) this.#fulfil();
    if (this.outputs !== DIRECT) this.outputs.commit();
    this.#ending.proceed();
    this.wake();
    this.#tellRest();
  }

  #tellRest(): void {
    if (this.atRest) this.#host.onRest(this);
  }

  #mayStart(): boolean {
    const live = this.#status === "active" || this.#status === "activating";
    if (!live || this.#code.busy || this.#conversation.isClosing || !this.#host.serving) return false;
    if (this.#wish !== undefined) return false;
    if (this.outputs === DIRECT) return true;
    return !this.loading.isPending && !this.#ending.isRetiring && this.outputs.hasRoom();
  }

  // ---- what its own code wants

  wish(end: "destroyed" | "idle"): void {
    if (this.#wish !== "destroyed") this.#wish = end;
    if (this.#code.busy) return;
    this.carryOut(); // code that goes on after its handler: there is no end to wait for
    this.outputs.hookEnded();
    this.onProgress();
  }

  carryOut(): void {
    if (this.#wish !== "destroyed" || this.#state.isErased) return;
    this.#state.erase();
    this.timers.erase();
  }

  giveUpWish(): void {
    this.#wish = undefined;
  }

  /** One that is late ends where it follows its shard to: there is nothing left of it, or it sleeps when it next may. */
  #fulfil(): void {
    if (this.#status !== "active" || this.#code.busy) return;
    const why = this.#wish as "destroyed" | "idle";
    if (why === "idle") this.#wish = undefined;
    if (why === "idle" && !this.#host.maySleep(this)) return;
    if (!this.#ending.hasBegun) this.#ending.retire(why, false);
  }

  /** It was destroyed by its own code: nothing is left of it. */
  get isErased(): boolean {
    return this.#state.isErased;
  }

  // ---- beginning and end

  onLoaded({ mark, snapshot, timers, why }: StoredActor): void {
    if (this.#status === "ended") return;
    const { hosted, runtime } = this.#host;
    if (this.#isNewer) {
      this.outputs.know(mark, true);
      return this.onProgress();
    }
    try {
      if (snapshot) this.#state.install(unpackState(hosted, snapshot, runtime.codec));
    } catch (error) {
      return this.onUnreadable(error, snapshot && { ...snapshot, stored: mark });
    }
    if (this.#why !== "restarted") this.#why = why;
    this.outputs.know(mark);
    for (const timer of timers) this.#install(timer);
    this.onProgress();
  }

  #install(timer: TimerData): void {
    this.timers.set(timer);
    const { kind, name } = this;
    const { id, message, suspicion } = timer;
    if (!suspicion?.setAside) return;
    const { deaths } = suspicion;
    this.#host.runtime.events.emit({ type: "message-quarantined", kind, name, message, deaths, timer: id });
  }

  // ---- timers that may take the node with them

  beginTimer(mail: TimerMail): boolean {
    const { timer } = mail;
    if (timer.suspicion || this.#trials) {
      const { trials, clock } = this.#host.runtime;
      this.#trials ??= new Trials(this, trials, clock);
      if (!this.#trials.admits(mail)) return false;
    }
    return this.timers.begin(timer);
  }

  comeAgain(mail: TimerMail): void {
    if (this.#status === "ended") return;
    this.mailbox.push(mail); // it goes on with it if it stays
    this.wake();
  }

  onAcquitted(changed: boolean): void {
    if (this.#status === "ended") return;
    if (changed && this.#status === "active" && !this.#code.busy) this.outputs.hookEnded(); // else its handler takes it along
    this.onProgress();
  }

  /** What is stored of it knows more than what travels: whoever has it next must look there. */
  get mustReload(): boolean {
    return this.#host.stateStore !== undefined && this.timers.areSuspect;
  }

  onUnreadable(error: unknown, snapshot?: Snapshot): void {
    this.#unlessLate(() => this.#host.onUnreadable(this, error, snapshot));
  }

  /** One that is late is left to the owner that it follows its shard to; unless its shard comes back. */
  #unlessLate(work: () => void): void {
    if (this.#status === "ended") return;
    if (this.#status !== "late") return work();
    this.#putOff = work;
    this.#tellRest();
  }

  /** One that is late is left to the owner that it follows its shard to. */
  get mustBegin(): boolean {
    return this.#due && (this.#status === "active" || this.#status === "activating");
  }

  /** Something of it must go on: from now on it is not given up if it cannot be loaded. */
  expect(): void {
    this.#due = true;
  }

  onNotLoaded(error: unknown, again: boolean): void {
    if (this.#status === "late") return this.#unlessLate(() => this.#load());
    this.#unlessLate(() => this.#host.onNotLoaded(this, toErrorData(error), again));
  }

  onRefused(): void {
    this.#state.forget();
    this.#unlessLate(() => this.#host.onRefused(this));
  }

  onDenied(kept: Kept): void {
    this.#state.forget();
    // nobody else has it: it goes along if this one is late
    if (kept.mark === undefined && kept.state) this.#state.install(this.#unpacked(kept.state));
    this.#unlessLate(() => this.#host.onDenied(this, kept));
  }

  /** What the user's schema refuses now is kept as it is: that is found where it is next read. */
  #unpacked(snapshot: Snapshot): unknown {
    const { hosted, runtime } = this.#host;
    try {
      return unpackState(hosted, snapshot, runtime.codec);
    } catch {
      return runtime.codec.decode(snapshot.bytes);
    }
  }

  onStarted(): void {
    this.#turn.release(); // the first message gets one of its own
    if (this.#status === "activating") this.become("active");
  }

  /** One that is late begins again where it follows its shard to. */
  onFailedStart(error: unknown): void {
    this.#turn.release();
    if (this.#status === "activating") this.#host.onFailedStart(this, toErrorData(error));
  }

  /**
   * Runs `onDrain`, if the class has one and nothing else is running. A throw is reported through the promise: it
   * cancels the handoff.
   */
  drain(signal: AbortSignal): Promise<void> | undefined {
    return this.#code.onDrain(signal, () => {
      this.#state.settle();
      this.carryOut();
      this.outputs.hookEnded();
    });
  }

  /** Ends it after its hook; the host hears `onRetired`. Only at rest. `again`: it shall begin anew at once. */
  retire(why: DeactivationReason, again: boolean): void {
    this.#ending.retire(why, again);
  }

  /** A reclaim: it goes on as if nothing had been asked. */
  resume(): void {
    this.become(this.#start.isDone ? "active" : "activating");
    this.timers.resume();
    const putOff = this.#putOff;
    this.#putOff = undefined;
    if (putOff) putOff();
    else this.wake();
  }

  /** The end, at once. The hook runs if a reason is given; nothing it does has an effect. */
  end(why?: DeactivationReason): void {
    if (this.#status === "ended") return;
    this.#status = "ended";
    this.loading.stop();
    this.timers.clear();
    this.#trials?.stop();
    this.outputs.drop();
    this.#turn.abort(fenced(this.address, this.#status));
    if (why !== undefined) this.#ending.close(why);
  }

  get isClosing(): boolean {
    return this.#ending.isClosing;
  }

  /** Aborts the running handler's signal, at a leave deadline. */
  abort(reason: Error): void {
    this.#turn.abort(reason);
  }

  /** Whether its state must not be forgotten. */
  get mustKeep(): boolean {
    return this.#state.mustKeep || this.#host.stateStore !== undefined;
  }

  /** The checked state as bytes; `undefined` if it has not begun. @throws {InvalidStateError} */
  snapshot(): Snapshot | undefined {
    return this.#marked(this.#state.snapshot(this.#host.runtime.codec));
  }

  #marked(snapshot: Snapshot | undefined): Snapshot | undefined {
    const { mark } = this.outputs;
    return snapshot && mark ? { ...snapshot, stored: mark } : snapshot;
  }

  /** The state as bytes for an operator, whether it fits or not, if it can be written at all. */
  rawSnapshot(): Snapshot | undefined {
    return this.#marked(this.#state.raw(this.#host.runtime.codec));
  }

  /**
   * Another status: `sealed` fixes the state, nothing runs on it here any more; `late` lets the running handler go on
   * while its mail and timers are taken along.
   */
  become(status: ActivationStatus): void {
    if (!mayBecome(this.#status, status))
      throw new ConfigurationError(`Cannot make ${this.address} ${status}: it is ${this.#status}`);
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

  /** Of the message that it handles; while it begins, the latest of those that wait for that. */
  get deadlineAt(): number {
    if (this.#status !== "activating" || this.mailbox.size === 0) return this.#turn.deadlineAt;
    let latest = -Infinity;
    for (const { deadlineAt } of this.mailbox) {
      if (deadlineAt === Infinity) return deadlineAt;
      if (deadlineAt > latest) latest = deadlineAt;
    }
    return latest;
  }

  /**
   * Whether what it handles now waits, through the actors of the chain, for the message that came with it: it has asked the
   * next one in the chain, and that ask has not ended. Looked at only where the chain names it.
   */
  waitsThrough(chain: readonly string[]): boolean {
    if (!this.#code.busy) return false;
    const own = this.#turn.chain;
    return chain.some((address, i) => {
      return address === this.address && this.#host.runtime.awaits(own, chain[i + 1] ?? this.address);
    });
  }

  sent(): void {
    this.assertLive();
    this.#conversation.sent();
  }

  settled(): void {
    this.#conversation.settled();
  }
}
