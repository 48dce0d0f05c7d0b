/**
 * The living instance of one actor, from its first hook to its last. `machine.ts` says what may become of it, and this
 * runs the effects; `turn.ts` handles its messages, one at a time.
 *
 * An activation does not know its shard's fate. That tells by `serving` and `runsAt` whether handlers may start, and its host
 * hears by `onRest` when nothing is going on any more, which is what a drain waits for.
 *
 * @module
 */
import { ConfigurationError, type ErrorData, toErrorData } from "../../errors.ts";
import type { HeaderMap } from "../../codec/header_map.ts";
import { fenced } from "../actor_errors.ts";
import { Annex } from "../annex/annex.ts";
import { reportFailure } from "../actor_events.ts";
import type { Caller } from "../caller/caller.ts";
import { type GateOwner, OutputGate } from "../durable/output_gate.ts";
import { DIRECT, type OutputSink } from "../durable/output_sink.ts";
import { type LoadEvent, StateLoad } from "../durable/state_load.ts";
import { type Kept, NOTHING_STORED, type StoredActor } from "../durable/state_store.ts";
import type { ActivationReason, ActivationStatus, DeactivationReason } from "../lifecycle.ts";
import { type Content, readAnnex, type Snapshot, unpack } from "../state/snapshot.ts";
import { StateCell } from "../state/state_cell.ts";
import type { Timer } from "../../platform/clock.ts";
import { FailureLog } from "../supervision/failure_log.ts";
import { type ActorTimer, ActorTimers, type TimerData, TimerMail } from "../state/timers.ts";
import type { ActivationHost, ActorShard, Beginning } from "./activation_host.ts";
import {
  type ActivationEffect,
  type ActivationEvent,
  type ActivationState,
  begin,
  isHeld,
  mayRun,
  mustEnd,
  statusOf,
  step,
  type Wish,
} from "./machine.ts";
import type { Mail } from "./mail.ts";
import { Mailbox } from "./mailbox.ts";
import { OutstandingSends } from "./outstanding_sends.ts";
import type { Runnable } from "./scheduler.ts";
import { Start, type StartEvent, type StartOwner } from "./start.ts";
import { Trials } from "./trials.ts";
import { Turn, type TurnOwner } from "./turn.ts";
import { UserCode } from "./user_code.ts";
import type { WatchEnd } from "../watch/notice.ts";
import { NoticeMail } from "../watch/notice_mail.ts";
import { WATCHERS } from "../watch/parts.ts";
import { type Heard, hear, itEnded, type Standing } from "../watch/rules.ts";
import { isWatchWord, readWatchWord } from "../watch/words.ts";

/** See the module's text. */
export class Activation implements Runnable, StartOwner, TurnOwner, GateOwner {
  readonly name: string;
  readonly mailbox: Mailbox<Mail>;
  readonly timers: ActorTimers;
  readonly outputs: OutputSink;
  /** Of a stored actor that began without what is stored of it. */
  readonly load: StateLoad | undefined;
  /** `undefined` if its contract does not let it begin anew. */
  readonly failures: FailureLog | undefined;
  lastActiveAt: number;
  readonly #shard: ActorShard<Activation>;
  readonly #host: ActivationHost<Activation>;
  #why: ActivationReason;
  #life: ActivationState;
  /** Of its life: whether handlers and hooks may start, and whether something comes of it when it rests. */
  #mayRun: boolean;
  #mustEnd = false;
  /** Whether it stands in the scheduler's line. */
  #isInLine = false;
  readonly #code: UserCode;
  readonly #state: StateCell;
  readonly #start: Start;
  readonly #sends: OutstandingSends;
  readonly #turn: Turn;
  /** Made when a timer is first suspected of having ended its owners. */
  #trials: Trials | undefined;
  /** Until it may be tried again. */
  #held: Timer | undefined;
  /** What its host knows of it beside its state. */
  #toldAnnex: Annex = Annex.EMPTY;

