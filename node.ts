/**
 * The node: what users hold, across all its lives.
 *
 * @module
 */
import {
  AbortedError,
  BusyError,
  ConfigurationError,
  FencedError,
  InvalidArgumentError,
  NodeStoppedError,
  UnavailableError,
  type ActorError,
  isActorError,
  ServerError,
  wordsOf,
} from "./errors.ts";
import { EventBus, type NodeEvent } from "./events.ts";
import { DEACTIVATE, ENSURE } from "./actors/activation/life_words.ts";
import { addressOf, nameAt } from "./actors/address.ts";
import { checkLabels, type Contract } from "./actors/contract.ts";
import { type Hosted, type Registration, hostTable } from "./actors/host.ts";
import { type Group, groupKey } from "./actors/group/group.ts";
import { type GroupRef, groupRef } from "./actors/group/group_ref.ts";
import { type Address, type CallOptions, type Ref, RefFactory } from "./actors/ref.ts";
import { RefusedTells, type ToldOf } from "./actors/tell_promise.ts";
import { isAppVersion } from "./cluster/placement/app_version.ts";
import { type Cordon, type NodeId, WEIGHT_MAX } from "./cluster/records/schemas.ts";
import { checkDoor } from "./door/options.ts";
import type { Router } from "./delivery/router.ts";
import { TIMEOUT_MAX_MS } from "./delivery/calls/checks.ts";
import { type LeaveOptions, type LeaveReport, leaveCluster } from "./handoff/leave.ts";
import type { UpgradeReport } from "./handoff/upgrade/upgrades.ts";
import type { ActorNode, EnvOption, EventOf, EventsOptions, NodeOptions } from "./node/api.ts";
import { FileConnection, ofFile } from "./node/succession/file_connection.ts";
import { devConnection, inDev, takeOver } from "./node/succession/dev.ts";
import { askAll, type AskAllOptions } from "./node/calls/ask_all.ts";
import type { Parts } from "./node/assemble.ts";
import { followCredentials } from "./node/credentials.ts";
import { logEvents } from "./node/status/event_log.ts";
import { healthOf, type NodeHealth } from "./node/status/health.ts";
import { inspectNode, type NodeInspection } from "./node/status/inspect.ts";
import { ActorChannel, type Dispatcher, type Routing } from "./delivery/actor_channel.ts";
import {
  type DrainOptions,
  type DrainReport,
  drained,
  moveByHand,
  type MoveOptions,
  type MoveReport,
  type ActorOrShard,
  unpin,
} from "./node/placing.ts";
import { following, upgradeInPlace, type UpgradeOptions } from "./node/upgrading.ts";
import type { ActorCount } from "./registry/counting.ts";
import type { ListOptions } from "./registry/list_options.ts";
import { checkStreams } from "./subscriptions/subscriptions.ts";
import { ClusterEvents } from "./registry/cluster_events.ts";
import { eventFilter, passes } from "./registry/event_filter.ts";
import type { ActorPage } from "./registry/listing.ts";
import type { ActorLocation, Registry, WhereOptions } from "./registry/registry.ts";
import { Life, type LifeDeps } from "./node/life.ts";
import { checkOptionNames } from "./node/options.ts";
import { Rejoin } from "./node/rejoin.ts";
import { checkOption, settingsWith } from "./node/settings.ts";
import { cleanClock, inCleanContext } from "./platform/async_context.ts";
import { systemClock } from "./platform/clock.ts";
import { guardedLog, silentLog } from "./platform/log.ts";
import { systemRandom } from "./platform/random.ts";
import { type DevParent, devParent } from "./platform/process/dev_parent.ts";
import { watchParent } from "./platform/process/parent.ts";
import { linuxSystem } from "./platform/process/process_identity.ts";
import { exitProcess, processTag } from "./platform/runtime.ts";
import { followShutdown, hearsSignals, SIGNAL_STATUS } from "./platform/process/signals.ts";
import { memoryTransport } from "./transport/memory/network.ts";
import { checkIdentifier } from "./transport/subjects.ts";
import type { Connection } from "./transport/transport.ts";

/**
 * Starts a node: resolves when it has joined its cluster. If it cannot, the transport that it was given is closed.
 *
 * @throws {ConfigurationError} for options that cannot work, a name in use, or a kind or a store other than the cluster has it
 * @throws {ServerError} for a server that cannot serve, or a transport that throws what it should not
 * @throws {PermissionError} if the server does not let it do what a node does
 * @throws {RecordsUnavailableError | RecordsRefusedError} if its records give no answer, or say no
 * @throws {FencedError} if it was declared dead while it joined
 * @example
 * import { startNode } from "@baton/actors";
 *
 * await using node = await startNode({ name: "a" });
 * for (const { owner, shard } of node.inspect().shards) console.log(shard, owner);
 */
