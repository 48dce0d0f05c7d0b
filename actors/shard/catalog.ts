/**
 * The actors of one shard on the node that serves it: running, sleeping, expected from elsewhere, or quarantined.
 *
 * Admission never waits. Whatever the condition of the actor, a message is taken or refused at once, so no actor
 * holds up another one's messages. Nothing is started fresh while a state is known or expected somewhere.
 *
 * @module
 */
import { type ErrorData, toErrorData, wordsOf } from "../../errors.ts";
import { inCleanContext } from "../../platform/async_context.ts";
import { Activation } from "../activation/activation.ts";
import type { ActivationHost, ActorShard, Beginning } from "../activation/activation_host.ts";
import { isDeactivation } from "../activation/life_words.ts";
import type { Verdict } from "../activation/machine.ts";
import type { ActivationReason } from "../lifecycle.ts";
import type { Mail } from "../activation/mail.ts";
import { actorStopped, cycle, mailboxFull, noRoom, outcomeLost, unreadable } from "../actor_errors.ts";
import { reportDeadLetter, reportFailure } from "../actor_events.ts";
import { ActorTable } from "./actor_table.ts";
import { GroupMembers } from "./group_members.ts";
import { bare, type SealedActor } from "./sealed.ts";
import { undeliveredOf } from "./undelivered_mail.ts";
import { Annex } from "../annex/annex.ts";
import { type Content, readAnnex, type Snapshot, unpack } from "../state/snapshot.ts";
import type { Mailbox } from "../activation/mailbox.ts";
import { type TimerData, TimerMail } from "../state/timers.ts";
import type { Kept } from "../durable/state_store.ts";
import { WATCHERS } from "../watch/parts.ts";
import { type Heard, hear } from "../watch/rules.ts";
import { isForWatcher, isWatchWord, readWatchWord } from "../watch/words.ts";

/** The shard around a catalog. */
export interface CatalogShard extends ActorShard<Activation> {
  readonly shard: number;
  /** How an actor begins that has no state: "recovered" once the shard was claimed after a crash. */
  readonly freshReason: ActivationReason;
  /** Whether its stored actors that must be loaded are still being looked for. */
  readonly isRecovering: boolean;
}

/** See the module's text. */
export class Catalog implements ActivationHost<Activation> {
  readonly shard: CatalogShard;
  readonly kind: string;
  readonly residents: ActorTable;
  readonly members: GroupMembers = new GroupMembers();
  /** Of those that have something beside their state: what observers know. */
  readonly #annexes = new Map<string, Annex>();

  constructor(shard: CatalogShard) {
    this.shard = shard;
    this.kind = shard.hosted.contract.kind;
    this.residents = new ActorTable(shard.budget);
  }

  /** Whether state and timers move along. */
  get carries(): boolean {
    return this.shard.hosted.contract.onMove === "carry";
  }

  // ---- admission

  /** Takes a message for an actor, or ends it with the refusal that is true. */
  admit(name: string, mail: Mail): void {
    const active = this.residents.active.get(name);
    if (active === undefined) return this.#admitElsewhere(name, mail);
    if (mail.chain.length > 0 && active.waitsThrough(mail.chain))
      return mail.refuse(cycle(active.address, mail.chain));
    this.#give(active, mail);
  }

  #give(active: Activation, mail: Mail): void {
    if (active.offer(mail)) return;
    if (active.mailbox.isShut) this.#refuseStopped(active, mail);
    else if (this.#waits(active.name, active.mailbox, mail)) active.wake();
  }