  constructor(shard: ActorShard<Activation>, host: ActivationHost<Activation>, beginning: Beginning) {
    const { hosted, runtime, stateStore } = shard;
    const { clock, codec, events, onThrow } = runtime;
    const { name, why, content, stored } = beginning;
    this.#shard = shard;
    this.#host = host;
    this.name = name;
    this.#why = why;
    this.mailbox = new Mailbox(hosted.contract.mailboxMax, shard.budget.mail);
    const handled = stateStore && ((timer: ActorTimer) => this.#trials?.handled(timer));
    const onDue = (timer: ActorTimer) => this.comeAgain(new TimerMail(timer, codec, handled));
    this.timers = new ActorTimers(clock, onDue, hosted.messages);
    this.lastActiveAt = clock.now();
    const packing = stateStore && { codec, bytesMax: stateStore.bytesMax };
    const state = new StateCell(hosted, name, content, packing);
    this.#state = state;
    this.#sends = new OutstandingSends(() => this.#onSettled());
    const code = new UserCode(() => this.onProgress(), onThrow);
    this.#code = code;
    const { timers } = this;
    const { outputs: scales } = shard.budget;
    const { refusedTells, checks } = runtime;
    const gate = { state, timers, events, refusedTells, checks, onThrow, scales };
    const outputs = stateStore ? new OutputGate(this, { ...gate, stateStore }) : DIRECT;
    this.outputs = outputs;
    this.#start = new Start(this, { hosted, runtime, state, timers, outputs, code });
    this.#turn = new Turn(this, { hosted, clock, events, state, outputs, code });
    const rules = hosted.contract.restart;
    if (rules && rules.policy !== "never")
      this.failures = new FailureLog({ kind: this.kind, name }, { rules, state, clock, events });
    for (const timer of beginning.timers ?? []) this.#setTimer(timer);
    if (stored) outputs.know(stored);
    else if (content !== undefined) outputs.know(NOTHING_STORED, true);
    const loads = stateStore !== undefined && stored === undefined;
    this.#life = begin(loads, beginning.dormant ? "dormant" : "ready");
    this.#mayRun = mayRun(this.#life);
    if (loads) {
      const { clock, random } = runtime;
      const { fence = false, due = false, onlyIfStored = false } = beginning;
      const isWanted = () => this.#life.tenure === "serving";
      const deps = { name, stateStore, clock, random, fence, isWanted };
      this.load = new StateLoad(deps, due, (event) => this.#onLoad(event, onlyIfStored));
      this.load.start();
    } else this.#heedFailures();
    this.wake();
  }

  // ---- who it is

  /** Of a stored actor it is known when it has been loaded. */
  get why(): ActivationReason {
    return this.#why;
  }

  get kind(): string {
    return this.#shard.hosted.contract.kind;
  }

  get address(): string {
    return `${this.kind}/${this.name}`;
  }

  get epoch(): number {
    return this.#shard.epoch;
  }

  get status(): ActivationStatus {
    return statusOf(this.#life);
  }

  get hasEnded(): boolean {
    return this.#life.tenure === "ended";
  }

  /** Whether it begins with its next message, and not before. */
  get isDormant(): boolean {
    return this.#life.stage === "dormant" && this.#life.tenure === "serving";
  }

  /** It can be sealed: nothing runs, loads or waits to be stored, and nothing it sent is unacknowledged or unanswered. */
  get idle(): boolean {
    return this.#life.tenure === "serving" && this.atRest;
  }

  /** Like `idle`, whoever has its shard. */
  get atRest(): boolean {
    if (this.#code.busy || !this.#sends.isQuiet || this.#trials?.isUnderWay) return false;
    return this.outputs === DIRECT || (this.#life.stage !== "loading" && this.outputs.isQuiet);
  }

  get isHandling(): boolean {
    return this.#code.busy;
  }

  // ---- its life

  /** Something has happened to it. @throws {ConfigurationError} for what must not happen as it stands */
  on(event: ActivationEvent): void {
    const next = step(this.#life, event);
    if (next === undefined) throw this.#illegal(event);
    const [state, ...effects] = next;
    this.#life = state;
    this.#mayRun = mayRun(state);
    this.#mustEnd = mustEnd(state);
    for (const effect of effects) this.#perform(effect);
  }

  #illegal({ type }: ActivationEvent): ConfigurationError {
    const { stage, tenure } = this.#life;
    return new ConfigurationError(
      `Cannot go on with "${type}" of ${this.address}: it is ${stage} and ${tenure}`,
    );
  }

  #perform(effect: ActivationEffect): void {
    switch (effect.type) {
      case "load":
        return this.load?.start();
      case "begin":
        return this.#start.run();
      case "deactivate":
        return this.#deactivate(effect.why);
      case "sleep":
        return this.#host.maySleep(this) ? this.on({ type: "retire", why: "idle", again: false }) : undefined;
      case "depart":
        return this.#depart(effect.again);
      case "judge":
        return this.#host.judge(this, effect.verdict);
      case "go-on":
        return this.#goOn();
      case "release":
        return this.#release();
    }
  }

  /** It begins, although nobody has sent it anything. */
  rouse(): void {
    this.on({ type: "rouse" });
    this.wake();
  }

  #goOn(): void {
    if (this.#life.stage !== "stopped") this.timers.resume();
    if (isHeld(this.#life.stage)) this.#hold();
  }

  /** A reclaim: it goes on as if nothing had been asked. */
  resume(): void {
    this.on({ type: "resume" });
    this.onProgress();
  }

  /** The end, at once. The hook runs if a reason is given; nothing it does has an effect. */
  end(why?: DeactivationReason): void {
    this.on({ type: "end", why });
  }

  #release(): void {
    this.load?.stop();
    this.#held?.cancel();
    this.timers.clear();
    this.#trials?.stop();
    this.outputs.drop();
    this.#turn.abort(() => fenced(this.address, "ended"));
  }

  /** Its first hook has ended. */
  onStart(event: StartEvent): void {
    this.#turn.release(); // the first message gets a signal of its own
    this.on(event);
  }

  /** Runs its last hook. What that leaves must be stored before its end, and what it has told be there before its successor says anything. */
  #deactivate(why: DeactivationReason): void {
    const done = () => {
      this.on({ type: "hook-ended" });
      if (this.hasEnded) return;
      this.carryOut();
      if (this.outputs !== DIRECT) this.#settleLast();
      this.onProgress();
    };
    this.#code.onDeactivate(why, done, (error) => {
      this.#lastHookFailed(error);
      done();
    });
  }

  #settleLast(): void {
    try {
      this.#state.settle();
    } catch (error) {
      this.#lastHookFailed(error);
    }
    this.outputs.hookEnded();
  }

  #lastHookFailed(error: unknown): void {
    reportFailure(this.#shard.runtime.events, this, "onDeactivate", toErrorData(error));
  }

  #depart(again: boolean): void {
    let snapshot: Snapshot | undefined;
    try {
      if (this.mustKeep) snapshot = this.snapshot();
    } catch (error) {
      return this.on({ type: "unreadable", error, snapshot: undefined });
    }
    const timers = again || this.timers.size > 0 ? this.timers.pause() : undefined;
    this.end();
    this.#host.onRetired(this, snapshot, timers);
  }

