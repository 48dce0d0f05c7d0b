/** The nodes of a simulation, each from a start to its end: they join, leave, are killed, and come back. */
import { ActorError, ConfigurationError } from "../../../errors.ts";
import type { UpgradeReport } from "../../../handoff/upgrade/upgrades.ts";
import type { ActorNode, NodeOptions } from "../../../node/api.ts";
import type { UpgradeOptions } from "../../../node/upgrading.ts";
import { hash32 } from "../../../platform/hash.ts";
import { type Random, seededRandom } from "../../../platform/random.ts";
import type { SimulatedCluster } from "../../../testing/cluster.ts";
import type { History } from "../../../testing/history.ts";
import type { NodeClock } from "../../../testing/node_clock.ts";
import { hostsOf } from "../workload/actors.ts";
import type { Bank } from "../workload/bank.ts";
import type { Feeding } from "../workload/fed.ts";
import type { Listings } from "../workload/listed.ts";
import type { Mortals } from "../workload/mortals.ts";
import type { Supervised } from "../workload/supervised.ts";
import type { Watchers } from "../workload/watching.ts";
import type { Poison } from "../workload/poison.ts";
import type { Pace } from "./profiles.ts";
import { runReader, runSender } from "../workload/senders.ts";
import type { Workload } from "../workload/workloads.ts";

/** So long nodes are started of one version of the application, in milliseconds. */
const VERSION_MS = 2_500;
/** Mean pause between two visits, in milliseconds. */
const VISITS_MS = 50;

/** One life of one node. */
export interface Life {
  readonly name: string;
  /** Its name for the network and for the clocks: another than the node's, if it was started under a living name. */
  readonly process: string;
  /** A name that no other life has: `n1.7`. */
  readonly key: string;
  node: ActorNode | undefined;
  clock: NodeClock | undefined;
  /** Whether it has not been killed. */
  alive: boolean;
  /** Whether it is up and has not begun to leave. */
  sending: boolean;
  /** Handlers that have begun and not ended. */
  running: number;
  /** Gives the node the application's code of that release. */
  upgrade: ((release: number, options: UpgradeOptions) => Promise<UpgradeReport>) | undefined;
}

export interface LivesOptions {
  readonly workload: Workload;
  /** If there is one. */
  readonly bank: Bank | undefined;
  /** The same. */
  readonly mortals: Mortals | undefined;
  /** The same. */
  readonly watchers: Watchers | undefined;
  /** The same. */
  readonly feeding: Feeding | undefined;
  /** The same. */
  readonly listings: Listings | undefined;
  /** The same. */
  readonly supervised: Supervised | undefined;
  /** The same. */
  readonly poison: () => Poison<Life> | undefined;
  readonly cluster: SimulatedCluster;
  readonly history: History;
  readonly random: Random;
  readonly hooks: Random;
  readonly pace: Pace;
  readonly straggles: boolean;
  readonly losesContexts: boolean;
  readonly hasPlaces: boolean;
  readonly upgrades: boolean;
  /** Follows which generation of the records the latest incarnation of that name is of, counted from 0. */
  generationOf(name: string): () => number;
  /** Whether hooks misbehave now. */
  faulty(): boolean;
  /** Whether clients send now. */
  sending(): boolean;
}

/** See the module's text. */
export class Lives {
  readonly #options: LivesOptions;
  readonly #byProcess = new Map<string, Life>();
  readonly #births = new Map<string, number>();
  /** What is under way, by the life that it ends with. */
  readonly #flows = new Map<Promise<void>, Life | undefined>();
  #count = 0;
  /** Of the application, the latest. */
  #release = 1;

  constructor(options: LivesOptions) {
    this.#options = options;
  }

