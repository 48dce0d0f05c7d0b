import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Turn, Turns } from "../../handoff/move/turns.ts";

/** Turns of the event loop, one after the other. */
class Loop {
  readonly #due: (() => void)[] = [];

  readonly soon = (work: () => void): { cancel(): void } => {
    this.#due.push(work);
    return { cancel() {} };
  };

  run(): void {
    for (let work = this.#due.shift(); work; work = this.#due.shift()) work();
  }
}

function turns(pausesAtOnce: number, outgoingBytesMax = 1_000) {
  const loop = new Loop();
  const line = new Turns(loop, { pausesAtOnce, outgoingBytesMax });
  const come: string[] = [];
  const enter = (name: string): Turn => line.enter(() => come.push(name));
  return { loop, come, enter };
}

describe("Turns", () => {
  test("lets so many stand still at once, and the next when one of them has ended", () => {
    const { loop, come, enter } = turns(2);
    const [first] = ["a", "b", "c", "d"].map(enter) as [Turn];
    loop.run();
    expect(come).toEqual(["a", "b"]);
    first.end();
    first.end();
    loop.run();
    expect(come).toEqual(["a", "b", "c"]);
  });

  test("does not count who only waits for handlers", () => {
    const { loop, come, enter } = turns(1);
    const first = enter("a");
    enter("b");
    enter("c");
    loop.run();
    first.pass();
    loop.run();
    expect(come).toEqual(["a", "b"]);
    first.end(); // its place was given away before
    loop.run();
    expect(come).toEqual(["a", "b"]);
  });

  test("passes over who has given up, in line or just before its turn", () => {
    const { loop, come, enter } = turns(1);
    const first = enter("a");
    const second = enter("b");
    enter("c");
    second.end();
    first.end();
    loop.run();
    expect(come).toEqual(["c"]);
  });

  test("seals nothing more while so many bytes are sealed, whatever has passed", () => {
    const { loop, come, enter } = turns(2, 100);
    const first = enter("a");
    loop.run();
    first.holds(100);
    first.pass();
    const second = enter("b");
    enter("c");
    loop.run();
    expect(come).toEqual(["a"]);
    first.end();
    loop.run();
    expect(come).toEqual(["a", "b", "c"]);
    second.end();
    second.holds(100); // nothing is held by one that has ended
    enter("d");
    loop.run();
    expect(come).toEqual(["a", "b", "c", "d"]);
  });

  test("comes to all of them, in their order, whatever ends when", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.record({ passes: fc.boolean(), bytes: fc.nat(150), runs: fc.boolean() }), {
          maxLength: 20,
        }),
        (atOnce, moves) => {
          const { loop, come, enter } = turns(atOnce, 100);
          const all = moves.map((_, i) => enter(String(i)));
          for (const [i, { passes, bytes, runs }] of moves.entries()) {
            if (runs) loop.run();
            const turn = all[i] as Turn;
            if (come.includes(String(i))) turn.holds(bytes);
            if (passes) turn.pass();
            turn.end();
          }
          const last = enter("last");
          loop.run();
          expect(come.at(-1)).toBe("last");
          expect(come.slice(0, -1)).toEqual([...come.slice(0, -1)].sort((a, b) => Number(a) - Number(b)));
          last.end();
        },
      ),
    );
  });
});
