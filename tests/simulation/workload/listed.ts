/**
 * Actors with metadata, in memory and stored, that are set, read, undone, listed and looked for while their shards move.
 *
 * What metadata says is what the state says, whatever has become of the actor. And whoever lists them finds each that was there when
 * he began, once, unless the list itself says that something is missing.
 */
import { z } from "zod";
import { Actor } from "../../../actors/actor.ts";
import { ask, defineActor } from "../../../actors/contract.ts";
import { type ActorClass, host, type Hosted } from "../../../actors/host.ts";
import { UnavailableError } from "../../../errors.ts";
import type { ActorNode } from "../../../node/api.ts";
import type { Random } from "../../../platform/random.ts";
import type { ListedActor } from "../../../registry/listing.ts";
import type { History } from "../../../testing/history.ts";
import { lastly } from "./actors.ts";
import { pick } from "./senders.ts";

const Step = z.strictObject({ beforeMs: z.number(), afterMs: z.number(), fails: z.boolean() });
type Step = z.infer<typeof Step>;

function tagged<const K extends string>(kind: K, durability: "memory" | "stored") {
  return defineActor(kind, {
    state: z.strictObject({ n: z.number().int() }),
    stateVersion: 1,
    shards: 8,
    durability,
    onError: "restart",
    idleMs: 250,
    meta: z.strictObject({ n: z.number().int(), even: z.boolean() }),
    messages: {
      /** Counts, in the state and in the metadata alike. */
      set: ask(Step, z.number().int()),
      look: ask(z.null(), z.number().int(), { readonly: true }),
    },
  });
}

export const Tag = tagged("tag", "memory");
export const Label = tagged("label", "stored") as unknown as typeof Tag;
const CONTRACTS: readonly (typeof Tag)[] = [Tag, Label];
const NAMES: readonly string[] = Array.from({ length: 24 }, (_, i) => `t${i}`);

/** A life of a node, as far as this matters here. */
export interface Home {
  readonly alive: boolean;
  sleep(ms: number): Promise<void>;
}

/** See the module's text. */
export class Listings {
  readonly #history: History;
  /** What the last answer of each was, by address. */
  readonly #heard = new Map<string, number>();
  /** Lists that were whole, and those that said that something was missing. */
  whole = 0;
  partial = 0;

  constructor(history: History) {
    this.#history = history;
  }

  // ---- the actors

  hosts(home: Home): Hosted[] {
    return CONTRACTS.map((contract) => host(contract, this.#classOf(home)));
  }

  #classOf(home: Home): ActorClass<typeof Tag> {
    const apart = (address: string, words: string) => {
      if (home.alive) this.#history.violate("metadata", `${address} ${words}`);
    };

    return class TagActor extends Actor<typeof Tag> {
      static initialState() {
        return { n: 0 };
      }

      override onActivate(): void {
        this.#check();
      }

      async set({ beforeMs, afterMs, fails }: Step): Promise<number> {
        this.#check();
        const n = this.state.n + 1;
        this.state.n = n;
        if (beforeMs > 0) await home.sleep(beforeMs);
        this.meta = { n, even: n % 2 === 0 };
        if (afterMs > 0) await home.sleep(afterMs);
        if (fails) throw onPurpose();
        this.#check();
        return n;
      }

      look(): number {
        this.#check();
        return this.state.n;
      }

      #check(): void {
        const { n } = this.state;
        const said = this.meta?.n ?? 0;
        if (said !== n) apart(`${this.kind}/${this.name}`, `has metadata of ${said}, and the state of ${n}`);
      }
    } as unknown as ActorClass<typeof Tag>;
  }

  // ---- who asks them

  /** Sets one of them, lists them, or looks for one. */
  async visit(node: ActorNode, random: Random, alive: () => boolean): Promise<void> {
    const contract = pick(CONTRACTS, random);
    const chance = random.next();
    if (chance < 0.15) return await this.#list(node, contract, random, alive);
    const name = pick(NAMES, random);
    const ref = node.ref(contract, name);
    const options = { timeoutMs: 3_000 };
    const fails = random.next() < 0.2;
    const step = { beforeMs: pauseMs(random), afterMs: pauseMs(random), fails };
    const n = await lastly(() => (chance < 0.75 ? ref.set(step, options) : ref.look(null, options)));
    if (n === undefined || !alive()) return;
    const address = `${contract.kind}/${name}`;
    this.#heard.set(address, Math.max(n, this.#heard.get(address) ?? 0));
  }

