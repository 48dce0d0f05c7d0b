import { describe, expect, test } from "bun:test";
import { CHECKERS } from "../../testing/checkers.ts";
import { epochIn } from "../../testing/generations.ts";
import { fold, History, NOTHING, type Fold } from "../../testing/history.ts";
import { nextState } from "../../testing/state_tree.ts";

const ACTOR = "kind/a";

class Recorder {
  now = 0;
  readonly history = new History(() => this.now);
  #state: Fold = NOTHING;

  handle(sender: string, n: number, { epoch = 1, node = "x", state = this.#state, memory = 1 } = {}): void {
    this.history.started(ACTOR, sender, n, epoch, node);
    this.history.effect({ actor: ACTOR, sender, n, epoch, node, memory, before: state });
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

describe("History", () => {
  test("ownTimeMs() counts what handlers of one actor take by themselves, from a time on, up to now or a loss of its memory", () => {
    const r = new Recorder();
    r.history.takesTime(ACTOR, 1_000);
    r.now = 2_000;
    r.history.takesTime(ACTOR, 1_000);
    r.history.takesTime("kind/b", 9_000);
    r.now = 2_400;
    expect([0, 500, 2_100].map((since) => r.history.ownTimeMs(ACTOR, since))).toEqual([1_400, 900, 300]);
    r.history.lost(ACTOR, 2);
    r.now = 9_000;
    expect(r.history.ownTimeMs(ACTOR, 0)).toBe(1_400);
  });
});

describe("CHECKERS", () => {
  test("check() finds nothing in a history that is as promised", () => {
    const all = found((r) => {
      r.history.activated(ACTOR, "first", 1, "x", 1);
      const call = r.tell(1);
      r.handle("s", 1);
      r.history.ended(call, "done");
      r.history.activated(ACTOR, "handed-off", 2, "y", 1);
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
    ).toEqual(["I1", "I1"]);
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
        r.history.tells(ACTOR, 1, NOTHING);
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
        r.history.activated(ACTOR, "first", 1, "x", 1);
        r.handle("s", 1);
        r.history.activated(ACTOR, "recovered", 2, "y", 2);
      }),
    ).toEqual(["I6"]);
  });

  test("check() finds one that lost its memory and is not told so, and none that is told", () => {
    const lostAnd = (why: string) =>
      found((r) => {
        r.history.activated(ACTOR, "first", 1, "x", 1);
        r.handle("s", 1);
        r.history.lost(ACTOR, 2);
        r.history.activated(ACTOR, why, 2, "y", 2);
      });
    expect(lostAnd("first")).toEqual(["I6"]);
    expect(lostAnd("recovered")).toEqual([]);
  });

  test("check() finds one who outlives the records that he knows, and judges each generation of them by itself", () => {
    const goesOn = (afterMs: number) =>
      found((r) => {
        r.history.outlivesMs = 1_000;
        r.history.lossesUnseen = true;
        r.handle("s", 1, { epoch: 5 });
        r.history.generations.push(r.now);
        r.handle("t", 1, { epoch: epochIn(1, 1), node: "y", state: NOTHING, memory: 2 });
        r.now = afterMs;
        r.handle("s", 2, { epoch: 5, state: fold(NOTHING, "s", 1) });
      });
    expect(goesOn(999)).toEqual([]);
    expect(goesOn(1_001)).toEqual(["I1"]);
  });

  test("check() finds an actor that is told of a lost time after a later one, unless it has begun anew itself", () => {
    const told = (memory: number) =>
      found((r) => {
        r.history.lost("kind/b", 2);
        for (const [i, [sender, epoch, into]] of (
          [
            ["kind/b#2", 2, 1],
            ["kind/b#1", 1, memory],
          ] as const
        ).entries()) {
          const call = r.history.sent(sender, ACTOR, 1, "tell", 1_000, true, "n2.1");
          call.senderEpoch = epoch;
          r.handle(sender, 1, { memory: into });
          r.history.ended(call, "done");
          r.now = 100 * (i + 1);
        }
      });
    expect(told(1)).toContain("I1");
    expect(told(2)).not.toContain("I1");
  });

  test("check() takes all callers for one, unless one was in trouble when it was answered from elsewhere", () => {
    const answered = (node: string, trouble?: "cut") =>
      found((r) => {
        if (trouble) r.history.disturbed(trouble, "n1")();
        const early = r.history.sent("s", ACTOR, 1, "ask", 5_000, true, "n1.1");
        r.handle("s", 1, { node });
        r.history.lost(ACTOR, 2);
        const late = r.history.sent("t", ACTOR, 1, "ask", 5_000, true, "n2.1");
        r.handle("t", 1, { epoch: 2, node: "n3.1", state: NOTHING, memory: 2 });
        for (const [call, epoch] of [[late, 2] as const, [early, 1] as const]) {
          r.now += 100;
          call.answerEpoch = epoch;
          r.history.ended(call, "done");
        }
      });
    expect(answered("n4.1")).toContain("I1");
    expect(answered("n4.1", "cut")).not.toContain("I1");
    expect(answered("n1.1", "cut")).toContain("I1"); // its own node need not wait with it
  });

  test("check() finds an ask of a handler that goes on when nobody waits for that handler, or ends before", () => {
    const asked = (servesUntil: number | undefined, afterMs: number) =>
      found((r) => {
        const call = r.history.sent("s", ACTOR, 1, "ask", 5_000, false);
        if (servesUntil !== undefined) call.servesUntil = servesUntil;
        r.now += afterMs;
        r.history.ended(call, "unknown", "outcome-unknown");
      });
    expect([asked(undefined, 5_000), asked(500, 500), asked(500, 2_000)]).toEqual([[], [], []]);
    expect([asked(undefined, 500), asked(500, 400), asked(500, 3_000)]).toEqual([["I2"], ["I2"], ["I2"]]);
  });

  test("check() finds an answer from a lost time after one from a later", () => {
    const answers = (first: number, second: number, memory = true) =>
      found((r) => {
        r.history.lost(ACTOR, 2, memory);
        for (const [index, epoch] of [first, second].entries()) {
          const call = r.history.sent("s", ACTOR, index + 1, "ask", 1_000, false);
          call.answerEpoch = epoch;
          r.now += 10;
          r.history.ended(call, "done");
        }
      });
    expect(answers(2, 1)).toEqual(["I1"]);
    expect(answers(1, 2)).toEqual([]);
    expect(answers(2, 1, false)).toEqual([]); // only mail was lost: the memory that answered goes on
  });

  test("check() lets a loss that a cut hid from its caller excuse a doubt, also just after the cut, and not later", () => {
    const doubted = (afterCutMs: number) =>
      found((r) => {
        const heal = r.history.disturbed("cut", "n1");
        r.now += 100;
        r.history.lost(ACTOR, 2);
        r.now += 2_000;
        heal();
        r.now += afterCutMs;
        const call = r.history.sent("s", ACTOR, 1, "tell", 1_000, true, "n1.1");
        r.now += 50;
        r.history.ended(call, "unknown", "outcome-unknown");
      });
    expect([doubted(0), doubted(100), doubted(600)]).toEqual([[], [], ["I2"]]);
  });

  test("check() lets a loss excuse a doubt that a blink hid from its caller, or word of it that was on its way then", () => {
    const doubted = (node: string, beforeMs: number) =>
      found((r) => {
        r.history.lost(ACTOR, 2);
        r.now += beforeMs;
        const back = r.history.blinked(node);
        r.now += 600;
        back();
        const call = r.history.sent("s", ACTOR, 1, "tell", 1_000, true, "n1.1");
        r.now += 50;
        r.history.ended(call, "unknown", "outcome-unknown");
      });
    expect([doubted("n1", 50), doubted("n1", 550), doubted("n2", 50)]).toEqual([[], ["I2"], ["I2"]]);
  });

  test("check() lets a loss excuse a lost tell and a doubt, and nothing else", () => {
    const ends = (outcome: "done" | "unknown", losses: number) =>
      found((r) => {
        const call = r.tell(1);
        r.now += 10;
        if (losses > 0) r.history.lost(ACTOR, 2);
        r.history.ended(call, outcome);
      });
    expect([ends("done", 0), ends("unknown", 0)]).toEqual([["I2"], ["I2"]]);
    expect([ends("done", 1), ends("unknown", 1)]).toEqual([[], []]);
  });

  test("check() finds a death without a cause", () => {
    const dies = (troubled: string) =>
      found((r) => {
        r.history.disturbed("records", troubled);
        r.history.died("n1", 0);
      });
    expect([dies("n1"), dies("n2"), dies("*")]).toEqual([[], ["I5"], ["I5"]]);
  });

  test("check() lets a death come later by the time in which nobody could write it", () => {
    const dies = (storeAway: boolean) =>
      found((r) => {
        r.history.disturbed("crash", "n1")();
        r.now = 1_000;
        const end = storeAway ? r.history.disturbed("records", "*") : () => undefined;
        r.now = 6_000;
        end();
        r.now = 12_000;
        r.history.died("n1", 0);
      });
    expect([dies(true), dies(false)]).toEqual([[], ["I5"]]);
  });

  test("check() takes what was over before a life had a record for no cause of its death", () => {
    const dies = (since: number) =>
      found((r) => {
        r.now = 1_000;
        const end = r.history.disturbed("records", "n1");
        r.now = 2_000;
        end();
        r.now = 3_000;
        r.history.died("n1", since);
      });
    expect([dies(0), dies(1_500), dies(2_001)]).toEqual([[], [], ["I5"]]);
  });
});

describe("CHECKERS, of stored actors,", () => {
  const ONE = nextState(NOTHING, "s", 1, 1);
  const TWO = nextState(ONE, "s", 2, 1);

  /** It handles two messages under epoch 1. */
  function handleTwo({ history }: Recorder): void {
    const of = { actor: ACTOR, sender: "s", epoch: 1, node: "x", memory: 0, stored: true };
    history.effect({ ...of, n: 1, before: NOTHING });
    history.effect({ ...of, n: 2, before: ONE });
  }

  test("check() finds nothing when what nobody was told of is taken back", () => {
    const all = found((r) => {
      handleTwo(r);
      r.history.heard(ACTOR, ONE, 1);
      r.history.activated(ACTOR, "recovered", 2, "y", 0, ONE);
    });
    expect(all).toEqual([]);
  });

  test("check() finds that something told of is taken back, a state that never was, and two that exclude each other", () => {
    const play = (state: Fold) => (r: Recorder) => {
      handleTwo(r);
      r.history.heard(ACTOR, TWO, 1);
      r.history.activated(ACTOR, "recovered", 2, "y", 0, state);
    };
    expect(found(play(ONE))).toEqual(["I7"]);
    expect(found(play(NOTHING))).toEqual(["I7"]);
    expect(found(play({ count: 2, digest: 7 }))).toEqual(["I7"]);
    expect(found(play(TWO))).toEqual([]);
    const other = found((r) => {
      handleTwo(r);
      r.history.heard(ACTOR, TWO, 1);
      const of = { actor: ACTOR, sender: "t", epoch: 0, node: "z", memory: 0, stored: true };
      r.history.effect({ ...of, n: 1, before: ONE });
      r.history.heard(ACTOR, nextState(ONE, "t", 1, 0), 0);
    });
    expect(other).toContain("I7");
  });

  test("check() finds a stored timer that does not come, comes again, or comes after it was cancelled", () => {
    const play = (then: (r: Recorder) => void) =>
      found((r) => {
        handleTwo(r);
        r.history.timerSet(ACTOR, "t", 10, undefined, 1, 1, ONE);
        r.now = 20;
        then(r);
      });
    const came = (r: Recorder, before: Fold) => {
      r.history.timerFired(ACTOR, "t", before);
      const of = { actor: ACTOR, sender: "timer-t", epoch: 1, node: "x", memory: 0, stored: true };
      r.history.effect({ ...of, n: 1, before });
    };
    expect(play(() => undefined)).toEqual(["I7"]);
    expect(play((r) => came(r, TWO))).toEqual([]);
    expect(
      play((r) => {
        came(r, TWO);
        came(r, TWO); // the first was not stored
      }),
    ).toEqual([]);
    expect(
      play((r) => {
        came(r, TWO);
        came(r, nextState(TWO, "timer-t", 1, 1));
      }),
    ).toEqual(["I7"]);
    expect(
      play((r) => {
        r.history.timerCancelled(ACTOR, "t", TWO);
        came(r, TWO);
      }),
    ).toEqual(["I7"]);
    expect(play((r) => r.history.kept(ACTOR, NOTHING, 2))).toEqual([]); // what set it was taken back
  });

  test("check() tells a message that was handled again from its first time, which was taken back", () => {
    const all = found((r) => {
      const of = { actor: ACTOR, sender: "s", n: 1, before: NOTHING, memory: 0, stored: true };
      r.history.effect({ ...of, epoch: 1, node: "x" });
      r.history.timerSet(ACTOR, "lost", 10, undefined, 1, 1, ONE);
      r.history.effect({ ...of, epoch: 2, node: "y" });
    });
    expect(all).toEqual([]);
  });

  test("check() finds a held tell that did not arrive and was not reported", () => {
    const play = (reported: boolean) =>
      found((r) => {
        const call = r.history.sent("kind/b", ACTOR, 1, "tell", 1_000);
        call.held = true;
        r.history.ended(call, "done");
        if (reported) r.history.deadLetter(ACTOR);
      });
    expect(play(false)).toEqual(["I2"]);
    expect(play(true)).toEqual([]);
  });
});

describe("CHECKERS, of idempotent messages,", () => {
  const play = (lossEpoch: number | undefined, again: number) =>
    found((r) => {
      const call = r.history.sent("s", ACTOR, 1, "tell", 1_000);
      call.idempotent = true;
      r.history.started(ACTOR, "s", 1, 1, "x");
      if (lossEpoch !== undefined) r.history.lost(ACTOR, lossEpoch);
      r.history.started(ACTOR, "s", 1, again, again === 1 ? "x" : "y");
      r.history.ended(call, "done");
    });

  test("check() lets the next owner after a loss handle them again, and nobody else", () => {
    expect(play(2, 2)).toEqual([]);
    expect(play(undefined, 2)).toEqual(["I2"]);
    expect(play(2, 1)).toEqual(["I2"]);
  });

  test("check() lets them be handled twice by who got both copies with the mail of one that went on higher", () => {
    const twice = (raisedAt: number, sentAt: number, raisedTo = 3) =>
      found((r) => {
        r.now = Math.min(raisedAt, sentAt);
        const raise = () => r.history.allowances.raised(ACTOR, raisedTo, raisedAt);
        if (raisedAt < sentAt) raise();
        r.now = sentAt;
        const call = r.history.sent("s", ACTOR, 1, "tell", 1_000);
        call.idempotent = true;
        if (raisedAt >= sentAt) raise();
        for (const _ of [1, 2]) r.history.started(ACTOR, "s", 1, 4, "y");
        r.history.ended(call, "done");
      });
    expect(twice(20, 10)).toEqual([]);
    expect(twice(20, 10, 4)).toEqual([]);
    expect(twice(10, 20)).toEqual(["I2"]); // it was sent to the owner of by then
    expect(twice(20, 10, 5)).toEqual(["I2"]);
  });
});

describe("CHECKERS, of waiting,", () => {
  /** A message that is handled three seconds after it was sent, while something happens. */
  const waits = (during: (r: Recorder) => void, isCalm = true) =>
    found((r) => {
      r.history.isCalm = isCalm;
      r.history.placed(ACTOR, { nodes: ["n1"], isParking: false, heir: undefined });
      const call = r.history.sent("s", ACTOR, 1, "ask", 5_000, true, "n2.1");
      during(r);
      r.now = 3_000;
      r.handle("s", 1);
      r.history.ended(call, "done");
    });
  const troubled = (node: string) => (r: Recorder) => {
    const end = r.history.disturbed("freeze", node);
    r.now = 2_000;
    end();
  };

  test("check() finds that a message waited for nothing of its own, if nothing was lost by chance", () => {
    expect(waits(() => undefined)).toEqual(["I8"]);
    expect(waits(() => undefined, false)).toEqual([]);
  });

  test("check() finds a message that was never handled and whose caller gave up, and none that was refused at once", () => {
    const ends = (code: string) =>
      found((r) => {
        r.history.isCalm = true;
        const call = r.tell(1);
        r.now = 1_500;
        r.history.ended(call, "refused", code);
      });
    expect(ends("deadline-exceeded")).toEqual(["I8"]);
    expect(ends("busy")).toEqual([]);
  });

  test("check() lets a handler of the same actor excuse it, as long as it runs or its memory is there", () => {
    const busy = (actor: string, untilMs: number) =>
      waits((r) => {
        const rests = r.history.works(actor);
        r.now = untilMs;
        rests();
      });
    expect(busy(ACTOR, 2_500)).toEqual([]);
    expect(busy(ACTOR, 1_500)).toEqual(["I8"]);
    expect(busy("kind/b", 2_500)).toEqual(["I8"]);
    const lost = waits((r) => {
      r.history.works(ACTOR);
      r.now = 500;
      r.history.lost(ACTOR, 1);
    });
    expect(lost).toEqual(["I8"]);
  });

  test("check() lets a call of the same actor that has not ended excuse it, and none of another", () => {
    const calls = (sender: string) =>
      waits((r) => {
        const call = r.history.sent(sender, "kind/c", 1, "ask", 5_000, false);
        r.now = 2_500;
        r.history.ended(call, "done");
      });
    expect(calls(`${ACTOR}#1`)).toEqual([]);
    expect(calls("kind/b#1")).toEqual(["I8"]);
  });

  test("check() lets a call whose caller has given up excuse it, until it cannot arrive any more", () => {
    const given = (frozen: string, diesAt: number | undefined) =>
      waits((r) => {
        r.history.placed("kind/c", { nodes: ["n3"], isParking: false, heir: undefined });
        r.history.disturbed("freeze", frozen);
        const call = r.history.sent(`${ACTOR}#1`, "kind/c", 1, "ask", 200, false);
        r.now = 200;
        r.history.ended(call, "unknown", "outcome-unknown");
        if (diesAt === undefined) return;
        r.now = diesAt;
        r.history.died("n3", 0);
      });
    expect(given("n3", undefined)).toEqual([]);
    expect(given("n4", undefined)).toEqual(["I8"]);
    expect(given("n3", 500)).toEqual(["I8"]);
  });

  test("check() lets troubles of the two nodes excuse it, and not those of a third", () => {
    expect(waits(troubled("n1"))).toEqual([]);
    expect(waits(troubled("n2"))).toEqual([]);
    expect(waits(troubled("n3"))).toEqual(["I8"]);
  });

  test("check() lets the trouble of an owner excuse it only while it is the owner", () => {
    const movesAway = waits((r) => {
      const end = r.history.disturbed("freeze", "n1");
      r.now = 500;
      r.history.placed(ACTOR, { nodes: ["n3"], isParking: false, heir: undefined });
      r.now = 2_900;
      end();
    });
    expect(movesAway).toEqual(["I8"]);
  });

  test("check() lets the trouble of who should take what nobody has excuse it, and not for a message to him", () => {
    const awaits = (node: string) => (r: Recorder) => {
      r.history.placed(ACTOR, { nodes: [], isParking: false, heir: node });
      troubled("n3")(r);
    };
    expect(waits(awaits("n3"))).toEqual([]);
    expect(waits(awaits("n4"))).toEqual(["I8"]);
    const gaveUp = waits((r) => {
      r.history.placed("kind/c", { nodes: [], isParking: false, heir: "n3" });
      r.history.disturbed("freeze", "n3");
      const call = r.history.sent(`${ACTOR}#1`, "kind/c", 1, "ask", 200, false);
      r.now = 200;
      r.history.ended(call, "unknown", "outcome-unknown");
    });
    expect(gaveUp).toEqual(["I8"]);
  });

  test("check() lets the way into the bucket excuse it", () => {
    expect(
      waits((r) => r.history.placed(ACTOR, { nodes: ["n1"], isParking: true, heir: undefined })),
    ).toEqual([]);
  });
});

describe("CHECKERS, of deadlines,", () => {
  /** One ask with a second of time, and what it ends with, and when. */
  function asked(play: (history: History, at: (ms: number) => void) => void): string[] {
    return found((recorder) => play(recorder.history, (ms) => (recorder.now = ms)));
  }

  test("check() finds a call that ends as expired before its deadline", () => {
    const expiredAt = (ms: number) =>
      asked((history, at) => {
        const call = history.sent("s", ACTOR, 1, "ask", 1_000);
        at(ms);
        history.ended(call, "refused", "deadline-exceeded");
      });
    expect(expiredAt(400)).toEqual(["I2"]);
    expect(expiredAt(1_000)).toEqual([]);
  });

  test("check() finds an ask that begins to be handled long after its deadline, unless a node was frozen", () => {
    const handledAt = (ms: number, isFrozen = false) =>
      asked((history, at) => {
        const call = history.sent("s", ACTOR, 1, "ask", 1_000);
        const end = isFrozen ? history.disturbed("freeze", "x") : undefined;
        at(1_000);
        history.ended(call, "unknown", "outcome-unknown");
        at(ms);
        end?.();
        history.started(ACTOR, "s", 1, 1, "x");
      });
    expect(handledAt(2_900)).toEqual([]);
    expect(handledAt(9_000)).toEqual(["I2"]);
    expect(handledAt(9_000, true)).toEqual([]);
  });
});

describe("CHECKERS, of what a stored actor is said to have,", () => {
  test("check() finds what is added from below after an owner from above has told of the state", () => {
    const added = (epoch: number) =>
      found(({ history }) => {
        history.heard(ACTOR, NOTHING, 2);
        history.effect({ actor: ACTOR, sender: "s", n: 1, epoch, node: "x", before: NOTHING, stored: true });
        history.heard(ACTOR, nextState(NOTHING, "s", 1, epoch), 2);
      });
    expect(added(2)).toEqual([]);
    expect(added(1)).toEqual(["I1"]);
  });
});
