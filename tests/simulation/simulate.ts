/**
 * One simulation: nodes come and go, actors move, messages and records get lost; then all faults stop, every shard has
 * to answer, and the history is judged.
 */
import { ActorError } from "../../errors.ts";
import type { NodeEvent } from "../../events.ts";
import { type Random, seededRandom } from "../../platform/random.ts";
import { CHECKERS } from "../../testing/checkers.ts";
import { SimulatedCluster, SimulationError } from "../../testing/cluster.ts";
import { History, type Violation } from "../../testing/history.ts";
import { ADDRESSES, CONTRACTS, contractOf, hostsOf } from "./actors.ts";
import { namesOfShards } from "../support/shard_names.ts";
import { Faults, randomRates } from "./faults.ts";
import { pick, runSender } from "./senders.ts";

/** What happens to nodes: they join, leave in order, and lose their connection for a moment. None is killed yet. */
export type Profile = "planned";

export interface SimulateOptions {
  readonly seed: number;
  readonly profile?: Profile;
  readonly defect?: string | undefined;
  /** Gets a line for everything that happens. */
  readonly trace?: ((line: string) => void) | undefined;
}

/** How one seed went. */
export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Where it was when it ended. */
  readonly phase: string;
  readonly hash: number;
  readonly messages: number;
  readonly moves: number;
  readonly late: number;
  readonly parked: number;
  readonly kept: number;
  readonly virtualMs: number;
}

const SETTINGS = {
  ...{ leaseMs: 6_000, renewMs: 600, renewTimeoutMs: 250, safeMs: 4_500 },
  ...{ settleMs: 60, claimSettleMs: 20, drainMs: 20, repeatMs: 60, silenceMs: 300, reconcileMs: 200 },
  ...{ retryMinMs: 50, retryMaxMs: 400, renewalMaxMs: 500, sweepMs: 100 },
  ...{ chunkBytes: 600, actorBytesMax: 1_500, resendMinMs: 15, resendMaxMs: 200 },
};
/** Faults stop after this much time. */
const FAULTY_MS = 3_000;
const LEASE_AND_MORE_MS = SETTINGS.leaseMs + 10_000;

export async function simulate(options: SimulateOptions): Promise<SimulationResult> {
  const simulation = new Simulation(options);
  return await simulation.run();
}

class Simulation {
  readonly #cluster: SimulatedCluster;
  readonly #history: History;
  readonly #faults: Faults;
  readonly #random: Random;
  readonly #hooks: Random;
  readonly #births = new Map<string, number>();
  readonly #flows = new Set<Promise<void>>();
  readonly #lives = new Map<string, { alive: boolean; sending: boolean }>();
  #sending = true;
  #lifes = 0;
  #running = 0;
  #tally = { moves: 0, late: 0, parked: 0, kept: 0 };

