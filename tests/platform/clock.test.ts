import { expect, test } from "bun:test";
import { oncePerMillisecond, systemClock } from "../../platform/clock.ts";

test("systemClock().after() runs no earlier for a time that is too long for the runtime's timers", async () => {
  const clock = systemClock();
  const ran: string[] = [];
  const timers = [2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY].map((delayMs) =>
    clock.after(delayMs, () => void ran.push(`after ${delayMs} ms`)),
  );
  await new Promise<void>((resolve) => void clock.after(5, resolve));
  for (const timer of timers) timer.cancel();
  expect(ran).toEqual([]);
});

test("oncePerMillisecond() reads again as soon as the other clock has moved, forward or back", () => {
  const clocks = { monotonic: 10.25, wall: 1_000, reads: 0 };
  const read = () => {
    clocks.reads++;
    return clocks.monotonic;
  };
  const now = oncePerMillisecond(read, () => clocks.wall);
  expect(now()).toBe(10.25);
  clocks.monotonic = 10.75;
  expect([now(), now(), clocks.reads]).toEqual([10.25, 10.25, 1]);
  clocks.wall = 1_001;
  expect([now(), clocks.reads]).toEqual([10.75, 2]);
  clocks.monotonic = 5_000;
  clocks.wall = 400; // set back while the machine went on
  expect([now(), clocks.reads]).toEqual([5_000, 3]);
});

test("systemClock().now() is hardly more than a millisecond behind, and never goes back", () => {
  const clock = systemClock();
  let last = clock.now();
  for (const end = performance.now() + 20; performance.now() < end; ) {
    const before = performance.now();
    const now = clock.now();
    expect(now).toBeGreaterThanOrEqual(last);
    expect(now).toBeGreaterThan(before - 2);
    last = now;
  }
});
