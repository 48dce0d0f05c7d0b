/**
 * The node: the only place where the parts are wired together.
 *
 * @module
 */
import { ConfigurationError, FencedError, NodeStoppedError } from "./errors.ts";
import { EventBus, type NodeEvent } from "./events.ts";
import { givenUp } from "./actors/refusals.ts";
import type { Contract } from "./actors/contract.ts";
import { type Hosted, hostTable } from "./actors/host.ts";
import { type CallOptions, type Ref, RefFactory } from "./actors/ref.ts";
import { ClusterBucket } from "./cluster/bucket.ts";
import { Membership } from "./cluster/membership.ts";
import { Ownership } from "./cluster/ownership.ts";
import { type LeaveOptions, type LeaveReport, leaveCluster } from "./handoff/leave.ts";
import type { ActorNode, NodeOptions } from "./node/api.ts";
import { assemble, type Parts } from "./node/assemble.ts";
import { inspectNode, type NodeInspection } from "./node/inspect.ts";
import { systemClock, type Timer } from "./platform/clock.ts";
import { silentLog } from "./platform/log.ts";
import { systemRandom } from "./platform/random.ts";
import { exitProcess, runtimeName } from "./platform/runtime.ts";
import { onShutdownSignal } from "./platform/signals.ts";
import { type Settings, settingsWith } from "./node/settings.ts";
import { memoryTransport } from "./transport/memory.ts";
import { bucketOf, checkIdentifier } from "./transport/subjects.ts";

/**
 * Starts a node: resolves when it has joined its cluster.
 *
 * @throws {ConfigurationError} for options that cannot work, a name in use, or another shard count than the cluster's
 * @throws {ServerError} for a server that cannot serve
 * @example
 * import { startNode } from "@baton/actors";
 *
 * await using node = await startNode({ name: "a" });
 * for (const { owner, shard } of node.inspect().shards) console.log(shard, owner);
 */
export async function startNode(options: NodeOptions = {}): Promise<ActorNode> {
  const random = options.random ?? systemRandom();
  const name = options.name ?? `node-${random.id().slice(0, 8)}`;
  const cluster = options.cluster ?? "baton";
  checkIdentifier("node name", name);
  checkIdentifier("cluster", cluster);
  const hosts = hostTable(options.hosts ?? []);
  const settings = settingsWith(options.settings ?? {});
  const clock = options.clock ?? systemClock();
  const connection = options.transport ?? memoryTransport();
  const node = new Node({ ...options, random, name, cluster, settings, clock, transport: connection }, hosts);
  try {
    await node.start();
  } catch (error) {
    await node.stop();
    throw error;
  }
  return node;
}

type Resolved = NodeOptions &
  Required<Pick<NodeOptions, "name" | "cluster" | "clock" | "random" | "transport">> & {
    readonly settings: Settings;
  };

class Node implements ActorNode {
  readonly name: string;
  readonly cluster: string;
  readonly hosts: ReadonlyMap<string, Hosted>;
  readonly whenStopped: Promise<void>;
  readonly #options: Resolved;
  readonly #events: EventBus;
  readonly #refs = new RefFactory();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #stops: (() => void)[] = [];
  #parts: Parts | undefined;
  #membership: Membership | undefined;
  #sweep: Timer | undefined;
  #leaving: Promise<LeaveReport> | undefined;
  #ended = false;

  constructor(options: Resolved, hosts: ReadonlyMap<string, Hosted>) {
    this.#options = options;
    this.name = options.name;
    this.cluster = options.cluster;
    this.hosts = hosts;
    this.whenStopped = this.#stopped.promise;
    this.#events = new EventBus(() => options.clock.wall());
  }

  get incarnation(): string {
    return this.#live.membership.self.incarnation;
  }

