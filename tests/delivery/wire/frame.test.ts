import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { CHAIN_MAX, readFrame } from "../../../delivery/wire/frame.ts";
import { FrameWriter } from "../../../delivery/wire/frame_writer.ts";
import type { Ack, Envelope, Gap, Got, Moved, Reply, Waits } from "../../../delivery/wire/frame_items.ts";
import { DecodeError, ProtocolError } from "../../../errors.ts";
import { HEADERS_MAX, HeaderMap } from "../../../codec/header_map.ts";
import { ShortTexts } from "../../../codec/short_texts.ts";
import { ownReply, type WrittenItem, writeItems } from "../../support/frame_items.ts";

const GOLDEN = new URL("../../golden/frame.json", import.meta.url);
const GENERATION = "3k9x02ab";
const FROM = { node: "a", incarnation: "1-x" };

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const count = fc.oneof(fc.nat(200), fc.maxSafeNat());
/** Numbers of messages end earlier, so that one can always be added. */
const seq = count.map((given) => Math.min(given, 2 ** 52));
const bytes = fc.uint8Array({ maxLength: 40 });
const of = { kind: text, shard: fc.nat(4_095) };

const envelope: fc.Arbitrary<Envelope> = fc.record({
  ...of,
  item: fc.constant("envelope" as const),
  type: fc.constantFrom("ask" as const, "tell" as const),
  epoch: count,
  seq,
  copy: count,
  first: seq,
  remainingMs: count,
  urgent: fc.boolean(),
  name: text,
  message: text,
  chain: fc.array(text, { maxLength: 4 }),
  argument: bytes,
});
const oversize: fc.Arbitrary<Envelope> = fc
  .tuple(envelope, fc.record({ bytes: count, bytesMax: count }))
  .map(([given, oversize]) => ({ ...given, argument: new Uint8Array(), oversize }));
const skip: fc.Arbitrary<Envelope> = envelope.map((given) => {
  return {
    ...given,
    type: "skip",
    remainingMs: 0,
    name: "",
    message: "",
    chain: [],
    argument: new Uint8Array(),
  };
});
const reply: fc.Arbitrary<Reply> = fc.record({
  ...of,
  item: fc.constant("reply" as const),
  epoch: count,
  seq: count,
  ok: fc.boolean(),
  body: bytes,
});
const ack: fc.Arbitrary<Ack> = fc.record({
  ...of,
  item: fc.constant("ack" as const),
  epoch: count,
  upTo: count,
});
const waits: fc.Arbitrary<Waits> = fc.record({
  ...of,
  item: fc.constant("waits" as const),
  epoch: count,
  seqs: fc.array(count, { maxLength: 5 }),
});
const got: fc.Arbitrary<Got> = fc.record({
  ...of,
  item: fc.constant("got" as const),
  seqs: fc.array(count, { maxLength: 5 }),
});
const gap: fc.Arbitrary<Gap> = fc.record({
  ...of,
  item: fc.constant("gap" as const),
  epoch: count,
  from: count,
  to: count,
});
const moved: fc.Arbitrary<Moved> = fc.record({
  ...of,
  item: fc.constant("moved" as const),
  seq: count,
  copy: count,
  epoch: count,
});
const headers = fc
  .array(
    fc.tuple(
      text.filter((name) => name !== ""),
      text,
    ),
    { maxLength: 4 },
  )
  .map((entries) => HeaderMap.of(entries));
const accompanied: fc.Arbitrary<Envelope> = fc
  .tuple(fc.oneof(envelope, oversize), headers)
  .map(([given, headers]) => ({ ...given, headers }));
const one = fc.oneof(envelope, oversize, skip, reply, ack, waits, got, gap, moved);
const items = fc.array(one, { maxLength: 6 });
const newItems = fc.array(fc.oneof(one, accompanied), { maxLength: 6 });

const writer = new FrameWriter();

function frame(given: readonly WrittenItem[], protocol = 2, cluster = "test"): Uint8Array {
  writer.begin(protocol, { cluster, generation: GENERATION }, FROM, 0);
  writeItems(writer, given);
  return writer.finish().slice();
}

/** The same with headers as lists and replies with bodies of their own, which can be compared. */
function plain(given: readonly WrittenItem[]): unknown[] {
  return given.map((item) => {
    if (item.item === "envelope" && item.headers) return { ...item, headers: [...item.headers] };
    return item.item === "reply" ? ownReply(item) : item;
  });
}

function read(bytes: Uint8Array) {
  const { items, ...rest } = readFrame(bytes, "test");
  return { ...rest, items: plain(items) };
}

