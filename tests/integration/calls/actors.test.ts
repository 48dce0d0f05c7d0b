import { afterEach, describe, expect, test } from "bun:test";
import type { ActorNode, ContractOptions, Settings } from "../../../mod.ts";
import {
  hostLedger,
  Ledger,
  ledger,
  type LedgerActor,
  steering,
  type Steering,
} from "../../support/ledger.ts";
import { gateOf, startOwner } from "../../support/ledger_cluster.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

type LedgerOptions = Pick<
  Partial<ContractOptions<never, never>>,
  "onError" | "idleMs" | "stateCheck" | "mailboxMax" | "onMove" | "stateVersion"
>;

async function only(
  given: Partial<Steering> = {},
  options: LedgerOptions = {},
  settings: Partial<Settings> = {},
): Promise<{ node: ActorNode; steered: Steering }> {
  cluster = new MemoryCluster();
  const steered = steering(given);
  const node = await cluster.start("a", { hosts: [hostLedger(steered, ledger(options))], settings });
  await cluster.settled("ledger", "a");
  return { node, steered };
}

async function code(promise: Promise<unknown>, withinMs?: number): Promise<string> {
  const { error, value } = await cluster.outcome(promise, withinMs);
  return error ? `${error.code ?? error}` : `value ${JSON.stringify(value)}`;
}

