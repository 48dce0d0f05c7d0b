/**
 * Actors that watch others, in memory and stored, of which some destroy themselves. A watcher's state says which watches it has, and
 * changes together with them: whatever it hears beyond that is one notice too many. Once all is well each watched actor ends, and
 * whoever says to be watching hears of it: else a notice was lost.
 */
import { z } from "zod";
import { Actor } from "../../../actors/actor.ts";
import { ask, defineActor, tell } from "../../../actors/contract.ts";
import { type ActorClass, host, type Hosted } from "../../../actors/host.ts";
import { watchNotice, type WatchNotice } from "../../../actors/watch/notice.ts";
import type { NodeEvent } from "../../../events.ts";
import type { ActorNode } from "../../../node/api.ts";
import type { Random } from "../../../platform/random.ts";
import type { History } from "../../../testing/history.ts";
import { lastly } from "./actors.ts";
import type { Home } from "./mortals.ts";
import { pick } from "./senders.ts";

/** Milliseconds before and after what a handler does. */
const Pause = z.strictObject({ beforeMs: z.number(), afterMs: z.number() });
type Pause = z.infer<typeof Pause>;

/** One watch: of whom, in which life it was before, and since when. */
const Session = z.strictObject({
  number: z.number(),
  target: z.string(),
  life: z.number(),
  since: z.number(),
});
type Session = z.infer<typeof Session>;
const Ended = Session.extend({ reason: z.string() });
const Seen = z.strictObject({ open: z.record(z.string(), Session), ended: z.array(Ended) });
type Seen = z.infer<typeof Seen>;

const Wish = z.strictObject({ target: z.string(), life: z.number(), pause: Pause });
type Wish = z.infer<typeof Wish>;

function watching<const K extends string>(kind: K, durability: "memory" | "stored") {
  return defineActor(kind, {
    state: Seen,
    stateVersion: 1,
    shards: 4,
    durability,
    idleMs: 300,
    messages: {
      guard: ask(Wish, z.null()),
      unguard: ask(Wish, z.null()),
      look: ask(z.null(), Seen),
      gone: tell(watchNotice),
    },
  });
}

function watched<const K extends string>(kind: K, durability: "memory" | "stored") {
  return defineActor(kind, {
    state: z.strictObject({ life: z.number().int() }),
    stateVersion: 1,
    shards: 4,
    durability,
    idleMs: 300,
    messages: { live: ask(Pause, z.number()), die: ask(Pause, z.number()) },
  });
}

export const Spy = watching("spy", "memory");
export const Sentry = watching("sentry", "stored") as unknown as typeof Spy;
export const Ephemera = watched("ephemera", "memory");
export const Hydra = watched("hydra", "stored") as unknown as typeof Ephemera;

const NAMES: readonly string[] = ["w0", "w1", "w2", "w3"];
const all = <C>(contracts: readonly C[]) =>
  contracts.flatMap((contract) => NAMES.map((name) => [contract, name] as const));
const WATCHERS = all<typeof Spy>([Spy, Sentry]);
const TARGETS = all<typeof Ephemera>([Ephemera, Hydra]);

/** How long it takes, once all is well, until each watch that was made is known to the watched actor's owner; what is said in vain is said again within 30 s. */
const SETTLED_MS = 35_000;
/** How long a notice may take then, and how often is looked, in milliseconds. */
const NOTICE_MS = 40_000;
const LOOK_MS = 500;

/** What a judgement needs. */
export interface Court {
  /** One that stays. */
  node(): Promise<ActorNode>;
  insist<T>(ask: () => Promise<T>): Promise<T | undefined>;
  rest(ms: number): Promise<void>;
  /** Kills a node in a moment, if another is left. */
  kill(): Promise<void>;
}

/** See the module's text. */
export class Watchers {
  readonly #history: History;
  /** When each actor last destroyed itself. */
  readonly #deaths = new Map<string, number>();
  /** Whether a handler was given up, and its actor with it. */
  #hasLostLate = false;
  #sessions = 0;
  #born = 0;
  /** Notices that were handled. */
  heard = 0;

  constructor(history: History) {
    this.#history = history;
  }

  // ---- the actors

