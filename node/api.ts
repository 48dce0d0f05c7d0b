/**
 * What a node takes and what it gives: the types that users see.
 *
 * @module
 */
import type { Contract } from "../actors/contract.ts";
import type { Hosted, Registration } from "../actors/host.ts";
import type { Address, CallOptions, Ref } from "../actors/ref.ts";
import type { DoorOptions } from "../door/door.ts";
import type { NodeEvent } from "../events.ts";
import type { LeaveOptions, LeaveReport } from "../handoff/leave.ts";
import type { UpgradeReport } from "../handoff/upgrade/upgrades.ts";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";
import type { SqliteStore } from "../storage/sqlite/store.ts";
import type { Store } from "../storage/store.ts";
import type { Connection } from "../transport/transport.ts";
import type { Group } from "../actors/group/group.ts";
import type { GroupRef } from "../actors/group/group_ref.ts";
import type { ActorCount } from "../registry/counting.ts";
import type { ListOptions } from "../registry/list_options.ts";
import type { ActorPage } from "../registry/listing.ts";
import type { ActorLocation, WhereOptions } from "../registry/registry.ts";
import type { AskAllOptions } from "./calls/ask_all.ts";
import type { ActorOrShard, DrainOptions, DrainReport, MoveOptions, MoveReport } from "./placing.ts";
import type { NodeHealth } from "./status/health.ts";
import type { NodeInspection } from "./status/inspect.ts";
import type { GivenSettings } from "./settings.ts";
import type { UpgradeOptions } from "./upgrading.ts";

/** How a node starts. Everything can be left out. */
export interface NodeOptions<Env = unknown> {
  /** A letter, then up to 63 of `[A-Za-z0-9_-]`; no two nodes that live at once may share it. Default: a random one. */
  readonly name?: string;
  /** The cluster it joins; same rules. Default "baton". */
  readonly cluster?: string;
  /** What it talks through; the node closes it. Default: memory, a cluster of its own in this process. */
  readonly transport?: Connection;
  /** What it hosts. Default: nothing; it only calls. */
  readonly hosts?: readonly Hosted<Env>[];
  /** What its actors are made from, where `host()` was given a function: databases, clients, settings. */
  readonly env?: Env;
  /**
   * Where stored actors are kept, the same for all nodes that host them: another one is refused. The node does not close it. Default: a bucket
   * of the transport, `baton-<cluster>-stored`.
   */
  readonly store?: Store;
  /**
   * For a single process without a server: the file in which it keeps its records, and into which it parks all its actors when it
   * leaves. The next process that is started with the file takes them back. Its stored actors are in it too, unless there is a `store`.
   * Not beside a `transport`: over NATS, nodes park in JetStream. The node closes it. Default: none, memory ends with the process.
   *
   * @example
   * import { sqliteStore, startNode } from "@baton/actors";
   *
   * await using node = await startNode({ parkTo: sqliteStore({ path: "shop.db" }) });
   */
  readonly parkTo?: SqliteStore | PromiseLike<SqliteStore>;
  /** Its share of the shards compared to others. Default 1. */
  readonly weight?: number;
  /** What it is, for the `placement` of kinds: `{ zone: "a", gpu: "yes" }`. At most 32. Default: none. */
  readonly labels?: Readonly<Record<string, string>>;
  /**
   * Of the application that it runs: one to four whole numbers with dots between, as "2.14.0". While versions are mixed, nothing is given
   * to a node of an older one if a newer one can have it, and nothing else moves: in a roll-out each shard moves once. Default: none,
   * which is older than any.
   */
  readonly version?: string;
  /**
   * What it does when the others have declared it dead: begin again under its name, as a new incarnation on the same
   * connection, or stop. Default "rejoin".
   */
  readonly onFenced?: "rejoin" | "stop";
  /**
   * Whether SIGTERM, SIGINT and SIGHUP make it leave and then end the process, from the beginning of its start on. A further
   * one within 2 s is the same wish; a later one ends the process at once. Default: true, but in memory only with `parkTo`.
   */
  readonly signals?: boolean;
  /** Milliseconds that a leave may take unless it says otherwise. Default 25,000: Kubernetes gives 30 s. */
  readonly leaveDeadlineMs?: number;
  /**
   * Runs when a leave begins, before anything is handed over: to take no more requests, and let those end that are under way. The
   * node serves as before meanwhile. It may take half of the leave's deadline, then `signal` aborts. What it throws is logged.
   */
  readonly beforeLeave?: (signal: AbortSignal) => void | Promise<void>;
  /** Whether, and how, it accepts calls from plain NATS clients. Default: it does, for every kind. */
  readonly door?: boolean | DoorOptions;
  /** Bounds and beats, in named groups: `{ lease: { leaseMs: 20_000 }, actors: { activationsMax: 10_000 } }`. Each has a default. */
  readonly settings?: GivenSettings;
  readonly log?: Log;
  /** For tests. */
  readonly clock?: Clock;
  /** For tests. */
  readonly random?: Random;
}

