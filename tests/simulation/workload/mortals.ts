/**
 * Actors that destroy themselves now and then, in memory and stored. After each end that its caller has heard of, the actor of that
 * name begins anew: nothing of the life before answers, fires or comes back.
 */
import { z } from "zod";
import { Actor } from "../../../actors/actor.ts";
import { ask, defineActor, tell } from "../../../actors/contract.ts";
import { type ActorClass, host, type Hosted } from "../../../actors/host.ts";
import type { ActorNode } from "../../../node/api.ts";
import type { Random } from "../../../platform/random.ts";
import type { History } from "../../../testing/history.ts";
import { lastly } from "./actors.ts";
import { pick } from "./senders.ts";

/** How long a handler takes before and after what it does, in milliseconds. */
const Pause = z.strictObject({ beforeMs: z.number(), afterMs: z.number() });
type Pause = z.infer<typeof Pause>;
const Timing = z.strictObject({ afterMs: z.number(), everyMs: z.number() });
type Timing = z.infer<typeof Timing>;
/** Which life it is, and how many messages that has handled. */
const Age = z.strictObject({ life: z.number().int(), count: z.number().int() });
type Age = z.infer<typeof Age>;

function mortal<const K extends string>(kind: K, durability: "memory" | "stored") {
  return defineActor(kind, {
    state: Age,
    stateVersion: 1,
    shards: 4,
    durability,
    idleMs: 300,
    messages: {
      live: ask(Pause, Age),
      remind: ask(Timing, Age),
      die: ask(Pause, Age),
      /** With the life that has set the timer. */
      ring: tell(z.number().int()),
    },
  });
}

export const Mayfly = mortal("mayfly", "memory");
export const Phoenix = mortal("phoenix", "stored") as unknown as typeof Mayfly;
const CONTRACTS: readonly (typeof Mayfly)[] = [Mayfly, Phoenix];
const NAMES: readonly string[] = ["m0", "m1", "m2", "m3", "m4"];

/** All of them, as contracts and names. */
export const MORTALS: readonly (readonly [typeof Mayfly, string])[] = CONTRACTS.flatMap((contract) =>
  NAMES.map((name) => [contract, name] as const),
);

/** A life of a node, as far as this matters here. */
export interface Home {
  readonly alive: boolean;
  sleep(ms: number): Promise<void>;
}

/** What an observer outside of all nodes knows of one life of one actor. */
interface Known {
  /** When somebody first heard that it was destroyed. */
  deadSince: number;
  readonly counts: Set<number>;
}

/** No life: the actor has not handled anything yet. */
const UNBORN = 0;

/** See the module's text. */
export class Mortals {
  readonly #history: History;
  readonly #lives = new Map<string, Known>();
  #born = 0;
  /** How often a caller heard that an actor had destroyed itself. */
  deaths = 0;

  constructor(history: History) {
    this.#history = history;
  }

