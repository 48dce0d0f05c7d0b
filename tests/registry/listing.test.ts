import { beforeEach, describe, expect, test } from "bun:test";
import type { ListQuery } from "../../registry/list_options.ts";
import { type ActorPage, type ListedActor, listPage } from "../../registry/listing.ts";
import type { Answer, ListQuestion } from "../../registry/messages.ts";
import type { Owner, Owners } from "../../registry/owners.ts";
import { createCodec } from "../../codec/codec.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { comesTo } from "../support/virtual_time.ts";

const SHARDS = 8;
let clock: ManualClock;
/** Names by shard, in order. */
let names: string[][];
/** The node that has each shard; "" for nobody, "?" for one that is on its way. */
let places: string[];
let silent: Set<string>;
/** Asked before a node answers. */
let before: (node: string, question: ListQuestion) => Answer | undefined;
let questions: { readonly node: string; readonly shards: readonly number[] }[];
/** Most actors in one answer, whatever is asked for. */
let room: number;

beforeEach(() => {
  clock = new ManualClock();
  names = Array.from({ length: SHARDS }, (_, shard) => ["a", "b", "c"].map((letter) => `${shard}${letter}`));
  places = Array.from({ length: SHARDS }, (_, shard) => (shard % 2 === 0 ? "even" : "odd"));
  silent = new Set();
  before = () => undefined;
  questions = [];
  room = 1_000;
});

function of(_kind: string, shard: number): Owner | "nobody" | undefined {
  const node = places[shard] as string;
  if (node === "?") return undefined;
  return node === "" ? "nobody" : { node, incarnation: "1-x", epoch: 1, answers: node !== "older" };
}

function answer(node: string, { shards, after, limit }: ListQuestion): Answer {
  const parts = [];
  const elsewhere = [];
  let left = Math.min(limit, room);
  for (const [i, shard] of shards.entries()) {
    if (left === 0) break;
    if (places[shard] !== node) {
      elsewhere.push(shard);
      continue;
    }
    const behind = (names[shard] as string[]).filter((name) => i > 0 || name > (after ?? ""));
    const items = behind.slice(0, left).map((name) => ({ name, state: "active" as const }));
    left -= items.length;
    const upTo = items.length < behind.length ? items.at(-1)?.name : undefined;
    parts.push({ shard, epoch: 1, items, ...(upTo === undefined ? {} : { upTo }) });
  }
  return { type: "page", parts, elsewhere };
}

async function page(query: Partial<ListQuery> = {}): Promise<ActorPage> {
  const all = {
    prefix: "",
    states: undefined,
    where: undefined,
    limit: 100,
    cursor: undefined,
    timeoutMs: 5_000,
    ...query,
  };
  const ask = async ({ node }: Owner, question: { readonly type: string }, withinMs: number) => {
    const { shards } = question as unknown as ListQuestion;
    questions.push({ node, shards });
    if (!silent.has(node))
      return (
        before(node, question as unknown as ListQuestion) ?? answer(node, question as unknown as ListQuestion)
      );
    await new Promise<void>((resolve) => clock.after(withinMs, resolve));
    return undefined;
  };
  return await comesTo(
    clock,
    listPage({ clock, codec: createCodec(), owners: { of } as unknown as Owners, ask }, "k", SHARDS, all),
  );
}

async function pages(limit: number): Promise<ListedActor[]> {
  const all: ListedActor[] = [];
  let cursor: string | undefined;
  do {
    const { items, cursor: next } = await page({ limit, cursor });
    expect(items.length <= limit).toBe(true);
    all.push(...items);
    cursor = next;
  } while (cursor !== undefined);
  return all;
}

const shown = (items: readonly ListedActor[]) => items.map(({ name }) => name);

describe("listPage()", () => {
  test("gives all, by shard and name, from whoever has them, in pages of any length", async () => {
    for (const limit of [1, 2, 3, 4, 7, 24, 100]) expect(shown(await pages(limit))).toEqual(names.flat());
    const { items, cursor, silent, unserved, unread } = await page();
    expect([items[0], cursor, silent, unserved, unread]).toEqual([
      { name: "0a", state: "active", node: "even", shard: 0, epoch: 1, meta: undefined },
      undefined,
      [],
      [],
      [],
    ]);
  });

  test("asks for a few shards first, and for more as long as the page is not full", async () => {
    await page({ limit: 2 });
    expect(questions.map(({ shards }) => shards)).toEqual([
      [0, 2],
      [1, 3],
    ]);
    questions = [];
    await page();
    expect(questions.length).toBe(4);
  });

  test("goes on where an answer had no more room", async () => {
    room = 2;
    expect(shown(await pages(24))).toEqual(names.flat());
  });

  test("names the node that does not answer, and asks it once on a page", async () => {
    silent.add("odd");
    const { items, silent: named, cursor } = await page();
    expect(shown(items)).toEqual(names.filter((_, shard) => shard % 2 === 0).flat());
    expect([named, cursor]).toEqual([["odd"], undefined]);
    expect(questions.filter(({ node }) => node === "odd").length).toBe(1);
  });

  test("names a node of a release before, and does not ask it", async () => {
    places[3] = "older";
    const { items, silent: named } = await page();
    expect(shown(items)).toEqual(names.filter((_, shard) => shard !== 3).flat());
    expect(named).toEqual(["older"]);
    expect(questions.some(({ node }) => node === "older")).toBe(false);
  });

  test("follows a shard that is elsewhere by now", async () => {
    before = (node, question) => {
      const shards = question.shards.filter((shard) => shard === 4 && node === "even");
      if (shards.length === 0) return undefined;
      const now = answer(node, { ...question, shards: question.shards.filter((shard) => shard !== 4) });
      places[4] = "odd";
      return { ...now, elsewhere: [4] } as Answer;
    };
    expect(shown((await page()).items)).toEqual(names.flat());
  });

  test("waits for a shard that is on its way, and no longer than a second", async () => {
    places[2] = "?";
    clock.after(300, () => {
      places[2] = "odd";
    });
    expect(shown((await page()).items)).toEqual(names.flat());
    places[5] = "?";
    const startedAt = clock.now();
    const { items, unserved, cursor } = await page();
    expect([unserved, cursor]).toEqual([[5], undefined]);
    expect(shown(items)).toEqual(names.filter((_, shard) => shard !== 5).flat());
    expect(clock.now() - startedAt).toBeLessThan(1_500);
  });

  test("names shards that nobody serves at once", async () => {
    places[0] = places[7] = "";
    const startedAt = clock.now();
    const { items, unserved } = await page();
    expect(unserved).toEqual([0, 7]);
    expect(shown(items)).toEqual(names.slice(1, 7).flat());
    expect(clock.now() - startedAt).toBeLessThan(100);
  });

  test("ends when its time is up, with what there is, and goes on from there", async () => {
    silent.add("odd");
    const first = await page({ timeoutMs: 50 });
    expect([shown(first.items), first.silent, first.cursor]).toEqual([
      [...(names[0] as string[]), ...(names[2] as string[])],
      ["odd"],
      "4",
    ]);
  });

  test("goes on by a shard at least, whoever is busy for ever", async () => {
    before = () => ({ type: "busy" });
    let cursor: string | undefined;
    let count = 0;
    do {
      const next = await page({ cursor, timeoutMs: 20 });
      expect(next.silent.length).toBe(1);
      cursor = next.cursor;
      count++;
    } while (cursor !== undefined && count < 100);
    expect(count).toBe(SHARDS);
  });
});