  constructor(options: SimulateOptions) {
    const { seed, profile = "planned", defect, trace } = options;
    this.#random = seededRandom(seed);
    this.#hooks = seededRandom(seed + 1_000_003);
    this.#history = new History(() => this.#cluster.clock.now(), trace);
    this.#faults = new Faults(randomRates(this.#random), seededRandom(seed + 2_000_003), (line) =>
      this.#history.note(line),
    );
    this.#cluster = new SimulatedCluster({
      seed,
      cluster: "sim",
      latencyMs: [0.1, 1 + this.#random.next() * 12],
      network: this.#faults.options,
      node: { settings: SETTINGS, door: false, leaveDeadlineMs: 25_000, defects: defect ? [defect] : [] },
      onEvent: (node, event) => this.#event(node, event),
      repeat: repeatCommand(seed, profile, defect),
    });
  }

  async run(): Promise<SimulationResult> {
    try {
      await this.#phases();
    } catch (error) {
      if (!(error instanceof SimulationError)) throw error;
      this.#inspect();
      this.#history.violate("I5", error.message);
    }
    const violations = [
      ...this.#history.violations,
      ...CHECKERS.flatMap((each) => each.check(this.#history)),
    ];
    const { phase, clock, seed } = this.#cluster;
    const { hash, handled } = this.#history;
    await this.#cluster[Symbol.asyncDispose]();
    return {
      seed,
      violations,
      phase,
      hash,
      messages: handled.length,
      ...this.#tally,
      virtualMs: clock.now(),
    };
  }

  /** What every node thinks, for the trace. */
  #inspect(): void {
    for (const node of this.#cluster.nodes.values()) {
      const { shards, actors, counters, gateOpen } = node.inspect();
      this.#history.note(
        `node ${node.name} ${node.incarnation} open ${gateOpen} ${JSON.stringify(counters)}`,
      );
      for (const shard of shards) this.#history.note(`  shard ${JSON.stringify(shard)}`);
      for (const actor of actors) this.#history.note(`  actor ${JSON.stringify(actor)}`);
    }
  }

  async #phases(): Promise<void> {
    const cluster = this.#cluster;
    cluster.phase = "faults";
    const first = 1 + Math.floor(this.#random.next() * 3);
    for (let i = 0; i < first; i++) this.#flow(this.#start(this.#reserved(`n${i}`)));
    this.#flow(this.#schedule());
    await cluster.advance(FAULTY_MS);
    this.#faults.on = false;
    this.#sending = false;
    cluster.phase = "heal";
    await cluster.until(
      "all callers and moves to end",
      () => this.#flows.size === 0,
      40_000,
      () =>
        [...this.#history.calls.filter((call) => call.outcome === undefined)]
          .map(({ sender, to, n }) => `${sender} → ${to} ${n}`)
          .join(", "),
    );
    if (cluster.nodes.size === 0) await cluster.ends("a node", this.#start("last"));
    cluster.phase = "settle";
    await cluster.until(
      "all messages to end",
      () => this.#history.calls.every((call) => call.outcome),
      20_000,
    );
    await cluster.until(
      "all timers and mail to be handled",
      () => this.#isQuiet(),
      20_000,
      () => this.#timersLeft(),
    );
    cluster.phase = "probe";
    await cluster.ends("every shard to answer", this.#probe(), LEASE_AND_MORE_MS);
    cluster.phase = "done";
  }

  #flow(work: Promise<void>): void {
    const flow = work.catch((error: unknown) => {
      this.#history.violate("I5", error instanceof Error ? (error.stack ?? error.message) : String(error));
    });
    this.#flows.add(flow);
    void flow.then(() => this.#flows.delete(flow));
  }

  // ---- nodes

  /** Starts a node, again and again: a store that does not answer at once lets the first attempts fail. */
  async #start(name: string): Promise<void> {
    const cluster = this.#cluster;
    const key = `${name}.${++this.#lifes}`;
    const life = { alive: true, sending: true };
    const around = {
      history: this.#history,
      random: this.#hooks,
      node: key,
      sleep: (ms: number) => cluster.sleep(ms),
      alive: () => life.alive,
      born: (address: string) => this.#born(address),
      strict: this.#random.next() < 0.4,
      faulty: () => this.#faults.on,
      running: (by: number) => {
        this.#running += by;
      },
    };
    this.#history.note(`starting ${key}`);
    const node = await this.#insist(() => cluster.starting(name, hostsOf(around)));
    if (node === undefined) return;
    this.#lives.set(name, life);
    this.#history.note(`started ${key}`);
    for (let i = 0; i < 2; i++) {
      const random = seededRandom(cluster.seed * 31 + this.#lifes * 7 + i);
      const stopped = () => !this.#sending || !life.sending || !life.alive;
      const id = `client-${key}-${i}`;
      const { sleep, alive } = around;
      this.#flow(runSender({ id, node, history: this.#history, random, pauseMs: 50, sleep, alive, stopped }));
    }
  }

  async #leave(name: string): Promise<void> {
    const life = this.#lives.get(name);
    const node = this.#cluster.nodes.get(name);
    if (!life || !node || !life.sending) return;
    life.sending = false;
    this.#history.note(`leaving ${name}`);
    const report = await node.leave();
    this.#history.note(`left ${name} ${JSON.stringify(report)}`);
    if (report.leftOver + report.recovered > 0)
      this.#history.violate("I4", `node ${name} left with ${JSON.stringify(report)}`);
  }

  #born(address: string): number {
    const born = (this.#births.get(address) ?? 0) + 1;
    this.#births.set(address, born);
    return born;
  }

  #event(node: string, event: NodeEvent): void {
    this.#history.note(`event ${node} ${summary(event)}`);
    if (event.type === "shard-moved") {
      this.#tally.moves++;
      this.#tally.late += event.lateActors;
      if (event.to === "parked") this.#tally.parked++;
    }
    if (event.type === "move-kept") this.#tally.kept++;
    const forbidden =
      ["fenced", "actor-recovered", "rejected-input"].includes(event.type) ||
      (event.type === "actor-quarantined" && event.kind !== "brittle") ||
      (event.type === "shard-owned" && event.how === "claimed");
    if (forbidden) this.#history.violate("I4", `node ${node} told ${summary(event)}, without a crash`);
  }

  // ---- what happens to the cluster

  async #schedule(): Promise<void> {
    const { clock } = this.#cluster;
    while (clock.now() < FAULTY_MS - 300) {
      await this.#cluster.sleep(50 + this.#random.next() * 700);
      if (clock.now() >= FAULTY_MS) return;
      this.#act();
    }
  }

  #act(): void {
    const up = [...this.#lives].filter(([name, life]) => life.sending && this.#cluster.nodes.has(name));
    const names = up.map(([name]) => name);
    const chance = this.#random.next();
    const join = () => this.#flow(this.#start(this.#freeName()));
    const leave = (name: string | undefined) => name !== undefined && this.#flow(this.#leave(name));
    if (names.length === 0) return join();
    if (names.length < 2 && chance < 0.6) return join();
    if (names.length < 5 && chance < 0.4) return join();
    const one = pick(names, this.#random);
    if (chance < 0.6) return void leave(one);
    if (chance < 0.7) {
      leave(one);
      return void leave(names.find((name) => name !== one));
    }
    if (chance < 0.8) return this.#flow(this.#replace(one));
    if (chance < 0.85) return names.forEach((name) => void leave(name));
    if (chance < 0.95) return this.#flow(this.#blink(one));
    join();
    leave(one);
  }

  #freeName(): string {
    for (let i = 0; ; i++) if (!this.#lives.has(`n${i}`)) return this.#reserved(`n${i}`);
  }

  #reserved(name: string): string {
    this.#lives.set(name, { alive: true, sending: false });
    return name;
  }

  /** Leaves, and comes back at once under its name. */
  async #replace(name: string): Promise<void> {
    await this.#leave(name);
    await this.#start(name);
  }

  /** A connection is lost for a moment, shorter than any lease. */
  async #blink(name: string): Promise<void> {
    this.#history.note(`cut ${name}`);
    this.#cluster.cut(name);
    await this.#cluster.sleep(20 + this.#random.next() * 600);
    this.#cluster.heal(name);
    this.#history.note(`healed ${name}`);
  }

  // ---- the end

  /** Nothing runs or waits, and nothing will come. */
  #isQuiet(): boolean {
    if (this.#running > 0) return false;
    for (const node of this.#cluster.nodes.values()) {
      if (node.inspect().actors.some(({ mailbox }) => mailbox > 0)) return false;
    }
    return [...this.#history.timers.values()].every(
      ({ fired, fires, cancelledAt }) => cancelledAt !== undefined || fired.length >= fires,
    );
  }

  #timersLeft(): string {
    return [...this.#history.timers.values()]
      .filter(({ fired, fires, cancelledAt }) => cancelledAt === undefined && fired.length < fires)
      .map(({ actor, id, fired, fires }) => `${actor} ${id}: ${fired.length} of ${fires}`)
      .join(", ");
  }

  /** Every actor tells about itself, and every shard answers. */
  async #probe(): Promise<void> {
    const [node] = this.#cluster.nodes.values();
    if (!node) throw this.#cluster.failure("a node", "none");
    await Promise.all(
      ADDRESSES.map(async (address) => {
        const { contract, name } = contractOf(address);
        await this.#insist(() => node.ref(contract, name).dump(null, { timeoutMs: 1_000 }));
      }),
    );
    for (const contract of Object.values(CONTRACTS)) {
      const probes = namesOfShards(contract.kind, contract.shards);
      const ref = (name: string) => node.ref(contract as typeof CONTRACTS.ledger, name);
      await Promise.all(probes.map((name) => this.#insist(() => ref(name).dump(null, { timeoutMs: 1_000 }))));
    }
  }

  async #insist<T>(ask: () => Promise<T>): Promise<T | undefined> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof ActorError)) throw error;
        if (error.code === "invalid-state") return undefined;
        this.#history.note(`again after ${error.message}`);
        await this.#cluster.sleep(100);
      }
    }
  }
}

function summary(event: NodeEvent): string {
  const { at: _, type, ...rest } = event;
  if (type === "handler-failed" || type === "rejected-input") return type;
  return `${type} ${JSON.stringify(rest)}`;
}

export function repeatCommand(seed: number, profile: Profile, defect: string | undefined): string {
  return `npm run simulate -- --seeds ${seed}..${seed} --faults ${profile}${defect ? ` --defect ${defect}` : ""}`;
}
