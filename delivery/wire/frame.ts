/**
 * The binary form of what nodes say to each other about messages: one frame holds many items, for whichever actors
 * they are. Names of fields are in `frame_items.ts`; all numbers are varints, all texts UTF-8 with their length first.
 *
 * ```
 *   frame = magic 0xBA · version · cluster · generation · node · incarnation · item…
 *   item  = type · kind · shard · …        see the writers
 * ```
 *
 * The cluster's name is in every frame so that a test cluster cannot talk to production, and the generation of its records
 * so that no other cluster of that name can, be it a former one or one that lives elsewhere.
 *
 * @module
 */
import { DecodeError, ProtocolError } from "../../errors.ts";
import type { ClusterId, NodeId } from "../../cluster/records/schemas.ts";
import { ByteReader, type ByteWriter } from "../../codec/bytes.ts";
import type { Envelope, FrameItem, Item, Reply, ShardRef } from "./frame_items.ts";

const MAGIC = 0xba;
/** The frame version written here. */
export const FRAME_VERSION = 2;
/** Waiting actors in one chain of calls. */
export const CHAIN_MAX = 64;
const SHARD_MAX = 4_096;
/** No link gets that far: a million messages a second for a century are fewer. */
const SEQ_MAX = 2 ** 52;

/** Items that hold nothing but numbers. */
type Numbers = Exclude<Item, Envelope | Reply>;

const TYPES = {
  ask: 1,
  tell: 2,
  skip: 3,
  reply: 4,
  error: 5,
  ack: 6,
  got: 7,
  gap: 8,
  moved: 9,
  mark: 10,
  seen: 11,
  waits: 12,
} as const;
const URGENT = 0x40;
const OVERSIZE = 0x20;

export function writeHeader(writer: ByteWriter, { cluster, generation }: ClusterId, from: NodeId): void {
  writer.u8(MAGIC);
  writer.u8(FRAME_VERSION);
  writer.string(cluster);
  writer.string(generation);
  writer.string(from.node);
  writer.string(from.incarnation);
}

function writeStart(writer: ByteWriter, type: number, { kind, shard }: ShardRef): void {
  writer.u8(type);
  writer.string(kind);
  writer.varint(shard);
}

export function writeEnvelope(writer: ByteWriter, envelope: Omit<Envelope, "item">): void {
  const { oversize } = envelope;
  const flags = (envelope.urgent ? URGENT : 0) | (oversize ? OVERSIZE : 0);
  writeStart(writer, TYPES[envelope.type] | flags, envelope);
  writer.varint(envelope.epoch);
  writer.varint(envelope.seq);
  writer.varint(envelope.copy);
  writer.varint(envelope.first);
  if (envelope.type === "skip") return;
  writer.varint(envelope.remainingMs);
  writer.string(envelope.name);
  writer.string(envelope.message);
  writer.varint(envelope.chain.length);
  for (const address of envelope.chain) writer.string(address);
  if (oversize === undefined) return writer.bytes(envelope.argument);
  writer.varint(oversize.bytes);
  writer.varint(oversize.bytesMax);
}

export function writeReply(writer: ByteWriter, reply: Omit<Reply, "item">): void {
  writeStart(writer, reply.ok ? TYPES.reply : TYPES.error, reply);
  writer.varint(reply.epoch);
  writer.varint(reply.seq);
  writer.bytes(reply.body);
}

/** The items that are plain numbers. */
export function numbers(item: Numbers): FrameItem {
  return { write: (writer) => writeNumbers(writer, item) };
}

function writeNumbers(writer: ByteWriter, item: Numbers): void {
  writeStart(writer, TYPES[item.item], "kind" in item ? item : OF_THE_PEER);
  switch (item.item) {
    case "ack":
      writer.varint(item.epoch);
      return writer.varint(item.upTo);
    case "waits":
      writer.varint(item.epoch);
      writer.varint(item.seqs.length);
      for (const seq of item.seqs) writer.varint(seq);
      return;
    case "got":
      writer.varint(item.seqs.length);
      for (const seq of item.seqs) writer.varint(seq);
      return;
    case "gap":
      writer.varint(item.epoch);
      writer.varint(item.from);
      return writer.varint(item.to);
    case "moved":
      writer.varint(item.seq);
      writer.varint(item.copy);
      return writer.varint(item.epoch);
    case "mark":
    case "seen":
      return writer.varint(item.at);
  }
}

/** What is about the whole way between two nodes names no kind. */
const OF_THE_PEER: ShardRef = { kind: "", shard: 0 };

