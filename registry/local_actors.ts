/**
 * What this node can say of its own actors: of one, or a page of those in its shards, in the order of their names.
 *
 * The names in memory are taken at one moment, so that none is missed that goes from one condition to another; all that follows is
 * done in slices. What an actor's state is, is looked at last: one that has ended meanwhile is not listed.
 *
 * @module
 */
import { isActorError } from "../errors.ts";
import type { Gate } from "../cluster/gate.ts";
import type { ShardTable } from "../delivery/receiving/shard_table.ts";
import type { Shard } from "../delivery/receiving/shard.ts";
import type { Codec } from "../codec/codec.ts";
import type { Clock } from "../platform/clock.ts";
import { Slices } from "../platform/slices.ts";
import { compareNames, FirstNames, type NamePage } from "../storage/names_in_order.ts";
import { decodeRecord } from "../storage/record.ts";
import type { Store } from "../storage/store.ts";
import type { Answer, AnsweredActor, ListQuestion, Question, ShardPart } from "./messages.ts";
import { hasFields, type MetaFilter } from "./meta_filter.ts";
import { metaIn, type PresentState, residentMeta, residentState } from "./states.ts";

/** What it works with. */
export interface LocalActorsDeps {
  readonly clock: Clock;
  readonly codec: Codec;
  readonly gate: Gate;
  readonly table: Pick<ShardTable, "get">;
  /** Where stored actors are; the kinds of the table say whether they have any. */
  readonly store: Pick<Store, "load"> & { readonly lists: boolean; names: NonNullable<Store["names"]> };
}

/** Work on one question between two turns of the event loop, in milliseconds. */
const SLICE_MS = 2;
/** An answer is sent after so long, with what there is by then, in milliseconds. */
const ANSWER_MS = 500;
/** Largest answer in bytes, about. */
const ANSWER_BYTES_MAX = 262_144;
/** Entries that one answer reads from the store, and how many of them at once. */
const READS_MAX = 1_024;
const READS_AT_ONCE = 64;
/** Names that are looked at before it is asked whether a slice is over. */
const STEP = 256;

/** What is left of the room of one answer. */
interface Room {
  readonly slices: Slices;
  readonly endsAt: number;
  items: number;
  bytes: number;
  reads: number;
}

/** See the module's text. */
export class LocalActors {
  readonly #deps: LocalActorsDeps;

  constructor(deps: LocalActorsDeps) {
    this.#deps = deps;
  }

  /** Answers a question. What is not served here, or not any more when the answer is ready, is "elsewhere". */
  async answer(question: Question): Promise<Answer> {
    if (!this.#deps.gate.isOpen) return { type: "busy" };
    return question.type === "where" ? await this.#where(question) : await this.#list(question);
  }

  // ---- one actor

  async #where({ kind, shard, name }: Extract<Question, { type: "where" }>): Promise<Answer> {
    const served = this.#deps.table.get(kind, shard);
    const resident = served && residentOf(served, name);
    if (resident) return { type: "here", epoch: served.epoch, state: resident };
    if (served === undefined || served !== this.#served(kind, shard)) return { type: "elsewhere" };
    const stored = served.stateStore && (await this.#stored(served, name));
    if (this.#served(kind, shard) !== served) return { type: "elsewhere" };
    const state = residentOf(served, name) ?? stored?.state;
    return { type: "here", epoch: served.epoch, state };
  }

  /** What is sealed may have another owner by now, who has taken in others. */
  #served(kind: string, shard: number): Shard | undefined {
    const served = this.#deps.table.get(kind, shard);
    return served?.phase === "serving" || served?.phase === "draining" ? served : undefined;
  }

  /** Whether it is still there as it was when its names were taken: sealed or not, nothing of it has gone as yet. */
  #isHere(served: Shard): boolean {
    return this.#deps.table.get(served.kind, served.shard) === served && served.phase !== "closed";
  }

  /** What the store has of an actor; `undefined` if nothing: an entry may only keep a former owner out. */
  async #stored({ kind, shard }: Shard, name: string): Promise<Sighting | undefined> {
    const entry = await this.#deps.store.load({ kind, shard, name });
    if (entry === undefined) return undefined;
    try {
      const { state, timers } = decodeRecord(entry.bytes, name);
      const isThere = state !== undefined || timers.length > 0;
      return isThere ? { state: "stored", meta: metaIn(state?.annex) } : undefined;
    } catch {
      return { state: "stored", meta: undefined }; // what cannot be read is there all the same
    }
  }

  // ---- many

