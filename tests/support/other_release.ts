// Nodes of other releases, made from outside of the product: a connection that changes what the node on it says and hears.
//
// - `olderRelease`: one that speaks protocol 1 and has never heard of another.
// - `newerRelease`: one from the future, which speaks protocols 2 and 3: its frames, sealed shards, moves and records hold
//   things that nobody here knows.
import type { Connection, Incoming, Records, Transport } from "../../mod.ts";
import { ByteReader, ByteWriter } from "../../codec/bytes.ts";
import { createCodec } from "../../codec/codec.ts";
import { decodeActor, decodeBatch } from "../../handoff/wire/batch.ts";
import { sha256 } from "../../platform/hash.ts";
import { seededRandom } from "../../platform/random.ts";
import { bareKey } from "./keys_inside.ts";

const codec = createCodec();
type Fields = Record<string, unknown>;
/** What is written or read under a key, or sent to a subject, as it is on the other side. */
type Change = (at: string, bytes: Uint8Array) => Uint8Array;

const SAME: Change = (_at, bytes) => bytes;

function changedRecords(inner: Records, write: Change, read: Change): Records {
  const seen = <T extends { readonly key: string; readonly value: Uint8Array | undefined }>(entry: T): T => {
    return entry.value === undefined ? entry : { ...entry, value: read(bareKey(entry.key), entry.value) };
  };
  return {
    create: (key, value) => inner.create(key, write(bareKey(key), value)),
    update: (key, value, revision) => inner.update(key, write(bareKey(key), value), revision),
    remove: (key, revision) => inner.remove(key, revision),
    get: async (key) => {
      const entry = await inner.get(key);
      return entry && seen(entry);
    },
    keys: (prefix) => inner.keys(prefix),
    condition: () => inner.condition(),
    watch: (prefix, onEntry, options) => inner.watch(prefix, (entry) => onEntry(seen(entry)), options),
  };
}

/** What the node hears instead; `undefined` for what it cannot read. */
type Hear = (subject: string, bytes: Uint8Array) => Uint8Array | undefined;

function changedTransport(inner: Transport, say: Change, hear: Hear): Transport {
  return {
    get maxPayloadBytes() {
      return inner.maxPayloadBytes;
    },
    get connected() {
      return inner.connected;
    },
    publish: (subject, payload, options) => inner.publish(subject, say(subject, payload), options),
    subscribe: (subject, onMessage, options) =>
      inner.subscribe(
        subject,
        (message) => {
          const payload = hear(message.subject, message.payload);
          if (payload === message.payload) onMessage(message);
          else if (payload) onMessage(changedMessage(message, payload));
        },
        options,
      ),
    flush: () => inner.flush(),
    onStatus: (listener) => inner.onStatus(listener),
  };
}

function changedMessage(message: Incoming, payload: Uint8Array): Incoming {
  const { subject, reply, noResponders } = message;
  return { subject, payload, reply, noResponders, header: (name) => message.header(name) };
}

interface Changes {
  readonly write?: Change;
  readonly read?: Change;
  readonly say?: Change;
  readonly hear?: Hear;
}

function changed(
  inner: Connection,
  { write = SAME, read = SAME, say = SAME, hear = SAME }: Changes,
): Connection {
  return {
    type: inner.type,
    transport: changedTransport(inner.transport, say, hear),
    records: async (bucket) => {
      const records = await inner.records(bucket);
      return /-(parked|stored)$/.test(bucket) ? records : changedRecords(records, write, read);
    },
    close: () => inner.close(),
  };
}

const fields = (bytes: Uint8Array): Fields => codec.decode(bytes) as Fields;
const isFrame = (subject: string): boolean => /^[^.]+\.node\.[^.]+\.[^.]+\.(batch|actor)/.test(subject);
const isRegistry = (subject: string): boolean => /^[^.]+\.node\.[^.]+\.[^.]+\.registry$/.test(subject);
const isMove = (subject: string): boolean => /^[^.]+\.node\.[^.]+\.[^.]+\.move\./.test(subject);

