/**
 * Messages that end their node whenever they are handled: timers of stored actors, and asks that may be repeated. After so many
 * deaths each is set aside, and everything else is served.
 */
import { z } from "zod";
import { Actor } from "../../../actors/actor.ts";
import { ask, defineActor, tell } from "../../../actors/contract.ts";
import { type ActorClass, host, type Hosted } from "../../../actors/host.ts";
import { shardOf } from "../../../cluster/placement/placement.ts";
import type { NodeEvent } from "../../../events.ts";
import type { ActorNode } from "../../../node/api.ts";
import type { Random } from "../../../platform/random.ts";
import type { SimulatedCluster } from "../../../testing/cluster.ts";
import type { History } from "../../../testing/history.ts";
import { lastly } from "./actors.ts";

/** Which poison it is, and how long after the handler has begun it works, in milliseconds; 0 for at once. */
const Dose = z.strictObject({ id: z.string(), afterMs: z.number() });
type Dose = z.infer<typeof Dose>;

export const Vial = defineActor("vial", {
  state: z.strictObject({ bites: z.number().int() }),
  stateVersion: 1,
  shards: 4,
  durability: "stored",
  idleMs: 300,
  messages: {
    arm: ask(z.strictObject({ dose: Dose, afterMs: z.number(), everyMs: z.number() }), z.null()),
    taste: ask(Dose, z.null(), { idempotent: true }),
    look: ask(z.null(), z.number().int()),
    bite: tell(Dose),
  },
});

/** A life of a node, as far as this matters here. */
export interface Victim {
  readonly key: string;
  readonly alive: boolean;
  readonly node: ActorNode | undefined;
}

/** All of them. */
export interface Victims<L extends Victim> {
  readonly up: readonly L[];
  /** What is under way, and with whose life it ends. */
  flow(work: Promise<void>, of?: L): void;
}

export interface PoisonOptions<L extends Victim> {
  readonly cluster: SimulatedCluster;
  readonly history: History;
  readonly lives: Victims<L>;
  readonly random: Random;
  /** Deaths after which one is set aside. */
  readonly deathsMax: number;
  /** Whether it works now. */
  works(): boolean;
  kill(life: L): void;
}

interface Known {
  readonly isTimer: boolean;
  readonly madeAt: number;
  /** Lives that it has ended. */
  readonly killed: Set<string>;
  isSetAside: boolean;
  /** The life in which its actor was activated last. */
  at: string;
}

/** So long after one is set aside the next is made: the innocent that were suspected with it have had their trial by then. */
const BETWEEN_MS = 4_000;

/** An ask has done what it can after this time, in milliseconds. */
const ASK_MS = 6_000;

/** An ask of the owner itself ends with it. */
function owns({ node }: Victim, name: string): boolean {
  const shard = shardOf(Vial.kind, name, Vial.shards);
  const record = node?.inspect().shards.find((each) => each.kind === Vial.kind && each.shard === shard);
  return record?.owner === node?.name;
}

/** See the module's text. There is one at a time. */
export class Poison<L extends Victim> {
  readonly #options: PoisonOptions<L>;
  readonly #known = new Map<string, Known>();
  #nextAt = 0;

  constructor(options: PoisonOptions<L>) {
    this.#options = options;
  }

