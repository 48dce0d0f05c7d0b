import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  claimed,
  committed,
  mayClaim,
  type NextShard,
  parkedRecord,
  prepared,
  reclaimed,
  restored,
  struckOff,
} from "../../../cluster/ownership.ts";
import { raised, reinstated, upgraded } from "../../../cluster/records/shard_changes.ts";
import { LATE_MAX, shardFault } from "../../../cluster/records/schemas.ts";
import { id, shardRecord } from "../support.ts";

const manifest = { chunks: 1, bytes: 10, hash: "0".repeat(64), actors: 2, stateVersion: 1 };
const toB = shardRecord({ state: "moving", to: id("b"), moveId: "m" });
const toBucket = shardRecord({ state: "moving", to: "bucket", moveId: "m" });
const parked = shardRecord({ state: "parked", moveId: "m", parked: manifest });
const late = (name: string, node: string) => ({ name, at: id(node) });

test("every change hands on what the record keeps for newer releases, and nothing of it where there is nothing", () => {
  const keep = { pinned: "moon" };
  const owned = shardRecord({ late: [late("x", "a")] });
  const changes: readonly (readonly [NextShard, (record: NextShard) => NextShard])[] = [
    [owned, (record) => claimed(record, id("b"))],
    [owned, (record) => raised(record, 9)],
    [owned, (record) => reinstated(record, 9)],
    [owned, (record) => prepared(record, id("b"), "m")],
    [toB, (record) => committed(record, [late("y", "a")])],
    [toB, (record) => reclaimed(record)],
    [owned, (record) => upgraded(record, [late("y", "a")])],
    [toBucket, (record) => parkedRecord(record, manifest)],
    [parked, (record) => restored(record, id("b"))],
    [owned, (record) => struckOff(record, "x")],
  ];
  for (const [record, change] of changes) {
    expect(change({ ...record, keep }).keep).toEqual(keep);
    expect("keep" in change(record)).toBe(false);
  }
});

describe("upgraded()", () => {
  test("is a handover of the owner to itself: the epoch grows, the floor stays, and who is late is listed", () => {
    const owned = shardRecord({ epoch: 5, floor: 3, late: [late("x", "b")] });
    expect(upgraded(owned, [late("y", "a")])).toEqual({
      ...{ owner: owned.owner, epoch: 6, floor: 3, state: "owned" },
      late: [late("y", "a"), late("x", "b")],
    });
  });

  test("does not apply to a shard that moves or is parked", () => {
    for (const record of [toB, toBucket, parked])
      expect(() => upgraded(record)).toThrow(/Cannot upgrade a shard/);
  });
});

describe("claimed()", () => {
  test("starts at epoch 1 when nobody had the shard", () => {
    expect(claimed(undefined, id("a"))).toEqual({
      owner: id("a"),
      epoch: 1,
      floor: 1,
      state: "owned",
      late: [],
    });
  });

  test("raises the epoch and the floor with it when the former owner is over", () => {
    expect(claimed(shardRecord(), id("b"))).toMatchObject({
      owner: id("b"),
      epoch: 4,
      floor: 4,
      state: "owned",
    });
    expect(claimed(toB, id("c"))).not.toHaveProperty("to");
  });

  test("keeps late actors but those of nodes that are over when it lists some", () => {
    const record = shardRecord({ late: [late("x", "a"), late("y", "c")] });
    expect(claimed(record, id("b"), (of) => of.node === "a").late).toEqual([late("y", "c")]);
  });

  test("throws when the shard is parked", () => {
    expect(() => claimed(parked, id("b"))).toThrow('Cannot claim a shard: its record is "parked"');
  });
});

describe("mayClaim()", () => {
  const over =
    (...nodes: string[]) =>
    (of: { node: string }) =>
      nodes.includes(of.node);

  test("says yes when there is no record", () => {
    expect(mayClaim(undefined, id("b"), over())).toBe(true);
  });

  test("says yes only when the owner is over", () => {
    expect(mayClaim(shardRecord(), id("b"), over())).toBe(false);
    expect(mayClaim(shardRecord(), id("b"), over("a"))).toBe(true);
  });

  test("leaves a move to its other end when only one end is over", () => {
    expect(mayClaim(toB, id("c"), over("a"))).toBe(false);
    expect(mayClaim(toB, id("b"), over("a"))).toBe(true);
    expect(mayClaim(toB, id("c"), over("b"))).toBe(false);
    expect(mayClaim(toB, id("c"), over("a", "b"))).toBe(true);
    expect(mayClaim(toBucket, id("c"), over("a"))).toBe(true);
  });

  test("says no when the shard is parked", () => {
    expect(mayClaim(parked, id("b"), over("a"))).toBe(false);
  });
});

