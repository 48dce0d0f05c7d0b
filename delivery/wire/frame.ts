/**
 * The binary form of what nodes say to each other about messages: one frame holds many items, for whichever actors
 * they are. Names of fields are in `frame_items.ts`; all numbers are varints, all texts UTF-8 with their length first.
 *
 * ```
 *   frame = magic 0xBA · version · cluster · generation · node · incarnation · item…
 *   item  = type · block of (fields · section…)      protocol 2
 *   item  = type and flags · fields                  protocol 1
 * ```
 *
 * An item of an unknown type is passed over, and so is a section of an unknown number; both are counted. Whatever is known
 * and damaged spoils the whole frame. Protocol 1, of the release before, can pass nothing over.
 *
 * The cluster's name is in every frame so that a test cluster cannot talk to production, and the generation of its records
 * so that no other cluster of that name can, be it a former one or one that lives elsewhere.
 *
 * @module
 */
import { DecodeError, ProtocolError } from "../../errors.ts";
import type { NodeId } from "../../cluster/records/schemas.ts";
import { ByteReader } from "../../codec/bytes.ts";
import { HeaderMap } from "../../codec/header_map.ts";
import { readSections, writeSection } from "../../codec/sections.ts";
import type { ShortTexts } from "../../codec/short_texts.ts";
import type { Envelope, FramedReply, FrameItem, Item, Reply, ShardRef } from "./frame_items.ts";
import { FRAME_VERSIONS, type FrameWriter, MAGIC } from "./frame_writer.ts";

const PROTOCOLS: ReadonlyMap<number, number> = new Map(
  [...FRAME_VERSIONS].map(([protocol, version]) => [version, protocol]),
);

/** Waiting actors in one chain of calls. */
export const CHAIN_MAX = 64;
const SHARD_MAX = 4_096;
/** No link gets that far: a million messages a second for a century are fewer. */
const SEQ_MAX = 2 ** 52;

/** Items that hold nothing but numbers. */
type Numbers = Exclude<Item, Envelope | FramedReply>;

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
const NEWEST_TYPE = 12;

/** Flags of an envelope. Of a future release, one that is unknown here changes no field; what does so is a section. */
const URGENT = 0x40;
const OVERSIZE = 0x20;

/** A section of an envelope. */
const HEADERS = 1;

/** Bytes of an item beside its texts and its body, about. */
const ITEM_BYTES = 32;

export function writeEnvelope(writer: FrameWriter, envelope: Omit<Envelope, "item">): void {
  const { oversize, kind, name, message, headers } = envelope;
  const flags = (envelope.urgent ? URGENT : 0) | (oversize ? OVERSIZE : 0);
  const about = ITEM_BYTES + kind.length + name.length + message.length + envelope.argument.byteLength;
  const opened = writer.item(TYPES[envelope.type], flags, envelope, about);
  writer.varint(envelope.epoch);
  writer.varint(envelope.seq);
  writer.varint(envelope.copy);
  writer.varint(envelope.first);
  if (envelope.type !== "skip") {
    writer.varint(envelope.remainingMs);
    writer.string(name);
    writer.string(message);
    writer.varint(envelope.chain.length);
    for (const address of envelope.chain) writer.string(address);
    if (oversize === undefined) writer.bytes(envelope.argument);
    else {
      writer.varint(oversize.bytes);
      writer.varint(oversize.bytesMax);
    }
    if (headers && writer.protocol !== 1)
      writeSection(writer, HEADERS, headers.bytes, () => headers.write(writer));
  }
  writer.end(opened, about);
}

export function writeReply(writer: FrameWriter, reply: Omit<Reply, "item">): void {
  const about = ITEM_BYTES + reply.kind.length + reply.body.byteLength;
  const opened = writer.item(reply.ok ? TYPES.reply : TYPES.error, undefined, reply, about);
  writer.varint(reply.epoch);
  writer.varint(reply.seq);
  writer.bytes(reply.body);
  writer.end(opened, about);
}

/** The items that are plain numbers. */
export function numbers(item: Numbers): FrameItem {
  return { write: (writer) => writeNumbers(writer, item) };
}

