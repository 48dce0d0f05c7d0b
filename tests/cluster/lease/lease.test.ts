import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  attemptNonce,
  heldLease,
  type LeaseEffect,
  type LeaseEvent,
  type LeaseState,
  stepLease,
} from "../../../cluster/lease/lease.ts";
import type { KnownRevisions } from "../../../cluster/records/rollback.ts";
import { LEASE_TIMES, leaseTimes, outageMs } from "../../../cluster/lease/lease_times.ts";
import { ConfigurationError } from "../../../errors.ts";

const OWN = "2-own";
type Input<E = LeaseEvent> = E extends LeaseEvent
  ? Omit<E, "now" | "mark" | "known" | "checked" | "removedAt"> & {
      removedAt?: number;
      now?: number;
      mark?: number;
      known?: KnownRevisions;
      checked?: boolean;
    }
  : never;

/** A lease held since 0 at revision 10, after these events; what the last one made it do. */
function after(...events: Input[]): { state: LeaseState; effects: LeaseEffect[] } {
  let state = heldLease(OWN, 10, 0, 5, LEASE_TIMES);
  let effects: LeaseEffect[] = [];
  for (const event of events)
    [state, ...effects] = stepLease(
      state,
      { now: 0, mark: 1, known: { own: 0, any: 0 }, checked: true, removedAt: 0, ...event } as LeaseEvent,
      LEASE_TIMES,
    );
  return { state, effects };
}

function seen(number: number, revision: number, state: "up" | "dead" = "up", incarnation = OWN) {
  return { incarnation, state, nonce: attemptNonce(incarnation, number), revision };
}

const due = (now: number): Input => ({ type: "due", now });

