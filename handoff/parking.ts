/**
 * A place for shards without an heir: the state bucket. To park is a move whose target is the bucket, to restore is
 * one whose source is the bucket. So a single node can be replaced, and its memory stays.
 *
 * @module
 */
import { InvalidStateError, UnavailableError } from "../errors.ts";
import type { OwnedEntry } from "../cluster/ownership.ts";
import type { ParkedManifest } from "../cluster/protocol.ts";
import { parkedRecord, restored } from "../cluster/shard_changes.ts";
import { sha256 } from "../platform/hash.ts";
import type { CasResult } from "../transport/records.ts";
import type { HandoffPorts } from "./ports.ts";
import type { SealedShard } from "./seal.ts";
import type { Parking } from "./move.ts";
import { serveStaged, stageShard } from "./staging.ts";
import type { Giving } from "./transfer.ts";

/** Attempts at one write or read of a chunk. */
const ATTEMPTS = 5;

/** See the module's text. */
export class ParkingPlace implements Parking {
  readonly #ports: HandoffPorts;

  constructor(ports: HandoffPorts) {
    this.#ports = ports;
  }

  /** Writes the chunks, then the record, which is the commit of this move. @throws {UnavailableError} */
  async park(
    kind: string,
    shard: number,
    moving: OwnedEntry,
    sealed: SealedShard,
    giving: Giving,
  ): Promise<void> {
    const { moveId } = moving.record;
    if (moveId === undefined) throw new UnavailableError("Cannot park a shard: current record is not moving");
    const { chunks, bytes, hash } = giving.size;
    const stateVersion = this.#ports.hosts.get(kind)?.contract.stateVersion ?? 0;
    for (let index = 0; index < chunks; index++)
      await this.#put(chunkKey(kind, shard, moveId, index), giving.chunk(index));
    const manifest: ParkedManifest = { chunks, bytes, hash, actors: sealed.actors, stateVersion };
    const change = await this.#ports.ownership.change(
      kind,
      shard,
      moving,
      parkedRecord(moving.record, manifest, sealed.late),
      { giveUp: this.#ports.hasEnded },
    );
    if (!change.won) throw new UnavailableError("Cannot park a shard: current record was changed by another");
  }

  /**
   * Takes a parked shard out of the bucket and serves it.
   *
   * @returns whether this node won it
   * @throws {InvalidStateError} if what lies there is not what was put there: it stays parked, never started fresh
   */
  async restore(kind: string, shard: number, entry: OwnedEntry): Promise<boolean> {
    const { hosts, ownership, self } = this.#ports;
    const hosted = hosts.get(kind);
    const { moveId, parked, epoch } = entry.record;
    if (!hosted || !moveId || !parked) return false;
    const bytes = await this.#read(kind, shard, moveId, parked);
    const staged = await stageShard(this.#ports, hosted, shard, epoch + 1, bytes);
    const next = restored(entry.record, self);
    const change = await ownership.change(kind, shard, entry, next, { giveUp: this.#ports.hasEnded });
    if (!change.won) return false;
    serveStaged(this.#ports, staged);
    for (let index = 0; index < parked.chunks; index++)
      await this.#remove(chunkKey(kind, shard, moveId, index));
    return true;
  }

  async #read(kind: string, shard: number, moveId: string, parked: ParkedManifest): Promise<Uint8Array> {
    const bytes = new Uint8Array(parked.bytes);
    let at = 0;
    for (let index = 0; index < parked.chunks; index++) {
      const found = await this.#again(() => this.#ports.parking.get(chunkKey(kind, shard, moveId, index)));
      const chunk = found?.value;
      if (chunk === undefined || at + chunk.byteLength > bytes.byteLength) throw damaged(kind, shard);
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    if (at !== bytes.byteLength || sha256(bytes) !== parked.hash) throw damaged(kind, shard);
    return bytes;
  }

  /** The key holds the move's id, so whoever finds it written has written it himself. */
  async #put(key: string, data: Uint8Array | undefined): Promise<CasResult> {
    return await this.#again(() => this.#ports.parking.create(key, data ?? new Uint8Array()));
  }

  async #remove(key: string): Promise<void> {
    await this.#ports.parking.remove(key).catch(() => undefined); // it costs room, nothing else
  }

  async #again<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }
}

function chunkKey(kind: string, shard: number, moveId: string, index: number): string {
  return `parked.${kind}.${shard}.${moveId}.${index}`;
}

function damaged(kind: string, shard: number): InvalidStateError {
  return new InvalidStateError(
    `Cannot restore shard ${shard} of kind "${kind}": current chunks differ from what was parked`,
  );
}
