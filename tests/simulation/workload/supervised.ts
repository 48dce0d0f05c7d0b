/**
 * Actors that are kept alive, in memory and stored, whose handlers fail now and then. An observer outside of all nodes counts what each
 * fails and handles: no message has its turn twice or before one that was sent earlier, nobody has a turn whose budget is spent, whatever
 * moves meanwhile, and no two nodes that may have effects run the same actor. Once all is well, each runs without a message, once.
 */
import { z } from "zod";
import { Actor } from "../../../actors/actor.ts";
import { ask, defineActor } from "../../../actors/contract.ts";
import { type ActorClass, host, type Hosted } from "../../../actors/host.ts";
import { isActorError } from "../../../errors.ts";
import type { NodeEvent } from "../../../events.ts";
import type { ActorNode } from "../../../node/api.ts";
import type { Random } from "../../../platform/random.ts";
import type { History } from "../../../testing/history.ts";
import type { Home } from "./mortals.ts";
import { pick } from "./senders.ts";

const Job = z.strictObject({
  /** Of whoever sends it, and its number there: later ones are higher. */
  by: z.string(),
  n: z.number().int(),
  fails: z.boolean(),
  beforeMs: z.number(),
});
type Job = z.infer<typeof Job>;

const RESTART = { max: 3, withinMs: 2_500, backoff: { minMs: 30, maxMs: 500 } } as const;
/** What the observer's clock and a node's may be apart, with the time from a throw to its note. */
const SLACK_MS = 1;

function supervised<const K extends string>(kind: K, durability: "memory" | "stored") {
  return defineActor(kind, {
    state: z.strictObject({ jobs: z.number().int() }),
    stateVersion: 1,
    shards: 4,
    durability,
    idleMs: 300,
    restart: RESTART,
    messages: { work: ask(Job, z.number().int()) },
  });
}

export const Beacon = supervised("beacon", "memory");
export const Hearth = supervised("hearth", "stored") as unknown as typeof Beacon;

const NAMES: readonly string[] = ["k0", "k1", "k2", "k3", "k4"];
const ALL = [Beacon, Hearth].flatMap((contract) => NAMES.map((name) => [contract, name] as const));
const ADDRESSES = ALL.map(([contract, name]) => `${contract.kind}/${name}`);
/** Jobs of one visit, which are sent at once. */
const JOBS = 5;
/** How long it may take, once all is well, until each runs, and how often is looked, in milliseconds. */
const ALIVE_MS = 12_000;
const LOOK_MS = 100;

/** A node that has joined and lives. */
interface Joined {
  readonly node: ActorNode;
  /** Whether it may have effects now. */
  readonly isWell: boolean;
}

/** What is known of an actor from outside. */
interface Known {
  /** When it failed, since it was known to begin without failures or was stopped. It may know of some more, from before a loss. */
  failures: number[];
  /** When it was said to be stopped. */
  stoppedAt: number | undefined;
  /** Of its last failure. */
  failedUnder: number;
  /** Below it nobody has effects that last. */
  epoch: number;
  /** The latest job of each sender that had its turn. */
  readonly latest: Map<string, number>;
}

/** What a judgement needs. */
export interface Bench {
  insist<T>(ask: () => Promise<T>): Promise<T | undefined>;
  rest(ms: number): Promise<void>;
  joined(): readonly Joined[];
  node(): Promise<ActorNode>;
  /** Kills a node, if another is left. */
  kill(): void;
}

/** See the module's text. */
export class Supervised {
  readonly #history: History;
  readonly #known = new Map<string, Known>();
  /** Where each began last, by its address and epoch. */
  readonly #begun = new Map<string, { readonly home: Home; hasEnded: boolean }>();
  /** Stored ones that somebody heard of as having done something. */
  readonly #stored = new Set<string>();
  #sent = 0;
  /** Handlers that failed, and actors that were stopped. */
  failed = 0;
  stops = 0;

  constructor(history: History) {
    this.#history = history;
  }

