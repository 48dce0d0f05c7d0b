import { beforeEach, describe, expect, test } from "bun:test";
import { DecodeError, RecordsRefusedError, RecordsUnavailableError } from "../../errors.ts";
import type { Committer } from "../../storage/committer.ts";
import { recordsStore } from "../../storage/records/store.ts";
import type { Store } from "../../storage/store.ts";
import { BUCKET_GONE } from "../../transport/kept_records.ts";
import type { Records } from "../../transport/records.ts";
import { bytesOf, KEY, StoreWorld } from "./support.ts";

let world: StoreWorld;
let store: Store;
let committer: Committer;

function bound(records: Records): Records {
  return {
    create: (key, value) => records.create(key, value),
    update: (key, value, revision) => records.update(key, value, revision),
    remove: (key, revision) => records.remove(key, revision),
    get: (key) => records.get(key),
    keys: (prefix) => records.keys(prefix),
    condition: () => records.condition(),
    watch: (prefix, onEntry) => records.watch(prefix, onEntry),
  };
}

beforeEach(async () => {
  world = new StoreWorld();
  store = await world.store();
  committer = world.committer(store);
});

/** The first requests of one sort for the heads of entries meet that fate. */
function once(operation: "create" | "update", fate: "lose-request" | "lose-answer", times = 1): void {
  let left = times;
  world.fate = (asked, key) =>
    asked === operation && key.startsWith("state.") && left-- > 0 ? fate : "answer";
}