function writeNumbers(writer: FrameWriter, item: Numbers): void {
  const opened = writer.item(TYPES[item.item], undefined, "kind" in item ? item : OF_THE_PEER, ITEM_BYTES);
  switch (item.item) {
    case "ack":
      writer.varint(item.epoch);
      writer.varint(item.upTo);
      break;
    case "waits":
      writer.varint(item.epoch);
      writeSeqs(writer, item.seqs);
      break;
    case "got":
      writeSeqs(writer, item.seqs);
      break;
    case "gap":
      writer.varint(item.epoch);
      writer.varint(item.from);
      writer.varint(item.to);
      break;
    case "moved":
      writer.varint(item.seq);
      writer.varint(item.copy);
      writer.varint(item.epoch);
      break;
    case "mark":
    case "seen":
      writer.varint(item.at);
  }
  writer.end(opened, ITEM_BYTES);
}

function writeSeqs(writer: FrameWriter, seqs: readonly number[]): void {
  writer.varint(seqs.length);
  for (const seq of seqs) writer.varint(seq);
}

/** What is about the whole way between two nodes names no kind. */
const OF_THE_PEER: ShardRef = { kind: "", shard: 0 };

/** Who sent a frame, and its items. */
export interface Frame {
  /** Of the sender's cluster; it may be another than the reader's. */
  readonly generation: string;
  readonly from: NodeId;
  readonly items: readonly Item[];
  /** Items and sections of a newer release, which were passed over. */
  readonly unknown: number;
}

/**
 * Reads a whole frame before any of it has an effect.
 *
 * @param texts short texts of frames before
 * @throws {ProtocolError} for another cluster or version
 * @throws {DecodeError} for anything else that is not a frame
 */
export function readFrame(bytes: Uint8Array, cluster: string, texts?: ShortTexts): Frame {
  const reader = new FrameReader(bytes, texts);
  if (reader.u8() !== MAGIC)
    throw new DecodeError("Cannot read a frame: its first byte is not that of a frame");
  const version = reader.u8();
  const protocol = PROTOCOLS.get(version);
  if (protocol === undefined) {
    const spoken = [...PROTOCOLS.keys()].join(" and ");
    throw new ProtocolError(`Cannot read a frame of version ${version}: this node speaks ${spoken}`);
  }
  const of = reader.string();
  if (of !== cluster)
    throw new ProtocolError(
      `Cannot read a frame of cluster "${of.slice(0, 64)}": this node is in cluster "${cluster}"`,
    );
  const generation = reader.string();
  const from = { node: reader.string(), incarnation: reader.string() };
  const items: Item[] = [];
  while (!reader.done) {
    const item = protocol === 1 ? readBareItem(reader) : readBlock(reader);
    if (item) items.push(item);
  }
  return { generation, from, items, unknown: reader.unknown };
}

class FrameReader extends ByteReader {
  /** Items and sections that were passed over. */
  unknown = 0;
  /** The headers that were read last, and where: all that an actor sends at once has the same, so they are compared before they are read. */
  headers: HeaderMap | undefined;
  headersAt = 0;
  headersLength = 0;
}

/** An item of protocol 2. */
function readBlock(reader: FrameReader): Item | undefined {
  const type = reader.u8();
  const outer = reader.enter();
  let item: Item | undefined;
  if (type === 0 || type > NEWEST_TYPE) reader.unknown++;
  else {
    item = readItem(reader, type, type <= TYPES.skip ? reader.u8() : 0, true);
    if (!reader.done) reader.unknown += readSections(reader, NONE_KNOWN);
  }
  reader.leave(outer);
  return item;
}

const NONE_KNOWN = (): boolean => false;

/** An item of protocol 1. */
function readBareItem(reader: FrameReader): Item {
  const head = reader.u8();
  const flags = head & (URGENT | OVERSIZE);
  const type = head - flags;
  if (type === 0 || type > NEWEST_TYPE)
    throw new DecodeError(`Cannot read an item: its type ${type} is unknown`);
  return readItem(reader, type, flags, false);
}

