/**
 * What a bucket holds of one entry: a head, and for a long entry chunks beside it; and under which keys.
 *
 * @module
 */
import { DecodeError } from "../../errors.ts";
import { ByteReader, ByteWriter } from "../../codec/bytes.ts";
import type { ChunkSum } from "../../transport/chunks.ts";
import { decodeToken, encodeToken } from "../../transport/subjects.ts";
import type { StoreKey } from "../store.ts";

/** The head of an entry: with its bytes, or with what the chunks beside it must add up to. */
export interface Head {
  readonly name: string;
  readonly nonce: string;
  readonly inline: Uint8Array | undefined;
  readonly sum: ChunkSum | undefined;
}

/** Chunks that one write has left, or may have left, in the bucket. */
export interface ChunkSet {
  readonly nonce: string;
  readonly count: number;
}

const VERSION = 1;
const INLINE = 0;
const CHUNKED = 1;

export function encodeHead({ name, nonce, inline, sum }: Head): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(VERSION);
  writer.u8(sum ? CHUNKED : INLINE);
  writer.string(name);
  writer.string(nonce);
  if (sum) {
    writer.varint(sum.chunks);
    writer.varint(sum.bytes);
    writer.string(sum.hash);
  } else writer.bytes(inline ?? new Uint8Array());
  return writer.finish();
}

/** @throws {DecodeError} also for the head of another actor, whose long name has the same hash */
export function decodeHead(bytes: Uint8Array, of: string): Head {
  const reader = new ByteReader(bytes);
  const [version, form] = [reader.u8(), reader.u8()];
  if (version !== VERSION || form > CHUNKED)
    throw new DecodeError(`Cannot read a stored entry: its version ${version}, form ${form}, is unknown`);
  const [name, nonce] = [reader.string(), reader.string()];
  if (name !== of) throw new DecodeError("Cannot read a stored entry: it is that of another name");
  const inline = form === INLINE ? reader.bytes().slice() : undefined;
  const sum =
    form === CHUNKED ? { chunks: reader.varint(), bytes: reader.varint(), hash: reader.string() } : undefined;
  reader.expectEnd();
  return { name, nonce, inline, sum };
}

/** Whose head it is. @throws {DecodeError} if it cannot be read */
export function nameInHead(bytes: Uint8Array): string {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== VERSION)
    throw new DecodeError(`Cannot read a stored entry: its version ${version} is unknown`);
  reader.u8();
  return reader.string();
}

export function encodeChunkSets(sets: readonly ChunkSet[]): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(VERSION);
  writer.varint(sets.length);
  for (const { nonce, count } of sets) {
    writer.string(nonce);
    writer.varint(count);
  }
  return writer.finish();
}

/** What cannot be read names no chunks: they only cost room. */
export function decodeChunkSets(bytes: Uint8Array | undefined): ChunkSet[] {
  if (bytes === undefined) return [];
  try {
    const reader = new ByteReader(bytes);
    if (reader.u8() !== VERSION) return [];
    const length = reader.varint();
    if (length > reader.left) return [];
    return Array.from({ length }, () => ({ nonce: reader.string(), count: reader.varint() }));
  } catch {
    return [];
  }
}

/** Keys within the bucket. */
export const storeKeys: {
  head(key: StoreKey): string;
  /** What the heads of a shard lie below. */
  heads(kind: string, shard: number): string;
  /** `undefined` if a hash of it stands there. */
  nameOfHead(key: string): string | undefined;
  /** Which chunks there may be of an actor. */
  chunkSets(key: StoreKey): string;
  chunk(key: StoreKey, nonce: string, index: number): string;
  mark(key: StoreKey): string;
  /** What the marks of a kind, or of one of its shards, lie below. */
  marks(kind: string, shard?: number): string;
  shardOfMark(key: string): number;
  /** When something of an actor is due. */
  due(key: StoreKey): string;
  /** What these lie below, of a kind or of one of its shards. */
  dues(kind: string, shard?: number): string;
  epoch(kind: string, shard: number): string;
  label(name: string): string;
} = {
  head: (key) => `state.${pathOf(key)}`,
  heads: (kind, shard) => `state.${kind}.${shard}`,
  nameOfHead: (key) => decodeToken(key.split(".")[3] ?? ""),
  chunkSets: (key) => `chunksets.${pathOf(key)}`,
  chunk: (key, nonce, index) => `chunks.${pathOf(key)}.${nonce}.${index}`,
  mark: (key) => `timers.${pathOf(key)}`,
  marks: (kind, shard) => (shard === undefined ? `timers.${kind}` : `timers.${kind}.${shard}`),
  due: (key) => `due.${pathOf(key)}`,
  dues: (kind, shard) => (shard === undefined ? `due.${kind}` : `due.${kind}.${shard}`),
  shardOfMark: (key) => Number(key.split(".")[2]),
  epoch: (kind, shard) => `epochs.${kind}.${shard}`,
  label: (name) => `labels.${name}`,
};

function pathOf({ kind, shard, name }: StoreKey): string {
  return `${kind}.${shard}.${encodeToken(name)}`;
}