describe("Committer.commit()", () => {
  for (const fate of ["lose-request", "lose-answer"] as const) {
    test(`is known in the end and applied once when a create meets "${fate}" twice`, async () => {
      once("create", fate, 2);
      const outcome = await world.ends(committer.commit(world.write(0, bytesOf(9))));
      expect(outcome.ok).toBe(true);
      expect(await world.ends(store.load(KEY))).toMatchObject({
        bytes: bytesOf(9),
        ...(outcome.ok ? { revision: outcome.revision } : {}),
      });
      expect([committer.committed, committer.refused, committer.outstanding]).toEqual([1, 0, 0]);
    });
  }

  test("knows its own long entry when the answer to its head was lost, and keeps its chunks", async () => {
    once("create", "lose-answer");
    const outcome = await world.ends(committer.commit(world.write(0, bytesOf(150_000))));
    expect(outcome.ok).toBe(true);
    expect((await world.ends(store.load(KEY)))?.bytes).toEqual(bytesOf(150_000));
  });

  test("rejects what a store throws at once, or forgets, and goes on with what comes later", async () => {
    let way: "throws" | "forgets" | "works" = "throws";
    const strange: Store = {
      ...store,
      head: (key) => store.head(key),
      commit(writes) {
        if (way === "throws") throw new RangeError("no room");
        return way === "forgets" ? [] : store.commit(writes);
      },
    };
    committer = world.committer(strange);
    await expect(world.ends(committer.commit(world.write(0, bytesOf(1))))).rejects.toThrow("no room");
    way = "forgets";
    await expect(world.ends(committer.commit(world.write(0, bytesOf(1))))).rejects.toThrow("fewer outcomes");
    way = "works";
    for (let i = 0; i < 600; i++) committer.commit({ ...world.write(0, bytesOf(1)), name: `x${i}` });
    expect((await world.ends(committer.commit(world.write(0, bytesOf(1))))).ok).toBe(true);
    await world.ends(Promise.resolve());
    expect([committer.committed, committer.outstanding]).toEqual([601, 0]);
  });

  test("is refused when another has written, also if its request was lost before", async () => {
    once("update", "lose-request");
    const first = await world.ends(committer.commit(world.write(0, bytesOf(1))));
    const revision = first.ok ? first.revision : 0;
    const late = committer.commit(world.write(revision, bytesOf(2)));
    await world.clock.advance(1);
    const other = world.committer(await world.store("other"));
    expect((await world.ends(other.commit(world.write(revision, bytesOf(3))))).ok).toBe(true);
    expect(await world.ends(late)).toEqual({ ok: false });
    expect((await world.ends(store.load(KEY)))?.bytes).toEqual(bytesOf(3));
    expect(committer.refused).toBe(1);
  });

  test("rejects with what the store said no with, at once, and tells of it", async () => {
    world.fate = () => "refuse";
    const write = committer.commit(world.write(0, bytesOf(1)));
    await expect(world.ends(write, 100)).rejects.toMatchObject({ code: "records-refused" });
    expect([world.failures.length, committer.outstanding, world.keys("state")]).toEqual([1, 0, []]);
  });

  for (const first of ["lose-answer", "apply-late", "lose-request"] as const) {
    test(`is not over when the store says no after a try that met "${first}"`, async () => {
      let tries = 0;
      let full = true;
      world.fate = (asked, key) => {
        if (asked !== "create" || !key.startsWith("state.")) return "answer";
        if (++tries === 1) return first;
        return full ? "refuse" : "answer";
      };
      const commit = committer.commit(world.write(0, bytesOf(1)));
      if (first === "lose-request") {
        await world.clock.advance(30_000);
        expect([committer.outstanding, world.keys("state")]).toEqual([1, []]);
        full = false;
      }
      expect(await world.ends(commit)).toMatchObject({ ok: true });
      expect(world.keys("state").length).toBe(1);
    });
  }

  for (const [what, error] of [
    ["the entry cannot be read", new DecodeError("damaged")],
    ["the store throws what none should", new TypeError("x is not a function")],
  ] as const)
    for (const first of ["lose-answer", "apply-late"] as const) {
      test(`is not over when ${what} after a try that met "${first}"`, async () => {
        let tries = 0;
        world.fate = (asked, key) => (asked === "create" && key.startsWith("state.") ? first : "answer");
        const doubtful: Store = {
          ...store,
          bytesMax: store.bytesMax,
          head: async (key) => {
            if (tries < 4) throw error;
            return await store.head(key);
          },
          commit: (writes) =>
            ++tries === 1 ? store.commit(writes) : writes.map(() => Promise.reject(error)),
        };
        const commit = world.committer(doubtful).commit(world.write(0, bytesOf(1)));
        expect(await world.ends(commit)).toMatchObject({ ok: true });
        expect([world.keys("state").length, tries > 2]).toEqual([1, true]);
      });
    }

  test("is over when the entry cannot be read and no try is in doubt", async () => {
    const damaged = { ...store, commit: () => [Promise.reject(new DecodeError("damaged"))] };
    const commit = world.committer(damaged).commit(world.write(0, bytesOf(1)));
    await expect(world.ends(commit, 100)).rejects.toMatchObject({ code: "decode-failed" });
  });

  test("is over when the bucket is gone to which a try without an answer went", async () => {
    const errors = [
      new RecordsUnavailableError("no answer"),
      new RecordsRefusedError("gone", { causeCode: BUCKET_GONE }),
    ];
    const failing: Store = {
      ...store,
      head: () => Promise.reject(new RecordsUnavailableError("no answer")),
      commit: (writes) => writes.map(() => Promise.reject(errors.shift() ?? new Error("asked again"))),
    };
    const commit = world.committer(failing).commit(world.write(0, bytesOf(1)));
    await expect(world.ends(commit, 1_000)).rejects.toThrow("gone");
  });

  test("writes nothing while the node may not have effects, and goes on when it may", async () => {
    world.mayWrite = false;
    const write = committer.commit(world.write(0, bytesOf(1)));
    await world.clock.advance(5_000);
    expect([world.keys("state"), committer.outstanding]).toEqual([[], 1]);
    world.mayWrite = true;
    expect((await world.ends(write)).ok).toBe(true);
  });

  test("ends with an error when the node has ended before the outcome is known", async () => {
    world.fate = () => "lose-request";
    const write = committer.commit(world.write(0, bytesOf(1))).catch((error: unknown) => error);
    await world.clock.advance(100);
    world.hasEnded = true;
    expect(await world.ends(write)).toMatchObject({ code: "node-stopped" });
    expect(committer.outstanding).toBe(0);
  });

  test("sends the writes of one tick as one group", async () => {
    const sizes: number[] = [];
    const counting: Store = Object.create(store, {
      commit: {
        value: (writes: Parameters<Store["commit"]>[0]) => {
          sizes.push(writes.length);
          return store.commit(writes);
        },
      },
      head: { value: store.head.bind(store) },
    });
    const grouping = world.committer(counting);
    const names = ["a", "b", "c", "d"];
    await world.ends(Promise.all(names.map((name) => grouping.commit(world.write(0, bytesOf(1), { name })))));
    await world.ends(grouping.commit(world.write(0, bytesOf(1), { name: "e" })));
    expect(sizes).toEqual([4, 1]);
  });
});

describe("very many commits", () => {
  test("are on their way some at a time, also when none is answered, and all end", async () => {
    let underWay = 0;
    let most = 0;
    const counting: Store = Object.create(store, {
      commit: {
        value: (writes: Parameters<Store["commit"]>[0]) => {
          underWay += writes.length;
          most = Math.max(most, underWay);
          const outcomes = store.commit(writes);
          for (const outcome of outcomes)
            outcome.then(
              () => void underWay--,
              () => void underWay--,
            );
          return outcomes;
        },
      },
      head: { value: store.head.bind(store) },
    });
    const many = world.committer(counting);
    world.fate = (_operation, key) => (key.startsWith("state.") ? "lose-request" : "answer");
    const writes = Array.from({ length: 3_000 }, (_, i) => world.write(0, bytesOf(1), { name: `n${i}` }));
    const all = Promise.all(writes.map((write) => many.commit(write)));
    await world.clock.advance(4_000);
    expect([most, many.outstanding]).toEqual([512, 3_000]);
    world.fate = () => "answer";
    expect((await world.ends(all)).every(({ ok }) => ok)).toBe(true);
    expect([most, underWay, many.outstanding]).toEqual([512, 0, 0]);
  });
});

