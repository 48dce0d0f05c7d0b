import { expect, test } from "bun:test";
import { systemClock } from "../../platform/clock.ts";

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
