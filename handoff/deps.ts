/**
 * What all parts of a handoff work with.
 *
 * @module
 */
import type { Registration } from "../actors/host.ts";
import type { Gate } from "../cluster/gate.ts";
import type { Membership } from "../cluster/membership.ts";
import type { Pins } from "../cluster/placement/pins.ts";
import type { OwnedEntry, Ownership } from "../cluster/ownership.ts";
import type { NodeId } from "../cluster/records/schemas.ts";
import type { ReplyKeeper } from "../delivery/receiving/reply_keeper.ts";
import type { ShardDeps } from "../delivery/receiving/shard.ts";
import type { ShardTable } from "../delivery/receiving/shard_table.ts";
import type { EventBus } from "../events.ts";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";
import type { StoreKey } from "../storage/store.ts";
import type { Codec } from "../codec/codec.ts";
import type { Records } from "../transport/records.ts";
import type { Scale } from "../codec/weight.ts";
import type { HandoffSettings } from "./settings.ts";
import type { MoveChannel } from "./wire/move_channel.ts";

/** What a handoff asks of the store. */
export interface StoredShards {
  /** Writes that the store has not confirmed. */
  readonly writesUnderWay: number;
  /** No actor of the shard was stored under a higher epoch. */
  highestEpoch(kind: string, shard: number): Promise<number>;
  /** The actors of these shards that have timers, and perhaps some that have none any more. Asks once. */
  timed(kind: string, shards: ReadonlySet<number>): Promise<StoreKey[]>;
}

/** See the module's text. */
export interface HandoffDeps {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly random: Random;
  readonly codec: Codec;
  readonly gate: Gate;
  readonly membership: Membership;
  readonly ownership: Ownership;
  readonly pins: Pins;
  readonly hosts: ReadonlyMap<string, Registration>;
  readonly table: ShardTable;
  readonly shards: ShardDeps;
  readonly keeper: ReplyKeeper;
  readonly channel: MoveChannel;
  /** The bucket for what is parked. */
  readonly parking: Records;
  readonly stored: StoredShards;
  /** How large a chunk may be at most. */
  readonly scale: Scale;
  readonly events: EventBus;
  readonly log: Log;
  readonly settings: HandoffSettings;
  /** Whether the node has ended: whatever is still being tried is given up. */
  hasEnded(): boolean;
}

/** The part of an ownership entry that a move was prepared with. */
export type MovingEntry = OwnedEntry;