/** Whether the node that a frame is for has sent it: answers to what it has asked before the shard came to it. */
function isToItself(subject: string, frame: Uint8Array): boolean {
  const reader = new ByteReader(frame);
  reader.u16(); // what it is, and its version
  const [, , node, incarnation] = [reader.string(), reader.string(), reader.string(), reader.string()];
  const [, , to, life] = subject.split(".");
  return node === to && incarnation === life;
}

/** A connection whose node says that it speaks these versions, and no more than that. */
export function speaking(inner: Connection, protocol: readonly number[]): Connection {
  return changed(inner, {
    write: (key, bytes) => (key.startsWith("nodes.") ? codec.encode({ ...fields(bytes), protocol }) : bytes),
  });
}

/** What went to and from a node of the older release. */
export interface Overheard {
  /** Versions of frames, as their second byte. */
  readonly frames: Set<number>;
  /** Versions of sealed shards and actors, as their first byte. */
  readonly batches: Set<number>;
}

/** A node that speaks protocol 1, sees everybody as if they did, and can read nothing else. */
export function olderRelease(inner: Connection): { connection: Connection; overheard: Overheard } {
  const overheard: Overheard = { frames: new Set(), batches: new Set() };
  const hear: Hear = (subject, bytes) => {
    if (isFrame(subject)) {
      if (isToItself(subject, bytes)) return bytes; // it would have written that in its own version
      overheard.frames.add(bytes[1] as number);
      return bytes[1] === 2 ? bytes : undefined;
    }
    if (isRegistry(subject)) return undefined;
    if (!isMove(subject)) return bytes;
    const message = fields(bytes);
    const { type, data, index } = message;
    if (!(data instanceof Uint8Array) || (type !== "sealed" && index !== 0)) return bytes;
    overheard.batches.add(data[0] as number);
    if (data[0] === 1) return bytes;
    return codec.encode({ ...message, data: Uint8Array.from([255, ...data.subarray(1)]) });
  };
  const withoutNews: Change = (key, bytes) => {
    if (!key.startsWith("nodes.")) return bytes;
    const { counts: _, ...rest } = fields(bytes);
    return codec.encode({ ...rest, protocol: [1] });
  };
  const say: Change = (subject, bytes) => {
    hear(subject, bytes);
    return bytes;
  };
  return { connection: changed(inner, { write: withoutNews, read: withoutNews, say, hear }), overheard };
}

/** What a node of the newer release has added to what it says, and has seen of it come back. */
export interface Future {
  /** Items and sections that were added to frames, by receiver. */
  readonly added: Map<string, number>;
  /** Messages about moves of a type that nobody knows, and to channels that nobody knows, by receiver. */
  readonly talk: Map<string, number>;
  readonly channels: Map<string, number>;
  /** Sealed shards that got sections which nobody knows. */
  sealed: number;
  /** Headers of waiting messages in shards and actors that came to it. */
  readonly headersBack: Set<string>;
}

/** What every message of the newer release is accompanied by. */
export const TRACE: readonly [string, string] = ["trace", "from the future"];

/** A node of the release after the next protocol. */
export function newerRelease(inner: Connection): { connection: Connection; future: Future } {
  const future: Future = {
    added: new Map(),
    talk: new Map(),
    channels: new Map(),
    sealed: 0,
    headersBack: new Set(),
  };
  const batches = new Map<string, Uint8Array>();
  const write: Change = (key, bytes) => {
    if (key.startsWith("nodes."))
      return codec.encode({ ...fields(bytes), protocol: [2, 3], region: "moon", tags: ["a", { b: 1 }] });
    if (!key.startsWith("shards.")) return bytes;
    return codec.encode({ ...fields(bytes), keep: { pinned: "moon" }, lease: { until: 12 } });
  };
  const say: Change = (subject, bytes) => {
    const node = subject.split(".")[2] as string;
    const to = subject.split(".").slice(0, 4).join(".");
    if (isFrame(subject)) {
      inner.transport.publish(`${to}.gossip`, bytes);
      count(future.channels, node, 1);
      return withNewItems(bytes, (added) => count(future.added, node, added));
    }
    if (!isMove(subject)) return bytes;
    const message = fields(bytes);
    inner.transport.publish(subject, codec.encode({ ...message, type: "swap", data: undefined }));
    count(future.talk, node, 1);
    const news = { ...withNewBatch(message, batches), hint: { prefer: "b" } };
    if (message.type === "sealed" && batches.has(message.moveId as string)) future.sealed++;
    return codec.encode(news);
  };
  const hear: Hear = (subject, bytes) => {
    if (!isMove(subject)) return bytes;
    const { type, data, chunks } = fields(bytes);
    if (data instanceof Uint8Array && (type !== "sealed" || chunks === 1))
      for (const word of headersIn(data)) future.headersBack.add(word);
    return bytes;
  };
  return { connection: changed(inner, { write, say, hear }), future };
}

