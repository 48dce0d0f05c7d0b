import { describe, expect, test } from "bun:test";
import { ManualClock } from "../../testing/manual_clock.ts";

describe("ManualClock", () => {
  test("advance() runs timers by due time, then by the order they were set, when some are due", async () => {
    const clock = new ManualClock();
    const ran: string[] = [];
    clock.after(20, () => ran.push("c"));
    clock.after(10, () => ran.push("a"));
    clock.after(10, () => ran.push("b"));
    clock.after(31, () => ran.push("late"));
    await clock.advance(30);
    expect(ran).toEqual(["a", "b", "c"]);
    expect(clock.now()).toBe(30);
    expect(clock.nextInMs).toBe(1);
  });

  test("advance() shows a timer its due time and the consequences of the one before when both are due", async () => {
    const clock = new ManualClock();
    const seen: unknown[] = [];
    let value = 0;
    const later = async () => {
      await Promise.resolve();
      value = clock.now();
    };
    clock.after(5, () => void later());
    clock.after(6, () => seen.push([value, clock.now()]));
    await clock.advance(100);
    expect(seen).toEqual([[5, 6]]);
  });

  test("advance() runs timers that timers set when they fall into the same stretch", async () => {
    const clock = new ManualClock();
    const at: number[] = [];
    const again = () => {
      at.push(clock.now());
      if (at.length < 4) clock.after(10, again);
    };
    clock.after(10, again);
    await clock.advance(35);
    expect(at).toEqual([10, 20, 30]);
  });

  test("cancel() keeps a timer from running when it is called before", async () => {
    const clock = new ManualClock();
    let ran = false;
    clock.after(10, () => (ran = true)).cancel();
    await clock.advance(20);
    expect(ran).toBe(false);
    expect(clock.nextInMs).toBe(undefined);
  });

  test("soon() runs without time passing when the clock settles", async () => {
    const clock = new ManualClock();
    const ran: string[] = [];
    clock.soon(() => {
      ran.push("one");
      clock.soon(() => ran.push("two"));
    });
    await clock.settle();
    expect(ran).toEqual(["one", "two"]);
    expect(clock.now()).toBe(0);
  });

  test("advance() keeps the order of many timers when they are set in any order", async () => {
    const clock = new ManualClock();
    const delays = Array.from({ length: 300 }, (_, i) => (i * 7919) % 307);
    const ran: number[] = [];
    for (const delay of delays) clock.after(delay, () => ran.push(delay));
    await clock.advance(1_000);
    expect(ran).toEqual([...delays].sort((a, b) => a - b));
  });

  test("shiftWall() moves the wall clock alone when it is called", () => {
    const clock = new ManualClock(1_000);
    clock.shiftWall(500);
    expect([clock.now(), clock.wall()]).toEqual([0, 1_500]);
  });

  test("advance() refuses when it is to go backwards", async () => {
    await expect(new ManualClock().advance(-1)).rejects.toThrow("Cannot advance a clock backwards");
  });
});
