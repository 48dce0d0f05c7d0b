/**
 * Asks the other nodes for what happens there, as long as somebody listens here, and sees what is missing of it.
 *
 * @module
 */
import type { Membership } from "../cluster/membership.ts";
import { type NodeId, nodeId, nodeKey } from "../cluster/records/schemas.ts";
import type { Codec } from "../codec/codec.ts";
import type { EventBus, NodeEvent } from "../events.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { ClusterEvents, Listening, ToldEvent } from "./cluster_events.ts";
import { FOLLOW_EVERY_MS } from "./event_source.ts";
import type { Follow, Followed, Told, Unfollow } from "./messages.ts";

/** What it works with. */
export interface EventFollowerDeps {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly codec: Codec;
  readonly membership: Pick<Membership, "living" | "counts" | "onView" | "isMember">;
  /** Of this node. */
  readonly events: EventBus;
  readonly listeners: ClusterEvents;
  say(to: NodeId, id: number, body: Follow | Unfollow): void;
}

/** What is known of a node that one listener follows. */
interface Followee {
  readonly of: NodeId;
  /** Number of the latest of its events that came, or is known to be lost; `undefined` before it has answered. */
  seen: number | undefined;
  /** How often it was asked since its last answer. */
  unanswered: number;
  /** Whether the listener knows that nothing comes from it. */
  isSilent: boolean;
}

/** A node that has not answered so many times is silent. */
const UNANSWERED_MAX = 2;

/** See the module's text. */
export class EventFollower {
  readonly #deps: EventFollowerDeps;
  /** By listener, by node. */
  readonly #followees = new Map<number, Map<string, Followee>>();
  #timer: Timer | undefined;
  #stops: (() => void)[] = [];
  #isOver = false;

  constructor(deps: EventFollowerDeps) {
    this.#deps = deps;
    deps.listeners.onChange = () => this.#look();
    this.#look();
  }

  stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** Who listens may have changed. */
  #look(): void {
    if (this.#isOver) return;
    const { listeners, events, membership } = this.#deps;
    const now = new Set([...listeners.listening].map(({ id }) => id));
    for (const [id, followees] of this.#followees) {
      if (now.has(id)) continue;
      this.#followees.delete(id);
      for (const { of } of followees.values()) this.#deps.say(of, id, { type: "unfollow" });
    }
    if (now.size === 0) {
      this.#timer?.cancel();
      this.#timer = undefined;
      for (const stop of this.#stops.splice(0)) stop();
      return;
    }
    if (this.#stops.length === 0)
      this.#stops = [
        events.listen((event) => this.#own(event)),
        membership.onView(() => this.#viewChanged()),
      ];
    for (const listening of listeners.listening) this.#ask(listening, false);
    this.#arm();
  }

  #arm(): void {
    this.#timer ??= this.#deps.clock.after(FOLLOW_EVERY_MS, () => {
      this.#timer = undefined;
      for (const listening of this.#deps.listeners.listening) this.#ask(listening, true);
      this.#arm();
    });
  }

  /** A node that comes is asked; of one that goes nothing comes any more. */
  #viewChanged(): void {
    for (const listening of this.#deps.listeners.listening) this.#ask(listening, false);
  }

  #own(event: NodeEvent): void {
    const told = { ...event, toldBy: this.#deps.self.node } as ToldEvent;
    for (const { hear } of this.#deps.listeners.listening) hear(told);
  }

  /** @param again also those that were asked before */
  #ask(listening: Listening, again: boolean): void {
    const { membership } = this.#deps;
    const { id } = listening;
    const followees = this.#followees.get(id) ?? new Map<string, Followee>();
    this.#followees.set(id, followees);
    for (const [key, followee] of followees)
      if (!membership.isMember(followee.of)) {
        followees.delete(key);
        this.#silent(listening, followee, "over");
      }
    for (const record of membership.living) {
      const key = nodeKey(record);
      const known = followees.get(key);
      if (known && !again) continue;
      const followee = known ?? { of: nodeId(record), seen: undefined, unanswered: 0, isSilent: false };
      followees.set(key, followee);
      if (membership.counts.of(record) === undefined) this.#silent(listening, followee, "older-release");
      else this.#askOne(listening, followee);
    }
  }

  #askOne(listening: Listening, followee: Followee): void {
    const { types, kinds } = listening.filter;
    if (followee.unanswered >= UNANSWERED_MAX) this.#silent(listening, followee, "no-answer");
    followee.unanswered++;
    this.#deps.say(followee.of, listening.id, {
      type: "follow",
      ...(types === undefined ? {} : { types: [...types] }),
      ...(kinds === undefined ? {} : { kinds: [...kinds] }),
    });
  }

  #silent({ hear }: Listening, followee: Followee, reason: "over" | "no-answer" | "older-release"): void {
    if (followee.isSilent) return;
    followee.isSilent = true;
    hear({ type: "events-silent", at: this.#deps.clock.wall(), reason, toldBy: followee.of.node });
  }

  // ---- what they say

  /** It has heard, and all that it had sent by then should have come. */
  followed(from: NodeId, id: number, { sent }: Followed): void {
    const [listening, followee] = this.#find(from, id);
    if (!listening || !followee) return;
    followee.unanswered = 0;
    followee.isSilent = false;
    this.#missed(listening, followee, sent);
    followee.seen = sent;
  }

  told(from: NodeId, id: number, { first, events }: Told): void {
    const [listening, followee] = this.#find(from, id);
    if (!listening || !followee) return;
    this.#missed(listening, followee, first - 1);
    for (const bytes of events) this.#deliver(listening, followee, bytes);
    followee.seen = first + events.length - 1;
  }

  #find(from: NodeId, id: number): [Listening | undefined, Followee | undefined] {
    return [this.#deps.listeners.get(id), this.#followees.get(id)?.get(nodeKey(from))];
  }

  #missed(listening: Listening, { of, seen }: Followee, sent: number): void {
    const count = seen === undefined ? 0 : sent - seen;
    if (count > 0) this.#dropped(listening, of, count);
  }

  #dropped({ hear }: Listening, { node: toldBy }: NodeId, count: number): void {
    hear({ type: "events-dropped", at: this.#deps.clock.wall(), count, toldBy });
  }

  /** What cannot be read is missing too; what is not known here, a newer release tells. */
  #deliver(listening: Listening, { of }: Followee, bytes: Uint8Array): void {
    let event: unknown;
    try {
      event = this.#deps.codec.decode(bytes);
    } catch {
      return this.#dropped(listening, of, 1);
    }
    if (!isEvent(event)) return this.#dropped(listening, of, 1);
    listening.hear({ ...event, toldBy: of.node });
  }
}

function isEvent(value: unknown): value is NodeEvent {
  const event = value as Partial<NodeEvent> | null;
  return typeof event === "object" && typeof event?.type === "string" && typeof event.at === "number";
}
