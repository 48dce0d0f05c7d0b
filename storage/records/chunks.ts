/**
 * Entries too long for one record of a bucket: chunks first, under keys that hold the write's nonce, then the head. So an
 * entry is there as a whole or not at all.
 *
 * Which chunks there may be stands in a record of its own, written before the first of them: whatever a failed or
 * interrupted write has left is found and removed by a later one. Only what was listed before that write was applied:
 * none of it can become an entry any more, while what is listed later may be the next owner's, however late the former
 * one comes to tidying.
 *
 * @module
 */
import { DecodeError } from "../../errors.ts";
import { sha256 } from "../../platform/hash.ts";
import type { Records } from "../../transport/records.ts";
import { type ChunkSet, type ChunkSum, decodeChunkSets, encodeChunkSets, storeKeys } from "./heads.ts";
import type { StoreKey } from "../store.ts";

/** How many chunks there are, each but the last of that length. */
export function chunkCount(bytes: Uint8Array, chunkBytes: number): number {
  return Math.ceil(bytes.byteLength / chunkBytes);
}

/** What chunks of that length add up to. */
export function chunkSum(bytes: Uint8Array, chunkBytes: number): ChunkSum {
  return { count: chunkCount(bytes, chunkBytes), bytes: bytes.byteLength, hash: sha256(bytes) };
}

/** Chunks on their way at once. */
const AT_ONCE = 4;

/** See the module's text. */
export class Chunks {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  /** Makes known that there will be chunks of this write. @returns those of others that were listed before */
  async announce(key: StoreKey, own: ChunkSet): Promise<ChunkSet[]> {
    for (;;) {
      const { sets, revision } = await this.#listed(key);
      const others = sets.filter(({ nonce }) => nonce !== own.nonce);
      if ((await this.#writeSets(key, [...others, own], revision)).ok) return others;
    }
  }

  /** Those that are listed. */
  async look(key: StoreKey): Promise<ChunkSet[]> {
    return (await this.#listed(key)).sets;
  }

  /** Writes all chunks. The key holds the nonce, so whoever finds one written has written it himself. */
  async put(key: StoreKey, nonce: string, bytes: Uint8Array, chunkBytes: number): Promise<void> {
    await inGroups(chunkCount(bytes, chunkBytes), (index) => {
      const from = index * chunkBytes;
      const chunk = bytes.subarray(from, from + chunkBytes);
      return this.#records.create(storeKeys.chunk(key, nonce, index), chunk);
    });
  }

  /** @returns `undefined` if a chunk is missing @throws {DecodeError} if they are not what was written */
  async get(key: StoreKey, nonce: string, sum: ChunkSum): Promise<Uint8Array | undefined> {
    const chunks: (Uint8Array | undefined)[] = [];
    await inGroups(sum.count, async (index) => {
      chunks[index] = (await this.#records.get(storeKeys.chunk(key, nonce, index)))?.value;
    });
    const bytes = new Uint8Array(sum.bytes);
    let at = 0;
    for (const chunk of chunks) {
      if (chunk === undefined) return undefined;
      if (at + chunk.byteLength > bytes.byteLength) throw damaged();
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    if (at !== bytes.byteLength || sha256(bytes) !== sum.hash) throw damaged();
    return bytes;
  }

  /** Removes those, which were listed before the write that has replaced them was applied, and strikes them off. */
  async clear(key: StoreKey, replaced: readonly ChunkSet[]): Promise<void> {
    if (replaced.length === 0) return;
    for (const set of replaced) await this.remove(key, set);
    const { sets, revision } = await this.#listed(key);
    const left = sets.filter(({ nonce }) => !replaced.some((set) => set.nonce === nonce));
    if (left.length > 0) await this.#writeSets(key, left, revision);
    else if (revision !== undefined) await this.#records.remove(storeKeys.chunkSets(key), revision);
  }

  async #listed(key: StoreKey): Promise<{ sets: ChunkSet[]; revision: number | undefined }> {
    const found = await this.#records.get(storeKeys.chunkSets(key));
    return { sets: decodeChunkSets(found?.value), revision: found?.revision };
  }

  /** Removes the chunks of one write. */
  async remove(key: StoreKey, { nonce, count }: ChunkSet): Promise<void> {
    await inGroups(count, (index) => this.#records.remove(storeKeys.chunk(key, nonce, index)));
  }

  #writeSets(
    key: StoreKey,
    sets: readonly ChunkSet[],
    revision: number | undefined,
  ): Promise<{ ok: boolean }> {
    const [at, value] = [storeKeys.chunkSets(key), encodeChunkSets(sets)];
    return revision === undefined
      ? this.#records.create(at, value)
      : this.#records.update(at, value, revision);
  }
}

async function inGroups(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE) {
    const length = Math.min(AT_ONCE, count - from);
    await Promise.all(Array.from({ length }, (_, i) => work(from + i)));
  }
}

function damaged(): DecodeError {
  return new DecodeError("Cannot read a stored entry: its chunks differ from what was written");
}