/** A block behind its length, as whoever may say anything writes it. */
function block(...bytes: number[]): number[] {
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
  return [...length, ...bytes];
}

function hex(given: Uint8Array): string {
  return [...given].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const EXAMPLE: readonly WrittenItem[] = [
  {
    item: "envelope",
    type: "ask",
    kind: "cart",
    shard: 4_095,
    epoch: 3,
    seq: 300,
    copy: 2,
    first: 299,
    remainingMs: 5_000,
    urgent: false,
    name: "ü",
    message: "add",
    chain: ["cart/a", "order/b"],
    argument: new Uint8Array([0xa0]),
  },
  {
    item: "envelope",
    type: "tell",
    kind: "cart",
    shard: 1,
    epoch: 3,
    seq: 301,
    copy: 1,
    first: 299,
    remainingMs: 0,
    urgent: true,
    name: "b",
    message: "put",
    chain: [],
    argument: new Uint8Array(),
    oversize: { bytes: 500_000, bytesMax: 204_800 },
  },
  { item: "reply", kind: "cart", shard: 0, epoch: 2, seq: 7, ok: true, body: new Uint8Array([1, 2]) },
  { item: "ack", kind: "cart", shard: 0, epoch: 2, upTo: 9 },
  { item: "waits", kind: "cart", shard: 0, epoch: 2, seqs: [7, 300] },
  { item: "got", kind: "cart", shard: 0, seqs: [1, 200] },
  { item: "gap", kind: "cart", shard: 0, epoch: 2, from: 3, to: 4 },
  { item: "moved", kind: "cart", shard: 0, seq: 1, copy: 2, epoch: 3 },
  { item: "mark", at: 100_000 },
  { item: "seen", at: 100_000 },
];

const ACCOMPANIED: readonly WrittenItem[] = [
  {
    ...(EXAMPLE[0] as Envelope),
    headers: HeaderMap.of([
      ["trace", "00-4bf9"],
      ["ü", ""],
    ]),
  },
  ...EXAMPLE.slice(1),
];

/** What actors and gateways say of themselves, and a context. */
const CALLED: readonly WrittenItem[] = [
  { ...(EXAMPLE[0] as Envelope), chain: [], headers: HeaderMap.of([[":from", "door"]]) },
  {
    ...(EXAMPLE[0] as Envelope),
    type: "tell",
    remainingMs: 0,
    chain: [],
    headers: HeaderMap.of([
      ["tenant", "acme"],
      [":from", "cart/ü"],
    ]),
  },
];

test("headers that come again in a frame are the same map, and others are not taken for them", () => {
  const ask = EXAMPLE[0] as Envelope;
  const given = ["a", "a", "b", "", "b", "bb"].map((trace) =>
    HeaderMap.of(trace === "" ? [] : [["trace", trace]]),
  );
  const { items: read_ } = readFrame(frame(given.map((headers) => ({ ...ask, headers }))), "test");
  const maps = read_.map((item) => (item as Envelope).headers);
  expect(maps.map((map) => map?.get("trace"))).toEqual(["a", "a", "b", undefined, "b", "bb"]);
  expect([maps[0] === maps[1], maps[2] === maps[4], maps[1] === maps[2]]).toEqual([true, true, false]);
});

test("who calls, and a context, keep their bytes", () => {
  const golden = (JSON.parse(readFileSync(GOLDEN, "utf8")) as Record<string, string>)["protocol 2, callers"];
  expect(hex(frame(CALLED, 2))).toBe(golden as string);
});

for (const protocol of [1, 2]) {
  describe(`a frame of protocol ${protocol}`, () => {
    test("gives back what went in", () => {
      fc.assert(
        fc.property(protocol === 1 ? items : newItems, (given) => {
          const expected = { generation: GENERATION, from: FROM, items: plain(given), unknown: 0 };
          expect(read(frame(given, protocol))).toEqual(expected);
        }),
        { numRuns: 1_000, seed: 7 },
      );
    });

    test("is refused when cut off anywhere but between two items", () => {
      fc.assert(
        fc.property(protocol === 1 ? items : newItems, (given) => {
          const whole = frame(given, protocol);
          const ends = new Set(
            [...given.keys(), given.length].map((count) => frame(given.slice(0, count), protocol).length),
          );
          for (let length = 0; length < whole.length; length++) {
            if (ends.has(length)) continue;
            expect(() => readFrame(whole.subarray(0, length), "test")).toThrow(DecodeError);
          }
        }),
        { numRuns: 30, seed: 7 },
      );
    });

    test("of another cluster or version is refused as such, before anything else is read", () => {
      expect(() => readFrame(frame(EXAMPLE, protocol, "production"), "test")).toThrow(ProtocolError);
      const other = frame(EXAMPLE, protocol);
      for (const version of [1, 4]) {
        other[1] = version;
        expect(() => readFrame(other, "test")).toThrow(
          new RegExp(`version ${version}: this node speaks 2 and 3`),
        );
      }
      other[0] = 0;
      expect(() => readFrame(other, "test")).toThrow(DecodeError);
    });

    test("of any bytes is a frame or a typed refusal", () => {
      const head = frame([], protocol);
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => {
          for (const given of [noise, Uint8Array.from([...head, ...noise])]) {
            try {
              readFrame(given, "test");
            } catch (error) {
              if (!(error instanceof DecodeError) && !(error instanceof ProtocolError)) throw error;
            }
          }
        }),
        { numRuns: 5_000, seed: 7 },
      );
    });

    test("keeps its bytes: other releases read them", () => {
      const golden = (JSON.parse(readFileSync(GOLDEN, "utf8")) as Record<string, string>)[
        `protocol ${protocol}`
      ] as string;
      const given = protocol === 1 ? EXAMPLE : ACCOMPANIED;
      expect(hex(frame(given, protocol))).toBe(golden);
      const known = Uint8Array.from(golden.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
      expect(read(known)).toEqual({ generation: GENERATION, from: FROM, items: plain(given), unknown: 0 });
    });
  });
}

