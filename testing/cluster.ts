/**
 * A whole cluster in one process, under one clock and one seed.
 *
 * Every node is a real one; only time, chance and the network are replaced. Nothing happens unless time is moved, and
 * the same seed gives the same run, on every runtime.
 *
 * @module
 */
import type { Hosted } from "../actors/host.ts";
import type { NodeEvent } from "../events.ts";
import type { LeaveReport } from "../handoff/leave.ts";
import type { UpgradeReport } from "../handoff/upgrade/upgrades.ts";
import type { ActorNode, EnvOption, NodeOptions } from "../node/api.ts";
import type { UpgradeOptions } from "../node/upgrading.ts";
import { startNode } from "../node.ts";
import { type Random, seededRandom } from "../platform/random.ts";
import type { Connection } from "../transport/transport.ts";
import { MemoryNetwork, type MemoryNetworkOptions, spreadLatency } from "../transport/memory/network.ts";
import { ManualClock } from "./manual_clock.ts";
import { NodeClock } from "./node_clock.ts";

/** What all nodes of a simulated cluster have in common. */
export type SimulatedNodeOptions<Env = unknown> = Omit<
  NodeOptions<Env>,
  "name" | "cluster" | "transport" | "hosts" | "signals" | "clock" | "random"
>;

/** How a simulated cluster behaves. */
export interface SimulationOptions {
  /** Decides everything that is left to chance. A failure tells it. */
  readonly seed: number;
  /** Name of the cluster. Default "simulated". */
  readonly cluster?: string;
  /** Least and longest way of a message in milliseconds; each pair of nodes has its own. Default 0 and 5. */
  readonly latencyMs?: readonly [number, number];
  /** Faults of network and records. Default: none. */
  readonly network?: Omit<MemoryNetworkOptions, "clock" | "latencyMs">;
  /** Settings and the like of every node. */
  readonly node?: Omit<SimulatedNodeOptions, "env">;
  /** How far a node's wall clock is ahead when it starts, in milliseconds. Default: all agree. */
  readonly wallAheadMs?: (name: string) => number;
  /** Replaces the connection of a node that starts, by one that changes what it says or hears. Default: none. */
  readonly connection?: (connection: Connection, process: string) => Connection;
  /** Hears every event of every node, by the name of its process, at once. */
  readonly onEvent?: (node: string, event: NodeEvent) => void;
  /** The command that repeats this run; a failure shows it. */
  readonly repeat?: string;
}

/** What a simulation expected and did not see. Its message holds all of it. */
export class SimulationError extends Error {
  override readonly name = "SimulationError";
  readonly seed: number;
  readonly phase: string;

  constructor(seed: number, phase: string, expected: string, actual: string, repeat?: string) {
    const again = repeat === undefined ? "" : `; repeat with: ${repeat}`;
    super(`seed ${seed}, phase "${phase}": expected ${expected}, actual: ${actual}${again}`);
    this.seed = seed;
    this.phase = phase;
  }
}

/** Time that one look at a condition lets pass, in milliseconds. */
const STEP_MS = 5;

/**
 * See the module's text.
 *
 * Verbs that wait (`start`, `upgrade`, `leave`, `ends`, `until`) move time themselves, so await one at a time. To let several
 * things happen at once, use `starting` and `leaving`, which only begin them, and move time with `advance` or `until`.
 *
 * @example
 * await using cluster = new SimulatedCluster({ seed: 1 });
 * const a = await cluster.start("a", [host(Counter, CounterActor)]);
 * const b = await cluster.start("b", [host(Counter, CounterActor)]);
 * await cluster.ends("an answer", a.ref(Counter, "visits").add(1));
 * await cluster.leave("a");
 * await cluster.ends("the same state on b", b.ref(Counter, "visits").add(1)); // 2
 */
