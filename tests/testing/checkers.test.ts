import { describe, expect, test } from "bun:test";
import { CHECKERS } from "../../testing/checkers.ts";
import { fold, History, NOTHING, type Fold } from "../../testing/history.ts";

const ACTOR = "kind/a";

class Recorder {
  now = 0;
  readonly history = new History(() => this.now);
  #state: Fold = NOTHING;

  handle(sender: string, n: number, { epoch = 1, node = "x", state = this.#state } = {}): void {
    this.history.effect({ actor: ACTOR, sender, n, epoch, node, before: state });
    this.#state = fold(state, sender, n);
  }

  tell(n: number) {
    return this.history.sent("s", ACTOR, n, "tell", 1_000);
  }

  get found(): string[] {
    return CHECKERS.flatMap((each) => each.check(this.history)).map(({ promise }) => promise);
  }
}

function found(play: (recorder: Recorder) => void): string[] {
  const recorder = new Recorder();
  play(recorder);
  return recorder.found;
}

describe("CHECKERS", () => {
  test("check() finds nothing in a history that is as promised", () => {
    const all = found((r) => {
      r.history.activated(ACTOR, "first", 1, "x");
      const call = r.tell(1);
      r.handle("s", 1);
      r.history.ended(call, "done");
      r.history.activated(ACTOR, "handed-off", 2, "y");
      r.handle("t", 1, { epoch: 2, node: "y" });
    });
    expect(all).toEqual([]);
  });

  test("check() finds an effect under a lower epoch, and two nodes under one", () => {
    expect(
      found((r) => {
        r.handle("s", 1, { epoch: 2 });
        r.handle("s", 2, { epoch: 1 });
      }),
    ).toEqual(["I1"]);
    expect(
      found((r) => {
        r.handle("s", 1, { node: "x" });
        r.handle("s", 2, { node: "y" });
      }),
    ).toEqual(["I1"]);
  });

  test("check() finds a call that never ends, ends late, or twice", () => {
    expect(found((r) => void r.tell(1))).toEqual(["I2"]);
    expect(
      found((r) => {
        const call = r.tell(1);
        r.now = 2_500;
        r.history.ended(call, "refused");
      }),
    ).toEqual(["I2"]);
    const twice = new Recorder();
    const call = twice.tell(1);
    twice.history.ended(call, "refused");
    twice.history.ended(call, "refused");
    expect(twice.history.violations.map(({ promise }) => promise)).toEqual(["I2"]);
  });

  test("check() finds a message that was handled twice, handled and refused, or acknowledged and lost", () => {
    expect(
      found((r) => {
        r.handle("s", 1);
        r.handle("s", 1);
      }),
    ).toEqual(["I2"]);
    expect(
      found((r) => {
        const call = r.tell(1);
        r.handle("s", 1);
        r.history.ended(call, "refused", "busy");
      }),
    ).toEqual(["I2"]);
    expect(found((r) => r.history.ended(r.tell(1), "done"))).toEqual(["I2"]);
  });

  test("check() finds messages out of order", () => {
    expect(
      found((r) => {
        r.handle("s", 2);
        r.handle("s", 1);
      }),
    ).toEqual(["I3"]);
  });

  test("check() finds lost state, lost and doubled timers", () => {
    expect(
      found((r) => {
        r.handle("s", 1);
        r.handle("s", 2, { state: NOTHING });
      }),
    ).toEqual(["I4"]);
    expect(
      found((r) => {
        r.handle("s", 1);
        r.history.tells(ACTOR, NOTHING);
      }),
    ).toEqual(["I4"]);
    expect(found((r) => r.history.timerSet(ACTOR, "t", 10, undefined, 1))).toEqual(["I4"]);
    expect(
      found((r) => {
        r.history.timerSet(ACTOR, "t", 10, undefined, 1);
        r.now = 20;
        r.history.timerFired(ACTOR, "t");
        r.history.timerFired(ACTOR, "t");
      }),
    ).toEqual(["I4"]);
  });

  test("check() finds an actor that begins from nothing once it has handled something", () => {
    expect(
      found((r) => {
        r.handle("s", 1);
        r.history.activated(ACTOR, "first", 2, "y");
      }),
    ).toEqual(["I6"]);
    expect(found((r) => r.history.activated(ACTOR, "recovered", 2, "y"))).toEqual(["I6"]);
  });
});
