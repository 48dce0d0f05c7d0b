/**
 * One life of a node: everything that belongs to one incarnation, from its join to its end. A node that was fenced
 * drops its life and begins another; nothing leads from the one to the other but what its users hold.
 *
 * ```
 *   new ──start──► joined ──end──► over
 *    └───────────────end────────────┘
 * ```
 *
 * @module
 */
import { ConfigurationError, FencedError, NodeStoppedError } from "../errors.ts";
import { EventBus } from "../events.ts";
import { givenUp } from "../actors/actor_errors.ts";
import type { Contract } from "../actors/contract.ts";
import { keepMark } from "../actors/supervision/keep.ts";
import { agreeOnKind } from "../cluster/records/join_agreement.ts";
import { Cleaner } from "../cluster/records/cleaner.ts";
import { ClusterRecords } from "../cluster/records/cluster_records.ts";
import type { OfferedKind } from "../cluster/kind_agreement.ts";
import { Membership } from "../cluster/membership.ts";
import type { Cordon, Labels, NodeId } from "../cluster/records/schemas.ts";
import type { ClusterTimes } from "../cluster/heartbeat/pulse_times.ts";
import { Pins } from "../cluster/placement/pins.ts";
import { Ownership } from "../cluster/ownership.ts";
import { shardOf } from "../cluster/placement/placement.ts";
import type { Timer } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import { hasEnded, type System } from "../platform/process/process_identity.ts";
import { runtimeName } from "../platform/runtime.ts";
import {
  identifyStore,
  markStore,
  type StoreIdentity,
  StoreLabels,
  WatchedStore,
} from "../storage/identity.ts";
import { DocumentedStore } from "../storage/documented_store.ts";
import { NO_STORE } from "../storage/no_store.ts";
import { RECORD_BYTES_MAX, recordsStore } from "../storage/records/store.ts";
import type { Store } from "../storage/store.ts";
import { countHere } from "../registry/counting.ts";
import { tellDiffering } from "../keeping/differing.ts";
import { assemble, type NodeContext, type Parts } from "./assemble.ts";
import { Buckets } from "./buckets.ts";
import { PeerCleanup } from "./peer_cleanup.ts";
import { tellFloating } from "./floating_rejections.ts";
import { Permissions } from "./permissions.ts";
import { subjects } from "../transport/subjects.ts";
import { doorSubjects } from "../door/options.ts";
import type { Subscription } from "../transport/transport.ts";
import { RecordedDoor } from "../door/recorders.ts";
import type { Settings } from "./settings.ts";
import { StoreTroubles } from "./store_troubles.ts";

/** What every life of a node is made from. */
export interface LifeDeps
  extends Pick<
    NodeContext,
    | "clock"
    | "random"
    | "settings"
    | "cluster"
    | "connection"
    | "events"
    | "refs"
    | "refusedTells"
    | "hosts"
    | "door"
    | "listeners"
  > {
  readonly name: string;
  readonly log: Log;
  /** Where stored actors are kept in the life that begins; `undefined` for a bucket of the connection. */
  readonly store: () => Store | undefined;
  readonly weight: number | undefined;
  readonly labels: Labels | undefined;
  /** Of the application. */
  readonly version: string | undefined;
  /** What an operator has last said of it: it outlives a life. */
  readonly cordon: () => Cordon | undefined;
  /** Where it runs, and what is known of where others ran; `undefined` in memory. */
  readonly system: System | undefined;
  /** Begins the random part of its incarnations, for whoever started this process. */
  readonly tag: string | undefined;
}

/** How long an event waits that is due at the start. */
const OUTDATED_AFTER_MS = 1_000;

/** See the module's text. */
export class Life {
  readonly #deps: LifeDeps;
  /** Told once, when the others have declared this incarnation dead. It is not over before `end`. */
  readonly #onFenced: (reason: string) => void;
  /** What is told after the end comes from what is left of this life, and interests nobody. */
  readonly #events: EventBus;
  readonly #stops: (() => void)[] = [];
  #parts: Parts | undefined;
  /** What stands for the parts until there are some. */
  #forerunner: Subscription | undefined;
  #membership: Membership | undefined;
  #sweep: Timer | undefined;
  /** Nobody wants it to join any more. */
  #unwanted = false;
  #over = false;

