import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { DecodeError } from "../../errors.ts";
import { createCodec } from "../../codec/codec.ts";
import { firstDifference } from "../../codec/difference.ts";
import { checkValue } from "../../codec/value.ts";
import { hex, nested, travelling, unhex } from "./values.ts";

const codec = createCodec();

/** Values whose bytes must never change: other releases and other languages read them. */
const GOLDEN: Readonly<Record<string, unknown>> = {
  empty: {},
  scalars: [undefined, null, true, false, 0, 23, 24, 255, 256, 65_536, 4_294_967_295, 4_294_967_296],
  negatives: [-1, -24, -25, -256, -257, -65_537, -4_294_967_296, -4_294_967_297],
  floats: [1.5, -0.1, Number.NaN, Number.POSITIVE_INFINITY, Number.MIN_VALUE, Number.MAX_VALUE, -0],
  bigints: [0n, -1n, 18_446_744_073_709_551_615n, 18_446_744_073_709_551_616n, -18_446_744_073_709_551_617n],
  strings: ["", "a", "ü", "日本", "👍", "\uFEFFx", "x".repeat(24), "y".repeat(300)],
  bytes: Uint8Array.from([0, 1, 254, 255]),
  dates: [new Date(0), new Date(1_700_000_000_123), new Date(-1)],
  object: { b: 1, a: { after: [1, { constructor: "x" }] }, "": null },
  map: new Map<unknown, unknown>([
    ["k", 1],
    [1, new Map()],
    [{ a: 1 }, [2]],
  ]),
  set: new Set<unknown>([1, "a", new Set()]),
};

