/**
 * One message of this node as its caller sees it: what is said, until when, and the promise of its end. Where the message
 * stands meanwhile, others know: on its link (`sending/window_entry.ts`), or with an actor here (`calls/local_mail.ts`).
 *
 * ```
 *   waits for its turn ──number──► placed ──► ended
 *            ▲                       │
 *            └──── after a loss ─────┘     (an idempotent one: another number, another place)
 * ```
 *
 * @module
 */
import type { CallingActor } from "../../actors/activation/activation_host.ts";
import type { AskMessage, TellMessage } from "../../actors/contract.ts";
import type { Quota } from "../../platform/pace/quota.ts";
import type { CallOptions } from "../../actors/ref.ts";
import { type RefusedTells, Told, type ToldOf } from "../../actors/tell_promise.ts";
import type { Codec } from "../../codec/codec.ts";
import type { HeaderMap } from "../../codec/header_map.ts";
import { admitBy } from "../deadline.ts";
import { endAfterLoss } from "./call_errors.ts";

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
  readonly caller: CallingActor | undefined;
  /** What accompanies it to its handler, wherever that runs. */
  readonly headers?: HeaderMap | undefined;
}

/** What was found out about a request before it became a call. */
export interface Prepared {
  /** A copy that nobody else holds. */
  readonly argument: unknown;
  /** Bytes of argument and headers, at most. */
  readonly weight: number;
  /** The argument as its schema has it, where that was asked: of a tell. */
  readonly checked?: { readonly value: unknown } | undefined;
  readonly deadlineAt: number;
}

/** What every call of a node works with. */
export interface CallDeps {
  readonly codec: Codec;
  readonly refusedTells: RefusedTells;
  /** Asks that have not ended. */
  readonly pending: Quota;
}

/** Who keeps a call until it has ended: its link. */
export interface CallKeeper {
  ended(call: PendingCall): void;
  /** Its caller does not want to wait any longer. */
  abandon(call: PendingCall): void;
}

/** Where a call stands that has a number on its link. */
export interface CallPlace {
  readonly seq: number;
  /** The lowest epoch of an owner that may have admitted it; `Infinity` if none may. */
  readonly oldestEpoch: number;
  /** Whether an owner may have admitted it. */
  readonly maybeAdmitted: boolean;
  /** Whether an owner has it: nothing to repeat. */
  readonly isTaken: boolean;
  /** Whether it is a tell that its owner has, and for which there is no room yet in its actor's mailbox. */
  readonly waitsForRoom: boolean;
  /** Its owner has it, or will not take it any more. @returns whether that is news */
  acknowledge(): boolean;
  /** The call has ended. As soon as nothing of it can be admitted any more, `settled` is to be called. */
  callEnded(): void;
  /** The call goes on at another place: whatever is heard of this one does not concern it any more. */
  leave(): void;
}

/** See the module's text. */
export class PendingCall implements ToldOf {
  readonly kind: string;
  readonly type: "ask" | "tell";
  readonly name: string;
  readonly message: string;
  readonly idempotent: boolean;
  readonly chain: readonly string[];
  readonly headers: HeaderMap | undefined;
  readonly argument: unknown;
  readonly weight: number;
  /** The declaration by which `checked` was validated, if it was. */
  readonly checkedBy: unknown;
  readonly checked: unknown;
  /** When it ends at the latest. */
  readonly deadlineAt: number;
  /** Where it stands; `undefined` as long as it has no number. */
  place: CallPlace | undefined;
  /** Owners that were lost while they may have been handling it. */
  losses = 0;
  #ended = false;
  readonly #caller: CallingActor | undefined;
  readonly #keeper: CallKeeper;
  readonly #deps: CallDeps;
  #bytes: Uint8Array | undefined;
  #resolve: ((value: unknown) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  /** Its promise, if it is a tell that has not ended when that is asked for. */
  #told: Told | undefined;
  /** How it ended before its promise was asked for. */
  #result: unknown;
  #error: unknown;
  /** Takes its signal's listener away: a signal may outlive many calls, and none of them stays with it. */
  #unheed: (() => void) | undefined;