describe("a write of an entry that another has written meanwhile", () => {
  test("is refused", async () => {
    const first = await world.ends(committer.commit(world.write(0, bytesOf(1))));
    const revision = first.ok ? first.revision : 0;
    await world.ends(committer.commit(world.write(revision, bytesOf(2))));
    const late = await world.store("late", { recordBytesMax: 65_536 });
    const [outcome] = late.commit([world.write(revision, bytesOf(3))]);
    expect((await world.ends(outcome as Promise<{ ok: boolean }>)).ok).toBe(false);
    expect((await world.ends(store.load(KEY)))?.bytes).toEqual(bytesOf(2));
  });
});

describe("a long entry", () => {
  test("is as before when its writer died between the chunks and the head; the next write removes what is left", async () => {
    const first = await world.ends(committer.commit(world.write(0, bytesOf(100_000, 1))));
    const revision = first.ok ? first.revision : 0;
    world.fate = (operation, key, client) =>
      client === "doomed" && operation === "update" && key.startsWith("state.") ? "lose-request" : "answer";
    const doomed = await world.store("doomed");
    const [lost] = doomed.commit([world.write(revision, bytesOf(180_000, 2), { replacesBytes: 100_000 })]);
    expect(await world.ends((lost as Promise<unknown>).catch((error: unknown) => error))).toMatchObject({
      code: "records-unavailable",
    });
    expect((await world.ends(store.load(KEY)))?.bytes).toEqual(bytesOf(100_000, 1));
    expect(world.keys("chunks").length).toBe(2 + 4);
    const next = world.write(revision, bytesOf(120_000, 3), { replacesBytes: 100_000 });
    expect((await world.ends(committer.commit(next))).ok).toBe(true);
    await world.clock.advance(100);
    expect(world.keys("chunks").length).toBe(3);
    expect((await world.ends(store.load(KEY)))?.bytes).toEqual(bytesOf(120_000, 3));
  });

  test("that its writer left without a head goes with the next owner's first write, also of a short one", async () => {
    world.fate = (operation, key) =>
      operation === "create" && key.startsWith("state.") ? "lose-request" : "answer";
    const [lost] = store.commit([world.write(0, bytesOf(180_000))]);
    await world.ends((lost as Promise<unknown>).catch(() => undefined));
    world.fate = () => "answer";
    expect(world.keys("chunks").length).toBe(4);
    expect((await world.ends(committer.commit(world.write(0, bytesOf(5), { afterLoss: true })))).ok).toBe(
      true,
    );
    expect([...world.keys("chunks"), ...world.keys("chunksets")]).toEqual([]);
  });

  test("goes although the answer to the short one that replaces it was lost", async () => {
    const first = await world.ends(committer.commit(world.write(0, bytesOf(100_000))));
    once("update", "lose-answer");
    const short = world.write(first.ok ? first.revision : 0, bytesOf(5), { replacesBytes: 100_000 });
    expect((await world.ends(committer.commit(short))).ok).toBe(true);
    expect([...world.keys("chunks"), ...world.keys("chunksets")]).toEqual([]);
  });

  test("is as before when its writer dies in the middle", async () => {
    const first = await world.ends(committer.commit(world.write(0, bytesOf(100_000, 1))));
    const doomed = await world.store("doomed", { recordBytesMax: 65_536 });
    world.fate = (_operation, key, client) =>
      client === "doomed" && key.startsWith("chunks.") ? "lose-request" : "answer";
    const [lost] = doomed.commit([world.write(first.ok ? first.revision : 0, bytesOf(180_000, 2))]);
    await world.ends((lost as Promise<unknown>).catch(() => undefined));
    const found = await world.ends(store.load(KEY).catch((error: { code: string }) => error.code));
    expect(found).toMatchObject({ bytes: bytesOf(100_000, 1) });
  });

  test("leaves nothing when its write is refused", async () => {
    await world.ends(committer.commit(world.write(0, bytesOf(10))));
    expect(await world.ends(committer.commit(world.write(0, bytesOf(100_000))))).toEqual({ ok: false });
    expect(world.keys("chunks")).toEqual([]);
    expect((await world.ends(store.load(KEY)))?.bytes).toEqual(bytesOf(10));
  });

  test("takes its chunks along when it becomes short", async () => {
    const first = await world.ends(committer.commit(world.write(0, bytesOf(100_000))));
    const short = world.write(first.ok ? first.revision : 0, bytesOf(5), { replacesBytes: 100_000 });
    expect((await world.ends(committer.commit(short))).ok).toBe(true);
    await world.clock.advance(100);
    expect([...world.keys("chunks"), ...world.keys("chunksets")]).toEqual([]);
  });

  test("cannot be read when a chunk is missing or another's, and says so", async () => {
    await world.ends(committer.commit(world.write(0, bytesOf(100_000))));
    const [first = "", second = ""] = world.keys("chunks");
    const bucket = world.network.bucket("stored");
    const value = bucket.entry(second)?.value;
    bucket.write(second, bucket.entry(first)?.value, () => true);
    expect(await world.ends(store.load(KEY).catch((error: unknown) => error))).toMatchObject({
      code: "decode-failed",
    });
    bucket.write(second, value, () => true);
    expect((await world.ends(store.load(KEY)))?.bytes).toEqual(bytesOf(100_000));
    bucket.write(first, undefined, () => true);
    expect(await world.ends(store.load(KEY).catch((error: unknown) => error))).toMatchObject({
      code: "decode-failed",
    });
  });
});

