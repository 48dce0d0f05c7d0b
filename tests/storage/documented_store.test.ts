import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ConfigurationError, DecodeError, RecordsRefusedError } from "../../errors.ts";
import { DocumentedStore } from "../../storage/documented_store.ts";
import { recordsStore } from "../../storage/records/store.ts";
import type { Store } from "../../storage/store.ts";
import { StoredWorld } from "../support/stored_world.ts";
import { hostTally, Tally } from "../support/tally.ts";

const KEY = { kind: "cart", shard: 3, name: "alice" };
const WRITE = {
  ...{ ...KEY, revision: 0, nonce: "n", bytes: new Uint8Array([1]), epoch: 1 },
  ...{ replacesBytes: 0, timers: false, hadTimers: false },
};

/** A store whose every method does that, at once or later. */
function doing(what: () => never | Promise<never>): Store {
  const methods = ["load", "head", "remove", "timed", "highestEpoch", "label", "close"];
  const all = Object.fromEntries(methods.map((name) => [name, what]));
  return {
    bytesMax: 1_000,
    commit: (writes: readonly unknown[]) => writes.map(what),
    ...all,
  } as unknown as Store;
}

const CALLS: readonly ((store: Store) => Promise<unknown>)[] = [
  (store) => store.load(KEY),
  (store) => store.head(KEY),
  (store) => store.remove(KEY, 1),
  (store) => store.timed("cart", new Set([1])),
  (store) => store.highestEpoch("cart", 1),
  (store) => store.label?.("name") ?? Promise.resolve(),
  (store) => store.close(),
  (store) => Promise.all(store.commit([WRITE])),
];

const FOREIGN: readonly (readonly [string, () => never | Promise<never>])[] = [
  [
    "at once",
    () => {
      throw new TypeError("x is not a function");
    },
  ],
  ["later", () => Promise.reject(new TypeError("x is not a function"))],
];

describe("a store of somebody else", () => {
  test.each([...FOREIGN])("gives no answer when it throws %s what no store documents", async (_, what) => {
    const store = new DocumentedStore(doing(what));
    for (const call of CALLS) {
      const error = await call(store).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "records-unavailable", retryable: true, causeCode: "TypeError" });
    }
  });

  test("may throw what the port documents", async () => {
    for (const documented of [new DecodeError("damaged"), new RecordsRefusedError("full")]) {
      const store = new DocumentedStore(doing(() => Promise.reject(documented)));
      for (const call of CALLS) expect(await call(store).catch((thrown: unknown) => thrown)).toBe(documented);
    }
  });

  test("gives no answer about writes of which it tells nothing", async () => {
    const store = new DocumentedStore({ ...doing(() => Promise.reject(new Error())), commit: () => [] });
    const [outcome] = store.commit([WRITE]);
    expect(await outcome?.catch((thrown: unknown) => thrown)).toMatchObject({ code: "records-unavailable" });
  });
});

const ENTRY = { revision: 1, nonce: "n", bytes: new Uint8Array([1]) };
const NAMED = { kind: "cart", shard: 1, name: "alice" };

/** By call: what no store should give for it, and what one may. */
const GIVEN: Readonly<
  Record<string, { readonly bad: readonly unknown[]; readonly good: readonly unknown[] }>
> = {
  load: {
    bad: [null, 7, {}, { ...ENTRY, revision: 0 }, { ...ENTRY, nonce: 1 }, { ...ENTRY, bytes: [1] }],
    good: [undefined, ENTRY],
  },
  head: { bad: [null, "x", { nonce: "n" }, { revision: "1", nonce: "n" }], good: [undefined, ENTRY] },
  remove: {
    bad: [undefined, null, true, {}, { ok: 1 }, { ok: true }, { ok: true, revision: 1.5 }],
    good: [{ ok: false }, { ok: true, revision: 1 }],
  },
  timed: {
    bad: [
      ...[undefined, null, "alice", {}, new Set([NAMED]), [null], ["alice"], [{ ...NAMED, kind: "till" }]],
      ...[[{ ...NAMED, shard: "1" }], [NAMED, { ...NAMED, name: "" }], [{ ...NAMED, name: 7 }]],
    ],
    good: [[], [NAMED, { ...NAMED, shard: 2 }]],
  },
  highestEpoch: { bad: [undefined, null, "1", -1, 0.5, Number.NaN, 1n], good: [0, 7] },
  label: { bad: [null, 7, {}], good: [undefined, "id"] },
};

