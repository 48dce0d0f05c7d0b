/**
 * What a node tells about itself and its cluster, as data. An application reads it with `node.events()`.
 *
 * @module
 */
import type { ErrorData } from "./errors.ts";

/** One event. `type` says which; `at` is milliseconds since 1970 on the node that tells. */
export type NodeEvent = { readonly at: number } & NodeEventBody;

/** The events by type. */
export type NodeEventBody =
  /** A node is up. */
  | { readonly type: "node-joined"; readonly node: string; readonly incarnation: string }
  /** A node has handed everything over and gone. */
  | { readonly type: "node-left"; readonly node: string; readonly incarnation: string }
  /** A node's lease ran out; its memory actors start fresh elsewhere. */
  | { readonly type: "node-lost"; readonly node: string; readonly incarnation: string }
  /**
   * A neighbour has answered nothing for about half a second: it is frozen, very busy, cut off, or killed. Nothing
   * follows from it but that it is watched; it goes on as before if it answers again.
   */
  | { readonly type: "node-suspect"; readonly node: string; readonly incarnation: string }
  /**
   * The wall clocks of that node and of this one disagree by more than two seconds; `byMs`: by how much the one here is
   * ahead, below 0 if it is behind. Stored timers that come from there are counted by the clock that noted them.
   */
  | {
      readonly type: "clocks-disagree";
      readonly node: string;
      readonly incarnation: string;
      readonly byMs: number;
    }
  /** This node was declared dead by the others and has dropped what it had. */
  | { readonly type: "fenced"; readonly reason: string }
  /** This node has joined again after it was fenced, as a new incarnation. */
  | { readonly type: "rejoined"; readonly incarnation: string }
  /** This node pauses: its lease or its connection is in doubt. */
  | { readonly type: "paused"; readonly reason: string }
  /** This node goes on after a pause. */
  | { readonly type: "resumed" }
  /** This node became owner of a shard: new, after a crash, by a move, or from the parking place. */
  | {
      readonly type: "shard-owned";
      readonly kind: string;
      readonly shard: number;
      readonly epoch: number;
      readonly how: "first" | "claimed" | "handed-off" | "restored" | "reclaimed";
    }
  /** This node stopped serving a shard, without a move of its own: the record gives it to somebody else. */
  | { readonly type: "shard-lost"; readonly kind: string; readonly shard: number; readonly epoch: number }
  /** A move that this node gave away has ended. `durationMs` counts from the offer, `pauseMs` from the drain. */
  | ShardMoved
  /** A move was declined, failed or timed out; the shard stays with its owner, who tries again later. */
  | {
      readonly type: "move-aborted";
      readonly kind: string;
      readonly shard: number;
      readonly to: string;
      readonly reason: string;
    }
  /** A shard of this node goes on in other code, by `upgrade()`. `pauseMs`: for how long none of its actors had a turn. */
  | {
      readonly type: "shard-upgraded";
      readonly kind: string;
      readonly shard: number;
      /** The epoch under which it goes on. */
      readonly epoch: number;
      readonly stateVersion: number;
      readonly actors: number;
      /** Actors whose handlers still run in the former code; they follow. */
      readonly lateActors: number;
      /** Actors whose states could not be upgraded and that were set aside for that, as `force` says. */
      readonly quarantined: number;
      readonly pauseMs: number;
    }
  /** A shard goes on in the code that it had: an actor of it cannot be upgraded, or something else was in the way. */
  | ({ readonly type: "upgrade-kept" } & KeptShard)
  /** An `upgrade()` has ended for a kind. */
  | {
      readonly type: "kind-upgraded";
      readonly kind: string;
      readonly stateVersion: number;
      /** Shards that have the new code, and those that have not. */
      readonly upgraded: number;
      readonly kept: number;
    }
  /**
   * An actor has a timer whose message its contract does not declare any more. It is kept and does not go off, until code has
   * the actor that declares the message. Told by each activation of the actor.
   */
  | {
      readonly type: "timer-undeclared";
      readonly kind: string;
      readonly name: string;
      readonly message: string;
      /** Its id. */
      readonly timer: string;
    }
  | { readonly type: "actor-activated"; readonly kind: string; readonly name: string; readonly why: string }
  /** An actor has ended itself by `destroy()`: its state and timers are gone. */
  | { readonly type: "actor-destroyed"; readonly kind: string; readonly name: string }
  | { readonly type: "actor-passivated"; readonly kind: string; readonly name: string }
  /** A handler outlived its shard's drain; the actor follows by itself. */
  | { readonly type: "actor-late"; readonly kind: string; readonly name: string }
  /** An actor came back without its state, because its node was lost or its handler did not end in time. */
  | {
      readonly type: "actor-recovered";
      readonly kind: string;
      readonly name: string;
      readonly reason: string;
    }
  /**
   * A message was being handled when so many of its owners were lost, one after the other, and is not tried again: an
   * `idempotent` message ends as `outcome-unknown` for its sender, whose node tells this; a stored `timer` is kept and does not go off,
   * which each next owner of its actor tells once.
   */
  | {
      readonly type: "message-quarantined";
      readonly kind: string;
      readonly name: string;
      readonly message: string;
      readonly deaths: number;
      /** Its id, if it is a timer's. */
      readonly timer?: string;
    }
  /** A state cannot be decoded, upgraded or validated here. The actor answers `invalid-state` and is never started fresh. */
  | {
      readonly type: "actor-quarantined";
      readonly kind: string;
      readonly name: string;
      readonly reason: string;
    }
  /**
   * Shards of a kind that this node hosts are parked with states of a newer version than any node here reads, as after a
   * rollback. They stay so, and their actors do not answer, until a node starts that reads it. Told once for each shard.
   */
  | {
      readonly type: "shards-unreadable";
      readonly kind: string;
      readonly shards: readonly number[];
      /** With which they are parked. */
      readonly stateVersion: number;
      /** The newest that a node here reads. */
      readonly readable: number;
      readonly reason: string;
    }
  /**
   * Shards have no owner, though nodes host their kind: none of these has the labels that it requires. Told once for each shard
   * by every node that hosts the kind, and calls end as `unavailable` with the reason `no-suitable-node`.
   */
  | {
      readonly type: "shards-unplaced";
      readonly kind: string;
      readonly shards: readonly number[];
      readonly require: Readonly<Record<string, string>>;
    }
  /** A handler or hook threw, or what it left or returned does not fit: `error` says which. */
  | {
      readonly type: "handler-failed";
      readonly kind: string;
      readonly name: string;
      readonly message: string;
      readonly error: ErrorData;
    }
  /** What is stored of an actor was changed by another: what it had not stored is lost, and it begins anew from there. */
  | { readonly type: "commit-refused"; readonly kind: string; readonly name: string }
  /** A tell was refused, and nobody had attached to its promise by the end of that turn of the event loop. */
  | {
      readonly type: "tell-refused";
      readonly kind: string;
      readonly name: string;
      readonly message: string;
      /** Of the error with which the promise is rejected. */
      readonly code: string;
    }
  /**
   * What is stored of an actor was not read, for a reason that does not pass by itself. What waited for it gets the error;
   * if something of it must go on, such as a timer, it is tried `again`, every ten seconds in the end.
   */
  | {
      readonly type: "load-failed";
      readonly kind: string;
      readonly name: string;
      readonly error: ErrorData;
      readonly again: boolean;
    }
  /** The stored timers of shards that were taken over cannot be listed yet; it is tried again. */
  | {
      readonly type: "recovery-delayed";
      readonly kind: string;
      readonly shards: number;
      readonly error: ErrorData;
    }
  /** The actors of a shard that are all kept alive cannot be listed yet, so some do not begin by themselves; it is tried again. */
  | {
      readonly type: "keep-delayed";
      readonly kind: string;
      readonly shard: number;
      readonly error: ErrorData;
    }
  /**
   * That node keeps other actors of a kind alive than this one. The owner of a shard goes by its own, so who runs depends on where a shard
   * is; while a roll-out changes what is kept, that is so for a while. Told once for each node and kind.
   */
  | {
      readonly type: "keep-differs";
      readonly kind: string;
      readonly node: string;
      readonly incarnation: string;
    }
  /**
   * An actor has failed too often lately, as its `restart` says, the last time with this `error`. Nothing of it runs for `retryAfterMs`
   * milliseconds, and messages end as `actor-stopped`; then the next message begins it, or its node if it is kept alive or has timers.
   */
  | {
      readonly type: "actor-stopped";
      readonly kind: string;
      readonly name: string;
      readonly error: ErrorData;
      readonly retryAfterMs: number;
    }
  /** This node reads a stream for a kind, from now on. */
  | ({ readonly type: "subscription-reads" } & SubscriptionName)
  /** The stream of a subscription, or its consumer, cannot be had; it is tried again. Told when the reason changes. */
  | ({ readonly type: "subscription-waits"; readonly error: ErrorData } & SubscriptionName)
  /**
   * A message of a stream, and those behind it for the same actor, have waited for ten seconds or more, for what passes by itself: no owner, no
   * room, no store. `name`: the actor. Told of one message in ten seconds.
   */
  | ({
      readonly type: "subscription-delayed";
      readonly name?: string;
      readonly sequence: number;
      readonly error: ErrorData;
    } & SubscriptionName)
  /**
   * A message of a stream was set aside: no actor has had it, or none could take it. It was written to the subject `to`; only if that is
   * "recorded" a stream has it. `name`: the actor, if that could be found out.
   */
  | ({
      readonly type: "message-buried";
      readonly name?: string;
      readonly message: string;
      readonly sequence: number;
      readonly tries: number;
      readonly to: string;
      readonly written: "recorded" | "unheard" | "unconfirmed" | "refused";
      readonly error: ErrorData;
    } & SubscriptionName)
  /** A message that nobody can receive any more. */
  | {
      readonly type: "dead-letter";
      readonly kind: string;
      readonly name: string;
      readonly message: string;
      readonly reason: string;
    }
  /** Something came in that is not a message of ours; counted and dropped. */
  | { readonly type: "rejected-input"; readonly subject: string; readonly error: ErrorData }
  /**
   * Another cluster of the same name is alive: this node hears nodes that use other records, as over a leafnode whose server
   * has JetStream of its own. Each serves its own actors. Told every 30 s at most; `generation` is the other's.
   */
  | {
      readonly type: "other-cluster";
      readonly node: string;
      readonly incarnation: string;
      readonly generation: string;
    }
  /**
   * The nats-server is too old for buckets of several copies: it may lose writes that it has acknowledged. Take `least` or a newer
   * one. Told a second after the node has joined, when somebody can listen.
   */
  | { readonly type: "server-outdated"; readonly version: string; readonly least: string }
  /** What this node shows to NATS ends then, in milliseconds since 1970, and it has nothing that lasts longer. */
  | { readonly type: "credentials-expiring"; readonly endsAt: number }
  /**
   * NATS refuses what this node shows of itself, or it cannot be had. It is tried again, unless `final`: then the node has
   * ended. Told once a second at most.
   */
  | { readonly type: "credentials-refused"; readonly error: ErrorData; readonly final: boolean }
  /** The server refused a subject for want of a permission; told once a second at most, `permissionsRefused` counts all. */
  | { readonly type: "permission-denied"; readonly error: ErrorData }
  /** The process that started this one has ended: signals that are sent to it do not come here. Told where signals are followed. */
  | { readonly type: "parent-ended"; readonly pid: number }
  /**
   * The store has said no to a change or a reading, and will say it again until somebody has made room, or raised a limit:
   * of the cluster's records, of what is parked, or of stored actors. Told once in 10 s at most for each of them;
   * `storeRefused` counts all.
   */
  | {
      readonly type: "store-refused";
      readonly store: "records" | "parked" | "stored";
      readonly error: ErrorData;
    }
  /** Somebody has removed a bucket, made another one of its name, or changed its settings so that records may be lost. */
  | { readonly type: "bucket-trouble"; readonly bucket: string; readonly reason: string }
  /** Nothing is wrong with that bucket any more. */
  | { readonly type: "bucket-mended"; readonly bucket: string }
  /**
   * A node with `parkTo` has joined, and this is what it found in its file: `parked` shards with `actors` actors, which it takes back now
   * (`shard-owned`, `how: "restored"`), and `lost` shards whose process ended without a leave: what those had in memory is gone.
   * Of the kinds that it hosts.
   */
  | { readonly type: "file-opened"; readonly parked: number; readonly actors: number; readonly lost: number }
  /**
   * A stream records requests to the door. It acknowledges each to the caller, who takes that for the answer, until `cure`
   * is done. Told once for each stream.
   */
  | {
      readonly type: "door-recorded";
      readonly stream: string;
      readonly subjects: readonly string[];
      readonly cure: string;
    }
  /**
   * A promise was rejected in this process, and nobody handles it: forgotten in a handler, or anywhere else. The process
   * ends then, unless the application listens to such rejections itself, so who reads this by `node.events()` may not
   * have his turn any more; the log is written before. It is not known whose promise it was. `running`: the actors of
   * this node whose handlers had not ended, 16 at most; one that has ended may have left it behind as well. Each node of
   * the process tells it.
   */
  | {
      readonly type: "floating-rejection";
      readonly running: readonly { readonly kind: string; readonly name: string }[];
      readonly error: ErrorData;
    }
  /** A listener was too slow: this many events were dropped before the next one. Of the cluster's events also what has not come. */
  | { readonly type: "events-dropped"; readonly count: number }
  /**
   * Only to who listens to the cluster's events: from now on nothing comes from the node `toldBy`, until it answers. It is "over",
   * has given "no-answer", or is of an "older-release". How much is missing is not known.
   */
  | { readonly type: "events-silent"; readonly reason: "over" | "no-answer" | "older-release" };