export function startNode<Env>(
  options: NodeOptions<Env> & EnvOption<Env> = {} as NodeOptions<Env> & EnvOption<Env>,
): Promise<ActorNode> {
  return inCleanContext(() => started(options as NodeOptions)); // it outlives whatever it is started in
}

async function started(given: NodeOptions): Promise<ActorNode> {
  const dev = devParent();
  const options = dev ? inDev(dev, given) : given;
  const connection = await connected(options, dev);
  let node: Node;
  try {
    checkOptionNames(given);
    const own: Own = { cordon: undefined, hosts: hostTable(options.hosts ?? [], options.env) };
    checkStreams(own.hosts, connection);
    node = new Node(options, lifeDeps(options, connection, own), own);
  } catch (error) {
    await closed(connection, options);
    throw isActorError(error) ? error : notStarted(ConfigurationError, error);
  }
  try {
    await node.start();
  } catch (error) {
    await node.kill();
    const reason = ofFile(connection, error);
    throw isActorError(reason) ? reason : notStarted(ServerError, reason);
  }
  if (dev) await node.takeOver(dev);
  return node;
}

/** What it talks through. */
async function connected(options: NodeOptions, dev: DevParent | undefined): Promise<Connection> {
  const { parkTo, transport } = options;
  try {
    if (parkTo === undefined) return transport ?? (await (dev ? devConnection(dev) : memoryTransport()));
    const file = await FileConnection.open(() => parkTo);
    if (transport === undefined) return file;
    await closed(file, options);
    throw parkedTwice(transport);
  } catch (error) {
    if (transport) await closed(transport, options);
    throw isActorError(error) ? error : notStarted(ConfigurationError, error);
  }
}

function parkedTwice({ type }: Connection): ConfigurationError {
  return new ConfigurationError(
    `Cannot start a node: it has a "parkTo" and a "transport", of type "${type}"; leave one out: a node with a transport parks in the records of its cluster`,
  );
}

/** However it closes, the reason for it is more telling. */
async function closed(connection: Connection, { log = silentLog }: NodeOptions): Promise<void> {
  try {
    await connection.close();
  } catch (error) {
    log.error("The connection did not close in order", { error });
  }
}

/** Whatever options or a transport may have thrown: who starts a node hears of it by an error of this package. */
function notStarted(of: typeof ConfigurationError | typeof ServerError, cause: unknown): ActorError {
  return new of(`Cannot start a node: ${wordsOf(cause, "something was thrown that is no error")}`, { cause });
}

/** What changes of a node, and outlives a life. */
interface Own {
  /** What an operator has last said of it. */
  cordon: Cordon | undefined;
  /** What it hosts now. */
  readonly hosts: Map<string, Registration>;
}

function lifeDeps(options: NodeOptions, connection: Connection, own: Own): LifeDeps {
  const random = options.random ?? systemRandom();
  const clock = cleanClock(options.clock ?? systemClock());
  const events = new EventBus(() => clock.wall());
  const name = options.name ?? `node-${random.id().slice(0, 8)}`;
  const cluster = options.cluster ?? "baton";
  checkIdentifier("node name", name);
  checkIdentifier("cluster", cluster);
  checkOption("weight", options.weight, WEIGHT_MAX);
  if (options.labels !== undefined) checkLabels(`Cannot start node "${name}"`, options.labels);
  if (options.version !== undefined && !isAppVersion(options.version))
    throw new ConfigurationError(
      `Cannot start node "${name}": its version is "${options.version}", and must be one to four whole numbers with dots between`,
    );
  checkOption("leaveDeadlineMs", options.leaveDeadlineMs, Infinity);
  if (typeof options.door === "object") checkDoor(options.door);
  return {
    name,
    cluster,
    connection,
    clock,
    random,
    hosts: own.hosts,
    settings: settingsWith(options.settings ?? {}),
    log: guardedLog(options.log ?? silentLog),
    store: () => options.store ?? (connection instanceof FileConnection ? connection.store : undefined),
    weight: options.weight,
    labels: options.labels,
    version: options.version,
    cordon: () => own.cordon,
    system: connection.type === "memory" ? undefined : linuxSystem(),
    tag: processTag(),
    door: options.door ?? true,
    refs: new RefFactory(),
    events,
    listeners: new ClusterEvents(() => clock.wall()),
    refusedTells: new RefusedTells(clock, events),
  };
}

