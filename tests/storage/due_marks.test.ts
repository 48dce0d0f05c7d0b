// When something is due, in a bucket whose writes are interrupted, and beside a former owner that is late.
import { describe, expect, test } from "bun:test";
import { RecordsUnavailableError } from "../../errors.ts";
import type { Store, StoreOutcome, StoreWrite } from "../../storage/store.ts";
import { bytesOf, KEY, StoreWorld } from "./support.ts";

async function times(store: Store): Promise<number[]> {
  const found = await store.due?.(KEY.kind, new Set([KEY.shard]), { after: undefined, limit: 100 });
  return (found ?? []).map(({ dueAt }) => dueAt);
}

function committing(store: Store, write: StoreWrite): Promise<StoreOutcome> {
  return store.commit([write])[0] as Promise<StoreOutcome>;
}

/** Of a write that may have been applied: what is stored says so. */
async function isApplied(store: Store, { nonce }: StoreWrite): Promise<boolean> {
  return (await store.head(KEY))?.nonce === nonce;
}

const TIMES = [undefined, 1_000, 2_000] as const;

describe("DueMarks", () => {
  for (const lost of ["request", "answer"] as const)
    test(`never misses the time that is true, wherever a write loses its ${lost}`, async () => {
      let interrupted = 0;
      for (const wasDueAt of TIMES)
        for (const dueAt of TIMES)
          for (let at = 1; at <= 6; at++) {
            const world = new StoreWorld();
            await world.ends(
              (async () => {
                const store = await world.store();
                const first = await committing(store, world.write(0, bytesOf(1), { dueAt: wasDueAt }));
                const revision = first.ok ? first.revision : 0;
                let left = at;
                world.fate = () => (--left === 0 ? (`lose-${lost}` as const) : "answer");
                const write = world.write(revision, bytesOf(2), { dueAt, wasDueAt });
                const outcome = await committing(store, write).catch((error) => {
                  expect(error).toBeInstanceOf(RecordsUnavailableError);
                  interrupted++;
                });
                world.fate = () => "answer";
                const isThere = await isApplied(store, write);
                if (outcome) expect(isThere).toBe(true);
                const isTrue = isThere ? dueAt : wasDueAt;
                if (isTrue !== undefined) expect(await times(store)).toContain(isTrue);
                const next = world.write((await store.head(KEY))?.revision ?? 0, bytesOf(3), {
                  ...{ dueAt: isTrue, wasDueAt: isTrue, afterLoss: true },
                });
                expect(await committing(store, next)).toMatchObject({ ok: true });
                expect(await times(store)).toEqual(isTrue === undefined ? [] : [isTrue]);
              })(),
              60_000,
            );
          }
      expect(interrupted).toBeGreaterThan(10);
    });

  test("keeps what the next owner notes while a former one tries a write again", async () => {
    const world = new StoreWorld();
    await world.ends(
      (async () => {
        const former = await world.store("former");
        const next = await world.store("next");
        const first = await committing(former, world.write(0, bytesOf(1), { dueAt: 1_000 }));
        const write = world.write(first.ok ? first.revision : 0, bytesOf(2), {
          dueAt: 5_000,
          wasDueAt: 1_000,
        });
        world.fate = (operation, key, client) => {
          const isHead = client === "former" && operation === "update" && key.startsWith("state.");
          return isHead ? "lose-answer" : "answer";
        };
        await expect(committing(former, write)).rejects.toThrow(RecordsUnavailableError);
        let again: Promise<StoreOutcome> | undefined;
        world.fate = (_, key, client) => {
          // the next owner has noted its time, and its entry is about to be written
          if (client === "next" && key.startsWith("state.")) again ??= committing(former, write);
          return "answer";
        };
        const head = { revision: (await former.head(KEY))?.revision ?? 0 };
        const follows = world.write(head.revision, bytesOf(3), { dueAt: 2_000, wasDueAt: 5_000 });
        await committing(next, follows);
        await again;
        expect(again).toBeDefined();
        expect(await times(next)).toContain(2_000);
      })(),
      60_000,
    );
  });

  test("costs nothing where the time does not change", async () => {
    const world = new StoreWorld();
    await world.ends(
      (async () => {
        const store = await world.store();
        const asked: string[] = [];
        world.fate = (operation, key) => {
          if (key.startsWith("due.")) asked.push(operation);
          return "answer";
        };
        const first = await committing(store, world.write(0, bytesOf(1)));
        const second = world.write(first.ok ? first.revision : 0, bytesOf(2));
        const after = await committing(store, second);
        expect(asked).toEqual([]);
        const due = { dueAt: 1_000, wasDueAt: 1_000 };
        await committing(store, world.write(after.ok ? after.revision : 0, bytesOf(3), due));
        expect(asked).toEqual([]);
      })(),
    );
  });
});
