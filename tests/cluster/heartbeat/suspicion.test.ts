import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type NodeId, nodeKey } from "../../../cluster/records/schemas.ts";
import { PULSE_TIMES } from "../../../cluster/heartbeat/pulse_times.ts";
import {
  stepSuspicion,
  type Suspicion,
  type SuspicionEffect,
  type SuspicionEvent,
} from "../../../cluster/heartbeat/suspicion.ts";
import { id } from "../support.ts";

const [B, C, X] = [id("b"), id("c"), id("x")];

class Observer {
  state: Suspicion | undefined;

  step(event: SuspicionEvent): string[] {
    const [state, ...effects] = stepSuspicion(this.state, event, PULSE_TIMES);
    this.state = state;
    return effects.map(words);
  }

  refused(now: number, { revision = 9, others = [B, C] }: { revision?: number; others?: NodeId[] } = {}) {
    return this.step({ type: "refused", suspect: X, now, sentAt: now - 1, revision, others });
  }

  /** Refused at every beat, up to and without `untilMs`. */
  refusedUntil(untilMs: number, given: { revision?: number; others?: NodeId[] } = {}, fromMs = 0): string[] {
    const all: string[] = [];
    for (let now = fromMs; now < untilMs; now += 250) all.push(...this.refused(now, given));
    return all;
  }
}

function words(effect: SuspicionEffect): string {
  return effect.type === "ask" ? `ask ${effect.other.node}` : `fence at ${effect.revision}`;
}

describe("stepSuspicion()", () => {
  test("fences when refusals last for the grace and every other node confirms", () => {
    const observer = new Observer();
    expect(observer.refusedUntil(2_500)).toEqual([]);
    expect(observer.refused(2_500)).toEqual([]); // sent before the grace was over
    expect(observer.refused(2_501)).toEqual(["ask b", "ask c"]);
    expect(observer.step({ type: "confirmed", by: B })).toEqual([]);
    expect(observer.step({ type: "confirmed", by: B })).toEqual([]);
    expect(observer.step({ type: "confirmed", by: C })).toEqual(["fence at 9"]);
  });

  test("fences by itself when there is nobody to ask", () => {
    const observer = new Observer();
    expect(observer.refusedUntil(2_501, { others: [] })).toEqual([]);
    expect(observer.refused(2_501, { others: [] })).toEqual(["fence at 9"]);
  });

  test("begins again when the record has changed, or when nothing was refused for a while", () => {
    const observer = new Observer();
    observer.refusedUntil(2_400);
    expect(observer.refusedUntil(4_900, { revision: 10 }, 2_400)).toEqual([]);
    expect(observer.refused(4_901, { revision: 10 })).toEqual(["ask b", "ask c"]);
    expect(observer.refused(9_000, { revision: 10 })).toEqual([]);
  });

  test("asks again when the others were silent, and gives up when one is answered", () => {
    const observer = new Observer();
    observer.refusedUntil(2_501);
    expect(observer.refused(2_501)).toEqual(["ask b", "ask c"]);
    expect(observer.step({ type: "confirmed", by: B })).toEqual([]);
    expect(observer.refused(2_750)).toEqual([]);
    expect(observer.refused(3_001)).toEqual(["ask b", "ask c"]);
    expect(observer.step({ type: "confirmed", by: C })).toEqual([]);
    expect(observer.step({ type: "denied" })).toEqual([]);
    expect(observer.state).toBeUndefined();
    expect(observer.step({ type: "confirmed", by: B })).toEqual([]);
  });

  describe("when another leaves", () => {
    const left = (heardAt: number | undefined) => ({ type: "left", who: B, heardAt }) as const;

    test("waits no more for its word, if it has not heard the suspect", () => {
      const observer = new Observer();
      observer.refusedUntil(2_501);
      expect(observer.refused(2_501)).toEqual(["ask b", "ask c"]);
      expect(observer.step({ type: "confirmed", by: C })).toEqual([]);
      expect(observer.step(left(undefined))).toEqual(["fence at 9"]);
    });

    test("goes on as before, if what it heard was before the first refusal", () => {
      const observer = new Observer();
      observer.refusedUntil(2_000, {}, 500);
      expect(observer.step(left(400))).toEqual([]);
      observer.refusedUntil(3_001, { others: [C] }, 2_000);
      expect(observer.refused(3_001, { others: [C] })).toEqual(["ask c"]);
    });

    test("counts the grace from what it heard last, and asks those again who have confirmed before", () => {
      const observer = new Observer();
      observer.refusedUntil(2_501);
      expect(observer.refused(2_501)).toEqual(["ask b", "ask c"]);
      expect(observer.step({ type: "confirmed", by: C })).toEqual([]);
      expect(observer.step(left(2_000))).toEqual([]);
      expect(observer.step({ type: "confirmed", by: C })).toEqual([]);
      expect(observer.refusedUntil(4_501, { others: [C] }, 2_600)).toEqual([]);
      expect(observer.refused(4_501, { others: [C] })).toEqual(["ask c"]);
      expect(observer.step({ type: "confirmed", by: C })).toEqual(["fence at 9"]);
    });

    test("says nothing of one who is not suspected", () => {
      const observer = new Observer();
      expect(observer.step(left(5))).toEqual([]);
      expect(observer.state).toBeUndefined();
    });
  });

  test("never fences at the record's revision without a grace of refusals at one revision, and a word from everybody after it", () => {
    const event = fc.record({
      passMs: fc.integer({ min: 0, max: 400 }),
      type: fc.constantFrom("refused", "refused", "refused", "confirmed", "confirmed", "denied"),
      by: fc.constantFrom(B, C),
      renews: fc.integer({ min: 0, max: 40 }),
    });
    let fenced = 0;
    fc.assert(
      fc.property(fc.array(event, { minLength: 30, maxLength: 80 }), (events) => {
        const observer = new Observer();
        let [now, revision, calmAt] = [0, 1, Number.POSITIVE_INFINITY];
        let words = new Set<string>();
        for (const { passMs, type, by, renews } of events) {
          now += passMs;
          if (renews === 0) [revision, calmAt] = [revision + 1, Number.POSITIVE_INFINITY];
          const before = observer.state;
          const effects =
            type === "refused"
              ? observer.refused(now, { revision })
              : observer.step(type === "denied" ? { type } : { type, by });
          if (type === "denied") calmAt = Number.POSITIVE_INFINITY;
          else if (type === "refused") calmAt = Math.min(calmAt, now);
          if (effects.includes("ask b")) words = new Set();
          if (type === "confirmed" && before?.askedAt !== undefined) words.add(nodeKey(by));
          // at another revision the compare-and-set fails: that fences nobody
          if (!effects.includes(`fence at ${revision}`)) continue;
          fenced++;
          if (now - calmAt < 2_500 || words.size < 2) return false;
        }
        return true;
      }),
      { numRuns: 1_000, seed: 7 },
    );
    expect(fenced).toBeGreaterThan(20);
  });
});
