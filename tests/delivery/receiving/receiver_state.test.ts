import { describe, expect, test } from "bun:test";
import { ReceiverState, type Verdict } from "../../../delivery/receiving/receiver_state.ts";

describe("a receiver's state", () => {
  /** The next number, the lowest that the sender keeps, the number of the envelope: whether it skips, and the verdict then. */
  const ROWS: readonly (readonly [number, number, number, boolean, Verdict])[] = [
    [1, 1, 1, false, "next"],
    [1, 1, 2, false, "ahead"],
    [5, 5, 5, false, "next"],
    [5, 3, 5, false, "next"],
    [5, 3, 3, false, "again"],
    [5, 3, 4, false, "again"],
    [5, 3, 6, false, "ahead"],
    [5, 5, 9, false, "ahead"],
    [5, 7, 7, true, "next"],
    [5, 7, 9, true, "ahead"],
    [5, 9, 7, true, "again"],
  ];
  test.each(ROWS.map((row) => [...row] as const))(
    "that expects %s judges an envelope that keeps from %s and has number %s: skips %s, %s",
    (expected, first, seq, skips, verdict) => {
      const state = new ReceiverState<string>(expected);
      expect(state.keeps(first)).toBe(skips);
      if (skips) state.skipTo(first);
      expect(state.judge(seq)).toBe(verdict);
      expect(state.expected).toBe(Math.max(expected, first));
    },
  );

  test("gives what was held in its order, up to the next gap", () => {
    const state = new ReceiverState<string>(1);
    for (const [seq, what] of [
      [4, "d"],
      [2, "b"],
      [3, "c"],
      [6, "f"],
    ] as const)
      expect(state.hold(seq, what)).toBe(true);
    expect([state.hold(2, "again"), state.held]).toEqual([false, 4]);
    expect(state.takeNext()).toBe(undefined); // 1 is missing
    state.admit();
    const taken: string[] = [];
    for (let next = state.takeNext(); next !== undefined; next = state.takeNext()) {
      taken.push(next);
      state.admit();
    }
    expect([taken, state.expected, state.last, state.held]).toEqual([["b", "c", "d"], 5, 4, 1]);
  });

  test("forgets what its sender gave up, and says what that was", () => {
    const state = new ReceiverState<string>(1);
    state.hold(2, "b");
    state.hold(5, "e");
    expect(state.skipTo(4)).toEqual(["b"]);
    expect([state.expected, state.held]).toEqual([4, 1]);
    expect(state.skipTo(2)).toEqual([]); // it never goes back
    expect(state.expected).toBe(4);
    expect([state.drop(), state.held]).toEqual([["e"], 0]);
  });

  test("never believes that its sender keeps less than it said before", () => {
    const state = new ReceiverState<string>(9);
    state.keeps(5);
    state.keeps(3);
    expect(state.first).toBe(5);
  });

  test("asks for what is missing once in a pause", () => {
    const state = new ReceiverState<string>(1);
    expect([0, 24, 25, 26, 50].map((now) => state.asks(now, 25))).toEqual([true, false, true, false, true]);
  });
});
