import { describe, expect, test } from "bun:test";
import {
  HEARD_MAX,
  incarnationAfter,
  incarnationCount,
  LATE_MAX,
  type LateActor,
  recordCodec,
  sameNode,
} from "../../../cluster/records/schemas.ts";
import { DecodeError } from "../../../errors.ts";
import { createCodec } from "../../../codec/codec.ts";
import { id, nodeRecord, shardRecord } from "../support.ts";

const codec = recordCodec();
const values = createCodec();
const manifest = { chunks: 1, bytes: 10, hash: "0".repeat(64), actors: 2, stateVersion: 1 };

describe("recordCodec()", () => {
  test("decodeNode() gives back the record and drops unknown fields when a newer node wrote it", () => {
    const record = nodeRecord(id("a"));
    expect(codec.decodeNode(values.encode({ ...record, later: 1 }))).toEqual(record);
    expect(codec.decodeNode(codec.encodeNode(record))).toEqual(record);
  });

  test("decodeNode() gives back whom one that has gone has heard, and refuses more than may be told", () => {
    const heard = (count: number) => Array.from({ length: count }, (_, i) => ({ ...id(`n${i}`), agoMs: i }));
    const gone = (count: number) => ({ ...nodeRecord(id("a"), "gone"), heard: heard(count) });
    expect(codec.decodeNode(codec.encodeNode(gone(HEARD_MAX)))).toEqual(gone(HEARD_MAX));
    expect(() => codec.decodeNode(codec.encodeNode(gone(HEARD_MAX + 1)))).toThrow(DecodeError);
  });

  test("decodeShard() gives back the record when it is owned, moving or parked", () => {
    const late = [
      { name: "x", at: id("a") },
      { name: "y", at: id("a") },
      { name: "z", at: id("b") },
      { name: "ü*.>", at: id("a") },
    ];
    for (const record of [
      shardRecord({ late }),
      shardRecord({ state: "moving", to: id("b"), moveId: "m" }),
      shardRecord({ state: "moving", to: "bucket", moveId: "m" }),
      shardRecord({ state: "parked", moveId: "m", parked: manifest }),
    ]) {
      expect(codec.decodeShard(codec.encodeShard(record))).toEqual(record);
    }
  });

  test("decodeShard() and decodeKind() keep what is to survive each change, within bounds, and drop other unknown fields", () => {
    const keep = { pinned: "moon", ü: "" };
    const record = shardRecord({ keep });
    expect(codec.decodeShard(values.encode({ ...record, late: [], later: { a: 1 } }))).toEqual(record);
    const kind = { kind: "cart", shards: 4, keep, nonce: "n" };
    expect(codec.decodeKind(values.encode({ ...kind, later: 1 }))).toEqual(kind);
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`k${i}`, ""]));
    for (const bad of [{ a: 1 }, { "": "x" }, { a: "x".repeat(1_025) }, many, ["a"]])
      expect(() => codec.decodeShard(values.encode({ ...record, keep: bad }))).toThrow(DecodeError);
  });

  test("decodeShard() takes the most late actors in less than half a megabyte when their names are short", () => {
    const late: LateActor[] = Array.from({ length: LATE_MAX }, (_, i) => ({
      name: `actor-${i}`,
      at: id("a"),
    }));
    const bytes = codec.encodeShard(shardRecord({ late }));
    expect(bytes.length).toBeLessThan(500_000);
    expect(codec.decodeShard(bytes).late.length).toBe(LATE_MAX);
  });

  test("decodeShard() refuses when fields contradict one another", () => {
    for (const wrong of [
      shardRecord({ epoch: 2, floor: 3 }),
      shardRecord({ to: id("b") }),
      shardRecord({ moveId: "m" }),
      shardRecord({ state: "moving", to: id("b") }),
      shardRecord({ state: "moving", moveId: "m" }),
      shardRecord({ state: "parked", moveId: "m" }),
      shardRecord({ parked: manifest }),
      shardRecord({
        late: [
          { name: "x", at: id("a") },
          { name: "x", at: id("b") },
        ],
      }),
      shardRecord({ epoch: 0, floor: 0 }),
      shardRecord({ owner: { node: "a", incarnation: "none" } }),
    ]) {
      expect(() => codec.decodeShard(codec.encodeShard(wrong))).toThrow(DecodeError);
    }
  });

  test("each decoder throws DecodeError when given something else", () => {
    for (const value of [undefined, null, 1, "x", [], {}, { kind: "k", shards: 3, nonce: "n" }]) {
      const bytes = values.encode(value);
      for (const decode of [codec.decodeNode, codec.decodeKind, codec.decodeShard, codec.decodeGeneration]) {
        expect(() => decode(bytes)).toThrow(DecodeError);
      }
    }
    expect(() => codec.decodeNode(new Uint8Array([0xff, 0x00]))).toThrow(DecodeError);
  });
});

describe("incarnationAfter()", () => {
  test("counts one more than the former when there is one", () => {
    expect(incarnationAfter([undefined], "abc")).toBe("1-abc");
    expect(incarnationAfter(["9-xyz"], "abc")).toBe("10-abc");
    expect(incarnationCount("10-abc")).toBe(10);
  });

  test("makes somebody else of the same name when the node restarts", () => {
    expect(sameNode(id("a", 1), id("a", 2))).toBe(false);
    expect(sameNode(id("a", 1), { ...nodeRecord(id("a", 1)) })).toBe(true);
  });
});