function count(counts: Map<string, number>, node: string, by: number): void {
  counts.set(node, (counts.get(node) ?? 0) + by);
}

/** A frame of protocol 2 with items before, between and behind those that it has, and sections behind each. */
function withNewItems(bytes: Uint8Array, added: (count: number) => void): Uint8Array {
  const reader = new ByteReader(bytes);
  const writer = new ByteWriter();
  writer.u8(reader.u8());
  const version = reader.u8();
  if (version !== 3) return bytes; // to one of whom nothing is known yet
  writer.u8(version);
  for (let i = 0; i < 4; i++) writer.string(reader.string());
  let news = 0;
  const newItem = () => {
    writer.u8(77 + (news++ % 100));
    writer.bytes(Uint8Array.of(1, 2, 3));
  };
  newItem();
  while (!reader.done) {
    const type = reader.u8();
    const body = new ByteWriter();
    body.raw(reader.bytes());
    if (type === 1 || type === 2) {
      const headers = new ByteWriter();
      headers.varint(1);
      for (const word of TRACE) headers.string(word);
      body.varint(1);
      body.bytes(headers.finish());
    }
    body.varint(300 + news++);
    body.bytes(new Uint8Array(200));
    writer.u8(type);
    writer.bytes(body.finish());
    newItem();
  }
  added(news);
  return writer.finish();
}

/** What is said about a move, with sections in the shard that it carries, and its size as it is then. */
function withNewBatch(message: Fields, batches: Map<string, Uint8Array>): Fields {
  const { type, moveId, data, chunks } = message as {
    type: string;
    moveId: string;
    data?: Uint8Array;
    chunks: number;
  };
  if (type === "sealed" && data && chunks === 1 && data[0] === 2) batches.set(moveId, withNewSection(data));
  const batch = batches.get(moveId);
  if (batch === undefined) return message;
  if (type === "chunk") return { ...message, data: batch };
  if (type !== "sealed") return message;
  return { ...message, ...(data && { data: batch }), bytes: batch.byteLength, hash: sha256(batch) };
}

function withNewSection(batch: Uint8Array): Uint8Array {
  const reader = new ByteReader(batch);
  const writer = new ByteWriter();
  writer.u8(reader.u8());
  writer.varint(reader.varint() + 1);
  writer.varint(99);
  writer.bytes(Uint8Array.of(9, 9, 9));
  writer.raw(reader.raw(reader.left));
  return writer.finish().slice();
}

function headersIn(bytes: Uint8Array): string[] {
  for (const decode of [
    (given: Uint8Array) => decodeBatch(given).actors,
    (given: Uint8Array) => [decodeActor(given)],
  ]) {
    try {
      return decode(bytes).flatMap(({ backlog }) =>
        backlog.flatMap(({ headers }) => [...(headers ?? [])].flat()),
      );
    } catch {
      // it is the other one, or a part of either
    }
  }
  return [];
}

/** For a simulation: about half of the nodes that start are of another release, the same one for all of a seed. */
export function otherReleases(seed: number): (connection: Connection) => Connection {
  const random = seededRandom(seed + 5_000_011);
  const other = seed % 2 === 0 ? olderRelease : newerRelease;
  return (connection) => (random.next() < 0.5 ? other(connection).connection : connection);
}
