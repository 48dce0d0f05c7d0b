import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LEASE_TIMES } from "../../../cluster/lease/lease_times.ts";
import type { NodeId } from "../../../cluster/records/schemas.ts";
import {
  freshAt,
  neighboursOf,
  type PulseEffect,
  type PulseEvent,
  STILL,
  stepPulse,
  suspects,
} from "../../../cluster/heartbeat/pulse.ts";
import { PULSE_TIMES, pulseTimes } from "../../../cluster/heartbeat/pulse_times.ts";
import { ConfigurationError } from "../../../errors.ts";
import { id } from "../support.ts";

const [B, C] = [id("b"), id("c")];

class Run {
  state = STILL;
  now = 0;

  step(event: PulseEvent): readonly PulseEffect[] {
    const [state, ...effects] = stepPulse(this.state, event, PULSE_TIMES);
    this.state = state;
    return effects;
  }

  /** @returns the numbers: of the echo, and of each neighbour's probe */
  beat(...neighbours: NodeId[]): number[] {
    const effects = this.step({ type: "beat", now: this.now, neighbours });
    return effects.flatMap((effect) => (effect.type === "send" ? [effect.number] : []));
  }

  suspected(...neighbours: NodeId[]): string[] {
    const effects = this.step({ type: "beat", now: this.now, neighbours });
    return effects.flatMap((effect) => (effect.type === "suspect" ? [effect.peer.node] : []));
  }

  answer(number = 0): readonly PulseEffect[] {
    return this.step({ type: "answered", number });
  }
}

describe("stepPulse()", () => {
  test("is fresh by the echo alone when there are no neighbours", () => {
    const run = new Run();
    const [echo] = run.beat();
    expect(freshAt(run.state)).toBe(Number.NEGATIVE_INFINITY);
    expect(run.answer(echo)).toEqual([{ type: "fresh", sentAt: 0 }]);
    expect(run.answer(echo)).toEqual([]);
  });

  test("is fresh only as of the older of echo and answer when there are neighbours", () => {
    const run = new Run();
    const [echo, b] = run.beat(B, C);
    expect(run.answer(echo)).toEqual([]);
    run.now = 250;
    const [later] = run.beat(B, C);
    expect(run.answer(later)).toEqual([]);
    expect(run.answer(b)).toEqual([
      { type: "answered", peer: B },
      { type: "fresh", sentAt: 0 },
    ]);
  });

  test("counts nothing that was sent before a disturbance, or never", () => {
    const run = new Run();
    const [echo, b] = run.beat(B);
    run.step({ type: "disturbed" });
    expect([...run.answer(echo), ...run.answer(b), ...run.answer(99), ...run.answer(Number.NaN)]).toEqual([]);
    const [again] = run.beat(B);
    expect(again).toBeGreaterThan(b ?? 0);
  });

  test("suspects a neighbour once that answers nothing for 500 ms while echoes come back, and clears it", () => {
    const run = new Run();
    const seen: string[] = [];
    for (; run.now < 1_000; run.now += 250) {
      const effects = run.step({ type: "beat", now: run.now, neighbours: [B, C] });
      for (const effect of effects) {
        if (effect.type === "suspect") seen.push(`${effect.peer.node} ${run.now}`);
        if (effect.type === "send" && effect.to?.node !== "b") run.answer(effect.number);
      }
    }
    expect(seen).toEqual(["b 500"]);
    expect(suspects(run.state)).toEqual([B]);
    const [, b] = run.beat(B, C);
    run.answer(b);
    expect(suspects(run.state)).toEqual([]);
  });

  test("suspects nobody when the own echo does not come back either", () => {
    const run = new Run();
    for (; run.now < 5_000; run.now += 250) expect(run.suspected(B)).toEqual([]);
  });

  test("still owes are those sent after the answered probe", () => {
    const run = new Run();
    const [echo, b] = run.beat(B);
    run.answer(echo);
    run.now = 250;
    const [second] = run.beat(B);
    run.answer(second);
    run.answer(b);
    run.now = 700;
    expect(run.suspected(B)).toEqual([]);
    run.now = 750;
    expect(run.suspected(B)).toEqual(["b"]);
  });

  test("tells when a probe was refused, and by whose absence", () => {
    const run = new Run();
    const [echo, b] = run.beat(B);
    expect(run.step({ type: "refused", number: b ?? 0 })).toEqual([{ type: "refused", peer: B, sentAt: 0 }]);
    expect(run.step({ type: "refused", number: echo ?? 0 })).toEqual([]);
  });

  test("is never fresher than what it sent, remembers a bounded number, and repeats no number", () => {
    const event = fc.record({
      passMs: fc.integer({ min: 0, max: 900 }),
      type: fc.constantFrom("beat", "answered", "refused", "disturbed"),
      pick: fc.nat(20),
      neighbours: fc.subarray([B, C]),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const run = new Run();
        let disturbedAt = 0;
        for (const { passMs, type, pick, neighbours } of events) {
          run.now += passMs;
          const number = run.state.out[pick]?.number ?? pick;
          const latest = run.state.latest;
          if (type === "disturbed") disturbedAt = run.now;
          if (type === "beat") {
            run.step({ type, now: run.now, neighbours });
            if (run.state.latest !== latest + 1 + neighbours.length) return false;
          } else run.step(type === "disturbed" ? { type } : { type, number });
          const at = freshAt(run.state);
          if (at > run.now || (at > Number.NEGATIVE_INFINITY && at < disturbedAt)) return false;
          if (run.state.out.some(({ sentAt }) => sentAt > run.now)) return false;
        }
        return run.state.owing.size <= 2;
      }),
      { numRuns: 500, seed: 7 },
    );
  });
});

describe("neighboursOf()", () => {
  test("takes those that follow by name, so that everybody is probed by as many as it probes", () => {
    const all = Array.from({ length: 7 }, (_, i) => id(`n${i}`));
    const probed = new Map<string, number>();
    for (const self of all) {
      const others = all.filter((one) => one !== self);
      for (const { node } of neighboursOf(self, others, 3)) probed.set(node, (probed.get(node) ?? 0) + 1);
    }
    expect([...probed.values()]).toEqual([3, 3, 3, 3, 3, 3, 3]);
    expect(neighboursOf(id("n5"), all.slice(0, 5), 3).map(({ node }) => node)).toEqual(["n0", "n1", "n2"]);
    expect(neighboursOf(id("a"), [B], 3)).toEqual([B]);
  });
});

describe("pulseTimes()", () => {
  test("gives the defaults, and refuses times that contradict one another", () => {
    expect(pulseTimes({}, LEASE_TIMES)).toEqual(PULSE_TIMES);
    for (const wrong of [
      { pulseMs: 600 },
      { freshMs: 12_001, graceMs: 20_000 },
      { suspectMs: 100 },
      { graceMs: 1_500 },
      { pulseMs: Number.NaN },
      { pulseMs: 0 },
    ]) {
      expect(() => pulseTimes(wrong, LEASE_TIMES)).toThrow(ConfigurationError);
    }
  });
});