describe("hooks", () => {
  test("run in order: activate, messages, deactivate; and tell why", async () => {
    const { node, steered } = await only({}, { idleMs: 1_000 });
    const alice = node.ref(Ledger, "alice");
    await cluster.ends(alice.add("one"));
    await cluster.clock.advance(3_000);
    await cluster.ends(alice.add("two"));
    expect(steered.log).toEqual(["activate alice first", "deactivate alice idle", "activate alice woken"]);
    expect(await cluster.ends(alice.read())).toEqual(["one", "two"]);
  });

  test("an onActivate that takes its time holds back the messages of its actor only", async () => {
    const gate = signalled();
    const { node } = await only({
      onActivate: (actor) => (actor.name === "slow" ? gate.promise : undefined),
    });
    const slow = node.ref(Ledger, "slow").add("one");
    expect(await cluster.ends(node.ref(Ledger, "quick").add("one"))).toBe(1);
    gate.resolve();
    expect(await cluster.ends(slow)).toBe(1);
  });

  test("onActivate may change the state and schedule; what does not fit its schema fails the start", async () => {
    let wrong = true;
    const { node } = await only({
      onActivate: (actor) => {
        actor.state.words.push("activated");
        if (wrong) (actor.state as { words: unknown }).words = 7;
        actor.schedule("note", "timer", { afterMs: 1_000 });
      },
    });
    const x = node.ref(Ledger, "x");
    expect(await code(x.read())).toBe("invalid-state");
    expect(cluster.seen("handler-failed").map(({ message }) => message)).toEqual(["onActivate"]);
    wrong = false;
    expect(await cluster.ends(x.read())).toEqual(["activated"]);
    await cluster.clock.advance(1_000);
    expect(await cluster.ends(x.read())).toEqual(["activated", "timer"]);
  });

  test("an onActivate that throws, with a state that does not fit: its messages get the error, it starts anew", async () => {
    for (const how of ["at once", "later"]) {
      let throws = true;
      const { node, steered } = await only({
        onActivate: (actor) => {
          if (!throws) return;
          (actor.state as { words: unknown }).words = () => 1;
          const error = new Error("no database");
          if (how === "at once") throw error;
          return Promise.reject(error);
        },
      });
      const x = node.ref(Ledger, "x");
      const [ask, tell] = [code(x.add("one")), code(x.note("two"))];
      expect([how, await ask, await tell]).toEqual([how, "handler-error", "value undefined"]);
      await cluster.clock.advance(10);
      expect(cluster.seen("dead-letter").map(({ message }) => message)).toContain("note");
      throws = false;
      expect(await cluster.ends(x.add("three"))).toBe(1);
      expect(steered.log).toEqual(["activate x first", "activate x first"]);
      if (how === "at once") await cluster.close();
    }
  });

  test("an onActivate that throws after a sleep or a move does not cost the state", async () => {
    let throws = false;
    const { node } = await only(
      {
        onActivate: () => {
          if (throws) throw new Error("no database");
        },
      },
      { idleMs: 1_000 },
    );
    const x = node.ref(Ledger, "x");
    await cluster.ends(x.add("one"));
    await cluster.clock.advance(3_000);
    throws = true;
    expect(await code(x.add("lost"))).toBe("handler-error");
    throws = false;
    expect(await cluster.ends(x.read())).toEqual(["one"]);
  });

  test("an onActivate that throws after a sleep or a move does not cost the timers, nor what it set itself", async () => {
    const steered = steering({
      run: (actor) => actor.schedule("note", "due", { afterMs: 3_000 }, "reminder"),
    });
    cluster = new MemoryCluster();
    const a = await startOwner(cluster, "a", steered);
    const caller = await cluster.start("caller");
    const x = caller.ref(Ledger, "x");
    await cluster.ends(x.add("one"));
    await cluster.ends(x.run(undefined));
    let throws = true;
    const onActivate = (actor: LedgerActor) => {
      if (!throws) return;
      actor.unschedule("reminder");
      actor.schedule("note", "of a failed start", { afterMs: 100 });
      throw new Error("no database");
    };
    const b = steering({ onActivate });
    await cluster.start("b", { hosts: [hostLedger(b)] });
    await cluster.ends(a.leave());
    await cluster.clock.advance(1_000);
    expect(await code(x.read())).toBe("handler-error");
    const before = b.log.length;
    await cluster.clock.advance(1_500); // nothing wakes it: neither a loop nor the timer of the start that failed
    expect(b.log.length).toBe(before);
    await cluster.clock.advance(3_000);
    expect(b.log.length - before).toBeGreaterThanOrEqual(2); // the timer has tried, and tried again
    expect(b.log.length - before).toBeLessThanOrEqual(4);
    throws = false;
    await cluster.clock.advance(1_100);
    expect(await cluster.ends(x.read())).toEqual(["one", "due"]);
  });

  test("what an initialState throws or makes wrong is the caller's to hear", async () => {
    const states: Record<string, unknown> = {
      function: { words: [() => 1] },
      extra: { words: [], more: 1 },
      none: 7,
    };
    const { node } = await only({
      initialState: (name) => {
        if (name === "throws") throw new Error("no");
        return states[name];
      },
    });
    expect(await code(node.ref(Ledger, "throws").read())).toBe("handler-error");
    for (const name of Object.keys(states))
      expect([name, await code(node.ref(Ledger, name).read())]).toEqual([name, "invalid-state"]);
  });
});

