/**
 * A call to an actor on this node, as that actor's mail. Nothing of it is encoded, and it has no part that only a message
 * to a peer needs: where it was admitted at once, it is also all that its link knows of it.
 *
 * @module
 */
import type { Place } from "../../actors/activation/mailbox.ts";
import type { NodeId } from "../../cluster/records/schemas.ts";
import type { HeaderMap } from "../../codec/header_map.ts";
import { copyValue } from "../../codec/value.ts";
import { excess, type Scale } from "../../codec/weight.ts";
import { type ErrorData, fromErrorData, InvalidResultError, toErrorData, wordsOf } from "../../errors.ts";
import { timeLeft } from "../deadline.ts";
import type { PackableMail, PackedMail } from "../receiving/remote_mail.ts";
import { tooLarge } from "./call_errors.ts";
import type { Answer, LocalReplyGate } from "./local_reply_gate.ts";
import type { CallPlace, PendingCall } from "./pending_call.ts";

/** What the mails of a node work with. */
export interface LocalMailDeps {
  /** Name of this node. */
  readonly node: string;
  readonly scale: Scale;
  readonly exit: LocalReplyGate;
}

/** See the module's text. */
export class LocalMail implements PackableMail, CallPlace, Answer {
  readonly seq: number;
  /** Of the owner that admits it: this node. */
  readonly oldestEpoch: number;
  readonly call: PendingCall;
  readonly #deps: LocalMailDeps;
  /** Where it stands behind the mailbox of its actor. */
  #line: Place<LocalMail> | undefined;
  /** It has been answered; that goes out when the turn of the event loop ends and the gate is open. */
  #isAnswered = false;
  #result: unknown;
  #error: Error | undefined;
  /** Its call does not stand here any more. */
  #isLeft = false;

  constructor(call: PendingCall, seq: number, epoch: number, deps: LocalMailDeps) {
    this.call = call;
    this.seq = seq;
    this.oldestEpoch = epoch;
    this.#deps = deps;
  }

  // ---- what it says

  get type(): "ask" | "tell" {
    return this.call.type;
  }
  get name(): string {
    return this.call.name;
  }
  get message(): string {
    return this.call.message;
  }
  get chain(): readonly string[] {
    return this.call.chain;
  }
  get headers(): HeaderMap | undefined {
    return this.call.headers;
  }
  get node(): string {
    return this.#deps.node;
  }
  get deadlineAt(): number {
    return this.call.handleBy;
  }
  get weight(): number {
    return this.call.weight;
  }
  get checkedBy(): unknown {
    return this.call.checkedBy;
  }
  get checked(): unknown {
    return this.call.checked;
  }
  argument(): unknown {
    return this.call.argument;
  }
  isFrom(address: string): boolean {
    return this.call.isFrom(address);
  }

  /** Whoever answers it: it knows nothing of its shard. */
  follow(): void {}

  pack(self: NodeId, now: number): PackedMail {
    const { type, name, message, chain, headers, seq, deadlineAt } = this;
    const remainingMs = timeLeft(deadlineAt, now);
    return { from: self, seq, type, name, message, chain, headers, remainingMs, argument: this.call.bytes };
  }

  // ---- as the place of its call

  /** What waits in a line here was certainly not admitted. */
  get maybeAdmitted(): boolean {
    return this.#line === undefined;
  }

  get isTaken(): boolean {
    return true;
  }

  get waitsForRoom(): boolean {
    return this.#line !== undefined;
  }

  acknowledge(): boolean {
    return false;
  }

  callEnded(): void {
    this.leaveLine();
    this.call.settled(); // no copy of it is on its way to anywhere
  }

  leave(): void {
    this.#isLeft = true;
  }

  /** It is not to be admitted any more, if it has not been. */
  leaveLine(): void {
    this.#line?.leave(this);
  }

  // ---- as the mail of its actor

  waits(line: Place<LocalMail>): void {
    this.#line = line;
  }

  admitted(): void {
    this.#line = undefined;
    this.#give();
  }

  /** It has been answered: nothing else becomes of it here. */
  #give(): void {
    this.#isAnswered = true;
    this.#deps.exit.give(this);
  }

  goOut(): void {
    if (this.#isLeft) return;
    if (this.#error === undefined) this.call.end(this.#result);
    else this.call.endBadly(this.#error);
  }

  refuse(error: ErrorData): void {
    if (!this.#isLeft) this.call.endBadly(fromErrorData(error));
  }

  succeed(value: unknown): ErrorData | undefined {
    if (this.type === "tell" || this.#isOver) return undefined;
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
    if (!this.#isOver) {
      this.#error = error;
      this.#give();
    }
    return toErrorData(error);
  }

  get #isOver(): boolean {
    return this.#isAnswered || this.#isLeft || this.call.ended;
  }
}