describe("a store that gives what is not of the shape", () => {
  for (const [name, { bad, good }] of Object.entries(GIVEN)) {
    const call = (given: unknown) => {
      const inner = { ...doing(() => Promise.resolve(given) as Promise<never>), commit: () => [] };
      const store = new DocumentedStore(inner) as unknown as Record<string, (...of: unknown[]) => unknown>;
      const ofCall: readonly unknown[] = name === "timed" ? ["cart", new Set([1])] : [KEY, 1];
      return Promise.resolve(store[name]?.(...ofCall)).catch((thrown: unknown) => thrown);
    };

    test(`has given no answer to ${name}()`, async () => {
      for (const given of bad)
        expect(await call(given)).toMatchObject({ code: "records-unavailable", causeCode: "malformed" });
      for (const given of good) expect(await call(given)).toBe(given);
    });
  }

  test("has given no answer to commit(), for the write alone that it concerns", async () => {
    const good = { ok: true, revision: 3 };
    const inner = doing(() => Promise.reject(new Error()));
    const given = [good, null, { ok: true, revision: 0 }, { ok: false }, 7];
    const store = new DocumentedStore({ ...inner, commit: () => given as unknown as Promise<typeof good>[] });
    const outcomes = store.commit(Array.from({ length: 6 }, () => WRITE));
    const ends = await Promise.all(outcomes.map((each) => each.catch(({ causeCode }) => causeCode)));
    expect(ends).toEqual([good, "malformed", "malformed", { ok: false }, "malformed", "malformed"]);
  });

  test("is not used when its bound is no length", () => {
    for (const bytesMax of [undefined, null, "16", 0, -1, Number.NaN]) {
      const store = { ...doing(() => Promise.reject(new Error())), bytesMax } as unknown as Store;
      expect(() => new DocumentedStore(store)).toThrow(ConfigurationError);
    }
    for (const bytesMax of [1, 16_777_216, Number.POSITIVE_INFINITY])
      expect(new DocumentedStore({ ...doing(() => Promise.reject(new Error())), bytesMax }).bytesMax).toBe(
        bytesMax,
      );
  });
});

describe("a node with a store that throws what it should not for a while", () => {
  let world: StoredWorld;
  beforeEach(() => {
    world = new StoredWorld();
  });
  afterEach(() => world.end());

  test("loses no stored timer, tells of it, and answers when the store does", async () => {
    const records = await world.cluster.network.connect("store").records("baton-test-stored");
    const inner = recordsStore(records);
    let broken = false;
    const mayThrow = <T extends (...given: never[]) => unknown>(method: T): T =>
      ((...given: never[]) => {
        if (broken) throw new TypeError("the driver is not connected");
        return method.apply(inner, given);
      }) as T;
    const store: Store = {
      bytesMax: inner.bytesMax,
      load: mayThrow(inner.load),
      head: mayThrow(inner.head),
      commit: mayThrow(inner.commit),
      remove: mayThrow(inner.remove),
      timed: mayThrow(inner.timed),
      highestEpoch: mayThrow(inner.highestEpoch),
      close: () => inner.close(),
    };
    const options = { store, hosts: [hostTally(world.steering)] };
    const a = await world.start("a", options);
    await world.cluster.settled("tally", "a");
    world.steering.run = (actor) => void actor.schedule("note", 5, { afterMs: 5_000 });
    for (let i = 0; i < 20; i++) await world.cluster.ends(a.ref(Tally, `x${i}`).run(0));
    const b = await world.start("b", options);
    broken = true;
    world.cluster.network.crash("a");
    await world.cluster.clock.advance(20_000);
    expect(world.cluster.seen("store-refused")[0]).toMatchObject({
      error: { code: "records-unavailable", causeCode: "TypeError" },
    });
    broken = false;
    const went = () => world.steering.log.filter((line) => line.endsWith(" note 5")).length;
    await world.cluster.until("all timers", () => went() >= 20);
    expect(await world.cluster.ends(b.ref(Tally, "x3").read())).toBe(5);
  });
});