  /** Nothing of it runs: that is what some ask for. */
  #refuseStopped(active: Activation, mail: Mail): void {
    if (isDeactivation(mail)) mail.succeed(undefined);
    else mail.refuse(stoppedNow(active));
  }

  /**
   * What meets a full mailbox: a tell stands behind it, and its sender waits; anything else is refused. Where no handler
   * starts any more there will be no room, but a next owner: it is admitted, as many as the mailbox and its line may hold
   * together. More stand in the line until the next owner gets them.
   *
   * @returns whether it was not refused
   */
  #waits(name: string, mailbox: Mailbox<Mail>, mail: Mail): boolean {
    const mayWait = mail.type === "tell" && !mail.isFrom(`${this.kind}/${name}`);
    if (!mayWait || !mailbox.wait(mail)) {
      mail.refuse(mailboxFull(name, mailbox.size, this.shard.budget.mail.bytes));
      return false;
    }
    if (!this.shard.serving) mailbox.admitBeyond();
    return true;
  }

  /** Admits what stands behind all mailboxes: no handler starts here any more. */
  admitWaiting(): void {
    const { active, awaited } = this.residents;
    for (const { mailbox } of active.values()) mailbox.admitAll();
    for (const { mailbox } of awaited.values()) mailbox.admitAll();
  }

  #admitElsewhere(name: string, mail: Mail): void {
    if (isWatchWord(mail) && this.#heeds(name, mail)) return;
    const quarantined = this.residents.quarantined.get(name);
    if (quarantined) return mail.refuse(unreadable(this.kind, quarantined));
    const awaited = this.residents.awaited.get(name);
    if (awaited) {
      const address = `${this.kind}/${name}`;
      if (mail.chain.includes(address)) return mail.refuse(cycle(address, mail.chain));
      if (!awaited.mailbox.offer(mail)) this.#waits(name, awaited.mailbox, mail);
      return;
    }
    if (isDeactivation(mail)) return void mail.succeed(undefined);
    if (!this.shard.budget.mayActivate()) return mail.refuse(noRoom());
    const { isFull, isLineFull, bytes } = this.shard.budget.mail;
    if (isFull && (mail.type === "ask" || isLineFull)) return mail.refuse(mailboxFull(name, 0, bytes));
    const started = inCleanContext(() => this.#wakeOrBegin(name)); // whose message it is does not matter to it
    if (started) this.#give(started, mail);
    else this.#admitElsewhere(name, mail); // what slept could not be read: it is quarantined now
  }

  #wakeOrBegin(name: string, { due = false, onlyIfStored = false } = {}): Activation | undefined {
    const sleeping = this.residents.passive.get(name);
    if (sleeping === undefined) return this.begin({ name, why: this.shard.freshReason, due, onlyIfStored });
    this.residents.wake(name);
    try {
      const content = unpack(this.shard.hosted, sleeping, this.shard.runtime.codec);
      return this.begin({ name, why: "woken", content });
    } catch (error) {
      this.quarantine({ ...bare(name, "passive"), snapshot: sleeping }, error);
      return undefined;
    }
  }

  /** Puts an activation in its place; it begins as soon as handlers may start. */
  begin(beginning: Beginning): Activation {
    const activation = new Activation(this.shard, this, beginning);
    this.residents.add(activation);
    return activation;
  }

  /**
   * Begins an actor that is not here yet: something stored of it must go on. If it cannot be loaded, that is tried until it
   * can. @returns it, if it is here and in order
   */
  ensure(name: string): Activation | undefined {
    const { active, awaited, quarantined } = this.residents;
    if (awaited.has(name) || quarantined.has(name)) return undefined;
    const there = active.get(name);
    there?.expect();
    return there ?? this.#wakeOrBegin(name, { due: true });
  }

  // ---- those that are kept alive

  /** Whether an actor of that name would only begin with a message: it is not here, and nothing of it is on its way. */
  lacks(name: string): boolean {
    const { active, awaited, quarantined } = this.residents;
    if (awaited.has(name) || quarantined.has(name)) return false;
    return active.get(name)?.isDormant ?? true;
  }

  /**
   * Begins an actor that is lacking.
   *
   * @param onlyIfStored whether it is not to begin if nothing is stored of it
   * @returns it; `undefined` if what slept cannot be read
   */
  rouse(name: string, onlyIfStored: boolean): Activation | undefined {
    const there = this.residents.active.get(name);
    there?.rouse();
    return there ?? this.#wakeOrBegin(name, { due: true, onlyIfStored });
  }

  /** Whether that activation is of an actor that is kept alive. */
  keeps({ name, outputs }: Pick<Activation, "name" | "outputs">): boolean {
    const { keep } = this.shard.hosted;
    if (keep === undefined) return false;
    return keep === "all" ? (outputs.mark?.revision ?? 0) > 0 : keep.has(name);
  }

  isWanted(activation: Activation): boolean {
    return !this.maySleep(activation) || activation.annex.staysLoaded;
  }

  undelivered(activation: Activation, waiting: readonly Mail[], line: readonly Mail[]): void {
    const { name } = activation;
    const { hosted, runtime } = this.shard;
    const error = stoppedNow(activation);
    const messages = hosted.onUndelivered ? undeliveredOf(hosted, waiting) : [];
    for (const mail of line) mail.refuse(error);
    for (const mail of waiting)
      if (isDeactivation(mail)) mail.succeed(undefined);
      else this.#deadLetter(name, mail, error);
    if (messages.length === 0) return;
    const failed = (thrown: unknown) =>
      reportFailure(runtime.events, activation, "onUndelivered", toErrorData(thrown));
    const left = { name, error, failure: activation.failures?.last, messages };
    void inCleanContext(async () => await hosted.onUndelivered?.(left)).catch(failed);
  }

  dismiss(activation: Activation): void {
    this.residents.remove(activation);
    activation.end();
    this.shard.onRest(activation);
  }

  /** Its state cannot be read here: it answers that, and is never started fresh. */
  quarantine(actor: SealedActor, error: unknown): void {
    this.#tellQuarantine(actor);
    this.onAnnex(actor.name, Annex.EMPTY);
    const reason = wordsOf(error, "it cannot be read");
    const { kind } = this;
    this.residents.quarantined.set(actor.name, { ...actor, status: "quarantined", reason, backlog: [] });
    this.shard.runtime.events.emit({ type: "actor-quarantined", kind, name: actor.name, reason });
    const refusal = unreadable(this.kind, { ...actor, reason });
    for (const mail of actor.backlog) this.#deadLetter(actor.name, mail, refusal);
  }

  // ---- watches

  /**
   * What is said about a watch to an actor that is not awake is answered for it, unless something changes: none begins only to
   * say that it has not been there. Of a stored one it is not known who watches it; what it watches itself keeps it loaded.
   *
   * @returns whether that is all
   */
  #heeds(name: string, mail: Mail): boolean {
    const { shard, residents, carries, kind } = this;
    if (residents.awaited.has(name) || residents.quarantined.has(name)) return false;
    if (shard.stateStore && (shard.isRecovering || !isForWatcher(mail))) return false;
    const isThere = residents.passive.has(name);
    const wasLost = shard.freshReason === "recovered";
    const standing = { kind, name, epoch: shard.epoch, isThere, wasLost, isCarried: carries };
    let heard: Heard;
    try {
      heard = hear(this.#annexes.get(name) ?? Annex.EMPTY, readWatchWord(mail), standing);
    } catch (error) {
      mail.fail(toErrorData(error));
      return true;
    }
    if (heard.change) return false;
    const { watching } = shard.runtime;
    if (heard.confirmed) watching.confirmed({ kind, name }, heard.confirmed.id, heard.confirmed.epoch);
    if (heard.answer) watching.say(heard.answer.to, heard.answer.says);
    mail.succeed(undefined);
    return true;
  }

  #tellQuarantine({ name, snapshot }: SealedActor): void {
    const watchers = (this.#annexes.get(name) ?? legibleAnnex(snapshot)).get(WATCHERS);
    if (watchers === undefined) return;
    const { kind, shard } = this;
    const annex = Annex.EMPTY.with(WATCHERS, watchers); // what it watches itself it goes on to watch once it can be read again
    shard.runtime.watching.ended({ kind, name, epoch: shard.epoch }, annex, "quarantined");
  }

  // ---- what actors have beside their states

  onAnnex(name: string, annex: Annex, isGone = false): void {
    const known = this.#annexes.get(name) ?? Annex.EMPTY;
    if (known === annex) return;
    this.members.changed(name, known, annex);
    if (annex.isEmpty) this.#annexes.delete(name);
    else this.#annexes.set(name, annex);
    const { kind, shard } = this;
    shard.runtime.annexes.onAnnex({ kind, shard: shard.shard, name, epoch: shard.epoch }, annex, isGone);
  }

  /** What that actor has beside its state, as observers know it. */
  annexOf(name: string): Annex {
    return this.#annexes.get(name) ?? Annex.EMPTY;
  }

  /** These actors go on in another catalog of this node: who has to know it knows it. */
  giveAnnexes(heir: Catalog, names: Iterable<string>): void {
    for (const name of names) {
      const annex = this.#annexes.get(name);
      if (annex === undefined) continue;
      heir.#annexes.set(name, annex);
      heir.members.changed(name, Annex.EMPTY, annex);
      this.members.changed(name, annex, Annex.EMPTY);
      this.#annexes.delete(name);
    }
  }

  /** None of them is here any more. */
  forgetAnnexes(): void {
    for (const name of [...this.#annexes.keys()]) this.onAnnex(name, Annex.EMPTY, true);
  }

  /** What was said to all members of a group found no room with that one. */
  lost(name: string, message: string, error: ErrorData): void {
    reportDeadLetter(this.shard.runtime.events, { kind: this.kind, name }, message, error);
  }

  // ---- what activations report

  judge(activation: Activation, verdict: Verdict): void {
    switch (verdict.type) {
      case "unreadable":
        this.#unreadable(activation, verdict.error, verdict.snapshot);
        break;
      case "refused":
        this.#refused(activation);
        break;
      case "denied":
        this.#denied(activation, verdict.kept);
        break;
      case "not-loaded":
        this.#notLoaded(activation, verdict.error, verdict.again);
        break;
      case "start-failed":
        this.#startFailed(activation, verdict.error);
        break;
    }
    this.shard.onRest(activation);
  }

  onRetired(
    activation: Activation,
    snapshot: Snapshot | undefined,
    timers: readonly TimerData[] | undefined,
  ): void {
    const { name } = activation;
    const { mark } = activation.outputs;
    const isAlways = this.shard.hosted.contract.restart?.policy === "always";
    const [waiting, line] = this.#remove(activation);
    if (activation.isErased) {
      this.onAnnex(name, Annex.EMPTY);
      if (mark) this.shard.stateStore?.bury(name, mark);
      this.shard.runtime.events.emit({ type: "actor-destroyed", kind: this.kind, name });
    } else if (timers || isAlways)
      this.#beginWith(snapshot, {
        ...{ name, why: "restarted", timers: timers ?? [], stored: snapshot?.stored },
      });
    else {
      if (snapshot && !this.shard.stateStore) this.residents.sleep(name, snapshot);
      this.shard.runtime.events.emit({ type: "actor-passivated", kind: this.kind, name });
    }
    this.#readmit(name, waiting, line);
    this.shard.onRest(activation);
  }

  /** Begins an actor with what a snapshot of it holds. The schema by which that is read is the user's: it may throw. */
  #beginWith(snapshot: Snapshot | undefined, beginning: Beginning): void {
    let content: Content | undefined;
    try {
      content = snapshot && unpack(this.shard.hosted, snapshot, this.shard.runtime.codec);
    } catch (error) {
      const { name, timers = [] } = beginning;
      return this.quarantine({ ...bare(name, "quarantined"), snapshot, timers }, error);
    }
    this.begin({ ...beginning, content });
  }

  /** What was admitted once is not refused: its sender knows that it is here. What stood behind it does so again. */
  #readmit(name: string, waiting: readonly Mail[], line: readonly Mail[]): void {
    const again = (mail: Mail, put: (mailbox: Mailbox<Mail>) => void) => {
      if (this.residents.quarantined.has(name)) return this.admit(name, mail); // never fresh beside a state
      const activation = this.residents.active.get(name) ?? this.#wakeOrBegin(name);
      if (activation === undefined) return this.admit(name, mail);
      put(activation.mailbox);
    };
    for (const mail of waiting) again(mail, (mailbox) => mailbox.push(mail));
    for (const mail of line) again(mail, (mailbox) => mailbox.standBehind(mail));
    this.residents.active.get(name)?.wake(); // with all of it
  }

  #unreadable(activation: Activation, error: unknown, raw: Snapshot | undefined): void {
    const timers = activation.timers.pause();
    const snapshot = raw ?? activation.rawSnapshot();
    const [backlog, line] = this.#remove(activation);
    activation.end();
    this.quarantine({ ...bare(activation.name, "quarantined"), snapshot, timers, backlog }, error);
    for (const mail of line) this.admit(activation.name, mail);
  }

  #refused(activation: Activation): void {
    const { name, timers, outputs } = activation;
    const timed = timers.size > 0 || outputs.mark?.timers;
    const [waiting, line] = this.#remove(activation);
    activation.end("failed");
    this.shard.runtime.events.emit({ type: "commit-refused", kind: this.kind, name });
    if (timed) this.ensure(name); // what is stored may have timers that must go on
    this.#readmit(name, waiting, line);
  }

  #denied(activation: Activation, kept: Kept): void {
    const { name } = activation;
    const [waiting, line] = this.#remove(activation);
    activation.end("failed");
    const isOnlyHere = kept.state !== undefined && kept.mark === undefined;
    if (kept.timers.length > 0 || isOnlyHere || kept.mark?.timers) this.#restFrom(activation, kept);
    this.#readmit(name, waiting, line);
  }

  /** Its timers, and a state that was never stored, must go on, and a move take them along; not at once, for the store would say no at once again. */
  #restFrom({ name, why }: Activation, { mark, state, timers }: Kept): void {
    const now = this.shard.runtime.clock.now();
    const beginning: Beginning = {
      name,
      why: state ? "woken" : why,
      timers: timers.map(({ dueAt, ...timer }) => notAtOnce({ ...timer, remainingMs: dueAt - now })),
      dormant: true,
      stored: mark,
      due: mark === undefined,
    };
    this.#beginWith(state && mark ? { ...state, stored: mark } : state, beginning);
  }

  /** A definite no, or what a store should not throw: its mail hears of it, and what must begin goes on trying. */
  #notLoaded(activation: Activation, error: ErrorData, again: boolean): void {
    const { name, mailbox } = activation;
    this.shard.runtime.events.emit({ type: "load-failed", kind: this.kind, name, error, again });
    const [waiting, line] = again ? [mailbox.clear(), mailbox.clearLine()] : this.#remove(activation);
    if (!again) activation.end();
    for (const mail of waiting) {
      if (again && mail instanceof TimerMail)
        mailbox.push(mail); // nobody would send it once more
      else this.#giveUp(name, mail, error);
    }
    for (const mail of line) mail.refuse(error);
  }

  #startFailed(activation: Activation, error: ErrorData): void {
    const { name } = activation;
    const beginsAnew = activation.failures?.addStart(error) ?? false;
    let kept: Snapshot | undefined;
    try {
      if (activation.mustKeep) kept = activation.snapshot(); // not a state that was only begun with
    } catch (unfit) {
      return this.#unreadable(activation, unfit, undefined);
    }
    const timers = activation.timers.pause().map(notAtOnce);
    const [waiting, line] = this.#remove(activation);
    activation.end();
    if (beginsAnew) {
      this.#beginWith(kept, { name, why: "restarted", timers, stored: kept?.stored });
      return this.#readmit(name, waiting, line);
    }
    if (timers.length > 0 || activation.annex.staysLoaded) this.#rest(activation, kept, timers);
    else if (kept && !this.shard.stateStore) this.residents.sleep(name, kept);
    for (const mail of waiting) this.#deadLetter(name, mail, error);
    for (const mail of line) mail.refuse(error);
  }

  /** It could not begin and has timers: the next message or timer lets it try again. */
  #rest({ name, why, outputs }: Activation, kept: Snapshot | undefined, timers: readonly TimerData[]): void {
    this.#beginWith(kept, { name, why: kept ? "woken" : why, timers, dormant: true, stored: outputs.mark });
  }

  /** @returns what was in the mailbox, and what stood behind it */
  #remove(activation: Activation): [Mail[], Mail[]] {
    this.residents.remove(activation);
    const { mailbox } = activation;
    return [mailbox.clear().filter((mail) => !(mail instanceof TimerMail)), mailbox.clearLine()];
  }

  // ---- idle sleep

  /** Passivates what had no message for the contract's `idleMs`, as far as the budget for sleeping states goes. */
  sweep(now: number): void {
    const { idleMs } = this.shard.hosted.contract;
    for (const activation of this.residents.active.values()) {
      const sleepy = activation.idle && activation.mailbox.size === 0;
      if (!sleepy || now - activation.lastActiveAt < idleMs) continue;
      if (this.maySleep(activation)) activation.on({ type: "retire", why: "idle", again: false });
    }
  }

  maySleep(activation: Activation): boolean {
    if (activation.timers.size > 0 || this.keeps(activation)) return false;
    if (this.shard.hosted.contract.restart?.policy === "always") return false;
    if (this.shard.stateStore && activation.annex.staysLoaded) return false;
    return this.shard.stateStore !== undefined || !activation.mustKeep || this.shard.budget.maySleep();
  }

  /** Lets handlers start again after a pause or a reclaim. */
  wake(): void {
    for (const activation of this.residents.active.values()) activation.wake();
  }

  // ---- the end

  /**
   * Ends everything without a successor: the node was fenced or stops. Waiting messages get `error`.
   *
   * @param wasSealed they were given away as well, and nobody here knows whether they were taken
   */
  drop(error: ErrorData, wasSealed: boolean): void {
    const giveUp = (name: string, mail: Mail) => this.#giveUp(name, mail, error, wasSealed);
    const { active, awaited } = this.residents;
    for (const { mailbox } of [...active.values(), ...awaited.values()]) // all lines before the first mailbox makes room
      for (const mail of mailbox.clearLine()) mail.refuse(error);
    for (const activation of active.values()) {
      const waiting = activation.mailbox.clear();
      activation.end("failed");
      for (const mail of waiting) giveUp(activation.name, mail);
    }
    for (const [name, { mailbox }] of awaited) for (const mail of mailbox.clear()) giveUp(name, mail);
    this.residents.clear();
    this.forgetAnnexes();
  }

  /** What is nowhere else was certainly not handled: who asked may know that at once. */
  #giveUp(name: string, mail: Mail, error: ErrorData, isElsewhere = false): void {
    if (isElsewhere) mail.fail(toErrorData(outcomeLost(`${this.kind}/${name}`)));
    else if (mail.type === "ask") mail.refuse(error);
    this.#deadLetter(name, mail, error);
  }

  #deadLetter(name: string, mail: Mail, error: ErrorData): void {
    mail.fail(error);
    if (mail instanceof TimerMail || isWatchWord(mail)) return; // nobody has sent it
    reportDeadLetter(this.shard.runtime.events, { kind: this.kind, name }, mail.message, error);
  }
}

/** Milliseconds before a timer tries again: to begin an actor whose `onActivate` threw, or what the store did not take. */
const RETRY_MS = 1_000;

function stoppedNow({ address, failures }: Activation): ErrorData {
  const standing = failures?.standing;
  return actorStopped(address, standing?.as === "stopped" ? standing.leftMs : 0);
}

/** What a state that cannot be read may have beside it. */
function legibleAnnex(snapshot: Snapshot | undefined): Annex {
  try {
    return snapshot ? readAnnex(snapshot) : Annex.EMPTY;
  } catch {
    return Annex.EMPTY;
  }
}

/** What is due must not come at once to an actor that has just failed. */
function notAtOnce(timer: TimerData): TimerData {
  return timer.remainingMs > 0 ? timer : { ...timer, remainingMs: RETRY_MS };
}