describe("onError", () => {
  function throwing(actor: LedgerActor, argument: unknown): unknown {
    actor.state.words.push(String(argument));
    throw new Error("after the change");
  }

  test('"keep" goes on with the state as the handler left it, if that fits', async () => {
    const { node, steered } = await only({
      run: (actor, argument) => {
        if (argument === "bad") (actor.state as { words: unknown }).words = [1];
        return throwing(actor, argument);
      },
    });
    const x = node.ref(Ledger, "x");
    expect(await code(x.run("one"))).toBe("handler-error");
    expect(await code(x.run("bad"))).toBe("handler-error");
    expect(await cluster.ends(x.read())).toEqual(["one"]);
    expect(steered.log).toEqual(["activate x first"]);
  });

  test('"restart" goes back and runs the hooks anew, mail and timers stay', async () => {
    const { node, steered } = await only({ run: throwing }, { onError: "restart" });
    const x = node.ref(Ledger, "x");
    await cluster.ends(x.add("one"));
    steered.run = (actor) => void actor.schedule("note", "timer", { afterMs: 500 });
    await cluster.ends(x.run(1));
    steered.run = throwing;
    const [bad, next] = [code(x.run("two")), code(x.add("three"))];
    expect([await bad, await next]).toEqual(["handler-error", "value 2"]);
    await cluster.clock.advance(500);
    expect(await cluster.ends(x.read())).toEqual(["one", "three", "timer"]);
    expect(steered.log).toEqual(["activate x first", "deactivate x failed", "activate x restarted"]);
  });

  test('"stop" goes back and sleeps; the next message activates it, mail and timers stay', async () => {
    const { node, steered } = await only({ run: throwing }, { onError: "stop" });
    const x = node.ref(Ledger, "x");
    await cluster.ends(x.add("one"));
    expect(await code(x.run("two"))).toBe("handler-error");
    await cluster.clock.advance(10);
    expect(node.inspect().actors).toMatchObject([{ name: "x", status: "passive" }]);
    expect(await cluster.ends(x.add("three"))).toBe(2);
    steered.run = (actor) => void actor.schedule("note", "timer", { afterMs: 500 });
    await cluster.ends(x.run(1));
    steered.run = throwing;
    expect(await code(x.run("four"))).toBe("handler-error");
    await cluster.clock.advance(1_000);
    expect(await cluster.ends(x.read())).toEqual(["one", "three", "timer"]);
  });

  test("a state that is checked only at the seal cannot be gone back from", () => {
    cluster = new MemoryCluster();
    for (const onError of ["restart", "stop"] as const)
      expect(() => ledger({ stateCheck: "seal", onError })).toThrow(
        expect.objectContaining({ code: "invalid-configuration" }),
      );
  });
});

describe("the state", () => {
  test("is checked at the write: what does not fit is undone and the caller hears the path", async () => {
    let deep: unknown = 1;
    for (let i = 0; i < 200; i++) deep = [deep];
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const wrong: [string, (actor: LedgerActor) => void][] = [
      ["words[1]", (actor) => actor.state.words.push(7 as unknown as string)],
      ["more", (actor) => ((actor.state as { more?: number }).more = 1)],
      ["extra", (actor) => (actor.state.extra = () => 1)],
      ["extra", (actor) => (actor.state.extra = deep)],
      ["extra", (actor) => (actor.state.extra = cycle)],
      ["extra", (actor) => (actor.state.extra = new (class Thing {})())],
      ["extra", (actor) => (actor.state.extra = new Date(Number.NaN))],
      ["extra", (actor) => (actor.state.extra = "\ud800")],
      ["", (actor) => (actor.state = undefined as never)],
      ["", (actor) => (actor.state = 7 as never)],
    ];
    const { node } = await only({
      run: (actor, index) => {
        actor.state.words.push("partial");
        wrong[index as number]?.[1](actor);
      },
    });
    const x = node.ref(Ledger, "x");
    await cluster.ends(x.add("one"));
    for (const index of wrong.keys()) {
      const { error } = await cluster.outcome(x.run(index));
      expect([index, error?.code]).toEqual([index, "invalid-state"]);
      expect(await cluster.ends(x.read())).toEqual(["one"]);
    }
  });

  test("survives sleep and move as it was, whatever values it holds", async () => {
    const values = {
      date: new Date(1e12),
      map: new Map<unknown, unknown>([
        ["a", 1],
        [2, new Set([1n, 2n ** 100n])],
      ]),
      bytes: new Uint8Array([1, 2, 3]),
      numbers: [0, 1.5, -1, 2 ** 53 + 2, Number.NaN, Infinity, 2 ** 32],
      nothing: [null, undefined],
      text: "ü🎉\0",
      constructor: "own key",
    };
    const { node, steered } = await only(
      {
        run: (actor, set) => {
          if (set) actor.state.extra = values;
          return actor.state.extra;
        },
      },
      { idleMs: 1_000 },
    );
    const x = node.ref(Ledger, "x");
    await cluster.ends(x.run(true));
    await cluster.clock.advance(3_000);
    expect(await cluster.ends(x.run(false))).toEqual(values);
    const caller = await cluster.start("caller");
    await cluster.start("b", { hosts: [hostLedger(steered)] });
    await cluster.ends(node.leave());
    expect(await cluster.ends(caller.ref(Ledger, "x").run(false))).toEqual(values);
  });

  test("an alias that a class keeps of it is not forgotten in a move", async () => {
    const aliases = new Map<string, string[]>();
    const { node, steered } = await only({
      onActivate: (actor) => void aliases.set(actor.name, actor.state.words),
      run: (actor, word) => void aliases.get(actor.name)?.push(word as string),
    });
    const caller = await cluster.start("caller");
    await cluster.ends(caller.ref(Ledger, "x").run("one"));
    await cluster.start("b", { hosts: [hostLedger({ ...steered, onActivate: () => {} })] });
    await cluster.ends(node.leave());
    expect(await cluster.ends(caller.ref(Ledger, "x").read())).toEqual(["one"]);
  });

  test('with stateCheck "seal", one that does not fit is quarantined when it would sleep, and the node stays up', async () => {
    const { node } = await only(
      { run: (actor) => void ((actor.state as { words: unknown }).words = [7]) },
      { stateCheck: "seal", idleMs: 1_000 },
    );
    await cluster.ends(node.ref(Ledger, "x").run(1));
    await cluster.clock.advance(3_000);
    expect(node.inspect().actors).toMatchObject([{ name: "x", status: "quarantined" }]);
    expect(await code(node.ref(Ledger, "x").read())).toBe("invalid-state");
    expect(await cluster.ends(node.ref(Ledger, "y").add("one"))).toBe(1);
  });
});

