// The rules of watches without actors: what stands beside a state, and what becomes of it when something is said.
import { describe, expect, test } from "bun:test";
import { Annex } from "../../actors/annex/annex.ts";
import { ANNEX_PARTS } from "../../actors/annex/parts.ts";
import { watchNotice, WATCH_ENDS } from "../../actors/watch/notice.ts";
import { WATCHERS, WATCHERS_MAX, WATCHES, WATCHES_MAX, type WatchEntry } from "../../actors/watch/parts.ts";
import { hear, notWatching, type Standing, watching, watchOf } from "../../actors/watch/rules.ts";
import { isWatchWord, readWatchWord, type WatchWord } from "../../actors/watch/words.ts";
import { validate } from "../../actors/schema.ts";
import { DecodeError } from "../../errors.ts";

const entry = { id: "1", kind: "shop", name: "x", message: "gone", tellsAbsence: false };
const standing: Standing = {
  ...{ kind: "shop", name: "x", epoch: 7, isThere: true, wasLost: false, isCarried: true },
};
const by = { kind: "guard", name: "g" };
const of = { kind: "shop", name: "x" };
const asks = (more: Partial<Extract<WatchWord, { word: "$watch" }>> = {}): WatchWord => ({
  ...{ word: "$watch", id: "1", by, epoch: 3, again: false, tellsAbsence: false },
  ...more,
});
const after = (annex: Annex, says: WatchWord, how: Partial<Standing> = {}) => {
  const { change, ...rest } = hear(annex, says, { ...standing, ...how });
  return { annex: change?.(annex) ?? annex, ...rest };
};
const WATCHED = after(Annex.EMPTY, asks()).annex;
const ASKED = watching(Annex.EMPTY, entry);
const STANDING = after(ASKED, { word: "$watched", id: "1", of, epoch: 7 }).annex;
const LEAVING = notWatching(STANDING, of, STANDING);
const ended = (reason: "stopped" | "lost" = "stopped"): WatchWord => ({
  word: "$ended",
  id: "1",
  reason,
  epoch: 9,
});

describe("an actor that is watched", () => {
  test("notes who does, and says so; it says it again to whoever asks again", () => {
    const answer = { to: by, says: { word: "$watched", id: "1", of, epoch: 7 } as const };
    expect(after(Annex.EMPTY, asks())).toMatchObject({ answer });
    expect(WATCHED.get(WATCHERS)).toEqual([{ id: "1", ...by, epoch: 3 }]);
    expect(hear(WATCHED, asks({ again: true }), standing)).toEqual({ answer });
    expect(hear(WATCHED, asks(), standing)).toEqual({ answer });
  });

  test.each([
    ["a watch that it should know", { again: true }, {}, "stopped"],
    ["the same when its memory was lost", { again: true }, { wasLost: true }, "lost"],
    ["one that is to hear that it is not there", { tellsAbsence: true }, { isThere: false }, "absent"],
    ["any, if it begins anew in each move", {}, { isCarried: false }, "refused"],
  ] as const)("refuses %s", (_, says, how, reason) => {
    const heard = after(Annex.EMPTY, asks(says), how);
    expect(heard).toEqual({
      annex: Annex.EMPTY,
      answer: { to: by, says: { word: "$ended", id: "1", reason, epoch: 7 } },
    });
  });

  test("lets a watcher begin it, and tells one who asks for absence nothing if it is there", () => {
    expect(after(Annex.EMPTY, asks(), { isThere: false }).annex.get(WATCHERS)).toHaveLength(1);
    expect(after(Annex.EMPTY, asks({ tellsAbsence: true })).annex.get(WATCHERS)).toHaveLength(1);
  });

  test(`has ${WATCHERS_MAX} watchers, and refuses the next`, () => {
    let annex = Annex.EMPTY;
    for (let i = 0; i < WATCHERS_MAX; i++) annex = after(annex, asks({ id: `${i}` })).annex;
    expect(annex.get(WATCHERS)).toHaveLength(WATCHERS_MAX);
    expect(after(annex, asks({ id: "more" })).answer?.says).toMatchObject({ reason: "refused" });
    expect(after(annex, asks({ id: "5" })).answer?.says.word).toBe("$watched");
  });

  test("forgets who watches no more, and says so to one that waits for it", () => {
    expect(after(WATCHED, { word: "$unwatch", id: "1", by })).toEqual({
      annex: Annex.EMPTY,
      answer: { to: by, says: { word: "$unwatched", id: "1" } },
    });
    expect(after(WATCHED, { word: "$unwatch", id: "1" })).toEqual({ annex: Annex.EMPTY });
    expect(after(WATCHED, { word: "$unwatch", id: "2", by }).annex).toBe(WATCHED);
  });
});

