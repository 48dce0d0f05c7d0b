/**
 * One simulation in two phases. First nodes come and go, actors move, messages and records get lost, and what else the
 * profile says; then all faults stop, and every name has to answer within the lease and ten seconds. The history is
 * judged at the end.
 */
import type { NodeEvent } from "../../events.ts";
import type { ActorNode } from "../../node/api.ts";
import type { Settings } from "../../node/settings.ts";
import { hash32 } from "../../platform/hash.ts";
import { type Random, seededRandom } from "../../platform/random.ts";
import { CHECKERS } from "../../testing/checkers.ts";
import { isToCome } from "../../testing/timers_left.ts";
import { SimulatedCluster, SimulationError } from "../../testing/cluster.ts";
import { History, type Violation } from "../../testing/history.ts";
import type { Connection } from "../../transport/transport.ts";
import { bucketOf } from "../../transport/subjects.ts";
import { Aim } from "./world/aim.ts";
import { Account, accountsOf, Bank } from "./workload/bank.ts";
import { otherReleases } from "../support/other_release.ts";
import { CALM, Faults, randomRates } from "./world/faults.ts";
import { type Life, Lives } from "./world/lives.ts";
import { LostRecords } from "./world/lost_records.ts";
import { Feeding } from "./workload/fed.ts";
import { SimulatedStreams } from "./world/streams.ts";
import { Listings } from "./workload/listed.ts";
import { Mortals } from "./workload/mortals.ts";
import { Supervised } from "./workload/supervised.ts";
import { Watchers } from "./workload/watching.ts";
import { Poison, Vial } from "./workload/poison.ts";
import { type AimedAt, type Profile, type ProfileData, PROFILES } from "./world/profiles.ts";
import { type Moment, RecordObserver } from "./world/record_observer.ts";
import { pick } from "./workload/senders.ts";
import { Troubles } from "./world/troubles.ts";
import { contractOf, isStored, type Workload, WORKLOADS } from "./workload/workloads.ts";

export type { Profile } from "./world/profiles.ts";

export interface SimulateOptions {
  readonly seed: number;
  readonly profile?: Profile;
  /** The defect that is in the code which runs, to tell how to repeat it; several are joined by `+`. */
  readonly defect?: string | undefined;
  /** Gets a line for everything that happens. */
  readonly trace?: ((line: string) => void) | undefined;
}

/** How one seed went. */
export interface SimulationResult {
  readonly seed: number;
  readonly profile: Profile;
  readonly violations: readonly Violation[];
  /** Where it was when it ended. */
  readonly phase: string;
  readonly hash: number;
  readonly messages: number;
  readonly moves: number;
  readonly late: number;
  readonly parked: number;
  readonly kept: number;
  /** Shards that were claimed from nodes declared dead. */
  readonly claims: number;
  /** Calls that ended as unknown. */
  readonly unknown: number;
  readonly deaths: number;
  /** Transfers between accounts that were asked for. */
  readonly transfers: number;
  /** Messages that ended their nodes, and were set aside in time. */
  readonly setAside: number;
  /** Actors whose callers heard that they had destroyed themselves. */
  readonly destroyed: number;
  /** Notices of the ends of watched actors. */
  readonly notices: number;
  /** Handlers of kept actors that failed, and how often one was stopped for that. */
  readonly failed: number;
  readonly stops: number;
  /** Messages of a stream that had their effect. */
  readonly fed: number;
  /** Lists of actors that were whole, and those that said what was missing. */
  readonly listed: number;
  readonly listedInPart: number;
  /** Shards that got other code in place, and those that were kept. */
  readonly upgraded: number;
  readonly notUpgraded: number;
  /** What was done to nodes, by its sort. */
  readonly troubles: Readonly<Record<string, number>>;
  readonly virtualMs: number;
}