  hosts(home: Home): Hosted[] {
    return [
      host(Beacon, this.#classOf(home), { keep: NAMES }),
      host(Hearth, this.#classOf(home), { keep: "all" }),
    ];
  }

  #classOf(home: Home): ActorClass<typeof Beacon> {
    const begins = (address: string, epoch: number, why: string) => {
      if (!home.alive) return;
      this.#isAlone(home, address, epoch);
      this.#begins(address, epoch, why);
    };
    const ends = (address: string, epoch: number) => home.alive && this.#ends(home, address, epoch);
    const works = (address: string, epoch: number, job: Job) =>
      home.alive && this.#works(address, epoch, job);
    const fails = (address: string, epoch: number) => home.alive && this.#fails(address, epoch);
    return class SupervisedActor extends Actor<typeof Beacon> {
      static initialState() {
        return { jobs: 0 };
      }

      override onActivate(why: string): void {
        begins(`${this.kind}/${this.name}`, this.epoch, why);
      }

      override onDeactivate(): void {
        ends(`${this.kind}/${this.name}`, this.epoch);
      }

      async work(job: Job): Promise<number> {
        const [address, { epoch }] = [`${this.kind}/${this.name}`, this];
        works(address, epoch, job);
        if (job.beforeMs > 0) await home.sleep(job.beforeMs);
        this.state.jobs++;
        if (!job.fails) return this.state.jobs;
        fails(address, epoch);
        throw new Error("on purpose");
      }
    } as unknown as ActorClass<typeof Beacon>;
  }

  // ---- what is seen

  #violate(words: string): void {
    this.#history.violate("supervised", words);
  }

