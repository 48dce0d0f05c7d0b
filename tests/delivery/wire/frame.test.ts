import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import {
  CHAIN_MAX,
  numbers,
  readFrame,
  writeEnvelope,
  writeHeader,
  writeReply,
} from "../../../delivery/wire/frame.ts";
import type {
  Ack,
  Envelope,
  Gap,
  Got,
  Item,
  Moved,
  Reply,
  Waits,
} from "../../../delivery/wire/frame_items.ts";
import { DecodeError, ProtocolError } from "../../../errors.ts";
import { ByteWriter } from "../../../codec/bytes.ts";

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
const items = fc.array(fc.oneof(envelope, oversize, skip, reply, ack, waits, got, gap, moved), {
  maxLength: 6,
});

const writer = new ByteWriter();

function frame(given: readonly Item[], cluster = "test"): Uint8Array {
  writeHeader(writer, { cluster, generation: GENERATION }, FROM);
  for (const item of given) {
    if (item.item === "envelope") writeEnvelope(writer, item);
    else if (item.item === "reply") writeReply(writer, item);
    else numbers(item).write(writer);
  }
  return writer.finish().slice();
}

function hex(given: Uint8Array): string {
  return [...given].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const EXAMPLE: readonly Item[] = [
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

describe("a frame", () => {
  test("gives back what went in", () => {
    fc.assert(
      fc.property(items, (given) => {
        expect(readFrame(frame(given), "test")).toEqual({ generation: GENERATION, from: FROM, items: given });
      }),
      { numRuns: 1_000, seed: 7 },
    );
  });

  test("is refused when cut off anywhere but between two items", () => {
    fc.assert(
      fc.property(items, (given) => {
        const whole = frame(given);
        const ends = new Set(
          [...given.keys(), given.length].map((count) => frame(given.slice(0, count)).length),
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
    expect(() => readFrame(frame(EXAMPLE, "production"), "test")).toThrow(ProtocolError);
    const other = frame(EXAMPLE);
    for (const version of [1, 3]) {
      other[1] = version;
      expect(() => readFrame(other, "test")).toThrow(new RegExp(`version ${version}`));
    }
    other[0] = 0;
    expect(() => readFrame(other, "test")).toThrow(DecodeError);
  });

  test("with forged counts, shards and types is refused, without the memory that it asks for", () => {
    const head = frame([]);
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

  test("of any bytes is a frame or a typed refusal", () => {
    const head = frame([]);
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
    const golden = JSON.parse(readFileSync(GOLDEN, "utf8")) as { frame: string };
    expect(hex(frame(EXAMPLE))).toBe(golden.frame);
    const known = Uint8Array.from(golden.frame.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
    expect(readFrame(known, "test")).toEqual({ generation: GENERATION, from: FROM, items: [...EXAMPLE] });
  });
});
