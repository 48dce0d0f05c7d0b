// One run from its start to its verdict: servers and processes, rounds of faults and questions, the end of everything.
import { brokenBy } from "../tests/simulation/defects/all.ts";
import { namesOfShards } from "../tests/support/shard_names.ts";
import { bucketOf } from "../transport/subjects.ts";
import { audit } from "./verdict/audit.ts";
import { ChaosCluster } from "./cluster/cluster.ts";
import { MEMBER } from "./cluster/member_process.ts";
import { contracts, namesOf } from "./workload/contract.ts";
import { keptActors } from "./workload/kept.ts";
import { Faults, pause } from "./faults.ts";
import { judge, type Verdict } from "./verdict/judge.ts";
import type { Line } from "./cluster/lines.ts";
import { leaseSettings, type Options } from "./options.ts";
import type { Given } from "./program.ts";
import { Recording } from "./verdict/recording.ts";
import { endOf, schedule } from "./schedule.ts";
import { Servers } from "./cluster/servers.ts";
import { startWitness, type Witness } from "./verdict/witness.ts";

export type RunOptions = Given<Options>;

/** What a run has shown. */
export interface RunResult {
  readonly verdict: Verdict;
  readonly faults: Readonly<Record<string, number>>;
  readonly storeLost: number;
  readonly recoveryMs: readonly number[];
  readonly restarts: number;
  readonly failedStarts: number;
  readonly stallMs: number;
  readonly seconds: number;
}

const CLUSTER = "chaos";
const WITNESS_BUCKET = "witness";
const WARM_UP_MS = 60_000;
/** Of a round in which faults begin; they and the questions afterwards make it about a minute. */
const FAULTY_MS = 30_000;
const CALM_MS = 2_000;
const QUIET_MS = 15_000;
const PROGRESS_MS = 5_000;
const TICK_MS = 100;
/** Between two questions which kept actors run. */
const LOOK_MS = 500;
/** A kept actor may be stopped for failing, is looked for once a second, and paced. */
const KEPT_MS = 5_000;
/** After the faults every shard is served within the lease and this. */
const SERVED_MS = 10_000;

export async function run(given: RunOptions): Promise<RunResult> {
  const { servers: count, defect } = given.options;
  await using broken = defect === undefined ? undefined : await brokenBy(defect, MEMBER);
  const servers = await Servers.start(count);
  try {
    const { witness, close } = await startWitness(servers.ports, WITNESS_BUCKET);
    try {
      return await new Run(given, servers, witness, broken?.entry).toItsEnd();
    } finally {
      await close();
    }
  } finally {
    servers.keepLogs(given.logs);
    await servers.stop();
  }
}

class Run {
  readonly #given: RunOptions;
  readonly #recording = new Recording();
  readonly #cluster: ChaosCluster;
  readonly #faults: Faults;
  readonly #servers: Servers;
  readonly #witness: Witness;
  readonly #startedAt = performance.now();
  readonly #actors: readonly string[];
  readonly #kept: readonly string[];
  #watched = performance.now();
  #questions = 0;

