/**
 * What a link knows of one message that has a number. Pure: no clock and no I/O.
 *
 * ```
 *   sent ──acknowledged──► taken          an ask: its answer is still to come; a tell has ended
 *    │ waits
 *    ▼
 *   announced ──acknowledged──► waiting   a tell that its owner has, and for which there is no room yet
 *
 *   each of these ──left──► void ──acknowledged──► gone      its call goes on under another number
 * ```
 *
 * What is void, or whose call has ended, travels as `skip`: it leaves no gap, and is never handled.
 *
 * @module
 */
import type { CallPlace, PendingCall } from "../calls/pending_call.ts";
import type { LocalMail } from "../calls/local_mail.ts";
import type { Peer } from "../wire/peer.ts";
import { Copies } from "./copies.ts";

/** How far it is known to have come. */
export type Standing = "sent" | "announced" | "taken" | "waiting" | "void" | "gone";

/** What may be heard of it. */
export type StandingEvent = "acknowledged" | "waits" | "left";

/** One line for each legal move. A pair that is not here is late or doubled, and changes nothing. */
const MOVES: Readonly<Record<Standing, Partial<Readonly<Record<StandingEvent, Standing>>>>> = {
  sent: { acknowledged: "taken", waits: "announced", left: "void" },
  announced: { acknowledged: "waiting", left: "void" },
  taken: { left: "void" },
  waiting: { left: "void" },
  void: { acknowledged: "gone" },
  gone: {},
};

/** The standing after an event. */
export function step(standing: Standing, event: StandingEvent): Standing {
  return MOVES[standing][event] ?? standing;
}

/** See the module's text. */
export class WindowEntry implements CallPlace {
  readonly call: PendingCall;
  readonly seq: number;
  /** Bytes that it takes in the window, about. */
  weight: number;
  #standing: Standing = "sent";
  /** The lowest epoch under which a copy was sent that may have been admitted. */
  #oldestEpoch: number = Infinity;
  /** Made when a copy is sent: to an actor here none is. */
  #copies: Copies | undefined;
  /** Made when it is admitted here, after its owner was another node. */
  #mail: LocalMail | undefined;
  /** Its call has ended while a copy might still arrive: its sender is not done with it. */
  #isOwed = false;

  constructor(call: PendingCall, seq: number) {
    this.call = call;
    this.seq = seq;
    this.weight = call.weight;
  }

  get standing(): Standing {
    return this.#standing;
  }

  get oldestEpoch(): number {
    return this.#oldestEpoch;
  }

  /** Whether its number is done with: nothing to repeat. */
  get isAcknowledged(): boolean {
    return this.#standing !== "sent" && this.#standing !== "announced" && this.#standing !== "void";
  }

  get isTaken(): boolean {
    return this.#standing === "taken" || this.#standing === "waiting";
  }

  get waitsForRoom(): boolean {
    return this.#standing === "waiting" || this.#mail?.waitsForRoom === true;
  }

  /** Whether its number is not for any call any more. */
  get isVoid(): boolean {
    return this.#standing === "void" || this.#standing === "gone";
  }

  /** Whether a copy of it stands for nothing that is to be handled. */
  get isSkip(): boolean {
    return this.call.ended || (this.#standing !== "sent" && this.#standing !== "announced");
  }

  get maybeAdmitted(): boolean {
    if (this.#mail?.waitsForRoom) return false;
    return this.#mayBeThere;
  }

  get #mayBeThere(): boolean {
    return this.isTaken || this.#copies?.mayBeThere === true;
  }

  /** Copies that were sent. */
  get copies(): number {
    return this.#copies?.count ?? 0;
  }

  /** When the latest copy was sent. */
  get sentAt(): number {
    return this.#copies?.sentAt ?? 0;
  }

  /** A copy goes out. @param epoch of the owner as the sender knows it */
  sentTo(peer: Peer, epoch: number, now: number): void {
    this.#copies ??= new Copies();
    this.#copies.add(peer, epoch);
    this.#copies.sentAt = now;
    if (epoch < this.#oldestEpoch) this.#oldestEpoch = epoch;
  }

  /** The actor is here now. */
  admittedHere(mail: LocalMail): void {
    this.#mail = mail;
    if (mail.oldestEpoch < this.#oldestEpoch) this.#oldestEpoch = mail.oldestEpoch;
  }

  acknowledge(): boolean {
    const before = this.#standing;
    this.#standing = step(before, "acknowledged");
    if (this.#isOwed) this.recheck();
    return this.#standing !== before;
  }

  /** With the acknowledgement that follows it is not admitted yet. An ask never waits. */
  announce(): void {
    if (this.call.type === "tell") this.#standing = step(this.#standing, "waits");
  }

  /** This copy was answered by "not here", by whom it was sent to. */
  refute(peer: Peer, copy: number): void {
    if (!this.#copies?.refute(peer, copy)) return;
    if (!this.#mayBeThere) this.#oldestEpoch = Infinity;
    this.recheck();
  }

  /** The shard has gone on: copies that were sent under an epoch below this one are not admitted any more. */
  closedBelow(epoch: number): void {
    this.#copies?.closeBelow(epoch);
    this.recheck();
  }

  callEnded(): void {
    this.#mail?.leaveLine();
    this.#isOwed = true;
    this.recheck();
  }

  leave(): void {
    this.#standing = step(this.#standing, "left");
    this.#mail?.leave();
    this.#copies = undefined;
  }

  /** Something was learned about a copy, or a peer's life has ended. */
  recheck(): void {
    if (!this.#isOwed || this.#mayStillArrive) return;
    this.#isOwed = false;
    this.call.settled();
  }

  /**
   * Whether a copy may be admitted that has not been: whatever its sender says next by another way could overtake it.
   * An acknowledgement, "not here", a later epoch, or the end of the receiver's life rule that out; a deadline does not.
   */
  get #mayStillArrive(): boolean {
    return !this.isAcknowledged && this.#copies?.mayStillArrive === true;
  }
}
