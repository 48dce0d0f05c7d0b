/**
 * Both ports inside one process: the embedded default, and the ground on which the protocols are simulated.
 *
 * A `MemoryNetwork` stands for the server. It promises what core NATS promises, and everything it decides comes from
 * the clock, the randomness and the hooks that it was given: the same seed gives the same run.
 *
 * @module
 */
import { cleanClock } from "../../platform/async_context.ts";
import { guarded } from "../../platform/guarded.ts";
import { type Clock, systemClock } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import { DelayQueue } from "./delay_queue.ts";
import {
  type Broker,
  type MemoryConnectOptions,
  MemoryConnection,
  MemoryMessage,
  type MemorySubscription,
} from "./connection.ts";
import { MemoryBucket } from "./bucket.ts";
import type { RecordFaults } from "./records.ts";
import type { Connection, Incoming } from "../transport.ts";

/** What becomes of one message on its way to one subscriber. */
export type MessageFate = "deliver" | "drop" | "duplicate";

/** How a network behaves. Without any option: at once, without faults, on the clock of the machine. */
export interface MemoryNetworkOptions extends RecordFaults {
  /** Default: the clock of this machine. */
  readonly clock?: Clock;
  /** Way of one message in milliseconds, asked for each; messages of one pair stay in order. Default: none. */
  readonly latencyMs?: (from: string, to: string) => number;
  /** Largest payload in bytes. Default 1 MiB. */
  readonly maxPayloadBytes?: number;
  /** Asked for every message and subscriber. Default: everything is delivered. */
  readonly filter?: (from: string, to: string, subject: string, payload: Uint8Array) => MessageFate;
}

const MAX_PAYLOAD_BYTES = 1_048_576;

/** A broker and a store of records, shared by the connections made from it. */
export class MemoryNetwork implements Broker {
  readonly clock: Clock;
  readonly options: MemoryNetworkOptions;
  readonly #connections: Set<MemoryConnection> = new Set();
  readonly #buckets: Map<string, MemoryBucket> = new Map();
  readonly #lanes: Map<string, DelayQueue> = new Map();
  readonly #walls: Set<string> = new Set();
  /** Ways on which a request finds nobody. */
  readonly #hidden: Set<string> = new Set();
  /** Names without records; `*` for all. */
  readonly #recordsAway: Set<string> = new Set();
  readonly #turns: Map<string, number> = new Map();
  /** By name; `*` for all others. */
  readonly #maxPayloadBytes: Map<string, number> = new Map();

  constructor(options: MemoryNetworkOptions = {}) {
    this.options = options;
    this.clock = cleanClock(options.clock ?? systemClock());
    this.limitPayload(options.maxPayloadBytes ?? MAX_PAYLOAD_BYTES);
  }

  /** A new connection. Faults are aimed at its name, which several connections may share. */
  connect(name: string, options: MemoryConnectOptions = {}): Connection {
    const { onError } = options;
    const given = onError ? { ...options, onError: guarded(onError) } : options;
    const connection = new MemoryConnection(this, name, given);
    this.#connections.add(connection);
    return connection;
  }

