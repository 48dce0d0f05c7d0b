/**
 * How the actors of a shard leave a node, and how they come to one: sealed, released or taken back on one side; staged,
 * installed, awaited and recovered on the other.
 *
 * @module
 */
import { type ErrorData, InvalidStateError, wordsOf } from "../../errors.ts";
import type { Activation } from "../activation/activation.ts";
import type { ActivationReason, DeactivationReason } from "../lifecycle.ts";
import { Annex } from "../annex/annex.ts";
import { MEMBERSHIPS } from "../annex/memberships.ts";
import type { Catalog } from "./catalog.ts";
import type { Mail } from "../activation/mail.ts";
import { Mailbox } from "../activation/mailbox.ts";
import type { ActorTable } from "./actor_table.ts";
import { bare, type Place, type SealedActor } from "./sealed.ts";
import { heldBy, sealActor } from "./sealing.ts";
import { type Content, pack, readAnnex, type Snapshot, unpack } from "../state/snapshot.ts";
import type { TimerData } from "../state/timers.ts";

/** How a shard is sealed. */
export interface SealOptions {
  /** Above it an idle actor's state is delivered by itself, as if it were late. Default: no state is. */
  readonly bytesMax?: number;
  /** It goes on in this process, where nothing that is known of its actors has to travel. Default: it does not. */
  readonly stays?: boolean;
}

/** A decoded actor, ready to begin: what a target stages before it commits. */
export interface StagedActor {
  readonly sealed: SealedActor;
  /** `undefined` if it is not read yet, or there is nothing to read. */
  readonly content: Content | undefined;
}