function refusalOf(bytes: Uint8Array): string {
  try {
    codec.decode(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return error.message;
    throw error;
  }
  throw new Error(`expected a DecodeError, but "${hex(bytes.subarray(0, 40))}" was decoded`);
}

function filled(head: string, length: number, byte = 0): Uint8Array {
  const bytes = new Uint8Array(length).fill(byte);
  bytes.set(unhex(head));
  return bytes;
}

/** Small messages that cost seconds or gigabytes when they are believed. */
const BOMBS: Readonly<Record<string, [Uint8Array, string]>> = {
  "a million nested arrays": [new Uint8Array(1_000_000).fill(0x81), "nested deeper"],
  "a million nested maps": [filled("", 1_000_000, 0xa1), "neither text nor"],
  "nested tagged maps": [unhex(`${"d90103a1".repeat(100)}00`), "nested deeper"],
  "nested sets": [unhex(`${"d9010281".repeat(100)}00`), "nested deeper"],
  "nested tags": [new Uint8Array(1000).fill(0xc2), "a bignum without bytes"],
  "a million items": [filled("9a000f4240", 1_000_005), "more than 100000"],
  "a bignum of 256 KB": [filled("c25a00040000", 262_150, 255), "64 bytes"],
  "a bignum of 65 bytes": [filled("c25841", 68, 255), "64 bytes"],
  "an array that claims 4 billion items": [unhex("9affffffff"), "cut off"],
  "an array that claims 2^63 items": [unhex("9b8000000000000000"), "cut off"],
  "a map that claims 4 billion entries": [unhex("baffffffff"), "cut off"],
  "bytes that claim 4 GB": [unhex("5affffffff00"), "cut off"],
  "text that claims 2^53 bytes": [unhex("7b001fffffffffffff"), "cut off"],
  "packed strings": [unhex("d8338482616161628080c6 00"), "under the tag 51"],
  "a reference": [unhex("82d81c80d81d00"), "under the tag 28"],
  "a cycle": [unhex("d81c81d81d00"), "under the tag 28"],
  "a record definition": [unhex("d9dfff8319e000816161 01"), "under the tag 57343"],
  "a typed array": [unhex("d84043010203"), "under the tag 64"],
  "a bundle of strings": [unhex("d9dff9821a00000001"), "under the tag 57337"],
  "a date as text": [unhex("c06161"), "under the tag 0"],
  "an error object": [unhex("d81b8163457272"), "under the tag 27"],
};

const MALFORMED: Readonly<Record<string, [string, string]>> = {
  nothing: ["", "cut off"],
  "a trailing byte": ["0000", "followed by"],
  "an indefinite array": ["9f00ff", "indefinite length"],
  "an indefinite map": ["bfff", "indefinite length"],
  "indefinite text": ["7f6161ff", "indefinite length"],
  "indefinite bytes": ["5f4100ff", "indefinite length"],
  "a lone break": ["ff", "simple value"],
  "a reserved head": ["1c", "no known form"],
  "a simple value": ["e0", "simple value"],
  "a simple value of two bytes": ["f820", "simple value"],
  "ill-formed text": ["61ff", "not UTF-8"],
  "an overlong form": ["62c080", "not UTF-8"],
  "a surrogate in text": ["63eda080", "not UTF-8"],
  "a key that is a float": ["a1f9000000", "neither text nor"],
  "a key that is a map": ["a1a000", "neither text nor"],
  "a key __proto__": ["a1695f5f70726f746f5f5fa1617801", "__proto__"],
  "a long key __proto__": ["a178095f5f70726f746f5f5f00", "__proto__"],
  "an invalid date": ["c1fb7ff8000000000000", "an invalid or too distant date"],
  "a date beyond time": ["c1fb7fefffffffffffff", "an invalid or too distant date"],
  "a date of text": ["c16161", "no known form"],
  "a set of no array": ["d9010201", "without an array"],
  "a tagged map of no map": ["d9010380", "without entries"],
};

describe("codec", () => {
  test("encode() writes the bytes of the golden file when values are fixed", () => {
    const file = new URL("../golden/codec.json", import.meta.url);
    const golden = JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
    expect(Object.keys(GOLDEN)).toEqual(Object.keys(golden));
    for (const [name, value] of Object.entries(GOLDEN)) {
      expect(`${name}: ${hex(codec.encode(value))}`).toBe(`${name}: ${golden[name]}`);
      expect(firstDifference(codec.decode(unhex(golden[name] ?? "")), value)).toBeUndefined();
    }
  });

  test("decode() reads what other languages write when it is plain", () => {
    expect(codec.decode(unhex("f93c00"))).toBe(1);
    expect(codec.decode(unhex("fa3fc00000"))).toBe(1.5);
    expect(codec.decode(unhex("1b0000000100000000"))).toBe(4294967296n);
    expect(codec.decode(unhex("a2016161206162"))).toEqual({ 1: "a", "-1": "b" });
    expect(codec.decode(unhex("a1635f5f7001"))).toEqual({ __p: 1 });
    expect(codec.decode(unhex("c11b000000006553f100".replace("1b00000000", "1a")))).toEqual(
      new Date(1_700_000_000_000),
    );
  });

  test("decode() keeps a byte order mark at the start of a text, however long that is and wherever it stands", () => {
    for (const length of [0, 1, 15, 16, 61, 62, 63, 64, 255, 65_536]) {
      for (const mark of ["\uFEFF", "\uFEFF\uFEFF"]) {
        const text = `${mark}${"x".repeat(length)}`;
        const value = [text, { [text]: text, plain: "y".repeat(length) }, new Map([[text, text]]), 1];
        expect(firstDifference(codec.decode(codec.encode(text)), text)).toBeUndefined();
        expect(firstDifference(codec.decode(codec.encode(value)), value)).toBeUndefined();
      }
    }
  });

  test.each(Object.entries(BOMBS))(
    "decode() refuses %s no slower than it reads as much as it may",
    (_what, [bytes, reason]) => {
      const honest = codec.encode(Array.from({ length: 99_999 }, (_, i) => i));
      let [refusedMs, readMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      for (let i = 0; i < 5; i++) {
        readMs = Math.min(
          readMs,
          millisecondsOf(() => codec.decode(honest)),
        );
        refusedMs = Math.min(
          refusedMs,
          millisecondsOf(() => expect(refusalOf(bytes)).toContain(reason)),
        );
      }
      expect(refusedMs).toBeLessThan(readMs);
    },
  );

  test.each(Object.entries(MALFORMED))("decode() refuses %s", (_what, [bytes, reason]) => {
    expect(refusalOf(unhex(bytes))).toContain(reason);
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  test("decode() refuses every truncation and every added byte when a message is valid", () => {
    fc.assert(
      fc.property(travelling, (value) => {
        const bytes = codec.encode(value);
        const cuts = Array.from({ length: Math.min(bytes.length, 200) }, (_, i) => i);
        for (const cut of cuts) refusalOf(bytes.subarray(0, cut));
        refusalOf(Uint8Array.from([...bytes, 0]));
      }),
      { numRuns: 300 },
    );
  });

  test("decode() refuses or gives what may travel again when bytes were changed", () => {
    const bytes = travelling.map(codec.encode).filter(({ length }) => length > 0);
    const change = fc.tuple(
      fc.nat(),
      fc.oneof(fc.nat(255), fc.constantFrom(0xc1, 0xc2, 0xd9, 0x9f, 0x81, 0xfb, 0xff)),
    );
    let accepted = 0;
    fc.assert(
      fc.property(bytes, fc.array(change, { minLength: 1, maxLength: 4 }), (valid, changes) => {
        const changed = valid.slice();
        for (const [at, byte] of changes) changed[at % changed.length] = byte;
        let value: unknown;
        try {
          value = codec.decode(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
          return;
        }
        accepted++;
        checkValue(value);
        expect(firstDifference(codec.decode(codec.encode(value)), value)).toBeUndefined();
      }),
      { numRuns: 5000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  test("decode() shares no memory with the message when that is overwritten", () => {
    const bytes = codec.encode({ data: Uint8Array.from([1, 2, 3]), text: "abc" });
    const value = codec.decode(bytes) as { data: Uint8Array; text: string };
    bytes.fill(0);
    expect(value).toEqual({ data: Uint8Array.from([1, 2, 3]), text: "abc" });
    expect(value.data.buffer.byteLength).toBe(3);
    expect(Object.keys(bytes).includes("dataView")).toBe(false);
  });

  test("encode() leaves earlier results alone when many follow", () => {
    const results = Array.from({ length: 2000 }, (_, i) => codec.encode({ i, text: "x".repeat(i % 90) }));
    results.forEach((bytes, i) => {
      expect(codec.decode(bytes)).toEqual({ i, text: "x".repeat(i % 90) });
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
    });
  });

  test("createCodec() keeps its own limits when they are given", () => {
    const small = createCodec({ depthMax: 2, itemsMax: 5 });
    expect(small.decode(small.encode([[1]]))).toEqual([[1]]);
    expect(() => small.decode(codec.encode(nested(3)))).toThrow(DecodeError);
    expect(() => small.decode(codec.encode([1, 2, 3, 4, 5]))).toThrow(DecodeError);
    expect(() => small.encode({ a: 1, b: 2, c: 3 })).toThrow("more than 5");
  });

  test("encode() and decode() keep null-prototype and integer-like keys in order", () => {
    const value = codec.decode(codec.encode({ z: 1, a: 2 })) as object;
    expect(Object.keys(value)).toEqual(["z", "a"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });
});

function millisecondsOf(work: () => void): number {
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
}