describe("passivation", () => {
  test("forgets what was never touched, keeps what was, and counts it", async () => {
    const { node } = await only({ run: () => 1 }, { idleMs: 1_000 });
    await cluster.ends(node.ref(Ledger, "touched").add("one"));
    await cluster.ends(node.ref(Ledger, "untouched").run(1));
    await cluster.clock.advance(3_000);
    expect(node.inspect().actors).toMatchObject([{ name: "touched", status: "passive" }]);
    expect(node.inspect().counters.sleepingBytes).toBeGreaterThan(0);
    expect(node.inspect().counters.activations).toBe(0);
    await cluster.ends(node.ref(Ledger, "touched").read());
    expect(node.inspect().counters).toMatchObject({ sleepingBytes: 0, activations: 1 });
  });

  test("over the budget keeps changed actors awake, but lets unchanged ones go", async () => {
    const { node } = await only({ run: () => 1 }, { idleMs: 1_000 }, { sleepingBytesMax: 0 });
    await cluster.ends(node.ref(Ledger, "changed").add("one"));
    await cluster.ends(node.ref(Ledger, "unchanged").run(1));
    await cluster.clock.advance(5_000);
    expect(node.inspect().actors).toMatchObject([{ name: "changed", status: "active" }]);
  });

  test("does not happen while a timer waits, a handler runs, or a call is unanswered", async () => {
    const { node, steered } = await only(
      { run: (actor) => void actor.schedule("note", "x", { afterMs: 60_000 }) },
      { idleMs: 1_000 },
    );
    await cluster.ends(node.ref(Ledger, "timer").run(1));
    const gate = gateOf(steered, "busy");
    const held = node.ref(Ledger, "busy").hold("x", { timeoutMs: 30_000 });
    await cluster.clock.advance(5_000);
    expect(node.inspect().actors.map(({ status }) => status)).toEqual(["active", "active"]);
    gate.resolve();
    await cluster.ends(held);
    await cluster.clock.advance(3_000);
    expect(node.inspect().actors.find(({ name }) => name === "busy")?.status).toBe("passive");
  });

  test("new names beyond the bound on activations are refused as busy, until others sleep", async () => {
    const { node } = await only({}, { idleMs: 1_000 }, { activationsMax: 10 });
    const ends = await Promise.all(
      Array.from({ length: 12 }, (_, i) => code(node.ref(Ledger, `n${i}`).add("x"))),
    );
    expect(ends.filter((end) => end === "busy").length).toBe(2);
    expect(await code(node.ref(Ledger, "n0").add("y"))).toBe("value 2");
    await cluster.clock.advance(3_000);
    expect(await code(node.ref(Ledger, "n11").add("x"))).toBe("value 1");
  });

  test("messages that come while onDeactivate runs are handled by the next activation", async () => {
    const gate = signalled();
    const { node } = await only({ onDeactivate: () => gate.promise }, { idleMs: 1_000 });
    const x = node.ref(Ledger, "x");
    await cluster.ends(x.add("one"));
    await cluster.clock.advance(3_000);
    const next = Promise.all([x.add("two"), x.add("three")]);
    await cluster.clock.advance(100);
    gate.resolve();
    expect(await cluster.ends(next)).toEqual([2, 3]);
  });

  test("a timer that onDeactivate sets is not lost", async () => {
    const { node } = await only(
      {
        onDeactivate: (actor, why) =>
          void (why === "idle" && actor.schedule("note", "set at the end", { afterMs: 2_000 }, "t")),
      },
      { idleMs: 1_000 },
    );
    const x = node.ref(Ledger, "x");
    await cluster.ends(x.add("one"));
    await cluster.clock.advance(6_000);
    expect((await cluster.ends(x.read())).slice(0, 2)).toEqual(["one", "set at the end"]);
  });
});