/** Kubernetes gives 30 s. */
const LEAVE_DEADLINE_MS = 25_000;
/** The part of a leave's deadline that the application may have for itself. */
const BEFORE_LEAVE_SHARE = 0.5;

class Node implements ActorNode, Routing {
  readonly whenStopped: Promise<void>;
  readonly #options: NodeOptions;
  readonly #deps: LifeDeps;
  readonly #own: Own;
  readonly #stopped = Promise.withResolvers<void>();
  #life: Life;
  /** Of the latest life that has joined, also when it is over. */
  #parts: Parts | undefined;
  #rejoin: Rejoin | undefined;
  #leaving: Promise<LeaveReport> | undefined;
  /** Its first life is joining; never rejects. */
  #starting: Promise<void> | undefined;
  /** The process ends as soon as it has left. */
  #signalled = false;
  #upgrading = false;
  #stopping: Promise<void> | undefined;
  /** Another process takes over, or has. */
  #suspending: Promise<void> | undefined;
  #unfollowSignals: () => void = () => {};
  readonly #unfollowCredentials: () => void;
  /** Why nothing can be sent; `undefined` while a life is joined. */
  #refusal: Error | undefined;
  /** Stands for the router between two lives, and after the last. */
  readonly #refusing: Dispatcher = {
    linkTo: () => undefined,
    send: (request) => this.#refused(request.type, request),
    refuse: (request, error) => this.#refused(request.type, request, error),
  };

  constructor(options: NodeOptions, deps: LifeDeps, own: Own) {
    this.#options = options;
    this.#deps = deps;
    this.#own = own;
    if (options.log) logEvents(deps.events, deps.log, deps.name); // else nobody listens, and nothing is made for it
    deps.events.keepEarly(true);
    this.#life = this.#newLife();
    this.whenStopped = this.#stopped.promise;
    this.#unfollowCredentials = followCredentials(deps, (error) => void this.#end(error));
  }

  get name(): string {
    return this.#deps.name;
  }
  get cluster(): string {
    return this.#deps.cluster;
  }
  get hosts(): ReadonlyMap<string, Registration> {
    return this.#deps.hosts;
  }
  get incarnation(): string {
    return this.#joined.membership.self.incarnation;
  }

  async start(): Promise<void> {
    const { connection } = this.#deps;
    const { signals = connection.isAlone === true || connection.type !== "memory" } = this.#options;
    if (signals) this.#followSignals();
    const starting = this.#life.start();
    this.#starting = starting.then(
      () => {},
      () => {},
    );
    try {
      this.#parts = await starting;
      this.#deps.events.keepEarly(false);
    } catch (error) {
      await this.#leaving; // by a signal: it ends the process
      throw error;
    } finally {
      this.#starting = undefined;
    }
  }

  #newLife(): Life {
    const life = new Life(this.#deps, (reason) => this.#fenced(life, reason));
    return life;
  }

  #followSignals(): void {
    const { log, clock, events } = this.#deps;
    if (!hearsSignals())
      log.warn("A node in a worker hears no signals under Bun: listen in the main thread, and let it leave", {
        node: this.name,
      });
    const unwatch = watchParent(clock, (pid) => {
      log.warn("The process that started this one has ended: signals sent to it do not come here", { pid });
      events.emit({ type: "parent-ended", pid });
    });
    const unfollow = followShutdown(clock, {
      leave: (signal) => {
        log.info("leaving the cluster", { node: this.name, signal });
        this.#signalled = true;
        void this.leave().then((report) => {
          log.info("left the cluster", { node: this.name, ...report });
          exitProcess(0);
        });
      },
      atOnce: (signal) => {
        log.warn("ending at once: a second signal", { node: this.name, signal });
        exitProcess(SIGNAL_STATUS[signal] ?? 1);
      },
    });
    this.#unfollowSignals = () => {
      unwatch();
      unfollow();
    };
  }

  get #joined(): Parts {
    if (this.#parts === undefined) throw new TypeError("Cannot use a node: it has not joined");
    return this.#parts;
  }

  // ---- from one life to the next

  #fenced(life: Life, reason: string): void {
    if (life !== this.#life || this.#stopping) return;
    if (this.#rejoin) return life.end(betweenLives(this.name)); // it was just joining; the attempt has failed
    this.#deps.events.emit({ type: "fenced", reason });
    const again = this.#options.onFenced !== "stop" && this.#leaving === undefined;
    if (!again) return void this.#end(fencedError(this.name, reason));
    this.#refusal = betweenLives(this.name);
    life.end(this.#refusal);
    const former = life.parts?.membership.self;
    const { clock, random, log } = this.#deps;
    const rejoin = new Rejoin({ clock, random, log, attempt: () => this.#liveAgain(former) });
    this.#rejoin = rejoin;
    void rejoin.ended.then((end) => {
      if (end instanceof Error) this.#giveUp(end);
    });
  }

  async #liveAgain(former: NodeId | undefined): Promise<void> {
    const life = this.#newLife();
    this.#life = life;
    try {
      const parts = await life.start(former);
      if (life.isOver) throw betweenLives(this.name);
      this.#parts = parts;
    } catch (error) {
      life.end(betweenLives(this.name));
      throw error;
    }
    this.#refusal = undefined;
    this.#rejoin = undefined;
    this.#deps.events.emit({ type: "rejoined", incarnation: this.incarnation });
  }

  #giveUp(error: ConfigurationError): void {
    this.#deps.log.error("The cluster cannot be joined again", { node: this.name, error });
    void this.#end(fencedError(this.name, error.message));
  }

  // ---- for another process

  /** Under `baton dev`: see `node/succession/dev.ts`. */
  async takeOver(dev: DevParent): Promise<void> {
    const { clock, random } = this.#deps;
    await takeOver(dev, { name: this.name, parts: () => this.#joined, ...this.#steps }, { clock, random });
  }

  get #steps() {
    return {
      suspend: () => (this.#suspending ??= inCleanContext(() => this.#suspend())),
      resume: () => inCleanContext(() => this.#resume()),
      leave: () => this.leave(),
    };
  }

  /** Parks all, and lets go of what only one process can have. */
  async #suspend(): Promise<void> {
    const { clock, connection } = this.#deps;
    if (this.router === undefined) throw stoppedError(this.name);
    await leaveCluster(this.#joined, clock, this.#options.leaveDeadlineMs ?? LEAVE_DEADLINE_MS);
    this.#refusal = new UnavailableError(`Cannot use node "${this.name}": another process takes over`);
    this.#life.end(this.#refusal);
    await connection.suspend?.();
  }

  /** The other process does not take over after all. */
  async #resume(): Promise<void> {
    await this.#suspending;
    this.#suspending = undefined;
    await this.#deps.connection.resume?.();
    await this.#liveAgain(this.#joined.membership.self);
  }

  // ---- what users call

  get router(): Router | undefined {
    return this.#refusal === undefined ? this.#parts?.router : undefined;
  }

  get dispatcher(): Dispatcher {
    return this.router ?? this.#refusing;
  }

  #refused(
    type: "ask" | "tell",
    of: ToldOf,
    error: unknown = this.#refusal ?? stoppedError(this.name),
  ): Promise<unknown> {
    return type === "tell" ? this.#deps.refusedTells.rejected(of, error) : Promise.reject(error);
  }

  ref<C extends Contract>(contract: C, actor: string | Address<C["kind"]>): Ref<C> {
    const name = nameAt(contract, actor);
    return this.#deps.refs.create(contract, name, new ActorChannel(this, contract, name, undefined));
  }

  contract(kind: string): Contract | undefined {
    return this.hosts.get(kind)?.contract;
  }

  call(
    kind: string,
    name: string,
    message: string,
    argument: unknown,
    options?: CallOptions,
  ): Promise<unknown> {
    const { router } = this;
    const contract = this.contract(kind);
    if (router) return router.call(contract, kind, name, message, argument, options);
    const declared = contract && Object.hasOwn(contract.messages, message) && contract.messages[message];
    return this.#refused(declared ? declared.type : "ask", { kind, name, message });
  }

  events<T extends NodeEvent["type"] = NodeEvent["type"], S extends "node" | "cluster" = "node">(
    options: EventsOptions<T, S> = {},
  ): AsyncIterableIterator<EventOf<T, S>> {
    const { types, scope } = options;
    const filter = eventFilter(options);
    const stream =
      scope === "cluster"
        ? this.#deps.listeners.stream(filter)
        : this.#deps.events.stream(
            types || filter.kinds
              ? (event) => event.type === "events-dropped" || passes(filter, event)
              : undefined,
          );
    return stream as AsyncIterableIterator<EventOf<T, S>>;
  }

  health(): NodeHealth {
    return healthOf({
      name: this.name,
      parts: this.#parts,
      refusal: this.#refusal,
      isLeaving: this.#leaving !== undefined,
      hasStopped: this.#stopping !== undefined,
    });
  }

  askAll<R, T>(
    refs: Iterable<R>,
    ask: (ref: R, index: number) => Promise<T>,
    options?: AskAllOptions,
  ): Promise<PromiseSettledResult<T>[]> {
    return askAll(refs, ask, options);
  }

  async where<C extends Contract>(actor: Ref<C> | Address, options?: WhereOptions): Promise<ActorLocation> {
    const address = addressOf(actor);
    if (address === undefined)
      throw new InvalidArgumentError("Cannot look for an actor: neither a ref nor an address was given");
    return await this.#registry.where(address, options);
  }

  async ensure<C extends Contract>(actor: Ref<C> | Address, options?: CallOptions): Promise<void> {
    await this.#askLife("begin", actor, ENSURE, options);
  }

  async deactivate<C extends Contract>(actor: Ref<C> | Address, options?: CallOptions): Promise<void> {
    await this.#askLife("end", actor, DEACTIVATE, options);
  }

  async #askLife<C extends Contract>(
    what: string,
    actor: Ref<C> | Address,
    word: typeof ENSURE | typeof DEACTIVATE,
    options: CallOptions | undefined,
  ): Promise<void> {
    const address = addressOf(actor);
    if (address === undefined)
      throw new InvalidArgumentError(`Cannot have an actor ${what}: neither a ref nor an address was given`);
    if (this.router === undefined) throw this.#refusal ?? stoppedError(this.name);
    await this.router.askLife(address, word, options);
  }

  async list<C extends Contract>(contract: C, options?: ListOptions<C>): Promise<ActorPage<C>> {
    return (await this.#registry.list(contract, options as ListOptions)) as ActorPage<C>;
  }

  count<C extends Contract>(contract: C): ActorCount {
    return this.#registry.count(contract);
  }

  group<G extends Group>(group: G, name: string): GroupRef<G> {
    groupKey(group, name); // a name that is none is refused here
    const way = () => {
      if (this.router === undefined) throw this.#refusal ?? stoppedError(this.name);
      return this.#joined.groups.way(group, name, undefined);
    };
    return groupRef(group, {
      send: async (...message) => await way().send(...message),
      members: async () => await way().members(),
      count: async () => await way().count(),
      changes: () => way().changes(),
    });
  }

  get #registry(): Registry {
    if (this.router === undefined) throw this.#refusal ?? stoppedError(this.name);
    return this.#joined.registry;
  }

  inspect(): NodeInspection {
    return inspectNode(this, this.#joined);
  }

  cordon(): Promise<void> {
    return this.#says("cordoned");
  }

  uncordon(): Promise<void> {
    return this.#says(undefined);
  }

  async drain(options: DrainOptions = {}): Promise<DrainReport> {
    await this.#says("draining");
    return await drained(this.#joined, options, this.#deps.clock);
  }

  async #says(said: Cordon | undefined): Promise<void> {
    if (this.router === undefined) throw this.#refusal ?? stoppedError(this.name);
    if (this.#leaving) throw new UnavailableError(`Cannot place by hand: node "${this.name}" is leaving`);
    this.#own.cordon = said;
    await this.#joined.membership.setState(said ?? "up");
  }

  async move<C extends Contract>(
    what: ActorOrShard<C>,
    to: string,
    options: MoveOptions,
  ): Promise<MoveReport> {
    if (this.router === undefined) throw this.#refusal ?? stoppedError(this.name);
    return await moveByHand(this.#joined, what, to, options, { clock: this.#deps.clock, by: this.name });
  }

  async unpin<C extends Contract>(what: ActorOrShard<C>): Promise<boolean> {
    if (this.router === undefined) throw this.#refusal ?? stoppedError(this.name);
    return await unpin(this.#joined, what);
  }

  async upgrade<Env>(
    hosts: readonly Hosted<Env>[],
    options: UpgradeOptions<Env> = {},
  ): Promise<UpgradeReport> {
    if (this.router === undefined) throw this.#refusal ?? stoppedError(this.name);
    if (this.#leaving) throw new UnavailableError(`Cannot upgrade node "${this.name}": it is leaving`);
    if (this.#upgrading)
      throw new BusyError(`Cannot upgrade node "${this.name}": another upgrade of it is under way`);
    checkOption("timeoutMs", options.timeoutMs, TIMEOUT_MAX_MS);
    const { env = this.#options.env as Env } = options;
    const next = following(hosts, env, this.hosts);
    checkStreams(next, this.#deps.connection);
    this.#upgrading = true;
    try {
      return await inCleanContext(() =>
        upgradeInPlace(this.#joined, this.#own.hosts, next, options, this.#deps.clock),
      );
    } finally {
      this.#upgrading = false;
    }
  }

  leave(options: LeaveOptions = {}): Promise<LeaveReport> {
    this.#leaving ??= inCleanContext(() => this.#leave(options));
    return this.#leaving;
  }

  async #leave({
    deadlineMs = this.#options.leaveDeadlineMs ?? LEAVE_DEADLINE_MS,
  }: LeaveOptions): Promise<LeaveReport> {
    const { clock } = this.#deps;
    const startedAt = clock.now();
    let report: LeaveReport = { moved: 0, parked: 0, late: 0, recovered: 0, leftOver: 0, durationMs: 0 };
    if (this.#starting) await this.#startEnds(this.#starting, deadlineMs);
    if (this.#suspending)
      await this.#inTime(
        this.#suspending.catch(() => {}),
        deadlineMs,
      );
    if (this.#options.beforeLeave) await this.#beforeLeave(this.#options.beforeLeave, deadlineMs);
    if (this.#rejoin) await this.#rejoinEnds(this.#rejoin, deadlineMs);
    if (this.router !== undefined)
      report = await leaveCluster(this.#joined, clock, Math.max(0, startedAt + deadlineMs - clock.now()));
    await this.kill();
    return report;
  }

  /** Whatever the application has to end first. The node serves as before meanwhile. */
  async #beforeLeave(
    beforeLeave: NonNullable<NodeOptions["beforeLeave"]>,
    deadlineMs: number,
  ): Promise<void> {
    if (this.router === undefined) return;
    const controller = new AbortController();
    const withinMs = deadlineMs * BEFORE_LEAVE_SHARE;
    const work = (async () => await beforeLeave(controller.signal))().catch((error: unknown) => {
      this.#deps.log.error("beforeLeave failed, and the node leaves all the same", {
        node: this.name,
        error,
      });
    });
    await this.#inTime(work, withinMs);
    controller.abort(
      new AbortedError(`Cannot wait any longer for beforeLeave: ${Math.round(withinMs)} ms are over`),
    );
  }

  /** Nobody waits for a name any more. What is written already is carried through. */
  async #startEnds(starting: Promise<void>, withinMs: number): Promise<void> {
    this.#life.giveUpJoining();
    await this.#inTime(starting, withinMs);
  }

  /** A life that is just joining must not be left behind in the records as one that is up. */
  async #rejoinEnds(rejoin: Rejoin, withinMs: number): Promise<void> {
    rejoin.stop();
    await this.#inTime(rejoin.ended, withinMs);
  }

  async #inTime(end: Promise<unknown>, withinMs: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = this.#deps.clock.after(withinMs, resolve);
    await Promise.race([end, late]);
    timer.cancel();
  }

  stop(options?: LeaveOptions): Promise<LeaveReport> {
    return this.leave(options);
  }

  kill(): Promise<void> {
    return this.#end(stoppedError(this.name));
  }

  #end(refusal: Error): Promise<void> {
    this.#stopping ??= inCleanContext(() => this.#close(refusal));
    return this.#stopping;
  }

  async #close(refusal: Error): Promise<void> {
    this.#refusal = refusal;
    this.#rejoin?.stop();
    this.#life.end(refusal);
    this.#unfollowCredentials();
    this.#deps.events.close();
    this.#deps.listeners.close();
    try {
      await this.#deps.connection.close();
    } catch (error) {
      this.#deps.log.error("The connection did not close in order", { node: this.name, error });
    }
    if (!this.#signalled) this.#unfollowSignals();
    this.#stopped.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave();
  }
}

function stoppedError(name: string): NodeStoppedError {
  return new NodeStoppedError(`Cannot use node "${name}": it has stopped`);
}

function fencedError(name: string, reason: string): FencedError {
  return new FencedError(`Cannot go on as node "${name}": ${reason}`);
}

/** Nothing that ends so was sent: trying again is safe, and has a chance as soon as the next life has joined. */
function betweenLives(name: string): UnavailableError {
  const words = `Cannot use node "${name}": it was declared dead and is joining again`;
  return new UnavailableError(words, { retryAfterMs: 250 });
}
