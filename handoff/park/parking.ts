/**
 * A place for shards without an heir: the state bucket. To park is a move whose target is the bucket, to restore is
 * one whose source is the bucket. So a single node can be replaced, and its memory stays.
 *
 * @module
 */
import { InvalidStateError, UnavailableError } from "../../errors.ts";
import type { OwnedEntry } from "../../cluster/ownership.ts";
import type { ParkedManifest } from "../../cluster/records/schemas.ts";
import { parkedRecord, restored } from "../../cluster/records/shard_changes.ts";
import { shardKey } from "../../cluster/shard_map.ts";
import type { ChunkedBytes } from "../../transport/chunks.ts";
import { isRefusal } from "../../transport/records.ts";
import type { ParkedChunks, ParkedAs } from "./parked_chunks.ts";
import type { HandoffDeps } from "../deps.ts";
import type { SealedShard } from "../move/seal.ts";
import type { Parking } from "../move/move.ts";
import { serveStaged, stageShard } from "../move/staging.ts";

/** The bucket says no to a shard. */
export interface ParkRefusal {
  /** On the own monotonic clock. */
  readonly since: number;
  /** For people. */
  readonly reason: string;
}

/** See the module's text. */
export class ParkingPlace implements Parking {
  readonly #deps: HandoffDeps;

  readonly #chunks: ParkedChunks;
  /** Shards to which the bucket has said no since it last took them. */
  readonly #refusals = new Map<string, ParkRefusal>();

  constructor(deps: HandoffDeps, chunks: ParkedChunks) {
    this.#deps = deps;
    this.#chunks = chunks;
  }

  /** Writes the chunks, then the record, which is the commit of this move. @throws {UnavailableError} */
  async park(
    kind: string,
    shard: number,
    moving: OwnedEntry,
    sealed: SealedShard,
    bytes: ChunkedBytes,
  ): Promise<void> {
    const { moveId } = moving.record;
    if (moveId === undefined) throw new UnavailableError("Cannot park a shard: its record is not moving");
    const parkedAs = { kind, shard, moveId };
    await this.#write(parkedAs, bytes);
    const manifest: ParkedManifest = {
      ...bytes.size,
      actors: sealed.actors,
      stateVersion: sealed.stateVersion,
      wallMs: sealed.wallMs,
    };
    const change = await this.#deps.ownership.change(
      kind,
      shard,
      moving,
      parkedRecord(moving.record, manifest, sealed.late),
      { giveUp: this.#deps.hasEnded },
    );
    if (change.won) return;
    void this.#chunks.remove(parkedAs, bytes.size.chunks);
    throw new UnavailableError("Cannot park a shard: its record was changed by another node");
  }

  /** All chunks or none: nobody waits for those to be gone that were written when one could not be. */
  async #write(parkedAs: ParkedAs, bytes: ChunkedBytes): Promise<void> {
    try {
      await this.#chunks.put(parkedAs, bytes);
      this.#refusals.delete(shardKey(parkedAs.kind, parkedAs.shard));
    } catch (error) {
      void this.#chunks.remove(parkedAs, bytes.size.chunks);
      if (isRefusal(error)) {
        const { since = this.#deps.clock.now() } =
          this.#refusals.get(shardKey(parkedAs.kind, parkedAs.shard)) ?? {};
        this.#refusals.set(shardKey(parkedAs.kind, parkedAs.shard), { since, reason: error.message });
      }
      throw error;
    }
  }

  /** Whether the bucket says no to a shard; `undefined` if it does not. */
  refusal(kind: string, shard: number): ParkRefusal | undefined {
    return this.#refusals.get(shardKey(kind, shard));
  }

  /**
   * Takes a parked shard out of the bucket and serves it. Whoever does that removes the chunks, so a node that has missed it
   * finds none: what is said about them counts only if the leader's record still names them.
   *
   * @returns whether this node won it
   * @throws {InvalidStateError} if what lies there is not what was put there: it stays parked, never started fresh
   * @throws {RecordsUnavailableError} if no answer comes
   */
  async restore(kind: string, shard: number, entry: OwnedEntry): Promise<boolean> {
    const { hosts, ownership, self } = this.#deps;
    const hosted = hosts.get(kind);
    const { moveId, parked, epoch, owner } = entry.record;
    if (!hosted || !moveId || !parked) return false;
    const parkedAs = { kind, shard, moveId };
    const bytes = await this.#chunks.get(parkedAs, parked);
    if (bytes === undefined) {
      const now = await ownership.refresh(kind, shard);
      if (now?.revision !== entry.revision) return false;
      throw new InvalidStateError(
        `Cannot restore shard ${shard} of kind "${kind}": its chunks differ from what was parked`,
      );
    }
    const aheadMs = this.#deps.membership.clocks.aheadOf(owner);
    const sealedAt = { node: owner, wallMs: parked.wallMs, aheadMs };
    const staged = await stageShard(this.#deps, hosted, shard, epoch + 1, bytes, sealedAt);
    const next = restored(entry.record, self);
    const change = await ownership.change(kind, shard, entry, next, { giveUp: this.#deps.hasEnded });
    if (!change.won) return false;
    serveStaged(this.#deps, staged);
    await this.#chunks.remove(parkedAs, parked.chunks);
    return true;
  }
}
