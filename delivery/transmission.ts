/**
 * One copy of an envelope on its way out. It is written as things are when the frame is made: what has ended meanwhile
 * travels as `skip`, so that it leaves no gap and is never handled.
 *
 * @module
 */
import type { Clock } from "../platform/clock.ts";
import type { ByteWriter } from "../transport/bytes.ts";
import { type FrameItem, type ShardRef, writeEnvelope } from "./frame.ts";
import type { Outgoing } from "./outgoing.ts";

/** What is taken from the link at the moment of writing. */
export interface Numbering extends ShardRef {
  readonly first: number;
  readonly last: number;
}

/** See the module's text. */
export class Transmission implements FrameItem {
  readonly #link: Numbering;
  readonly #outgoing: Outgoing;
  readonly #epoch: number;
  readonly #copy: number;
  readonly #clock: Clock;

  constructor(link: Numbering, outgoing: Outgoing, epoch: number, clock: Clock) {
    this.#link = link;
    this.#outgoing = outgoing;
    this.#epoch = epoch;
    this.#copy = outgoing.copies;
    this.#clock = clock;
  }

  get address(): { kind: string; name: string } {
    return { kind: this.#link.kind, name: this.#outgoing.name };
  }

  get size(): number {
    return this.#outgoing.ended || this.#outgoing.acked ? 0 : this.#outgoing.travelBytes;
  }

  write(writer: ByteWriter): void {
    const { kind, shard, first, last } = this.#link;
    const { seq, name, message, chain, type, ended, acked, deadlineAt } = this.#outgoing;
    const skip = ended || acked; // never handled again, also by an owner that lost its table
    const left = deadlineAt - this.#clock.now();
    writeEnvelope(writer, {
      kind,
      shard,
      type: skip ? "skip" : type,
      epoch: this.#epoch,
      seq,
      copy: this.#copy,
      first,
      remainingMs: left === Infinity ? 0 : Math.max(1, Math.ceil(left)),
      urgent: type === "tell" && seq === last,
      name,
      message,
      chain,
      argument: skip ? EMPTY : this.#outgoing.bytes,
    });
    this.#outgoing.published();
  }
}

const EMPTY = new Uint8Array();
