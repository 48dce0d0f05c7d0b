import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { UnservedShards } from "../../delivery/unserved_shards.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

const EVERY_MS = 100;

describe("UnservedShards", () => {
  let clock: ManualClock;
  let waiting: { kind: string; shard: number }[];
  let read: string[];
  let unserved: UnservedShards;

  beforeEach(() => {
    clock = new ManualClock();
    waiting = [];
    read = [];
    unserved = new UnservedShards({
      clock,
      everyMs: EVERY_MS,
      waiting: () => waiting,
      read: (kind, shard) => void read.push(`${kind}/${shard}`),
    });
  });
  afterEach(() => unserved.stop());

  /** What one more look reads. */
  async function look(): Promise<string[]> {
    await clock.advance(EVERY_MS);
    return read.splice(0);
  }

  test("reads the record of one that is found twice in a row", async () => {
    waiting = [{ kind: "cart", shard: 3 }];
    expect(await look()).toEqual([]);
    expect(await look()).toEqual(["cart/3"]);
  });

  test("leaves one alone that has an owner again by the second look", async () => {
    waiting = [{ kind: "cart", shard: 3 }];
    await look();
    waiting = [{ kind: "cart", shard: 4 }];
    expect(await look()).toEqual([]);
    expect(await look()).toEqual(["cart/4"]);
  });

  test("reads again for as long as something waits", async () => {
    waiting = [{ kind: "cart", shard: 3 }];
    await look();
    expect([await look(), await look()]).toEqual([["cart/3"], ["cart/3"]]);
    waiting = [];
    expect(await look()).toEqual([]);
  });

  test("reads a bounded number at once, and each in its turn", async () => {
    waiting = Array.from({ length: 150 }, (_, shard) => ({ kind: "cart", shard }));
    await look();
    const looks = [await look(), await look(), await look()];
    expect(looks.map((each) => each.length)).toEqual([64, 64, 22]);
    expect(new Set(looks.flat()).size).toBe(150);
    expect((await look()).length).toBe(64);
  });

  test("reads nothing when it has been stopped", async () => {
    waiting = [{ kind: "cart", shard: 3 }];
    await look();
    unserved.stop();
    expect(await look()).toEqual([]);
  });
});