/** A shard that has not been upgraded. */
export interface KeptShard {
  readonly kind: string;
  readonly shard: number;
  /** The first actor whose state cannot be upgraded, if that is why. */
  readonly actor?: string;
  readonly reason: string;
}

/** Which subscription an event is about. */
export interface SubscriptionName {
  readonly kind: string;
  readonly stream: string;
  /** Name of the JetStream consumer. */
  readonly durable: string;
}

/** The end of one planned move, as the source tells it. Also an entry of the move journal. */
export interface ShardMoved {
  readonly type: "shard-moved";
  readonly moveId: string;
  readonly kind: string;
  readonly shard: number;
  /** The epoch under which the new owner serves. */
  readonly epoch: number;
  readonly from: string;
  /** The new owner, or "parked". */
  readonly to: string;
  /** Why it moved: to even out the shares, because its node leaves or drains, or by `move()`; "park" into the bucket. */
  readonly why: "rebalance" | "leave" | "park" | "drain" | "by-hand";
  /** What who moved it by hand has given. */
  readonly reason?: string;
  readonly actors: number;
  readonly lateActors: number;
  readonly bytes: number;
  readonly durationMs: number;
  /** From the last handler start at the old owner until the new owner's commit was seen. */
  readonly pauseMs: number;
}

const BUFFER_MAX = 4_096;
/** Events that are kept while nobody can listen yet. */
const EARLY_MAX = 1_024;

