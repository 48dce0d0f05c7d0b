import { describe, expect, test } from "bun:test";
import { ManualClock } from "../../testing/manual_clock.ts";
import { NodeClock } from "../../testing/node_clock.ts";

function clocks() {
  const base = new ManualClock();
  const node = new NodeClock(base);
  const seen: string[] = [];
  const at = (ms: number) => node.after(ms, () => void seen.push(`${ms} at ${node.now()}`));
  return { base, node, seen, at };
}

describe("NodeClock", () => {
  test("freeze() holds timers, callbacks and turns back, and wake() lets them come in order, with time having passed", async () => {
    const { base, node, seen, at } = clocks();
    at(20);
    at(10);
    at(90);
    node.soon(() => void seen.push("soon"));
    node.freeze();
    await base.advance(15);
    node.turn(() => void seen.push("message"));
    await base.advance(35);
    expect(seen).toEqual([]);
    node.wake();
    await base.settle();
    expect(seen).toEqual(["soon", "10 at 50", "message", "20 at 50"]);
    await base.advance(40);
    expect(seen.at(-1)).toBe("90 at 90");
  });

  test("freeze() of a suspended machine stops its time, and not the wall clock", async () => {
    const { base, node, seen, at } = clocks();
    const wall = node.wall();
    at(20);
    node.freeze(true);
    await base.advance(50.1);
    node.wake();
    await base.advance(19);
    expect([seen, Math.round(node.wall() - wall)]).toEqual([[], 69]);
    await base.advance(1.1);
    expect(seen).toEqual(["20 at 20"]);
  });

  test("kill() ends everything, also what is cancelled or woken later", async () => {
    const { base, node, seen, at } = clocks();
    const timer = at(10);
    node.freeze();
    await base.advance(20);
    node.kill();
    node.wake();
    timer.cancel();
    node.turn(() => void seen.push("message"));
    await base.advance(100);
    expect(seen).toEqual([]);
  });
});
