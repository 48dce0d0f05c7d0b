// What the demo does with a cluster, and the cluster of the memory transport: all nodes in this process.
import process from "node:process";
import {
  type ActorNode,
  MemoryNetwork,
  type NodeEvent,
  startNode,
  type UpgradeReport,
} from "../../../mod.ts";
import { activityHosts, type Release } from "../actors.ts";

/** What runs a node. */
export type Runtime = "bun" | "deno";

/** A cluster whose nodes come and go. */
export interface Cluster {
  readonly transport: "memory" | "nats";
  /** Runtimes that nodes can have; more than one, if there are more. */
  readonly runtimes: readonly Runtime[];
  /** Starts a node that hosts actors, in that release's code. Resolves once it says that it is up. */
  start(name: string, runtime: Runtime, release: Release): Promise<void>;
  /** Gives a node's actors the second release's code, in place. @throws if any shard goes on in the first one */
  upgrade(name: string): Promise<void>;
  /** Ends a node as a rolling deploy does: SIGTERM, then waiting for its end. @throws if it does not end well */
  end(name: string): Promise<void>;
  /** A node that only calls. */
  connect(name: string): Promise<ActorNode>;
  /** What nodes told about themselves, each with the name of the node. */
  onEvent(listener: (node: string, event: NodeEvent) => void): void;
  /** Ends everything, at once. */
  close(): Promise<void>;
  /** The same without waiting, for a process that is about to exit. */
  abandon(): void;
}

/** The runtime of this very process. */
export function ownRuntime(): Runtime {
  return process.versions.deno === undefined ? "bun" : "deno";
}

/** @throws if anything goes on in the code that it had */
export function refuseKept({ upgraded, kept }: UpgradeReport): void {
  if (kept.length === 0) return;
  throw new Error(
    `Cannot go on: ${upgraded} shards were upgraded, ${kept.length} kept: ${JSON.stringify(kept[0])}`,
  );
}

/** A cluster in this process. */
export class MemoryCluster implements Cluster {
  readonly transport = "memory";
  readonly runtimes: readonly Runtime[] = [ownRuntime()];
  readonly #cluster: string;
  readonly #network = new MemoryNetwork();
  readonly #nodes = new Map<string, ActorNode>();
  readonly #callers: ActorNode[] = [];
  readonly #listening = new Set<Promise<void>>();
  #listener: (node: string, event: NodeEvent) => void = () => {};

  constructor(cluster: string) {
    this.#cluster = cluster;
  }

  async start(name: string, _runtime: Runtime, release: Release): Promise<void> {
    const transport = this.#network.connect(name);
    const node = await startNode({ name, cluster: this.#cluster, transport, hosts: activityHosts(release) });
    this.#nodes.set(name, node);
    this.#listening.add(this.#listen(node));
  }

  async upgrade(name: string): Promise<void> {
    await this.#nodes.get(name)?.upgrade(activityHosts(2)).then(refuseKept);
  }

  async end(name: string): Promise<void> {
    await this.#nodes.get(name)?.leave();
    this.#nodes.delete(name);
  }

  async connect(name: string): Promise<ActorNode> {
    const transport = this.#network.connect(name);
    const node = await startNode({ name, cluster: this.#cluster, transport, hosts: [] });
    this.#callers.push(node);
    return node;
  }

  onEvent(listener: (node: string, event: NodeEvent) => void): void {
    this.#listener = listener;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#callers, ...this.#nodes.values()].map((node) => node.kill()));
    await Promise.all(this.#listening);
  }

  abandon(): void {}

  async #listen(node: ActorNode): Promise<void> {
    for await (const event of node.events()) this.#listener(node.name, event);
  }
}
