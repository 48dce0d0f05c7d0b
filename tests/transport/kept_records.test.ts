import { beforeEach, describe, expect, test } from "bun:test";
import { PermissionError, RecordsUnavailableError } from "../../errors.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { type BucketCare, type KeptRecords, openKeptRecords } from "../../transport/kept_records.ts";
import { MemoryNetwork } from "../../transport/memory/network.ts";
import type { MemoryBucket } from "../../transport/memory/bucket.ts";
import type { RecordFate } from "../../transport/memory/records.ts";
import type { BucketCondition, Records, WatchOptions } from "../../transport/records.ts";

const VALUE = Uint8Array.of(1);

let clock: ManualClock;
let network: MemoryNetwork;
let fate: RecordFate;
let unfit: string | undefined;
/** The server does not show the bucket yet: it was just started. */
let hidden: boolean;
let denied: Error | undefined;
let troubles: (string | undefined)[];
let failures: unknown[];
let watched: (WatchOptions | undefined)[];

beforeEach(() => {
  clock = new ManualClock();
  hidden = false;
  [fate, unfit, denied, troubles, failures, watched] = ["answer", undefined, undefined, [], [], []];
  network = new MemoryNetwork({ clock, recordFilter: () => fate, casTimeoutMs: 100 });
});

function bucket(): MemoryBucket {
  return network.bucket("b");
}

/** Records of a bucket whose settings a test may change. */
function changeable(records: Records): Records {
  return {
    create: (key, value) => records.create(key, value),
    update: (key, value, revision) => records.update(key, value, revision),
    remove: (key, revision) => records.remove(key, revision),
    get: async (key) => {
      if (hidden) throw new RecordsUnavailableError("Cannot get it: stream not found");
      return await records.get(key);
    },
    keys: (prefix) => records.keys(prefix),
    watch: (prefix, onEntry, options) => {
      watched.push(options);
      return records.watch(prefix, onEntry, options);
    },
    condition: async (): Promise<BucketCondition> => {
      const condition = await records.condition();
      return hidden ? { is: "gone" } : { ...condition, unfit };
    },
  };
}

async function open(care: BucketCare): Promise<KeptRecords> {
  const connection = network.connect("a");
  return await openKeptRecords({
    ...{ bucket: "b", care, clock },
    open: async () => {
      if (denied) throw denied;
      return changeable(await connection.records("b"));
    },
    onFailure: (error) => void failures.push(error),
    onTrouble: (reason) => void troubles.push(reason),
  });
}

/** Runs time until it ends: its value, or the code of what it threw. */
async function ends(promise: Promise<unknown>): Promise<unknown> {
  let end: unknown;
  promise.then(
    (value) => (end = value ?? "nothing"),
    (error: { code: string }) => (end = error.code),
  );
  for (let ms = 0; ms < 5_000 && end === undefined; ms += 10) await clock.advance(10);
  return end;
}

async function codeAgainAndAgain(work: () => Promise<unknown>, until: unknown): Promise<number> {
  const startedAt = clock.now();
  while ((await ends(work())) !== until) {
    if (clock.now() - startedAt > 20_000)
      throw new Error(`expected ${String(until)} within 20 s; seen: none`);
    await clock.advance(50);
  }
  return clock.now() - startedAt;
}

describe("a bucket that may be made again", () => {
  test("is made again when it was removed, though not at once, and its user is told", async () => {
    const records = await open("make-again");
    await ends(records.create("k.a", VALUE));
    bucket().remove();
    expect(await ends(records.create("k.b", VALUE))).toBe("records-unavailable");
    expect([bucket().isThere, troubles]).toEqual([false, []]);
    const tookMs = await codeAgainAndAgain(async () => (await records.create("k.b", VALUE)).ok, true);
    expect(tookMs).toBeGreaterThan(1_500);
    expect(await ends(records.get("k.b"))).toMatchObject({ value: VALUE });
    expect(await ends(records.get("k.a"))).toBe("nothing");
    expect(troubles).toEqual([expect.stringContaining('"b" is gone: somebody has removed it'), undefined]);
  });

  test("says no as long as it must not be made", async () => {
    const records = await open("make-again");
    bucket().remove();
    denied = new PermissionError("Cannot make it");
    await codeAgainAndAgain(() => records.get("k.a"), "records-refused");
    expect(troubles).toEqual([expect.stringContaining("somebody has removed it. Cannot make it")]);
    denied = undefined;
    await codeAgainAndAgain(() => records.get("k.a"), "nothing");
    expect(troubles.at(-1)).toBeUndefined();
  });

  test("is not, while the store does not answer", async () => {
    const records = await open("make-again");
    fate = "lose-request";
    for (let i = 0; i < 50; i++) expect(await ends(records.get("k.a"))).toBe("records-unavailable");
    expect(troubles).toEqual([]);
    fate = "answer";
    expect(await ends(records.get("k.a"))).toBe("nothing");
  });

  test("is opened when somebody else has made it anew, also if nobody asks anything of it", async () => {
    const records = await open("make-again");
    bucket().remove();
    bucket().made();
    await ends(records.look());
    expect(troubles).toEqual([expect.stringContaining('"b" is another one'), undefined]);
    expect(await ends(records.condition())).toMatchObject({ is: "same" });
  });
});

