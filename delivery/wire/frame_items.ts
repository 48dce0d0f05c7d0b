/**
 * What nodes say to one another about messages: the items of a frame. `frame.ts` has their binary form.
 *
 * @module
 */
import type { HeaderMap } from "../../codec/header_map.ts";
import type { FrameWriter } from "./frame_writer.ts";

/** The name in a message to all members that a group has in a shard: no actor has it. */
export const ALL_MEMBERS: string = "";

/** Something that can write itself into a frame, at the moment the frame is made. */
export interface FrameItem {
  write(writer: FrameWriter): void;
  /**
   * Writes what says so to the other side, when a message of the server is at most `bytesMax` long and this is longer.
   * Left out where it may be lost: it is small, and said again.
   */
  writeOversize?(writer: FrameWriter, bytesMax: number): void;
  /** The actor it is for: a frame with nothing else shows its name in the subject. */
  readonly address?: { readonly kind: string; readonly name: string } | undefined;
  /** Bytes of what may be large in it; the rest is small. A large item begins a frame of its own. */
  readonly size?: number;
}

/** Which shard an item is about. */
export interface ShardRef {
  readonly kind: string;
  readonly shard: number;
}

/** By how much something is too long for a message of its server, in bytes. */
export interface Oversize {
  readonly bytes: number;
  readonly bytesMax: number;
}

/** One message for one actor. `skip` fills the place of one that its sender gave up. */
export interface Envelope extends ShardRef {
  readonly item: "envelope";
  readonly type: "ask" | "tell" | "skip";
  readonly epoch: number;
  readonly seq: number;
  /** Which copy of the message this is, from 1. */
  readonly copy: number;
  /** The lowest number that the sender still keeps. */
  readonly first: number;
  /** Milliseconds until the answer is worthless; of a tell, until it must be admitted. 0 for never. */
  readonly remainingMs: number;
  /** The sender waits for nothing but this acknowledgement. */
  readonly urgent: boolean;
  readonly name: string;
  readonly message: string;
  readonly chain: readonly string[];
  /** CBOR. A view into the frame: copy what is kept. */
  readonly argument: Uint8Array;
  /**
   * It cannot travel, and stands here without its argument: to be refused, unless an earlier copy was admitted. So its
   * sender hears what is true, whatever the server's limit was before.
   */
  readonly oversize?: Oversize | undefined;
  /** What accompanies the message. Protocol 1 does not carry it. */
  readonly headers?: HeaderMap | undefined;
}

/** Bytes of what may be large in an envelope that is kept. */
export function keptBytes({ argument, headers }: Envelope): number {
  return argument.byteLength + (headers?.bytes ?? 0);
}

/** The end of an ask, the refusal of a tell, or the admission of one that had to wait. */
export interface Reply extends ShardRef {
  readonly item: "reply";
  readonly epoch: number;
  readonly seq: number;
  readonly ok: boolean;
  /** CBOR of the result, or of the error's data. */
  readonly body: Uint8Array;
}

/** A reply as it was read: its body is where it came, and read from there, for a view of it would cost more than most bodies do. */
export interface FramedReply extends Omit<Reply, "body"> {
  /** Only lent. */
  readonly frame: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/** Everything up to `upTo` was admitted or refused, but for what `waits` says. */
export interface Ack extends ShardRef {
  readonly item: "ack";
  readonly epoch: number;
  readonly upTo: number;
}

/**
 * These tells are here, and wait for room in a mailbox. It travels with the acknowledgement that covers them, which says no
 * more of them than that they need not be sent again; how each ends, a reply says.
 */
export interface Waits extends ShardRef {
  readonly item: "waits";
  readonly epoch: number;
  readonly seqs: readonly number[];
}

/** These replies arrived and need not be kept. */
export interface Got extends ShardRef {
  readonly item: "got";
  readonly seqs: readonly number[];
}

/** These envelopes are missing. */
export interface Gap extends ShardRef {
  readonly item: "gap";
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
}

/** This copy of the envelope `seq` was not admitted and never will be: the shard has an owner under `epoch`. */
export interface Moved extends ShardRef {
  readonly item: "moved";
  readonly seq: number;
  readonly copy: number;
  readonly epoch: number;
}

/** The sender's count of bytes up to here; and the answer that it came by. */
export interface Mark {
  readonly item: "mark" | "seen";
  readonly at: number;
}

/** Any item, as it is read. */
export type Item = Envelope | FramedReply | Ack | Waits | Got | Gap | Moved | Mark;