const SETTINGS = {
  ...{ settleMs: 60, claimSettleMs: 20, drainMs: 20, repeatMs: 60, silenceMs: 300, reconcileMs: 200 },
  ...{ keepLookMs: 150, keptStartsPerSecond: 200 },
  ...{ retryMinMs: 50, retryMaxMs: 400, renewalMaxMs: 500, sweepMs: 100 },
  ...{ chunkBytes: 600, actorBytesMax: 1_500, resendMinMs: 15, resendMaxMs: 200, tellsWaitingMax: 4 },
  deathsMax: 1_000, // elsewhere than where messages are to blame
};
const CLUSTER = "sim";
/** All mail of one actor takes less, in milliseconds. */
const OWN_TIME_MAX_MS = 120_000;
/** A tell that is not admitted within this time is reported as undeliverable: the default of every call. */
const TELL_MS = 5_000;
/** Half of it, less what a head needs, is the longest entry of the store that is not cut into chunks: 600 bytes. */
const PAYLOAD_BYTES_MAX = 17_600;

export async function simulate(options: SimulateOptions): Promise<SimulationResult> {
  const simulation = new Simulation(options);
  return await simulation.run();
}

class Simulation {
  readonly #name: Profile;
  readonly #profile: ProfileData;
  readonly #workload: Workload;
  readonly #cluster: SimulatedCluster;
  readonly #history: History;
  readonly #faults: Faults;
  readonly #random: Random;
  readonly #lives: Lives;
  readonly #troubles: Troubles;
  readonly #renewedAt = new Map<string, number>();
  readonly #bank: Bank | undefined;
  readonly #mortals: Mortals | undefined;
  readonly #watchers: Watchers | undefined;
  readonly #feeding: Feeding | undefined;
  readonly #listings: Listings | undefined;
  readonly #supervised: Supervised | undefined;
  readonly #lost: LostRecords;
  readonly #poison: Poison<Life> | undefined;
  #sending = true;
  #starting = false;
  #tally = { moves: 0, late: 0, parked: 0, kept: 0, claims: 0, upgraded: 0, notUpgraded: 0 };