/** Which events are wanted. */
export interface EventsOptions<
  T extends NodeEvent["type"],
  S extends "node" | "cluster" = "node" | "cluster",
> {
  /** Default: all. `events-dropped` comes in any case. */
  readonly types?: Iterable<T>;
  /** Only events that are about one of these kinds. Default: all, also those that are about none. */
  readonly kinds?: Iterable<string>;
  /**
   * "cluster": those of all nodes, each with the name of the node that tells it, `toldBy`. As far as they come: an event that a node had
   * not sent when it died is lost. What is missing is told by `events-dropped` and `events-silent`. Default "node".
   */
  readonly scope?: S;
}

/** The events of those types. */
export type EventOf<T extends NodeEvent["type"], S extends "node" | "cluster" = "node"> = S extends "cluster"
  ? Extract<NodeEvent, { readonly type: T | "events-dropped" | "events-silent" }> & {
      readonly toldBy: string;
    }
  : Extract<NodeEvent, { readonly type: T | "events-dropped" }>;

/** `env` is needed where an actor is made from one. */
export type EnvOption<Env> = unknown extends Env ? { readonly env?: Env } : { readonly env: Env };

/** A running node. `await using` makes it leave at the end of its block. */
export interface ActorNode extends AsyncDisposable {
  readonly name: string;
  readonly cluster: string;
  /** Changes with every start under the same name, and when a fenced node joins again. */
  readonly incarnation: string;
  /** What it hosts, by kind. */
  readonly hosts: ReadonlyMap<string, Registration>;
  /**
   * A typed reference to an actor by its name or its address, wherever it is, for as long as the node exists. No I/O.
   * @throws {InvalidNameError} for an empty, overlong or ill-formed name
   * @throws {InvalidArgumentError} for an address of another kind
   */
  ref<C extends Contract>(contract: C, actor: string | Address<C["kind"]>): Ref<C>;
  /** The contract of a kind that is hosted here. */
  contract(kind: string): Contract | undefined;
  /** Sends a message by words: for gateways. The owner checks kind, message and argument. */
  call(
    kind: string,
    name: string,
    message: string,
    argument: unknown,
    options?: CallOptions,
  ): Promise<unknown>;
  /**
   * What happens from now on; the first reader also gets what happened while the node started. Bounded: a slow reader loses the
   * oldest of 4,096 and is told how many.
   */
  events<T extends NodeEvent["type"] = NodeEvent["type"], S extends "node" | "cluster" = "node">(
    options?: EventsOptions<T, S>,
  ): AsyncIterableIterator<EventOf<T, S>>;
  /** Whether it can serve, and if not, why. Costs the same however much it hosts: for readiness probes. Never throws. */
  health(): NodeHealth;
  /** How things stand, with every shard and actor: for people and dashboards, not for probes. */
  inspect(): NodeInspection;
  /**
   * Asks many actors, a bounded number at once. Resolves to what came of each, in the order of the refs; one that fails fails
   * no other.
   *
   * @example
   * const carts = names.map((name) => node.ref(Cart, name));
   * const totals = await node.askAll(carts, (cart) => cart.total(), { concurrency: 32 });
   */
  askAll<R, T>(
    refs: Iterable<R>,
    ask: (ref: R, index: number) => Promise<T>,
    options?: AskAllOptions,
  ): Promise<PromiseSettledResult<T>[]>;
  /**
   * Where an actor is, and in which state: from the records known here, and one question to its owner. It wakes nobody.
   *
   * @throws {InvalidNameError} for a name that is none
   * @example
   * const { node: owner, state } = await node.where(node.ref(Cart, "alice"));
   */
  where<C extends Contract>(actor: Ref<C> | Address, options?: WhereOptions): Promise<ActorLocation>;
  /**
   * The actors of a kind over the whole cluster, also those that are only stored, page by page. It wakes nobody. An actor that is there
   * all the while is on exactly one page, whatever moves, unless `silent`, `unserved` or `unread` says that something is missing.
   *
   * @throws {InvalidArgumentError} for an option that cannot be
   * @example
   * let cursor: string | undefined;
   * do {
   *   const page = await node.list(Cart, { prefix: "guest-", limit: 500, ...(cursor && { cursor }) });
   *   for (const { name, state, node: owner } of page.items) console.log(name, state, owner);
   *   cursor = page.cursor;
   * } while (cursor);
   */
  list<C extends Contract>(contract: C, options?: ListOptions<C>): Promise<ActorPage<C>>;
  /**
   * How many actors of a kind are in the memory of nodes. No I/O: the own number is that of now, those of others are what they said
   * with their last renewal, every 1.5 s.
   */
  count<C extends Contract>(contract: C): ActorCount;
  /**
   * All members of a group, to be told and asked at once, and to be listed.
   *
   * @throws {InvalidNameError} for an empty, overlong or ill-formed name
   * @example
   * await node.group(Room, "7").publish("said", "hello");
   */
  group<G extends Group>(group: G, name: string): GroupRef<G>;
  /**
   * Has an actor begin wherever it belongs, as a message would, and resolves when its `onActivate` has ended well. One that is there has its
   * turn behind what waits for it.
   *
   * @throws {HandlerError} what its `onActivate` threw
   * @throws {ActorError} what ends any ask
   * @example
   * await node.ensure(node.ref(Worker, "mail"));
   */
  ensure<C extends Contract>(actor: Ref<C> | Address, options?: CallOptions): Promise<void>;
  /**
   * Ends the activation of an actor when it has handled what waits for it, as if by `onError: "stop"`, with `onDeactivate("stop")`. Its state
   * stays, and the next message wakes it; with timers it begins anew at once, and so does soon one that is kept alive. Of one that is not
   * active nothing happens. Resolves when it handles nothing any more.
   *
   * @throws {ActorError} what ends any ask
   */
  deactivate<C extends Contract>(actor: Ref<C> | Address, options?: CallOptions): Promise<void>;
  /** From now on it gets no more shards, and keeps what it has. Resolves when the others can see that. */
  cordon(): Promise<void>;
  /** It gets shards again, after `cordon` or `drain`. */
  uncordon(): Promise<void>;
  /**
   * Gives all its shards to others, and goes on: it gets none until `uncordon`. What nobody else may have stays. Resolves when all
   * has gone, or the time is up.
   */
  drain(options?: DrainOptions): Promise<DrainReport>;
  /**
   * Puts the shard of an actor on a node, and resolves when that serves it. It stays there for as long as the node can have it, or
   * until it is told otherwise. Any node may say so, for any shard.
   *
   * @throws {InvalidArgumentError} for a shard that does not exist, or a node that cannot have it
   * @throws {UnavailableError} if it is not there in time; the pin stays, and it goes there as soon as it can
   * @example
   * await node.move(node.ref(Cart, "alice"), "node-3", { reason: "its customers are there" });
   */
  move<C extends Contract>(what: ActorOrShard<C>, to: string, options: MoveOptions): Promise<MoveReport>;
  /** Takes a `move` back: the shard goes where shares say. Resolves to whether it was pinned. */
  unpin<C extends Contract>(what: ActorOrShard<C>): Promise<boolean>;
  /**
   * Gives actors of this node other code, without a restart: each goes on with its state, which `upgrade()` of the new class has turned
   * into one of the new contract, and with its mail and timers. A shard stands still for a moment, and has the new code only if all
   * its actors pass; else it goes on as it was. Other nodes may host another version meanwhile.
   *
   * From its beginning on, whatever comes to this node has the new code. Resolves when each shard here has it too or is `kept`.
   *
   * @throws {ConfigurationError} for a kind that is not hosted here, a lower `stateVersion`, or another number of shards, `durability`
   *   or `onMove`: nothing has changed then
   * @throws {BusyError} while another upgrade of this node is under way
   * @throws {RecordsUnavailableError | AbortedError} if the node's record could not be written in time: nothing has changed then
   * @example
   * const { upgraded, kept } = await node.upgrade([host(Cart2, CartActor2)]);
   * for (const { shard, actor, reason } of kept) console.error(shard, actor, reason);
   */
  upgrade<Env = unknown>(
    hosts: readonly Hosted<Env>[],
    options?: UpgradeOptions<Env>,
  ): Promise<UpgradeReport>;
  /** Hands everything over, then goes. A second call gives the first one's report. Never rejects. */
  leave(options?: LeaveOptions): Promise<LeaveReport>;
  /** The same as `leave`. */
  stop(options?: LeaveOptions): Promise<LeaveReport>;
  /**
   * Ends at once, without handing anything over: to the others it looks like a crash, and what its actors have in memory is lost.
   * For tests, and for a node that has nothing to lose.
   */
  kill(): Promise<void>;
  /** Resolves when the node has left or was stopped; or was fenced, and does not or cannot join again. */
  readonly whenStopped: Promise<void>;
}