  #of(address: string): Known {
    const known = this.#known.get(address) ?? {
      failures: [],
      stoppedAt: undefined,
      failedUnder: 0,
      epoch: 0,
      latest: new Map(),
    };
    this.#known.set(address, known);
    return known;
  }

  /** Under one epoch it is at one node, and never begins beside itself. */
  #isAlone(home: Home, address: string, epoch: number): void {
    const key = `${address} ${epoch}`;
    const last = this.#begun.get(key);
    this.#begun.set(key, { home, hasEnded: false });
    if (last === undefined) return;
    if (last.home !== home) this.#violate(`${address} begins at two nodes under epoch ${epoch}`);
    else if (!last.hasEnded) this.#violate(`${address} begins beside itself under epoch ${epoch}`);
  }

  #ends(home: Home, address: string, epoch: number): void {
    const last = this.#begun.get(`${address} ${epoch}`);
    if (last?.home === home) last.hasEnded = true;
  }

  /** After a loss it may know nothing of its failures. */
  #begins(address: string, epoch: number, why: string): void {
    const known = this.#of(address);
    if (why === "recovered" || why === "first") this.#forgives(known, epoch);
  }

  #forgives(known: Known, epoch: number): void {
    known.epoch = Math.max(known.epoch, epoch);
    known.failures = [];
    known.stoppedAt = undefined;
  }

  #works(address: string, epoch: number, { by, n }: Job): void {
    const known = this.#of(address);
    const latest = known.latest.get(by) ?? 0;
    if (n === latest) this.#violate(`${address} had job ${n} of ${by} twice`);
    if (n < latest) this.#violate(`${address} had job ${n} of ${by} after job ${latest}`);
    known.latest.set(by, Math.max(n, latest));
    if (epoch < known.epoch) return; // it has lost its shard, and nothing comes of it
    const spentAt = this.#spentAt(known);
    const leftMs = spentAt === undefined ? 0 : spentAt + RESTART.backoff.maxMs - this.#history.now;
    if (leftMs > SLACK_MS)
      this.#violate(`${address} works ${leftMs} ms before its stop is over, under epoch ${epoch}`);
  }

  /** When its budget was spent, as it was said or as it is counted; `undefined` if that is not so. */
  #spentAt({ failures, stoppedAt }: Known): number | undefined {
    const last = failures.at(-1);
    if (last === undefined) return stoppedAt;
    const recent = failures.filter((at) => at > last - RESTART.withinMs + SLACK_MS);
    return recent.length > RESTART.max ? last : undefined;
  }

  #fails(address: string, epoch: number): void {
    this.failed++;
    const known = this.#of(address);
    known.failedUnder = epoch;
    if (epoch >= known.epoch) known.failures.push(this.#history.now);
  }

  /** What the nodes tell. */
  follow(event: NodeEvent): void {
    if (event.type === "actor-stopped") this.#stopped(`${event.kind}/${event.name}`);
    // what it has not stored is undone, and with it perhaps a failure
    if (event.type !== "commit-refused" && event.type !== "actor-recovered" && event.type !== "load-failed")
      return;
    const known = this.#known.get(`${event.kind}/${event.name}`);
    if (known) known.failures = [];
  }

  #stopped(address: string): void {
    this.stops++;
    const known = this.#of(address);
    if (known.failedUnder < known.epoch) return; // by a node that has lost it
    known.failures = [];
    known.stoppedAt = this.#history.now;
  }

  /** No two nodes that may have effects run the same actor. */
  looksAt(joined: readonly Joined[]): void {
    const at = new Map<string, string>();
    for (const { node, isWell } of joined) {
      if (!isWell) continue;
      for (const { kind, name, status } of node.inspect().actors) {
        if (!ADDRESSES.includes(`${kind}/${name}`) || status === "late" || status === "sealed") continue;
        if (status !== "active") continue;
        const other = at.get(`${kind}/${name}`);
        if (other !== undefined) this.#violate(`${kind}/${name} runs at ${other} and at ${node.name}`);
        at.set(`${kind}/${name}`, node.name);
      }
    }
  }

  // ---- who asks them

  /** Gives one of them a few jobs at once, of which some fail. */
  async visit(node: ActorNode, random: Random): Promise<void> {
    const [contract, name] = pick(ALL, random);
    const by = `v${++this.#sent}`;
    const ref = node.ref(contract, name);
    const isBad = random.next() < 0.25;
    const jobs = Array.from({ length: JOBS }, (_, i): Job => {
      const beforeMs = random.next() < 0.8 ? 0 : random.next() * 60;
      return { by, n: i + 1, fails: random.next() < (isBad ? 0.8 : 0.08), beforeMs };
    });
    await Promise.all(
      jobs.map((job) => this.#answered(contract, name, job, () => ref.work(job, { timeoutMs: 4_000 }))),
    );
  }

  async #answered(
    { kind, durability }: typeof Beacon,
    name: string,
    job: Job,
    work: () => Promise<number>,
  ): Promise<void> {
    try {
      await work();
      if (job.fails) this.#violate(`job ${job.n} of ${job.by} has an answer, and its handler threw`);
      if (durability === "stored") this.#stored.add(`${kind}/${name}`);
    } catch (error) {
      if (!isActorError(error)) throw error;
      const hasFailed = error.code === "handler-error";
      if (hasFailed !== job.fails && hasFailed)
        this.#violate(`job ${job.n} of ${job.by} ended as ${error.message}, and its handler did not throw`);
    }
  }

  // ---- once all is well

  /** Each that is kept runs without a message, once; also after a node was killed; and one that fails too often is back in the end. */
  async judge({ insist, rest, joined, node, kill }: Bench): Promise<void> {
    await this.#allRun(joined, rest, "when all was well");
    kill();
    await this.#allRun(joined, rest, "after a node was killed");
    for (const [contract, name] of ALL) {
      for (let n = 0; n <= RESTART.max; n++) {
        const job = { by: `judge${++this.#sent}`, n: 1, fails: true, beforeMs: 0 };
        const work = async () => {
          const ref = (await node()).ref(contract, name);
          return await ref.work(job, { timeoutMs: 1_000 }).catch((error: unknown) => {
            if (isActorError(error) && error.code === "handler-error") return 0;
            if (isActorError(error) && error.code === "actor-stopped") return 0;
            throw error;
          });
        };
        await insist(work);
      }
    }
    if (this.stops === 0) this.#violate("nobody was stopped, whatever failed");
    await this.#allRun(joined, rest, "after all had failed too often");
  }

  async #allRun(
    joined: () => readonly Joined[],
    rest: (ms: number) => Promise<void>,
    when: string,
  ): Promise<void> {
    const kept = [...NAMES.map((name) => `${Beacon.kind}/${name}`), ...this.#stored];
    const until = this.#history.now + ALIVE_MS;
    for (;;) {
      this.looksAt(joined());
      const running = new Set(
        joined().flatMap(({ node }) =>
          node
            .inspect()
            .actors.flatMap(({ kind, name, status }) => (status === "active" ? [`${kind}/${name}`] : [])),
        ),
      );
      const missing = kept.filter((address) => !running.has(address));
      if (missing.length === 0) return;
      if (this.#history.now >= until) return this.#violate(`${missing.join(", ")} did not run ${when}`);
      await rest(LOOK_MS);
    }
  }
}