/** See the module's text. */
export class Relocation {
  readonly #catalog: Catalog;
  readonly #residents: ActorTable;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
    this.#residents = catalog.residents;
  }

  // ---- seal and its ways on

  /**
   * Fixes every actor in one synchronous step. What is idle is sealed; what is not becomes late. Everything stays
   * here as well until `release` or `unseal`.
   *
   * @param here where late actors are to be found
   */
  seal(here: Place, options: SealOptions = {}): SealedActor[] {
    const sealed: SealedActor[] = [];
    for (const activation of this.#residents.active.values())
      sealed.push(this.#sealOne(activation, here, options));
    if (this.#catalog.carries) {
      for (const [name, snapshot] of this.#residents.passive)
        sealed.push({ ...bare(name, "passive"), snapshot });
    }
    for (const [name, { at, mailbox, timers }] of this.#residents.awaited) {
      const snapshot = this.#memberships(name);
      sealed.push({ ...bare(name, "late"), snapshot, at, timers, backlog: mailbox.rest() });
    }
    for (const actor of this.#residents.quarantined.values())
      sealed.push(this.#isStored(actor) ? bare(actor.name, "active") : actor); // the next owner looks there
    return sealed;
  }

  /** What was never stored came from where the kind lived in memory: nobody else has it. */
  #isStored({ snapshot }: SealedActor): boolean {
    return (
      this.#catalog.shard.stateStore !== undefined &&
      (snapshot === undefined || snapshot.stored !== undefined)
    );
  }

  #sealOne(
    activation: Activation,
    here: Place,
    { bytesMax = Infinity, stays = false }: SealOptions,
  ): SealedActor {
    const held = heldBy(activation);
    const isCarried = this.#catalog.carries && (stays || !activation.mustReload);
    const sealed = activation.idle ? sealActor(activation, held, isCarried, bytesMax) : undefined;
    return sealed ?? this.#late(activation, held, here);
  }

  #late(activation: Activation, held: SealedActor, here: Place): SealedActor {
    activation.on({ type: "late" });
    this.#catalog.shard.runtime.events.emit({
      type: "actor-late",
      kind: this.#catalog.kind,
      name: activation.name,
    });
    const snapshot = this.#catalog.carries ? this.#memberships(activation.name) : undefined;
    return { ...held, snapshot, status: "late", at: here };
  }

  /** Of a late actor its memberships go ahead, as far as they are settled: what is said to a group waits for it at its next owner. */
  #memberships(name: string): Snapshot | undefined {
    const annex = Annex.EMPTY.with(MEMBERSHIPS, this.#catalog.annexOf(name).get(MEMBERSHIPS));
    return annex.isEmpty ? undefined : { stateVersion: 0, bytes: NOTHING, annex: annex.bytes };
  }

  /** A reclaim won: every activation goes on where it was. */
  unseal(): void {
    for (const activation of [...this.#residents.active.values()]) activation.resume(); // some may begin anew
  }

  /**
   * The next owner has it all: ends what was sealed. Late activations go on, without their mail.
   * @returns those
   */
  release(why: DeactivationReason = "handoff"): Activation[] {
    const late: Activation[] = [];
    for (const activation of this.#residents.active.values()) {
      activation.mailbox.clear();
      if (activation.status === "late") {
        activation.timers.unqueue();
        late.push(activation);
      } else activation.end(why);
    }
    this.#residents.clear();
    this.#catalog.forgetAnnexes();
    return late;
  }

  /** Ends the asks that wait, before a `release` to a place where nobody answers. */
  refuseAsks(error: ErrorData): void {
    const waiting = [...this.#residents.active.values(), ...this.#residents.awaited.values()].flatMap(
      ({ mailbox }) => mailbox.rest(),
    );
    for (const mail of waiting) if (mail.type === "ask") mail.refuse(error);
  }

  // ---- restore

  /**
   * Decodes, upgrades and checks one actor; starts nothing. One that slept in memory sleeps on, unless it is stored from
   * here on: that is not put off until somebody wakes it. What cannot be read becomes quarantined; what was, because
   * its former owner could not read it, gets another chance here.
   */
  stage(sealed: SealedActor): StagedActor {
    const { status, snapshot } = sealed;
    const sleepsOn = status === "passive" && this.#catalog.shard.stateStore === undefined;
    if (status === "late" || snapshot === undefined) return { sealed, content: undefined };
    try {
      if (sleepsOn) return { sealed, content: { state: undefined, annex: readAnnex(snapshot) } };
      const content = unpack(this.#catalog.shard.hosted, snapshot, this.#catalog.shard.runtime.codec);
      return { sealed: { ...sealed, status: "active", reason: undefined }, content };
    } catch (error) {
      const reason = wordsOf(error, "it cannot be read");
      return { sealed: { ...sealed, status: "quarantined", reason }, content: undefined };
    }
  }

  /**
   * Stages an actor of a shard that goes on here in other code. Also one that sleeps is read, and sleeps on as it is then: whether
   * that can be done is to be known before the code has the shard.
   */
  restage(sealed: SealedActor): StagedActor {
    const { status, snapshot } = sealed;
    const { hosted, runtime, stateStore } = this.#catalog.shard;
    if (status !== "passive" || snapshot === undefined || stateStore) return this.stage(sealed);
    const woken = this.stage({ ...sealed, status: "active" });
    if (woken.content === undefined) return woken;
    const { annex } = woken.content;
    const asleep = { ...sealed, snapshot: pack(hosted, woken.content, runtime.codec) };
    return { sealed: asleep, content: { state: undefined, annex } };
  }

  /** Puts staged actors in their places; they begin as soon as handlers may start. */
  install(staged: Iterable<StagedActor>, why: ActivationReason = "handed-off"): void {
    for (const each of staged) this.#installOne(each, why);
  }

  /** It is in its place before observers hear of its annex: what they say to it at once must find it there. */
  #installOne({ sealed, content }: StagedActor, how: ActivationReason = "handed-off"): void {
    const { name, timers, backlog, snapshot } = sealed;
    let activation: Activation | undefined;
    let annex = content?.annex;
    if (sealed.status === "passive" && snapshot) this.#residents.sleep(name, snapshot);
    else if (sealed.status === "quarantined")
      this.#catalog.quarantine(sealed, new InvalidStateError(sealed.reason ?? "it cannot be read"));
    else if (sealed.status === "late" && sealed.at) {
      if (snapshot) annex = readAnnex(snapshot);
      this.#await(name, sealed.at, timers, backlog);
    } else {
      const why = snapshot ? how : this.#catalog.shard.freshReason;
      // without a state of its own a stored actor is loaded, and its timers with it
      const set = this.#catalog.shard.stateStore && !snapshot ? [] : timers;
      const stored = snapshot?.stored;
      activation = this.#catalog.begin({ name, why, content, timers: set, stored, due: true });
      for (const mail of backlog) activation.mailbox.push(mail); // before anything that comes from outside
    }
    if (annex) this.#catalog.onAnnex(name, annex);
    activation?.wake();
  }

  #await(name: string, at: Place, timers: readonly TimerData[], backlog: readonly Mail[]): void {
    const mailbox = new Mailbox<Mail>(
      this.#catalog.shard.hosted.contract.mailboxMax,
      this.#catalog.shard.budget.mail,
    );
    for (const mail of backlog) mailbox.push(mail);
    this.#residents.awaited.set(name, { at, mailbox, timers });
  }

  /** A late actor has arrived and is off the record's list: it begins, before the mail that waited for it. */
  arrive(staged: StagedActor): void {
    const { name } = staged.sealed;
    const awaited = this.#residents.awaited.get(name);
    if (awaited === undefined) return;
    this.#residents.awaited.delete(name);
    // its own timers, not those that came ahead: the running handler may have stopped some
    awaited.mailbox.admitAll();
    const waited = awaited.mailbox.clear();
    const backlog = [...staged.sealed.backlog, ...waited];
    this.#installOne({ sealed: { ...staged.sealed, backlog }, content: staged.content });
    if (staged.content === undefined) this.#catalog.onAnnex(name, Annex.EMPTY);
  }

  /** A late actor will not come: its node was lost or gave up. It begins again without its state, or from what is stored. */
  recover(name: string, reason: string): void {
    const awaited = this.#residents.awaited.get(name);
    if (awaited === undefined) return;
    this.#residents.awaited.delete(name);
    const { kind } = this.#catalog;
    const { stateStore, runtime } = this.#catalog.shard;
    if (!stateStore) runtime.events.emit({ type: "actor-recovered", kind, name, reason });
    // its timers were as much of its memory as its state, or are stored with it
    const activation = this.#catalog.begin({ name, why: "recovered", fence: true, due: true });
    awaited.mailbox.admitAll();
    for (const mail of awaited.mailbox.clear()) activation.mailbox.push(mail);
    if (!stateStore) this.#catalog.onAnnex(name, Annex.EMPTY);
    activation.wake();
  }
}

const NOTHING: Uint8Array = new Uint8Array();
