import { describe, expect, test } from "bun:test";
import { AbortedError, BusyError, OutcomeUnknownError } from "../../../errors.ts";
import type { CallPlace } from "../../../delivery/calls/pending_call.ts";
import { callOf } from "../sending/links_support.ts";

/** A place that writes down what it is told. */
function placeOf(given: Partial<CallPlace> = {}) {
  const told: string[] = [];
  const place: CallPlace = {
    ...{ seq: 1, oldestEpoch: 1, maybeAdmitted: false, isTaken: false, waitsForRoom: false },
    acknowledge: () => false,
    callEnded: () => void told.push("ended"),
    leave: () => void told.push("left"),
    ...given,
  };
  return { place, told };
}

describe("a pending call", () => {
  test("ends once: what comes later changes nothing", async () => {
    const { call, heard, rooms } = callOf();
    expect(rooms.pending.taken).toBe(1);
    const promise = call.promise();
    call.end("first");
    call.end("second");
    call.endBadly(new Error("third"));
    expect(await promise).toBe("first");
    expect(heard).toEqual({ sent: 1, settled: 1, ended: 1, abandoned: 0 });
    expect(rooms.pending.taken).toBe(0);
  });

  test("gives the end that came before its promise was asked for", async () => {
    const good = callOf();
    good.call.end("early");
    expect(await good.call.promise()).toBe("early");
    const bad = callOf();
    const error = new BusyError("full", { retryAfterMs: 1 });
    bad.call.endBadly(error);
    const caught: unknown = await bad.call.promise().catch((caught: unknown) => caught);
    expect(caught).toBe(error);
  });

  test("leaves it to its place when its sender is done with it", () => {
    const { call, heard } = callOf();
    const { place, told } = placeOf();
    call.place = place;
    call.end(1);
    expect([told, heard.settled]).toEqual([["ended"], 0]);
  });

  test("counts a tell neither as pending nor as given back", () => {
    const { call, rooms } = callOf({ type: "tell" });
    expect(rooms.pending.taken).toBe(0);
    call.end(undefined);
    expect(rooms.pending.taken).toBe(0);
  });

  test.each([
    ["refused", new BusyError("full", { retryAfterMs: 1 }), true],
    ["aborted", new AbortedError("given up"), true],
    ["failed", new Error("of its handler"), false],
  ] as const)(
    "that was %s after a loss ends as unknown if that says nothing of the lost owner",
    async (_, end, isUnknown) => {
      const { call } = callOf({ idempotent: true });
      const { place, told } = placeOf({ maybeAdmitted: true });
      call.place = place;
      call.lost();
      expect(told).toEqual(["left"]);
      expect([call.place === undefined, call.maybeAdmitted]).toEqual([true, true]);
      const promise = call.promise();
      call.endBadly(end);
      const caught: unknown = await promise.catch((caught: unknown) => caught);
      expect(caught instanceof OutcomeUnknownError).toBe(isUnknown);
      if (!isUnknown) expect(caught).toBe(end);
    },
  );

  test("heeds its signal until it has ended, and no longer", () => {
    const controller = new AbortController();
    const one = callOf({ signal: controller.signal });
    const other = callOf({ signal: controller.signal });
    other.call.end(1);
    controller.abort();
    expect([one.heard.abandoned, other.heard.abandoned]).toEqual([1, 0]);
  });
});
