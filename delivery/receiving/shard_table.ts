/**
 * The shards that this node serves, and what happens to a message that comes in for one: admitted, held while the
 * ownership is in doubt, or answered by `moved`.
 *
 * @module
 */
import { shardKey, ShardMap } from "../../cluster/shard_map.ts";
import type { Ownership } from "../../cluster/ownership.ts";
import { type NodeId, sameNode } from "../../cluster/records/schemas.ts";
import type { Clock } from "../../platform/clock.ts";
import { numbers } from "../wire/frame.ts";
import type { Envelope } from "../wire/frame_items.ts";
import { InDoubtBuffer } from "./in_doubt_buffer.ts";
import type { Outbox } from "../wire/outbox.ts";
import type { Peer } from "../wire/peer.ts";
import type { DeliverySettings } from "../settings.ts";
import type { Shard } from "./shard.ts";

/** What a table works with. */
export interface ShardTableDeps {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly ownership: Ownership;
  readonly outbox: Outbox;
  readonly settings: Pick<DeliverySettings, "heldMs" | "heldMax" | "heldBytesMax">;
}

/** See the module's text. */
export class ShardTable {
  readonly #deps: ShardTableDeps;
  readonly #shards = new ShardMap<Shard>();
  readonly #held: InDoubtBuffer;
  readonly #refreshing = new Set<string>();
  readonly #listeners = new Set<(kind: string, shard: number) => void>();

  constructor(deps: ShardTableDeps) {
    this.#deps = deps;
    this.#held = new InDoubtBuffer(deps.clock, deps.settings);
  }

  get(kind: string, shard: number): Shard | undefined {
    return this.#shards.get(kind, shard);
  }

  [Symbol.iterator](): Iterator<Shard> {
    return this.#shards.values();
  }

  /** Calls back when a shard begins or ends to admit here. */
  onChange(listener: (kind: string, shard: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The shard is served from now on; what was held for it comes in. */
  attach(shard: Shard): void {
    this.#shards.set(shard.kind, shard.shard, shard);
    this.changed(shard.kind, shard.shard);
  }

  detach(shard: Shard): void {
    if (this.get(shard.kind, shard.shard) !== shard) return;
    this.#shards.delete(shard.kind, shard.shard);
    this.changed(shard.kind, shard.shard);
  }

  /** Its phase, owner or epoch changed: links choose their way again, and what was held is looked at again. */
  changed(kind: string, shard: number): void {
    for (const listener of this.#listeners) listener(kind, shard);
    if (this.#held.size === 0) return;
    for (const { peer, envelope, cameAt } of this.#held.take(kind, shard)) {
      // of a sender whose life has ended nothing is known any more: its copies must not be admitted as new
      if (!peer.over) this.#receive(peer, envelope, cameAt, this.#deps.clock.now());
    }
  }

  /** Messages held because the ownership of their shard is in doubt, and their bytes. */
  get held(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#held.size, bytes: this.#held.bytes };
  }

  stop(): void {
    this.#held.stop();
  }

  /** Takes an envelope off the wire, at a time just read from the clock; the bytes of its argument are only lent. */
  receive(peer: Peer, envelope: Envelope, now: number): void {
    this.#receive(peer, envelope, now, now);
  }

  #receive(peer: Peer, envelope: Envelope, cameAt: number, now: number): void {
    const { kind, shard } = envelope;
    const served = this.get(kind, shard);
    if (served) {
      if (envelope.epoch < served.epoch) return this.#moved(peer, envelope, served.epoch);
      if (envelope.epoch === served.epoch && served.admitsAt(now))
        return served.receive(peer, envelope, now, cameAt);
      this.#held.hold(peer, envelope, cameAt);
      if (envelope.epoch > served.epoch) this.look(kind, shard);
      return;
    }
    const known = this.#deps.ownership.entry(kind, shard)?.record;
    if (known === undefined || known.epoch < envelope.epoch) {
      this.#held.hold(peer, envelope, cameAt);
      return this.look(kind, shard);
    }
    const becomesMine = known.state === "owned" && sameNode(known.owner, this.#deps.self);
    if (becomesMine && known.epoch === envelope.epoch) return this.#held.hold(peer, envelope, cameAt);
    this.#moved(peer, envelope, known.epoch);
  }

  /** The copy is not admitted here, now or later: its sender may count on that. */
  #moved(peer: Peer, { kind, shard, seq, copy }: Envelope, epoch: number): void {
    this.#deps.outbox.add(peer, numbers({ item: "moved", kind, shard, seq, copy, epoch }));
  }

  /** A hint, from whomever, only makes this node look at the record. */
  look(kind: string, shard: number): void {
    const key = shardKey(kind, shard);
    if (this.#refreshing.has(key)) return;
    this.#refreshing.add(key);
    this.#deps.ownership
      .refresh(kind, shard)
      .catch(() => undefined) // the watch will tell
      .then(() => this.#refreshing.delete(key));
  }
}
