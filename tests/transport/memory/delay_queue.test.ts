import { describe, expect, test } from "bun:test";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { DelayQueue } from "../../../transport/memory/delay_queue.ts";

/** More steps than any chain of promises has that one entry sets off. */
const STEPS = 50;

async function later(log: string[], word: string): Promise<void> {
  for (let i = 0; i < STEPS; i++) await undefined;
  log.push(word);
}

async function logOf(delaysMs: readonly number[]): Promise<string[]> {
  const clock = new ManualClock();
  const lane = new DelayQueue(clock);
  const log: string[] = [];
  for (const [i, delayMs] of delaysMs.entries()) {
    lane.push(delayMs, () => {
      log.push(`${i}`);
      void later(log, `after ${i}`);
    });
  }
  await clock.advance(10);
  return log;
}

describe("Lane", () => {
  test("push() gives each delayed entry a turn of its own, with all that follows, in the order put in", async () => {
    expect(await logOf([5, 2, 5])).toEqual(["0", "after 0", "1", "after 1", "2", "after 2"]);
  });

  test("push() lets entries without a delay share a turn", async () => {
    expect(await logOf([0, 0])).toEqual(["0", "1", "after 0", "after 1"]);
  });
});