  /** How many were made, and set aside. */
  get counts(): { readonly made: number; readonly setAside: number } {
    const known = [...this.#known.values()];
    return { made: known.length, setAside: known.filter(({ isSetAside }) => isSetAside).length };
  }

  /** Makes one, unless one is still at work. */
  make(): void {
    const { cluster, lives, random } = this.#options;
    const [life] = lives.up;
    const last = [...this.#known.values()].at(-1);
    const now = cluster.clock.now();
    if (!life?.node || now < this.#nextAt || (last && this.#isAtWork(last, now))) return;
    const id = `p${this.#known.size}`;
    const dose = { id, afterMs: random.next() < 0.5 ? 0 : 1 + random.next() * 60 };
    const asker = random.next() < 0.3 ? lives.up.find((each) => !owns(each, id)) : undefined;
    const isTimer = asker === undefined;
    this.#known.set(id, { isTimer, madeAt: now, killed: new Set(), isSetAside: false, at: "" });
    if (asker) lives.flow(this.#taste(asker, dose), asker);
    else lives.flow(this.#arm(life, dose), life);
  }

  /** An ask that ended the node which had sent it is nowhere any more, nor is a timer whose setting was lost. */
  #isAtWork({ isTimer, madeAt, killed, isSetAside }: Known, now: number): boolean {
    return !isSetAside && ((isTimer && killed.size > 0) || now < madeAt + ASK_MS);
  }

  async #arm({ node }: L, dose: Dose): Promise<void> {
    const { random } = this.#options;
    const when = { afterMs: random.next() * 800, everyMs: 100 + random.next() * 1_500 };
    await lastly(async () => await node?.ref(Vial, dose.id).arm({ dose, ...when }, { timeoutMs: 4_000 }));
  }

  async #taste({ node, alive }: L, dose: Dose): Promise<void> {
    if (alive) await lastly(async () => await node?.ref(Vial, dose.id).taste(dose, { timeoutMs: 60_000 }));
  }

  heard(event: NodeEvent): void {
    if (event.type !== "message-quarantined") return;
    const known = event.kind === Vial.kind ? this.#known.get(event.name) : undefined;
    if (known) {
      known.isSetAside = true;
      this.#nextAt = this.#options.cluster.clock.now() + BETWEEN_MS;
    } else if (event.timer !== undefined)
      this.#options.history.violate(
        "I8",
        `${event.kind}/${event.name} has a timer set aside that did no harm`,
      );
  }

  /** The actors of one node in one life. */
  host(life: L): Hosted {
    const bite = (dose: Dose) => this.#bite(life, dose);
    const activated = (id: string) => {
      const known = life.alive ? this.#known.get(id) : undefined;
      if (known) known.at = life.key;
    };
    return host(
      Vial,
      class VialActor extends Actor<typeof Vial> {
        static initialState() {
          return { bites: 0 };
        }
        override onActivate(): void {
          activated(this.name);
        }
        arm({ dose, afterMs, everyMs }: { dose: Dose; afterMs: number; everyMs: number }): null {
          this.schedule("bite", dose, { afterMs, everyMs }, dose.id);
          return null;
        }
        bite(dose: Dose): void {
          this.state.bites++;
          if (!bite(dose)) this.unschedule(dose.id);
        }
        taste(dose: Dose): null {
          bite(dose);
          return null;
        }
        look(): number {
          return this.state.bites;
        }
      } as unknown as ActorClass<typeof Vial>,
    );
  }

  /** @returns whether it works still */
  #bite(life: L, { id, afterMs }: Dose): boolean {
    const { cluster, history, works, kill } = this.#options;
    if (!life.alive) return true;
    if (!works()) return false;
    const bites = () => {
      const known = this.#known.get(id);
      if (!life.alive || !works() || known?.at !== life.key) return; // nobody could tell who it was, once it has moved on
      history.note(`poison ${id} ends ${life.key}`);
      known.killed.add(life.key);
      kill(life);
    };
    if (afterMs === 0) bites();
    else cluster.clock.after(afterMs, bites);
    return true;
  }

  /** Once nothing works any more: how many nodes each has ended, and whether its actor is served all the same. */
  async judge(look: (name: string) => Promise<number | undefined>): Promise<void> {
    const { deathsMax, history } = this.#options;
    for (const [id, { isTimer, killed }] of this.#known) {
      const what = isTimer ? "timer" : "ask";
      if (killed.size > deathsMax)
        history.violate("I8", `the ${what} ${id} ended ${killed.size} nodes: ${[...killed].join(", ")}`);
      await look(id);
    }
  }
}