describe("a mark of timers", () => {
  const MARK = "timers.cart.3.alice";

  test("stays when a former owner looks at it after the next owner has set timers", async () => {
    const first = await world.ends(committer.commit(world.write(0, bytesOf(1), { timers: true })));
    const records = await world.network.connect("former").records("stored");
    const { promise: frozen, resolve: goOn } = Promise.withResolvers<void>();
    let applied = false;
    const former = recordsStore({
      ...bound(records),
      update: async (key, value, revision) => {
        const outcome = await records.update(key, value, revision);
        if (key.startsWith("state.")) applied = true;
        return outcome;
      },
      get: async (key) => {
        if (applied) await frozen;
        return await records.get(key);
      },
    });
    const [ending] = former.commit([
      world.write(first.ok ? first.revision : 0, bytesOf(2), { hadTimers: true }),
    ]);
    await world.clock.advance(100);
    expect(applied).toBe(true);
    const head = await world.ends(store.head(KEY));
    await world.ends(committer.commit(world.write(head?.revision ?? 0, bytesOf(3), { timers: true })));
    goOn();
    expect((await world.ends(ending as Promise<{ ok: boolean }>)).ok).toBe(true);
    expect(await world.ends(store.timed("cart", new Set([3])))).toEqual([KEY]);
  });

  test("that its writer left without an entry goes with the next owner's first write", async () => {
    world.fate = (operation, key) =>
      operation === "create" && key.startsWith("state.") ? "lose-request" : "answer";
    const [lost] = store.commit([world.write(0, bytesOf(1), { timers: true })]);
    await world.ends((lost as Promise<unknown>).catch(() => undefined));
    world.fate = () => "answer";
    expect(world.keys("timers")).toEqual([MARK]);
    await world.ends(committer.commit(world.write(0, bytesOf(2), { afterLoss: true })));
    expect(world.keys("timers")).toEqual([]);
  });

  test("goes although the answer to the write without timers was lost", async () => {
    const first = await world.ends(committer.commit(world.write(0, bytesOf(1), { timers: true })));
    once("update", "lose-answer");
    const without = world.write(first.ok ? first.revision : 0, bytesOf(2), { hadTimers: true });
    expect((await world.ends(committer.commit(without))).ok).toBe(true);
    expect(world.keys("timers")).toEqual([]);
  });

  test("stays when a former owner's removal of it comes after the next owner has set timers", async () => {
    const first = await world.ends(committer.commit(world.write(0, bytesOf(1), { timers: true })));
    const before = world.network.bucket("stored").entry("timers.cart.3.alice")?.revision ?? 0;
    const cleared = world.write(first.ok ? first.revision : 0, bytesOf(2), { hadTimers: true });
    // the former owner has read the mark, and its removal is still under way
    world.fate = (operation, key) =>
      operation === "remove" && key.startsWith("timers.") ? "lose-request" : "answer";
    const second = await world.ends(committer.commit(cleared));
    world.fate = () => "answer";
    const again = world.write(second.ok ? second.revision : 0, bytesOf(3), { timers: true });
    await world.ends(committer.commit(again));
    const late = await world.network.connect("late").records("stored");
    expect(await world.ends(late.remove("timers.cart.3.alice", before))).toEqual({ ok: false });
    expect(await world.ends(store.timed("cart", new Set([3])))).toEqual([KEY]);
  });
});
