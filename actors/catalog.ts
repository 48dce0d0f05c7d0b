/**
 * The actors of one shard on the node that serves it: running, sleeping, expected from elsewhere, or quarantined.
 *
 * Admission never waits. Whatever the condition of the actor, a message is taken or refused at once, so no actor
 * holds up another one's messages. Nothing is started fresh while a state is known or expected somewhere.
 *
 * @module
 */
import {
  BusyError,
  CallCycleError,
  type ErrorData,
  FencedError,
  InvalidStateError,
  toErrorData,
  UnavailableError,
} from "../errors.ts";
import { Activation, type ActivationHost, type ActorRuntime } from "./activation.ts";
import type { Budget } from "./budget.ts";
import type { Hosted } from "./host.ts";
import type { ActivationReason } from "./lifecycle.ts";
import type { Mail } from "./mail.ts";
import { Mailbox } from "./mailbox.ts";
import { bare, type Place, type SealedActor } from "./sealed.ts";
import { type Snapshot, unpackState } from "./snapshot.ts";
import { type TimerData, TimerMail } from "./timers.ts";

/** What a catalog needs of the shard around it. */
export interface CatalogHost {
  readonly hosted: Hosted;
  readonly runtime: ActorRuntime;
  readonly budget: Budget;
  readonly epoch: number;
  /** Whether handlers may start: the gate is open and the shard is not being drained. */
  readonly running: boolean;
  /** Something came to rest: a drain may go on, a late actor may be ready. */
  onRest(activation: Activation): void;
  /** How an actor begins that has no state: "recovered" once the shard was claimed after a crash. */
  readonly freshReason: ActivationReason;
}

/** An actor whose state is still at another place; its messages wait here. */
interface Awaited {
  readonly at: Place;
  readonly mailbox: Mailbox<Mail>;
  readonly timers: readonly TimerData[];
}

/** A decoded actor, ready to begin: what a target stages before it commits. */
export interface StagedActor {
  readonly sealed: SealedActor;
  readonly state: unknown;
}

/** See the module's text. */
export class Catalog implements ActivationHost {
  readonly #host: CatalogHost;
  readonly #active = new Map<string, Activation>();
  readonly #passive = new Map<string, Snapshot>();
  readonly #awaited = new Map<string, Awaited>();
  readonly #quarantined = new Map<string, SealedActor>();

  constructor(host: CatalogHost) {
    this.#host = host;
  }

  get hosted(): Hosted {
    return this.#host.hosted;
  }
  get runtime(): ActorRuntime {
    return this.#host.runtime;
  }
  get epoch(): number {
    return this.#host.epoch;
  }
  get running(): boolean {
    return this.#host.running;
  }

  get activations(): Iterable<Activation> {
    return this.#active.values();
  }

  get awaited(): ReadonlyMap<string, { readonly at: Place; readonly mailbox: { readonly size: number } }> {
    return this.#awaited;
  }

  get quarantined(): ReadonlyMap<string, SealedActor> {
    return this.#quarantined;
  }

  get passive(): Iterable<string> {
    return this.#passive.keys();
  }

  /** Actors of any condition. */
  get size(): number {
    return this.#active.size + this.#passive.size + this.#awaited.size + this.#quarantined.size;
  }

  // ---- admission