function readItem(reader: FrameReader, type: number, flags: number, hasSections: boolean): Item {
  const kind = reader.string();
  const shard = reader.varint();
  if (shard >= SHARD_MAX) throw new DecodeError(`Cannot read an item: there is no shard ${shard}`);
  switch (type) {
    case TYPES.ask:
    case TYPES.tell:
    case TYPES.skip:
      return readEnvelope(reader, type, flags, kind, shard, hasSections);
    case TYPES.reply:
    case TYPES.error:
      return readReply(reader, type === TYPES.reply, kind, shard);
    case TYPES.ack:
      return { item: "ack", kind, shard, epoch: reader.varint(), upTo: reader.varint() };
    case TYPES.waits:
      return { item: "waits", kind, shard, epoch: reader.varint(), seqs: readSeqs(reader) };
    case TYPES.got:
      return { item: "got", kind, shard, seqs: readSeqs(reader) };
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
    default:
      return { item: type === TYPES.mark ? "mark" : "seen", at: reader.varint() };
  }
}

function readReply(reader: FrameReader, ok: boolean, kind: string, shard: number): FramedReply {
  const epoch = reader.varint();
  const seq = reader.varint();
  const length = reader.varint();
  const from = reader.skip(length);
  return { item: "reply", kind, shard, epoch, seq, ok, frame: reader.source, from, to: from + length };
}

function readEnvelope(
  reader: FrameReader,
  type: number,
  flags: number,
  kind: string,
  shard: number,
  hasSections: boolean,
): Envelope {
  const epoch = reader.varint();
  const seq = reader.varint();
  const copy = reader.varint();
  const first = reader.varint();
  if (seq > SEQ_MAX || first > SEQ_MAX)
    throw new DecodeError(`Cannot read an envelope: its number is ${seq}`);
  const isSkip = type === TYPES.skip;
  const isOversize = !isSkip && (flags & OVERSIZE) !== 0;
  return {
    item: "envelope",
    type: isSkip ? "skip" : type === TYPES.ask ? "ask" : "tell",
    kind,
    shard,
    epoch,
    seq,
    copy,
    first,
    urgent: (flags & URGENT) !== 0,
    remainingMs: isSkip ? 0 : reader.varint(),
    name: isSkip ? "" : reader.string(),
    message: isSkip ? "" : reader.string(),
    chain: isSkip ? NO_CHAIN : readChain(reader),
    argument: isSkip || isOversize ? NOTHING : reader.bytes(),
    oversize: isOversize ? { bytes: reader.varint(), bytesMax: reader.varint() } : undefined,
    headers: hasSections && !reader.done ? readHeaders(reader) : undefined,
  };
}

function readHeaders(reader: FrameReader): HeaderMap | undefined {
  let headers: HeaderMap | undefined;
  reader.unknown += readSections(reader, (section) => {
    if (section !== HEADERS) return false;
    if (!reader.headers || !reader.repeats(reader.headersAt, reader.headersLength)) {
      [reader.headersAt, reader.headersLength] = [reader.at, reader.left];
      reader.headers = HeaderMap.read(reader);
    }
    headers = reader.headers;
    return true;
  });
  return headers;
}

const NOTHING: Uint8Array = new Uint8Array();
const NO_CHAIN: readonly string[] = Object.freeze([]);

function readChain(reader: FrameReader): readonly string[] {
  const length = reader.varint();
  if (length === 0) return NO_CHAIN;
  if (length > CHAIN_MAX)
    throw new DecodeError(`Cannot read a list: its length is ${length}, and ${CHAIN_MAX} at most is allowed`);
  const chain: string[] = [];
  for (let i = 0; i < length; i++) chain.push(reader.string());
  return chain;
}

function readSeqs(reader: FrameReader): readonly number[] {
  const length = reader.varint();
  // each takes a byte at least, so a forged count cannot ask for more memory than was sent
  if (length > reader.left)
    throw new DecodeError(`Cannot read a list: its length is ${length}, with ${reader.left} bytes left`);
  const seqs: number[] = [];
  for (let i = 0; i < length; i++) seqs.push(reader.varint());
  return seqs;
}
