import { describe, expect, test } from "bun:test";
import { HeaderMap } from "../../codec/header_map.ts";
import { DecodeError } from "../../errors.ts";
import { decodeHead, decodeChunkSets, encodeHead } from "../../storage/records/heads.ts";
import {
  decodeRecord,
  encodeRecord,
  type StoredRecord,
  type StoredTimer,
  wantsLoading,
} from "../../storage/record.ts";
import { afterLoss } from "../../storage/suspicion.ts";

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

  test("gives what the actor has beside its state, and that it is to be loaded", () => {
    const annexed = {
      ...RECORD,
      state: { stateVersion: 3, bytes: Uint8Array.of(1), annex: Uint8Array.of(7, 0) },
    };
    for (const record of [annexed, { ...annexed, timers: [], staysLoaded: true }]) {
      const bytes = encodeRecord(record).slice();
      expect(decodeRecord(bytes, "alice")).toEqual(record);
      for (let length = 0; length < bytes.length; length++)
        expect(failure(() => decodeRecord(bytes.subarray(0, length), "alice"))).toBeInstanceOf(DecodeError);
    }
    expect(
      [RECORD, { ...RECORD, timers: [] }, { ...RECORD, timers: [], staysLoaded: true }].map(wantsLoading),
    ).toEqual([true, false, true]);
  });

  test("is a DecodeError for every truncation, a byte too much, another version and another name", () => {
    const bytes = encodeRecord(RECORD).slice();
    for (let length = 0; length < bytes.length; length++)
      expect(failure(() => decodeRecord(bytes.subarray(0, length), "alice"))).toBeInstanceOf(DecodeError);
    const others = [
      Uint8Array.of(...bytes, 0),
      Uint8Array.of(2, ...bytes.subarray(1)),
      Uint8Array.of(4, ...bytes.subarray(1)),
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

describe("suspicions of timers", () => {
  const [tick, once] = RECORD.timers as [StoredTimer, StoredTimer];
  const suspicion = { deaths: 2, onTrial: true, setAside: false };
  const suspected = { ...RECORD, timers: [tick, { ...once, suspicion }] };

  test("are read as they were written, in a version of its own that stands only where there are some", () => {
    const bytes = encodeRecord(suspected).slice();
    expect(decodeRecord(bytes, "alice")).toEqual(suspected);
    const timed = { ...suspected, writtenWallMs: 1_700_000_000_001 };
    expect(decodeRecord(encodeRecord(timed), "alice")).toEqual(timed);
    expect([bytes[0], encodeRecord(RECORD)[0]]).toEqual([3, 1]);
    for (let length = 0; length < bytes.length; length++)
      expect(failure(() => decodeRecord(bytes.subarray(0, length), "alice"))).toBeInstanceOf(DecodeError);
  });

  test("stand in a section; sections of a later release are skipped", () => {
    const bytes = encodeRecord(suspected).slice();
    const own = 1 + 1 + 4; // its number, its length, and what it holds
    const before = bytes.subarray(0, bytes.length - own - 1);
    const more = Uint8Array.of(...before, 2, 99, 3, 7, 7, 7, ...bytes.subarray(bytes.length - own));
    expect(decodeRecord(more, "alice")).toEqual(suspected);
  });

  test("of a timer that is not there are refused", () => {
    const bytes = encodeRecord(suspected).slice();
    bytes[bytes.length - 3] = 2;
    expect(failure(() => decodeRecord(bytes, "alice"))).toBeInstanceOf(DecodeError);
  });
});

describe("headers of timers", () => {
  const [tick, once] = RECORD.timers as [StoredTimer, StoredTimer];
  const suspicion = { deaths: 1, onTrial: false, setAside: false };
  const headers = HeaderMap.of([["trace", "00-4bf9"]]);
  const accompanied = { ...RECORD, timers: [tick, { ...once, suspicion, headers }] };
  const headersIn = (record: StoredRecord) =>
    record.timers.map((timer) => timer.headers && [...timer.headers]);

  test("stand in a section of their own beside the others, and come back with their timer", () => {
    const bytes = encodeRecord({ ...accompanied, writtenWallMs: 7 }).slice();
    expect(bytes[0]).toBe(3);
    const found = decodeRecord(bytes, "alice");
    expect(headersIn(found)).toEqual([undefined, [["trace", "00-4bf9"]]]);
    expect([found.writtenWallMs, found.timers[1]?.suspicion]).toEqual([7, suspicion]);
    for (let length = 0; length < bytes.length; length++)
      expect(failure(() => decodeRecord(bytes.subarray(0, length), "alice"))).toBeInstanceOf(DecodeError);
    const alone = { ...RECORD, timers: [{ ...tick, headers }] };
    expect(headersIn(decodeRecord(encodeRecord(alone), "alice"))).toEqual([[["trace", "00-4bf9"]]]);
  });

  test("of a timer that is not there are refused", () => {
    const bytes = encodeRecord({ ...RECORD, timers: [{ ...tick, headers }] }).slice();
    bytes[bytes.length - 16] = 1; // its place
    expect(failure(() => decodeRecord(bytes, "alice"))).toBeInstanceOf(DecodeError);
  });
});

describe("afterLoss()", () => {
  const wall = 1_700_000_000_000;
  const timer = (id: string, dueInMs: number, more: Partial<StoredTimer> = {}): StoredTimer => {
    const plain = { id, message: id, argument: new Uint8Array(), everyMs: undefined };
    return { ...plain, dueWallMs: wall + dueInMs, ...more };
  };
  const deathsOf = (timers: readonly StoredTimer[]) => timers.map((each) => each.suspicion?.deaths ?? 0);
  const mark = { deaths: 2, onTrial: true, setAside: false };

  test("suspects what was due, or had gone off just before, and nothing else", () => {
    const timers = [
      timer("due", -1),
      timer("to come", 1),
      timer("beat", 3_599_000, { everyMs: 3_600_000 }),
      timer("long ago", 1_000_000, { everyMs: 3_600_000 }),
    ];
    expect(deathsOf(afterLoss(timers, wall, 3))).toEqual([1, 0, 1, 0]);
  });

  test("sets aside only what was marked; what waits, waits for its trial however many owners are lost", () => {
    let timers = [timer("due", -1)];
    for (let i = 0; i < 10; i++) timers = afterLoss(timers, wall, 3);
    expect(timers[0]?.suspicion).toEqual({ deaths: 2, onTrial: false, setAside: false });
    const [marked] = afterLoss([timer("marked", 99_999_999, { suspicion: mark })], wall, 3);
    expect(marked?.suspicion).toEqual({ deaths: 3, onTrial: false, setAside: true });
    expect(afterLoss([marked as StoredTimer], wall, 3)).toEqual([marked as StoredTimer]);
  });

  test("sets aside the same message under another id, and not the same message with another argument", () => {
    const of = (id: string, byte: number, more = {}) =>
      timer(id, -1, { message: "send", argument: Uint8Array.of(byte), ...more });
    const judged = afterLoss([of("a", 1, { suspicion: mark }), of("b", 1), of("c", 2)], wall, 3);
    expect(judged.map(({ suspicion }) => suspicion?.setAside)).toEqual([true, true, false]);
  });
});

describe("decodeHead()", () => {
  test("is a DecodeError for every truncation and for another name's head", () => {
    const sum = { chunks: 2, bytes: 9, hash: "ab" };
    for (const head of [
      { name: "a", nonce: "n", inline: Uint8Array.of(1), sum: undefined },
      { name: "a", nonce: "n", inline: undefined, sum },
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