  /** Takes a message for an actor, or ends it with the refusal that is true. */
  admit(name: string, mail: Mail): void {
    const active = this.#active.get(name);
    if (active === undefined) return this.#admitElsewhere(name, mail);
    if (mail.chain.length > 0 && mail.chain.includes(active.address))
      return mail.refuse(this.#cycle(active.address, mail));
    if (!active.offer(mail)) mail.refuse(this.#full(name, active.mailbox.size));
  }

  #admitElsewhere(name: string, mail: Mail): void {
    const quarantined = this.#quarantined.get(name);
    if (quarantined) return mail.refuse(this.#unreadable(quarantined));
    const awaited = this.#awaited.get(name);
    if (awaited) {
      const address = `${this.hosted.contract.kind}/${name}`;
      if (mail.chain.includes(address)) return mail.refuse(this.#cycle(address, mail));
      if (!awaited.mailbox.offer(mail)) mail.refuse(this.#full(name, awaited.mailbox.size));
      return;
    }
    if (!this.#host.budget.mayActivate()) return mail.refuse(this.#noRoom());
    const started = this.#wakeOrBegin(name);
    if (started) started.offer(mail);
    else this.#admitElsewhere(name, mail); // what slept could not be read: it is quarantined now
  }

  #wakeOrBegin(name: string): Activation | undefined {
    const sleeping = this.#passive.get(name);
    if (sleeping === undefined) return this.#begin(name, this.#host.freshReason, undefined, []);
    this.#forgetPassive(name, sleeping);
    try {
      const state = unpackState(this.hosted, sleeping, this.runtime.codec);
      return this.#begin(name, "woken", state, []);
    } catch (error) {
      this.#quarantine({ ...bare(name, "passive"), snapshot: sleeping }, error);
      return undefined;
    }
  }

  #begin(name: string, why: ActivationReason, state: unknown, timers: readonly TimerData[]): Activation {
    this.#host.budget.activated();
    const activation = new Activation(this, { name, why, state, timers });
    this.#active.set(name, activation);
    return activation;
  }

  #quarantine(actor: SealedActor, error: unknown): void {
    const reason = error instanceof Error ? error.message : "it cannot be read";
    const { kind } = this.hosted.contract;
    this.#quarantined.set(actor.name, { ...actor, status: "quarantined", reason, backlog: [] });
    this.runtime.events.emit({ type: "actor-quarantined", kind, name: actor.name, reason });
    const refusal = this.#unreadable({ ...actor, reason });
    for (const mail of actor.backlog) this.#deadLetter(actor.name, mail, refusal);
  }

  // ---- what activations report

  onRest(activation: Activation): void {
    this.#host.onRest(activation);
  }

  onRetired(
    activation: Activation,
    snapshot: Snapshot | undefined,
    timers: readonly TimerData[] | undefined,
  ): void {
    const { name } = activation;
    const waiting = this.#remove(activation);
    if (timers) {
      const state = snapshot && unpackState(this.hosted, snapshot, this.runtime.codec);
      this.#begin(name, "restarted", state, timers);
    } else {
      if (snapshot) this.#keepPassive(name, snapshot);
      this.runtime.events.emit({ type: "actor-passivated", kind: this.hosted.contract.kind, name });
    }
    for (const mail of waiting) this.admit(name, mail);
  }

  onFailedStart(activation: Activation, error: ErrorData): void {
    const { name } = activation;
    const snapshot = activation.snapshot();
    const keep = snapshot !== undefined && activation.why !== "first";
    const waiting = this.#remove(activation);
    activation.end();
    if (keep) this.#keepPassive(name, snapshot);
    for (const mail of waiting) this.#deadLetter(name, mail, error);
  }

  #remove(activation: Activation): Mail[] {
    if (this.#active.get(activation.name) === activation) {
      this.#active.delete(activation.name);
      this.#host.budget.ended();
    }
    return activation.mailbox.clear().filter((mail) => !(mail instanceof TimerMail));
  }

  #keepPassive(name: string, snapshot: Snapshot): void {
    this.#passive.set(name, snapshot);
    this.#host.budget.slept(snapshot.bytes.byteLength);
  }