  constructor(deps: LifeDeps, onFenced: (reason: string) => void) {
    this.#deps = deps;
    this.#onFenced = onFenced;
    this.#events = new EventBus(() => deps.clock.wall(), deps.events);
  }

  /** Whether it has ended. */
  get isOver(): boolean {
    return this.#over;
  }

  /** What it consists of; `undefined` as long as it has not joined. */
  get parts(): Parts | undefined {
    return this.#parts;
  }

  /**
   * Joins the cluster. `former` is the life before, which is known to be over.
   *
   * @throws {ConfigurationError} as `startNode` does; trying again does not help
   * @throws {PermissionError} if the server does not let it do what a node does
   * @throws {FencedError} if it was declared dead at once
   * @throws {NodeStoppedError} if it is ended meanwhile
   */
  async start(former?: NodeId): Promise<Parts> {
    const { connection, settings, clock, random, log, cluster, name, door, system } = this.#deps;
    const permissions = new Permissions({ connection, clock, log, events: this.#events });
    this.#stops.push(() => permissions.stop());
    await permissions.check(cluster, name, doorSubjects(door, subjects(cluster)));
    const troubles = new StoreTroubles({ clock, log, events: this.#events });
    const { bucketCheckMs } = settings;
    const buckets = new Buckets({ cluster, connection, clock, troubles, bucketCheckMs });
    this.#stops.push(() => buckets.stop());
    const records = await buckets.open("records");
    const parking = await buckets.open("parked");
    const store = await this.#store(buckets);
    if (this.#over || this.#unwanted) throw overError();
    const labels = new StoreLabels(store);
    const identity = await answered(this.#identify(labels));
    if (this.#over || this.#unwanted) throw overError();
    const bucket = new ClusterRecords({ records, clock, random, log });
    const ownership = new Ownership(bucket, clock);
    const pins = new Pins(bucket);
    const membership = new Membership({
      bucket,
      transport: connection.transport,
      clock,
      random,
      log,
      times: timesOf(settings),
      onEvent: (event) => this.#events.emit(event),
      onNamed: (self) => this.#beFound(self),
      hasEnded: (record) => system !== undefined && hasEnded(record.process, system),
      isAlone: connection.isAlone ?? false,
    });
    this.#membership = membership;
    this.#stops.push(
      () => membership.stop(),
      () => ownership.stop(),
      () => bucket.stop(),
    );
    await this.#join(membership, former, identity);
    const admitted = identity && (await answered(this.#mark(labels, identity)));
    if (this.#over) throw overError();
    if (membership.fencedFor !== undefined)
      throw new FencedError(`Cannot join the cluster: this node is fenced, ${membership.fencedFor}`);
    this.#parts = assemble({
      ...this.#deps,
      events: this.#events,
      nodeEvents: this.#deps.events,
      parking,
      permissions,
      troubles,
      store: new WatchedStore(store, {
        admit: () => this.#admit(labels, bucket),
        identity: admitted,
        looksAgain: this.#deps.store() !== undefined, // buckets are looked after by themselves
      }),
      membership,
      ownership,
      pins,
      hasEnded: () => this.#over,
      onThrow: (error) => log.error("A step of the node threw, and was given up", { node: name, error }),
    });
    this.#forerunner?.unsubscribe();
    this.#forerunner = undefined;
    const cleaner = new Cleaner({ bucket, membership, clock, log, keepOverMs: settings.keepOverMs });
    this.#stops.push(() => cleaner.stop());
    cleaner.start();
    buckets.start();
    this.#tellOutdated();
    if (connection.isAlone) this.#tellFound(ownership);
    this.#begin(this.#parts, new PeerCleanup(this.#parts, bucket, log));
    return this.#parts;
  }

  /** Joins only if that is written already; else `start` rejects soon. */
  giveUpJoining(): void {
    this.#unwanted = true;
    this.#membership?.giveUpJoining();
  }

  /**
   * From its record on others probe this node, which waits until it knows that its record is written. Its store may take long to
   * say so, longer than they would wait for one whom NATS does not find. So it is found from the beginning, and says nothing yet.
   */
  #beFound({ node, incarnation }: NodeId): void {
    const { cluster, connection } = this.#deps;
    this.#forerunner?.unsubscribe();
    if (this.#over) return;
    const subject = subjects(cluster).nodeAll(node, incarnation);
    this.#forerunner = connection.transport.subscribe(subject, () => {});
  }

  /** A bucket of its own, which is made only where something is stored. */
  async #store(buckets: Buckets): Promise<Store> {
    const { hosts, connection } = this.#deps;
    const store = this.#deps.store();
    if (store) return new DocumentedStore(store);
    const stores = [...hosts.values()].some(({ contract }) => contract.durability === "stored");
    if (!stores) return NO_STORE;
    const records = await buckets.open("stored");
    const confirm = (key: string) => records.confirm(key);
    const { transport } = connection;
    const recordBytesMax = () => Math.min(RECORD_BYTES_MAX, Math.floor(transport.maxPayloadBytes / 2));
    return recordsStore(records, { recordBytesMax, confirm });
  }

  // ---- who the store is

  get #contracts(): Contract[] {
    return [...this.#deps.hosts.values()].map(({ contract }) => contract);
  }

  #identify(labels: StoreLabels): Promise<StoreIdentity> {
    const { cluster, random } = this.#deps;
    return identifyStore(labels, cluster, this.#contracts, () => random.id());
  }

  async #mark(labels: StoreLabels, identity: StoreIdentity): Promise<StoreIdentity> {
    await markStore(labels, this.#contracts, shardOf);
    return identity;
  }

  /** What is otherwise done before joining, for a store that did not answer then. */
  async #admit(labels: StoreLabels, bucket: ClusterRecords): Promise<StoreIdentity> {
    const identity = await this.#identify(labels);
    for (const offer of this.#offers(identity))
      await agreeOnKind(bucket, offer, { giveUp: () => this.#over });
    return await this.#mark(labels, identity);
  }

  #offers(identity: StoreIdentity | undefined): OfferedKind[] {
    return [...this.#deps.hosts.values()].map(({ contract, keep }) => {
      const { kind, shards, stateVersion, durability, placement } = contract;
      const kept = keepMark(keep);
      const more = { ...(placement && { placement }), ...(kept === undefined ? {} : { kept }) };
      const offer = { kind, shards, stateVersion, durability, ...more };
      if (durability === "memory" || identity === undefined) return offer;
      return { ...offer, store: identity.id ?? null, wasStored: identity.known.has(kind) };
    });
  }

  async #join(
    membership: Membership,
    former: NodeId | undefined,
    identity: StoreIdentity | undefined,
  ): Promise<void> {
    const { name, weight, labels, version, tag, system } = this.#deps;
    const cordon = this.#deps.cordon();
    const kinds = this.#offers(identity);
    const process = system?.own();
    await membership.start({
      name,
      kinds,
      runtime: runtimeName(),
      ...(weight === undefined ? {} : { weight }),
      ...(labels === undefined ? {} : { labels }),
      ...(version === undefined ? {} : { version }),
      ...(cordon === undefined ? {} : { cordon }),
      ...(tag === undefined ? {} : { tag }),
      ...(process === undefined ? {} : { process }),
      ...(former === undefined ? {} : { former: former.incarnation }),
      counts: () => (this.#parts ? countHere(this.#parts.table) : {}),
    });
  }

  #begin(parts: Parts, lost: PeerCleanup): void {
    const { membership, gate, pulse, namesakes, coordinator, door, table, keepAlive, subscriptions } = parts;
    const { name: node, log } = this.#deps;
    this.#stops.push(
      () => pulse.stop(),
      () => namesakes.stop(),
      tellFloating({ node, table, events: this.#events, log }),
      tellDiffering({ self: membership.self, membership, events: this.#events }),
      membership.onFenced((reason) => this.#onFenced(reason)),
      membership.onView(() => {
        lost.forget();
        parts.router.recheck();
      }),
      gate.onChange((open, reason) => this.#gateChanged(parts, open, reason)),
    );
    pulse.start();
    if (this.#deps.connection.mayHearOthers) namesakes.start();
    coordinator.start();
    keepAlive.start();
    subscriptions.start();
    door?.open();
    if (door) this.#watchRecorders();
    this.#armSweep(parts, lost);
  }

  #watchRecorders(): void {
    const { connection, clock, log, cluster, door } = this.#deps;
    const of = doorSubjects(door, subjects(cluster));
    const watch = new RecordedDoor({ connection, subjects: of, clock, events: this.#events, log });
    this.#stops.push(() => watch.stop());
  }

  /** Before anything is taken: what a file has kept, and what it has not. */
  #tellFound(ownership: Ownership): void {
    let [parked, actors, lost] = [0, 0, 0];
    for (const { kind, shards } of this.#contracts)
      for (let shard = 0; shard < shards; shard++) {
        const record = ownership.entry(kind, shard)?.record;
        if (record === undefined) continue;
        if (record.parked === undefined) lost++;
        else {
          parked++;
          actors += record.parked.actors;
        }
      }
    this.#events.emit({ type: "file-opened", parked, actors, lost });
    if (lost === 0) return;
    const words =
      "The process before this one ended without a leave: what these shards had in memory is lost";
    this.#deps.log.warn(words, { node: this.#deps.name, lost });
  }

  /** In the log at once; by an event when whoever has started the node can listen. */
  #tellOutdated(): void {
    const { connection, clock, log } = this.#deps;
    const outdated = connection.outdated?.();
    if (outdated === undefined) return;
    log.error("The nats-server is too old for buckets of several copies: it may lose acknowledged writes", {
      ...outdated,
    });
    const timer = clock.after(OUTDATED_AFTER_MS, () =>
      this.#events.emit({ type: "server-outdated", ...outdated }),
    );
    this.#stops.push(() => timer.cancel());
  }

  #gateChanged({ gate, table }: Parts, open: boolean, reason: string): void {
    if (gate.hasEnded) return;
    this.#events.emit(open ? { type: "resumed" } : { type: "paused", reason });
    if (open) for (const shard of table) shard.catalog.wake();
  }

  #armSweep(parts: Parts, lost: PeerCleanup): void {
    const { clock, settings } = this.#deps;
    this.#sweep = clock.after(settings.sweepMs, () => {
      this.#armSweep(parts, lost);
      for (const shard of parts.table) if (shard.phase === "serving") shard.catalog.sweep(clock.now());
      if (lost.forget()) parts.router.recheck();
      void lost.forgetRemoved();
    });
  }

  /**
   * Everything stops here, in the order that lets nothing out any more. Calls that were certainly not sent end with
   * `error`, others as unknown. Does nothing the second time.
   */
  end(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#sweep?.cancel();
    this.#membership?.gate.end(error.message);
    if (this.#parts) endParts(this.#parts, error);
    this.#forerunner?.unsubscribe();
    for (const stop of this.#stops.reverse()) stop();
    this.#events.close();
  }
}

function timesOf(settings: Settings): ClusterTimes {
  const { leaseMs, renewMs, renewTimeoutMs, safeMs, pulseMs, freshMs, suspectMs, graceMs } = settings;
  return { leaseMs, renewMs, renewTimeoutMs, safeMs, pulseMs, freshMs, suspectMs, graceMs };
}

function endParts(parts: Parts, error: Error): void {
  const {
    door,
    groups,
    registry,
    coordinator,
    keepAlive,
    subscriptions,
    table,
    router,
    inbound,
    waitingMail,
    watches,
    keeper,
    outbox,
    graves,
  } = parts;
  door?.close();
  subscriptions.stop();
  watches.stop();
  groups.stop();
  registry.stop();
  keepAlive.stop();
  coordinator.stop();
  for (const shard of table) {
    const wasSealed = shard.phase === "sealed";
    shard.close();
    shard.catalog.drop(givenUp(), wasSealed);
  }
  table.stop();
  router.stop(error);
  inbound.stop();
  waitingMail.stop();
  keeper.stop();
  outbox.stop();
  graves.stop();
}

/** `undefined` if the store gives no answer, or none that helps: no kind in memory waits for that. */
async function answered<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    return undefined;
  }
}

function overError(): NodeStoppedError {
  return new NodeStoppedError("Cannot join the cluster: the node has been stopped meanwhile");
}