  constructor(options: SimulateOptions) {
    const { seed, profile = "planned", defect, trace } = options;
    this.#name = profile;
    const { lease, wallsApartMs, isCalm } = (this.#profile = PROFILES[profile]);
    const workload = (this.#workload = WORKLOADS[this.#profile.workload]);
    const random = seededRandom(seed);
    const history = new History(() => this.#cluster.clock.now(), trace);
    const rates = isCalm ? CALM : randomRates(random, this.#profile);
    history.isCalm = isCalm;
    history.outlivesMs = lease.safeMs;
    history.allowances.hearsLateMs = this.#profile.slowWatchMs;
    this.#random = random;
    this.#history = history;
    this.#faults = new Faults(rates, seededRandom(seed + 2_000_003), (line) => history.note(line));
    const cluster: SimulatedCluster = new SimulatedCluster({
      seed,
      cluster: CLUSTER,
      latencyMs: [0.1, 1 + random.next() * 12],
      network: { ...this.#faults.options, maxPayloadBytes: PAYLOAD_BYTES_MAX },
      node: {
        settings: { ...SETTINGS, ...lease },
        ...{ door: false, leaveDeadlineMs: 25_000 },
      },
      ...(this.#profile.mixesReleases ? { connection: otherReleases(seed) } : {}),
      ...(this.#profile.feeds
        ? {
            connection: (inner: Connection, process: string): Connection =>
              streams.with(inner, process, cluster.clockOf(process)),
          }
        : {}),
      onEvent: (node, event) => this.#event(node, event),
      wallAheadMs: (name) => (hash32(name, seed) / 2 ** 32 - 0.5) * wallsApartMs,
      repeat: repeatCommand(seed, profile, defect),
    });
    this.#cluster = cluster;
    const hooks = seededRandom(seed + 1_000_003);
    const [faulty, sending] = [() => this.#faults.on, () => this.#sending];
    const bank = workload.repeats ? new Bank({ history, now: () => cluster.clock.now() }) : undefined;
    this.#bank = bank;
    const mortals = this.#profile.destroys ? new Mortals(history) : undefined;
    this.#mortals = mortals;
    const watchers = this.#profile.watches ? new Watchers(history) : undefined;
    this.#watchers = watchers;
    const streams: SimulatedStreams = new SimulatedStreams(
      cluster.network,
      cluster.clock,
      seededRandom(seed + 5_000_011),
    );
    const feeding = this.#profile.feeds ? new Feeding(history, streams) : undefined;
    this.#feeding = feeding;
    const listings = this.#profile.lists ? new Listings(history) : undefined;
    this.#listings = listings;
    const supervised = this.#profile.supervises ? new Supervised(history) : undefined;
    this.#supervised = supervised;
    const lives = new Lives({
      ...{
        workload,
        bank,
        mortals,
        watchers,
        feeding,
        listings,
        supervised,
        cluster,
        history,
        random,
        hooks,
        pace: this.#profile,
      },
      poison: () => this.#poison,
      ...{
        faulty,
        sending,
        hasPlaces: this.#profile.hasPlaces,
        upgrades: this.#profile.upgrades,
        straggles: this.#profile.aims === "changes",
      },
      losesContexts: this.#profile.mixesReleases,
      generationOf: (name) => observer.generationOf(name),
    });
    this.#lives = lives;
    this.#troubles = new Troubles({
      cluster,
      faults: this.#faults,
      history,
      lives,
      random,
      leaseMs: lease.leaseMs,
      records: () => lost,
      poison: () => this.#poison as Poison<Life>,
    });
    const { deathsMax = Infinity } = lease as Partial<Settings>;
    const poisons = (this.#profile.troubles as readonly string[]).includes("poison");
    this.#poison = poisons
      ? new Poison({
          ...{ cluster, history, lives, deathsMax, random: seededRandom(seed + 4_000_037) },
          works: () => this.#faults.on,
          kill: (life) => this.#troubles.hit("crash", life),
        })
      : undefined;
    const isAiming = (at: AimedAt) => this.#profile.aims === at && this.#faults.on;
    const aim = new Aim(this.#troubles, lives, this.#faults, seededRandom(seed + 3_000_017), isAiming);
    const actorsOf = (kind: string, shard: number) =>
      kind === Account.kind ? accountsOf(shard) : workload.ofShard(kind, shard);
    const bucket = cluster.network.bucket(bucketOf(CLUSTER));
    const observer = new RecordObserver(
      bucket,
      history,
      actorsOf,
      (moment) => this.#moment(moment, aim),
      lease.leaseMs,
    );
    const lost = (this.#lost = new LostRecords({
      ...{ name: CLUSTER, network: cluster.network, clock: cluster.clock },
      ...{ lives, observer, history, random, leaseMs: lease.leaseMs },
      keepsStates: workload.stored.length > 0,
    }));
  }

  async run(): Promise<SimulationResult> {
    try {
      await this.#phases();
    } catch (error) {
      if (!(error instanceof SimulationError)) throw error;
      this.#inspect();
      this.#history.violate("I5", error.message);
    }
    const { phase, clock, seed } = this.#cluster;
    const { hash, handled, calls, deaths, violations } = this.#history;
    const found = [...violations, ...CHECKERS.flatMap((each) => each.check(this.#history))];
    await this.#cluster[Symbol.asyncDispose]();
    return {
      ...{
        seed,
        profile: this.#name,
        violations: found,
        phase,
        hash,
        messages: handled.length,
        ...this.#tally,
      },
      unknown: calls.filter(({ outcome }) => outcome === "unknown").length,
      transfers: this.#bank?.size ?? 0,
      setAside: this.#poison?.counts.setAside ?? 0,
      destroyed: this.#mortals?.deaths ?? 0,
      notices: this.#watchers?.heard ?? 0,
      ...{ failed: this.#supervised?.failed ?? 0, stops: this.#supervised?.stops ?? 0 },
      fed: this.#feeding?.handled ?? 0,
      ...{ listed: this.#listings?.whole ?? 0, listedInPart: this.#listings?.partial ?? 0 },
      ...{ deaths: deaths.length, troubles: this.#troubles.counts, virtualMs: clock.now() },
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
    const first = 1 + Math.floor(this.#random.next() * 3) + (this.#profile.troubleShare > 0 ? 1 : 0);
    for (let i = 0; i < first; i++) this.#lives.start(this.#lives.freeName());
    this.#lives.flow(this.#schedule());
    if (this.#feeding) this.#lives.flow(this.#fill(this.#feeding));
    if (this.#profile.troubles.includes("restore")) this.#lost.keepCopies();
    await cluster.advance(this.#profile.faultyMs);
    cluster.phase = "heal";
    this.#faults.on = false;
    this.#sending = false;
    this.#troubles.endAll();
    this.#lives.upgradeAll();
    await this.#everyoneAnswers();
    cluster.phase = "settle";
    await cluster.until(
      "all callers and moves to end",
      () => this.#lives.atRest,
      40_000,
      () => this.#openCalls(),
    );
    if (cluster.nodes.size === 0) await cluster.ends("a node", this.#oneNode());
    await cluster.until(
      "all messages to end",
      () => this.#openCalls() === "",
      20_000,
      () => this.#openCalls(),
    );
    await cluster.until(
      "all timers and mail to be handled",
      () => this.#isQuiet(),
      20_000,
      () => this.#timersLeft(),
    );
    cluster.phase = "probe";
    await this.#everyoneAnswers();
    if (this.#bank) await this.#audit(this.#bank);
    if (this.#poison) await this.#judge(this.#poison);
    if (this.#mortals) await this.#buryAll(this.#mortals);
    if (this.#watchers) await this.#endAll(this.#watchers);
    if (this.#supervised) await this.#superviseAll(this.#supervised);
    if (this.#feeding) await this.#emptyStream(this.#feeding);
    if (this.#listings) await this.#compareLists(this.#listings);
    cluster.phase = "done";
  }

  /** When every transfer has arrived, or is known not to. */
  async #audit(bank: Bank): Promise<void> {
    const cluster = this.#cluster;
    await cluster.advance(TELL_MS + 1_000);
    const ask = async (name: string) => {
      const node = await this.#oneNode();
      return await node.ref(Account, name).audit(null, { timeoutMs: 1_000 });
    };
    const audit = bank.audit((name) => this.#lives.insist(() => ask(name)));
    await cluster.ends("every account to answer", audit);
  }

  async #judge(poison: Poison<Life>): Promise<void> {
    const ask = async (name: string) => {
      const node = await this.#oneNode();
      return await node.ref(Vial, name).look(null, { timeoutMs: 1_000 });
    };
    const judgement = poison.judge((name) => this.#lives.insist(() => ask(name)));
    await this.#cluster.ends("every vial to answer", judgement);
  }

  async #buryAll(mortals: Mortals): Promise<void> {
    const judgement = mortals.judge(
      () => this.#oneNode(),
      (ask) => this.#lives.insist(ask),
    );
    await this.#cluster.ends("every mortal to answer", judgement);
  }

  async #endAll(watchers: Watchers): Promise<void> {
    const judgement = watchers.judge({
      node: () => this.#oneNode(),
      insist: (ask) => this.#lives.insist(ask),
      rest: (ms) => this.#cluster.sleep(ms),
      kill: async () => {
        await this.#cluster.sleep(this.#random.next() * 15);
        const others = this.#lives.up.slice(1); // the first one asks
        if (others.length > 0) this.#troubles.hit("crash", pick(others, this.#random));
      },
    });
    await this.#cluster.ends("every notice to come", judgement, 200_000);
  }

  async #superviseAll(supervised: Supervised): Promise<void> {
    const judgement = supervised.judge({
      node: () => this.#oneNode(),
      insist: (ask) => this.#lives.insist(ask),
      rest: (ms) => this.#cluster.sleep(ms),
      joined: () => this.#lives.joined,
      kill: () => {
        const others = this.#lives.up.slice(1); // the first one asks
        if (others.length > 0) this.#troubles.hit("crash", pick(others, this.#random));
      },
    });
    await this.#cluster.ends("every kept actor to run", judgement, 200_000);
  }

  /** Whoever fills the stream, as long as clients send. */
  async #fill(feeding: Feeding): Promise<void> {
    const random = seededRandom(this.#cluster.seed * 43);
    while (this.#sending) {
      feeding.send(random);
      await this.#cluster.sleep(random.next() * 50);
    }
  }

  async #emptyStream(feeding: Feeding): Promise<void> {
    const judgement = feeding.judge({
      node: () => this.#oneNode(),
      insist: (ask) => this.#lives.insist(ask),
      rest: (ms) => this.#cluster.sleep(ms),
    });
    await this.#cluster.ends("the stream to be empty", judgement, 120_000);
  }

  async #compareLists(listings: Listings): Promise<void> {
    const judgement = listings.judge(
      () => this.#oneNode(),
      () => [...this.#cluster.nodes.values()],
      (ask) => this.#lives.insist(ask),
    );
    await this.#cluster.ends("every list to be whole", judgement);
  }

  #openCalls(): string {
    const { calls, killed } = this.#history;
    const open = calls.filter(({ outcome, origin }) => outcome === undefined && !killed.has(origin));
    return open.map(({ sender, to, n }) => `${sender} → ${to} ${n}`).join(", ");
  }

  #event(node: string, event: NodeEvent): void {
    this.#history.note(`event ${node} ${summary(event)}`);
    this.#poison?.heard(event);
    this.#watchers?.follow(event);
    this.#supervised?.follow(event);
    this.#feeding?.follow(event);
    if (event.type === "shard-moved") {
      this.#tally.moves++;
      this.#tally.late += event.lateActors;
      if (event.to === "parked") this.#tally.parked++;
    }
    if (event.type === "move-aborted") this.#tally.kept++;
    if (event.type === "shard-upgraded") this.#tally.upgraded++;
    if (event.type === "upgrade-kept") this.#tally.notUpgraded++;
    if (event.type === "actor-recovered") this.#history.lost(`${event.kind}/${event.name}`, 0);
    if (event.type === "fenced") this.#fenced(node);
    if (event.type === "shard-owned" && event.how === "claimed") this.#tally.claims++;
    if (event.type === "commit-refused") this.#history.lost(`${event.kind}/${event.name}`, 0);
    if (event.type === "load-failed") this.#history.lost(`${event.kind}/${event.name}`, 0, false);
    if (event.type === "dead-letter") this.#history.deadLetter(`${event.kind}/${event.name}`);
    const loss =
      ["fenced", "actor-recovered", "commit-refused"].includes(event.type) ||
      (event.type === "shard-owned" && event.how === "claimed");
    const isTooNew = this.#isTooNew(event);
    if (isTooNew) this.#history.lost(`${isTooNew.kind}/${isTooNew.name}`, 0);
    const isUnreadable = event.type === "actor-quarantined" && event.kind !== "brittle" && !isTooNew;
    const forbidden = event.type === "rejected-input" || isUnreadable;
    if (forbidden || (loss && this.#history.disturbances.length === 0))
      this.#history.violate("I4", `node ${node} told ${summary(event)}, without a cause`);
  }

  /** After a crash a node with older code may claim a shard, to which a late actor follows from newer code. */
  #isTooNew(event: NodeEvent): Extract<NodeEvent, { type: "actor-quarantined" }> | undefined {
    const mayBe = this.#profile.upgrades && this.#history.disturbances.length > 0;
    if (!mayBe || event.type !== "actor-quarantined") return undefined;
    return event.reason.includes("that is too new") ? event : undefined;
  }

  #moment(moment: Moment, aim: Aim): void {
    const { what, from, incarnation } = moment;
    const now = this.#cluster.clock.now();
    if (what === "renewed") this.#renewedAt.set(from, now);
    if (what !== "died") return aim.at(moment);
    const life = this.#lives.named(from);
    const silentMs = now - (this.#renewedAt.get(from) ?? 0);
    if (silentMs < this.#profile.lease.safeMs && this.#troubles.isReached(from))
      this.#history.violate("I5", `${from} was declared dead within its lease, and others reached it`);
    if (life?.clock?.isRunning && life.node?.incarnation === incarnation && life.node?.inspect().gateOpen)
      this.#history.violate("I1", `${from} was declared dead while its gate was open`);
    // one whose start hangs because answers are lost has shown no life
    if (life?.alive && life.node === undefined) this.#history.disturbed("records", life.name)();
  }

  #fenced(node: string): void {
    const life = this.#lives.named(node);
    if (life === undefined) return;
    const { fenced } = this.#history;
    fenced.set(life.key, [...(fenced.get(life.key) ?? []), this.#cluster.clock.now()]);
  }

  // ---- what happens to the cluster

  async #schedule(): Promise<void> {
    const { clock } = this.#cluster;
    const { faultyMs, betweenMs, troubleShare, troubles } = this.#profile;
    while (clock.now() < faultyMs - 300) {
      await this.#cluster.sleep(50 + this.#random.next() * betweenMs);
      if (clock.now() >= faultyMs) return;
      if (troubleShare > 0 && this.#random.next() < troubleShare)
        this.#troubles.begin(pick(troubles, this.#random));
      else this.#act();
    }
  }

  #act(): void {
    const lives = this.#lives;
    const { up } = lives;
    const chance = this.#random.next();
    const join = () => lives.start(lives.freeName());
    const leave = (life: Life | undefined) => life && lives.leave(life);
    if (up.length === 0) return join();
    if (up.length < 2 && chance < 0.6) return join();
    if (up.length < 5 && chance < 0.4) return join();
    const one = pick(up, this.#random);
    if (chance < 0.6) return void leave(one);
    if (chance < 0.7) {
      leave(one);
      return void leave(up.find((life) => life !== one));
    }
    if (chance < 0.8) return lives.flow(lives.replace(one), one);
    if (chance < 0.85) return up.forEach((life) => void leave(life));
    if (chance < 0.95 && this.#profile.blinks) return lives.flow(this.#blink(one));
    join();
    leave(one);
  }

  /** A connection is lost for a moment, shorter than any lease. */
  async #blink({ name, process }: Life): Promise<void> {
    this.#history.note(`cut ${process}`);
    const back = this.#history.blinked(name);
    this.#cluster.cut(process);
    await this.#cluster.sleep(20 + this.#random.next() * 600);
    this.#cluster.heal(process);
    back();
    this.#history.note(`healed ${process}`);
  }

  // ---- the end

  /** Nothing runs or waits, and nothing will come. */
  #isQuiet(): boolean {
    if (this.#lives.running > 0 || this.#openCalls() !== "") return false; // a handler may end with a call
    for (const node of this.#cluster.nodes.values()) {
      if (node.inspect().actors.some(({ mailbox }) => mailbox > 0)) return false;
    }
    return this.#timersLeft() === "";
  }

  #timersLeft(): string {
    return [...this.#history.timers.values()]
      .filter((timer) => isToCome(this.#history, timer))
      .map(({ actor, id, fired, fires }) => `${actor} ${id}: ${fired.length} of ${fires}`)
      .join(", ");
  }

  /** A node that stays. */
  async #oneNode(): Promise<ActorNode> {
    for (;;) {
      const [life] = this.#lives.up;
      if (life?.node) return life.node;
      if (!this.#starting) this.#lives.start(this.#lives.freeName());
      this.#starting = true;
      await this.#cluster.sleep(20);
    }
  }

  /**
   * Every actor tells about itself, and every shard answers, whoever has to be declared dead before. A question comes after the
   * messages that its actor has taken: the time that their handlers take by themselves is nobody's to save.
   */
  async #everyoneAnswers(): Promise<void> {
    const cluster = this.#cluster;
    const since = cluster.clock.now();
    const withinMs = this.#profile.lease.leaseMs + 10_000;
    const silent = new Set([...this.#workload.addresses, ...this.#workload.probes()]);
    const dueAt = (address: string) => since + withinMs + this.#history.ownTimeMs(address, since);
    const overdue = () => [...silent].filter((address) => cluster.clock.now() >= dueAt(address));
    let hasEnded = false;
    const end = () => {
      hasEnded = true;
    };
    const probe = this.#probe(silent);
    probe.then(end, end);
    await cluster.until("every shard to answer", () => hasEnded || overdue().length > 0, OWN_TIME_MAX_MS);
    if (!hasEnded)
      throw cluster.failure(
        `every shard to answer within ${withinMs} ms`,
        `${overdue().join(", ")} still waiting`,
      );
    await probe;
  }

  /** @param silent those that have not answered */
  async #probe(silent: Set<string>): Promise<void> {
    await Promise.all(
      [...silent].map(async (address) => {
        const { contract, name } = contractOf(address);
        await this.#lives.insist(async () => {
          const node = await this.#oneNode();
          const answer = await node.ref(contract, name).dump(null, { timeoutMs: 1_000 });
          if (isStored(contract)) this.#history.heard(address, answer, answer.epoch);
        });
        silent.delete(address);
      }),
    );
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
