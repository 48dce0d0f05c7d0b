// SQLite files whose pages are damaged while nobody has them, and what SQLite says of disks and rights.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { openSqlite } from "../../../platform/sqlite.ts";
import { storeError } from "../../../storage/sqlite/errors.ts";
import { sqliteStore } from "../../../storage/sqlite/store.ts";
import type { Store, StoreKey, StoreOutcome, StoreWrite } from "../../../storage/store.ts";
import { bytesOf } from "../support.ts";

const PAGE_BYTES = 4_096;
/** The first byte of a page tells what it is. */
const LEAF_OF_TABLE = 0x0d;
const LEAF_OF_INDEX = 0x0a;
const COUNT = 120;

let folder: string;
let path: string;
let stores: Store[];

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "baton-sqlite-damage-"));
  path = join(folder, "actors.db");
  stores = [];
});
afterEach(async () => {
  for (const store of stores) await store.close();
  fs.rmSync(folder, { recursive: true });
});

async function open(): Promise<Store> {
  const store = await sqliteStore({ path });
  stores.push(store);
  return store;
}

const keyOf = (i: number): StoreKey => ({ kind: "cart", shard: i % 4, name: `${"n".repeat(80)}${i}` });

function write(i: number, revision: number, length = 3_000): StoreWrite {
  const rest = { epoch: 1, replacesBytes: 0, timers: i % 10 === 0, hadTimers: false };
  return { ...keyOf(i), revision, nonce: `${i}.${revision}`, bytes: bytesOf(length, i), ...rest };
}

/** A closed file with one entry of one page for each number. */
async function fill(): Promise<void> {
  const store = await open();
  await Promise.all(store.commit(Array.from({ length: COUNT }, (_, i) => write(i, 0))));
  await store.close();
}

/** Spoils the head of the last page of that sort. */
function spoil(sort: number): void {
  const file = fs.openSync(path, "r+");
  try {
    const pages = fs.readFileSync(path);
    let at = pages.byteLength - PAGE_BYTES;
    while (at > 0 && pages[at] !== sort) at -= PAGE_BYTES;
    if (at <= 0) throw new Error(`expected a page of sort ${sort}; seen: none`);
    fs.writeSync(file, Uint8Array.of(0x77, 0xff, 0xff, 0xff), 0, 4, at);
  } finally {
    fs.closeSync(file);
  }
}

/** "ok", or the code of what was thrown. */
async function endOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "ok",
    (error: { code: string }) => error.code,
  );
}

async function loads(store: Store): Promise<string[]> {
  return await Promise.all(
    Array.from({ length: COUNT }, async (_, i) => {
      const found = store.load(keyOf(i)).then((entry) => {
        if (entry === undefined) throw new Error("expected an entry; seen: none");
        expect(entry.bytes).toEqual(bytesOf(3_000, i));
      });
      return await endOf(found);
    }),
  );
}

describe("a store in an SQLite file", () => {
  for (const [what, sort] of [
    ["entries", LEAF_OF_TABLE],
    ["their index", LEAF_OF_INDEX],
  ] as const) {
    test(`with a damaged page of ${what} reads all others, and none as missing`, async () => {
      await fill();
      spoil(sort);
      const ends = await loads(await open());
      const damaged = ends.filter((end) => end === "decode-failed").length;
      expect(damaged).toBeGreaterThan(0);
      expect(ends.filter((end) => end === "ok").length).toBe(COUNT - damaged);
      expect(damaged).toBeLessThan(COUNT);
    });
  }

  test("writes those of a group that meet no damage, and says which one does", async () => {
    await fill();
    spoil(LEAF_OF_TABLE);
    const store = await open();
    const heads = await Promise.all(
      Array.from({ length: COUNT }, (_, i) => store.head(keyOf(i)).catch(() => undefined)),
    );
    const writes = heads.flatMap((head, i) => [write(i, head?.revision ?? 0, 3_100)]);
    const ends = await Promise.all(store.commit(writes).map((each: Promise<StoreOutcome>) => endOf(each)));
    const damaged = ends.filter((end) => end === "decode-failed").length;
    expect(damaged).toBeGreaterThan(0);
    expect(ends.filter((end) => end === "ok").length).toBe(COUNT - damaged);
    for (const [i, end] of ends.entries())
      if (end === "ok") expect((await store.load(keyOf(i)))?.bytes).toEqual(bytesOf(3_100, i));
  });

  test("is refused at its start when the head of the file is damaged, by what SQLite says", async () => {
    await fill();
    fs.writeFileSync(path, new Uint8Array(100), { flag: "r+" });
    await expect(open()).rejects.toMatchObject({ code: "invalid-configuration" });
    await expect(open()).rejects.toThrow(/not a database|malformed/);
  });
});

describe("what SQLite says", () => {
  test("of a full disk is no answer yet, with the reason; of rights a refusal; of damage which entry", async () => {
    const database = await openSqlite(join(folder, "own.db"));
    const thrown = (sql: string): unknown => {
      try {
        for (let i = 0; i < 100; i++) database.exec(sql);
      } catch (error) {
        return error;
      }
      throw new Error("expected an error; seen: none");
    };
    database.exec("CREATE TABLE t (b BLOB)");
    database.exec("PRAGMA max_page_count = 4");
    const full = thrown("INSERT INTO t VALUES (zeroblob(3000))");
    database.exec("PRAGMA query_only = 1");
    const readOnly = thrown("DELETE FROM t");
    database.exec("PRAGMA query_only = 0");
    const tooBig = thrown("INSERT INTO t VALUES (zeroblob(2000000000))");
    database.close();
    expect(storeError("write", false, full)).toMatchObject({
      code: "records-unavailable",
      causeCode: "SQLITE_FULL",
      message: "Cannot write in the store: database or disk is full",
    });
    expect(storeError("write", false, readOnly)).toMatchObject({
      code: "records-refused",
      causeCode: "SQLITE_READONLY",
    });
    expect(storeError("write", true, tooBig).code).toBe("too-large");
    expect(storeError("read", true, new Error("it is closed"))).toMatchObject({
      code: "records-unavailable",
    });
    expect(storeError("read", true, new Error("it is closed")).causeCode).toBeUndefined();
  });
});
