import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { HeaderMap } from "../../../codec/header_map.ts";
import { DecodeError } from "../../../errors.ts";
import {
  type Batch,
  decodeActor,
  decodeBatch,
  encodeActor,
  encodeBatch,
  leastVersion,
  versionFor,
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

const HEADERS = HeaderMap.of([["trace", "00-4bf9"]]);
const [FIRST] = EXAMPLE.actors as [Batch["actors"][0]];
const ACCOMPANIED: Batch = {
  ...EXAMPLE,
  actors: [
    {
      ...FIRST,
      timers: FIRST.timers.map((timer) => ({ ...timer, headers: HEADERS })),
      backlog: FIRST.backlog.map((mail) => ({ ...mail, headers: HEADERS })),
    },
    ...EXAMPLE.actors.slice(1),
  ],
};

function headersIn({ actors }: Batch): unknown[] {
  return actors.flatMap(({ timers, backlog }) =>
    [...timers, ...backlog].map(({ headers }) => headers && [...headers]),
  );
}

function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

for (const version of [1, 2] as const) {
  describe(`a batch of version ${version}`, () => {
    test("gives back what went in", () => {
      fc.assert(
        fc.property(batch, (given) => {
          expect(decodeBatch(encodeBatch(given, version))).toEqual(given);
        }),
        { numRuns: 500, seed: 7 },
      );
    });

    test("is refused at every truncation, and with a byte too many", () => {
      fc.assert(
        fc.property(batch, (given) => {
          const whole = encodeBatch(given, version).slice();
          for (let length = 0; length < whole.length; length++)
            expect(() => decodeBatch(whole.subarray(0, length))).toThrow(DecodeError);
          expect(() => decodeBatch(Uint8Array.from([...whole, 0]))).toThrow(DecodeError);
        }),
        { numRuns: 30, seed: 7 },
      );
    });

    test("of any bytes is a batch or a DecodeError, quickly", () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
          for (const bytes of [noise, Uint8Array.from([version, ...noise])]) {
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

    test("holds a late actor by itself, and refuses truncations of it", () => {
      fc.assert(
        fc.property(actor, (given) => {
          const whole = encodeActor(given, version).slice();
          expect(decodeActor(whole)).toEqual(given);
          for (let length = 0; length < whole.length; length++)
            expect(() => decodeActor(whole.subarray(0, length))).toThrow(DecodeError);
        }),
        { numRuns: 100, seed: 7 },
      );
    });

    test("keeps its bytes: other releases read them", () => {
      const golden = JSON.parse(readFileSync(GOLDEN, "utf8")) as Record<string, Record<string, string>>;
      const { batch = "", actor = "" } = golden[`version ${version}`] ?? {};
      const given = version === 1 ? EXAMPLE : ACCOMPANIED;
      expect(hex(encodeBatch(given, version))).toBe(batch);
      expect(hex(encodeActor(given.actors[0] as Batch["actors"][0], version))).toBe(actor);
      expect(decodeBatch(unhex(batch))).toEqual(given);
      expect(headersIn(decodeBatch(unhex(batch)))).toEqual(headersIn(given));
    });
  });
}

describe("a batch", () => {
  test("with counts that are larger than what follows is refused", () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    for (const forged of [
      [1, ...huge],
      [1, 0, 0xff, 0xff, 3],
      [1, 0, 0, 5, 1],
      [2, ...huge],
      [2, 3, 1, ...huge],
      [2, 3, 1, 1, 200, 2, 1, 0, 3, 1, 0],
    ])
      expect(() => decodeBatch(Uint8Array.from(forged))).toThrow(DecodeError);
  });

  test("of another version is refused, and one that lacks a part", () => {
    const other = encodeBatch(EXAMPLE, 2).slice();
    other[0] = 3;
    expect(() => decodeBatch(other)).toThrow(/version is 3, and this node reads 1 and 2/);
    expect(() => decodeActor(other)).toThrow(/version is 3/);
    expect(() => decodeBatch(Uint8Array.of(2, 2, 1, 1, 0, 2, 1, 0))).toThrow(/lack links, replies or actors/);
  });

  test("is read past the sections of a newer release, at its top and behind each of its parts", () => {
    const more = [9, 2, 7, 7];
    /** One part with what follows it in its block. */
    const part = (...bytes: number[]) => [bytes.length + more.length, ...bytes, ...more];
    const list = (...bytes: number[]) => [1, ...part(...bytes)];
    const place = [1, 0x61, 3, 0x31, 0x2d, 0x78]; // a, 1-x
    const link = list(...place, 5);
    const reply = list(...place, 1, 2, 1, 1, 0xf7);
    const timer = list(1, 0x74, 1, 0x6d, ...Array(16).fill(0), 1, 0xf7);
    const mail = list(...place, 9, 1, 1, 0x6e, 1, 0x6d, 0, 0, 1, 0xf7);
    const actor = list(1, 0x6e, 0, 0, 0, 0, 0, ...timer, ...mail);
    const bytes = Uint8Array.from([
      ...[2, 5, 77, 1, 0],
      ...[1, link.length, ...link, 2, reply.length, ...reply, 3, actor.length, ...actor],
      ...more,
    ]);
    const from = { node: "a", incarnation: "1-x" };
    expect(decodeBatch(bytes)).toMatchObject({
      links: [{ from, expected: 5 }],
      replies: [{ to: from, epoch: 1, seq: 2, ok: true }],
      actors: [{ name: "n", timers: [{ id: "t", message: "m" }], backlog: [{ from, seq: 9, type: "ask" }] }],
    });
    const damaged = bytes.slice();
    damaged[bytes.length - 3] = 3; // a section that is longer than what is left
    expect(() => decodeBatch(damaged)).toThrow(DecodeError);
  });

  test("has what an actor has beside its state, and leaves it out where no form holds it", () => {
    const [first] = EXAMPLE.actors;
    if (first?.snapshot === undefined) throw new Error("expected an actor with a state");
    const annexed = { ...first, snapshot: { ...first.snapshot, annex: Uint8Array.of(9, 1, 7) } };
    const given = { ...EXAMPLE, actors: [annexed] };
    expect(decodeBatch(encodeBatch(given, 2)).actors).toMatchObject([{ snapshot: annexed.snapshot }]);
    expect(decodeActor(encodeActor(annexed, 2))).toMatchObject({ snapshot: annexed.snapshot });
    expect(decodeBatch(encodeBatch(given, 1)).actors[0]?.snapshot?.annex).toBeUndefined();
    expect(leastVersion(given)).toBe(2);
  });

  test("is written in the form that its reader knows, or if nobody knows him in the oldest that holds all of it", () => {
    expect([undefined, 1, 2, 3].map(versionFor)).toEqual([1, 1, 2, 2]);
    expect([leastVersion(EXAMPLE), leastVersion(ACCOMPANIED)]).toEqual([1, 2]);
    expect(headersIn(decodeBatch(encodeBatch(ACCOMPANIED, 1)))).toEqual([undefined, undefined]);
  });
});