describe("timers", () => {
  const at = (ms: number) => ({ afterMs: ms });

  test("come once, at an interval, are replaced and stopped", async () => {
    const { node, steered } = await only({
      run: (actor) => {
        actor.schedule("note", "once", at(300));
        actor.schedule("note", "beat", { everyMs: 1_000 }, "beat");
        actor.schedule("note", "old", at(200), "replaced");
        actor.schedule("note", "new", at(500), "replaced");
        actor.schedule("note", "never", at(400), "stopped");
        return [actor.unschedule("stopped"), actor.unschedule("stopped")];
      },
    });
    const x = node.ref(Ledger, "x");
    expect(await cluster.ends(x.run(1))).toEqual([true, false]);
    await cluster.clock.advance(3_100);
    expect(await cluster.ends(x.read())).toEqual(["once", "new", "beat", "beat", "beat"]);
    steered.run = (actor) => actor.unschedule("beat");
    expect(await cluster.ends(x.run(1))).toBe(true);
    await cluster.clock.advance(3_000);
    expect((await cluster.ends(x.read())).length).toBe(5);
  });

  test("a timer that is stopped while its message waits does not come", async () => {
    const gate = signalled();
    const { node, steered } = await only({ run: (actor) => actor.schedule("note", "x", at(100), "t") });
    const x = node.ref(Ledger, "x");
    await cluster.ends(x.run(1));
    steered.run = async (actor) => {
      await gate.promise;
      return actor.unschedule("t");
    };
    const stop = x.run(1);
    await cluster.clock.advance(500);
    gate.resolve();
    expect(await cluster.ends(stop)).toBe(true);
    await cluster.clock.advance(500);
    expect(await cluster.ends(x.read())).toEqual([]);
  });

  test("of what cannot be: times, messages, arguments, too many", async () => {
    const { node, steered } = await only();
    const x = node.ref(Ledger, "x");
    const bad: ((actor: LedgerActor) => unknown)[] = [
      (actor) => actor.schedule("note", "x", at(-1)),
      (actor) => actor.schedule("note", "x", at(Number.NaN)),
      (actor) => actor.schedule("note", "x", at(Infinity)),
      (actor) => actor.schedule("note", "x", { everyMs: 0 }),
      (actor) => actor.schedule("note", "x", { everyMs: Infinity, afterMs: 1 }),
      (actor) => actor.schedule("note", 7 as unknown as string, at(1)),
      (actor) => actor.schedule("nothing" as "note", "x", at(1)),
      (actor) => actor.schedule("runTell", () => 1, at(1)),
    ];
    for (const [index, run] of bad.entries()) {
      steered.run = run;
      expect([index, await code(x.run(1))]).toEqual([index, "invalid-argument"]);
    }
    steered.run = (actor) => {
      for (let i = 0; i <= 1_000; i++) actor.schedule("note", "x", at(1e6));
    };
    const { error } = await cluster.outcome(x.run(1));
    expect(error).toMatchObject({ code: "handler-error", causeCode: "busy" });
  });

  test("travel with their remaining time, once each", async () => {
    const { node, steered } = await only({
      run: (actor) => {
        actor.schedule("note", "once", at(5_000));
        actor.schedule("note", "beat", { everyMs: 2_000 });
      },
    });
    const caller = await cluster.start("caller");
    const x = caller.ref(Ledger, "x");
    await cluster.ends(x.run(1));
    const startedAt = cluster.clock.now();
    await cluster.clock.advance(1_000);
    await cluster.start("b", { hosts: [hostLedger(steered)] });
    await cluster.ends(node.leave());
    await cluster.clock.advance(startedAt + 4_900 - cluster.clock.now());
    expect(await cluster.ends(x.read())).toEqual(["beat", "beat"]);
    await cluster.clock.advance(2_000);
    expect(await cluster.ends(x.read())).toEqual(["beat", "beat", "once", "beat"]);
  });

  test("of a late actor come at its new home; those that it stopped or set while late count", async () => {
    const gate = signalled();
    const { node, steered } = await only({
      run: (actor) => {
        actor.schedule("note", "once", at(5_000), "once");
        actor.schedule("note", "stopped", at(5_000), "stopped");
      },
    });
    const caller = await cluster.start("caller");
    const x = caller.ref(Ledger, "x");
    await cluster.ends(x.run(1));
    steered.run = async (actor) => {
      await gate.promise;
      actor.unschedule("stopped");
      actor.schedule("note", "set late", at(1_000));
    };
    const late = x.run(2, { timeoutMs: 20_000 });
    await cluster.clock.advance(100);
    await cluster.start("b", { hosts: [hostLedger(steered)] });
    const leaving = node.leave();
    await cluster.clock.advance(2_000);
    gate.resolve();
    await cluster.ends(late);
    await cluster.ends(leaving);
    await cluster.clock.advance(20_000);
    expect(await cluster.ends(x.read())).toEqual(["set late", "once"]);
  });

  test("that are due while the actor is late are not lost on the way there and back", async () => {
    const gate = signalled();
    const { steered } = await only({
      run: async (actor) => {
        actor.schedule("note", "once", at(10), "once");
        actor.schedule("note", "beat", { everyMs: 40 }, "beat");
        await gate.promise;
        actor.unschedule("beat");
        actor.schedule("note", "beat", { everyMs: 1_000 }, "beat");
      },
    });
    const caller = await cluster.start("caller");
    const x = caller.ref(Ledger, "x");
    const late = x.run(1, { timeoutMs: 60_000 });
    await cluster.clock.advance(100);
    const b = await cluster.start("b", { weight: 1_000, hosts: [hostLedger(steered)] });
    const owner = () =>
      caller
        .inspect()
        .shards.map(({ owner, state }) => `${owner} ${state}`)
        .join();
    await cluster.until("b owns it", () => owner() === "b owned");
    const leaving = b.leave();
    await cluster.until("a owns it", () => owner() === "a owned");
    gate.resolve();
    await cluster.ends(late);
    await cluster.ends(leaving);
    await cluster.clock.advance(2_500);
    expect(await cluster.ends(x.read())).toEqual(["once", "beat", "beat"]);
  });
});