  /** Whether it has ended, or has no state any more, and its last hook still runs. */
  get isClosing(): boolean {
    return this.#life.stage === "retiring" && (this.hasEnded || this.#state.isErased);
  }

  /** @throws {FencedError} once it is sealed, given up or fenced */
  assertLive(): void {
    const { tenure } = this.#life;
    if (tenure === "ended" || tenure === "sealed") throw fenced(this.address, tenure);
  }

  // ---- its work

  /** Asks for a slice of work, unless it already stands in line or has nothing to do. */
  wake(): void {
    if (this.#isInLine || !this.#mayStart()) return;
    if (this.mailbox.size === 0 && this.#life.stage !== "ready") return;
    if (this.#life.stage === "stopped" && !this.#hasMailToGiveUp) return;
    this.#isInLine = true;
    this.#shard.runtime.scheduler.schedule(this);
  }

  /** @returns false if the mailbox is full */
  offer(mail: Mail): boolean {
    if (!this.mailbox.offer(mail)) return false;
    if (!this.#isInLine) this.wake();
    return true;
  }

  runSlice(budget: number): number {
    this.#isInLine = false;
    const now = this.#shard.runtime.clock.now();
    if (!this.#shard.runsAt(now)) return 0; // it is woken when the gate opens
    this.lastActiveAt = now;
    let count = 0;
    try {
      while (count < budget && this.#mayStart()) {
        if (this.#life.stage === "active") {
          const mail = this.mailbox.take();
          if (mail === undefined) break;
          this.#turn.handle(mail, now);
        } else if (this.#life.stage === "stopped") {
          this.#giveUpMail();
          break;
        } else this.on({ type: "start" });
        count++;
      }
    } finally {
      this.onProgress();
    }
    return count;
  }

  #mayStart(): boolean {
    if (!this.#mayRun || this.#code.busy || !this.#shard.serving) return false;
    return this.outputs === DIRECT || this.outputs.hasRoom();
  }

  /** Something has ended: a handler, a hook, a commit. */
  onProgress(): void {
    if (this.#mustEnd) this.#rested();
    if (this.outputs !== DIRECT) this.outputs.commit();
    this.#tellAnnex();
    this.wake();
    this.#tellRest();
  }

  /** Whether what is stored of it is not here yet. */
  get isUnloaded(): boolean {
    return this.#life.stage === "loading" || this.#life.stage === "unread";
  }

  /** What it has beside its state, as its last handler left it: of a stored actor that which is stored. */
  get standingAnnex(): Annex {
    return this.outputs.standing(this.#state.settledAnnex);
  }

  /** What it has beside its state counts once it is there for good. */
  #tellAnnex(): void {
    const annex = this.standingAnnex;
    if (annex === this.#toldAnnex || this.#life.tenure !== "serving") return;
    this.#toldAnnex = annex;
    this.#host.onAnnex(this.name, annex);
  }

  /** All that it sent is settled. */
  #onSettled(): void {
    if (this.#mustEnd) this.#rested();
    this.#tellRest();
  }

  #rested(): void {
    if (this.#code.busy) return;
    this.on({ type: "rested", isSettled: this.#sends.isQuiet, isStored: this.outputs.isQuiet });
  }

  #tellRest(): void {
    if (this.atRest) this.#shard.onRest(this);
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

  /** Aborts the running handler's signal, at a leave deadline. */
  abort(reason: Error): void {
    this.#turn.abort(() => reason);
  }

  // ---- what its own code wants

  wish(wish: Wish): void {
    this.on({ type: "wished", wish });
    if (this.#code.busy) return;
    this.carryOut(); // code that goes on after its handler: there is no end to wait for
    this.outputs.hookEnded();
    this.onProgress();
  }

  deactivate(): void {
    this.wish("stop");
  }

  carryOut(): void {
    if (this.#life.wish !== "destroyed" || this.#state.isErased) return;
    const { settledAnnex } = this.#state;
    this.#state.erase();
    this.timers.erase();
    this.#tellEnd(settledAnnex, "stopped");
  }

  /** It was destroyed by its own code: nothing is left of it. */
  get isErased(): boolean {
    return this.#state.isErased;
  }

  // ---- who watches it, and whom it watches

  heed(mail: Mail): Mail | undefined {
    const says = readWatchWord(mail);
    let heard = hear(this.#state.settledAnnex, says, this.#standing);
    try {
      if (heard.change) this.#state.amend(heard.change);
    } catch (error) {
      if (says.word !== "$watch") throw error;
      heard = itEnded(says, "refused", this); // there is no room for it beside what is stored
    }
    this.#follow(heard);
    return heard.due && new NoticeMail(mail, heard.due.message, heard.due.notice);
  }

  get #standing(): Standing {
    const { kind, name, epoch } = this;
    const { stateStore, hosted } = this.#shard;
    const isThere = stateStore === undefined || this.#state.mustKeep;
    const wasLost = stateStore === undefined && this.#why === "recovered";
    return { kind, name, epoch, isThere, wasLost, isCarried: hosted.contract.onMove === "carry" };
  }

  #follow({ answer, confirmed }: Heard): void {
    const { watching } = this.#shard.runtime;
    if (confirmed) watching.confirmed(this, confirmed.id, confirmed.epoch);
    if (answer) this.outputs.whenStored(() => watching.say(answer.to, answer.says));
  }

  failed(error: ErrorData, toldToEnd: boolean): void {
    const isOver = this.failures === undefined || (!toldToEnd && this.failures.add(error));
    if (isOver && this.#life.tenure === "serving") this.tellEnd("failed"); // else it goes on where it follows its shard to
  }

  // ---- what follows when it has failed

  /** It does not begin before its pause is over. */
  #heedFailures(): void {
    const standing = this.failures?.standing;
    if (standing === undefined || standing.as === "free") return;
    this.on({ type: "hold", as: standing.as });
    this.#hold();
    if (standing.as !== "stopped") return;
    this.timers.pause();
    this.mailbox.isShut = true;
    this.#tellStop();
  }

  /** Those who watch it were not told where it failed. That they are is not stored before it begins: said twice is as good as once. */
  #tellStop(): void {
    const watchers = this.annex.get(WATCHERS);
    if (watchers === undefined) return;
    this.#state.amend((annex) => annex.with(WATCHERS, undefined));
    const { kind, name, epoch } = this;
    const annex = Annex.EMPTY.with(WATCHERS, watchers);
    this.#shard.runtime.watching.ended({ kind, name, epoch }, annex, "failed");
  }

  #hold(): void {
    const standing = this.failures?.standing;
    const leftMs = standing === undefined || standing.as === "free" ? 0 : standing.leftMs;
    this.#held?.cancel();
    this.#held = this.#shard.runtime.clock.after(leftMs, () => this.#holdIsOver());
  }

  #holdIsOver(): void {
    if (this.#life.tenure !== "serving" || !isHeld(this.#life.stage)) return; // if its shard comes back, this is looked at again
    const wasStopped = this.#life.stage === "stopped";
    this.mailbox.isShut = false;
    if (wasStopped && this.mailbox.size === 0 && !this.#host.isWanted(this)) return this.on({ type: "rest" });
    if (wasStopped) this.timers.resume();
    this.on({ type: "try" });
    this.onProgress();
  }

  /** What is said about watches waits until it begins: it is said once. */
  #giveUpMail(): void {
    const line = this.mailbox.clearLine();
    const waiting = this.mailbox.clear();
    for (const mail of waiting) if (isWatchWord(mail)) this.mailbox.push(mail);
    this.#host.undelivered(
      this,
      waiting.filter((mail) => !isWatchWord(mail)),
      line,
    );
  }

  get #hasMailToGiveUp(): boolean {
    for (const mail of this.mailbox) if (!isWatchWord(mail)) return true;
    return false;
  }

  /** Something has happened to it that counts as its end for those who watch it, though its state is kept. */
  tellEnd(reason: WatchEnd): void {
    const { settledAnnex } = this.#state;
    const watchers = settledAnnex.get(WATCHERS);
    if (watchers === undefined) return;
    this.#state.amend((annex) => annex.with(WATCHERS, undefined));
    this.#tellEnd(Annex.EMPTY.with(WATCHERS, watchers), reason);
  }

  /** Nobody hears of it before it is stored. */
  #tellEnd(annex: Annex, reason: WatchEnd): void {
    if (annex.isEmpty) return;
    const { kind, name, epoch } = this;
    const { watching } = this.#shard.runtime;
    this.outputs.whenStored(() => watching.ended({ kind, name, epoch }, annex, reason));
  }

  // ---- its state

  /** What it has beside its state, as its last handler left it. */
  get annex(): Annex {
    return this.#state.settledAnnex;
  }

  /** Whether its state must not be forgotten. */
  get mustKeep(): boolean {
    return this.#state.mustKeep || this.#shard.stateStore !== undefined;
  }

  /** The checked state as bytes; `undefined` if it has not begun. @throws {InvalidStateError} */
  snapshot(): Snapshot | undefined {
    return this.#marked(this.#state.snapshot(this.#shard.runtime.codec));
  }

  /** The state as bytes for an operator, whether it fits or not, if it can be written at all. */
  rawSnapshot(): Snapshot | undefined {
    return this.#marked(this.#state.raw(this.#shard.runtime.codec));
  }

  #marked(snapshot: Snapshot | undefined): Snapshot | undefined {
    const { mark } = this.outputs;
    return snapshot && mark ? { ...snapshot, stored: mark } : snapshot;
  }

  /** What the user's schema refuses now is kept as it is: that is found where it is next read. */
  #unpacked(snapshot: Snapshot): Content {
    const { hosted, runtime } = this.#shard;
    try {
      return unpack(hosted, snapshot, runtime.codec);
    } catch {
      return { state: runtime.codec.decode(snapshot.bytes), annex: readAnnex(snapshot) };
    }
  }

  // ---- what is stored of it

  #onLoad(event: LoadEvent, onlyIfStored: boolean): void {
    if (this.hasEnded) return;
    if (onlyIfStored && event.type === "loaded" && isNothing(event.stored) && this.mailbox.size === 0)
      return this.#host.dismiss(this);
    const rest = event.type === "loaded" ? this.#install(event.stored) : event;
    this.on(rest);
    if (rest.type === "loaded") {
      this.#heedFailures();
      this.onProgress();
    } else this.#tellRest();
  }

  #install({ mark, snapshot, timers, why }: StoredActor): ActivationEvent {
    const { hosted, runtime } = this.#shard;
    if (this.outputs.isNewer) {
      this.outputs.know(mark, true);
      return { type: "loaded" };
    }
    try {
      if (snapshot) this.#state.install(unpack(hosted, snapshot, runtime.codec));
    } catch (error) {
      return { type: "unreadable", error, snapshot: snapshot && { ...snapshot, stored: mark } };
    }
    if (this.#why !== "restarted") this.#why = why;
    this.outputs.know(mark);
    for (const timer of timers) this.#setLoaded(timer);
    return { type: "loaded" };
  }

  /** It comes from before this activation, and perhaps from other code. */
  #setTimer(timer: TimerData): void {
    this.timers.set(timer);
    const { hosted, runtime } = this.#shard;
    const { kind, name } = this;
    const { id, message } = timer;
    if (!hosted.messages.has(message))
      runtime.events.emit({ type: "timer-undeclared", kind, name, message, timer: id });
  }

  #setLoaded(timer: TimerData): void {
    this.#setTimer(timer);
    const { kind, name } = this;
    const { id, message, suspicion } = timer;
    if (!suspicion?.setAside) return;
    const { deaths } = suspicion;
    this.#shard.runtime.events.emit({ type: "message-quarantined", kind, name, message, deaths, timer: id });
  }

