// A bucket whose records must become shorter while entries are written and read.
import { describe, expect, test } from "bun:test";
import { TooLargeError } from "../../errors.ts";
import { bytesOf, KEY, StoreWorld } from "./support.ts";

const LONG = 150_000;

/** A store whose bound the test moves; the network refuses what is longer. */
async function bounded(world: StoreWorld) {
  const bound = { bytes: 65_536 };
  const store = await world.store("node", { recordBytesMax: () => bound.bytes });
  const lower = (bytes: number) => {
    bound.bytes = bytes;
    world.network.limitPayload(bytes);
  };
  return { store, lower };
}

function testIn(name: string, run: (world: StoreWorld) => Promise<void>): void {
  test(name, async () => {
    const world = new StoreWorld();
    await world.ends(run(world));
  });
}

describe("a bound of records that changes", () => {
  testIn(
    "cuts the next entry into shorter chunks, reads the longer ones, and leaves none of them behind",
    async (world) => {
      const { store, lower } = await bounded(world);
      const first = await store.commit([world.write(0, bytesOf(LONG, 1))])[0];
      expect(world.keys("chunks").length).toBe(3);
      lower(20_000);
      expect((await store.load(KEY))?.bytes).toEqual(bytesOf(LONG, 1));
      const second = world.write(first?.ok ? first.revision : -1, bytesOf(LONG, 2), { replacesBytes: LONG });
      expect(await store.commit([second])[0]).toMatchObject({ ok: true });
      expect((await store.load(KEY))?.bytes).toEqual(bytesOf(LONG, 2));
      expect(world.keys("chunks").length).toBe(Math.ceil(LONG / (20_000 - 8_192)));
    },
  );

  for (const length of [40_000, LONG])
    for (const isApplied of [false, true])
      testIn(
        `carries a write of ${length} bytes through that was tried before${isApplied ? ", and applied without an answer" : ""}`,
        async (world) => {
          const { store, lower } = await bounded(world);
          const committer = world.committer(store);
          let tries = 0;
          world.fate = (operation, key) => {
            if (!key.startsWith("state.") || operation === "get" || tries++ > 0) return "answer";
            lower(20_000);
            return isApplied ? "lose-answer" : "lose-request";
          };
          const outcome = await committer.commit(world.write(0, bytesOf(length, 3)));
          expect(outcome).toMatchObject({ ok: true });
          expect(tries).toBeGreaterThan(1);
          const entry = await store.load(KEY);
          expect(entry?.bytes).toEqual(bytesOf(length, 3));
          expect(entry?.revision).toBe(outcome.ok ? outcome.revision : -1);
          const revision = entry?.revision ?? -1;
          const next = world.write(revision, bytesOf(10), { replacesBytes: length });
          expect(await committer.commit(next)).toMatchObject({ ok: true });
          expect([world.keys("chunks"), world.keys("chunksets")]).toEqual([[], []]);
        },
      );

  testIn("that is noticed only by a refusal is the store's, and not its user's", async (world) => {
    const { store, lower } = await bounded(world);
    let isFirst = true;
    world.fate = (_, key) => {
      if (isFirst && key.startsWith("chunksets.")) {
        isFirst = false;
        lower(20_000); // between the cut and the chunks
      }
      return "answer";
    };
    expect(await store.commit([world.write(0, bytesOf(LONG, 4))])[0]).toMatchObject({ ok: true });
    expect((await store.load(KEY))?.bytes).toEqual(bytesOf(LONG, 4));
  });

  testIn("is told to whom it cannot be kept from: a name that is longer than a record", async (world) => {
    const { store, lower } = await bounded(world);
    lower(2_000);
    const write = { ...world.write(0, bytesOf(10)), name: "n".repeat(4_000) };
    await expect(store.commit([write])[0] as Promise<unknown>).rejects.toBeInstanceOf(TooLargeError);
  });
});
