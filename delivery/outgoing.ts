/**
 * One message on its way from this node, from the caller's promise to its end.
 *
 * @module
 */
import { fromErrorData, type ErrorData } from "../errors.ts";
import type { Caller } from "../actors/activation_host.ts";
import type { NodeId } from "../cluster/protocol.ts";
import type { Codec } from "../transport/codec.ts";
import { copyValue } from "../transport/value.ts";
import type { PackableMail, PackedMail } from "./link_receiver.ts";

/** What a caller wants. */
export interface OutgoingSpec {
  readonly type: "ask" | "tell";
  readonly name: string;
  readonly message: string;
  /** Checked and copied: nobody else holds it. */
  readonly argument: unknown;
  readonly idempotent: boolean;
  /** On the node's clock. */
  readonly deadlineAt: number;
  readonly caller: Caller | undefined;
  readonly codec: Codec;
}

/** See the module's text. To an actor on the same node it is the mail itself. */
export class Outgoing implements PackableMail {
  readonly type: "ask" | "tell";
  readonly name: string;
  readonly message: string;
  readonly idempotent: boolean;
  readonly chain: readonly string[];
  readonly callDeadlineAt: number;
  readonly #caller: Caller | undefined;
  readonly #codec: Codec;
  readonly #value: unknown;
  #bytes: Uint8Array | undefined;
  #resolve: (value: unknown) => void;
  #reject: (error: unknown) => void;
  /** Told when it has ended, to forget what is kept for it. */
  onEnd: (() => void) | undefined;

  /** Its number on the link; 0 until it is first sent. */
  seq = 0;
  /** The owner has it: nothing to repeat. */
  acked = false;
  ended = false;
  sentAt = 0;
  /** Copies that were sent, and those that were answered by "not here". */
  copies = 0;
  refuted = 0;
  /** The lowest epoch under which a copy was sent that may have been admitted. */
  oldestEpoch = Infinity;

  constructor(spec: OutgoingSpec, resolve: (value: unknown) => void, reject: (error: unknown) => void) {
    this.type = spec.type;
    this.name = spec.name;
    this.message = spec.message;
    this.idempotent = spec.idempotent;
    this.callDeadlineAt = spec.deadlineAt;
    this.#caller = spec.caller;
    this.chain = spec.type === "ask" && spec.caller ? spec.caller.chain : NO_CHAIN;
    this.#codec = spec.codec;
    this.#value = spec.argument;
    this.#resolve = resolve;
    this.#reject = reject;
    spec.caller?.sent();
  }

  /** A tell, once admitted, is handled however late. */
  get deadlineAt(): number {
    return this.type === "ask" ? this.callDeadlineAt : Infinity;
  }

  /** Whether an owner may have admitted it. */
  get maybeAdmitted(): boolean {
    return this.acked || this.copies > this.refuted;
  }

  get bytes(): Uint8Array {
    this.#bytes ??= this.#codec.encode(this.#value);
    return this.#bytes;
  }

  /** One copy was answered by "not here". */
  refute(): void {
    if (this.refuted < this.copies) this.refuted++;
    if (this.refuted === this.copies) this.oldestEpoch = Infinity;
  }

  /** Makes it as if it had never been sent. @returns what stands at its old number instead */
  renew(): Outgoing {
    const { type, name, message, idempotent, callDeadlineAt, seq } = this;
    const spec = {
      type,
      name,
      message,
      idempotent,
      deadlineAt: callDeadlineAt,
      argument: undefined,
      caller: undefined,
      codec: this.#codec,
    };
    const place = new Outgoing(
      spec,
      () => {},
      () => {},
    );
    place.ended = true;
    place.seq = seq;
    this.seq = this.copies = this.refuted = 0;
    this.oldestEpoch = Infinity;
    this.acked = false;
    this.onEnd = undefined;
    return place;
  }

  end(value: unknown): void {
    if (this.#finish()) this.#resolve(value);
  }

  endBadly(error: unknown): void {
    if (this.#finish()) this.#reject(error);
  }

  #finish(): boolean {
    if (this.ended) return false;
    this.ended = true;
    this.onEnd?.();
    this.#caller?.settled();
    return true;
  }

  // ---- as the mail of an actor on this node

  argument(): unknown {
    return this.#value;
  }

  refuse(error: ErrorData): void {
    this.endBadly(fromErrorData(error));
  }

  succeed(value: unknown): void {
    if (this.type === "tell" || this.ended) return;
    let copy: unknown;
    try {
      copy = copyValue(value);
    } catch (error) {
      return this.endBadly(error);
    }
    this.end(copy);
  }

  fail(error: ErrorData): void {
    if (this.type === "ask") this.endBadly(fromErrorData(error));
  }

  pack(self: NodeId, now: number): PackedMail {
    const { type, name, message, chain, seq, deadlineAt } = this;
    const remainingMs = deadlineAt === Infinity ? 0 : Math.max(1, Math.ceil(deadlineAt - now));
    return { from: self, seq, type, name, message, chain, remainingMs, argument: this.bytes };
  }
}

const NO_CHAIN: readonly string[] = Object.freeze([]);
