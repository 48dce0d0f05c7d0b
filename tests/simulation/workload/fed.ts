/**
 * Actors in memory and stored that are fed by a stream. Of each actor the messages are numbered, so that it sees itself whether one is missing,
 * comes twice, or too early.
 */
import { z } from "zod";
import { Actor } from "../../../actors/actor.ts";
import { ask, defineActor, tell } from "../../../actors/contract.ts";
import { type ActorClass, host, type Hosted } from "../../../actors/host.ts";
import type { NodeEvent } from "../../../events.ts";
import type { ActorNode } from "../../../node/api.ts";
import type { Random } from "../../../platform/random.ts";
import type { History } from "../../../testing/history.ts";
import type { SimulatedStreams } from "../world/streams.ts";
import type { Home } from "./mortals.ts";
import { pick } from "./senders.ts";

const Grain = z.strictObject({
  to: z.string(),
  n: z.number().int(),
  beforeMs: z.number(),
  afterMs: z.number(),
  /** Tries that its handler fails; for ever where nothing helps. */
  fails: z.number().int(),
});
type Grain = z.infer<typeof Grain>;
/** The number of the latest, and how many there were. */
const Fed = z.strictObject({ last: z.number().int(), count: z.number().int() });
type Fed = z.infer<typeof Fed>;

function fed<const K extends string>(kind: K, durability: "memory" | "stored") {
  return defineActor(kind, {
    state: Fed,
    stateVersion: 1,
    shards: 4,
    durability,
    idleMs: 300,
    messages: { grain: tell(Grain), look: ask(z.null(), Fed) },
  });
}

export const Mill = fed("mill", "memory");
export const Silo = fed("silo", "stored") as unknown as typeof Mill;
const CONTRACTS: readonly (typeof Mill)[] = [Mill, Silo];
const NAMES: readonly string[] = ["s0", "s1", "s2"];
const ALL = CONTRACTS.flatMap(({ kind }) => NAMES.map((name) => `${kind}/${name}`));

const TRIES = 3;
const FOR_EVER = 1_000;
/** When all is well the last message has had its effect within this time. */
const SETTLED_MS = 60_000;
const LOOK_MS = 200;

/** What a judgement needs. */
export interface Bench {
  node(): Promise<ActorNode>;
  insist<T>(ask: () => Promise<T>): Promise<T | undefined>;
  rest(ms: number): Promise<void>;
}

/** What was said to one actor. */
interface Sent {
  /** Messages that have a number, and those of them that nothing helps. */
  last: number;
  readonly hopeless: Set<number>;
}

/** See the module's text. */
export class Feeding {
  readonly #history: History;
  readonly #streams: SimulatedStreams;
  readonly #sent = new Map<string, Sent>(ALL.map((address) => [address, { last: 0, hopeless: new Set() }]));
  readonly #failures = new Map<string, number>();
  /** Sequences of what no schema takes, and of all that were set aside. */
  readonly #unreadable = new Set<number>();
  readonly #buried = new Set<string>();
  /** Whether a handler was given up, and its actor with it. */
  #hasLostLate = false;
  /** Messages that had an effect. */
  handled = 0;

  constructor(history: History, streams: SimulatedStreams) {
    this.#history = history;
    this.#streams = streams;
  }

  // ---- the actors

  hosts(home: Home): Hosted[] {
    const subscriptions = CONTRACTS.map(({ kind }) => [
      {
        ...{ stream: "GRAIN", filter: `grain.${kind}`, message: "grain" as const },
        ...{ tries: TRIES, inFlightMax: 6, ackWaitMs: 1_500 },
        name: (_: string, { to }: Grain) => to,
      },
    ]);
    return CONTRACTS.map((contract, i) =>
      host(contract, this.#classOf(contract, home), { subscriptions: subscriptions[i] ?? [] }),
    );
  }

  #classOf({ kind }: typeof Mill, home: Home): ActorClass<typeof Mill> {
    const meets = (address: string, grain: Grain, state: Fed) =>
      !home.alive || this.#meets(address, grain, state);
    return class FedActor extends Actor<typeof Mill> {
      static initialState(): Fed {
        return { last: 0, count: 0 };
      }

      async grain(grain: Grain): Promise<void> {
        if (grain.beforeMs > 0) await home.sleep(grain.beforeMs);
        const goesOn = meets(`${kind}/${this.name}`, grain, this.state);
        this.state.last = grain.n;
        this.state.count++;
        if (grain.afterMs > 0) await home.sleep(grain.afterMs);
        if (!goesOn) throw new Error("on purpose");
      }

      look(): Fed {
        return this.state;
      }
    } as unknown as ActorClass<typeof Mill>;
  }

