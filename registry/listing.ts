/**
 * One page of the actors of a kind over the whole cluster: asks the owners of a few shards at once, puts what they say in order, and
 * goes on until the page is full.
 *
 * Shards are listed one behind the other, and each by one owner at a time. The page goes forward only, so an actor that moves meanwhile
 * is on it once; and a shard that moves is asked for at its next owner, so it is not missed. Whoever does not answer is named.
 *
 * @module
 */
import type { Contract, MetaOf } from "../actors/contract.ts";
import type { Codec } from "../codec/codec.ts";
import { decoded } from "./meta_filter.ts";
import type { Clock } from "../platform/clock.ts";
import { Slices } from "../platform/slices.ts";
import { pause } from "../platform/pause.ts";
import { decodeCursor, encodeCursor, type ListPosition } from "./cursor.ts";
import type { ListQuery } from "./list_options.ts";
import type { Answer, Question, ShardPart } from "./messages.ts";
import type { Owner, Owners } from "./owners.ts";
import type { PresentState } from "./states.ts";

/** One actor of a page. */
export interface ListedActor<Meta = unknown> {
  readonly name: string;
  readonly state: PresentState;
  /** The node that has its shard. */
  readonly node: string;
  readonly shard: number;
  /** Under which that node has it. */
  readonly epoch: number;
  /** What it has assigned to `this.meta`; `undefined` if nothing, or if its state is not with its node yet. Of a stored actor that which is stored. */
  readonly meta: Meta | undefined;
}

/** What {@link ActorNode.list} gives. */
export interface ActorPage<C extends Contract = Contract> {
  /** By shard, and in each by name, in the order of code points. Their number may be below the limit on any page. */
  readonly items: readonly ListedActor<MetaOf<C>>[];
  /** For the next page; `undefined` if this was the last. */
  readonly cursor: string | undefined;
  /**
   * Nodes that did not answer: their actors in the shards of this page are missing on it. Also nodes of a release before, which do
   * not know the question.
   */
  readonly silent: readonly string[];
  /** Shards of this page that no node serves: parked, or their owner was lost and nobody has claimed them yet. */
  readonly unserved: readonly number[];
  /** Shards of which actors that are only stored are missing: the store cannot be listed, or did not answer. */
  readonly unread: readonly number[];
}

/** What it works with. */
export interface ListingDeps {
  readonly clock: Clock;
  readonly codec: Codec;
  readonly owners: Owners;
  ask(to: Owner, question: Question, withinMs: number): Promise<Answer | undefined>;
}

/** Work on one page between two turns of the event loop, in milliseconds; and actors in one answer, whose reading is no such work. */
const SLICE_MS = 2;
const ITEMS_AT_ONCE = 500;
/** Shards that are asked for at once, at first; twice as many with each round. */
const SHARDS_FIRST = 4;
const SHARDS_AT_ONCE_MAX = 256;
/** A node that has not answered by then is silent. */
const SILENT_MS = 2_000;
/** How long a page waits for shards that are on their way, and how long between two looks. */
const UNSERVED_MS = 1_000;
const LOOK_MS = 25;

/** What became of a shard in a round. */
type Told = { readonly part: ShardPart; readonly node: string } | "silent" | "unserved" | undefined;

/** @throws {InvalidArgumentError} for a cursor that is none */
export async function listPage(
  deps: ListingDeps,
  kind: string,
  shards: number,
  query: ListQuery,
): Promise<ActorPage> {
  const start = query.cursor === undefined ? undefined : decodeCursor(query.cursor, shards);
  return await new Listing(deps, kind, shards, query).run(start ?? { shard: 0, after: undefined });
}

class Listing {
  readonly #deps: ListingDeps;
  readonly #kind: string;
  readonly #shards: number;
  readonly #query: ListQuery;
  readonly #endsAt: number;
  readonly #items: ListedActor[] = [];
  readonly #silent = new Set<string>();
  readonly #unserved = new Set<number>();
  readonly #unread = new Set<number>();
  /** When it gives up on shards that are on their way; set by the first that is. */
  #unservedAt: number | undefined;

  constructor(deps: ListingDeps, kind: string, shards: number, query: ListQuery) {
    this.#deps = deps;
    this.#kind = kind;
    this.#shards = shards;
    this.#query = query;
    this.#endsAt = deps.clock.now() + query.timeoutMs;
  }