  /** Something of it must go on: from now on it is not given up if it cannot be loaded. */
  expect(): void {
    this.load?.insist();
  }

  onRefused(): void {
    this.#state.forget();
    this.on({ type: "refused" });
    this.#tellRest();
  }

  onDenied(kept: Kept): void {
    this.#state.forget();
    // nobody else has it: it goes along if this one is late
    if (kept.mark === undefined && kept.state) this.#state.install(this.#unpacked(kept.state));
    this.on({ type: "denied", kept });
    this.#tellRest();
  }

  // ---- timers that may take the node with them

  beginTimer(mail: TimerMail): boolean {
    const { timer } = mail;
    if (timer.suspicion || this.#trials) {
      this.#trials ??= this.#makeTrials();
      if (!this.#trials.admits(mail)) return false;
    }
    return this.timers.begin(timer);
  }

  #makeTrials(): Trials {
    const { timers, outputs } = this;
    const { trials: lane, clock } = this.#shard.runtime;
    const comeAgain = (mail: TimerMail) => this.comeAgain(mail);
    return new Trials({
      timers,
      outputs,
      lane,
      clock,
      comeAgain,
      onAcquitted: (changed) => this.#onAcquitted(changed),
    });
  }

  comeAgain(mail: TimerMail): void {
    if (this.hasEnded) return;
    this.mailbox.push(mail); // it goes on with it if it stays
    this.wake();
  }