  #of(address: string, life: number): Known {
    const key = `${address}#${life}`;
    let known = this.#lives.get(key);
    if (known === undefined) this.#lives.set(key, (known = { deadSince: Infinity, counts: new Set() }));
    return known;
  }

  // ---- the actors

  hosts(home: Home): Hosted[] {
    return CONTRACTS.map((contract) => host(contract, this.#classOf(contract, home)));
  }

  #classOf(contract: typeof Mayfly, home: Home): ActorClass<typeof Mayfly> {
    const began = (address: string, age: Age) => home.alive && this.#began(address, age);
    const rang = (address: string, of: number, age: Age) => home.alive && this.#rang(address, of, age);
    const nextLife = () => ++this.#born;

    return class MortalActor extends Actor<typeof Mayfly> {
      static initialState(): Age {
        return { life: UNBORN, count: 0 };
      }

      get address(): string {
        return `${contract.kind}/${this.name}`;
      }

      override onActivate(): void {
        began(this.address, this.state);
      }

      async live({ beforeMs, afterMs }: Pause): Promise<Age> {
        if (beforeMs > 0) await home.sleep(beforeMs);
        const age = this.#older();
        if (afterMs > 0) await home.sleep(afterMs);
        return age;
      }

      remind(timing: Timing): Age {
        const age = this.#older();
        const { afterMs, everyMs } = timing;
        this.schedule("ring", age.life, everyMs > 0 ? { afterMs, everyMs } : { afterMs });
        return age;
      }

      /** Until its handler ends it is there. */
      async die({ beforeMs, afterMs }: Pause): Promise<Age> {
        if (beforeMs > 0) await home.sleep(beforeMs);
        const age = this.#older();
        this.destroy();
        if (afterMs > 0) await home.sleep(afterMs);
        return age;
      }

      ring(of: number): void {
        rang(this.address, of, this.state);
        this.state.count++;
      }

      #older(): Age {
        const { state } = this;
        if (state.life === UNBORN) state.life = nextLife();
        state.count++;
        return { ...state };
      }
    } as unknown as ActorClass<typeof Mayfly>;
  }

  // ---- what is found

  #began(address: string, { life }: Age): void {
    if (life !== UNBORN && this.#of(address, life).deadSince < this.#history.now)
      this.#history.violate("I9", `${address} began with the state of life ${life}, which was destroyed`);
  }

  #rang(address: string, of: number, { life }: Age): void {
    this.#history.note(`rang ${address} ${of}`);
    if (life !== of) this.#history.violate("I9", `a timer of life ${of} of ${address} fired in life ${life}`);
  }

  #answered(address: string, { life, count }: Age, sentAt: number): void {
    const known = this.#of(address, life);
    this.#history.note(`lives ${address} ${life} ${count}`);
    if (known.deadSince < sentAt)
      this.#history.violate(
        "I9",
        `${address} answered from life ${life}, of whose end its caller had heard before`,
      );
    if (known.counts.has(count))
      this.#history.violate("I9", `${address} answered twice as number ${count} of life ${life}`);
    known.counts.add(count);
  }

  #died(address: string, { life }: Age): void {
    const known = this.#of(address, life);
    this.#history.note(`died ${address} ${life}`);
    this.deaths++;
    known.deadSince = Math.min(known.deadSince, this.#history.now);
  }

  // ---- who asks them

  /** Asks one of them something. */
  async visit(node: ActorNode, random: Random, alive: () => boolean): Promise<void> {
    const [contract, name] = pick(MORTALS, random);
    const chance = random.next();
    const pause = { beforeMs: pauseMs(random), afterMs: pauseMs(random) };
    const ref = node.ref(contract, name);
    const options = { timeoutMs: 3_000 };
    if (chance < 0.25) {
      const timing = {
        afterMs: random.next() * 600,
        everyMs: random.next() < 0.5 ? 0 : 50 + random.next() * 300,
      };
      await this.#heard(contract, name, alive, () => ref.remind(timing, options));
    } else if (chance < 0.55) {
      const age = await this.#heard(contract, name, alive, () => ref.die(pause, options));
      if (age) this.#died(`${contract.kind}/${name}`, age);
    } else await this.#heard(contract, name, alive, () => ref.live(pause, options));
  }

  async #heard(
    { kind }: typeof Mayfly,
    name: string,
    alive: () => boolean,
    ask: () => Promise<Age>,
  ): Promise<Age | undefined> {
    const sentAt = this.#history.now;
    const age = await lastly(ask);
    if (age === undefined || !alive()) return undefined;
    this.#answered(`${kind}/${name}`, age, sentAt);
    return age;
  }

  /** Once all is well: each of them ends, and is there again. */
  async judge(
    node: () => Promise<ActorNode>,
    insist: <T>(ask: () => Promise<T>) => Promise<T | undefined>,
  ): Promise<void> {
    const now = { beforeMs: 0, afterMs: 0 };
    for (const [contract, name] of MORTALS) {
      const address = `${contract.kind}/${name}`;
      for (const message of ["live", "die", "live"] as const) {
        const sentAt = this.#history.now;
        const age = await insist(async () =>
          (await node()).ref(contract, name)[message](now, { timeoutMs: 1_000 }),
        );
        if (age === undefined) continue;
        this.#answered(address, age, sentAt);
        if (message === "die") this.#died(address, age);
      }
    }
  }
}

/** Mostly nothing; now and then longer than a drain, or than a move. */
function pauseMs(random: Random): number {
  const chance = random.next();
  if (chance < 0.6) return 0;
  return random.next() * (chance < 0.85 ? 15 : chance < 0.97 ? 150 : 900);
}
