/**
 * Envelopes that cannot be judged yet, because the ownership of their shard is in doubt. It is a cache: whatever is
 * dropped here is sent again by its sender. So it has bounds in messages and in bytes for the whole node, the oldest
 * goes first, and nothing stays longer than its time.
 *
 * @module
 */
import { shardKey } from "../../cluster/shard_map.ts";
import type { Clock } from "../../platform/clock.ts";
import { CoalescedTimer } from "../../platform/coalesced_timer.ts";
import { type Envelope, keptBytes } from "../wire/frame_items.ts";
import type { Peer } from "../wire/peer.ts";
import type { DeliverySettings } from "../settings.ts";

/** One that is held. */
export interface Held {
  readonly peer: Peer;
  readonly envelope: Envelope;
  /** When it came, in milliseconds on the clock: its time goes on meanwhile. */
  readonly cameAt: number;
}

type BufferSettings = Pick<DeliverySettings, "heldMs" | "heldMax" | "heldBytesMax">;

/** Bytes that an envelope takes beside its argument, about. */
const OVERHEAD_BYTES = 256;

/** See the module's text. */
export class InDoubtBuffer {
  readonly #clock: Clock;
  readonly #settings: BufferSettings;
  /** By kind and shard, each in order of arrival. */
  readonly #byShard = new Map<string, Held[]>();
  /** All, in order of arrival, with the shard's key. */
  readonly #all = new Map<Held, string>();
  readonly #alarm: CoalescedTimer;
  #bytes = 0;

  constructor(clock: Clock, settings: BufferSettings) {
    this.#clock = clock;
    this.#settings = settings;
    this.#alarm = new CoalescedTimer(clock, (now) => this.#purge(now));
  }

  get size(): number {
    return this.#all.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Holds a copy; the bytes of its argument are only lent. */
  hold(peer: Peer, envelope: Envelope, cameAt: number): void {
    const key = shardKey(envelope.kind, envelope.shard);
    const held = { peer, envelope: { ...envelope, argument: envelope.argument.slice() }, cameAt };
    const ofShard = this.#byShard.get(key);
    if (ofShard) ofShard.push(held);
    else this.#byShard.set(key, [held]);
    this.#all.set(held, key);
    this.#bytes += weight(held);
    while (this.#all.size > this.#settings.heldMax || this.#bytes > this.#settings.heldBytesMax)
      this.#dropOldest();
    if (this.#all.size > 0) this.#alarm.by(this.#until(held));
  }

  /** Takes out what is held for a shard, without what has been here for too long. */
  take(kind: string, shard: number): Held[] {
    const key = shardKey(kind, shard);
    const held = this.#byShard.get(key);
    if (held === undefined) return [];
    this.#byShard.delete(key);
    for (const each of held) this.#forget(each);
    const now = this.#clock.now();
    return held.filter((each) => this.#until(each) > now);
  }

  stop(): void {
    this.#alarm.stop();
    this.#byShard.clear();
    this.#all.clear();
    this.#bytes = 0;
  }

  /** The oldest of all is the oldest of its shard. */
  #dropOldest(): void {
    const [oldest] = this.#all;
    if (oldest === undefined) return;
    const [held, key] = oldest;
    this.#forget(held);
    const ofShard = this.#byShard.get(key);
    ofShard?.shift();
    if (ofShard?.length === 0) this.#byShard.delete(key);
  }

  #forget(held: Held): void {
    if (this.#all.delete(held)) this.#bytes -= weight(held);
  }

  #purge(now: number): void {
    for (const [oldest] of this.#all) {
      if (this.#until(oldest) > now) return this.#alarm.by(this.#until(oldest));
      this.#dropOldest();
    }
  }

  #until({ cameAt }: Held): number {
    return cameAt + this.#settings.heldMs;
  }
}

function weight({ envelope }: Held): number {
  return keptBytes(envelope) + OVERHEAD_BYTES;
}
