/**
 * The chunks of parked shards in the state bucket: written, read, removed, and looked for when nobody needs them.
 *
 * A park that fails removes what it has written. A crash in the middle, or a removal that did not get through, leaves
 * chunks behind; so each owner looks from time to time for those that its shard's record does not name.
 *
 * @module
 */
import type { OwnedEntry } from "../../cluster/ownership.ts";
import { sameNode } from "../../cluster/records/schemas.ts";
import type { Timer } from "../../platform/clock.ts";
import {
  type ChunkedBytes,
  type ChunkPlace,
  type ChunkSum,
  getChunks,
  joinChunks,
  putChunks,
  removeChunks,
} from "../../transport/chunks.ts";
import type { CasResult, RecordEntry } from "../../transport/records.ts";
import type { HandoffDeps } from "../deps.ts";

/** Attempts at one write or read of a chunk. */
const ATTEMPTS = 5;

/** Which chunks: of one shard, parked by one move. */
export interface ParkedAs {
  readonly kind: string;
  readonly shard: number;
  readonly moveId: string;
}

/** See the module's text. */
export class ParkedChunks {
  readonly #deps: HandoffDeps;
  #timer: Timer | undefined;
  #sweeping = false;

  constructor(deps: HandoffDeps) {
    this.#deps = deps;
  }

  async put(of: ParkedAs, bytes: ChunkedBytes): Promise<void> {
    await putChunks(this.#placeOf(of), bytes);
  }

  /** @returns `undefined` if they are not what was parked */
  async get(of: ParkedAs, sum: ChunkSum): Promise<Uint8Array | undefined> {
    const chunks = await getChunks(this.#placeOf(of), sum.chunks);
    return chunks && joinChunks(sum, chunks);
  }

  /** Removes the chunks of one park; what does not get through costs room until the next sweep, and nothing else. */
  async remove(of: ParkedAs, chunks: number): Promise<void> {
    await removeChunks(this.#placeOf(of), chunks);
  }

  #placeOf(of: ParkedAs): ChunkPlace {
    const { parking } = this.#deps;
    return {
      keyOf: (index) => keyOf(of, index),
      records: {
        create: (key, value) => again(() => parking.create(key, value)),
        get: (key) => again(() => parking.get(key)),
        remove: (key) => this.#remove(key),
      },
    };
  }

  /** Begins to look for chunks that nobody needs. */
  start(): void {
    const { clock, settings } = this.#deps;
    this.#timer = clock.after(settings.chunkSweepMs, () => {
      void this.#sweep();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  async #sweep(): Promise<void> {
    const { gate, hosts } = this.#deps;
    if (this.#sweeping || !gate.isOpen) return;
    this.#sweeping = true;
    try {
      for (const kind of hosts.keys()) await this.#sweepKind(kind);
    } catch {
      // whatever it was: the next look begins anew
    } finally {
      this.#sweeping = false;
    }
  }

  async #sweepKind(kind: string): Promise<void> {
    const keys: string[] = [];
    const onChunk = ({ key, value }: RecordEntry) => void (value && keys.push(key));
    const watch = await this.#deps.parking.watch(`parked.${kind}`, onChunk, { once: true });
    watch.stop();
    for (const key of keys) if (await this.#isLeftOver(kind, key)) await this.#remove(key);
  }

  /**
   * Asks the leader as well: by what the watch has shown it may still be this node's shard when another one has parked
   * it. The chunk was there before that, and chunks are written under a record that names their move; so whatever the
   * leader's record does not name now, it never will.
   */
  async #isLeftOver(kind: string, key: string): Promise<boolean> {
    const [, , shard, moveId] = key.split(".");
    const { ownership } = this.#deps;
    if (!this.#isUnneeded(ownership.entry(kind, Number(shard)), moveId)) return false;
    return this.#isUnneeded(await ownership.refresh(kind, Number(shard)), moveId);
  }

  /** Its shard is this node's, and not parked: only a park that this node is making needs chunks, under its own move. */
  #isUnneeded(entry: OwnedEntry | undefined, moveId: string | undefined): boolean {
    if (entry === undefined || !sameNode(entry.record.owner, this.#deps.self)) return false;
    return entry.record.state !== "parked" && entry.record.moveId !== moveId;
  }

  async #remove(key: string): Promise<CasResult> {
    return await this.#deps.parking.remove(key).catch(() => ({ ok: false }));
  }
}

async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

function keyOf({ kind, shard, moveId }: ParkedAs, index: number): string {
  return `parked.${kind}.${shard}.${moveId}.${index}`;
}