  async start(): Promise<void> {
    const {
      transport: connection,
      clock,
      random,
      settings,
      cluster,
      log = silentLog,
      weight,
    } = this.#options;
    const { leaseMs, renewMs, renewTimeoutMs, safeMs } = settings;
    const records = await connection.records(bucketOf(cluster));
    const parking = await connection.records(`${bucketOf(cluster)}-parked`);
    const defects = new Set(this.#options.defects);
    const bucket = new ClusterBucket({ records, clock, random, log, defects });
    const ownership = new Ownership(bucket);
    const membership = new Membership({
      bucket,
      transport: connection.transport,
      clock,
      random,
      log,
      times: { leaseMs, renewMs, renewTimeoutMs, safeMs },
      onEvent: (event) => this.#events.emit(event),
    });
    this.#membership = membership;
    this.#stops.push(
      () => membership.stop(),
      () => ownership.stop(),
      () => bucket.stop(),
    );
    const kinds = [...this.hosts.values()].map(({ contract: { kind, shards, stateVersion } }) => ({
      kind,
      shards,
      stateVersion,
    }));
    await membership.start({
      name: this.name,
      kinds,
      runtime: runtimeName(),
      ...(weight === undefined ? {} : { weight }),
    });
    this.#parts = assemble({
      clock,
      random,
      settings,
      cluster,
      connection,
      parking,
      membership,
      ownership,
      events: this.#events,
      refs: this.#refs,
      hosts: this.hosts,
      door: this.#options.door ?? true,
      defects,
      hasEnded: () => this.#ended,
    });
    this.#begin(this.#parts);
  }

  #begin(parts: Parts): void {
    const { membership, gate, coordinator, door } = parts;
    this.#stops.push(
      membership.onFenced((reason) => this.#fenced(reason)),
      membership.onView(() => this.#forgetLost(parts)),
      gate.onChange((open, reason) => this.#gateChanged(open, reason)),
    );
    coordinator.start();
    door?.open();
    this.#armSweep(parts);
    if (this.#options.signals ?? this.#options.transport.type !== "memory") this.#followSignals();
  }

  #followSignals(): void {
    const { log = silentLog } = this.#options;
    this.#stops.push(
      onShutdownSignal((signal) => {
        log.info("leaving the cluster", { node: this.name, signal });
        void this.leave().then((report) => {
          log.info("left the cluster", { node: this.name, ...report });
          exitProcess(0);
        });
      }),
    );
  }

  #gateChanged(open: boolean, reason: string): void {
    if (this.#ended || this.#membership?.gate.hasEnded) return;
    this.#events.emit(open ? { type: "resumed" } : { type: "paused", reason });
    if (open) for (const shard of this.#live.table) shard.catalog.wake();
  }

  #forgetLost({ membership, peers, keeper, inbound, table, router }: Parts): void {
    for (const peer of [...peers]) {
      if (!membership.isOver(peer.id)) continue;
      keeper.forget(peer);
      inbound.forget(peer);
      for (const shard of table) shard.forget(peer);
      peers.forget(peer.id);
    }
    router.recheck();
  }

  #armSweep(parts: Parts): void {
    const { clock, settings } = this.#options;
    this.#sweep = clock.after(settings.sweepMs, () => {
      for (const shard of parts.table) if (shard.phase === "serving") shard.catalog.sweep(clock.now());
      if (!this.#ended) this.#armSweep(parts);
    });
  }

  get #live(): Parts {
    if (this.#parts === undefined)
      throw new ConfigurationError(`Cannot use node "${this.name}": current node has not joined`);
    return this.#parts;
  }

  // ---- what users call

  ref<C extends Contract>(contract: C, name: string): Ref<C> {
    return this.#refs.create(contract, this.#live.router.open(contract, name, undefined));
  }

  contract(kind: string): Contract | undefined {
    return this.hosts.get(kind)?.contract;
  }

  async call(
    kind: string,
    name: string,
    message: string,
    argument: unknown,
    options?: CallOptions,
  ): Promise<unknown> {
    if (this.#ended) throw stoppedError(this.name);
    return await this.#live.router.call(this.contract(kind), kind, name, message, argument, options);
  }

  events(): AsyncIterableIterator<NodeEvent> {
    return this.#events.stream();
  }

  inspect(): NodeInspection {
    return inspectNode(this, this.#live);
  }

  leave(options: LeaveOptions = {}): Promise<LeaveReport> {
    this.#leaving ??= this.#leave(options);
    return this.#leaving;
  }

  async #leave({ deadlineMs = this.#options.leaveDeadlineMs ?? 25_000 }: LeaveOptions): Promise<LeaveReport> {
    if (this.#ended) return { moved: 0, parked: 0, late: 0, recovered: 0, leftOver: 0, durationMs: 0 };
    const report = await leaveCluster(this.#live, this.#options.clock, deadlineMs);
    await this.stop();
    return report;
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    this.#end(stoppedError(this.name), false);
    await this.#options.transport.close();
    this.#stopped.resolve();
  }

  #fenced(reason: string): void {
    if (this.#ended) return;
    this.#events.emit({ type: "fenced", reason });
    this.#end(new FencedError(`Cannot go on as node "${this.name}": ${reason}`), true);
    void this.#options.transport.close().finally(() => this.#stopped.resolve());
  }

  /** Everything stops here, in the order that lets nothing out any more. */
  #end(error: Error, fenced: boolean): void {
    this.#ended = true;
    this.#sweep?.cancel();
    this.#membership?.gate.end(error.message);
    const parts = this.#parts;
    if (parts) {
      parts.door?.close();
      parts.coordinator.stop();
      for (const shard of parts.table) {
        shard.close();
        shard.catalog.drop(givenUp(fenced));
      }
      parts.router.stop(error);
      parts.inbound.stop();
      parts.keeper.stop();
      parts.outbox.stop();
    }
    for (const stop of this.#stops.reverse()) stop();
    this.#events.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave();
  }
}

function stoppedError(name: string): NodeStoppedError {
  return new NodeStoppedError(`Cannot use node "${name}": current node has stopped`);
}
