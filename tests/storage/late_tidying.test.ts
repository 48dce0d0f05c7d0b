// What a former owner tidies away late, when the next one has long been writing.
import { describe, expect, test } from "bun:test";
import { RecordsUnavailableError } from "../../errors.ts";
import { recordsStore } from "../../storage/records/store.ts";
import type { Store } from "../../storage/store.ts";
import type { BucketCondition, CasResult, RecordEntry, Records, Watch } from "../../transport/records.ts";
import { bytesOf, KEY, StoreWorld } from "./support.ts";

const OPTIONS = { recordBytesMax: 65_536 };
const LONG = 150_000;

/** Records on whose answers a test decides. */
class Held implements Records {
  readonly #records: Records;
  /** Called when a write was applied, before its answer is given. It may throw instead. */
  onWritten: (key: string) => Promise<void> = () => Promise.resolve();

  constructor(records: Records) {
    this.#records = records;
  }
  create(key: string, value: Uint8Array): Promise<CasResult> {
    return this.#told(key, this.#records.create(key, value));
  }
  update(key: string, value: Uint8Array, revision: number): Promise<CasResult> {
    return this.#told(key, this.#records.update(key, value, revision));
  }
  remove(key: string, revision?: number): Promise<CasResult> {
    return this.#told(key, this.#records.remove(key, revision));
  }
  get(key: string): Promise<RecordEntry | undefined> {
    return this.#records.get(key);
  }
  keys(prefix: string): Promise<readonly string[]> {
    return this.#records.keys(prefix);
  }
  condition(): Promise<BucketCondition> {
    return this.#records.condition();
  }
  watch(prefix: string, onEntry: (entry: RecordEntry) => void): Promise<Watch> {
    return this.#records.watch(prefix, onEntry);
  }
  async #told(key: string, writing: Promise<CasResult>): Promise<CasResult> {
    const result = await writing;
    if (result.ok) await this.onWritten(key);
    return result;
  }
}

/** Two owners of one actor, the former with an entry of that length; what it does can be held up. */
async function owners(world: StoreWorld, length: number, timers = false) {
  const held = new Held(await world.network.connect("former").records("stored"));
  const former = recordsStore(held, OPTIONS);
  const next = await world.store("next");
  const first = world.write(0, bytesOf(length, 1), { timers });
  const outcome = await former.commit([first])[0];
  if (!outcome?.ok) throw new Error("expected the first entry to be written; seen: a refusal");
  return { held, former, next, revision: outcome.revision };
}

/** Once, as soon as the former owner's head is written or removed. */
function atHead(held: Held, run: () => Promise<void>): void {
  held.onWritten = async (key) => {
    if (!key.startsWith("state.")) return;
    held.onWritten = () => Promise.resolve();
    await run();
  };
}

/** A test within virtual time, which runs until it ends. */
function testIn(name: string, run: (world: StoreWorld) => Promise<void>): void {
  test(name, async () => {
    const world = new StoreWorld();
    await world.ends(run(world));
  });
}

async function loaded(store: Store): Promise<Uint8Array | undefined> {
  return (await store.load(KEY))?.bytes;
}

describe("what a former owner tidies away late", () => {
  for (const [how, length] of [
    ["long", LONG],
    ["short", 10],
  ] as const) {
    testIn(`is nothing of the next one's entry, when its own was ${how}`, async (world) => {
      const { held, former, next, revision } = await owners(world, LONG);
      atHead(held, async () => {
        const now = await next.head(KEY);
        const write = world.write(now?.revision ?? 0, bytesOf(LONG, 3), { replacesBytes: length });
        expect(await next.commit([write])[0]).toMatchObject({ ok: true });
      });
      await former.commit([world.write(revision, bytesOf(length, 2), { replacesBytes: LONG })])[0];
      expect(await loaded(next)).toEqual(bytesOf(LONG, 3));
    });
  }

  testIn("is nothing of an entry that was written after it had removed its own", async (world) => {
    const { held, former, next, revision } = await owners(world, LONG);
    atHead(held, async () => {
      expect(await next.commit([world.write(0, bytesOf(LONG, 3))])[0]).toMatchObject({ ok: true });
    });
    expect(await former.remove(KEY, revision)).toMatchObject({ ok: true });
    expect(await loaded(next)).toEqual(bytesOf(LONG, 3));
  });

  testIn(
    "is nothing of an entry that is being written when a write without an answer is tried again",
    async (world) => {
      const { held, former, next, revision } = await owners(world, LONG);
      const write = world.write(revision, bytesOf(LONG, 2), { replacesBytes: LONG });
      atHead(held, () => Promise.reject(new RecordsUnavailableError("Cannot tell: no answer")));
      await expect(former.commit([write])[0] as Promise<unknown>).rejects.toThrow(RecordsUnavailableError);
      const nextHeld = new Held(await world.network.connect("third").records("stored"));
      const third = recordsStore(nextHeld, OPTIONS);
      let again: Promise<unknown> | undefined;
      nextHeld.onWritten = async (key) => {
        if (!key.endsWith(".2")) return; // its last chunk is there, and its head is not
        nextHeld.onWritten = () => Promise.resolve();
        again = former.commit([write])[0];
        expect(await again).toMatchObject({ ok: true });
      };
      const head = await next.head(KEY);
      const follows = world.write(head?.revision ?? 0, bytesOf(LONG, 3), { replacesBytes: LONG });
      expect(await third.commit([follows])[0]).toMatchObject({ ok: true });
      expect(again).toBeDefined();
      expect(await loaded(next)).toEqual(bytesOf(LONG, 3));
    },
  );

  testIn("is no mark of timers that the next one is just setting", async (world) => {
    const { held, former, next, revision } = await owners(world, 10, true);
    const write = world.write(revision, bytesOf(10, 2), { hadTimers: true });
    atHead(held, () => Promise.reject(new RecordsUnavailableError("Cannot tell: no answer")));
    await expect(former.commit([write])[0] as Promise<unknown>).rejects.toThrow(RecordsUnavailableError);
    const nextHeld = new Held(await world.network.connect("third").records("stored"));
    const third = recordsStore(nextHeld, OPTIONS);
    let again: unknown;
    nextHeld.onWritten = async (key) => {
      if (!key.startsWith("timers.")) return;
      nextHeld.onWritten = () => Promise.resolve();
      again = await former.commit([write])[0];
    };
    const head = await next.head(KEY);
    const follows = world.write(head?.revision ?? 0, bytesOf(10, 3), { timers: true });
    expect(await third.commit([follows])[0]).toMatchObject({ ok: true });
    expect(again).toMatchObject({ ok: true });
    expect(await next.timed(KEY.kind, new Set([KEY.shard]))).toEqual([KEY]);
  });

  testIn("is what it had replaced, and its list, when nobody disturbs it", async (world) => {
    const { former, revision } = await owners(world, LONG);
    const second = world.write(revision, bytesOf(LONG, 2), { replacesBytes: LONG });
    const outcome = await former.commit([second])[0];
    expect(world.keys("chunks").every((key) => key.includes(second.nonce))).toBe(true);
    const over = outcome?.ok ? outcome.revision : 0;
    await former.commit([world.write(over, bytesOf(10), { replacesBytes: LONG })])[0];
    expect([world.keys("chunks"), world.keys("chunksets")]).toEqual([[], []]);
  });
});
