/**
 * One copy of an envelope on its way out. It is written as things are when the frame is made: what has ended meanwhile
 * travels as `skip`, so that it leaves no gap and is never handled.
 *
 * @module
 */
import { writeEnvelope } from "./frame.ts";
import type { FrameWriter } from "./frame_writer.ts";
import { ALL_MEMBERS, type FrameItem, type Oversize, type ShardRef } from "./frame_items.ts";
import type { WindowEntry } from "../sending/window_entry.ts";
import { timeLeft } from "../deadline.ts";

/** What is taken from the link at the moment of writing. */
export interface Numbering extends ShardRef {
  readonly first: number;
  readonly last: number;
}

/** See the module's text. */
export class EnvelopeCopy implements FrameItem {
  readonly #link: Numbering;
  readonly #entry: WindowEntry;
  readonly #epoch: number;
  readonly #copy: number;

  constructor(link: Numbering, entry: WindowEntry, epoch: number) {
    this.#link = link;
    this.#entry = entry;
    this.#epoch = epoch;
    this.#copy = entry.copies;
  }

  get address(): { kind: string; name: string } | undefined {
    const { name } = this.#entry.call;
    return name === ALL_MEMBERS ? undefined : { kind: this.#link.kind, name };
  }

  get size(): number {
    return this.#entry.isSkip ? 0 : this.#entry.call.travelBytes;
  }

  write(writer: FrameWriter): void {
    this.#write(writer, undefined);
  }

  /**
   * An earlier copy may have been admitted, when more was allowed. So the owner is asked: it answers that one, or refuses
   * this one.
   */
  writeOversize(writer: FrameWriter, bytesMax: number): void {
    this.#write(writer, { bytes: this.#entry.call.travelBytes, bytesMax });
  }

  #write(writer: FrameWriter, oversize: Oversize | undefined): void {
    const { kind, shard, first, last } = this.#link;
    const { seq, call, isSkip: skip } = this.#entry; // what is one is never handled again, also by an owner that lost its table
    const { name, message, chain, headers, type } = call;
    const { now } = writer;
    writeEnvelope(writer, {
      kind,
      shard,
      type: skip ? "skip" : type,
      epoch: this.#epoch,
      seq,
      copy: this.#copy,
      first,
      remainingMs: timeLeft(call.ownersDeadlineAt(now), now),
      urgent: type === "tell" && seq === last,
      name,
      message,
      chain: oversize ? NO_CHAIN : chain,
      argument: skip || oversize ? EMPTY : call.bytes,
      oversize: skip ? undefined : oversize,
      headers,
    });
  }
}

const EMPTY = new Uint8Array();
const NO_CHAIN: readonly string[] = Object.freeze([]);
