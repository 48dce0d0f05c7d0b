/**
 * One message on its way from this node, from the caller's promise to its end.
 *
 * @module
 */
import { type ErrorData, fromErrorData, toErrorData, InvalidResultError, wordsOf } from "../../errors.ts";
import type { Caller } from "../../actors/activation/activation_host.ts";
import type { AskMessage, TellMessage } from "../../actors/contract.ts";
import type { Place } from "../../actors/activation/mailbox.ts";
import type { CallOptions } from "../../actors/ref.ts";
import { type RefusedTells, Told, type ToldOf } from "../../actors/tell_promise.ts";
import type { NodeId } from "../../cluster/records/schemas.ts";
import type { HeaderMap } from "../../codec/header_map.ts";
import { copyValue } from "../../codec/value.ts";
import { endAfterLoss, tooLarge } from "./call_errors.ts";
import type { PackableMail, PackedMail } from "../receiving/remote_mail.ts";
import type { Peer } from "../wire/peer.ts";
import { Copies } from "./copies.ts";
import type { Answer, LocalReplyGate } from "./local_reply_gate.ts";
import type { SendingQuotas } from "./sender_deps.ts";
import { admitBy, timeLeft } from "../deadline.ts";
import { excess, type Scale } from "../../codec/weight.ts";
import type { Clock } from "../../platform/clock.ts";

/** One message that somebody wants sent. */
export interface Request {
  readonly kind: string;
  readonly name: string;
  readonly type: "ask" | "tell";
  readonly message: string;
  /** By the contract; `undefined` when the caller does not know it. */
  readonly declared: AskMessage | TellMessage | undefined;
  readonly argument: unknown;
  readonly options: CallOptions | undefined;
  readonly caller: Caller | undefined;
  /** What accompanies it to its handler, wherever that runs. */
  readonly headers?: HeaderMap | undefined;
}

/** What every message of a node works with. */
export interface OutgoingDeps {
  readonly clock: Clock;
  readonly scale: Scale;
  readonly refusedTells: RefusedTells;
  readonly exit: LocalReplyGate;
  readonly rooms: SendingQuotas;
}

/** Who is told when a message has ended. */
export interface Ending {
  ended(outgoing: Outgoing): void;
}

/** See the module's text. To an actor on the same node it is the mail itself. */
export class Outgoing implements PackableMail, ToldOf, Answer {
  readonly kind: string;
  readonly type: "ask" | "tell";
  readonly name: string;
  readonly message: string;
  readonly idempotent: boolean;
  readonly chain: readonly string[];
  readonly headers: HeaderMap | undefined;
  readonly callDeadlineAt: number;
  readonly #caller: Caller | undefined;
  readonly #deps: OutgoingDeps;
  readonly #value: unknown;
  #bytes: Uint8Array | undefined;
  #resolve: ((value: unknown) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  /** A peer has said that it has the tell, and no room for it yet. */
  waitsThere = false;
  /** Where it stands behind the mailbox of an actor here. */
  #place: Place<Outgoing> | undefined;
  /** Its promise, if it is a tell that has not ended when that is asked for. */
  #told: Told | undefined;
  /** How it ended before its promise was asked for, or will end when the gate lets it. */
  #result: unknown;
  #error: unknown;
  /** Called once it has ended. */
  whenEnded: (() => void) | undefined;
  /** The link that keeps it, once it has a number there. */
  keeper: Ending | undefined;
  checkedBy: unknown;
  checked: unknown;
  /** Bytes of its argument, at most. */
  weight = 0;
  /** Whether it stands among the node's asks that have not ended. */
  counted = false;

  /** Its number on the link; 0 until it is first sent. */
  seq = 0;
  /** The owner has it: nothing to repeat. */
  acked = false;
  ended = false;
  /** Its actor here has answered; that goes out when the turn of the event loop ends. */
  #isAnswered = false;
  #copies: Copies | undefined;
  /** Its promise has ended while a copy might still arrive: its sender is not done with it. */
  #owed = false;
  /** Owners that were lost while they may have been handling it. */
  losses = 0;
  /** The lowest epoch under which a copy was sent that may have been admitted. */
  oldestEpoch: number = Infinity;

