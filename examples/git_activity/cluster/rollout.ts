// What happens to the cluster while the stream runs: one node joins, one leaves, all get new code in place, then all are
// replaced one by one.
import type { ActorNode } from "../../../mod.ts";
import type { Release } from "../actors.ts";
import type { Cluster, Runtime } from "./cluster.ts";
import { Author, File } from "../contract.ts";

/** One step, for the report. */
export interface Step {
  readonly what: string;
  readonly atMs: number;
  readonly tookMs: number;
}

/** How far the roll-out is. */
export interface RollOut {
  /** Names and runtimes of all nodes there have been. */
  readonly runtimes: Map<string, Runtime>;
  /** Those that are up now, oldest first. */
  readonly up: string[];
  readonly steps: Step[];
  doing: string;
}

const BALANCE_TIMEOUT_MS = 15_000;
const POLL_MS = 50;
/** A node counts as settled in when it owns this share of what would be fair. */
const FAIR_ENOUGH = 0.6;

/** Nothing started. */
export function noRollOut(): RollOut {
  return { runtimes: new Map(), up: [], steps: [], doing: "starting" };
}

/** Makes the steps, each after the one before has ended. */
export class RollOutDriver {
  readonly #cluster: Cluster;
  readonly #observer: ActorNode;
  readonly #rollOut: RollOut;
  readonly #beganAt = performance.now();
  #number = 0;
  #release: Release = 1;

  /** @param observer any node of the cluster that stays: what it knows of owners tells when a move has ended */
  constructor(cluster: Cluster, observer: ActorNode, rollOut: RollOut) {
    this.#cluster = cluster;
    this.#observer = observer;
    this.#rollOut = rollOut;
  }

  /** The first nodes, all at once, Bun and Deno in turn. */
  async startAll(nodes: number): Promise<void> {
    await this.#step(`start ${nodes}`, async () => {
      const runtimes = Array.from({ length: nodes }, (_, index) => this.#nth(index));
      await Promise.all(runtimes.map((runtime) => this.#start(runtime, this.#nextName(runtime))));
      await this.#until("all first nodes to be seen", () => this.#seen() >= nodes);
      await this.#until(
        "every shard to have an owner",
        () => this.#ownedByAny() === File.shards + Author.shards,
      );
    });
  }

  /** The whole roll-out, once the stream is warm. */
  async run(isWarm: () => boolean): Promise<void> {
    await this.#step("warm up", () => this.#until("the first messages to end", isWarm));
    await this.#join(this.#nth(this.#rollOut.up.length));
    // The second: with two runtimes that is the other one than the first.
    await this.#leave(this.#rollOut.up[1] ?? this.#rollOut.up[0]);
    this.#release = 2;
    for (const name of this.#rollOut.up) await this.#upgrade(name);
    for (const name of [...this.#rollOut.up]) {
      await this.#join(this.#otherThan(this.#rollOut.runtimes.get(name)));
      await this.#leave(name);
    }
    this.#rollOut.doing = "all replaced";
  }

  async #join(runtime: Runtime): Promise<void> {
    const name = this.#nextName(runtime);
    await this.#step(`join ${name}`, async () => {
      await this.#start(runtime, name);
      await this.#until(`"${name}" to own its share`, () => this.#owned(name) >= this.#fairShare());
    });
  }

  /** One node after the other: meanwhile the upgraded ones and the others share the stream. */
  async #upgrade(name: string): Promise<void> {
    await this.#step(`upgrade ${name} in place`, () => this.#cluster.upgrade(name));
  }

  async #leave(name: string | undefined): Promise<void> {
    if (name === undefined) return;
    await this.#step(`leave ${name}`, async () => {
      await this.#cluster.end(name);
      this.#rollOut.up.splice(this.#rollOut.up.indexOf(name), 1);
    });
  }

  async #start(runtime: Runtime, name: string): Promise<void> {
    this.#rollOut.runtimes.set(name, runtime);
    await this.#cluster.start(name, runtime, this.#release);
    this.#rollOut.up.push(name);
    this.#rollOut.up.sort((a, b) => this.#ageOf(a) - this.#ageOf(b));
  }

  #ageOf(name: string): number {
    return [...this.#rollOut.runtimes.keys()].indexOf(name);
  }

  #nextName(runtime: Runtime): string {
    return `${runtime}-${++this.#number}`;
  }

  #nth(index: number): Runtime {
    return this.#cluster.runtimes[index % this.#cluster.runtimes.length] ?? "bun";
  }

  #otherThan(runtime: Runtime | undefined): Runtime {
    return this.#cluster.runtimes.find((other) => other !== runtime) ?? this.#nth(0);
  }

  #seen(): number {
    const { nodes } = this.#observer.inspect();
    return nodes.filter(({ node, state }) => state === "up" && this.#rollOut.runtimes.has(node)).length;
  }

  #owned(name: string): number {
    return this.#observer.inspect().shards.filter(({ owner, state }) => state === "owned" && owner === name)
      .length;
  }

  #ownedByAny(): number {
    return this.#observer.inspect().shards.filter(({ state }) => state === "owned").length;
  }

  #fairShare(): number {
    const { shards } = this.#observer.inspect();
    return Math.max(1, Math.floor((FAIR_ENOUGH * shards.length) / this.#rollOut.up.length));
  }

  async #step(what: string, run: () => Promise<void>): Promise<void> {
    this.#rollOut.doing = what;
    const startedAt = performance.now();
    await run();
    const now = performance.now();
    this.#rollOut.steps.push({ what, atMs: startedAt - this.#beganAt, tookMs: now - startedAt });
  }

  async #until(what: string, holds: () => boolean): Promise<void> {
    const deadline = performance.now() + BALANCE_TIMEOUT_MS;
    while (!holds()) {
      if (performance.now() > deadline)
        throw new Error(`Cannot wait longer for ${what}: the nodes are ${this.#shown()}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  #shown(): string {
    const { nodes } = this.#observer.inspect();
    return JSON.stringify(nodes.map(({ node, state }) => `${node} ${state}, ${this.#owned(node)} shards`));
  }
}