describe("a sealed or ended activation", () => {
  test("cannot act any more: everything it lends throws", async () => {
    let kept: LedgerActor | undefined;
    const { node, steered } = await only({ run: (actor) => void (kept = actor) });
    const caller = await cluster.start("caller");
    await cluster.ends(caller.ref(Ledger, "x").run(1));
    await cluster.start("b", { hosts: [hostLedger({ ...steered, run: () => 1 })] });
    await cluster.ends(node.leave());
    const uses: ((actor: LedgerActor) => unknown)[] = [
      (actor) => actor.state,
      (actor) => (actor.state = { words: [] }),
      (actor) => actor.ref(Ledger, "y"),
      (actor) => actor.schedule("note", "x", { afterMs: 1 }),
      (actor) => actor.signal,
    ];
    for (const use of uses)
      expect(() => use(kept as LedgerActor)).toThrow(expect.objectContaining({ code: "fenced" }));
    expect(kept?.name).toBe("x");
  });

  test("may still read its state in onDeactivate, to close what the state names, and not change it", async () => {
    const seen: unknown[] = [];
    const attempt = (change: () => void): string => {
      try {
        change();
        return "done";
      } catch (error) {
        return (error as { code?: string }).code ?? (error as Error).name;
      }
    };
    const { node } = await only({
      onDeactivate: async (actor, why) => {
        await Promise.resolve();
        seen.push(why, [...actor.state.words]);
        seen.push(attempt(() => void actor.state.words.push("late")));
        seen.push(attempt(() => (actor.state.words = [])));
        seen.push(attempt(() => (actor.state = { words: [] })));
        seen.push(attempt(() => actor.ref(Ledger, "y")));
      },
    });
    const caller = await cluster.start("caller");
    await cluster.ends(caller.ref(Ledger, "x").add("one"));
    await cluster.start("b", { hosts: [hostLedger()] });
    await cluster.ends(node.leave());
    expect(seen).toEqual(["handoff", ["one"], "TypeError", "TypeError", "fenced", "fenced"]);
    expect(await cluster.ends(caller.ref(Ledger, "x").read())).toEqual(["one"]);
  });

  test("cannot speak through a ref that it kept", async () => {
    let speak: (() => Promise<unknown>) | undefined;
    const { node } = await only(
      {
        run: (actor) => {
          const ref = actor.ref(Ledger, "other");
          speak = () => ref.add("from the grave");
        },
      },
      { idleMs: 1_000 },
    );
    await cluster.ends(node.ref(Ledger, "x").run(1));
    await cluster.clock.advance(3_000);
    expect(await code((speak as () => Promise<unknown>)())).toBe("fenced");
    expect(await cluster.ends(node.ref(Ledger, "other").read())).toEqual([]);
  });
});

describe('onMove "restart"', () => {
  test("takes the mail along and nothing else, awake, asleep or late", async () => {
    const options = { onMove: "restart", idleMs: 5_000 } as const;
    const { node, steered } = await only({}, options);
    const caller = await cluster.start("caller");
    await cluster.ends(caller.ref(Ledger, "asleep").add("old"));
    await cluster.clock.advance(8_000);
    await cluster.ends(caller.ref(Ledger, "awake").add("old"));
    const gate = gateOf(steered, "late");
    const held = caller.ref(Ledger, "late").hold("old", { timeoutMs: 20_000 });
    const mail = caller.ref(Ledger, "late").add("new", { timeoutMs: 20_000 });
    await cluster.clock.advance(50);
    await cluster.start("b", { hosts: [hostLedger(steered, ledger(options))] });
    const leaving = node.leave();
    await cluster.clock.advance(1_000);
    gate.resolve();
    expect(await cluster.ends(Promise.all([held, mail]))).toEqual([1, 1]);
    await cluster.ends(leaving);
    for (const name of ["asleep", "awake"])
      expect(await cluster.ends(caller.ref(Ledger, name).read())).toEqual([]);
  });
});
