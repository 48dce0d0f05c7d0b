import { describe, expect, test } from "bun:test";
import { CoalescedTimer, restFor } from "../../platform/coalesced_timer.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

describe("Alarm", () => {
  test("rings once for many deadlines, at the earliest, and again for what is left", async () => {
    const clock = new ManualClock();
    const rings: number[] = [];
    const alarm = new CoalescedTimer(clock, (now) => {
      rings.push(now);
      if (now < 100) alarm.by(100);
    });
    for (const time of [100, 50, 70]) alarm.by(time);
    await clock.advance(200);
    expect(rings).toEqual([50, 100]);
  });

  test("rests between two rings, by what a look costs, and misses nothing", async () => {
    const clock = new ManualClock();
    const deadlines = Array.from({ length: 20_000 }, (_, i) => 100 + i / 20); // twenty for each millisecond of a second
    const late: number[] = [];
    let looks = 0;
    let next = 0;
    const alarm = new CoalescedTimer(
      clock,
      (now) => {
        looks++;
        while ((deadlines[next] ?? Infinity) <= now) late.push(now - (deadlines[next++] as number));
        if (next < deadlines.length) alarm.by(deadlines[next] as number);
      },
      () => restFor(deadlines.length - next),
    );
    alarm.by(deadlines[0] as number);
    await clock.advance(2_000);
    expect(late.length).toBe(20_000);
    expect(Math.max(...late)).toBeLessThanOrEqual(41);
    expect(looks).toBeLessThan(150);
  });

  test("rings no more after stop()", async () => {
    const clock = new ManualClock();
    let rings = 0;
    const alarm = new CoalescedTimer(clock, () => void rings++);
    alarm.by(10);
    alarm.stop();
    await clock.advance(100);
    expect([rings, clock.nextInMs]).toEqual([0, undefined]);
  });
});