  /** A later start is of a later version. */
  #placeOf(name: string): Pick<NodeOptions, "labels" | "version"> {
    const { hasPlaces, cluster } = this.#options;
    if (!hasPlaces) return {};
    const labels = { zone: hash32(name) % 2 === 0 ? "a" : "b" };
    return { labels, version: `1.${Math.floor(cluster.clock.now() / VERSION_MS)}` };
  }

  /** While there are faults a node may be started with the code before. */
  #startsWith(random: Random): number {
    if (!this.#options.upgrades) return 0;
    const isBehind = this.#options.faulty() && random.next() < 0.5;
    return Math.max(1, isBehind ? this.#release - 1 : this.#release);
  }

  /** Lives that are up and have not begun to leave. */
  get up(): Life[] {
    return [...this.#byProcess.values()].filter(({ sending, node }) => sending && node !== undefined);
  }

  /** Those that have joined and live, and whether they may have effects now. */
  get joined(): { readonly name: string; readonly node: ActorNode; readonly isWell: boolean }[] {
    const { nodes } = this.#options.cluster;
    return [...this.#byProcess.values()].flatMap(({ name, process, clock }) => {
      const node = nodes.get(process);
      return node ? [{ name, node, isWell: clock?.isRunning === true && node.inspect().gateOpen }] : [];
    });
  }

  /** The latest life of a process. */
  named(process: string): Life | undefined {
    return this.#byProcess.get(process);
  }

  /** Whether everything that was begun has ended. */
  get atRest(): boolean {
    return this.#flows.size === 0;
  }

  /** Handlers that run on nodes that live. */
  get running(): number {
    return [...this.#byProcess.values()].reduce((sum, { alive, running }) => sum + (alive ? running : 0), 0);
  }

  /** Something that goes on by itself; a mistake in it is a failure. With a life it is over when that is killed. */
  flow(work: Promise<void>, life?: Life): void {
    const flow = work.catch((error: unknown) => {
      this.#options.history.violate(
        "I5",
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      );
    });
    this.#flows.set(flow, life);
    void flow.then(() => this.#flows.delete(flow));
  }

  /** A name that was never used. */
  freeName(): string {
    for (let i = 0; ; i++) if (!this.#byProcess.has(`n${i}`)) return `n${i}`;
  }

  /** Begins to start another process under the name of one that lives. */
  startTwin(of: Life): void {
    this.start(of.name, `${of.name}twin${this.#count}`);
  }

  /** Begins to start a node. Its name is taken from now on. */
  start(name: string, process: string = name): void {
    const key = `${name}.${++this.#count}`;
    const life: Life = {
      name,
      process,
      key,
      node: undefined,
      clock: undefined,
      alive: true,
      sending: false,
      running: 0,
      upgrade: undefined,
    };
    this.#byProcess.set(process, life);
    this.flow(this.#run(life), life);
  }

  /** Starts a node, again and again: a store that does not answer at once lets the first attempts fail. */
  async #run(life: Life): Promise<void> {
    const {
      cluster,
      history,
      random,
      hooks,
      faulty,
      pace,
      sending,
      workload,
      bank,
      mortals,
      watchers,
      feeding,
      listings,
      supervised,
    } = this.#options;
    const { name, key } = life;
    const alive = () => life.alive;
    const sleep = (ms: number) => new Promise<void>((resolve) => void life.clock?.after(ms, resolve));
    const born = (address: string) => this.#born(address);
    const around = {
      ...{
        workload,
        history,
        random: hooks,
        node: key,
        sleep,
        alive,
        born,
        faulty,
        strict: random.next() < 0.4,
        losesContexts: this.#options.losesContexts,
        release: 0,
        straggles: this.#options.straggles,
      },
      generation: () => this.#options.generationOf(name),
      running: (by: number) => {
        life.running += by;
      },
    };
    const count = this.#count;
    const release = this.#startsWith(random);
    history.note(`starting ${key}${release > 0 ? ` with release ${release}` : ""}`);
    const poison = this.#options.poison();
    const more = [...(bank ? [bank.host(key, alive)] : []), ...(poison ? [poison.host(life)] : [])];
    const home = {
      sleep,
      get alive() {
        return life.alive;
      },
    };
    if (mortals) more.push(...mortals.hosts(home));
    if (watchers) more.push(...watchers.hosts(home));
    if (feeding) more.push(...feeding.hosts(home));
    if (listings) more.push(...listings.hosts(home));
    if (supervised) more.push(...supervised.hosts(home));
    const hosts = [...hostsOf(around, release), ...more];
    const node = await this.#insistOnStart(life, () => {
      if (!life.alive) return new Promise<never>(() => {}); // it was killed between two attempts
      const starting = cluster.starting(name, hosts, this.#placeOf(name), life.process);
      life.clock = cluster.clockOf(life.process);
      return starting;
    });
    if (node === undefined) return;
    life.node = node;
    life.sending = true;
    history.note(`started ${key}`);
    life.upgrade = (to, options) => node.upgrade(hostsOf(around, to), options);
    if (this.#options.upgrades && !faulty()) this.flow(this.#upgradeFully(life), life);
    void node.whenStopped.then(() => {
      life.sending = false;
    });
    const stopped = () => !sending() || !life.sending || !life.alive;
    const visits = (visit: (random: Random) => Promise<void>) =>
      this.flow(this.#visits(visit, sleep, stopped), life);
    if (mortals) visits((random) => mortals.visit(node, random, alive));
    if (watchers) visits((random) => watchers.visit(node, random));
    if (listings) visits((random) => listings.visit(node, random, alive));
    if (supervised)
      visits((random) => {
        supervised.looksAt(this.joined);
        return supervised.visit(node, random);
      });
    if (bank) this.flow(this.#bankOn(life, node, bank, sleep, stopped), life);
    const client = (i: number) => ({
      ...{ workload, id: `client-${key}-${i}`, node, life: key, history, pace },
      ...{ sleep, alive, stopped, random: seededRandom(cluster.seed * 31 + count * 7 + i) },
    });
    for (let i = 0; i < 2; i++) this.flow(runSender(client(i)), life);
    if (workload.stored.length > 0) this.flow(runReader(client(2)), life);
  }

  /** Until it has started, or another process has its name. */
  async #insistOnStart(life: Life, start: () => Promise<ActorNode>): Promise<ActorNode | undefined> {
    const begin = async () => {
      try {
        return await start();
      } catch (error) {
        if (!(error instanceof ConfigurationError) || !this.#hasTwin(life)) throw error;
        this.#options.history.note(`not started ${life.key}`);
        life.alive = false;
        return undefined;
      }
    };
    return await this.insist(begin);
  }

  #hasTwin({ name, process }: Life): boolean {
    return [...this.#byProcess.values()].some((each) => each.name === name && each.process !== process);
  }

  /** Someone on that node who has money sent about. */
  async #bankOn(
    life: Life,
    node: ActorNode,
    bank: Bank,
    sleep: (ms: number) => Promise<void>,
    stopped: () => boolean,
  ): Promise<void> {
    const { cluster, pace } = this.#options;
    const random = seededRandom(cluster.seed * 37 + this.#count * 11);
    while (!stopped()) {
      await bank.transfer(node, random, () => life.alive);
      await sleep(random.next() * 2 * pace.pauseMs);
    }
  }

  /** Someone on that node who asks actors that may be gone. */
  async #visits(
    begin: (random: Random) => Promise<void>,
    sleep: (ms: number) => Promise<void>,
    stopped: () => boolean,
  ): Promise<void> {
    const { cluster } = this.#options;
    const random = seededRandom(cluster.seed * 41 + this.#count * 13);
    const open = new Set<Promise<void>>();
    while (!stopped()) {
      const visit = begin(random);
      open.add(visit);
      void visit.then(() => open.delete(visit));
      await sleep(random.next() * 2 * VISITS_MS);
    }
    await Promise.all(open);
  }

  /** Begins to give a node other code in place. @param isNext a release that nobody has as yet; else the latest */
  upgrade(life: Life, isNext: boolean): void {
    if (isNext) this.#release++;
    const release = this.#release;
    const { history, random } = this.#options;
    const force = random.next() < 0.3 ? ({ force: "quarantine" } as const) : {};
    history.note(`upgrading ${life.key} to release ${release}`);
    const run = async () => {
      try {
        await this.#upgraded(life, release, { timeoutMs: 200 + random.next() * 2_000, ...force });
      } catch (error) {
        if (!(error instanceof ActorError)) throw error;
        history.note(`not upgraded ${life.key}: ${error.code}`);
      }
    };
    this.flow(run(), life);
  }

  async #upgraded(life: Life, release: number, options: UpgradeOptions): Promise<UpgradeReport | undefined> {
    const { history } = this.#options;
    const report = await life.upgrade?.(release, options);
    history.note(`upgraded ${life.key} to release ${release} ${JSON.stringify(report)}`);
    const unfit = [...(report?.kept ?? []), ...(report?.quarantined ?? [])].find(
      ({ kind, actor }) => actor !== undefined && kind !== "brittle",
    );
    if (unfit) history.violate("upgrade", `${unfit.kind}/${unfit.actor} did not pass: ${unfit.reason}`);
    return report;
  }

  /** Once all is well: every node gets the latest code, and what does not pass is set aside. */
  upgradeAll(): void {
    if (this.#options.upgrades) for (const life of this.up) this.flow(this.#upgradeFully(life), life);
  }

  async #upgradeFully(life: Life): Promise<void> {
    for (;;) {
      if (!life.sending || !life.alive) return;
      const report = await this.insist(() => {
        if (!life.sending || !life.alive) return Promise.resolve(undefined);
        return this.#upgraded(life, this.#release, { force: "quarantine" });
      });
      if (report === undefined || report.kept.length === 0) return;
      await this.#options.cluster.sleep(100);
    }
  }

  /** Begins to leave; a node that is frozen does so when it wakes. */
  leave(life: Life): void {
    this.flow(this.#leave(life), life);
  }

  async #leave(life: Life): Promise<void> {
    const { node, clock, name, key } = life;
    const { history } = this.#options;
    if (!node || !clock || !life.sending) return;
    life.sending = false;
    history.note(`leaving ${name}`);
    const report = await new Promise<Awaited<ReturnType<ActorNode["leave"]>>>((resolve) =>
      clock.turn(() => void node.leave().then(resolve)),
    );
    history.note(`left ${name} ${JSON.stringify(report)}`);
    if (report.leftOver + report.recovered > 0 && history.disturbances.length === 0)
      history.violate("I4", `node ${key} left with ${JSON.stringify(report)}`);
  }

  /** Leaves, and comes back at once under its name. */
  async replace(life: Life): Promise<void> {
    await this.#leave(life);
    if (life.alive) this.start(life.name, life.process);
  }

  kill(life: Life): void {
    const { cluster, history } = this.#options;
    life.alive = false;
    life.sending = false;
    history.killed.set(life.key, cluster.clock.now());
    cluster.crash(life.process);
    for (const [flow, of] of this.#flows) if (of === life) this.#flows.delete(flow);
  }

  #born(address: string): number {
    const born = (this.#births.get(address) ?? 0) + 1;
    this.#births.set(address, born);
    return born;
  }

  /** Asks until there is an answer. `undefined` for an actor whose state cannot be read. */
  async insist<T>(ask: () => Promise<T>): Promise<T | undefined> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof ActorError)) throw error;
        if (error.code === "invalid-state") return undefined;
        this.#options.history.note(`again after ${error.message}`);
        await this.#options.cluster.sleep(100);
      }
    }
  }
}
