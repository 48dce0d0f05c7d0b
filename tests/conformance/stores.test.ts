import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { recordsStore } from "../../storage/records/store.ts";
import { sqliteStore } from "../../storage/sqlite/store.ts";
import type { Store, StoreDue, StoreKey, StoreOutcome, StoreWrite } from "../../storage/store.ts";
import { type Bench, backends } from "./backends.ts";

const RECORD_BYTES_MAX = 65_536;

/** A store under test. `open` gives one on the same data, as another node would have it. */
interface StoreBench {
  open(): Promise<Store>;
  done<T>(promise: Promise<T>): Promise<T>;
  end(): Promise<void>;
}

interface StoreBackend {
  readonly name: string;
  begin(): Promise<StoreBench>;
  end(): Promise<void>;
}

let buckets = 0;

function overRecords(): StoreBackend[] {
  return backends().map((backend) => ({
    name: `records over ${backend.name}`,
    end: () => backend.end(),
    begin: async () => {
      const bench: Bench = await backend.open();
      const bucket = `stored-${++buckets}`;
      return {
        open: async () => {
          const connection = await bench.connect("node");
          const records = await bench.done(connection.records(bucket));
          return recordsStore(records, { recordBytesMax: RECORD_BYTES_MAX });
        },
        done: (promise) => bench.done(promise),
        end: () => bench.end(),
      };
    },
  }));
}

/** Each `open` takes the file over from the one before: only one can have it. */
function overSqlite(): StoreBackend {
  return {
    name: "SQLite",
    end: () => Promise.resolve(),
    begin: () => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), "baton-store-"));
      let store: Store | undefined;
      return Promise.resolve({
        open: async () => {
          await store?.close();
          store = await sqliteStore({ path: path.join(folder, "actors.db") });
          return store;
        },
        done: (promise) => promise,
        end: async () => {
          await store?.close();
          fs.rmSync(folder, { recursive: true });
        },
      });
    },
  };
}

const KEY: StoreKey = { kind: "cart", shard: 3, name: "alice / ü" };

function revisionOf(outcome: StoreOutcome): number {
  if (!outcome.ok) throw new Error("expected a write that was applied, but it was refused");
  return outcome.revision;
}

/** Bytes that differ from one another, so that no order of chunks but the right one gives them. */
function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed + (i >>> 8)) & 255);
}