describe("an actor that watches", () => {
  const due = { message: "gone", notice: { ref: "shop/x", reason: "stopped", epoch: 9 } } as const;

  test("hears of an end once, also before it heard that its watch is known", () => {
    for (const annex of [ASKED, STANDING]) {
      const first = after(annex, ended());
      expect(first).toEqual({ annex: Annex.EMPTY, due });
      expect(after(first.annex, ended("lost"))).toEqual({ annex: Annex.EMPTY });
    }
  });

  test("hears nothing of a watch that it has ended", () => {
    expect(after(LEAVING, ended())).toEqual({ annex: Annex.EMPTY });
    expect(after(LEAVING, { word: "$unwatched", id: "1" })).toEqual({ annex: Annex.EMPTY });
    expect(after(STANDING, { word: "$unwatched", id: "1" }).annex).toBe(STANDING);
  });

  test("has one watch of each, with the message that was given last, and another one after unwatch", () => {
    expect(watching(ASKED, { ...entry, id: "2" })).toBe(ASKED);
    expect(watchOf(watching(STANDING, { ...entry, id: "2", message: "away" }), "1")).toMatchObject({
      ...{ message: "away", stage: "standing" },
    });
    const anew = watching(LEAVING, { ...entry, id: "2" });
    expect(anew.get(WATCHES)?.map(({ id, stage }) => `${id} ${stage}`)).toEqual(["1 leaving", "2 asked"]);
    expect(after(anew, ended()).due).toBeUndefined();
  });

  test("simply forgets one that nobody has heard of", () => {
    expect(notWatching(ASKED, of, Annex.EMPTY)).toBe(Annex.EMPTY);
    expect(watchOf(notWatching(ASKED, of, ASKED), "1")?.stage).toBe("leaving");
    expect(notWatching(STANDING, by, STANDING)).toBe(STANDING);
  });

  test(`has ${WATCHES_MAX} watches, and may not have the next`, () => {
    let annex = Annex.EMPTY;
    for (let i = 0; i < WATCHES_MAX; i++) annex = watching(annex, { ...entry, id: `${i}`, name: `x${i}` });
    const more = () => watching(annex, { ...entry, id: "more", name: "more" });
    expect(more).toThrow(expect.objectContaining({ code: "busy" }));
    expect(watching(annex, { ...entry, id: "again", name: "x7" })).toBe(annex);
  });

  test("that has none of that id says so to whom it seems to watch", () => {
    expect(after(Annex.EMPTY, { word: "$watched", id: "1", of, epoch: 7 }).answer).toEqual({
      ...{ to: of, says: { word: "$unwatch", id: "1" } },
    });
  });
});

/** Watches are section 3: id, kind, name, message, stage and flags. Watchers are section 4: id, kind, name, epoch. */
const GOLDEN = "0314036964310473686f7004c3a42f6204676f6e6505040c01770567756172640167ac02";

describe("what stands beside a state", () => {
  const all: WatchEntry[] = (["asked", "standing", "leaving"] as const).map((stage, i) => ({
    ...{ id: `id${i}`, kind: "shop", name: "ä/b", message: "gone", stage, tellsAbsence: i === 1 },
  }));
  const annex = Annex.EMPTY.with(WATCHES, all).with(WATCHERS, [{ id: "w", ...by, epoch: 300 }]);

  test("is read as it was written, and keeps a watching actor loaded, and not a watched one", () => {
    const read = Annex.read(annex.bytes, ANNEX_PARTS);
    expect([read.get(WATCHES), read.get(WATCHERS)]).toEqual([all, [{ id: "w", ...by, epoch: 300 }]]);
    expect(read.staysLoaded).toBe(true);
    expect(Annex.read(Annex.EMPTY.with(WATCHERS, []).bytes, ANNEX_PARTS).staysLoaded).toBe(false);
  });

  test("has these bytes for good", () => {
    const one = Annex.EMPTY.with(WATCHES, all.slice(1, 2)).with(WATCHERS, [{ id: "w", ...by, epoch: 300 }]);
    expect(Buffer.from(one.bytes).toString("hex")).toBe(GOLDEN);
  });

  test("is not read if it is cut off", () => {
    for (const cut of [1, 2, 5]) {
      const bytes = annex.bytes.subarray(0, annex.bytes.length - cut);
      expect(() => Annex.read(bytes, ANNEX_PARTS)).toThrow(DecodeError);
    }
  });
});

describe("a word about a watch", () => {
  const mail = (message: string, argument: unknown) => ({ message, argument: () => argument });

  test("is a tell of a name that no contract can have", () => {
    expect(isWatchWord({ type: "tell", message: "$watch" })).toBe(true);
    expect(isWatchWord({ type: "ask", message: "$watch" })).toBe(false);
    for (const message of ["watch", "toString", "$", "$unknown"])
      expect(isWatchWord({ type: "tell", message })).toBe(false);
  });

  test.each<readonly [string, unknown]>([
    ["$watch", { id: "1", by, epoch: 3, again: false }],
    ["$watch", { id: "x".repeat(65), by, epoch: 3, again: false, tellsAbsence: false }],
    ["$watched", { id: "1", of: "shop/x", epoch: 3 }],
    ["$ended", { id: "1", reason: "lost", epoch: -1 }],
    ["$unwatch", undefined],
  ])("that is damaged is not read: %s", (message, argument) => {
    expect(() => readWatchWord(mail(message, argument))).toThrow(DecodeError);
  });

  test("of a newer release is read as far as it is known", () => {
    const says = readWatchWord(mail("$ended", { id: "1", reason: "moved-out", epoch: 3, more: true }));
    expect(says).toEqual({ word: "$ended", id: "1", reason: "stopped", epoch: 3 });
  });
});

describe("the schema of a notice", () => {
  test("takes what is one and nothing else", () => {
    for (const reason of WATCH_ENDS)
      expect(validate(watchNotice, { ref: "a/b", reason, epoch: 1 })).toEqual({
        value: { ref: "a/b", reason, epoch: 1 },
      });
    const faults = [
      ...[undefined, null, "a/b", { reason: "lost", epoch: 1 }, { ref: "a/b", reason: "gone", epoch: 1 }],
      { ref: "a/b", reason: "lost", epoch: 1.5 },
    ];
    for (const fault of faults) expect(validate(watchNotice, fault).issues).toHaveLength(1);
  });
});
