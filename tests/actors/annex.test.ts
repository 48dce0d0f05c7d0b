import { describe, expect, test } from "bun:test";
import { Annex, type AnnexPart } from "../../actors/annex/annex.ts";
import { StateCell } from "../../actors/state/state_cell.ts";
import { createCodec } from "../../codec/codec.ts";
import { DecodeError } from "../../errors.ts";
import { hostLedger, ledger, steering } from "../support/ledger.ts";

const WORD: AnnexPart<string> = {
  number: 7,
  staysLoaded: false,
  write: (writer, value) => writer.string(value),
  read: (reader) => reader.string(),
};
const NUMBERS: AnnexPart<readonly number[]> = {
  number: 300,
  staysLoaded: true,
  write: (writer, value) => {
    for (const number of value) writer.varint(number);
  },
  read: (reader) => {
    const numbers: number[] = [];
    while (!reader.done) numbers.push(reader.varint());
    return numbers;
  },
};
const BOTH = [WORD, NUMBERS];

describe("Annex", () => {
  test("is changed by a copy, and is the same one where nothing changes", () => {
    const annex = Annex.EMPTY.with(WORD, "tea");
    expect(annex.get(WORD)).toBe("tea");
    expect(Annex.EMPTY.get(WORD)).toBeUndefined();
    expect(annex.with(WORD, "tea")).toBe(annex);
    expect(annex.with(WORD, undefined)).toBe(Annex.EMPTY);
    expect(annex.staysLoaded).toBe(false);
    expect(annex.with(NUMBERS, [1]).staysLoaded).toBe(true);
  });

  test("is the same after its bytes were read, and its bytes do not depend on what was set first", () => {
    const annex = Annex.EMPTY.with(NUMBERS, [1, 500]).with(WORD, "tea");
    const other = Annex.EMPTY.with(WORD, "tea").with(NUMBERS, [1, 500]);
    expect(annex.bytes).toEqual(other.bytes);
    const read = Annex.read(annex.bytes, BOTH);
    expect([read.get(WORD), read.get(NUMBERS), read.staysLoaded]).toEqual(["tea", [1, 500], true]);
    expect(read.bytes).toEqual(annex.bytes);
    expect(Annex.read(Annex.EMPTY.bytes, BOTH)).toBe(Annex.EMPTY);
  });

  test("keeps a part that is not known here as it is, beside one that is changed", () => {
    const bytes = Annex.EMPTY.with(NUMBERS, [3]).with(WORD, "tea").bytes;
    const changed = Annex.read(bytes, [WORD]).with(WORD, "coffee");
    const read = Annex.read(changed.bytes, BOTH);
    expect([read.get(WORD), read.get(NUMBERS)]).toEqual(["coffee", [3]]);
  });

  test("is not read if it is cut off, or a known part is damaged", () => {
    const { bytes } = Annex.EMPTY.with(WORD, "tea").with(NUMBERS, [1, 500]);
    for (let length = 1; length < bytes.length; length++) {
      const cut = () => Annex.read(bytes.subarray(0, length), BOTH);
      if (length === Annex.EMPTY.with(WORD, "tea").bytes.length) expect(cut().get(NUMBERS)).toBeUndefined();
      else expect(cut).toThrow(DecodeError);
    }
  });
});

describe("the annex of a state", () => {
  const codec = createCodec();
  const hosted = hostLedger(steering(), ledger()).register(undefined);

  test("is undone with it, and is kept although nobody has touched the state", () => {
    const cell = new StateCell(hosted, "x", undefined);
    cell.begin();
    expect(cell.mustKeep).toBe(false);
    cell.annex = cell.annex.with(WORD, "tea");
    expect(cell.settledAnnex).toBe(Annex.EMPTY);
    cell.undo();
    expect(cell.annex).toBe(Annex.EMPTY);
    cell.annex = cell.annex.with(WORD, "tea");
    cell.settle();
    expect([cell.mustKeep, cell.settledAnnex.get(WORD)]).toEqual([true, "tea"]);
    const { annex } = cell.snapshot(codec) ?? {};
    expect(annex && Annex.read(annex, BOTH).get(WORD)).toBe("tea");
  });

  test("is another settled state of a stored actor, and counts to its length", () => {
    const cell = new StateCell(hosted, "x", undefined, { codec, bytesMax: 100 });
    cell.begin();
    const before = cell.settled;
    cell.annex = cell.annex.with(WORD, "tea");
    cell.settle();
    expect(cell.settled).not.toBe(before);
    expect(cell.settled?.bytes).toEqual(before?.bytes as Uint8Array);
    const kept = cell.settled;
    cell.annex = cell.annex.with(WORD, "x".repeat(100));
    expect(() => cell.settle()).toThrow(expect.objectContaining({ code: "invalid-state" }));
    expect([cell.settled, cell.annex.get(WORD)]).toEqual([kept, "tea"]);
  });

  test("is not changed by a handler that may only read", () => {
    const cell = new StateCell(hosted, "x", undefined);
    cell.begin();
    cell.isReading = true;
    expect(() => (cell.annex = Annex.EMPTY.with(WORD, "tea"))).toThrow(TypeError);
  });

  test("is gone when the state is erased", () => {
    const cell = new StateCell(hosted, "x", undefined);
    cell.begin();
    cell.annex = cell.annex.with(WORD, "tea");
    cell.settle();
    cell.erase();
    expect([cell.settledAnnex, cell.mustKeep]).toEqual([Annex.EMPTY, false]);
  });
});
