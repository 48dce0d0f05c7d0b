import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DecodeError, EncodeError } from "../../errors.ts";
import { ByteReader, ByteWriter } from "../../codec/bytes.ts";
import { hex, unhex } from "./values.ts";

type Part =
  | { readonly as: "u8" | "u16" | "u32" | "f64" | "varint"; readonly value: number }
  | { readonly as: "string"; readonly value: string }
  | { readonly as: "bytes"; readonly value: Uint8Array };

const part: fc.Arbitrary<Part> = fc.oneof(
  fc.nat(255).map((value): Part => ({ as: "u8", value })),
  fc.nat(65_535).map((value): Part => ({ as: "u16", value })),
  fc.nat(4_294_967_295).map((value): Part => ({ as: "u32", value })),
  fc.double({ noNaN: true }).map((value): Part => ({ as: "f64", value })),
  fc.oneof(fc.nat(300), fc.maxSafeNat()).map((value): Part => ({ as: "varint", value })),
  fc.string({ maxLength: 60 }).map((value): Part => ({ as: "string", value })),
  fc.string({ unit: "binary", maxLength: 200 }).map((value): Part => ({ as: "string", value })),
  fc.uint8Array({ maxLength: 300 }).map((value): Part => ({ as: "bytes", value })),
);

function write(writer: ByteWriter, { as, value }: Part): void {
  (writer[as] as (value: unknown) => void)(value);
}

function read(reader: ByteReader, { as }: Part): unknown {
  const value = reader[as]();
  return value instanceof Uint8Array ? value.slice() : value;
}

describe("bytes", () => {
  test("ByteReader reads what ByteWriter wrote when frames follow one another", () => {
    const writer = new ByteWriter();
    fc.assert(
      fc.property(fc.array(fc.array(part, { maxLength: 12 }), { maxLength: 4 }), (frames) => {
        const written = frames.map((parts) => {
          for (const each of parts) write(writer, each);
          const { length } = writer;
          const frame = writer.finish();
          expect(frame.length).toBe(length);
          expect(writer.length).toBe(0);
          return frame;
        });
        frames.forEach((parts, i) => {
          const reader = new ByteReader(written[i] as Uint8Array);
          expect(parts.map((each) => read(reader, each))).toEqual(parts.map(({ value }) => value));
          reader.expectEnd();
          expect([reader.done, reader.left]).toEqual([true, 0]);
        });
      }),
      { numRuns: 1000 },
    );
  });

  test("ByteReader throws DecodeError when a frame is cut anywhere", () => {
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), (parts) => {
        const writer = new ByteWriter();
        for (const each of parts) write(writer, each);
        const frame = writer.finish();
        for (let cut = 0; cut < frame.length; cut++) {
          const reader = new ByteReader(frame.subarray(0, cut));
          expect(() => parts.map((each) => read(reader, each))).toThrow(DecodeError);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("ByteReader throws DecodeError when bytes are random, or reads within them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.array(part, { maxLength: 6 }), (bytes, parts) => {
        const reader = new ByteReader(bytes);
        try {
          for (const each of parts) read(reader, each);
          reader.expectEnd();
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("varint() has one form for each number when that is whole and safe", () => {
    const writer = new ByteWriter();
    const forms: [number, string][] = [
      [0, "00"],
      [127, "7f"],
      [128, "8001"],
      [16_384, "808001"],
      [Number.MAX_SAFE_INTEGER, "ffffffffffffff0f"],
    ];
    for (const [value, form] of forms) {
      writer.varint(value);
      expect(hex(writer.finish())).toBe(form);
    }
    for (const value of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => writer.varint(value)).toThrow(EncodeError);
    }
    for (const form of ["8000", "ff00", "ffffffffffffff10", "ffffffffffffffff01", "80"]) {
      expect(() => new ByteReader(unhex(form)).varint()).toThrow(DecodeError);
    }
  });

  test("string() refuses what is not well-formed, too long or cut off", () => {
    const writer = new ByteWriter();
    expect(() => writer.string("a\uDC00")).toThrow(EncodeError);
    writer.string("\uFEFFé".repeat(40));
    expect(new ByteReader(writer.finish()).string()).toBe("\uFEFFé".repeat(40));
    for (const form of ["01ff", "02c080", "03eda080", "0261", "ffffffffffffff0f61"]) {
      expect(() => new ByteReader(unhex(form)).string()).toThrow(DecodeError);
    }
    expect(() => new ByteReader(unhex("03616161")).string(2)).toThrow("longer than 2 bytes");
    expect(() => new ByteReader(unhex("03616161")).bytes(2)).toThrow("longer than 2 bytes");
  });

  test("finish() gives bytes that later frames leave alone", () => {
    const writer = new ByteWriter();
    writer.raw(new Uint8Array(8190).fill(1));
    const first = writer.finish();
    writer.raw(Uint8Array.from([2, 2]));
    writer.reset();
    writer.raw(new Uint8Array(100_000).fill(3));
    const second = writer.finish();
    expect(first.every((byte) => byte === 1)).toBe(true);
    expect(second.length).toBe(100_000);
    expect(second.every((byte) => byte === 3)).toBe(true);
  });
});
