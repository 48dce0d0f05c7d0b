/**
 * An admitted message of another node: how it is answered, and how it travels on in a sealed shard.
 *
 * @module
 */
import { type ErrorData, InvalidResultError, TooLargeError, toErrorData, wordsOf } from "../../errors.ts";
import type { Mail } from "../../actors/activation/mail.ts";
import type { Place } from "../../actors/activation/mailbox.ts";
import type { NodeId } from "../../cluster/records/schemas.ts";
import type { HeaderMap } from "../../codec/header_map.ts";
import { noRoomInTime } from "../calls/call_errors.ts";
import type { Peer } from "../wire/peer.ts";
import type { MailDeps, ReceiverShard } from "./receiver_deps.ts";
import { deadlineOf, timeLeft } from "../deadline.ts";

/** An admitted message as it travels in a sealed shard. */
export interface PackedMail {
  readonly from: NodeId;
  readonly seq: number;
  readonly type: "ask" | "tell";
  readonly name: string;
  readonly message: string;
  readonly chain: readonly string[];
  readonly headers?: HeaderMap | undefined;
  /** Milliseconds; 0 for no deadline. */
  readonly remainingMs: number;
  readonly argument: Uint8Array;
}

/** A mail that can travel. */
export interface PackableMail extends Mail {
  readonly name: string;
  pack(self: NodeId, now: number): PackedMail;
  /** Its shard goes on here, as that one. */
  follow(shard: ReceiverShard): void;
}

/** A message that came from another node, or came along with a shard. */
export class RemoteMail implements PackableMail {
  readonly type: "ask" | "tell";
  readonly name: string;
  readonly message: string;
  readonly chain: readonly string[];
  readonly headers: HeaderMap | undefined;
  readonly deadlineAt: number;
  readonly #deps: MailDeps;
  #shard: ReceiverShard;
  readonly #peer: Peer;
  readonly seq: number;
  /** Of a tell: how long it may wait for room. */
  readonly admitBy: number;
  #place: Place<RemoteMail> | undefined;
  readonly #argument: Uint8Array;

  /**
   * @param mail what is said, without the argument
   * @param argument its own bytes
   * @param cameAt when it came, on the clock: from then on its time runs
   */
  constructor(
    deps: MailDeps,
    shard: ReceiverShard,
    peer: Peer,
    mail: Pick<PackedMail, "seq" | "name" | "message" | "chain" | "headers" | "remainingMs">,
    type: "ask" | "tell",
    argument: Uint8Array,
    cameAt: number,
  ) {
    this.#deps = deps;
    this.#shard = shard;
    this.#peer = peer;
    this.seq = mail.seq;
    this.#argument = argument;
    this.type = type;
    this.name = mail.name;
    this.message = mail.message;
    this.chain = mail.chain;
    this.headers = mail.headers;
    // a tell, once admitted, is handled however late
    this.admitBy = deadlineOf(mail.remainingMs, cameAt);
    this.deadlineAt = type === "ask" ? this.admitBy : Infinity;
  }

  get weight(): number {
    return this.#argument.byteLength + (this.headers?.bytes ?? 0);
  }

  get node(): string {
    return this.#peer.id.node;
  }

  argument(): unknown {
    return this.#deps.codec.decode(this.#argument);
  }

  /** Of a sender on another node it is not known here. */
  isFrom(): boolean {
    return false;
  }

  /** Whether there is no room for it yet in its actor's mailbox. */
  get waitsForRoom(): boolean {
    return this.#place !== undefined;
  }

  waits(place: Place<RemoteMail>): void {
    this.#place = place;
    this.#deps.waitingMail.add(this);
  }

  /** Its sender has been told that it waits, and is told that it does no more: with a reply, kept as every other. */
  admitted(): void {
    this.#forgetPlace();
    this.#reply(true, this.#deps.codec.encode(undefined));
  }

  /** Its time is over, and there has been no room: it was certainly not handled. */
  expire(): void {
    const { kind } = this.#shard;
    this.refuse(toErrorData(noRoomInTime({ kind, name: this.name, message: this.message })));
  }

  #forgetPlace(): void {
    this.#place = undefined;
    this.#deps.waitingMail.delete(this);
  }

  succeed(value: unknown): ErrorData | undefined {
    if (this.type === "tell") return undefined;
    let body: Uint8Array;
    try {
      body = this.#deps.codec.encode(value);
    } catch (cause) {
      const words = wordsOf(cause, "it cannot travel");
      return this.#failed(new InvalidResultError(`Cannot answer "${this.message}": ${words}`));
    }
    const { bytesMax } = this.#deps.scale;
    if (body.byteLength > bytesMax) {
      const words = `its result has ${body.byteLength} bytes, and ${bytesMax} at most fit into a message`;
      return this.#failed(new TooLargeError(`Cannot answer "${this.message}": ${words}`));
    }
    this.#reply(true, body);
    return undefined;
  }

  #failed(error: Error): ErrorData {
    const data = toErrorData(error);
    this.fail(data);
    return data;
  }

  /** A refusal is kept like a reply, also a tell's: a copy of the envelope must not be admitted after it. */
  refuse(error: ErrorData): void {
    this.#place?.leave(this);
    if (this.#place) this.#forgetPlace();
    this.#reply(false, this.#deps.codec.encode(error));
  }

  fail(error: ErrorData): void {
    if (this.type === "ask") this.#reply(false, this.#deps.codec.encode(error));
  }

  #reply(ok: boolean, body: Uint8Array): void {
    const { kind, shard, epoch } = this.#shard;
    const reply = { kind, shard, epoch, seq: this.seq, ok, body };
    this.#deps.keeper.keep(this.#peer, reply, this.type === "tell" && !ok);
  }

  follow(shard: ReceiverShard): void {
    this.#shard = shard;
  }

  pack(_self: NodeId, now: number): PackedMail {
    const { type, name, message, chain, headers, deadlineAt } = this;
    const remainingMs = timeLeft(deadlineAt, now);
    return {
      from: this.#peer.id,
      seq: this.seq,
      type,
      name,
      message,
      chain,
      headers,
      remainingMs,
      argument: this.#argument,
    };
  }
}
