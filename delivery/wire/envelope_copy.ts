/**
 * One copy of an envelope on its way out. It is written as things are when the frame is made: what has ended meanwhile
 * travels as `skip`, so that it leaves no gap and is never handled.
 *
 * @module
 */
import type { Clock } from "../../platform/clock.ts";
import { writeEnvelope } from "./frame.ts";
import type { FrameWriter } from "./frame_writer.ts";
import type { FrameItem, Oversize, ShardRef } from "./frame_items.ts";
import type { Outgoing } from "../sending/outgoing.ts";
import { timeLeft } from "../deadline.ts";

/** What is taken from the link at the moment of writing. */
export interface Numbering extends ShardRef {
  readonly first: number;
  readonly last: number;
}

/** See the module's text. */
export class EnvelopeCopy implements FrameItem {
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

  write(writer: FrameWriter): void {
    this.#write(writer, undefined);
  }

  /**
   * An earlier copy may have been admitted, when more was allowed. So the owner is asked: it answers that one, or refuses
   * this one.
   */
  writeOversize(writer: FrameWriter, bytesMax: number): void {
    this.#write(writer, { bytes: this.#outgoing.travelBytes, bytesMax });
  }

  #write(writer: FrameWriter, oversize: Oversize | undefined): void {
    const { kind, shard, first, last } = this.#link;
    const { seq, name, message, chain, headers, type, ended, acked } = this.#outgoing;
    const now = this.#clock.now();
    const skip = ended || acked; // never handled again, also by an owner that lost its table
    writeEnvelope(writer, {
      kind,
      shard,
      type: skip ? "skip" : type,
      epoch: this.#epoch,
      seq,
      copy: this.#copy,
      first,
      remainingMs: timeLeft(this.#outgoing.ownersDeadlineAt(now), now),
      urgent: type === "tell" && seq === last,
      name,
      message,
      chain: oversize ? NO_CHAIN : chain,
      argument: skip || oversize ? EMPTY : this.#outgoing.bytes,
      oversize: skip ? undefined : oversize,
      headers,
    });
  }
}

const EMPTY = new Uint8Array();
const NO_CHAIN: readonly string[] = Object.freeze([]);