describe("stepLease()", () => {
  test("writes at the first due time and waits for it when nothing happens before", () => {
    expect(after(due(1_499)).effects).toEqual([]);
    expect(after(due(1_500)).effects).toEqual([{ type: "write", number: 1, state: "up", revision: 10 }]);
  });

  test("counts an acknowledgement from the sending when the answer is slow", () => {
    const { state, effects } = after(due(1_500), { type: "written", number: 1, revision: 11, now: 1_900 });
    expect(state).toMatchObject({
      at: "waiting",
      revision: 11,
      dueAt: 3_000,
      lastAckedSentAt: 1_500,
      lastTookMs: 400,
    });
    expect(effects).toMatchObject([{ type: "acked", attempt: { number: 1, sentAt: 1_500 } }]);
  });

  test("repeats at once when an attempt has timed out, and not sooner than 250 ms when it failed at once", () => {
    const timedOut = after(due(1_500), { type: "doubt", number: 1, now: 2_500 });
    expect(timedOut.state.dueAt).toBe(2_500);
    const refused = after(due(1_500), { type: "doubt", number: 1, now: 1_500 });
    expect(refused.state.dueAt).toBe(1_750);
  });

  test("sends another attempt against the same revision when the store gives no answer at all", () => {
    expect(after(due(1_500), due(2_500)).effects).toEqual([
      { type: "write", number: 2, state: "up", revision: 10 },
    ]);
  });

  test("takes a conflict with its own nonce for an acknowledgement, of the attempt that got through", () => {
    const { state, effects } = after(
      due(1_500),
      due(2_500),
      { type: "conflict", number: 2, now: 2_600 },
      { type: "read", seen: seen(1, 11), now: 2_700 },
    );
    expect(effects).toMatchObject([{ type: "acked", attempt: { number: 1, sentAt: 1_500 } }]);
    expect(state).toMatchObject({ at: "waiting", revision: 11, lastAckedSentAt: 1_500, lastTookMs: 1_200 });
  });

  test("takes the late answer of an earlier attempt, and ignores the conflict of the later one", () => {
    const { state, effects } = after(
      due(1_500),
      due(2_500),
      { type: "written", number: 1, revision: 11, now: 2_600 },
      { type: "conflict", number: 2, now: 2_700 },
    );
    expect(effects).toEqual([]);
    expect(state).toMatchObject({ at: "waiting", revision: 11, lastAckedSentAt: 1_500 });
  });

  test("reads after the conflict of any attempt, for a slow store answers each one when the next is under way", () => {
    const slow = after(due(1_500), due(2_500), due(3_500), { type: "conflict", number: 2, now: 3_700 });
    expect(slow.state.at).toBe("reading");
    expect(slow.effects).toEqual([{ type: "read" }]);
    const known = after(
      ...[due(1_500), due(2_500), { type: "written", number: 1, revision: 11, now: 2_700 } as const],
      ...[due(3_000), { type: "conflict", number: 2, now: 3_700 } as const],
    );
    expect(known.effects).toEqual([]); // it was sent before an attempt that got through was known
  });

  test("is fenced when a conflict shows that it is dead or followed by another incarnation", () => {
    const conflict: Input[] = [due(1_500), { type: "conflict", number: 1, now: 1_600 }];
    for (const other of [seen(0, 12, "dead"), seen(0, 12, "up", "3-other")]) {
      const { state, effects } = after(...conflict, { type: "read", seen: other });
      expect(state.at).toBe("ended");
      expect(effects).toMatchObject([{ type: "fenced" }]);
    }
  });

  test("is fenced by what the watch shows unless that is older than itself", () => {
    expect(after({ type: "seen", seen: seen(0, 9, "dead", "1-former") }).state.at).toBe("waiting");
    expect(after({ type: "seen", seen: seen(1, 11) }).state.at).toBe("waiting");
    expect(after({ type: "seen", seen: seen(0, 11, "dead") }).state.at).toBe("ended");
    expect(after({ type: "seen", seen: seen(0, 11, "up", "3-other") }).state.at).toBe("ended");
  });

  test("writes its record anew when it is missing from the same bucket, over the mark of a removal alone", () => {
    const conflict: Input = { type: "conflict", number: 1 };
    for (const removedAt of [0, 12]) {
      const { effects } = after(due(1_500), conflict, { type: "read", seen: undefined, removedAt });
      expect(effects).toEqual([{ type: "write", number: 2, state: "up", revision: removedAt }]);
    }
  });

  test("tries again when it was refused although nothing had changed", () => {
    const { state } = after(
      due(1_500),
      { type: "conflict", number: 1 },
      { type: "read", seen: seen(0, 10), now: 1_600 },
    );
    expect(state).toMatchObject({ at: "waiting", revision: 10, dueAt: 1_850 });
  });

  test("renews once more when the acknowledged attempt was sent before a disturbance", () => {
    const { effects } = after(due(1_500), { type: "written", number: 1, revision: 11, now: 1_600, mark: 2 });
    expect(effects).toMatchObject([
      { type: "acked", attempt: { mark: 1 } },
      { type: "write", number: 2, revision: 11 },
    ]);
  });

  test("renews at once when asked, unless an attempt since the last disturbance is under way", () => {
    expect(after({ type: "wanted" }).effects).toMatchObject([{ type: "write", number: 1 }]);
    expect(after({ type: "wanted" }, { type: "wanted" }).effects).toEqual([]);
    expect(after({ type: "wanted" }, { type: "wanted", mark: 2 }).effects).toMatchObject([
      { type: "write", number: 2 },
    ]);
  });

  test("writes a new state at once, or right after the write under way", () => {
    expect(after({ type: "set", state: "leaving" }).effects).toMatchObject([
      { type: "write", state: "leaving" },
    ]);
    const { effects } = after(
      due(1_500),
      { type: "set", state: "leaving" },
      { type: "written", number: 1, revision: 11 },
    );
    expect(effects).toMatchObject([
      { type: "acked", attempt: { state: "up" } },
      { type: "write", state: "leaving" },
    ]);
  });

  test("writes what else the record says at once, or right after the write under way, and once", () => {
    expect(after({ type: "edited" }).effects).toMatchObject([{ type: "write", number: 1 }]);
    const during = after(...[due(1_500), { type: "edited" } as const], {
      type: "written",
      number: 1,
      revision: 11,
    });
    expect(during.effects).toMatchObject([
      { type: "acked", attempt: { edition: 0 } },
      { type: "write", number: 2 },
    ]);
    const all = after(
      ...[due(1_500), { type: "edited" } as const],
      { type: "written", number: 1, revision: 11 },
      { type: "written", number: 2, revision: 12 },
    );
    expect(all.effects).toMatchObject([{ type: "acked", attempt: { edition: 1 } }]);
    expect(all.state.at).toBe("waiting");
  });

  test("has left when another has the name after a gone without an answer, and not if it wrote none", () => {
    const taken: Input = { type: "seen", seen: seen(1, 12, "up", "3-other") };
    expect(after({ type: "set", state: "gone" }, taken)).toMatchObject({
      state: { at: "ended" },
      effects: [{ type: "left" }],
    });
    expect(after({ type: "set", state: "leaving" }, taken).effects).toMatchObject([{ type: "fenced" }]);
    const dead: Input = { type: "seen", seen: seen(0, 12, "dead") };
    expect(after({ type: "set", state: "gone" }, dead).effects).toMatchObject([{ type: "fenced" }]);
  });

  test("ends when gone is acknowledged, and does nothing afterwards", () => {
    const gone: Input[] = [
      { type: "set", state: "gone" },
      { type: "written", number: 1, revision: 11 },
    ];
    expect(after(...gone).state.at).toBe("ended");
    expect(after(...gone, due(99_999)).effects).toEqual([]);
  });

  test("renews again, and does not count one after which nobody could tell which generation there is", () => {
    const unchecked: Input = { type: "written", number: 1, revision: 11, now: 1_600, checked: false };
    const { state, effects } = after(due(1_500), unchecked);
    expect(effects).toEqual([]);
    expect(state).toMatchObject({ at: "waiting", revision: 11, lastAckedSentAt: 0, dueAt: 1_750 });
    expect(after(due(1_500), unchecked, due(1_750)).effects).toEqual([
      { type: "write", number: 2, state: "up", revision: 11 },
    ]);
    const read: Input = { type: "read", seen: seen(1, 11), now: 1_700, checked: false };
    const doubt = after(due(1_500), { type: "conflict", number: 1, now: 1_600 }, read);
    expect([doubt.effects, doubt.state.revision, doubt.state.lastAckedSentAt]).toEqual([[], 11, 0]);
  });

  describe("ends for records that went back", () => {
    const wentBack = { state: { at: "ended" }, effects: [{ type: "went-back" }] };
    const due3 = due(1_500);
    const known = (own: number, any: number) => ({ ...due3, known: { own, any } });

    test("when a renewal is given a revision that was known before it was sent", () => {
      const written = (revision: number): Input => ({ type: "written", number: 1, revision });
      for (const revision of [11, 12])
        expect(after(known(10, 12), written(revision))).toMatchObject(wentBack);
      expect(after(known(10, 12), written(13)).effects).toMatchObject([{ type: "acked" }]);
      const laterKnown = { ...written(13), known: { own: 10, any: 20 } };
      expect(after(known(10, 12), laterKnown).effects).toMatchObject([{ type: "acked" }]);
    });

    test("when a renewal replaces an older record of its own than it knows, whatever is known of others", () => {
      const forgotten: Input[] = [
        due(1_500),
        { type: "conflict", number: 1 },
        { type: "read", seen: { ...seen(0, 7), nonce: "before" }, known: { own: 10, any: 10 } },
      ];
      expect(after(...forgotten).effects).toEqual([{ type: "write", number: 2, state: "up", revision: 7 }]);
      expect(after(...forgotten, { type: "written", number: 2, revision: 99 })).toMatchObject(wentBack);
    });

    test("when it reads that a renewal without an answer was one of these", () => {
      const conflict: Input = { type: "conflict", number: 1 };
      const read: Input = { type: "read", seen: seen(1, 11) };
      expect(after(known(10, 12), conflict, read)).toMatchObject(wentBack);
    });

    test("and not for a record that is missing, nor when all that it has to say is that it has gone", () => {
      const missing: Input[] = [
        due(1_500),
        { type: "conflict", number: 1 },
        { type: "read", seen: undefined },
      ];
      const anew: Input[] = [...missing, { type: "written", number: 2, revision: 11 }];
      expect(after(...anew).effects).toMatchObject([{ type: "acked" }]);
      const gone: Input = { type: "set", state: "gone", known: { own: 10, any: 12 } };
      const left = after(gone, { type: "written", number: 1, revision: 11 });
      expect(left.effects).toMatchObject([{ type: "acked", attempt: { state: "gone" } }]);
    });
  });

  test("never writes at a revision below one it knows, and remembers a bounded number of attempts, whatever comes", () => {
    const event = fc.oneof(
      fc.constant({ type: "due" }),
      fc.constant({ type: "wanted" }),
      fc.record({ type: fc.constant("conflict"), number: fc.nat(80) }),
      fc.record({ type: fc.constant("doubt"), number: fc.nat(80) }),
      fc.record({ type: fc.constant("written"), number: fc.nat(80), revision: fc.constant(0) }),
      fc.record({ type: fc.constant("read"), seen: fc.nat(80).map((number) => seen(number, 0)) }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.record({ event, checked: fc.boolean(), waitMs: fc.nat(2_000) }), {
          minLength: 50,
          maxLength: 200,
        }),
        (inputs) => {
          let state = heldLease(OWN, 10, 0, 0, LEASE_TIMES);
          let [now, revision] = [0, 10];
          for (const { event, checked, waitMs } of inputs) {
            now += waitMs;
            // What the store answers is always newer than all it answered before.
            const known = { own: 0, any: revision };
            const answer: Record<string, unknown> = {
              ...event,
              now,
              mark: 1,
              known,
              checked,
              revision: ++revision,
            };
            if (event.type === "read") answer.seen = { ...(event as { seen: object }).seen, revision };
            const before = state;
            let effects: LeaseEffect[];
            [state, ...effects] = stepLease(state, answer as unknown as LeaseEvent, LEASE_TIMES);
            expect(state.revision).toBeGreaterThanOrEqual(before.revision);
            expect(state.attempts.length).toBeLessThanOrEqual(64);
            expect(state.lastAckedSentAt).toBeGreaterThanOrEqual(before.lastAckedSentAt);
            expect(state.at).not.toBe("ended");
            for (const effect of effects)
              if (effect.type === "write") expect(effect.revision).toBe(state.revision);
          }
        },
      ),
    );
  });
});

describe("leaseTimes()", () => {
  test("gives the defaults when nothing else is asked", () => {
    expect(leaseTimes()).toEqual(LEASE_TIMES);
    expect(outageMs(LEASE_TIMES)).toBe(4_000);
    expect(leaseTimes({ leaseMs: 3_000, renewMs: 300, renewTimeoutMs: 300, safeMs: 2_400 }).leaseMs).toBe(
      3_000,
    );
  });

  test("throws ConfigurationError with the value when times contradict one another", () => {
    expect(() => leaseTimes({ renewMs: 6_000 })).toThrow("it is 6000");
    for (const wrong of [
      { leaseMs: 4_000 },
      { safeMs: 14_000 },
      { safeMs: 2_000 },
      { renewTimeoutMs: 2_000 },
      { renewMs: 0 },
      { leaseMs: Number.NaN },
    ]) {
      expect(() => leaseTimes(wrong)).toThrow(ConfigurationError);
    }
  });
});