  #onAcquitted(changed: boolean): void {
    if (this.hasEnded) return;
    const isActive = this.status === "active";
    if (changed && isActive && !this.#code.busy) this.outputs.hookEnded(); // else its handler takes it along
    this.onProgress();
  }

  /** What is stored of it knows more than what travels: whoever has it next must look there. */
  get mustReload(): boolean {
    return this.#shard.stateStore !== undefined && this.timers.areSuspect;
  }

  // ---- as a caller

  /** The signal of what it handles now. */
  get signal(): AbortSignal {
    return this.#turn.signal;
  }

  get chain(): readonly string[] {
    return this.#turn.chain;
  }

  /** Of the message that it handles; while it begins, the latest of those that wait for that. */
  get deadlineAt(): number {
    if (this.status !== "activating" || this.mailbox.size === 0) return this.#turn.deadlineAt;
    let latest = -Infinity;
    for (const { deadlineAt } of this.mailbox) {
      if (deadlineAt === Infinity) return deadlineAt;
      if (deadlineAt > latest) latest = deadlineAt;
    }
    return latest;
  }

  get caller(): Caller | undefined {
    return this.#turn.caller;
  }

  get askHeaders(): HeaderMap | undefined {
    return this.#turn.askHeaders;
  }

  get tellHeaders(): HeaderMap | undefined {
    return this.#turn.tellHeaders;
  }

  /**
   * Whether what it handles now waits, through the actors of the chain, for the message that came with it: it has asked the
   * next one in the chain, and that ask has not ended. Looked at only where the chain names it.
   */
  waitsThrough(chain: readonly string[]): boolean {
    if (!this.#code.busy) return false;
    const own = this.#turn.chain;
    return chain.some((address, i) => {
      return address === this.address && this.#shard.runtime.awaits(own, chain[i + 1] ?? this.address);
    });
  }

  sent(): void {
    this.assertLive();
    this.#sends.sent();
  }

  settled(): void {
    this.#sends.settled();
  }
}

/** Whether nothing is stored of an actor: an entry may only keep a former owner out. */
function isNothing({ snapshot, timers }: StoredActor): boolean {
  return snapshot === undefined && timers.length === 0;
}