/** Hands events to any number of listeners; each has a bounded buffer and loses the oldest when it is full. */
export class EventBus {
  readonly #wall: () => number;
  readonly #parent: EventBus | undefined;
  readonly #listeners = new Set<(event: NodeEvent) => void>();
  readonly #streams = new Set<EventStream>();
  /** What is told before anybody can listen, for the first who does. */
  #early: NodeEvent[] | undefined;
  #keepsEarly = false;
  #closed = false;

  /** @param parent told of everything too, until this bus is closed */
  constructor(wall: () => number, parent?: EventBus) {
    this.#wall = wall;
    this.#parent = parent;
  }

  emit(body: NodeEventBody): void {
    if (this.#closed) return;
    this.#parent?.emit(body);
    if (this.#listeners.size === 0 && this.#streams.size === 0 && !this.#keepsEarly) return;
    const event = { at: this.#wall(), ...body } as NodeEvent;
    for (const listener of this.#listeners) listener(event);
    for (const stream of this.#streams) stream.push(event);
    if (this.#keepsEarly && this.#early && this.#early.length < EARLY_MAX) this.#early.push(event);
  }

  /** Keeps events from now on for the first stream; `false`: no further ones. */
  keepEarly(keep: boolean): void {
    this.#keepsEarly = keep;
    if (keep) this.#early = [];
  }

  /** Calls back at once with each event; for parts of this package. Returns a function that stops it. */
  listen(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * An endless iteration over the events from now on, or over those that pass a filter. It ends with the bus, or when its
   * reader breaks out; `onEnd` is told, perhaps twice.
   */
  stream(filter?: (event: NodeEvent) => boolean, onEnd?: () => void): AsyncIterableIterator<NodeEvent> {
    const stream = new EventStream(this.#wall, filter, () => {
      this.#streams.delete(stream);
      onEnd?.();
    });
    for (const event of this.#early ?? []) stream.push(event);
    this.#early = undefined;
    if (this.#closed) stream.end();
    else this.#streams.add(stream);
    return stream;
  }

  /** Ends all iterations, after what is buffered. What is emitted from now on is told to nobody. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#streams) stream.end();
    this.#listeners.clear();
  }
}

class EventStream implements AsyncIterableIterator<NodeEvent> {
  readonly #wall: () => number;
  readonly #filter: ((event: NodeEvent) => boolean) | undefined;
  readonly #onReturn: () => void;
  readonly #buffer: NodeEvent[] = [];
  #waiting: ((result: IteratorResult<NodeEvent>) => void)[] = [];
  #dropped = 0;
  #ended = false;

  constructor(wall: () => number, filter: ((event: NodeEvent) => boolean) | undefined, onReturn: () => void) {
    this.#wall = wall;
    this.#filter = filter;
    this.#onReturn = onReturn;
  }

  push(event: NodeEvent): void {
    if (this.#filter?.(event) === false) return;
    const waiting = this.#waiting.shift();
    if (waiting) return waiting({ done: false, value: event });
    this.#buffer.push(event);
    if (this.#buffer.length > BUFFER_MAX) {
      this.#buffer.shift();
      this.#dropped++;
    }
  }

  next(): Promise<IteratorResult<NodeEvent>> {
    if (this.#dropped > 0) {
      const count = this.#dropped;
      this.#dropped = 0;
      return Promise.resolve({ done: false, value: { type: "events-dropped", at: this.#wall(), count } });
    }
    const value = this.#buffer.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<NodeEvent>> {
    this.end();
    this.#buffer.length = 0;
    return Promise.resolve({ done: true, value: undefined });
  }

  end(): void {
    this.#ended = true;
    this.#onReturn();
    for (const waiting of this.#waiting) waiting({ done: true, value: undefined });
    this.#waiting = [];
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
