import { describe, expect, test } from "bun:test";
import { ConfigurationError, RecordsUnavailableError } from "../../errors.ts";
import {
  identifyStore,
  markStore,
  type StoreIdentity,
  StoreLabels,
  WatchedStore,
} from "../../storage/identity.ts";
import { shardOf } from "../../cluster/placement/placement.ts";
import type { Store } from "../../storage/store.ts";
import { bytesOf, KEY, StoreWorld } from "./support.ts";

const till = { kind: "till", shards: 4, durability: "stored" } as const;
const NOTHING: StoreIdentity = { id: "s1", known: new Set() };

describe("identifyStore()", () => {
  test("gives an id once, and finds what was marked", async () => {
    const world = new StoreWorld();
    const stores = [await world.store("a"), await world.store("b")];
    const [one, two] = stores.map((store) => new StoreLabels(store)) as [StoreLabels, StoreLabels];
    const ids = Promise.all(
      [one, two].map((labels, i) => identifyStore(labels, "shop", [till], () => `id${i}`)),
    );
    const [first, second] = await world.ends(ids);
    expect(first?.id).toBe(second?.id);
    expect(first?.known.size).toBe(0);
    await world.ends(markStore(one, [till], shardOf));
    const again = await world.ends(identifyStore(two, "shop", [till], () => "id3"));
    expect([again.id, [...again.known]]).toEqual([first?.id, ["till"]]);
  });

  test("comes to an end although of three requests in a row one always gets no answer", async () => {
    const world = new StoreWorld();
    const [labels, mark] = [new StoreLabels(await world.store()), new StoreLabels(await world.store())];
    await world.ends(identifyStore(mark, "shop", [till], () => "id1"));
    await world.ends(markStore(mark, [till], shardOf));
    let requests = 0;
    world.fate = () => (++requests % 3 === 0 ? "lose-request" : "answer");
    let identity: StoreIdentity | undefined;
    for (let tries = 0; tries < 4 && !identity; tries++)
      identity = await world.ends(identifyStore(labels, "shop", [till], () => "id2").catch(() => undefined));
    expect(identity?.id).toBe("id1");
  });

  test("writes nothing on a store that it refuses, nor for kinds in memory", async () => {
    const world = new StoreWorld();
    const store = new StoreLabels(await world.store());
    const memory = { ...till, durability: "memory" } as const;
    expect((await world.ends(identifyStore(store, "shop", [memory], () => "id"))).id).toBeUndefined();
    expect(world.keys("labels")).toEqual([]);
    await world.ends(markStore(store, [till], shardOf));
    for (const kinds of [[memory], [{ ...till, shards: 8 }]])
      await expect(world.ends(identifyStore(store, "shop", kinds, () => "id"))).rejects.toThrow(
        ConfigurationError,
      );
    expect(world.keys("labels")).toEqual(["labels.shards.till"]);
  });
});

describe("WatchedStore", () => {
  test("lets nothing through before it was admitted, and asks until there is an answer", async () => {
    const world = new StoreWorld();
    let asked = 0;
    const watched = new WatchedStore(await world.store(), {
      looksAgain: true,
      admit: async () => {
        if (++asked < 3) throw new RecordsUnavailableError("no answer");
        return { ...NOTHING, id: undefined };
      },
    });
    const committer = world.committer(watched);
    const committing = committer.commit(world.write(0, bytesOf(3)));
    expect(world.keys("state")).toEqual([]);
    expect((await world.ends(committing)).ok).toBe(true);
    expect(asked).toBe(3);
  });

  test("refuses for ever when it was not admitted", async () => {
    const world = new StoreWorld();
    const watched = new WatchedStore(await world.store(), {
      looksAgain: true,
      admit: () => Promise.reject(new ConfigurationError("another store")),
    });
    const works: (() => Promise<unknown>)[] = [
      () => watched.load(KEY),
      () => watched.timed("cart", new Set([3])),
    ];
    for (const work of [...works, ...works])
      await expect(world.ends(work())).rejects.toThrow("another store");
    const [outcome] = watched.commit([world.write(0, bytesOf(1))]);
    await expect(world.ends(outcome as Promise<unknown>)).rejects.toMatchObject({ code: "records-refused" });
    expect(world.keys("state")).toEqual([]);
  });

  test("looks who it is when nothing is there, and when a write was refused", async () => {
    const world = new StoreWorld();
    const inner = await world.store();
    await world.ends(inner.label?.("id", "s1") ?? Promise.reject());
    const watched: Store = new WatchedStore(inner, {
      looksAgain: true,
      admit: () => Promise.reject(),
      identity: NOTHING,
    });
    expect(await world.ends(watched.load(KEY))).toBeUndefined();
    const [outcome] = await world.ends(Promise.all(watched.commit([world.write(0, bytesOf(1))])));
    expect(outcome?.ok).toBe(true);
    const bucket = world.network.bucket("stored");
    bucket.remove();
    bucket.made();
    await expect(world.ends(watched.load(KEY))).rejects.toThrow(
      /its id is none, and this node started with "s1"/,
    );
    await expect(world.ends(watched.head(KEY))).rejects.toMatchObject({ code: "records-refused" });
    await world.ends(inner.label?.("id", "s2") ?? Promise.reject());
    await expect(world.ends(watched.load(KEY))).rejects.toThrow(/its id is "s2"/);
  });

  test("takes no look that began before the question for an answer to it", async () => {
    const world = new StoreWorld();
    const inner = await world.store();
    await world.ends(inner.label?.("id", "s1") ?? Promise.reject());
    const looks: PromiseWithResolvers<string>[] = [];
    const slow: Store = {
      bytesMax: inner.bytesMax,
      load: (key) => inner.load(key),
      head: (key) => inner.head(key),
      commit: (writes) => inner.commit(writes),
      remove: (key, revision) => inner.remove(key, revision),
      timed: (kind, shards) => inner.timed(kind, shards),
      highestEpoch: (kind, shard) => inner.highestEpoch(kind, shard),
      close: () => inner.close(),
      label: () => {
        const look = Promise.withResolvers<string>();
        looks.push(look);
        return look.promise;
      },
    };
    const watched = new WatchedStore(slow, {
      looksAgain: true,
      admit: () => Promise.reject(),
      identity: NOTHING,
    });
    const early = watched.load(KEY);
    await world.clock.advance(100);
    const late = Promise.all([watched.load(KEY), watched.head(KEY)]);
    const refused = late.catch((error: { code: string }) => error.code);
    await world.clock.advance(100);
    looks[0]?.resolve("s1");
    expect(await world.ends(early)).toBeUndefined();
    await world.clock.advance(100);
    expect(looks.length).toBe(2);
    looks[1]?.resolve("s2");
    expect(await world.ends(refused)).toBe("records-refused");
  });
});