  async run(start: ListPosition): Promise<ActorPage> {
    const slices = new Slices(this.#deps.clock, SLICE_MS);
    let at = start;
    for (let width = SHARDS_FIRST; !this.#isDone(at); width = Math.min(2 * width, SHARDS_AT_ONCE_MAX)) {
      const told = await this.#round(at, Math.min(at.shard + width, this.#shards));
      at = this.#take(at, told);
      if (slices.isOver) await slices.next();
    }
    if (at === start && at.shard < this.#shards) at = this.#passOver(at);
    const isLast = at.shard >= this.#shards;
    return {
      items: this.#items,
      cursor: isLast ? undefined : encodeCursor(at),
      silent: [...this.#silent].sort(),
      unserved: [...this.#unserved],
      unread: [...this.#unread],
    };
  }

  #isDone({ shard }: ListPosition): boolean {
    const isFull = this.#items.length >= this.#query.limit;
    return shard >= this.#shards || isFull || this.#deps.clock.now() >= this.#endsAt;
  }

  /** Takes over what a round has told, in order, as far as it has come. @returns where it goes on */
  #take(from: ListPosition, told: ReadonlyMap<number, Told>): ListPosition {
    let at = from;
    for (const [shard, what] of told) {
      if (what === undefined) return at;
      at = { shard: shard + 1, after: undefined };
      if (what === "unserved") this.#unserved.add(shard);
      if (what === "unserved" || what === "silent") continue;
      const { part, node } = what;
      if (part.unread) this.#unread.add(shard);
      for (const { name, state, meta: bytes } of part.items) {
        if (this.#items.length >= this.#query.limit) return { shard, after: this.#items.at(-1)?.name };
        const meta = bytes && decoded(bytes, this.#deps.codec);
        this.#items.push({ name, state, node, shard, epoch: part.epoch, meta });
      }
      if (part.upTo !== undefined) return { shard, after: part.upTo };
      if (this.#items.length >= this.#query.limit) return at;
    }
    return at;
  }

  /** The time is up, and nothing has come: each page goes on by a shard at least. */
  #passOver({ shard }: ListPosition): ListPosition {
    const owner = this.#deps.owners.of(this.#kind, shard);
    if (owner === undefined || owner === "nobody") this.#unserved.add(shard);
    else this.#silent.add(owner.node);
    return { shard: shard + 1, after: undefined };
  }

  // ---- one round

  /** Asks the owners of these shards, as far as the first that has to wait. */
  async #round(from: ListPosition, to: number): Promise<ReadonlyMap<number, Told>> {
    const told = new Map<number, Told>();
    for (let shard = from.shard; shard < to; shard++) told.set(shard, undefined);
    const askedFor = new Map<string, { readonly owner: Owner; readonly shards: number[] }>();
    let waits = false;
    for (const shard of told.keys()) {
      const owner = this.#deps.owners.of(this.#kind, shard);
      if (owner === undefined) {
        if (this.#hasWaited()) told.set(shard, "unserved");
        else waits = true;
      } else if (owner === "nobody") told.set(shard, "unserved");
      else if (this.#silent.has(owner.node) || !owner.answers) this.#isSilent(owner, [shard], told);
      else {
        const of = askedFor.get(owner.node) ?? { owner, shards: [] };
        askedFor.set(owner.node, of);
        of.shards.push(shard);
      }
    }
    const asking = [...askedFor.values()].map(({ owner, shards }) => this.#ask(owner, shards, from, told));
    const answers = await Promise.all(asking);
    if (waits || answers.includes("look-again")) await this.#lookAgain();
    return told;
  }

  async #ask(
    owner: Owner,
    shards: readonly number[],
    from: ListPosition,
    told: Map<number, Told>,
  ): Promise<"look-again" | undefined> {
    const kind = this.#kind;
    const { prefix, states, where, limit: most } = this.#query;
    const limit = Math.min(most - this.#items.length, ITEMS_AT_ONCE);
    const after = shards[0] === from.shard ? from.after : undefined;
    const question: Question = {
      ...{ type: "list", kind, shards, prefix, limit },
      ...(after === undefined ? {} : { after }),
      ...(states === undefined ? {} : { states }),
      ...(where === undefined ? {} : { where }),
    };
    const leftMs = Math.max(1, this.#endsAt - this.#deps.clock.now());
    const answer = await this.#deps.ask(owner, question, Math.min(SILENT_MS, leftMs));
    const isLost = answer?.type !== "page" && (answer === undefined || this.#hasWaited());
    if (isLost) return void this.#isSilent(owner, shards, told);
    if (answer.type !== "page") return "look-again";
    const asked = new Set(shards);
    for (const part of answer.parts)
      if (asked.has(part.shard)) told.set(part.shard, { part, node: owner.node });
    if (!this.#hasWaited()) return answer.elsewhere.length > 0 ? "look-again" : undefined;
    for (const shard of answer.elsewhere) if (asked.has(shard)) told.set(shard, "unserved");
    return undefined;
  }

  #isSilent({ node }: Owner, shards: readonly number[], told: Map<number, Told>): void {
    this.#silent.add(node);
    for (const shard of shards) told.set(shard, "silent");
  }

  /** Whether shards that are on their way have been waited for long enough. */
  #hasWaited(): boolean {
    return this.#unservedAt !== undefined && this.#deps.clock.now() >= this.#unservedAt;
  }

  async #lookAgain(): Promise<void> {
    const { clock } = this.#deps;
    this.#unservedAt ??= Math.min(clock.now() + UNSERVED_MS, this.#endsAt);
    await pause(clock, LOOK_MS);
  }
}
