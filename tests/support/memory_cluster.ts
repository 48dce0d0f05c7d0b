// Real nodes in one process, in virtual time: a manual clock, a memory network, one seed.
import { type ActorNode, MemoryNetwork, type NodeEvent, type NodeOptions, startNode } from "../../mod.ts";
import { seededRandom } from "../../platform/random.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import type { MemoryNetworkOptions } from "../../transport/memory/network.ts";

const STEP_MS = 5;
const WITHIN_MS = 60_000;

/** How a call ended: "value", or the error that was thrown. */
export interface Outcome<T> {
  readonly value?: T;
  readonly error?: Error & { readonly code?: string; readonly path?: string; readonly retryable?: boolean };
}

export class MemoryCluster {
  readonly clock = new ManualClock();
  readonly network: MemoryNetwork;
  readonly events: { readonly node: string; readonly event: NodeEvent }[] = [];
  /** What callbacks of the transport threw: always empty, unless something is broken. */
  readonly thrown: unknown[] = [];
  readonly nodes: ActorNode[] = [];
  #seed = 1;

  constructor(options: Omit<MemoryNetworkOptions, "clock"> = {}) {
    this.network = new MemoryNetwork({ ...options, clock: this.clock });
  }

  async start(name: string, options: NodeOptions = {}): Promise<ActorNode> {
    const transport = this.network.connect(name, { onError: (error) => void this.thrown.push(error) });
    const random = seededRandom(this.#seed++);
    const node = await this.ends(
      startNode({ name, cluster: "test", transport, clock: this.clock, random, ...options }),
    );
    this.nodes.push(node);
    void this.#follow(name, node.events());
    return node;
  }

  async #follow(node: string, events: AsyncIterable<NodeEvent>): Promise<void> {
    for await (const event of events) this.events.push({ node, event });
  }

  /** The events of one type, from all nodes. */
  seen<T extends NodeEvent["type"]>(type: T): Extract<NodeEvent, { type: T }>[] {
    return this.events.flatMap(({ event }) =>
      event.type === type ? [event as Extract<NodeEvent, { type: T }>] : [],
    );
  }

  /** Runs time until the promise ends; its value, or what it threw. */
  async ends<T>(promise: Promise<T>, withinMs = WITHIN_MS): Promise<T> {
    const outcome = await this.outcome(promise, withinMs);
    if (outcome.error) throw outcome.error;
    return outcome.value as T;
  }

  /** Runs time until the promise ends, and tells how, as data. */
  async outcome<T>(promise: Promise<T>, withinMs = WITHIN_MS): Promise<Outcome<T>> {
    let outcome: Outcome<T> | undefined;
    promise.then(
      (value) => (outcome = { value }),
      (error: Error) => (outcome = { error }),
    );
    const startedAt = this.clock.now();
    await this.clock.advance(0);
    while (outcome === undefined && this.clock.now() - startedAt <= withinMs)
      await this.clock.advance(STEP_MS);
    if (outcome !== undefined) return outcome;
    throw new Error(
      `expected an end within ${withinMs} ms of virtual time; seen: none at ${this.clock.now()} ms`,
    );
  }

  /** Runs time until the condition holds. */
  async until(what: string, holds: () => boolean, withinMs = WITHIN_MS): Promise<void> {
    const startedAt = this.clock.now();
    await this.clock.advance(0);
    while (!holds()) {
      if (this.clock.now() - startedAt > withinMs)
        throw new Error(`expected ${what} within ${withinMs} ms; seen: not so at ${this.clock.now()} ms`);
      await this.clock.advance(STEP_MS);
    }
  }

  /** Every shard of the kind is owned by one of the named nodes, and nothing moves. */
  async settled(kind: string, ...owners: readonly string[]): Promise<void> {
    await this.until(`shards of "${kind}" at ${owners.join(" and ")}`, () => {
      const node = this.nodes.findLast(({ name }) => owners.includes(name));
      const shards = node?.inspect().shards.filter((shard) => shard.kind === kind) ?? [];
      const wanted = node?.contract(kind)?.shards;
      return (
        shards.length === wanted &&
        shards.every(({ owner, state }) => state === "owned" && owners.includes(owner)) &&
        owners.every((name) => shards.length < owners.length || shards.some(({ owner }) => owner === name))
      );
    });
  }

  /** Ends all nodes at once. */
  async close(): Promise<void> {
    for (const node of this.nodes) await this.ends(node.kill());
  }
}

/** A promise to be settled from outside. */
export function signalled<T = void>(): PromiseWithResolvers<T> {
  return Promise.withResolvers<T>();
}
