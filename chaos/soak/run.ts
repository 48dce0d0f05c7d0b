// One soak: levels before, a load with replaced and killed nodes, and the same levels after it.
import { type Random, seededRandom } from "../../platform/random.ts";
import { ChaosCluster, type Seat } from "../cluster/cluster.ts";
import { DURABILITIES } from "../workload/contract.ts";
import { pause } from "../faults.ts";
import { judge, type Verdict } from "../verdict/judge.ts";
import { type Grown, grown, type Levels } from "./levels.ts";
import { leaseSettings } from "../options.ts";
import type { Given } from "../program.ts";
import { Recording } from "../verdict/recording.ts";
import { Servers } from "../cluster/servers.ts";
import type { SoakOptions } from "./options.ts";

export type SoakRunOptions = Given<SoakOptions>;

export interface SoakResult {
  readonly verdict: Verdict;
  readonly replaced: number;
  readonly killed: number;
  readonly samples: number;
  readonly before: Levels;
  readonly after: Levels;
  readonly grew: Readonly<Record<string, Grown>>;
  /** From the end of the load until everything was back; the whole wait if something was not. */
  readonly settledMs: number;
  readonly seconds: number;
}

const SEATS = 4;
const WARM_UP_MS = 15_000;
const SAMPLE_MS = 10_000;
const ANSWER_MS = 20_000;
const BETWEEN_MS = [2_000, 7_000] as const;
const KILLED_SHARE = 0.3;
const LOOK_MS = 2_000;
/** Records of nodes that are over are removed after this. */
const KEEP_OVER_MS = 20_000;
/** Beside three leases, for what is left to come back. */
const SETTLE_MS = 30_000;
/** Counters that only ever grow, and those that show how busy it is. */
const NOT_LEVELS: ReadonlySet<string> = new Set([
  ...["moved", "kept", "activations", "sleepingBytes", "framesOut", "itemsOut", "framesIn"],
  ...["ignoredInputs", "linksIn", "commits", "commitsRefused"],
]);

export async function soak(given: SoakRunOptions): Promise<SoakResult> {
  const servers = await Servers.start(1);
  try {
    return await new Soak(given, servers).toItsEnd();
  } finally {
    servers.keepLogs(given.logs);
    await servers.stop();
  }
}

class Soak {
  readonly #given: SoakRunOptions;
  readonly #servers: Servers;
  readonly #recording = new Recording();
  readonly #cluster: ChaosCluster;
  readonly #random: Random;
  readonly #startedAt = performance.now();
  #replaced = 0;
  #killed = 0;
  #samples = 0;

