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
import {
  type ChunkedBytes,
  type ChunkPlace,
  type ChunkSum,
  getChunks,
  joinChunks,
  putChunks,
  removeChunks,
} from "../../transport/chunks.ts";
import { amend, writeOver } from "../../transport/compare_and_set.ts";
import type { Records } from "../../transport/records.ts";
import { type ChunkSet, decodeChunkSets, encodeChunkSets, storeKeys } from "./heads.ts";
import type { StoreKey } from "../store.ts";

/** See the module's text. */
export class Chunks {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  /** Makes known that there will be chunks of this write. @returns those of others that were listed before */
  async announce(key: StoreKey, own: ChunkSet): Promise<ChunkSet[]> {
    let others: ChunkSet[] = [];
    await amend(this.#records, storeKeys.chunkSets(key), (value) => {
      others = decodeChunkSets(value).filter(({ nonce }) => nonce !== own.nonce);
      return encodeChunkSets([...others, own]);
    });
    return others;
  }

  /** Those that are listed. */
  async look(key: StoreKey): Promise<ChunkSet[]> {
    return (await this.#listed(key)).sets;
  }

  async put(key: StoreKey, nonce: string, bytes: ChunkedBytes): Promise<void> {
    await putChunks(this.#placeOf(key, nonce), bytes);
  }

  /** @returns `undefined` if a chunk is missing @throws {DecodeError} if they are not what was written */
  async get(key: StoreKey, nonce: string, sum: ChunkSum): Promise<Uint8Array | undefined> {
    const chunks = await getChunks(this.#placeOf(key, nonce), sum.chunks);
    if (chunks === undefined) return undefined;
    const bytes = joinChunks(sum, chunks);
    if (bytes === undefined)
      throw new DecodeError("Cannot read a stored entry: its chunks differ from what was written");
    return bytes;
  }

  /** Removes those, which were listed before the write that has replaced them was applied, and strikes them off. */
  async clear(key: StoreKey, replaced: readonly ChunkSet[]): Promise<void> {
    if (replaced.length === 0) return;
    for (const set of replaced) await this.remove(key, set);
    const { sets, revision, isThere } = await this.#listed(key);
    const left = sets.filter(({ nonce }) => !replaced.some((set) => set.nonce === nonce));
    const at = storeKeys.chunkSets(key);
    if (left.length > 0) await writeOver(this.#records, at, encodeChunkSets(left), revision);
    else if (isThere) await this.#records.remove(at, revision);
  }

  async #listed(key: StoreKey): Promise<{ sets: ChunkSet[]; revision: number; isThere: boolean }> {
    const found = await this.#records.get(storeKeys.chunkSets(key));
    const isThere = found?.value !== undefined;
    return { sets: decodeChunkSets(found?.value), revision: found?.revision ?? 0, isThere };
  }

  /** Removes the chunks of one write. */
  async remove(key: StoreKey, { nonce, count }: ChunkSet): Promise<void> {
    await removeChunks(this.#placeOf(key, nonce), count);
  }

  #placeOf(key: StoreKey, nonce: string): ChunkPlace {
    return { records: this.#records, keyOf: (index) => storeKeys.chunk(key, nonce, index) };
  }
}