describe("a bucket that is looked after", () => {
  test("is watched as its user means it", async () => {
    const records = await open("refuse");
    await ends(records.watch("k", () => {}, { once: true }));
    expect(watched).toEqual([{ once: true }]);
  });
});

describe("a bucket that must not seem empty", () => {
  for (const anew of [false, true]) {
    test(`says no when it was removed${anew ? " and made anew" : ""}, to readings as well`, async () => {
      const records = await open("refuse");
      await ends(records.create("k.a", VALUE));
      bucket().remove();
      if (anew) bucket().made();
      await ends(records.look());
      if (!anew) await clock.advance(2_000);
      await ends(records.look());
      expect(await ends(records.get("k.a"))).toBe("records-refused");
      expect(await ends(records.update("k.a", VALUE, 1))).toBe("records-refused");
      expect(await ends(records.create("k.b", VALUE))).toBe("records-refused");
      expect(bucket().entries()).toEqual([]);
      expect(troubles).toEqual([expect.stringContaining(anew ? "is another one" : "is gone")]);
      expect(failures.length).toBe(3);
    });
  }

  test("says no when it was missing for two seconds, by failures alone when nobody has looked before", async () => {
    const records = await open("refuse");
    bucket().remove();
    expect(await ends(records.update("k.a", VALUE, 1))).toBe("records-unavailable");
    const tookMs = await codeAgainAndAgain(() => records.update("k.a", VALUE, 1), "records-refused");
    expect(tookMs).toBeGreaterThan(1_500);
    expect(troubles.length).toBe(1);
  });

  test("that a server does not show at once is waited for: nothing is refused, and nothing that is not found is confirmed", async () => {
    const records = await open("refuse");
    await ends(records.create("k.a", VALUE));
    hidden = true;
    for (let ms = 0; ms < 1_900; ms += 100) {
      expect(await ends(records.get("k.a"))).toBe("records-unavailable");
      expect(await ends(records.confirm("k.b"))).toBe("records-unavailable");
      await clock.advance(100 - (clock.now() % 100));
    }
    hidden = false;
    expect(await ends(records.get("k.a"))).toMatchObject({ value: VALUE });
    expect(await ends(records.confirm("k.b"))).toBe("nothing");
    expect(troubles).toEqual([]);
  });

  test("is missing from the first look on that follows an answer or a silence", async () => {
    const records = await open("refuse");
    for (const between of ["shown", "silent"]) {
      hidden = true;
      await ends(records.look());
      await clock.advance(1_500);
      if (between === "shown") hidden = false;
      else fate = "lose-request";
      await ends(records.look());
      [hidden, fate] = [true, "answer"];
      await clock.advance(1_500);
      expect(await ends(records.confirm("k.a"))).toBe("records-unavailable");
      hidden = false;
      await ends(records.look());
    }
    expect(troubles).toEqual([]);
  });

  test("confirms what was not found only while it is the one that was opened", async () => {
    const records = await open("refuse");
    expect(await ends(Promise.all([records.confirm("k.a"), records.confirm("k.b")]))).toEqual([
      undefined,
      undefined,
    ]);
    bucket().remove();
    bucket().made();
    expect(await ends(records.get("k.a"))).toBe("nothing");
    expect(await ends(records.confirm("k.a"))).toBe("records-refused");
    fate = "lose-request";
    expect(await ends((await open("refuse")).confirm("k.a"))).toBe("records-unavailable");
  });

  test("a look that began before is no confirmation", async () => {
    const records = await open("refuse");
    const early = records.look();
    const late = ends(records.confirm("k.a"));
    bucket().remove();
    bucket().made();
    await ends(early);
    expect(await late).toBe("records-refused");
  });

  test("is not written any more while its settings may lose records, and is when they are mended", async () => {
    const records = await open("refuse");
    await ends(records.create("k.a", VALUE));
    unfit = "an age of at most 60 s";
    await ends(records.look());
    expect(await ends(records.update("k.a", VALUE, 1))).toBe("records-refused");
    expect(await ends(records.get("k.a"))).toMatchObject({ value: VALUE });
    unfit = undefined;
    await codeAgainAndAgain(async () => (await records.update("k.a", VALUE, 1)).ok, true);
    expect(troubles).toEqual(['the bucket "b" has an age of at most 60 s', undefined]);
  });
});

describe("a bucket that somebody else watches over", () => {
  test("is not made again, and is told of once for each change of its settings", async () => {
    const records = await open("tell");
    unfit = "no_ack";
    await ends(records.look());
    await ends(records.look());
    expect((await ends(records.create("k.a", VALUE))) as object).toMatchObject({ ok: true });
    bucket().remove();
    unfit = undefined;
    for (let i = 0; i < 30; i++) await ends(records.get("k.a"));
    await ends(records.look());
    expect([bucket().isThere, troubles]).toEqual([false, ['the bucket "b" has no_ack', undefined]]);
  });
});