  async #list(node: ActorNode, contract: typeof Tag, random: Random, alive: () => boolean): Promise<void> {
    const before = this.#known(contract);
    const even = random.next() < 0.3;
    const items: ListedActor<{ n: number; even: boolean }>[] = [];
    const missing: (string | number)[] = [];
    let cursor: string | undefined;
    do {
      const limit = 1 + Math.floor(random.next() * 9);
      const where = even ? { where: { even: true } } : {};
      const page = await lastly(() => node.list(contract, { limit, ...where, ...(cursor && { cursor }) }));
      if (page === undefined || !alive()) return;
      items.push(...page.items);
      missing.push(...page.silent, ...page.unserved, ...page.unread);
      cursor = page.cursor;
    } while (cursor !== undefined);
    this.#judgeList(contract, items, even ? new Map() : before, missing);
  }

  /** Those of which an answer was heard, and the last one. A crash may have ended those in memory. */
  #known({ kind, durability }: typeof Tag): Map<string, number> {
    const isLost = durability === "memory" && this.#history.disturbances.length > 0;
    const all = NAMES.map((name) => [name, this.#heard.get(`${kind}/${name}`) ?? 0] as const);
    return new Map(isLost ? [] : all.filter(([, n]) => n > 0));
  }

  #judgeList(
    { kind, durability }: typeof Tag,
    items: readonly ListedActor<{ n: number; even: boolean }>[],
    before: ReadonlyMap<string, number>,
    missing: readonly (string | number)[],
  ): void {
    const violate = (words: string) => this.#history.violate("I11", `a list of "${kind}" ${words}`);
    const names = items.map(({ name }) => name);
    if (new Set(names).size < names.length) violate(`names some twice: ${names.join(" ")}`);
    if (missing.length > 0) this.partial++;
    else this.whole++;
    for (const [name, n] of missing.length > 0 ? [] : before) {
      const found = items.find((item) => item.name === name);
      if (found === undefined) violate(`misses "${name}", which was there`);
      else if (!isLate(found) && (found.meta?.n ?? 0) < n)
        violate(`shows "${name}" as it was at ${found.meta?.n ?? 0}, and ${n} was heard before`);
    }
    const isMemory = durability === "memory";
    const odd = items.find(({ state }) => isMemory && state === "stored");
    if (odd) violate(`says that "${odd.name}" is stored, and it lives in memory`);
  }

  /** Once all is well: lists are what there is, and whoever is looked for is where they say. */
  async judge(
    node: () => Promise<ActorNode>,
    nodes: () => readonly ActorNode[],
    insist: <T>(ask: () => Promise<T>) => Promise<T | undefined>,
  ): Promise<void> {
    for (const contract of CONTRACTS) {
      const listed = () =>
        quietly(contract, nodes, async () => (await node()).list(contract, { limit: 1_000 }));
      const [page, places] = (await insist(listed)) ?? [];
      if (page === undefined || places === undefined) continue;
      const missing = [...page.silent, ...page.unserved, ...page.unread];
      if (missing.length > 0)
        this.#history.violate("I11", `a list misses ${missing.join(", ")}, and all is well`);
      this.#judgeList(contract, page.items, this.#known(contract), []);
      this.#compare(contract, page.items, places);
      for (const { name } of page.items) await this.#compareOne(contract, name, node, nodes, insist);
    }
  }

  #compare({ kind }: typeof Tag, items: readonly ListedActor[], places: ReadonlyMap<string, Place>): void {
    const listed = items.filter(({ state }) => state !== "stored").map(({ name, node }) => `${name} ${node}`);
    const inMemory = [...places].map(([name, { node }]) => `${name} ${node}`);
    const [is, says] = [inMemory, listed].map((all) => all.toSorted().join(", "));
    if (is !== says) this.#history.violate("I11", `a list of "${kind}" has ${says}; there are ${is}`);
  }

  async #compareOne(
    contract: typeof Tag,
    name: string,
    node: () => Promise<ActorNode>,
    nodes: () => readonly ActorNode[],
    insist: <T>(ask: () => Promise<T>) => Promise<T | undefined>,
  ): Promise<void> {
    const { kind } = contract;
    const look = () => quietly(contract, nodes, async () => (await node()).where({ kind, name }));
    const [found, places] = (await insist(look)) ?? [];
    if (found === undefined || places === undefined) return;
    const place = places.get(name);
    const isKept = this.#heard.has(`${kind}/${name}`); // one that never had a state is gone when it falls asleep
    const isRight =
      place === undefined
        ? found.state === "stored" || (found.state === "none" && !isKept)
        : found.node === place.node &&
          (place.isStopped ? found.state === "stopped" : IN_MEMORY.has(found.state));
    if (!isRight)
      this.#history.violate(
        "I11",
        `${kind}/${name} is found ${found.state} on ${found.node}, and lives on ${place?.node}${place?.isStopped ? ", where it is stopped" : ""}`,
      );
  }
}

/** Its state, and its metadata with it, is still with a handler at a former node. */
function isLate({ state, meta }: ListedActor): boolean {
  return state === "moving" && meta === undefined;
}

/** Where an actor is in memory. */
interface Place {
  readonly node: string;
  /** It has failed too often lately. */
  readonly isStopped: boolean;
}

const IN_MEMORY: ReadonlySet<string> = new Set(["active", "asleep"]);

/**
 * An answer during which nothing has moved, slept or woken, and where each actor in memory was.
 *
 * @throws {UnavailableError} if something has: try again
 */
async function quietly<T>(
  { kind }: typeof Tag,
  nodes: () => readonly ActorNode[],
  ask: () => Promise<T>,
): Promise<[T, ReadonlyMap<string, Place>]> {
  const look = () => nodes().map((node) => node.inspect());
  const shown = (all: ReturnType<typeof look>) =>
    JSON.stringify(
      all.map(({ node, actors, shards }) => [
        node,
        actors.filter((actor) => actor.kind === kind),
        shards.filter((shard) => shard.kind === kind),
      ]),
    );
  const before = look();
  const isCalm = before.every(({ shards }) =>
    shards.every(({ kind: of, state, late }) => of !== kind || (state === "owned" && late.length === 0)),
  );
  const answer = await ask();
  if (!isCalm || shown(before) !== shown(look()))
    throw new UnavailableError("Cannot judge an answer: something has moved meanwhile");
  const places = before.flatMap(({ node, actors }) =>
    actors
      .filter((actor) => actor.kind === kind)
      .map(({ name, status }) => [name, { node, isStopped: status === "stopped" }] as const),
  );
  return [answer, new Map(places)];
}

/** Mostly nothing; now and then longer than a drain. */
function pauseMs(random: Random): number {
  const chance = random.next();
  if (chance < 0.6) return 0;
  return random.next() * (chance < 0.9 ? 15 : 150);
}

/** Without a stack, whose length would differ between runtimes. */
function onPurpose(): Error {
  const error = new Error("on purpose");
  error.stack = "on purpose";
  return error;
}