for (const backend of [...overRecords(), overSqlite()]) {
  describe(`Store: ${backend.name}`, () => {
    let bench: StoreBench;
    let store: Store;
    let nonces = 0;

    beforeEach(async () => {
      bench = await backend.begin();
      store = await bench.open();
    });
    afterEach(() => bench.end());
    afterAll(() => backend.end());

    function write(revision: number, bytes: Uint8Array, more: Partial<StoreWrite> = {}): StoreWrite {
      const nonce = `nonce${++nonces}`;
      const rest = { epoch: 1, replacesBytes: 0, timers: false, hadTimers: false };
      return { ...KEY, revision, nonce, bytes, ...rest, ...more };
    }

    async function commit(...writes: StoreWrite[]): Promise<StoreOutcome[]> {
      return await bench.done(Promise.all(store.commit(writes)));
    }

    async function timed(...shards: number[]): Promise<string[]> {
      const found = await bench.done(store.timed("cart", new Set(shards)));
      for (const { kind, shard } of found) expect([kind, shards.includes(shard)]).toEqual(["cart", true]);
      return found.map(({ name }) => name).sort();
    }

    /** What is due in those shards, page by page, as "time name". */
    async function due(shards: number[], limit = 100): Promise<string[]> {
      const all: StoreDue[] = [];
      for (;;) {
        const page = await bench.done(
          store.due?.("cart", new Set(shards), { after: all.at(-1), limit }) ?? Promise.reject(shards),
        );
        for (const { kind, shard } of page) expect([kind, shards.includes(shard)]).toEqual(["cart", true]);
        expect(page.length <= limit).toBe(true);
        all.push(...page);
        if (page.length < limit) return all.map(({ dueAt, name }) => `${dueAt} ${name}`);
      }
    }

    /** All pages of a shard. */
    async function listed(prefix: string, limit: number): Promise<string[]> {
      const all: string[] = [];
      for (;;) {
        const page = (await bench.done(
          store.names?.("cart", 3, { prefix, after: all.at(-1), limit }) ?? Promise.reject(prefix),
        )) as string[];
        expect(page.length <= limit).toBe(true);
        all.push(...page);
        if (page.length < limit) return all;
      }
    }

    async function committed(given: StoreWrite): Promise<number> {
      return revisionOf((await commit(given))[0] as StoreOutcome);
    }

    test("load() gives what was committed last, also to the next who opens it", async () => {
      expect(await bench.done(store.load(KEY))).toBeUndefined();
      const first = await committed(write(0, bytesOf(10, 1)));
      const given = write(first, bytesOf(20, 2));
      const second = await committed(given);
      expect(second).not.toBe(first);
      store = await bench.open();
      const entry = await bench.done(store.load(KEY));
      expect(entry).toEqual({ revision: second, nonce: given.nonce, bytes: bytesOf(20, 2) });
      expect(await bench.done(store.head(KEY))).toEqual({ revision: second, nonce: given.nonce });
    });

    test("commit() is refused when the entry is not at the revision, or is there already", async () => {
      const first = await committed(write(0, bytesOf(1, 1)));
      const second = await committed(write(first, bytesOf(1, 2)));
      expect(await commit(write(first, bytesOf(1, 3)))).toEqual([{ ok: false }]);
      expect(await commit(write(0, bytesOf(1, 4)))).toEqual([{ ok: false }]);
      expect(await commit(write(second, bytesOf(1, 5), { name: "bob" }))).toEqual([{ ok: false }]);
      expect((await bench.done(store.load(KEY)))?.bytes).toEqual(bytesOf(1, 2));
    });

    test("commit() of a group gives each its own outcome", async () => {
      const names = Array.from({ length: 20 }, (_, i) => `actor-${i}`);
      const outcomes = await commit(
        ...names.map((name, i) => write(i % 5 === 4 ? 77 : 0, bytesOf(5, i), { name })),
      );
      expect(outcomes.map(({ ok }) => ok)).toEqual(names.map((_, i) => i % 5 !== 4));
      expect((await bench.done(store.load({ ...KEY, name: "actor-7" })))?.bytes).toEqual(bytesOf(5, 7));
      expect(await bench.done(store.load({ ...KEY, name: "actor-9" }))).toBeUndefined();
    });

    test("remove() is refused when the entry was written meanwhile; its revision never comes again", async () => {
      const first = await committed(write(0, bytesOf(1, 1)));
      const second = await committed(write(first, bytesOf(1, 2)));
      expect(await bench.done(store.remove(KEY, first))).toEqual({ ok: false });
      expect((await bench.done(store.remove(KEY, second))).ok).toBe(true);
      expect(await bench.done(store.load(KEY))).toBeUndefined();
      const again = await committed(write(0, bytesOf(1, 3)));
      expect([first, second]).not.toContain(again);
      expect(await commit(write(second, bytesOf(1, 4)))).toEqual([{ ok: false }]);
    });

    test("long entries come back whole, and shrink again", async () => {
      let revision = 0;
      let replacesBytes = 0;
      for (const length of [200_000, 300_001, 57_344, 57_345, 12, 131_072]) {
        const bytes = bytesOf(length, length);
        revision = await committed(write(revision, bytes, { replacesBytes }));
        replacesBytes = length;
        store = await bench.open();
        expect((await bench.done(store.load(KEY)))?.bytes).toEqual(bytes);
      }
    });

    test("names of every make are told apart", async () => {
      const names = ["a", "a.b", "*", ">", "\0", "ü", "x".repeat(4_000), `${"x".repeat(3_999)}y`, "=41"];
      for (const [i, name] of names.entries()) await committed(write(0, bytesOf(4, i), { name }));
      for (const [i, name] of names.entries())
        expect((await bench.done(store.load({ ...KEY, name })))?.bytes).toEqual(bytesOf(4, i));
      expect(await bench.done(store.load({ ...KEY, shard: 4, name: "a" }))).toBeUndefined();
      expect(await bench.done(store.load({ ...KEY, kind: "other", name: "a" }))).toBeUndefined();
    });

    test("timed() names who has timers, in those shards only", async () => {
      const names = ["a.b", "x".repeat(4_000), "plain"];
      for (const name of names) await committed(write(0, bytesOf(1, 1), { name, timers: true }));
      await committed(write(0, bytesOf(1, 1), { name: "without" }));
      await committed(write(0, bytesOf(1, 1), { name: "elsewhere", shard: 4, timers: true }));
      store = await bench.open();
      expect(await timed(3)).toEqual([...names].sort());
      expect(await timed(5)).toEqual([]);
      expect(await timed()).toEqual([]);
      expect(await timed(4, 5)).toEqual(["elsewhere"]);
      expect(await timed(3, 4)).toEqual([...names, "elsewhere"].sort());
    });

    test("timed() gives names as they are, whatever characters they hold", async () => {
      const plain = ["a", "b", "e\u0301", "é", "'", " ", "👍".repeat(100)];
      const names = [...plain, "a\0b", "a\0", "\0", "\uFEFFa", `\uFEFF${"a".repeat(100)}`];
      for (const [i, name] of names.entries())
        await committed(write(0, bytesOf(4, i), { name, timers: true }));
      expect(await timed(3)).toEqual([...names].sort());
      for (const [i, name] of names.entries())
        expect((await bench.done(store.load({ ...KEY, name })))?.bytes).toEqual(bytesOf(4, i));
    });

    test("timed() names nobody whose timers have ended", async () => {
      const first = await committed(write(0, bytesOf(1, 1), { timers: true }));
      const second = await committed(write(first, bytesOf(1, 2), { hadTimers: true }));
      expect(await timed(3)).toEqual([]);
      await committed(write(second, bytesOf(1, 3), { timers: true }));
      expect(await timed(3)).toEqual([KEY.name]);
    });

    test("due() gives who is due, in order and in pages, in those shards only", async () => {
      const odd = ["a\0b", "x".repeat(4_000), "\uFEFFa", "👍", "\uFFFD"];
      for (const name of odd) await committed(write(0, bytesOf(1, 1), { name, dueAt: 2_000.5 }));
      await committed(write(0, bytesOf(1, 1), { name: "without" }));
      await committed(write(0, bytesOf(1, 1), { name: "first", dueAt: 0 }));
      await committed(write(0, bytesOf(1, 1), { name: "elsewhere", shard: 4, dueAt: 1_000 }));
      await committed(write(0, bytesOf(1, 1), { name: "another", kind: "other", dueAt: 1_000 }));
      store = await bench.open();
      const inOrder = odd.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const last = inOrder.map((name) => `2000.5 ${name}`);
      for (const limit of [1, 2, 100]) {
        expect(await due([3], limit)).toEqual(["0 first", ...last]);
        expect(await due([3, 4, 5], limit)).toEqual(["0 first", "1000 elsewhere", ...last]);
      }
      expect([await due([5]), await due([])]).toEqual([[], []]);
    });

    test("due() follows what each write says, and nothing is left of what was removed", async () => {
      let at = await committed(write(0, bytesOf(1, 1), { dueAt: 5_000 }));
      at = await committed(write(at, bytesOf(1, 2), { dueAt: 5_000, wasDueAt: 5_000 }));
      expect(await due([3])).toEqual([`5000 ${KEY.name}`]);
      at = await committed(write(at, bytesOf(1, 3), { dueAt: 9_000, wasDueAt: 5_000 }));
      expect(await due([3])).toEqual([`9000 ${KEY.name}`]);
      at = await committed(write(at, bytesOf(1, 4), { dueAt: 1_000, wasDueAt: 9_000 }));
      expect(await due([3])).toEqual([`1000 ${KEY.name}`]);
      expect(await commit(write(at + 1, bytesOf(1, 5), { dueAt: 1_000, wasDueAt: 1_000 }))).toEqual([
        { ok: false },
      ]);
      at = await committed(write(at, bytesOf(1, 6), { wasDueAt: 1_000 }));
      expect(await due([3])).toEqual([]);
      at = await committed(write(at, bytesOf(1, 7), { dueAt: 3_000 }));
      expect(await due([3])).toEqual([`3000 ${KEY.name}`]);
      await bench.done(store.remove(KEY, at));
      expect(await due([3])).toEqual([]);
      await committed(write(0, bytesOf(1, 8), { dueAt: 4_000 }));
      store = await bench.open();
      expect(await due([3])).toEqual([`4000 ${KEY.name}`]);
    });

    test("due() is put right by the first write after a loss", async () => {
      const first = await committed(write(0, bytesOf(1, 1), { dueAt: 5_000 }));
      // what the lost owner has noted for a write that was never applied
      expect(await commit(write(77, bytesOf(1, 2), { dueAt: 7_000, wasDueAt: 5_000 }))).toEqual([
        { ok: false },
      ]);
      const next = write(first, bytesOf(1, 3), { dueAt: 5_000, wasDueAt: 5_000, afterLoss: true });
      const second = await committed(next);
      expect(await due([3])).toEqual([`5000 ${KEY.name}`]);
      await committed(write(second, bytesOf(1, 4), { afterLoss: true }));
      expect(await due([3])).toEqual([]);
    });

    test("names() lists a shard in pages, in the order of code points, by prefix", async () => {
      const odd = [
        "\uFEFFa",
        "\uFFFD",
        "👍",
        `👍${"x".repeat(300)}`,
        "a\0b",
        "a\0",
        "ü",
        "a.b",
        "x".repeat(4_000),
      ];
      const names = [...odd, ...Array.from({ length: 30 }, (_, i) => `cart-${i}`)];
      for (const [i, name] of names.entries()) await committed(write(0, bytesOf(4, i), { name }));
      await committed(write(0, bytesOf(1, 1), { name: "elsewhere", shard: 4 }));
      await committed(write(0, bytesOf(1, 1), { name: "another", kind: "other" }));
      store = await bench.open();
      const inOrder = (some: readonly string[]) =>
        some.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(await listed("", 7)).toEqual(inOrder(names));
      expect(await listed("", 1_000)).toEqual(inOrder(names));
      expect(await listed("cart-1", 3)).toEqual(inOrder(names.filter((name) => name.startsWith("cart-1"))));
      expect(await listed("a\0", 1)).toEqual(["a\0", "a\0b"]);
      expect(await listed("none", 10)).toEqual([]);
    });

    test("names() may name an entry that was removed, and nothing is found there", async () => {
      const long = "y".repeat(3_000);
      for (const name of ["a", long]) {
        const revision = await committed(write(0, bytesOf(1, 1), { name }));
        await bench.done(store.remove({ ...KEY, name }, revision));
      }
      await committed(write(0, bytesOf(1, 1), { name: "b" }));
      const names = await listed("", 10);
      expect(names).toContain("b");
      for (const name of names)
        expect((await bench.done(store.load({ ...KEY, name }))) === undefined).toBe(name !== "b");
    });

    test("label() is written once, by whoever comes first, and found by the next who opens it", async () => {
      const label = (name: string, text?: string) =>
        bench.done(store.label?.(name, text) ?? Promise.reject(name));
      expect(await label("id")).toBeUndefined();
      expect(
        (await Promise.all([label("id", "one"), label("id", "two")])).every((text) => text === "one"),
      ).toBe(true);
      expect(await label("shards.cart-2", "16")).toBe("16");
      store = await bench.open();
      expect(await label("id", "three")).toBe("one");
      expect([await label("shards.cart-2"), await label("shards")]).toEqual(["16", undefined]);
    });

    test("highestEpoch() is never below that of an entry", async () => {
      expect(await bench.done(store.highestEpoch("cart", 3))).toBe(0);
      const first = await committed(write(0, bytesOf(1, 1), { epoch: 7 }));
      await committed(write(first, bytesOf(1, 2), { epoch: 4 }));
      store = await bench.open();
      await committed(write(0, bytesOf(1, 3), { epoch: 5, name: "bob" }));
      expect(await bench.done(store.highestEpoch("cart", 3))).toBe(7);
      expect(await bench.done(store.highestEpoch("cart", 4))).toBe(0);
    });
  });
}
