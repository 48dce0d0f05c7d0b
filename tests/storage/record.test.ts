import { describe, expect, test } from "bun:test";
import { DecodeError } from "../../errors.ts";
import { decodeHead, decodeChunkSets, encodeHead } from "../../storage/heads.ts";
import { decodeRecord, encodeRecord, type StoredRecord } from "../../storage/record.ts";

const RECORD: StoredRecord = {
  name: "alice",
  epoch: 12,
  writer: { node: "a", incarnation: "1-abc" },
  state: { stateVersion: 3, bytes: Uint8Array.of(1, 2, 3) },
  timers: [
    { id: "t", message: "tick", argument: Uint8Array.of(9), dueWallMs: 1_700_000_000_000.5, everyMs: 50 },
    { id: "u", message: "once", argument: new Uint8Array(), dueWallMs: -1, everyMs: undefined },
  ],
};

function failure(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

describe("decodeRecord()", () => {
  test("gives what was encoded, with and without a state", () => {
    expect(decodeRecord(encodeRecord(RECORD), "alice")).toEqual(RECORD);
    const timed = { ...RECORD, writtenWallMs: 1_700_000_000_001 };
    expect(decodeRecord(encodeRecord(timed), "alice")).toEqual(timed);
    const bare = { ...RECORD, state: undefined, timers: [] };
    expect(decodeRecord(encodeRecord(bare), "alice")).toEqual(bare);
    // without timers as the release before writes it
    expect(encodeRecord({ ...bare, writtenWallMs: 5 })).toEqual(encodeRecord(bare));
  });

  test("is a DecodeError for every truncation, a byte too much, another version and another name", () => {
    const bytes = encodeRecord(RECORD).slice();
    for (let length = 0; length < bytes.length; length++)
      expect(failure(() => decodeRecord(bytes.subarray(0, length), "alice"))).toBeInstanceOf(DecodeError);
    const others = [
      Uint8Array.of(...bytes, 0),
      Uint8Array.of(2, ...bytes.subarray(1)),
      Uint8Array.of(3, ...bytes.subarray(1)),
    ];
    for (const other of others)
      expect(failure(() => decodeRecord(other, "alice"))).toBeInstanceOf(DecodeError);
    expect(failure(() => decodeRecord(bytes, "bob"))).toBeInstanceOf(DecodeError);
  });

  test("never gives anything but a record or a DecodeError when bytes are changed", () => {
    const bytes = encodeRecord({ ...RECORD, writtenWallMs: 7 }).slice();
    for (let i = 0; i < bytes.length; i++) {
      for (const value of [0, 1, 127, 128, 255]) {
        const changed = bytes.slice();
        changed[i] = value;
        const found = failure(() => decodeRecord(changed, "alice"));
        if (found instanceof Error) expect(found).toBeInstanceOf(DecodeError);
      }
    }
  });
});

describe("decodeHead()", () => {
  test("is a DecodeError for every truncation and for another name's head", () => {
    const chunks = { count: 2, bytes: 9, hash: "ab" };
    for (const head of [
      { name: "a", nonce: "n", inline: Uint8Array.of(1), chunks: undefined },
      { name: "a", nonce: "n", inline: undefined, chunks },
    ]) {
      const bytes = encodeHead(head).slice();
      expect(decodeHead(bytes, "a")).toEqual(head);
      expect(failure(() => decodeHead(bytes, "b"))).toBeInstanceOf(DecodeError);
      for (let length = 0; length < bytes.length; length++)
        expect(failure(() => decodeHead(bytes.subarray(0, length), "a"))).toBeInstanceOf(DecodeError);
    }
  });

  test("names of chunks that cannot be read are no names", () => {
    expect(decodeChunkSets(Uint8Array.of(1, 200, 1))).toEqual([]);
    expect(decodeChunkSets(new Uint8Array())).toEqual([]);
  });
});
