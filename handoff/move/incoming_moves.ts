/**
 * Where offers of other nodes arrive: accepted or declined, before anything has stopped.
 *
 * @module
 */
import type { Contract } from "../../actors/contract.ts";
import type { Quota } from "../../platform/pace/quota.ts";
import { sameNode } from "../../cluster/records/schemas.ts";
import { shardKey } from "../../cluster/shard_map.ts";
import type { HandoffDeps } from "../deps.ts";
import type { MoveMessageOf } from "../wire/messages.ts";
import { TargetMove } from "./target_driver.ts";

/** Moves taken at once for each one that may be given at once: a node that joins hears from all others. */
const TAKEN_PER_GIVEN = 4;

/** See the module's text. */
export class IncomingMoves {
  readonly #deps: HandoffDeps;
  readonly #onEnd: (kind: string, shard: number) => void;
  readonly #moves = new Map<string, TargetMove>();
  /** Bytes of the moves under way, once they are known. */
  readonly #bytes: Quota;
  #closed = false;

  /** @param bytes of all that comes to this node */
  constructor(deps: HandoffDeps, bytes: Quota, onEnd: (kind: string, shard: number) => void) {
    this.#deps = deps;
    this.#bytes = bytes;
    this.#onEnd = onEnd;
  }

  /** Moves under way to this node. */
  get size(): number {
    return this.#moves.size;
  }

  has(kind: string, shard: number): boolean {
    return this.#moves.has(shardKey(kind, shard));
  }

  /** Whether a shard of that kind is on its way here. */
  hasKind(kind: string): boolean {
    return [...this.#moves.values()].some(({ move }) => move.hosted.contract.kind === kind);
  }

  /** A shard's record changed. */
  look(kind: string, shard: number): void {
    this.#moves.get(shardKey(kind, shard))?.look();
  }

  /** Some node may be over. */
  lookAll(): void {
    for (const move of [...this.#moves.values()]) move.look();
  }

  offered(offer: MoveMessageOf<"offer">): void {
    const { kind, shard, epoch, from, moveId } = offer;
    const { channel, hosts, table } = this.#deps;
    const hosted = hosts.get(kind);
    if (hosted === undefined)
      return void channel.say(from, moveId, { type: "decline", reason: "unknown kind" });
    if (shard >= hosted.contract.shards) return;
    if (!this.#isOwner(offer)) return table.look(kind, shard); // by the record as it is known: it is offered again
    const reason = this.#reasonAgainst(offer, hosted.contract);
    if (reason !== undefined) return void channel.say(from, moveId, { type: "decline", reason });
    const accepted = { moveId, from, hosted, shard, epoch };
    const move = new TargetMove(this.#deps, accepted, this.#bytes, (served) => this.#ended(accepted, served));
    this.#moves.set(shardKey(kind, shard), move);
  }

  #reasonAgainst(offer: MoveMessageOf<"offer">, contract: Contract): string | undefined {
    const { kind, shard } = offer;
    const { table, settings, ownership } = this.#deps;
    const { stateVersion, durability } = contract;
    if (this.#closed) return "leaving";
    if (durability === "memory" && ownership.durability(kind) === "stored")
      return "its states are stored, here it is in memory";
    if (stateVersion < offer.stateVersion)
      return `state too new: ${offer.stateVersion}, here ${stateVersion}`;
    if (this.has(kind, shard) || table.get(kind, shard)) return "busy with this shard";
    const isFull = this.#moves.size >= settings.movesAtOnce * TAKEN_PER_GIVEN || this.#bytes.isFull;
    return isFull ? "full" : undefined;
  }

  /** Only the owner can give a shard away. Whoever else offers it could hold up its claim, or a real move. */
  #isOwner({ kind, shard, epoch, from }: MoveMessageOf<"offer">): boolean {
    const record = this.#deps.ownership.entry(kind, shard)?.record;
    return record !== undefined && sameNode(record.owner, from) && record.epoch === epoch;
  }

  #ended({ hosted, shard, epoch }: TargetMove["move"], served: boolean): void {
    const { kind } = hosted.contract;
    this.#moves.delete(shardKey(kind, shard));
    if (served)
      this.#deps.events.emit({ type: "shard-owned", kind, shard, epoch: epoch + 1, how: "handed-off" });
    this.#onEnd(kind, shard);
  }

  /** Takes nothing new: the node is leaving. */
  close(): void {
    this.#closed = true;
  }

  stop(): void {
    this.close();
    for (const move of this.#moves.values()) move.stop();
  }
}
