/**
 * Tells other nodes what happens here, as far as they have asked for it. Nobody listens, unless somebody has asked: then nothing is
 * made of an event, and nothing is sent.
 *
 * Each follower has numbers of its own, so that it sees what is missing. What it does not take is lost: the oldest first.
 *
 * @module
 */
import type { Gate } from "../cluster/gate.ts";
import type { Membership } from "../cluster/membership.ts";
import { type NodeId, nodeKey } from "../cluster/records/schemas.ts";
import type { Codec } from "../codec/codec.ts";
import type { EventBus, NodeEvent } from "../events.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { type EventFilter, passes } from "./event_filter.ts";
import type { Follow, Followed, Told } from "./messages.ts";

/** What it works with. */
export interface EventSourceDeps {
  readonly clock: Clock;
  readonly codec: Codec;
  readonly gate: Pick<Gate, "isOpen">;
  readonly membership: Pick<Membership, "isMember">;
  readonly events: EventBus;
  say(to: NodeId, id: number, body: Followed | Told): void;
}

/** How long a word of a follower counts. It says it again every {@link FOLLOW_EVERY_MS}. */
const FOLLOWED_MS = 15_000;
export const FOLLOW_EVERY_MS = 5_000;
/** Most followers; more are not answered. */
const FOLLOWERS_MAX = 64;
/** Events that wait to be sent to one follower; beyond, the oldest are lost. */
const WAITING_MAX = 1_024;
/** Events are sent together after so long, in messages of so many bytes, about. */
const TOGETHER_MS = 20;
const MESSAGE_BYTES = 65_536;
/** While the gate is closed. */
const CLOSED_MS = 500;

interface Follower {
  readonly to: NodeId;
  readonly id: number;
  filter: EventFilter;
  until: number;
  /** Number of the latest event; and of the latest that was sent, or lost here. */
  latest: number;
  sent: number;
  waiting: Uint8Array[];
}

/** See the module's text. */
export class EventSource {
  readonly #deps: EventSourceDeps;
  readonly #followers = new Map<string, Follower>();
  #unlisten: (() => void) | undefined;
  #timer: Timer | undefined;

  constructor(deps: EventSourceDeps) {
    this.#deps = deps;
  }

  /** How many follow it. */
  get followers(): number {
    return this.#followers.size;
  }

  follow(from: NodeId, id: number, { types, kinds }: Follow): void {
    const key = `${nodeKey(from)} ${id}`;
    const now = this.#deps.clock.now();
    if (!this.#followers.has(key)) this.#forget(now);
    if (this.#followers.size >= FOLLOWERS_MAX && !this.#followers.has(key)) return;
    const filter = { types: types && new Set(types), kinds: kinds && new Set(kinds) };
    const known = this.#followers.get(key);
    const follower = known ?? { to: from, id, filter, until: 0, latest: 0, sent: 0, waiting: [] };
    follower.filter = filter;
    follower.until = now + FOLLOWED_MS;
    this.#followers.set(key, follower);
    this.#unlisten ??= this.#deps.events.listen((event) => this.#onEvent(event));
    this.#deps.say(from, id, { type: "followed", sent: follower.sent });
  }

  unfollow(from: NodeId, id: number): void {
    this.#followers.delete(`${nodeKey(from)} ${id}`);
    this.#rest();
  }

  stop(): void {
    this.#followers.clear();
    this.#rest();
  }

  /** Forgets who has not said it again, or is over. */
  #forget(now: number): void {
    for (const [key, { to, until }] of this.#followers)
      if (until < now || !this.#deps.membership.isMember(to)) this.#followers.delete(key);
    this.#rest();
  }

  #rest(): void {
    if (this.#followers.size > 0) return;
    this.#unlisten?.();
    this.#unlisten = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #onEvent(event: NodeEvent): void {
    let bytes: Uint8Array | undefined;
    for (const follower of this.#followers.values()) {
      if (!passes(follower.filter, event)) continue;
      bytes ??= this.#encoded(event);
      follower.latest++;
      follower.waiting.push(bytes);
      if (follower.waiting.length > WAITING_MAX) this.#lose(follower);
      this.#timer ??= this.#deps.clock.after(TOGETHER_MS, () => this.#send());
    }
  }

  #lose(follower: Follower): void {
    follower.waiting.shift();
    follower.sent++;
  }

  #encoded(event: NodeEvent): Uint8Array {
    try {
      return this.#deps.codec.encode(event).slice();
    } catch {
      return NOTHING; // counted by its number
    }
  }

  #send(): void {
    const { clock, gate } = this.#deps;
    this.#timer = undefined;
    this.#forget(clock.now());
    if (this.#followers.size === 0) return;
    if (!gate.isOpen) this.#timer = clock.after(CLOSED_MS, () => this.#send());
    else for (const follower of this.#followers.values()) this.#sendTo(follower);
  }

  #sendTo(follower: Follower): void {
    while (follower.waiting.length > 0) {
      const events: Uint8Array[] = [];
      let bytes = 0;
      for (const event of follower.waiting) {
        bytes += event.byteLength + 8;
        if (events.length > 0 && bytes > MESSAGE_BYTES) break;
        events.push(event);
      }
      const first = follower.sent + 1;
      follower.waiting.splice(0, events.length);
      follower.sent += events.length;
      this.#deps.say(follower.to, follower.id, { type: "told", first, events });
    }
  }
}

const NOTHING: Uint8Array = new Uint8Array();
