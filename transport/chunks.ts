/**
 * Bytes too long for one message or one record: cut into chunks, and put together again.
 *
 * @module
 */
import { sha256 } from "../platform/hash.ts";
import type { Records } from "./records.ts";

/** What chunks add up to. */
export interface ChunkSum {
  readonly chunks: number;
  readonly bytes: number;
  /** SHA-256 over all, 64 hexadecimal digits. */
  readonly hash: string;
}

/** Bytes cut into chunks, each but the last of that length. */
export class ChunkedBytes {
  readonly size: ChunkSum;
  readonly #bytes: Uint8Array;
  readonly #chunkBytes: number;

  constructor(bytes: Uint8Array, chunkBytes: number) {
    this.#bytes = bytes;
    this.#chunkBytes = chunkBytes;
    const { byteLength } = bytes;
    this.size = { chunks: chunkCount(byteLength, chunkBytes), bytes: byteLength, hash: sha256(bytes) };
  }

  /** Without a copy; `undefined` beyond the last. */
  chunk(index: number): Uint8Array | undefined {
    if (index >= this.size.chunks) return undefined;
    return this.#bytes.subarray(index * this.#chunkBytes, (index + 1) * this.#chunkBytes);
  }
}

/** How many chunks of that length there are. */
export function chunkCount(bytes: number, chunkBytes: number): number {
  return Math.ceil(bytes / chunkBytes);
}

/** What was cut, from all its chunks in order; `undefined` if they do not add up to that. */
export function joinChunks(sum: ChunkSum, chunks: readonly Uint8Array[]): Uint8Array | undefined {
  let length = 0;
  for (const chunk of chunks) length += chunk.byteLength;
  if (length !== sum.bytes) return undefined;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return sha256(bytes) === sum.hash ? bytes : undefined;
}

/** Chunks on their way at once. */
const AT_ONCE = 4;

/** Where the chunks of one writing lie in a bucket: `keyOf` holds what nobody else has, so who finds one has written it himself. */
export interface ChunkPlace {
  readonly records: Pick<Records, "create" | "get" | "remove">;
  keyOf(index: number): string;
}

/** Writes all. If that fails, none is on its way any more. */
export async function putChunks({ records, keyOf }: ChunkPlace, bytes: ChunkedBytes): Promise<void> {
  await forEach(bytes.size.chunks, (index) =>
    records.create(keyOf(index), bytes.chunk(index) ?? new Uint8Array()),
  );
}

/** All in order; `undefined` if one is missing. */
export async function getChunks(
  { records, keyOf }: ChunkPlace,
  count: number,
): Promise<Uint8Array[] | undefined> {
  const chunks: Uint8Array[] = [];
  let isComplete = true;
  await forEach(count, async (index) => {
    const chunk = (await records.get(keyOf(index)))?.value;
    if (chunk) chunks[index] = chunk;
    else isComplete = false;
  });
  return isComplete ? chunks : undefined;
}

/** Removes all, those that are there. */
export async function removeChunks({ records, keyOf }: ChunkPlace, count: number): Promise<void> {
  await forEach(count, (index) => records.remove(keyOf(index)));
}

async function forEach(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE) {
    const length = Math.min(AT_ONCE, count - from);
    const ends = await Promise.allSettled(Array.from({ length }, (_, i) => work(from + i)));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }
}
