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
import type { Clock } from "../platform/clock.ts";
import { Slices } from "../platform/slices.ts";
import { compareNames, FirstNames, type NamePage } from "../storage/names_in_order.ts";
import { decodeRecord } from "../storage/record.ts";
import type { Store } from "../storage/store.ts";
import type { Answer, AnsweredActor, ListQuestion, Question, ShardPart } from "./messages.ts";
import { type PresentState, residentState } from "./states.ts";

/** What it works with. */
export interface LocalActorsDeps {
  readonly clock: Clock;
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
    const served = this.#served(kind, shard);
    if (served === undefined) return { type: "elsewhere" };
    const resident = residentOf(served, name);
    if (resident) return { type: "here", epoch: served.epoch, state: resident };
    const isStored = served.stateStore !== undefined && (await this.#isStored(served, name));
    if (this.#served(kind, shard) !== served) return { type: "elsewhere" };
    const state = residentOf(served, name) ?? (isStored ? "stored" : undefined);
    return { type: "here", epoch: served.epoch, state };
  }

  #served(kind: string, shard: number): Shard | undefined {
    const served = this.#deps.table.get(kind, shard);
    return served?.phase === "closed" ? undefined : served;
  }

  /** Whether the store has anything of an actor: an entry may only keep a former owner out. */
  async #isStored({ kind, shard }: Shard, name: string): Promise<boolean> {
    const entry = await this.#deps.store.load({ kind, shard, name });
    if (entry === undefined) return false;
    try {
      const { state, timers } = decodeRecord(entry.bytes, name);
      return state !== undefined || timers.length > 0;
    } catch {
      return true; // what cannot be read is there all the same
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
      if (part && this.#served(question.kind, shard) === served) parts.push(part);
      else elsewhere.push(shard);
      if (part?.upTo !== undefined) break;
      if (room.slices.isOver) await room.slices.next();
    }
    return { type: "page", parts, elsewhere };
  }

  async #part(
    served: Shard,
    { prefix, states }: ListQuestion,
    after: string | undefined,
    room: Room,
  ): Promise<ShardPart> {
    const { epoch, shard } = served;
    const page = { prefix, after, limit: room.items };
    const wanted = states && new Set<PresentState>(states);
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
        const state = found[k];
        if (state === "no-room" || isFull(room)) return part(last ?? "");
        last = name;
        if (state === "untold") unread = true;
        else if (state !== "none" && state !== undefined && wanted?.has(state) !== false) {
          items.push({ name, state });
          room.items--;
          room.bytes -= weightOf(name);
        }
      }
      if (room.slices.isOver) await room.slices.next();
    }
    return part(upTo);
  }

  async #inMemory(
    served: Shard,
    page: NamePage,
    wanted: ReadonlySet<PresentState> | undefined,
    slices: Slices,
  ): Promise<string[]> {
    const { active, passive, awaited, quarantined } = served.catalog.residents;
    const names = [active, passive, awaited, quarantined].flatMap((map) => [...map.keys()]);
    const first = new FirstNames(page);
    for (const [i, name] of names.entries()) {
      if (i % STEP === 0 && slices.isOver) await slices.next();
      const state = wanted && residentOf(served, name);
      if (wanted === undefined || state === undefined || wanted.has(state)) first.offer(name);
    }
    return first.end();
  }

  /** @returns `undefined` if nobody can tell */
  async #inStore(
    { kind, shard, stateStore }: Shard,
    page: NamePage,
    wanted: ReadonlySet<PresentState> | undefined,
  ): Promise<readonly string[] | undefined> {
    if (stateStore === undefined || wanted?.has("stored") === false) return [];
    const { store } = this.#deps;
    if (!store.lists) return undefined;
    return await told(store.names(kind, shard, page));
  }

  /** Looks where these are by now: what is in no memory is read from the store, as far as the answer has room. */
  #look(served: Shard, names: readonly string[], room: Room): Promise<readonly Found[]> {
    const now = this.#deps.clock.now();
    const hasTime = now < room.endsAt || room.reads === READS_MAX; // each answer comes a little further
    return Promise.all(
      names.map(async (name): Promise<Found> => {
        if (served.stateStore === undefined || residentOf(served, name))
          return residentOf(served, name) ?? "none";
        if (room.reads <= 0 || !hasTime) return "no-room";
        room.reads--;
        const isStored = await told(this.#isStored(served, name));
        return residentOf(served, name) ?? (isStored === undefined ? "untold" : isStored ? "stored" : "none");
      }),
    );
  }
}

/** What was found of a name: "untold" if the store did not say. */
type Found = PresentState | "none" | "untold" | "no-room";

function residentOf({ catalog, phase }: Shard, name: string): PresentState | undefined {
  return residentState(catalog.residents, phase, name);
}

function isFull({ items, bytes }: Room): boolean {
  return items <= 0 || bytes <= 0;
}

/** Bytes of a name in an answer, at most, and what stands around it. */
function weightOf(name: string): number {
  return 3 * name.length + 32;
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

/** `undefined` if the store does not tell. */
async function told<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (!isActorError(error)) throw error;
    return undefined;
  }
}
