import { describe, expect, test } from "bun:test";
import { judge } from "../../chaos/verdict/judge.ts";
import { Recording } from "../../chaos/verdict/recording.ts";
import { Witness } from "../../chaos/verdict/witness.ts";
import { type Mark, UNWRITTEN, Witnessed } from "../../chaos/verdict/witnessed.ts";
import { RecordsUnavailableError } from "../../errors.ts";
import type { BucketCondition, CasResult, RecordEntry, Records, Watch } from "../../transport/records.ts";
import { until } from "../support/conditions.ts";

/** Of which writes up to a number were acknowledged, one for each ten revisions. */
function written(count: number): Witnessed {
  const known = new Witnessed();
  for (let i = 1; i <= count; i++) {
    const value = known.next()?.value ?? 0;
    known.acknowledged({ value, revision: i * 10 });
  }
  return known;
}

describe("Witnessed", () => {
  test("writes each number once, over the revision of the write before", () => {
    const known = new Witnessed();
    expect(known.next()).toEqual({ value: 1, revision: 0 });
    known.acknowledged({ value: 1, revision: 7 });
    expect(known.next()).toEqual({ value: 2, revision: 7 });
    known.acknowledged({ value: 2, revision: 9 });
    expect(known.next()).toEqual({ value: 3, revision: 9 });
  });

  test("reads before it writes again when it does not know, and takes in what it reads", () => {
    const known = written(2);
    known.doubted();
    expect(known.next()).toBeUndefined();
    known.settled({ value: 3, revision: 34 });
    expect(known.next()).toEqual({ value: 3, revision: 34 });
    known.doubted();
    known.settled({ value: 2, revision: 20 }); // it did not come through
    expect(known.next()).toEqual({ value: 4, revision: 20 });
  });

  test("does not write over what may be a loss before the verdict", () => {
    for (const found of [{ value: 1, revision: 10 }, { value: 2, revision: 19 }, UNWRITTEN]) {
      const known = written(2);
      known.doubted();
      known.settled(found);
      expect(known.next()).toBeUndefined();
      known.settled({ value: 2, revision: 20 }); // that was a server that led no more
      expect(known.next()?.revision).toBe(20);
    }
  });

  test("has lost nothing if all is there, or more than was acknowledged", () => {
    for (const found of [
      { value: 3, revision: 30 },
      { value: 4, revision: 31 },
    ]) {
      expect(written(3).lacks(found)).toBe(false);
      expect(written(3).verdict(found)).toBe(0);
    }
    expect(new Witnessed().verdict(UNWRITTEN)).toBe(0);
  });

  const LOSSES: readonly (readonly [string, Mark, number])[] = [
    ["the last", { value: 2, revision: 20 }, 1],
    ["two", { value: 1, revision: 10 }, 2],
    ["everything", UNWRITTEN, 3],
    ["a revision, under a number that seems to be there", { value: 3, revision: 29 }, 1],
    ["a number, under a revision that was given out again", { value: 2, revision: 30 }, 1],
  ];
  test.each(LOSSES)("finds that %s was lost", (_what, found, lost) => {
    const known = written(3);
    expect(known.lacks(found)).toBe(true);
    expect(known.verdict(found)).toBe(lost);
  });

  test("tells each loss once, and goes on from what is there", () => {
    const known = written(3);
    expect(known.verdict({ value: 1, revision: 10 })).toBe(2);
    expect(known.verdict({ value: 1, revision: 10 })).toBe(0);
    expect(known.next()).toEqual({ value: 4, revision: 10 });
  });

  test("still misses after a verdict what was there at it", () => {
    const known = written(3);
    expect(known.verdict({ value: 3, revision: 30 })).toBe(0);
    expect(known.verdict({ value: 2, revision: 20 })).toBe(1);
  });

  test("goes on after a verdict though it was in doubt", () => {
    const known = written(1);
    known.next();
    known.doubted();
    expect(known.verdict({ value: 2, revision: 11 })).toBe(0);
    expect(known.next()).toEqual({ value: 3, revision: 11 });
  });
});

/** A bucket that can be set back to what it was, as servers that forget. */
class Forgetful implements Records {
  entries = new Map<string, RecordEntry>();
  revision = 0;
  /** Writes that were acknowledged. */
  acknowledged = 0;
  isThere = true;
  /** Applied, and not answered, or answered late from what was kept. */
  mute = false;
  stale: ReadonlyMap<string, RecordEntry> | undefined;
  reads = 0;

  create(key: string, value: Uint8Array): Promise<CasResult> {
    return this.update(key, value, 0);
  }