  /** Disconnects: what is published vanishes, what is under way to it is lost, records do not answer. */
  cut(name: string): void {
    for (const connection of this.#named(name)) connection.disconnect("cut");
  }

  /** The server drops a connection whose client does not notice: it still counts as connected, and nothing gets through. */
  halve(name: string): void {
    for (const connection of this.#named(name)) connection.halve();
  }

  /** Reconnects what was cut or halved; running watches catch up. */
  heal(name: string): void {
    for (const connection of this.#named(name)) connection.reconnect();
  }

  /** Takes the records out of the reach of a name, or of everybody, also of those that come: `*`. Messages go on. */
  loseRecords(name: string): void {
    this.#recordsAway.add(name);
    for (const connection of this.#affected(name)) connection.recordsChanged();
  }

  /** Ends `loseRecords` for the same name; running watches catch up. */
  returnRecords(name: string): void {
    this.#recordsAway.delete(name);
    for (const connection of this.#affected(name)) connection.recordsChanged();
  }

  /** Whether records are within the reach of a name. */
  hasRecords(name: string): boolean {
    return !this.#recordsAway.has("*") && !this.#recordsAway.has(name);
  }

  /**
   * Nothing longer is taken from now on: from a name, as if it were connected to a server of its own, or from everybody
   * who has no limit of its own, `*`.
   */
  limitPayload(bytes: number, name = "*"): void {
    this.#maxPayloadBytes.set(name, bytes);
  }

  /** The limit for a name. */
  maxPayloadBytesOf(name: string): number {
    return this.#maxPayloadBytes.get(name) ?? this.#maxPayloadBytes.get("*") ?? MAX_PAYLOAD_BYTES;
  }

  /** Takes a connection away, with everything under way from it and to it. It never comes back. */
  crash(name: string): void {
    for (const connection of this.#named(name)) {
      connection.crash();
      this.forget(connection);
    }
  }

  /** Loses every message between the two groups, both ways, until `mend`. Records stay within reach of both. */
  partition(some: readonly string[], others: readonly string[]): void {
    this.mute(some, others);
    this.mute(others, some);
  }

  /** Loses every message from the first group to the second, without a word, until `mend`. The other way stays open. */
  mute(some: readonly string[], others: readonly string[]): void {
    for (const a of some) for (const b of others) this.#walls.add(laneKey(a, b));
  }

  /**
   * Until `mend` the servers of the first group know no subscription of the second: its messages find nobody there,
   * while those of all others arrive.
   */
  hide(some: readonly string[], others: readonly string[]): void {
    for (const a of some) for (const b of others) this.#hidden.add(laneKey(a, b));
  }

  /** Ends all partitions, and hides nobody any more. */
  mend(): void {
    this.#walls.clear();
    this.#hidden.clear();
  }

  /** The bucket of that name, made at its first use. Open to tests that look at what is stored. */
  bucket(name: string): MemoryBucket {
    const known = this.#buckets.get(name);
    if (known) return known;
    const bucket = new MemoryBucket();
    this.#buckets.set(name, bucket);
    return bucket;
  }

  /** @ignore Routes one message. Only connections call it. */
  route(from: MemoryConnection, message: Incoming): void {
    let heard = false;
    const groups = new Map<string, MemorySubscription[]>();
    for (const connection of this.#connections) {
      if (!connection.hears || this.#isHidden(from, connection)) continue;
      for (const subscription of connection.subscriptions) {
        if (!subscription.matches(message.subject)) continue;
        heard = true;
        if (subscription.queue === undefined) this.#send(from, subscription, message);
        else grouped(groups, subscription);
      }
    }
    for (const [queue, members] of groups) this.#send(from, this.#member(queue, members), message);
    if (!heard && message.reply !== undefined) this.#sendNoResponders(from, message.reply);
  }

  /** @ignore Runs once everything that a connection sent before has reached the network. */
  settle(from: MemoryConnection, run: () => void): void {
    this.#lane(from.name, from.name).push(this.#latencyMs(from.name, from.name), run);
  }

  /** @ignore Takes a closed connection out. */
  forget(connection: MemoryConnection): void {
    this.#connections.delete(connection);
  }

  #isHidden(from: MemoryConnection, to: MemoryConnection): boolean {
    return this.#hidden.size > 0 && this.#hidden.has(laneKey(from.name, to.name));
  }

  #affected(name: string): MemoryConnection[] {
    return name === "*" ? [...this.#connections] : this.#named(name);
  }

  #named(name: string): MemoryConnection[] {
    return [...this.#connections].filter((connection) => connection.name === name);
  }

  /** Members of a group take turns: no chance is needed for what a server leaves open. */
  #member(queue: string, members: readonly MemorySubscription[]): MemorySubscription {
    const turn = this.#turns.get(queue) ?? 0;
    this.#turns.set(queue, turn + 1);
    return members[turn % members.length] as MemorySubscription;
  }

  #send(from: MemoryConnection, to: MemorySubscription, message: Incoming): void {
    const name = to.connection.name;
    if (this.#walls.size > 0 && this.#walls.has(laneKey(from.name, name))) return;
    const fate = this.options.filter?.(from.name, name, message.subject, message.payload) ?? "deliver";
    if (fate === "drop") return;
    const session = to.connection.session;
    const run = () => {
      if (!from.crashed && to.connection.session === session) to.deliver(message);
    };
    const lane = this.#lane(from.name, name);
    lane.push(this.#latencyMs(from.name, name), run);
    if (fate === "duplicate") lane.push(this.#latencyMs(from.name, name), run);
  }

  #sendNoResponders(from: MemoryConnection, reply: string): void {
    const note = new MemoryMessage(reply, new Uint8Array(), undefined, true);
    for (const subscription of from.subscriptions) {
      if (subscription.matches(reply)) this.#send(from, subscription, note);
    }
  }

  #latencyMs(from: string, to: string): number {
    return this.options.latencyMs?.(from, to) ?? 0;
  }

  /** Without latency one lane serves all: it keeps every order and drains many messages in one turn. */
  #lane(from: string, to: string): DelayQueue {
    const key = this.options.latencyMs ? laneKey(from, to) : "";
    const known = this.#lanes.get(key);
    if (known) return known;
    const lane = new DelayQueue(this.clock);
    this.#lanes.set(key, lane);
    return lane;
  }
}

/**
 * A latency for {@link MemoryNetworkOptions}: every pair has a way of its own between the two bounds, and each message
 * up to a quarter of their distance more. So messages of different senders overtake each other.
 */
export function spreadLatency(
  random: Random,
  minMs: number,
  maxMs: number,
): (from: string, to: string) => number {
  const ways = new Map<string, number>();
  return (from, to) => {
    const key = laneKey(from, to);
    const wayMs = ways.get(key) ?? minMs + random.next() * (maxMs - minMs) * 0.75;
    ways.set(key, wayMs);
    return wayMs + random.next() * (maxMs - minMs) * 0.25;
  };
}

function laneKey(from: string, to: string): string {
  return `${from}\n${to}`;
}

function grouped(groups: Map<string, MemorySubscription[]>, subscription: MemorySubscription): void {
  const queue = `${subscription.queue}\n${subscription.subject}`;
  const members = groups.get(queue);
  if (members) members.push(subscription);
  else groups.set(queue, [subscription]);
}

/** What {@link memoryTransport} may be told. */
export interface MemoryOptions extends MemoryConnectOptions {
  /** Name of the connection. Default "memory". */
  readonly name?: string;
  /** The network to join. Default: one of its own. */
  readonly network?: MemoryNetwork;
}

/** A connection that needs no server: everything stays in this process. */
export function memoryTransport(options: MemoryOptions = {}): Connection {
  const network = options.network ?? new MemoryNetwork();
  return network.connect(options.name ?? "memory", options);
}