  /**
   * An ask counts as pending from here until it has ended.
   *
   * @throws {FencedError} if the caller may not speak any more
   */
  constructor(request: Request, prepared: Prepared, keeper: CallKeeper, deps: CallDeps) {
    const { type, caller, declared, options } = request;
    this.kind = request.kind;
    this.type = type;
    this.name = request.name;
    this.message = request.message;
    this.idempotent = declared?.idempotent ?? false;
    this.chain = type === "ask" && caller ? caller.chain : NO_CHAIN;
    this.headers = request.headers;
    this.argument = prepared.argument;
    this.weight = prepared.weight;
    this.checkedBy = prepared.checked && declared;
    this.checked = prepared.checked?.value;
    this.deadlineAt = prepared.deadlineAt;
    this.#caller = caller;
    this.#keeper = keeper;
    this.#deps = deps;
    caller?.sent();
    if (type === "ask") deps.pending.take(1);
    if (options?.signal) this.#heed(options.signal);
  }

  #heed(signal: AbortSignal): void {
    const abandon = () => this.#keeper.abandon(this);
    signal.addEventListener("abort", abandon, { once: true });
    this.#unheed = () => signal.removeEventListener("abort", abandon);
  }

  /** The promise of its end: to be asked for once, when it has been submitted. A tell that was taken at once needs no more than a plain one. */
  promise(): Promise<unknown> {
    const isTell = this.type === "tell";
    if (this.#ended && this.#error === undefined) return Promise.resolve(this.#result);
    if (this.#ended && isTell) return this.#deps.refusedTells.rejected(this, this.#error);
    if (this.#ended) return Promise.reject(this.#error);
    const follow = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => {
      this.#resolve = resolve;
      this.#reject = reject;
    };
    if (!isTell) return new Promise(follow);
    this.#told = new Told(follow);
    return this.#told;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether it comes from no actor. */
  get isOutside(): boolean {
    return this.#caller === undefined;
  }

  /** Whether who sends it is that actor, or one that it waits for. */
  isFrom(address: string): boolean {
    return this.#caller?.chain.includes(address) ?? false;
  }

  /** Until when its owner is to handle it. A tell, once admitted, is handled however late. */
  get handleBy(): number {
    return this.type === "ask" ? this.deadlineAt : Infinity;
  }

  /** What its owner is to keep to: the end of an ask, or of the waiting of a tell. */
  ownersDeadlineAt(now: number): number {
    return this.type === "ask" ? this.deadlineAt : admitBy(this.deadlineAt, now);
  }

  /** Whether an owner may have admitted it, a lost one included. */
  get maybeAdmitted(): boolean {
    return this.losses > 0 || this.place?.maybeAdmitted === true;
  }

  /** Whether an owner has it, as far as is known. */
  get acked(): boolean {
    return this.place?.isTaken === true;
  }

  /** A tell that its owner has, and for which there is no room yet in its actor's mailbox. */
  get waitsForRoom(): boolean {
    return this.place?.waitsForRoom === true;
  }

  /** The argument as it travels. */
  get bytes(): Uint8Array {
    this.#bytes ??= this.#deps.codec.encode(this.argument);
    return this.#bytes;
  }

  /** Bytes of the argument, of the headers and, at most, of the chain: what may be large in a frame. */
  get travelBytes(): number {
    let bytes = this.bytes.byteLength + (this.headers?.bytes ?? 0);
    if (this.chain !== NO_CHAIN) for (const address of this.chain) bytes += address.length * 3;
    return bytes;
  }

  /** After the loss of an owner that may have admitted it: it is to be sent anew. A later refusal no longer proves that it was not handled. */
  lost(): void {
    this.losses++;
    this.place?.leave();
    this.place = undefined;
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

  /** @returns false if it has ended before: an end that comes later changes nothing */
  #finish(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    if (this.type === "ask") this.#deps.pending.give(1);
    this.#keeper.ended(this);
    this.#unheed?.();
    if (this.place) this.place.callEnded();
    else this.settled();
    return true;
  }

  /** Nothing of it can be admitted any more: its sender is done with it. */
  settled(): void {
    this.#caller?.settled();
  }
}

const NO_CHAIN: readonly string[] = Object.freeze([]);