describe("a frame of protocol 1", () => {
  test("leaves headers out: nobody there reads them", () => {
    expect(hex(frame(ACCOMPANIED, 1))).toBe(hex(frame(EXAMPLE, 1)));
  });

  test("with forged counts, shards and types is refused, without the memory that it asks for", () => {
    const head = frame([], 1);
    const kind = [1, 0x78];
    const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    const forged: number[][] = [
      [1, ...kind, 0, 1, ...huge.slice(0, 6), 0xff, 0x0f, 1, 0, 1, 0x61, 1, 0x62, 0, 0], // the number 2^53 - 1
      [7, ...kind, 0, ...huge], // "got" with 2^46 numbers
      [1, ...huge], // a kind of that length
      [6, ...kind, 0x80, 0x20, 1, 1], // shard 4,096
      [10, ...kind, 0],
      [0, ...kind, 0],
      [0xff, ...kind, 0],
      [4, ...kind, 0, 1, 1, ...huge], // a body of that length
      [1, ...kind, 0, 1, 1, 1, 0, 1, 0x61, 1, 0x62, CHAIN_MAX + 1, ...Array.from({ length: 200 }, () => 0)],
      [6, ...kind, 0, 0x80, 0x00, 1], // a number in a longer form than it needs
      [6, 2, 0xc3, 0x28, 0, 1, 1], // not UTF-8
    ];
    for (const item of forged)
      expect(() => readFrame(Uint8Array.from([...head, ...item]), "test")).toThrow(DecodeError);
  });
});

/** An item as it stands in a frame of protocol 2. */
const itemBytes = (item: WrittenItem): number[] => [...frame([item]).subarray(frame([]).length)];
const unknownItem = fc
  .tuple(fc.integer({ min: 13, max: 255 }), fc.uint8Array({ maxLength: 200 }))
  .map(([type, body]) => [type, ...block(...body)]);
const unknownSection = fc
  .tuple(fc.integer({ min: 2, max: 127 }), fc.uint8Array({ maxLength: 100 }))
  .map(([number, body]) => [number, ...block(...body)]);
/** The same item with sections behind it. */
function withSections(item: number[], sections: readonly number[][]): number[] {
  const long = (item[1] as number) >= 128;
  return [item[0] as number, ...block(...item.slice(long ? 3 : 2), ...sections.flat())];
}