  // ---- what is found

  #violate(words: string): void {
    this.#history.violate("stream", words);
  }

  /** What the nodes tell. */
  follow(event: NodeEvent): void {
    if (event.type === "actor-recovered") this.#hasLostLate = true;
    if (event.type === "message-buried") this.#buried.add(`${event.kind} ${event.sequence}`);
  }

  /** @returns whether it is to have an effect */
  #meets(address: string, { n, fails }: Grain, { last }: Fed): boolean {
    this.#history.note(`grain ${address} ${n} after ${last}`);
    const hopeless = this.#sent.get(address)?.hopeless ?? new Set();
    let expected = last + 1;
    while (hopeless.has(expected) && expected < n) expected++;
    const isLossy = address.startsWith(Mill.kind) && (this.#history.deaths.length > 0 || this.#hasLostLate);
    if (isLossy ? n <= last : n !== expected)
      this.#violate(`${address} has message ${n} after ${last}, and not ${expected}`);
    const key = `${address} ${n}`;
    const failed = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failed + 1);
    if (failed < fails) return false;
    this.handled++;
    return true;
  }

  // ---- who fills the stream

  /** One more message, to one of them, or to nobody. */
  send(random: Random): void {
    const address = pick(ALL, random);
    if (random.next() < 0.04) {
      const [kind] = address.split("/");
      this.#unreadable.add(this.#streams.add(`grain.${kind}`, '{"to":7}'));
      return;
    }
    this.#send(address, {
      beforeMs: pauseMs(random),
      afterMs: pauseMs(random),
      fails: this.#failsOf(address, random),
    });
  }

  /** In memory a failed handler is not tried again: then nothing fails there. */
  #failsOf(address: string, random: Random): number {
    if (address.startsWith(Mill.kind)) return 0;
    const chance = random.next();
    return chance < 0.06 ? FOR_EVER : chance < 0.12 ? 1 : 0;
  }

  #send(address: string, pauses: Pick<Grain, "beforeMs" | "afterMs" | "fails">): void {
    const sent = this.#sent.get(address) as Sent;
    const [kind, to = ""] = address.split("/");
    const n = ++sent.last;
    if (pauses.fails === FOR_EVER) sent.hopeless.add(n);
    this.#streams.add(`grain.${kind}`, JSON.stringify({ to, n, ...pauses }));
  }

  /** Once all is well: one more message to each has its effect, and nothing is left in the stream. */
  async judge({ node, insist, rest }: Bench): Promise<void> {
    for (const address of ALL) this.#send(address, { beforeMs: 0, afterMs: 0, fails: 0 });
    const until = this.#history.now + SETTLED_MS;
    while (this.#streams.left !== "" && this.#history.now < until) await rest(LOOK_MS);
    if (this.#streams.left !== "") this.#violate(`not all was settled: ${this.#streams.left}`);
    for (const contract of CONTRACTS)
      for (const name of NAMES) {
        const address = `${contract.kind}/${name}`;
        const { last = 0 } = this.#sent.get(address) ?? {};
        const isThere = async () => {
          const state = await insist(async () =>
            (await node()).ref(contract, name).look(null, { timeoutMs: 1_000 }),
          );
          return state === undefined || state.last === last;
        };
        while (!(await isThere())) {
          if (this.#history.now >= until) {
            this.#violate(`${address} never had its last message, ${last}`);
            break;
          }
          await rest(LOOK_MS);
        }
      }
    this.#wereBuried();
  }

  /** What nobody can take was set aside, and nothing else. */
  #wereBuried(): void {
    const sequences = new Set(this.#streams.dead.map((headers) => Number(headers["Baton-Sequence"])));
    for (const sequence of this.#unreadable)
      if (!sequences.has(sequence)) this.#violate(`unreadable message ${sequence} was not set aside`);
    const hopeless = [...this.#sent.values()].reduce((sum, each) => sum + each.hopeless.size, 0);
    const others = [...sequences].filter((sequence) => !this.#unreadable.has(sequence));
    if (others.length !== hopeless)
      this.#violate(
        `${others.length} messages were set aside that could be read, and ${hopeless} were hopeless`,
      );
  }
}

/** Mostly nothing; now and then longer than a drain, or than a move. */
function pauseMs(random: Random): number {
  const chance = random.next();
  if (chance < 0.75) return 0;
  return random.next() * (chance < 0.92 ? 15 : chance < 0.99 ? 120 : 600);
}
