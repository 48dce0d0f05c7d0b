/**
 * Entries too long for one record of a bucket: chunks first, under keys that hold the write's nonce, then the head. So an
 * entry is there as a whole or not at all.
 *
 * Which chunks there may be stands in a record of its own, written before the first of them: whatever a failed or
 * interrupted write has left is found and removed by the next one.
 *
 * @module
 */
import { DecodeError } from "../errors.ts";
import { sha256 } from "../platform/hash.ts";
import type { Records } from "../transport/records.ts";
import { type ChunkSet, type ChunkSum, decodeChunkSets, encodeChunkSets, storeKeys } from "./heads.ts";
import type { StoreKey } from "./store.ts";

/** Chunks on their way at once. */
const AT_ONCE = 4;

/** See the module's text. */
export class Chunks {
  readonly #records: Records;
  readonly #chunkBytes: number;

  /** @param chunkBytes length of each but the last */
  constructor(records: Records, chunkBytes: number) {
    this.#records = records;
    this.#chunkBytes = chunkBytes;
  }

  count(bytes: Uint8Array): number {
    return Math.ceil(bytes.byteLength / this.#chunkBytes);
  }

  sum(bytes: Uint8Array): ChunkSum {
    return { count: this.count(bytes), bytes: bytes.byteLength, hash: sha256(bytes) };
  }

  /** Makes known that there will be chunks of this write. */
  async announce(key: StoreKey, own: ChunkSet): Promise<void> {
    for (;;) {
      const found = await this.#records.get(storeKeys.chunkSets(key));
      const others = decodeChunkSets(found?.value).filter(({ nonce }) => nonce !== own.nonce);
      if ((await this.#writeSets(key, [...others, own], found?.revision)).ok) return;
    }
  }

  /** Writes all chunks. The key holds the nonce, so whoever finds one written has written it himself. */
  async put(key: StoreKey, nonce: string, bytes: Uint8Array): Promise<void> {
    await inGroups(this.count(bytes), (index) => {
      const from = index * this.#chunkBytes;
      const chunk = bytes.subarray(from, from + this.#chunkBytes);
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

  /** Removes what there may be of others, once an entry of this actor was written; `kept` are its own. */
  async removeOthers(key: StoreKey, kept: ChunkSet | undefined): Promise<void> {
    const found = await this.#records.get(storeKeys.chunkSets(key));
    if (found === undefined) return;
    const sets = decodeChunkSets(found.value).filter(({ nonce }) => nonce !== kept?.nonce);
    for (const set of sets) await this.remove(key, set);
    if (kept) await this.#writeSets(key, [kept], found.revision);
    else await this.#records.remove(storeKeys.chunkSets(key), found.revision);
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
  return new DecodeError("Cannot read a stored entry: current chunks differ from what was written");
}