  #forgetPassive(name: string, snapshot: Snapshot): void {
    this.#passive.delete(name);
    this.#host.budget.woke(snapshot.bytes.byteLength);
  }

  // ---- idle sleep

  /** Passivates what had no message for the contract's `idleMs`, as far as the budget for sleeping states goes. */
  sweep(now: number): void {
    const { idleMs } = this.hosted.contract;
    for (const activation of this.#active.values()) {
      const sleepy = activation.idle && activation.mailbox.size === 0 && activation.timers.size === 0;
      if (sleepy && now - activation.lastActiveAt >= idleMs && this.#host.budget.maySleep())
        activation.retire("idle", false);
    }
  }

  /** Lets handlers start again after a pause or a reclaim. */
  wake(): void {
    for (const activation of this.#active.values()) activation.wake();
  }

  // ---- seal and its ways on

  /**
   * Fixes every actor in one synchronous step. What is idle is sealed; what is not becomes late. Everything stays
   * here as well until `release` or `unseal`.
   *
   * @param here where late actors are to be found
   * @param bytesMax above it an idle actor's state is delivered by itself, as if it were late
   */
  seal(here: Place, bytesMax: number): SealedActor[] {
    const sealed: SealedActor[] = [];
    for (const activation of this.#active.values()) sealed.push(this.#sealOne(activation, here, bytesMax));
    for (const [name, snapshot] of this.#passive) sealed.push({ ...bare(name, "passive"), snapshot });
    for (const [name, { at, mailbox, timers }] of this.#awaited) {
      sealed.push({ ...bare(name, "late"), at, timers, backlog: mailbox.rest() });
    }
    sealed.push(...this.#quarantined.values());
    return sealed;
  }

  #sealOne(activation: Activation, here: Place, bytesMax: number): SealedActor {
    const { name } = activation;
    const timers = activation.timers.pause();
    const backlog = activation.mailbox.rest().filter((mail) => !(mail instanceof TimerMail));
    const base = { ...bare(name, "active"), timers, backlog };
    if (!activation.idle) return this.#late(activation, base, here);
    try {
      const carried = this.hosted.contract.onMove === "carry";
      const snapshot = carried ? activation.snapshot() : undefined;
      if (snapshot && snapshot.bytes.byteLength > bytesMax) return this.#late(activation, base, here);
      activation.seal();
      return carried ? { ...base, snapshot } : { ...base, timers: [] };
    } catch (error) {
      activation.seal();
      return {
        ...base,
        status: "quarantined",
        reason: error instanceof Error ? error.message : "it cannot be sealed",
      };
    }
  }

  #late(activation: Activation, base: SealedActor, here: Place): SealedActor {
    activation.becomeLate();
    this.runtime.events.emit({ type: "actor-late", kind: this.hosted.contract.kind, name: activation.name });
    return { ...base, status: "late", at: here };
  }

  /** A reclaim won: every activation goes on where it was. */
  unseal(): void {
    for (const activation of this.#active.values()) activation.resume();
  }

  /**
   * The next owner has it all: ends what was sealed. Late activations go on, without their mail.
   * @returns those
   */
  release(): Activation[] {
    const late: Activation[] = [];
    for (const activation of this.#active.values()) {
      activation.mailbox.clear();
      if (activation.status === "late") late.push(activation);
      else activation.end("handoff");
    }
    this.#empty();
    return late;
  }

  /** Ends the asks that wait, before a `release` to a place where nobody answers. */
  refuseAsks(error: ErrorData): void {
    const waiting = [...this.#active.values(), ...this.#awaited.values()].flatMap(({ mailbox }) =>
      mailbox.rest(),
    );
    for (const mail of waiting) if (mail.type === "ask") mail.refuse(error);
  }

  /** Ends everything without a successor: the node was fenced or stops. Waiting messages get `error`. */
  drop(error: ErrorData): void {
    for (const activation of this.#active.values()) {
      const waiting = activation.mailbox.clear();
      activation.end("failed");
      for (const mail of waiting) this.#deadLetter(activation.name, mail, error);
    }
    for (const [name, { mailbox }] of this.#awaited) {
      for (const mail of mailbox.clear()) this.#deadLetter(name, mail, error);
    }
    this.#empty();
  }

  #deadLetter(name: string, mail: Mail, error: ErrorData): void {
    mail.fail(error);
    if (mail instanceof TimerMail) return;
    const { kind } = this.hosted.contract;
    this.runtime.events.emit({
      type: "dead-letter",
      kind,
      name,
      message: mail.message,
      reason: error.message,
    });
  }

  #empty(): void {
    for (const _ of this.#active) this.#host.budget.ended();
    for (const snapshot of this.#passive.values()) this.#host.budget.woke(snapshot.bytes.byteLength);
    this.#active.clear();
    this.#passive.clear();
    this.#awaited.clear();
    this.#quarantined.clear();
  }

  // ---- restore

  /** Decodes, upgrades and checks one actor; starts nothing. What cannot be read becomes quarantined. */
  stage(sealed: SealedActor): StagedActor {
    if (sealed.status !== "active" || sealed.snapshot === undefined) return { sealed, state: undefined };
    try {
      return { sealed, state: unpackState(this.hosted, sealed.snapshot, this.runtime.codec) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : "it cannot be read";
      return { sealed: { ...sealed, status: "quarantined", reason }, state: undefined };
    }
  }

  /** Puts staged actors in their places; they begin as soon as handlers may start. */
  install(staged: Iterable<StagedActor>): void {
    for (const { sealed, state } of staged) this.#installOne(sealed, state);
  }

  #installOne(sealed: SealedActor, state: unknown): void {
    const { name, timers, backlog, snapshot } = sealed;
    if (sealed.status === "passive" && snapshot) this.#keepPassive(name, snapshot);
    else if (sealed.status === "quarantined")
      this.#quarantine(sealed, new InvalidStateError(sealed.reason ?? "it cannot be read"));
    else if (sealed.status === "late" && sealed.at) this.#await(name, sealed.at, timers, backlog);
    else {
      const activation = this.#begin(name, snapshot ? "handed-off" : this.#host.freshReason, state, timers);
      for (const mail of backlog) activation.mailbox.push(mail);
      activation.wake();
    }
  }

  #await(name: string, at: Place, timers: readonly TimerData[], backlog: readonly Mail[]): void {
    const mailbox = new Mailbox<Mail>(this.hosted.contract.mailboxMax);
    for (const mail of backlog) mailbox.push(mail);
    this.#awaited.set(name, { at, mailbox, timers });
  }

  /** A late actor has arrived and is off the record's list: it begins, before the mail that waited for it. */
  arrive(staged: StagedActor): void {
    const { name } = staged.sealed;
    const awaited = this.#awaited.get(name);
    if (awaited === undefined) return;
    this.#awaited.delete(name);
    const timers = [...awaited.timers, ...staged.sealed.timers];
    this.#installOne(
      { ...staged.sealed, timers, backlog: [...staged.sealed.backlog, ...awaited.mailbox.clear()] },
      staged.state,
    );
  }

  /** A late actor will not come: its node was lost or gave up. It begins again without its state. */
  recover(name: string, reason: string): void {
    const awaited = this.#awaited.get(name);
    if (awaited === undefined) return;
    this.#awaited.delete(name);
    this.runtime.events.emit({ type: "actor-recovered", kind: this.hosted.contract.kind, name, reason });
    const activation = this.#begin(name, "recovered", undefined, awaited.timers);
    for (const mail of awaited.mailbox.clear()) activation.mailbox.push(mail);
    activation.wake();
  }

  /** The move came back to where the actor is late: it goes on here, with the mail that travelled. */
  rejoin(activation: Activation): void {
    const awaited = this.#awaited.get(activation.name);
    if (awaited === undefined) return;
    this.#awaited.delete(activation.name);
    this.#host.budget.activated();
    this.#active.set(activation.name, activation);
    for (const mail of awaited.mailbox.clear()) activation.mailbox.push(mail);
    activation.resume();
  }

  // ---- refusals

  #cycle(address: string, mail: Mail): ErrorData {
    const path = [...mail.chain, address].join(" → ");
    return toErrorData(
      new CallCycleError(`Cannot call an actor that waits for this call: current chain is ${path}`),
    );
  }

  #full(name: string, size: number): ErrorData {
    const words = `Cannot take another message for "${name}": current mailbox holds ${size}`;
    return toErrorData(new BusyError(words, { retryAfterMs: 100 }));
  }

  #noRoom(): ErrorData {
    const words = "Cannot activate another actor: current number of activations is the node's limit";
    return toErrorData(new BusyError(words, { retryAfterMs: 1_000 }));
  }

  #unreadable(actor: SealedActor): ErrorData {
    const { kind } = this.hosted.contract;
    return toErrorData(
      new InvalidStateError(
        `Cannot use "${actor.name}" of kind "${kind}": current state is quarantined, ${actor.reason}`,
      ),
    );
  }
}

/** The refusal of what waits when a node gives its actors up. */
export function givenUp(fenced: boolean): ErrorData {
  if (fenced)
    return toErrorData(new FencedError("Cannot handle the message: current node was declared dead"));
  return toErrorData(new UnavailableError("Cannot handle the message: current node is stopping"));
}