describe("prepared(), committed() and reclaimed()", () => {
  test("prepared() names the target and changes nothing else when the shard is owned", () => {
    const { nonce: _, ...owned } = shardRecord({ late: [late("x", "c")] });
    expect(prepared(owned, id("b"), "m")).toEqual({ ...owned, state: "moving", to: id("b"), moveId: "m" });
  });

  test("committed() raises the epoch and keeps the floor when the target has the shard", () => {
    const next = committed(toB);
    expect(next).toEqual({ owner: id("b"), epoch: 4, floor: 2, state: "owned", late: [] });
  });

  test("committed() keeps who was late before as they are when others become late", () => {
    const record = { ...toB, late: [late("x", "c")] };
    expect(committed(record, [late("y", "a"), late("x", "a")]).late).toEqual([
      late("y", "a"),
      late("x", "c"),
    ]);
  });

  test("committed() throws when there would be too many late actors", () => {
    const many = Array.from({ length: LATE_MAX + 1 }, (_, i) => late(`n${i}`, "a"));
    expect(() => committed(toB, many)).toThrow("late actors");
  });

  test("reclaimed() gives back the record before the move when the move fails", () => {
    const { nonce: _, ...owned } = shardRecord();
    expect(reclaimed(prepared(owned, id("b"), "m"))).toEqual(owned);
  });
});

describe("parkedRecord() and restored()", () => {
  test("carry the shard over with a raised epoch and the same floor when there was no heir", () => {
    const lying = parkedRecord(toBucket, manifest);
    expect(lying).toEqual({
      owner: id("a"),
      epoch: 3,
      floor: 2,
      state: "parked",
      moveId: "m",
      parked: manifest,
      late: [],
    });
    expect(restored(lying, id("b"))).toEqual({
      owner: id("b"),
      epoch: 4,
      floor: 2,
      state: "owned",
      late: [],
    });
  });
});

describe("struckOff()", () => {
  test("takes the named actors off and changes nothing else when they are listed", () => {
    const { nonce: _, ...record } = shardRecord({ late: [late("x", "a"), late("y", "b"), late("z", "a")] });
    expect(struckOff(record, "x", "z", "unknown")).toEqual({ ...record, late: [late("y", "b")] });
  });
});

describe("every change", () => {
  const steps: ((record: NextShard, i: number) => NextShard)[] = [
    (record, i) => claimed(record, id(`n${i}`)),
    (record, i) => prepared(record, id(`n${i}`), `m${i}`),
    (record, i) => prepared(record, "bucket", `m${i}`),
    (record, i) => committed(record, [late(`late${i}`, record.owner.node)]),
    (record) => reclaimed(record),
    (record) => parkedRecord(record, manifest),
    (record, i) => restored(record, id(`n${i}`)),
    (record, i) => struckOff(record, `late${i - 1}`),
  ];

  test("makes a valid record, never lowers epoch or floor, and raises the floor only by a claim when chained", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(steps.length - 1), { minLength: 20, maxLength: 60 }), (chosen) => {
        let record: NextShard = claimed(undefined, id("first"));
        chosen.forEach((which, i) => {
          let next: NextShard;
          try {
            next = (steps[which] as (typeof steps)[number])(record, i);
          } catch (error) {
            expect(error).toBeInstanceOf(TypeError);
            return;
          }
          expect(shardFault({ ...next, nonce: "n" })).toBe(undefined);
          expect(next.epoch - record.epoch).toBe(which === 0 || which === 3 || which === 6 ? 1 : 0);
          expect(next.floor).toBe(which === 0 ? next.epoch : record.floor);
          record = next;
        });
      }),
    );
  });
});
