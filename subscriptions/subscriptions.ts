/**
 * The subscriptions of the kinds that a node hosts. Each is read by one node of the cluster: by that which serves the shard to which the
 * name of its reader belongs. So it moves, is taken over after a crash, and is fenced, as an actor is.
 *
 * @module
 */
import { ConfigurationError, type ErrorData } from "../errors.ts";
import type { Registration } from "../actors/host.ts";
import { durableOf, type StreamSubscription } from "../actors/subscription/declared.ts";
import type { Gate } from "../cluster/gate.ts";
import { shardOf } from "../cluster/placement/placement.ts";
import type { Shard } from "../delivery/receiving/shard.ts";
import type { ShardTable } from "../delivery/receiving/shard_table.ts";
import { ReconcileLoop } from "../platform/pace/reconcile_loop.ts";
import type { Streams } from "../transport/streams.ts";
import { Reading } from "./reading.ts";
import type { SessionDeps } from "./session.ts";

/** What it works with. */
export interface SubscriptionsDeps extends Omit<SessionDeps, "streams" | "gate"> {
  readonly gate: Gate;
  /** `undefined` where there are no streams. */
  readonly streams: Streams | undefined;
  readonly table: ShardTable;
  /** What the node hosts now. */
  readonly hosts: ReadonlyMap<string, Registration>;
}

/** A subscription as one node sees it. */
export interface InspectedSubscription {
  readonly kind: string;
  readonly message: string;
  readonly stream: string;
  /** Subjects of the stream; `undefined` for all. */
  readonly filter: string | undefined;
  /** Name of the JetStream consumer. */
  readonly durable: string;
  /**
   * "elsewhere": another node reads it, or none as yet. "opening": its stream or consumer cannot be had yet, `error` says why. "gathering": what
   * was under way on another node is waited for.
   */
  readonly state: "elsewhere" | "opening" | "gathering" | "reading";
  /** Messages that this node has in hands. */
  readonly inFlight: number;
  /** Messages of the stream that nobody had yet when that was last asked, every 5 s. */
  readonly waiting: number;
  /** Messages that this node is done with since it reads, those among them that were set aside, and tries that were refused. */
  readonly settled: number;
  readonly buried: number;
  readonly refused: number;
  /** Why it cannot read, or with what a try was refused that will be made again; `undefined` if all is well. */
  readonly error: ErrorData | undefined;
}

const LOOK_MS = 1_000;
const NOT_HERE = Object.freeze({
  state: "elsewhere",
  ...{ inFlight: 0, waiting: 0, settled: 0, buried: 0, refused: 0 },
  error: undefined,
} as const);

/** See the module's text. */
export class Subscriptions {
  readonly #deps: SubscriptionsDeps;
  readonly #loop: ReconcileLoop;
  readonly #readings = new Map<StreamSubscription, { readonly shard: Shard; readonly reading: Reading }>();
  /** Those that have left, as long as something of them may go on. */
  readonly #left: Reading[] = [];
  #stops: (() => void)[] = [];
  #hasBegun = false;
  #hasLeft = false;

  constructor(deps: SubscriptionsDeps) {
    this.#deps = deps;
    this.#loop = new ReconcileLoop(deps.clock, LOOK_MS, () => this.#look());
  }

  /** Costs nothing where nothing is subscribed to, until the node is upgraded to code that does. */
  start(): void {
    const { table, gate } = this.#deps;
    this.#stops = [
      table.onChange((kind) => {
        if (!this.#concerns(kind)) return;
        this.#begin();
        this.#look();
      }),
      gate.onChange((open) => {
        if (open) for (const { reading } of this.#readings.values()) reading.resume();
        if (open) for (const reading of this.#left) reading.resume();
      }),
    ];
    if ([...this.#deps.hosts.keys()].some((kind) => this.#concerns(kind))) this.#begin();
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#loop.start();
  }

  #concerns(kind: string): boolean {
    return (this.#deps.hosts.get(kind)?.subscriptions.length ?? 0) > 0 || this.#readings.size > 0;
  }

  /** Reads no more; what has begun goes on. */
  leave(): void {
    this.#hasLeft = true;
    for (const subscription of [...this.#readings.keys()]) this.#end(subscription);
  }

  /** Nothing of it counts any more. */
  stop(): void {
    this.#hasLeft = true;
    for (const stop of this.#stops) stop();
    this.#loop.stop();
    for (const { reading } of this.#readings.values()) reading.stop();
    for (const reading of this.#left) reading.stop();
    this.#readings.clear();
  }

  /** Every subscription that this node hosts a kind for. */
  get inspected(): InspectedSubscription[] {
    return [...this.#each()].map(({ hosted, subscription, durable }) => {
      const { message, stream, filter } = subscription;
      const status = this.#readings.get(subscription)?.reading.status ?? NOT_HERE;
      return { kind: hosted.contract.kind, message, stream, filter, durable, ...status };
    });
  }

  *#each(): Iterable<{ hosted: Registration; subscription: StreamSubscription; durable: string }> {
    for (const hosted of this.#deps.hosts.values())
      for (const subscription of hosted.subscriptions) {
        const durable = durableOf(this.#deps.of.cluster, hosted.contract.kind, subscription);
        yield { hosted, subscription, durable };
      }
  }

  #look(): void {
    if (this.#hasLeft) return;
    const { table, streams } = this.#deps;
    for (const [subscription, { shard }] of this.#readings)
      if (shard.phase !== "serving" || !shard.hosted.subscriptions.includes(subscription))
        this.#end(subscription);
    for (const { hosted, subscription, durable } of this.#each()) {
      const { kind, shards } = hosted.contract;
      const shard = table.get(kind, shardOf(kind, durable, shards));
      const isHere = shard?.phase === "serving" && shard.hosted === hosted;
      if (!isHere || streams === undefined || this.#readings.has(subscription)) continue;
      const reading = new Reading({ ...this.#deps, streams }, hosted, subscription);
      this.#readings.set(subscription, { shard, reading });
      reading.start();
    }
  }

  #end(subscription: StreamSubscription): void {
    const ended = this.#readings.get(subscription);
    if (ended === undefined) return;
    this.#readings.delete(subscription);
    ended.reading.leave();
    this.#left.push(ended.reading);
    while (this.#left.length > LEFT_MAX) this.#left.shift();
  }
}

/** Readings of before of which it is known here that they have left: each ends what it has begun within a try. */
const LEFT_MAX = 64;

/** @throws {ConfigurationError} for a subscription where there are no streams */
export function checkStreams(
  hosts: ReadonlyMap<string, Registration>,
  connection: { readonly type: string; readonly streams?: Streams },
): void {
  if (connection.streams !== undefined) return;
  for (const { contract, subscriptions } of hosts.values())
    if (subscriptions.length > 0)
      throw new ConfigurationError(
        `Cannot subscribe kind "${contract.kind}" to a stream: the transport, of type "${connection.type}", has no streams; give the node a natsTransport`,
      );
}
