// Buckets of records in an SQLite file: what a conformance suite does not see, since it has one process.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type SqliteStore, sqliteStore } from "../../../storage/sqlite/store.ts";
import type { CasResult, RecordEntry, Records } from "../../../transport/records.ts";

let folder: string;
let path: string;
let stores: SqliteStore[];

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "baton-sqlite-records-"));
  path = join(folder, "shop.db");
  stores = [];
});
afterEach(async () => {
  for (const store of stores) await store.close();
  fs.rmSync(folder, { recursive: true });
});

const mayWait = (key: string) => key.startsWith("nodes.");

async function open(of = path): Promise<Records> {
  const store = await sqliteStore({ path: of });
  stores.push(store);
  return await store.takeBuckets({ mayWait })("baton-shop");
}

/** What a process would find that was started after a crash at this moment. */
async function afterCrash(): Promise<Records> {
  const copy = join(folder, `copy-${stores.length}.db`);
  for (const end of ["", "-wal"]) if (fs.existsSync(path + end)) fs.copyFileSync(path + end, copy + end);
  return await open(copy);
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (entry: RecordEntry | undefined) => entry?.value && new TextDecoder().decode(entry.value);
const revision = (result: CasResult) => (result.ok ? result.revision : -1);

describe("records in a file", () => {
  test("are there after a crash once they are acknowledged, and revisions go on from theirs", async () => {
    const records = await open();
    const first = await records.create("shards.a.0", bytes("1"));
    const last = revision(await records.update("shards.a.0", bytes("2"), revision(first)));
    const found = await afterCrash();
    expect(await found.get("shards.a.0")).toMatchObject({ revision: last });
    expect(text(await found.get("shards.a.0"))).toBe("2");
    expect(revision(await found.create("shards.a.1", bytes("3")))).toBeGreaterThan(last);
    expect(await found.update("shards.a.0", bytes("4"), revision(first))).toEqual({ ok: false });
  });

  test("that may wait are written before the next one that counts, with it, and never without need", async () => {
    const records = await open();
    await records.create("kinds.a", bytes("k"));
    const size = () => fs.statSync(`${path}-wal`).size;
    const before = size();
    let beat = revision(await records.create("nodes.a", bytes("0")));
    for (let i = 1; i <= 50; i++) beat = revision(await records.update("nodes.a", bytes(`${i}`), beat));
    expect(text(await records.get("nodes.a"))).toBe("50");
    const heard: string[] = [];
    await records.watch("nodes", ({ key, value }) =>
      heard.push(`${key}=${value && text({ key, value, revision: 0 })}`),
    );
    expect(heard).toEqual(["nodes.a=50"]);
    expect(size()).toBe(before);
    expect(await (await afterCrash()).get("nodes.a")).toBeUndefined();
    await records.create("shards.a.0", bytes("1"));
    const found = await afterCrash();
    expect(text(await found.get("nodes.a"))).toBe("50");
    expect(text(await found.get("shards.a.0"))).toBe("1");
  });

  test("that have waited are written when the store is closed", async () => {
    const records = await open();
    await records.create("nodes.a", bytes("gone"));
    await stores[0]?.close();
    await expect(records.get("nodes.a")).rejects.toMatchObject({ code: "records-unavailable" });
    expect(text(await (await open()).get("nodes.a"))).toBe("gone");
  });

  test("of one turn fail alone: the others are written", async () => {
    const records = await open();
    const circle: { self?: unknown } = {};
    circle.self = circle;
    const bad = { slice: () => circle } as unknown as Uint8Array; // no database takes it
    const ends = await Promise.allSettled([
      records.create("k.a", bytes("1")),
      records.create("k.b", bad),
      records.create("k.c", bytes("3")),
    ]);
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    const found = await afterCrash();
    expect([text(await found.get("k.a")), await found.get("k.b"), text(await found.get("k.c"))]).toEqual([
      "1",
      undefined,
      "3",
    ]);
  });

  test("leave no marks of their removal to the next process", async () => {
    const records = await open();
    const made = revision(await records.create("parked.a.0.m.0", bytes("x")));
    const removed = revision(await records.remove("parked.a.0.m.0", made));
    expect(await records.get("parked.a.0.m.0")).toMatchObject({ value: undefined, revision: removed });
    await stores[0]?.close();
    const next = await open();
    expect(await next.get("parked.a.0.m.0")).toBeUndefined();
    expect(revision(await next.create("parked.a.0.m.0", bytes("y")))).toBeGreaterThan(removed);
  });

  test("are told to a watch that begins in the same turn, each once and in order", async () => {
    const records = await open();
    await records.create("k.a", bytes("1"));
    const heard: number[] = [];
    const [, , third] = await Promise.all([
      records.create("k.b", bytes("2")),
      records.watch("k", (entry) => void heard.push(entry.revision)),
      records.create("k.c", bytes("3")),
    ]);
    await records.create("k.d", bytes("4"));
    expect(heard).toEqual([1, 2, revision(third), revision(third) + 1]);
  });

  test("are taken by one user of a store", async () => {
    await open();
    expect(() => stores[0]?.takeBuckets()).toThrow("another node of this process has it");
  });
});