/** Who sent a frame, and its items. */
export interface Frame {
  /** Of the sender's cluster; it may be another than the reader's. */
  readonly generation: string;
  readonly from: NodeId;
  readonly items: readonly Item[];
}

/**
 * Reads a whole frame before any of it has an effect.
 *
 * @throws {ProtocolError} for another cluster or version
 * @throws {DecodeError} for anything else that is not a frame
 */
export function readFrame(bytes: Uint8Array, cluster: string): Frame {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== MAGIC)
    throw new DecodeError("Cannot read a frame: its first byte is not that of a frame");
  const version = reader.u8();
  if (version !== FRAME_VERSION) {
    throw new ProtocolError(`Cannot read a frame of version ${version}: this node speaks ${FRAME_VERSION}`);
  }
  const of = reader.string();
  if (of !== cluster)
    throw new ProtocolError(
      `Cannot read a frame of cluster "${of.slice(0, 64)}": this node is in cluster "${cluster}"`,
    );
  const generation = reader.string();
  const from = { node: reader.string(), incarnation: reader.string() };
  const items: Item[] = [];
  while (!reader.done) items.push(readItem(reader));
  return { generation, from, items };
}

function readItem(reader: ByteReader): Item {
  const head = reader.u8();
  const type = head & ~(URGENT | OVERSIZE);
  const kind = reader.string();
  const shard = reader.varint();
  if (shard >= SHARD_MAX) throw new DecodeError(`Cannot read an item: there is no shard ${shard}`);
  switch (type) {
    case TYPES.ask:
    case TYPES.tell:
    case TYPES.skip:
      return readEnvelope(reader, head, kind, shard);
    case TYPES.reply:
    case TYPES.error:
      return {
        item: "reply",
        kind,
        shard,
        epoch: reader.varint(),
        seq: reader.varint(),
        ok: type === TYPES.reply,
        body: reader.bytes(),
      };
    case TYPES.ack:
      return { item: "ack", kind, shard, epoch: reader.varint(), upTo: reader.varint() };
    case TYPES.waits: {
      const epoch = reader.varint();
      return {
        item: "waits",
        kind,
        shard,
        epoch,
        seqs: readList(reader, reader.left, () => reader.varint()),
      };
    }
    case TYPES.got:
      return { item: "got", kind, shard, seqs: readList(reader, reader.left, () => reader.varint()) };
    case TYPES.gap:
      return { item: "gap", kind, shard, epoch: reader.varint(), from: reader.varint(), to: reader.varint() };
    case TYPES.moved:
      return {
        item: "moved",
        kind,
        shard,
        seq: reader.varint(),
        copy: reader.varint(),
        epoch: reader.varint(),
      };
    case TYPES.mark:
    case TYPES.seen:
      return { item: type === TYPES.mark ? "mark" : "seen", at: reader.varint() };
    default:
      throw new DecodeError(`Cannot read an item: its type ${type} is unknown`);
  }
}

function readEnvelope(reader: ByteReader, head: number, kind: string, shard: number): Envelope {
  const type = head & ~(URGENT | OVERSIZE);
  const urgent = (head & URGENT) !== 0;
  const [epoch, seq, copy, first] = [reader.varint(), reader.varint(), reader.varint(), reader.varint()];
  if (seq > SEQ_MAX || first > SEQ_MAX)
    throw new DecodeError(`Cannot read an envelope: its number is ${seq}`);
  const base = { item: "envelope", kind, shard, urgent, epoch, seq, copy, first } as const;
  if (type === TYPES.skip) {
    return {
      ...base,
      type: "skip",
      remainingMs: 0,
      name: "",
      message: "",
      chain: [],
      argument: NOTHING,
      oversize: undefined,
    };
  }
  const remainingMs = reader.varint();
  const name = reader.string();
  const message = reader.string();
  const chain = readList(reader, CHAIN_MAX, () => reader.string());
  const isOversize = (head & OVERSIZE) !== 0;
  return {
    ...base,
    type: type === TYPES.ask ? "ask" : "tell",
    remainingMs,
    name,
    message,
    chain,
    argument: isOversize ? NOTHING : reader.bytes(),
    oversize: isOversize ? { bytes: reader.varint(), bytesMax: reader.varint() } : undefined,
  };
}

const NOTHING: Uint8Array = new Uint8Array();

function readList<T>(reader: ByteReader, max: number, read: () => T): T[] {
  const length = reader.varint();
  if (length > max)
    throw new DecodeError(`Cannot read a list: its length is ${length}, and ${max} at most is allowed`);
  return Array.from({ length }, read);
}