  async update(key: string, value: Uint8Array, revision: number): Promise<CasResult> {
    if ((this.entries.get(key)?.revision ?? 0) !== revision) return { ok: false };
    this.entries.set(key, { key, value, revision: ++this.revision });
    this.#answer(key);
    this.acknowledged++;
    return { ok: true, revision: this.revision };
  }

  async get(key: string): Promise<RecordEntry | undefined> {
    this.reads++;
    this.#answer(key);
    return (this.stale ?? this.entries).get(key);
  }

  async condition(): Promise<BucketCondition> {
    if (this.mute) throw new RecordsUnavailableError("Cannot find the bucket: no answer");
    return { is: this.isThere ? "same" : "gone" };
  }

  remove(): Promise<CasResult> {
    throw new Error("nobody removes");
  }

  keys(): Promise<readonly string[]> {
    throw new Error("nobody lists");
  }

  watch(): Promise<Watch> {
    throw new Error("nobody watches");
  }

  #answer(key: string): void {
    if (this.mute || !this.isThere) throw new RecordsUnavailableError(`Cannot reach "${key}": no answer`);
  }
}

/** Runs the story over a witness whose keys have all been written, and ends it. */
async function witnessed(
  story: (witness: Witness, records: Forgetful) => Promise<void>,
  confirmMs = 30,
): Promise<void> {
  const records = new Forgetful();
  const witness = new Witness({ records, pauseMs: 1, confirmMs, answerMs: 30 });
  try {
    await grows(witness);
    await story(witness, records);
  } finally {
    await witness.stop();
  }
}

/** Every key is written once more. */
async function grows(witness: Witness): Promise<void> {
  const before = witness.last;
  const all = () => witness.last.every(({ value }, i) => value > (before[i]?.value ?? 0));
  await until("a further write of each key", all);
}

describe("Witness", () => {
  test("misses nothing where nothing is lost, and goes on writing", () =>
    witnessed(async (witness) => {
      expect(await witness.testify()).toEqual({ lost: 0, whats: [] });
      await grows(witness);
      expect(await witness.testify()).toEqual({ lost: 0, whats: [] });
    }, 600_000));

  test("finds writes that the servers forgot, though its own go on meanwhile; and tells of them once", () =>
    witnessed(async (witness, records) => {
      const { entries, revision, acknowledged } = records;
      const kept = new Map(entries);
      await grows(witness);
      records.entries = kept;
      const forgotten = records.acknowledged - acknowledged;
      records.revision = revision;
      const { reads } = records;
      await until("the witness to look at its keys again", () => records.reads > reads + 10);
      const { lost, whats } = await witness.testify();
      expect(lost).toBe(forgotten);
      expect(whats).toHaveLength(5);
      expect(whats[0]).toMatch(/^the servers lost \d+ acknowledged writes: key a holds \d+ at revision \d+/);
      await grows(witness);
      expect(await witness.testify()).toEqual({ lost: 0, whats: [] });
    }));

  test("finds a bucket that is gone", () =>
    witnessed(async (witness, records) => {
      records.isThere = false;
      const { lost, whats } = await witness.testify();
      expect(lost).toBeGreaterThanOrEqual(5);
      expect(whats).toHaveLength(5);
    }));

  test("settles by reading what was applied and not answered", () =>
    witnessed(async (witness, records) => {
      records.mute = true;
      const { revision } = records;
      await until("a write without an answer", () => records.revision > revision);
      records.mute = false;
      await grows(witness);
      expect(await witness.testify()).toEqual({ lost: 0, whats: [] });
    }));

  test("is patient with a server that does not know yet that it leads no more", () =>
    witnessed(async (witness, records) => {
      records.stale = new Map();
      const { reads } = records;
      const verdict = witness.testify();
      await until("every key to be read", () => records.reads >= reads + 5);
      records.stale = undefined;
      expect(await verdict).toEqual({ lost: 0, whats: [] });
    }));

  test("says of servers that do not answer that it could not read, not that they lost anything", () =>
    witnessed(async (witness, records) => {
      records.mute = true;
      const { lost, whats } = await witness.testify();
      expect(lost).toBe(0);
      expect(whats).toHaveLength(5);
      expect(whats[0]).toContain("nobody answered for key a");
      records.mute = false;
      await grows(witness);
    }));
});

test("what the servers lost makes a run fail, by a kind of its own", () => {
  const recording = new Recording(() => 0);
  expect(judge(recording).violations).toEqual([]);
  recording.storeFaults.push("the servers lost 2 acknowledged writes");
  expect(judge(recording).violations.map(({ promise }) => promise)).toEqual(["store"]);
});