  hosts(home: Home): Hosted[] {
    return [
      ...[Spy, Sentry].map((contract) => host(contract, this.#watcherOf(home))),
      ...[Ephemera, Hydra].map((contract) => host(contract, this.#targetOf(home))),
    ];
  }

  #watcherOf(home: Home): ActorClass<typeof Spy> {
    const open = (wish: Wish): Session => {
      const { target, life } = wish;
      return { number: ++this.#sessions, target, life, since: this.#history.now };
    };
    const heard = (by: string, notice: WatchNotice, session: Session | undefined) =>
      home.alive && this.#heard(by, notice, session);

    return class WatcherActor extends Actor<typeof Spy> {
      static initialState(): Seen {
        return { open: {}, ended: [] };
      }

      async guard(wish: Wish): Promise<null> {
        const { target, pause } = wish;
        await slept(home, pause.beforeMs);
        this.watch(addressOf(target), "gone");
        this.state.open[target] ??= open(wish);
        await slept(home, pause.afterMs);
        return null;
      }

      async unguard({ target, pause }: Wish): Promise<null> {
        await slept(home, pause.beforeMs);
        this.unwatch(addressOf(target));
        delete this.state.open[target];
        await slept(home, pause.afterMs);
        return null;
      }

      look(): Seen {
        return this.state;
      }

      gone(notice: WatchNotice): void {
        const { state, kind, name } = this;
        const session = state.open[notice.ref];
        heard(`${kind}/${name}`, notice, session);
        if (session === undefined) return;
        delete state.open[notice.ref];
        state.ended.push({ ...session, reason: notice.reason });
      }
    } as unknown as ActorClass<typeof Spy>;
  }

  #targetOf(home: Home): ActorClass<typeof Ephemera> {
    const nextLife = () => ++this.#born;
    const dies = (address: string) => void this.#deaths.set(address, this.#history.now);
    return class TargetActor extends Actor<typeof Ephemera> {
      static initialState() {
        return { life: 0 };
      }

      async live({ beforeMs, afterMs }: Pause): Promise<number> {
        await slept(home, beforeMs);
        if (this.state.life === 0) this.state.life = nextLife();
        await slept(home, afterMs);
        return this.state.life;
      }

      async die({ beforeMs, afterMs }: Pause): Promise<number> {
        await slept(home, beforeMs);
        this.destroy();
        dies(`${this.kind}/${this.name}`);
        await slept(home, afterMs);
        dies(`${this.kind}/${this.name}`);
        return this.state.life;
      }
    } as unknown as ActorClass<typeof Ephemera>;
  }

  // ---- what is found

  #violate(words: string): void {
    this.#history.violate("watch", words);
  }

  /** What the nodes tell. */
  follow({ type }: NodeEvent): void {
    if (type === "actor-recovered") this.#hasLostLate = true;
  }

  #heard(by: string, { ref, reason }: WatchNotice, session: Session | undefined): void {
    this.#history.note(`notice ${by} ${ref} ${reason}`);
    this.heard++;
    if (session === undefined)
      return this.#violate(`${by} heard that ${ref} is ${reason}, and does not watch it`);
    const isLossy = this.#history.deaths.length > 0 || this.#hasLostLate;
    const wasLost = ref.startsWith(Ephemera.kind) && isLossy;
    const wasDestroyed = (this.#deaths.get(ref) ?? -1) >= session.since;
    const isTrue = reason === "lost" ? wasLost : reason === "stopped" && (wasDestroyed || wasLost);
    if (!isTrue) this.#violate(`${by} heard that ${ref} is ${reason}, and it is not`);
  }

  // ---- who asks them

  /** Asks one of them something. */
  async visit(node: ActorNode, random: Random): Promise<void> {
    const [watcher, by] = pick(WATCHERS, random);
    const [target, name] = pick(TARGETS, random);
    const address = `${target.kind}/${name}`;
    const [chance, options] = [random.next(), { timeoutMs: 3_000 }];
    const pause = { beforeMs: pauseMs(random), afterMs: pauseMs(random) };
    const other = { beforeMs: pauseMs(random), afterMs: pauseMs(random) };
    if (chance < 0.25) return void (await lastly(() => node.ref(target, name).die(pause, options)));
    const ref = node.ref(watcher, by);
    if (chance < 0.4)
      return void (await lastly(() => ref.unguard({ target: address, life: 0, pause }, options)));
    const life = await lastly(() => node.ref(target, name).live(pause, options));
    if (life === undefined) return;
    await lastly(() => ref.guard({ target: address, life, pause: other }, options));
  }

  /**
   * Once all is well: all that are watched end, just as a node is killed, and end again when that is over. Who watched them before
   * hears of it, and who has heard of an end was told the truth.
   */
  async judge({ node, insist, rest, kill }: Court): Promise<void> {
    const options = { timeoutMs: 1_000 };
    const now = { beforeMs: 0, afterMs: 0 };
    const look = () =>
      this.#lookAll((contract, name) =>
        insist(async () => (await node()).ref(contract, name).look(null, options)),
      );
    const lives = () =>
      this.#livesOf((contract, name) =>
        insist(async () => (await node()).ref(contract, name).live(now, options)),
      );
    const endAll = (ask: (die: () => Promise<number>) => Promise<unknown>) =>
      Promise.all(
        TARGETS.map(([contract, name]) =>
          ask(async () => (await node()).ref(contract, name).die(now, options)),
        ),
      );

    await rest(SETTLED_MS);
    const [before, livedBefore] = [await look(), await lives()];
    const ends = endAll(lastly);
    await kill();
    await ends;
    const livedAfter = await lives();
    const isOver = ({ target }: Session) => livedAfter.get(target) !== livedBefore.get(target);
    const stillOpen = (seen: Seen, by: string) => {
      const watched = Object.values(before.get(by)?.open ?? {}).filter(isOver);
      return watched.filter(({ target, number }) => seen.open[target]?.number === number);
    };
    const after = await this.#heardAll(look, rest, stillOpen, "when a node was killed");
    for (const each of [before, after]) this.#wereTrue(livedAfter, each);
    await endAll(insist);
    await this.#heardAll(look, rest, ({ open }) => Object.values(open), "when all was well");
  }

