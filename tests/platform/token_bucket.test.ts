import { describe, expect, test } from "bun:test";
import { TokenBucket } from "../../platform/pace/token_bucket.ts";

function world(perSecond: number) {
  const clock = { nowMs: 0, now: () => clock.nowMs };
  const bucket = new TokenBucket(clock, perSecond);
  const taken = () => {
    let count = 0;
    while (bucket.take()) count++;
    return count;
  };
  return { clock, bucket, taken };
}

describe("a token bucket", () => {
  test("gives a tenth of a second's worth at once, and then so many a second", () => {
    const { clock, taken } = world(100);
    expect(taken()).toBe(10);
    clock.nowMs += 50;
    expect(taken()).toBe(5);
    clock.nowMs += 60_000;
    expect(taken()).toBe(10);
  });

  test("says how long to wait for the next one", () => {
    const { clock, bucket, taken } = world(4);
    expect(bucket.waitMs).toBe(0);
    expect(taken()).toBe(1);
    expect(bucket.waitMs).toBe(250);
    clock.nowMs += 100;
    expect(bucket.waitMs).toBe(150);
    clock.nowMs += bucket.waitMs;
    expect(taken()).toBe(1);
  });

  test("gives one at a time, however slow it is", () => {
    const { clock, taken } = world(0.5);
    expect(taken()).toBe(1);
    clock.nowMs += 1_999;
    expect(taken()).toBe(0);
    clock.nowMs += 1;
    expect(taken()).toBe(1);
  });
});
