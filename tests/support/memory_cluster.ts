// Real nodes in one process, in virtual time: a manual clock, a memory network, one seed.
import { type ActorNode, MemoryNetwork, type NodeEvent, type NodeOptions, startNode } from "../../mod.ts";
import { seededRandom } from "../../platform/random.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import type { MemoryNetworkOptions } from "../../transport/memory/network.ts";
import { type Outcome, untilOver, untilTrue, comesTo } from "./virtual_time.ts";

export type { Outcome } from "./virtual_time.ts";

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

  /** See {@link comesTo}. */
  ends<T>(promise: Promise<T>, withinMs?: number): Promise<T> {
    return comesTo(this.clock, promise, { withinMs });
  }

  /** See {@link untilOver}. */
  outcome<T>(promise: Promise<T>, withinMs?: number): Promise<Outcome<T>> {
    return untilOver(this.clock, promise, { withinMs });
  }

  /** See {@link untilTrue}. */
  until(what: string, holds: () => boolean, withinMs?: number): Promise<number> {
    return untilTrue(this.clock, what, holds, { withinMs });
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