  /** Those watches end within the time that this may take. */
  async #heardAll(
    look: () => Promise<Map<string, Seen>>,
    rest: (ms: number) => Promise<void>,
    stillOpen: (seen: Seen, by: string) => Session[],
    when: string,
  ): Promise<Map<string, Seen>> {
    const until = this.#history.now + NOTICE_MS;
    for (;;) {
      const all = await look();
      const open = [...all].flatMap(([by, seen]) => stillOpen(seen, by).map((each) => ({ ...each, by })));
      if (open.length === 0) return all;
      if (this.#history.now < until) await rest(LOOK_MS);
      else {
        for (const { by, target, number, since } of open)
          this.#violate(
            `${by} never heard of the end of ${target} ${when}: watch ${number} since ${since} ms`,
          );
        return all;
      }
    }
  }

  async #livesOf(
    ask: (contract: typeof Ephemera, name: string) => Promise<number | undefined>,
  ): Promise<Map<string, number>> {
    const all = new Map<string, number>();
    for (const [contract, name] of TARGETS) {
      const life = await ask(contract, name);
      if (life !== undefined) all.set(`${contract.kind}/${name}`, life);
    }
    return all;
  }

  async #lookAll(
    ask: (contract: typeof Spy, name: string) => Promise<Seen | undefined>,
  ): Promise<Map<string, Seen>> {
    const all = new Map<string, Seen>();
    for (const [contract, name] of WATCHERS) {
      const seen = await ask(contract, name);
      if (seen) all.set(`${contract.kind}/${name}`, seen);
    }
    return all;
  }

  /** An actor that is still in the life in which it was before a watch has not ended since. */
  #wereTrue(lives: ReadonlyMap<string, number>, all: ReadonlyMap<string, Seen>): void {
    for (const [by, { ended }] of all)
      for (const { target, life, reason } of ended)
        if (lives.get(target) === life)
          this.#violate(`${by} heard that ${target} is ${reason}, and it is still in life ${life}`);
  }
}

function addressOf(target: string): { kind: string; name: string } {
  const [kind = "", name = ""] = target.split("/");
  return { kind, name };
}

async function slept(home: Home, ms: number): Promise<void> {
  if (ms > 0) await home.sleep(ms);
}

/** Mostly nothing; now and then longer than a drain, or than a move. */
function pauseMs(random: Random): number {
  const chance = random.next();
  if (chance < 0.7) return 0;
  return random.next() * (chance < 0.88 ? 15 : chance < 0.98 ? 150 : 700);
}