  constructor(given: SoakRunOptions, servers: Servers) {
    const { seed, rate, leaseMs } = given.options;
    const { executables, logs } = given;
    this.#given = given;
    this.#servers = servers;
    this.#random = seededRandom(seed);
    this.#cluster = new ChaosCluster({
      ...{ name: "soak", seed, seats: SEATS, servers, executables, logs, rate, durabilities: DURABILITIES },
      ...{
        settings: { ...leaseSettings(leaseMs), keepOverMs: KEEP_OVER_MS },
        recording: this.#recording,
        say: (text) => this.#say(text),
      },
    });
  }

  async toItsEnd(): Promise<SoakResult> {
    const { options, signal } = this.#given;
    try {
      await this.#cluster.start();
      await pause(WARM_UP_MS, signal);
      await this.#quiet();
      await pause(LOOK_MS, signal);
      const before = await this.#levels();
      for (const { member } of this.#cluster.seats) member.command({ do: "resume" });
      await this.#churn(options.minutes * 60_000);
      await this.#quiet();
      return await this.#settle(before);
    } finally {
      await this.#cluster.close();
    }
  }

  /** Replaces or kills one after the other, but for the first, until the time is over. */
  async #churn(durationMs: number): Promise<void> {
    const { signal } = this.#given;
    const until = performance.now() + durationMs;
    let sampleAt = performance.now() + SAMPLE_MS;
    while (performance.now() < until && !signal.aborted) {
      await pause(BETWEEN_MS[0] + this.#random.next() * (BETWEEN_MS[1] - BETWEEN_MS[0]), signal);
      const seat = this.#cluster.nodes[1 + Math.floor(this.#random.next() * (SEATS - 1))] as Seat;
      const kills = this.#random.next() < KILLED_SHARE;
      const sameName = this.#random.next() < 0.3;
      if (!seat.member.isUp) continue;
      await (kills ? this.#kill(seat, sameName) : this.#replace(seat, sameName));
      if (performance.now() < sampleAt) continue;
      sampleAt = performance.now() + SAMPLE_MS;
      this.#say(JSON.stringify(await this.#levels()));
    }
  }

  async #kill(seat: Seat, sameName: boolean): Promise<void> {
    const { member } = seat;
    this.#killed++;
    this.#cluster.kill(seat);
    await member.ended;
    this.#cluster.seatAnew(seat, sameName);
  }

  async #replace(seat: Seat, sameName: boolean): Promise<void> {
    const { member, record } = seat;
    this.#replaced++;
    await this.#cluster.leave(member, record);
    this.#cluster.seatAnew(seat, sameName);
  }

  /** Looks until everything is back at its level, or the time is over. */
  async #settle(before: Levels): Promise<SoakResult> {
    const { options, signal } = this.#given;
    const beganAt = performance.now();
    const until = beganAt + 3 * options.leaseMs + SETTLE_MS;
    await Promise.all(this.#cluster.seats.map(({ member }) => member.up));
    let after = await this.#levels();
    while (Object.keys(grown(before, after)).length > 0 && performance.now() < until && !signal.aborted) {
      await pause(LOOK_MS, signal);
      await this.#quiet();
      after = await this.#levels();
    }
    return {
      ...{ verdict: judge(this.#recording), replaced: this.#replaced, killed: this.#killed },
      ...{ samples: this.#samples, before, after, grew: grown(before, after) },
      settledMs: Math.round(performance.now() - beganAt),
      seconds: Math.round((performance.now() - this.#startedAt) / 1_000),
    };
  }

  /** Of the server, the streams, and of those processes that live through it all. */
  async #levels(): Promise<Levels> {
    this.#samples++;
    const levels: Record<string, number> = { ...(await this.#servers.census()) };
    for (const [name, { keys, marks, bytes, consumers }] of await this.#servers.buckets()) {
      levels[`${name}.keys`] = keys;
      levels[`${name}.marks`] = marks;
      levels[`${name}.bytes`] = bytes;
      levels[`${name}.consumers`] = consumers;
    }
    for (const seat of [this.#cluster.seats[0] as Seat, this.#cluster.client])
      await this.#census(seat, levels);
    return levels;
  }

  async #census({ member }: Seat, levels: Record<string, number>): Promise<void> {
    const answer = Promise.withResolvers<void>();
    const stop = this.#cluster.onLine((line, from) => {
      if (line.type !== "census" || from !== member) return;
      const { counters, ...memory } = line.census;
      for (const [name, value] of Object.entries({ ...memory, ...counters }))
        if (!NOT_LEVELS.has(name)) levels[`${member.name}.${name}`] = value;
      answer.resolve();
    });
    levels[`${member.name}.openFiles`] = member.openFiles;
    member.command({ do: "census" });
    await Promise.race([answer.promise, pause(ANSWER_MS, this.#given.signal)]);
    stop();
  }

  /** No more calls, and the end of those under way. */
  async #quiet(): Promise<void> {
    const waiting = new Set(
      this.#cluster.seats.filter(({ member }) => member.isUp).map(({ member }) => member),
    );
    const done = Promise.withResolvers<void>();
    const stop = this.#cluster.onLine((line, member) => {
      if (line.type === "quiet" && waiting.delete(member) && waiting.size === 0) done.resolve();
    });
    for (const member of waiting) member.command({ do: "quiet" });
    await Promise.race([done.promise, pause(ANSWER_MS, this.#given.signal)]);
    stop();
  }

  #say(text: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1_000).toFixed(1).padStart(6);
    this.#given.say(`${seconds} s  ${text}`);
  }
}