describe("a frame of protocol 2", () => {
  test("is read past items of unknown types and sections of unknown numbers, wherever they stand, and counts them", () => {
    const future = fc.array(
      fc.oneof(
        unknownItem.map((bytes) => ({ bytes, item: undefined, unknown: 1 })),
        fc
          .tuple(fc.oneof(one, accompanied), fc.array(unknownSection, { maxLength: 3 }))
          .map(([item, more]) => {
            return { bytes: withSections(itemBytes(item), more), item, unknown: more.length };
          }),
      ),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(future, (parts) => {
        const bytes = Uint8Array.from([...frame([]), ...parts.flatMap((part) => part.bytes)]);
        expect(read(bytes)).toEqual({
          generation: GENERATION,
          from: FROM,
          items: plain(parts.flatMap(({ item }) => (item ? [item] : []))),
          unknown: parts.reduce((sum, part) => sum + part.unknown, 0),
        });
        expect(() => readFrame(Uint8Array.from([...bytes, 200, 3, 0]), "test")).toThrow(DecodeError);
      }),
      { numRuns: 1_000, seed: 7 },
    );
  });

  test("costs nothing for headers that are not there", () => {
    const [ask] = EXAMPLE as [Envelope];
    const block = 2; // its length, and its flags apart from its type
    expect(frame([ask]).length).toBe(frame([ask], 1).length + block);
    expect(frame([{ ...ask, headers: HeaderMap.of([["a", "b"]]) }]).length).toBe(frame([ask]).length + 7);
  });

  test("with a damaged item or section is refused as a whole, whatever stands beside it", () => {
    const kind = [1, 0x78];
    const body = [0, ...kind, 0, 1, 1, 1, 0, 0, 1, 0x61, 1, 0x62, 0, 0];
    const sound = [1, ...block(...body)];
    expect(read(Uint8Array.from([...frame([]), ...sound])).items.length).toBe(1);
    const headersOf = (...bytes: number[]) => [1, ...block(...body, 1, ...block(...bytes))];
    const many = Array.from({ length: HEADERS_MAX + 1 }, (_, i) => [1, 65 + i, 0]).flat();
    const long = [0x80, 0x20, ...Array.from({ length: 4_096 }, () => 0x61)];
    const damaged: number[][] = [
      [6, ...block(...kind, 0, 1)], // a number is missing in the block, though bytes follow it
      [6, ...block(...kind, 0x80, 0x20, 1, 1)], // shard 4,096
      [7, ...block(...kind, 0, 5, 1, 1)], // more numbers than the block holds
      [1, ...block(...body.slice(0, -1), 9, 1)], // an argument that is longer than the block
      [6, ...block(...kind, 0, 1, 1, 9)], // a section without a length
      [6, ...block(...kind, 0, 1, 1, 9, 4, 1, 2)], // a section that is longer than the block
      headersOf(HEADERS_MAX + 1, ...many),
      headersOf(1, 0, 1, 0x61), // no name
      headersOf(2, 1, 0x61, 0, 1, 0x61, 0), // one name twice
      headersOf(1, 1, 0x61), // no value
      headersOf(1, 1, 0xff, 0), // not UTF-8
      [1, ...block(...body, 1, 0x87, 0x20, 1, 1, 0x61, ...long)], // above the bytes of one map
    ];
    for (const item of damaged) {
      const whole = Uint8Array.from([...frame([]), ...sound, ...item, ...sound]);
      expect(() => readFrame(whole, "test")).toThrow(DecodeError);
    }
  });

  test("gives the same texts whether they were read before or not", () => {
    const texts = new ShortTexts();
    fc.assert(
      fc.property(newItems, (given) => {
        const bytes = frame(given);
        for (let i = 0; i < 2; i++)
          expect(plain(readFrame(bytes, "test", texts).items)).toEqual(plain(given));
      }),
      { numRuns: 500, seed: 7 },
    );
  });
});

describe("HeaderMap", () => {
  test("is not made of what cannot travel, and is none where nothing is given", () => {
    expect(HeaderMap.of([])).toBe(undefined);
    const many = Array.from({ length: HEADERS_MAX + 1 }, (_, i) => [`n${i}`, ""] as const);
    expect(() => HeaderMap.of(many)).toThrow(/there are 33, and 32 at most/);
    expect(() => HeaderMap.of([["a", "ü".repeat(4_096)]])).toThrow(/8193 bytes, and 8192 at most/);
    expect(HeaderMap.of([["a", "x".repeat(4_095)]])?.bytes).toBe(4_096);
    for (const bad of [
      ["", "x"],
      ["a", "\ud800"],
      ["\udc00", ""],
    ] as const)
      expect(() => HeaderMap.of([bad])).toThrow(/Cannot send headers/);
  });

  test("has after its travel what it had before, its weight among it", () => {
    fc.assert(
      fc.property(headers, (given) => {
        const [item] = readFrame(frame([{ ...(EXAMPLE[0] as Envelope), headers: given }]), "test").items;
        const { headers } = item as Envelope;
        expect([headers?.bytes, [...(headers ?? [])]]).toEqual([given?.bytes, [...(given ?? [])]]);
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});