export class SimulatedCluster {
  readonly seed: number;
  readonly clock: ManualClock = new ManualClock();
  readonly network: MemoryNetwork;
  /** Chance for the test's own decisions; it does not disturb what the nodes draw. */
  readonly random: Random;
  /** What is being done, for the message of a failure. */
  phase = "start";
  readonly #options: SimulationOptions;
  readonly #nodes = new Map<string, ActorNode>();
  /** Of each name's latest life. */
  readonly #clocks = new Map<string, NodeClock>();
  #starts = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.seed = options.seed;
    this.random = seededRandom(options.seed);
    const [minMs, maxMs] = options.latencyMs ?? [0, 5];
    this.network = new MemoryNetwork({
      ...options.network,
      clock: this.clock,
      latencyMs: spreadLatency(seededRandom(options.seed ^ 0x5eed), minMs, maxMs),
    });
  }

  /** The nodes that have started and have not gone, by name. */
  get nodes(): ReadonlyMap<string, ActorNode> {
    return this.#nodes;
  }

  /** A node by name. @throws {SimulationError} if there is none */
  node(name: string): ActorNode {
    const node = this.#nodes.get(name);
    if (node === undefined) throw this.failure(`a node "${name}"`, [...this.#nodes.keys()].join(", "));
    return node;
  }

  /**
   * Begins to start a node. Time must move for the promise to resolve.
   *
   * @param process its name for faults and for `nodes`, if another process may have the node's name. Default: that name
   */
  async starting<Env>(
    name: string,
    hosts: readonly Hosted<Env>[],
    options: SimulatedNodeOptions<Env> = {},
    process: string = name,
  ): Promise<ActorNode> {
    const { cluster = "simulated", node: common, onEvent, wallAheadMs, connection } = this.#options;
    const clock = new NodeClock(this.clock, wallAheadMs?.(name));
    this.#clocks.set(process, clock);
    const transport = this.network.connect(process, { turn: (run) => clock.turn(run) });
    const all: NodeOptions<Env> = {
      ...common,
      ...options,
      name,
      cluster,
      hosts,
      signals: false,
      transport: connection?.(transport, process) ?? transport,
      clock,
      random: seededRandom(Math.imul(this.seed, 7919) + ++this.#starts),
    };
    const node = await startNode(all as NodeOptions<Env> & EnvOption<Env>);
    this.#nodes.set(process, node);
    if (onEvent) void this.#listen(node, (event) => onEvent(process, event));
    void node.whenStopped.then(() => {
      if (this.#nodes.get(process) === node) this.#nodes.delete(process);
    });
    return node;
  }

  async #listen(node: ActorNode, onEvent: (event: NodeEvent) => void): Promise<void> {
    for await (const event of node.events()) onEvent(event);
  }

  /**
   * Starts a node, and moves time until it has joined. Actors that are made from an environment get `options.env`: in a test,
   * a fake.
   */
  async start<Env>(
    name: string,
    hosts: readonly Hosted<Env>[],
    options: SimulatedNodeOptions<Env> = {},
  ): Promise<ActorNode> {
    return await this.ends(`node "${name}" to start`, this.starting(name, hosts, options));
  }

  /** Begins a leave. Time must move for the promise to resolve. */
  leaving(name: string): Promise<LeaveReport> {
    return this.node(name).leave();
  }

  /** Lets a node leave, and moves time until it has gone. */
  async leave(name: string): Promise<LeaveReport> {
    return await this.ends(`node "${name}" to leave`, this.leaving(name));
  }

  /** Gives actors of a node other code, in place, and moves time until it has told what came of it. */
  async upgrade<Env>(
    name: string,
    hosts: readonly Hosted<Env>[],
    options?: UpgradeOptions<Env>,
  ): Promise<UpgradeReport> {
    return await this.ends(`node "${name}" to be upgraded`, this.node(name).upgrade(hosts, options));
  }

  /**
   * Kills a node, also one that is starting: none of its code runs any more, and nothing that was under way gets out. Its
   * promises never end.
   */
  crash(name: string): void {
    this.clockOf(name).kill();
    this.#nodes.delete(name);
    this.network.crash(name);
  }

  /**
   * Freezes a node: none of its code runs until `wake`, yet what comes in waits for it.
   *
   * @param suspended its monotonic clock stands still as well, as on a machine that sleeps
   */
  freeze(name: string, suspended = false): void {
    this.clockOf(name).freeze(suspended);
  }

  /** Ends a freeze: everything that was due comes at once, in its order. */
  wake(name: string): void {
    this.clockOf(name).wake();
  }

  /** The time of a node: what its code should wait by. @throws {SimulationError} if it was never started */
  clockOf(name: string): NodeClock {
    const clock = this.#clocks.get(name);
    if (clock === undefined) throw this.failure(`a node "${name}"`, [...this.#clocks.keys()].join(", "));
    return clock;
  }

  /** Cuts a node off: messages and records. */
  cut(name: string): void {
    this.network.cut(name);
  }

  /** Ends a cut. */
  heal(name: string): void {
    this.network.heal(name);
  }

  /** Moves time on, in milliseconds. */
  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  /** A promise that resolves in `ms` milliseconds of this cluster's time. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.after(ms, resolve));
  }

  /**
   * Moves time until the condition holds, at most `withinMs`.
   *
   * @param actual tells what is seen instead, for the failure
   * @throws {SimulationError}
   */
  async until(
    words: string,
    holds: () => boolean,
    withinMs = 60_000,
    actual: () => string = () => "it never was so",
  ): Promise<void> {
    const endAt = this.clock.now() + withinMs;
    await this.clock.settle();
    while (!holds()) {
      if (this.clock.now() >= endAt) throw this.failure(`${words} within ${withinMs} ms`, actual());
      await this.clock.advance(STEP_MS);
    }
  }

  /**
   * Moves time until the promise ends, at most `withinMs`.
   *
   * @throws {SimulationError} if it does not; otherwise what the promise rejects with
   */
  async ends<T>(words: string, promise: Promise<T>, withinMs = 60_000): Promise<T> {
    let ended = false;
    const end = () => {
      ended = true;
    };
    promise.then(end, end);
    await this.until(
      words,
      () => ended,
      withinMs,
      () => "still waiting",
    );
    return await promise;
  }

  /** The error for something that was not as expected, with seed and phase. */
  failure(expected: string, actual: string): SimulationError {
    return new SimulationError(this.seed, this.phase, expected, actual, this.#options.repeat);
  }

  /** Ends all nodes at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of [...this.#nodes.values()]) void node.kill();
    this.#nodes.clear();
    await this.clock.settle();
  }
}