  /**
   * @param argument a copy that nobody else holds; a tell's was validated, for nobody answers it
   * @throws {FencedError} if the caller may not speak any more
   */
  constructor(request: Request, argument: unknown, deadlineAt: number, deps: OutgoingDeps) {
    const { kind, type, caller, declared } = request;
    this.kind = kind;
    this.type = type;
    this.name = request.name;
    this.message = request.message;
    this.idempotent = declared?.idempotent ?? false;
    this.callDeadlineAt = deadlineAt;
    this.#caller = caller;
    this.chain = type === "ask" && caller ? caller.chain : NO_CHAIN;
    this.headers = request.headers;
    this.#deps = deps;
    this.#value = argument;
    caller?.sent();
  }

  /** The promise of its end: to be asked for once, when it has been submitted. A tell that was taken at once needs no more than a plain one. */
  promise(): Promise<unknown> {
    const isTell = this.type === "tell";
    if (this.ended && this.#error === undefined) return Promise.resolve(this.#result);
    if (this.ended && isTell) return this.#deps.refusedTells.rejected(this, this.#error);
    if (this.ended) return Promise.reject(this.#error);
    const follow = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => {
      this.#resolve = resolve;
      this.#reject = reject;
    };
    if (!isTell) return new Promise(follow);
    this.#told = new Told(follow);
    return this.#told;
  }

  /** Whether it comes from no actor. */
  get isOutside(): boolean {
    return this.#caller === undefined;
  }

  /** A tell, once admitted, is handled however late. */
  get deadlineAt(): number {
    return this.type === "ask" ? this.callDeadlineAt : Infinity;
  }

  /** What its owner is to keep to: the end of an ask, or of the waiting of a tell. */
  ownersDeadlineAt(now: number): number {
    return this.type === "ask" ? this.callDeadlineAt : admitBy(this.callDeadlineAt, now);
  }

  /** Whether an owner may have admitted it, a lost one included. */
  get maybeAdmitted(): boolean {
    return this.losses > 0 || (this.#mayBeThere && this.#place === undefined);
  }

  /** A tell that its owner has, and for which there is no room yet in its actor's mailbox. */
  get waitsForRoom(): boolean {
    return this.waitsThere || this.#place !== undefined;
  }

  /** Whether an owner since the last loss may have admitted it. */
  get #mayBeThere(): boolean {
    return this.acked || this.#copies?.mayBeThere === true;
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
    if (epoch < this.oldestEpoch) this.oldestEpoch = epoch;
  }

  /** The owner has it, or will not take it any more: nothing to repeat. */
  acknowledge(): void {
    this.acked = true;
    this.recheck();
  }

  /**
   * Whether a copy may be admitted that has not been: whatever its sender says next by another way could overtake it.
   * An acknowledgement, "not here", a later epoch, or the end of the receiver's life rule that out; a deadline does not.
   */
  get #mayStillArrive(): boolean {
    return !this.acked && this.#copies?.mayStillArrive === true;
  }

  /** The shard has gone on: copies that were sent under an epoch below this one are not admitted any more. */
  closedBelow(epoch: number): void {
    this.#copies?.closeBelow(epoch);
    this.recheck();
  }

  /** Something was learned about a copy, or a peer's life has ended. */
  recheck(): void {
    if (!this.#owed || this.#mayStillArrive) return;
    this.#owed = false;
    this.#caller?.settled();
  }

  get bytes(): Uint8Array {
    this.#bytes ??= this.#deps.scale.codec.encode(this.#value);
    return this.#bytes;
  }

  /** Bytes of the argument, of the headers and, at most, of the chain: what may be large in a frame. */
  get travelBytes(): number {
    let bytes = this.bytes.byteLength + (this.headers?.bytes ?? 0);
    if (this.chain !== NO_CHAIN) for (const address of this.chain) bytes += address.length * 3;
    return bytes;
  }

  /** This copy was answered by "not here", by whom it was sent to. */
  refute(peer: Peer, copy: number): void {
    if (!this.#copies?.refute(peer, copy)) return;
    if (!this.#mayBeThere) this.oldestEpoch = Infinity;
    this.recheck();
  }

  /**
   * Resets it for resending. A later refusal no longer proves that it was not handled.
   *
   * @returns what stands at its old number instead
   */
  renew(): Outgoing {
    const { kind, type, name, message, callDeadlineAt, seq } = this;
    const request = {
      kind,
      name,
      type,
      message,
      declared: undefined,
      argument: undefined,
      options: undefined,
      caller: undefined,
    };
    const place = new Outgoing(request, undefined, callDeadlineAt, this.#deps);
    place.ended = true;
    place.seq = seq;
    this.losses++;
    this.seq = 0;
    this.#copies = undefined;
    this.oldestEpoch = Infinity;
    this.acked = false;
    this.keeper = undefined;
    this.waitsThere = false;
    this.#place = undefined;
    this.#isAnswered = false;
    return place;
  }

  end(value: unknown): void {
    if (!this.#finish()) return;
    if (this.#resolve === undefined) this.#result = value;
    else this.#resolve(value);
  }

  endBadly(given: unknown): void {
    if (!this.#finish()) return;
    const error = this.losses > 0 ? endAfterLoss(this, given) : given;
    if (this.#reject === undefined) this.#error = error;
    else this.#reject(error);
    if (this.#told) this.#deps.refusedTells.add(this.#told, this, error);
  }

  #finish(): boolean {
    if (this.ended) return false;
    this.ended = true;
    this.#place?.leave(this);
    if (this.counted) this.#deps.rooms.pending.give(1);
    this.keeper?.ended(this);
    this.whenEnded?.();
    this.#owed = true;
    this.recheck();
    return true;
  }

  // ---- as the mail of an actor on this node

  argument(): unknown {
    return this.#value;
  }

  isFrom(address: string): boolean {
    return this.#caller?.chain.includes(address) ?? false;
  }

  waits(place: Place<Outgoing>): void {
    this.#place = place;
  }

  admitted(): void {
    this.#place = undefined;
    this.#give();
  }

  /** It has been answered: nothing else becomes of it here. */
  #give(): void {
    this.#isAnswered = true;
    this.#deps.exit.give(this);
  }

  goOut(): void {
    if (this.#error === undefined) this.end(this.#result);
    else this.endBadly(this.#error);
  }

  refuse(error: ErrorData): void {
    this.endBadly(fromErrorData(error));
  }

  succeed(value: unknown): ErrorData | undefined {
    if (this.type === "tell" || this.ended || this.#isAnswered) return undefined;
    let copy: unknown;
    try {
      copy = copyValue(value);
    } catch (cause) {
      const words = wordsOf(cause, "it cannot travel");
      return this.#fail(new InvalidResultError(`Cannot answer "${this.message}": ${words}`, { cause }));
    }
    const { scale } = this.#deps;
    const bytes = excess(copy, scale);
    if (bytes !== undefined) return this.#fail(tooLarge("answer", this.message, bytes, scale.bytesMax));
    this.#result = copy;
    this.#give();
    return undefined;
  }

  fail(error: ErrorData): void {
    if (this.type === "ask") this.#fail(fromErrorData(error));
  }

  #fail(error: Error): ErrorData {
    if (!this.ended && !this.#isAnswered) {
      this.#error = error;
      this.#give();
    }
    return toErrorData(error);
  }

  pack(self: NodeId, now: number): PackedMail {
    const { type, name, message, chain, headers, seq, deadlineAt } = this;
    const remainingMs = timeLeft(deadlineAt, now);
    return { from: self, seq, type, name, message, chain, headers, remainingMs, argument: this.bytes };
  }
}

const NO_CHAIN: readonly string[] = Object.freeze([]);
