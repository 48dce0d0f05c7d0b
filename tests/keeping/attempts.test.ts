import { describe, expect, test } from "bun:test";
import { type Attempt, CALM_MS, whenMissing, whenThere } from "../../keeping/attempts.ts";

const pauseMs = (failures: number) => failures * 100;
const begun = (at: number, failures = 0): Attempt => ({ as: "begun", at, failures });
const ended = (notBefore: number, failures: number): Attempt => ({ as: "ended", notBefore, failures });

describe("an actor that is kept alive and is not there", () => {
  test("is begun at once if it was not begun before", () => {
    expect(whenMissing(undefined, 7, pauseMs)).toEqual(ended(7, 0));
  });

  test("is left alone for a time that grows with each beginning in vain", () => {
    expect(whenMissing(begun(0), 10, pauseMs)).toEqual(ended(110, 1));
    expect(whenMissing(begun(500, 3), 510, pauseMs)).toEqual(ended(910, 4));
  });

  test("is left alone no longer for being looked at again", () => {
    expect(whenMissing(ended(110, 1), 60, pauseMs)).toEqual(ended(110, 1));
  });

  test("has a clean slate if it has run for a while", () => {
    expect(whenMissing(begun(0, 9), CALM_MS - 1, pauseMs)).toEqual(ended(CALM_MS + 999, 10));
    expect(whenMissing(begun(0, 9), CALM_MS, pauseMs)).toEqual(ended(CALM_MS + 100, 1));
  });
});

describe("an actor that is kept alive and is there", () => {
  test("is remembered until it has run for a while", () => {
    expect(whenThere(begun(0, 2), 10)).toEqual(begun(0, 2));
    expect(whenThere(begun(0, 2), CALM_MS)).toBe(undefined);
  });

  test("is not remembered if a message has begun it", () => {
    expect(whenThere(ended(100, 4), 10)).toBe(undefined);
  });
});