  constructor(given: RunOptions, servers: Servers, witness: Witness, program?: string) {
    const { options, executables, logs } = given;
    const { seed, nodes: seats, durabilities, rate, leaseMs } = options;
    const say = (text: string) => this.#say(text);
    this.#given = given;
    this.#servers = servers;
    this.#witness = witness;
    this.#cluster = new ChaosCluster({
      ...{ name: CLUSTER, seed, seats, servers, executables, durabilities, rate, logs, say },
      ...{ settings: leaseSettings(leaseMs), recording: this.#recording, program },
    });
    this.#faults = new Faults({ cluster: this.#cluster, servers, bucket: bucketOf(CLUSTER), say });
    this.#kept = keptActors(durabilities);
    this.#actors = contracts(durabilities).flatMap(({ kind, shards }) =>
      [...namesOf(kind), ...namesOfShards(kind, shards)].map((name) => `${kind}/${name}`),
    );
  }

  async toItsEnd(): Promise<RunResult> {
    const progress = setInterval(() => this.#progress(), PROGRESS_MS);
    const watch = setInterval(() => this.#watch(), TICK_MS);
    try {
      await this.#phases();
    } finally {
      clearInterval(progress);
      clearInterval(watch);
      await this.#cluster.close();
    }
    const { restarts, failedStarts } = this.#cluster;
    const { stallMs, recoveryMs, storeLost } = this.#recording;
    const seconds = Math.round((performance.now() - this.#startedAt) / 1_000);
    const verdict = judge(this.#recording);
    const { counts: faults } = this.#faults;
    return { verdict, faults, storeLost, recoveryMs, restarts, failedStarts, stallMs, seconds };
  }

  async #phases(): Promise<void> {
    const { options, signal } = this.#given;
    await this.#cluster.start();
    await this.#askAll("the start", WARM_UP_MS);
    await this.#lookForKept("the start", WARM_UP_MS);
    const goesOnUntil = options.minutes < 1 ? 0 : performance.now() + options.minutes * 60_000;
    for (let round = 0; round === 0 || performance.now() < goesOnUntil; round++) {
      if (signal.aborted) break;
      await this.#round(round);
    }
    await this.#quiet();
    await this.#askAll("the end", options.leaseMs + SERVED_MS);
    await this.#hearWitness("the end");
  }

  async #round(round: number): Promise<void> {
    const { options, signal } = this.#given;
    const { seed, nodes: seats, servers, leaseMs, only, minutes } = options;
    const faultyMs = Math.min(FAULTY_MS, (minutes * 60_000) / 2);
    const faults = schedule({ seed, round, seats, servers, leaseMs, faultyMs, only });
    this.#say(`round ${round}: ${faults.length} faults within ${Math.round(endOf(faults) / 1_000)} s`);
    await this.#faults.run(faults, signal);
    await this.#askAll(`round ${round}`, leaseMs + SERVED_MS);
    await this.#lookForKept(`round ${round}`, KEPT_MS);
    await this.#hearWitness(`round ${round}`);
    await pause(CALM_MS, signal);
  }

  /** Every name, and a name of each shard, has to answer; whoever does not in time is noted. */
  async #askAll(when: string, timeoutMs: number): Promise<void> {
    const { signal } = this.#given;
    const beganAt = this.#recording.now();
    const open = new Set(this.#actors);
    const done = Promise.withResolvers<void>();
    const ask = () => this.#cluster.client.member.command({ do: "ask-all", actors: [...open], timeoutMs });
    const stop = this.#cluster.onLine((line, member) => {
      if (line.type === "up" && member === this.#cluster.client.member) ask(); // it was started again
      if (line.type !== "told" || !open.delete(line.told.actor)) return;
      this.#recording.recoveryMs.push(this.#recording.now() - beganAt);
      if (open.size === 0) done.resolve();
    });
    ask();
    await Promise.race([done.promise, pause(timeoutMs, signal)]);
    stop();
    if (signal.aborted) return;
    if (open.size > 0) this.#cluster.command({ do: "explain", actors: [...open] });
    for (const actor of open)
      this.#recording.unserved.push(`${actor} did not answer within ${timeoutMs} ms after ${when}`);
    this.#say(`${this.#actors.length - open.size} of ${this.#actors.length} actors answered after ${when}`);
  }

  /** Each actor that is kept alive has to run, at one node, and nobody sends it a message for that. */
  async #lookForKept(when: string, timeoutMs: number): Promise<void> {
    const { signal } = this.#given;
    const beganAt = this.#recording.now();
    let places = new Map<string, string[]>();
    const amiss = () => this.#kept.filter((actor) => places.get(actor)?.length !== 1);
    do {
      places = await this.#running();
      if (amiss().length === 0) break;
      await pause(LOOK_MS, signal);
    } while (!signal.aborted && this.#recording.now() - beganAt < timeoutMs);
    if (signal.aborted) return;
    for (const actor of amiss()) {
      const at = places.get(actor)?.join(" and at ");
      this.#recording.unserved.push(
        `${actor} is kept alive, and after ${when} it ran ${at === undefined ? "nowhere" : `at ${at}`}`,
      );
    }
    if (amiss().length > 0) this.#cluster.command({ do: "explain", actors: amiss() });
    this.#say(`${this.#kept.length - amiss().length} of ${this.#kept.length} kept actors ran after ${when}`);
  }

  /** Where each of the kept actors runs, as all nodes that are up say it. */
  async #running(): Promise<Map<string, string[]>> {
    const question = ++this.#questions;
    const places = new Map<string, string[]>();
    const open = new Set(this.#cluster.nodes.filter(({ member }) => member.isUp).map(({ member }) => member));
    const done = Promise.withResolvers<void>();
    const stop = this.#cluster.onLine((line, member) => {
      if (line.type !== "running" || line.question !== question) return;
      for (const actor of line.actors) places.set(actor, [...(places.get(actor) ?? []), member.id]);
      if (open.delete(member) && open.size === 0) done.resolve();
    });
    for (const member of open) member.command({ do: "tell-running", question });
    await Promise.race([done.promise, pause(LOOK_MS, this.#given.signal)]);
    stop();
    return places;
  }

  /** Whether the servers, which are all up, still hold what they acknowledged: to the nodes, and to somebody else. */
  async #hearWitness(when: string): Promise<void> {
    if (this.#given.signal.aborted) return;
    const ofNodes = await audit(this.#recording.ledger, this.#servers);
    const { lost, whats } = await this.#witness.testify();
    this.#recording.storeLost += lost + ofNodes.length;
    for (const what of [...ofNodes, ...whats]) this.#recording.storeFaults.push(`${what}, after ${when}`);
    this.#say(`the nodes miss ${ofNodes.length} acknowledged writes, the witness ${lost}, after ${when}`);
  }

  /** No more calls, and the end of those under way. */
  async #quiet(): Promise<void> {
    const { signal } = this.#given;
    const waiting = new Set(
      this.#cluster.seats.filter(({ member }) => member.isUp).map(({ member }) => member),
    );
    const done = Promise.withResolvers<void>();
    const stop = this.#cluster.onLine((line: Line, member) => {
      if (line.type === "quiet" && waiting.delete(member) && waiting.size === 0) done.resolve();
    });
    for (const member of waiting) member.command({ do: "quiet" });
    await Promise.race([done.promise, pause(QUIET_MS, signal)]);
    stop();
    if (signal.aborted) return;
    for (const { id } of waiting)
      this.#recording.unserved.push(`the calls of ${id} did not end within ${QUIET_MS} ms`);
  }

  #watch(): void {
    const now = performance.now();
    this.#recording.stallMs = Math.max(this.#recording.stallMs, now - this.#watched - TICK_MS);
    this.#watched = now;
  }

  #progress(): void {
    const { calls, events } = this.#recording;
    const count = { done: 0, refused: 0, unknown: 0, failed: 0, open: 0 };
    for (const { outcome } of calls.values()) count[outcome ?? "open"]++;
    const moves = events.filter(({ event }) => event.type === "shard-moved").length;
    const up = this.#cluster.nodes.filter(({ member }) => member.isUp).length;
    this.#say(`${calls.size} calls ${JSON.stringify(count)}, ${moves} moves, ${up} nodes up`);
  }

  #say(text: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1_000).toFixed(1).padStart(6);
    this.#given.say(`${seconds} s  ${text}`);
  }
}