  async #list(question: ListQuestion): Promise<Answer> {
    const { clock } = this.#deps;
    const parts: ShardPart[] = [];
    const elsewhere: number[] = [];
    const room: Room = {
      slices: new Slices(clock, SLICE_MS),
      endsAt: clock.now() + ANSWER_MS,
      items: question.limit,
      bytes: ANSWER_BYTES_MAX,
      reads: READS_MAX,
    };
    for (const [i, shard] of question.shards.entries()) {
      if (isFull(room) || (i > 0 && clock.now() >= room.endsAt)) break;
      const served = this.#served(question.kind, shard);
      const part = served && (await this.#part(served, question, i === 0 ? question.after : undefined, room));
      if (part && this.#isHere(served)) parts.push(part);
      else elsewhere.push(shard);
      if (part?.upTo !== undefined) break;
      if (room.slices.isOver) await room.slices.next();
    }
    return { type: "page", parts, elsewhere };
  }

  async #part(
    served: Shard,
    { prefix, states, where }: ListQuestion,
    after: string | undefined,
    room: Room,
  ): Promise<ShardPart> {
    const { epoch, shard } = served;
    const page = { prefix, after, limit: room.items };
    const wanted = { states: states && new Set<PresentState>(states), where };
    const inMemory = await this.#inMemory(served, page, wanted, room.slices);
    const inStore = await this.#inStore(served, page, wanted);
    const [names, upTo] = merged([inMemory, inStore ?? []], page.limit);
    const items: AnsweredActor[] = [];
    let unread = inStore === undefined;
    let last = after;
    const part = (upTo: string | undefined): ShardPart => ({
      ...{ shard, epoch, items },
      ...(upTo === undefined ? {} : { upTo }),
      ...(unread ? { unread } : {}),
    });
    for (let i = 0; i < names.length; i += READS_AT_ONCE) {
      const some = names.slice(i, i + READS_AT_ONCE);
      const found = await this.#look(served, some, room);
      for (const [k, name] of some.entries()) {
        const seen = found[k];
        if (seen === "no-room" || isFull(room)) return part(last ?? "");
        last = name;
        if (seen === "untold") unread = true;
        else if (seen && this.#isWanted(seen, wanted)) {
          const { state } = seen;
          const meta = seen.meta === "unloaded" ? undefined : seen.meta;
          items.push({ name, state, ...(meta === undefined ? {} : { meta }) });
          room.items--;
          room.bytes -= weightOf(name, meta);
        }
      }
      if (room.slices.isOver) await room.slices.next();
    }
    return part(upTo);
  }

  async #inMemory(served: Shard, page: NamePage, wanted: Wanted, slices: Slices): Promise<string[]> {
    const { active, passive, awaited, quarantined } = served.catalog.residents;
    const names = [active, passive, awaited, quarantined].map((map) => Array.from<string>(map.keys())); // at one moment
    const first = new FirstNames(page);
    const isPicky = wanted.states !== undefined || wanted.where !== undefined;
    let left = STEP;
    for (const some of names)
      for (const name of some) {
        if (--left === 0) {
          left = STEP;
          if (slices.isOver) await slices.next();
        }
        const seen = isPicky ? sightingOf(served, name) : undefined;
        if (seen === undefined || this.#isWanted(seen, wanted)) first.offer(name);
      }
    return first.end();
  }

  /** @returns `undefined` if nobody can tell */
  async #inStore(
    { kind, shard, stateStore }: Shard,
    page: NamePage,
    { states }: Wanted,
  ): Promise<readonly string[] | undefined> {
    if (stateStore === undefined || states?.has("stored") === false) return [];
    const { store } = this.#deps;
    if (!store.lists) return undefined;
    return await told(store.names(kind, shard, page), undefined);
  }

  /** What is not loaded yet may be. */
  #isWanted({ state, meta }: Sighting, { states, where }: Wanted): boolean {
    if (states?.has(state) === false) return false;
    return where === undefined || meta === "unloaded" || hasFields(meta, where, this.#deps.codec);
  }

  /** Looks where these are by now: what is in no memory is read from the store, as far as the answer has room. */
  #look(served: Shard, names: readonly string[], room: Room): Promise<readonly Found[]> {
    const now = this.#deps.clock.now();
    const hasTime = now < room.endsAt || room.reads === READS_MAX; // each answer comes a little further
    return Promise.all(
      names.map(async (name): Promise<Found> => {
        const here = sightingOf(served, name);
        if (served.stateStore === undefined || (here && here.meta !== "unloaded")) return here;
        if (room.reads <= 0 || !hasTime) return "no-room";
        room.reads--;
        const stored = await told(this.#stored(served, name), "untold" as const);
        const now = sightingOf(served, name);
        if (now?.meta !== "unloaded") return now ?? stored;
        return stored === "untold" ? stored : { ...now, meta: stored?.meta };
      }),
    );
  }
}

/** An actor as it was seen. */
interface Sighting {
  readonly state: PresentState;
  readonly meta: Uint8Array | "unloaded" | undefined;
}

/** What was found of a name: nothing, "untold" if the store did not say, or "no-room" if it was not looked for. */
type Found = Sighting | undefined | "untold" | "no-room";

/** Which actors are wanted; `undefined`: all. */
interface Wanted {
  readonly states: ReadonlySet<PresentState> | undefined;
  readonly where: MetaFilter | undefined;
}

/** `undefined` for one that is not in memory. */
function sightingOf(served: Shard, name: string): Sighting | undefined {
  const state = residentOf(served, name);
  return state && { state, meta: residentMeta(served.catalog.residents, name) };
}

function residentOf({ catalog, phase }: Shard, name: string): PresentState | undefined {
  return residentState(catalog.residents, phase, name);
}

function isFull({ items, bytes }: Room): boolean {
  return items <= 0 || bytes <= 0;
}

/** Bytes of an actor in an answer, at most, and what stands around it. */
function weightOf(name: string, meta: Uint8Array | undefined): number {
  return 3 * name.length + (meta?.byteLength ?? 0) + 32;
}

/**
 * The first names of several lists together; each list has all that there are up to its last one, and behind that too unless it is
 * as long as the limit.
 *
 * @returns the names, and up to where they are all; `undefined` if that is to the end
 */
function merged(lists: readonly (readonly string[])[], limit: number): [string[], string | undefined] {
  const ends = lists.filter((names) => names.length >= limit).map((names) => names.at(-1) as string);
  const [upTo] = ends.sort(compareNames);
  const first = new FirstNames({ prefix: "", after: undefined, limit: limit * lists.length });
  for (const name of lists.flat()) if (upTo === undefined || compareNames(name, upTo) <= 0) first.offer(name);
  return [first.end(), upTo];
}

/** Something else if the store does not tell. */
async function told<T, Else>(asking: Promise<T>, otherwise: Else): Promise<T | Else> {
  try {
    return await asking;
  } catch (error) {
    if (!isActorError(error)) throw error;
    return otherwise;
  }
}
