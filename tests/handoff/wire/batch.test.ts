import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { DecodeError } from "../../../errors.ts";
import {
  type Batch,
  decodeActor,
  decodeBatch,
  encodeActor,
  encodeBatch,
} from "../../../handoff/wire/batch.ts";

const GOLDEN = new URL("../../golden/batch.json", import.meta.url);

const text = (maxLength = 12) => fc.string({ unit: "grapheme", maxLength });
const count = fc.oneof(fc.nat(200), fc.maxSafeNat());
const bytes = fc.uint8Array({ maxLength: 40 });
const place = fc.record({ node: text().filter((node) => node !== ""), incarnation: text() });
const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });

const mail = fc.record({
  from: place,
  seq: count,
  type: fc.constantFrom("ask" as const, "tell" as const),
  name: text(),
  message: text(),
  chain: fc.array(text(), { maxLength: 3 }),
  remainingMs: count,
  argument: bytes,
});
const timer = fc.record({
  id: text(),
  message: text(),
  argument: bytes,
  remainingMs: fc.double({ min: 0, max: 1e9, noNaN: true }).map(Math.abs),
  everyMs: optional(fc.double({ min: 1, max: 1e9, noNaN: true })),
});
const actor = fc.record({
  name: text(),
  status: fc.constantFrom("active" as const, "passive" as const, "late" as const, "quarantined" as const),
  snapshot: optional(fc.record({ stateVersion: count, bytes })),
  at: optional(place),
  reason: optional(text().filter((reason) => reason !== "")),
  timers: fc.array(timer, { maxLength: 2 }),
  backlog: fc.array(mail, { maxLength: 3 }),
});
const reply = fc.record({
  to: place,
  epoch: count,
  seq: count,
  ok: fc.boolean(),
  refusesTell: fc.boolean(),
  body: bytes,
});
const batch: fc.Arbitrary<Batch> = fc.record({
  links: fc.array(fc.record({ from: place, expected: count }), { maxLength: 3 }),
  replies: fc.array(reply, { maxLength: 3 }),
  actors: fc.array(actor, { maxLength: 4 }),
});

const EXAMPLE: Batch = {
  links: [{ from: { node: "a", incarnation: "1-x" }, expected: 300 }],
  replies: [
    {
      to: { node: "b", incarnation: "2-y" },
      epoch: 4,
      seq: 7,
      ok: false,
      refusesTell: true,
      body: new Uint8Array([1, 2]),
    },
  ],
  actors: [
    {
      name: "ü",
      status: "active",
      snapshot: { stateVersion: 3, bytes: new Uint8Array([0xa0]) },
      at: undefined,
      reason: undefined,
      timers: [
        { id: "t", message: "tick", argument: new Uint8Array([0xf7]), remainingMs: 1.5, everyMs: 1_000 },
      ],
      backlog: [
        {
          from: { node: "b", incarnation: "2-y" },
          seq: 9,
          type: "ask",
          name: "ü",
          message: "add",
          chain: ["k/z"],
          remainingMs: 250,
          argument: new Uint8Array([1]),
        },
      ],
    },
    {
      name: "late",
      status: "late",
      snapshot: undefined,
      at: { node: "c", incarnation: "1-z" },
      reason: undefined,
      timers: [],
      backlog: [],
    },
    {
      name: "bad",
      status: "quarantined",
      snapshot: { stateVersion: 9, bytes: new Uint8Array([0xff]) },
      at: undefined,
      reason: "too new",
      timers: [],
      backlog: [],
    },
  ],
};

function hex(of: Uint8Array): string {
  return [...of].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

describe("encodeBatch() and decodeBatch()", () => {
  test("give back what went in", () => {
    fc.assert(
      fc.property(batch, (given) => {
        expect(decodeBatch(encodeBatch(given))).toEqual(given);
      }),
      { numRuns: 500, seed: 7 },
    );
  });

  test("refuse every truncation, and every byte too many", () => {
    fc.assert(
      fc.property(batch, (given) => {
        const whole = encodeBatch(given).slice();
        for (let length = 0; length < whole.length; length++)
          expect(() => decodeBatch(whole.subarray(0, length))).toThrow(DecodeError);
        expect(() => decodeBatch(Uint8Array.from([...whole, 0]))).toThrow(DecodeError);
      }),
      { numRuns: 30, seed: 7 },
    );
  });

  test("answer any bytes with a batch or a DecodeError, quickly", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
        for (const bytes of [noise, Uint8Array.from([1, ...noise])]) {
          try {
            decodeBatch(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(DecodeError);
          }
        }
      }),
      { numRuns: 3_000, seed: 7 },
    );
  });

  test("refuse counts that are larger than what follows", () => {
    for (const forged of [
      [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
      [0x01, 0x00, 0xff, 0xff, 0x03],
      [0x01, 0x00, 0x00, 0x05, 0x01],
    ])
      expect(() => decodeBatch(Uint8Array.from(forged))).toThrow(DecodeError);
  });

  test("refuse another version", () => {
    const other = encodeBatch(EXAMPLE).slice();
    other[0] = 2;
    expect(() => decodeBatch(other)).toThrow(/version 2 is unknown/);
  });

  test("keep their bytes: other releases read them", () => {
    const golden = JSON.parse(readFileSync(GOLDEN, "utf8")) as { batch: string; actor: string };
    expect(hex(encodeBatch(EXAMPLE))).toBe(golden.batch);
    expect(hex(encodeActor(EXAMPLE.actors[0] as Batch["actors"][0]))).toBe(golden.actor);
    expect(
      decodeBatch(Uint8Array.from(golden.batch.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))),
    ).toEqual(EXAMPLE);
  });
});

describe("encodeActor() and decodeActor()", () => {
  test("give back what went in, and refuse truncations", () => {
    fc.assert(
      fc.property(actor, (given) => {
        const whole = encodeActor(given).slice();
        expect(decodeActor(whole)).toEqual(given);
        for (let length = 0; length < whole.length; length++)
          expect(() => decodeActor(whole.subarray(0, length))).toThrow(DecodeError);
      }),
      { numRuns: 100, seed: 7 },
    );
  });
});
