// The small parts of an activation, each by itself.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Annex } from "../../actors/annex/annex.ts";
import { z } from "zod";
import { validTell } from "../../actors/argument.ts";
import { Checks } from "../../actors/check.ts";
import { defineActor, tell } from "../../actors/contract.ts";
import { NodeLimits } from "../../actors/node_limits.ts";
import type { Mail } from "../../actors/activation/mail.ts";
import { Mailbox } from "../../actors/activation/mailbox.ts";
import { firstIssue, type Schema, validate } from "../../actors/schema.ts";
import { type Runnable, Scheduler } from "../../actors/activation/scheduler.ts";
import { HandlerSignal } from "../../actors/activation/handler_signal.ts";
import { pack, unpack } from "../../actors/state/snapshot.ts";
import { StateCell } from "../../actors/state/state_cell.ts";
import { ActorTimers, type TimerData, TimerMail, TIMERS_MAX } from "../../actors/state/timers.ts";
import { HeaderMap } from "../../codec/header_map.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { createCodec } from "../../codec/codec.ts";
import { hostLedger, ledger, steering } from "../support/ledger.ts";

const codec = createCodec();

describe("Mailbox", () => {
  test("is a bounded queue, whatever is done to it", () => {
    const operations = fc.array(
      fc.oneof(
        fc.record({ do: fc.constantFrom("offer" as const, "push" as const), value: fc.nat() }),
        fc.record({
          do: fc.constantFrom("take" as const, "rest" as const, "clear" as const),
          value: fc.constant(0),
        }),
      ),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), operations, (capacity, steps) => {
        const mailbox = new Mailbox<number>(capacity);
        let model: number[] = [];
        for (const { do: step, value } of steps) {
          if (step === "offer") {
            expect(mailbox.offer(value)).toBe(model.length < capacity);
            if (model.length < capacity) model.push(value);
          } else if (step === "push") {
            mailbox.push(value);
            model.push(value);
          } else if (step === "take") expect(mailbox.take()).toBe(model.shift());
          else if (step === "rest") expect(mailbox.rest()).toEqual(model);
          else {
            expect(mailbox.clear()).toEqual(model);
            model = [];
          }
          expect(mailbox.size).toBe(model.length);
        }
      }),
      { numRuns: 500, seed: 7 },
    );
  });
});

/** A tell of one byte that notes whether it was told that it is admitted. */
function tellOf(weight: number) {
  const mail = { weight, isAdmitted: false, waits() {}, admitted: () => void (mail.isAdmitted = true) };
  return mail as typeof mail & Mail;
}

describe("the line behind a mailbox", () => {
  test("admits nothing while the mailbox is emptied, and leaves no weight", () => {
    const bounds = { mailboxBytesMax: 10, tellsWaitingMax: 9, tellsWaitingBytesMax: 99 };
    const rest = { activationsMax: 9, sleepingBytesMax: 9, outputBytesMax: 9 };
    const { mail: scales } = new NodeLimits({ ...bounds, ...rest });
    const mailbox = new Mailbox<Mail>(8, scales);
    const [first, second] = [tellOf(10), tellOf(1)];
    expect(mailbox.offer(first)).toBe(true); // all that the node may hold
    expect(mailbox.offer(second)).toBe(false);
    expect(mailbox.wait(second)).toBe(true);
    // its activation ends: what is in it and what stands behind it goes to the next one
    expect([mailbox.clear(), mailbox.clearLine()]).toEqual([[first], [second]]);
    expect(second.isAdmitted).toBe(false);
    expect([scales.bytes, scales.lineBytes]).toEqual([0, 0]);
  });
});

describe("Scheduler", () => {
  test("gives each its slice in turn, and the event loop its turn after a burst", async () => {
    const clock = new ManualClock();
    const scheduler = new Scheduler(clock);
    const order: string[] = [];
    const worker = (name: string, work: number): Runnable => ({
      runSlice(budget: number): number {
        const done = Math.min(budget, work);
        work -= done;
        order.push(`${name} ${done}`);
        if (work > 0) scheduler.schedule(this);
        return done;
      },
    });
    scheduler.schedule(worker("a", 70));
    scheduler.schedule(worker("b", 10));
    await clock.settle();
    expect(order).toEqual(["a 32", "b 10", "a 32", "a 6"]);
    order.length = 0;
    scheduler.schedule(worker("flood", 1_000_000));
    for (let i = 0; i < 50; i++) await undefined;
    const before = order.length;
    expect(before).toBeLessThan(100);
    await clock.settle().catch(() => {}); // it never ends: that it can be waited for in turns is the point
    expect(order.length).toBeGreaterThan(before);
  });
});

describe("RunningSignal", () => {
  test("aborts at the deadline, anew for each message, and remembers an abort", async () => {
    const clock = new ManualClock();
    const signal = new HandlerSignal(clock);
    const first = signal.get(100);
    expect(signal.get(100)).toBe(first);
    await clock.advance(99);
    expect(first.aborted).toBe(false);
    await clock.advance(1);
    expect([first.aborted, (first.reason as Error).name]).toEqual([true, "DeadlineError"]);
    signal.release();
    const second = signal.get(Infinity);
    expect(second.aborted).toBe(false);
    signal.release();
    await clock.advance(1_000);
    expect(second.aborted).toBe(false);
    signal.abort(() => new Error("leave"));
    expect(signal.get(Infinity).aborted).toBe(true);
    signal.release();
    expect(signal.get(Infinity).aborted).toBe(false);
  });

  test("is aborted at the deadline whenever it is first asked for, and when its timer is late", () => {
    const timers: (() => void)[] = [];
    let now = 200;
    const after = (_: number, run: () => void) => {
      timers.push(run);
      return { cancel: () => {} };
    };
    const signal = new HandlerSignal({ now: () => now, after });
    const late = signal.get(200);
    expect(late.aborted).toBe(true);
    expect(late.reason).toMatchObject({ code: "deadline-exceeded" });
    signal.release();
    const early = signal.get(300);
    expect(early.aborted).toBe(false);
    now = 300; // a handler has kept the event loop: no timer has run
    expect(signal.get(300)).toBe(early);
    expect(early.aborted).toBe(true);
    const { reason } = early;
    for (const run of timers) run();
    expect(early.reason).toBe(reason);
    expect(signal.get(300).reason).toBe(reason);
  });
});

describe("ActorTimers", () => {
  function timers(): { clock: ManualClock; due: string[]; timers: ActorTimers } {
    const clock = new ManualClock();
    const due: string[] = [];
    const made: ActorTimers = new ActorTimers(clock, (timer) => {
      due.push(`${clock.now()} ${timer.id}`);
      made.begin(timer);
    });
    return { clock, due, timers: made };
  }
  const timer = (id: string, remainingMs: number, everyMs?: number) => ({
    id,
    message: "m",
    argument: new Uint8Array(),
    remainingMs,
    everyMs,
  });

  test("keep their beat, and make up for missed beats by one", async () => {
    const { clock, due, timers: made } = timers();
    made.set(timer("beat", 100, 100));
    await clock.advance(250);
    const paused = made.pause();
    expect(paused).toMatchObject([{ id: "beat", remainingMs: 50, everyMs: 100 }]);
    await clock.advance(400);
    expect(due).toEqual(["100 beat", "200 beat"]);
    made.resume();
    await clock.advance(0);
    expect(due.slice(2)).toEqual(["650 beat"]);
    await clock.advance(100);
    expect(due.slice(3)).toEqual(["700 beat"]);
  });

  test("keep what accompanies their message: as it waits, in what is stored, on their way, and as their mail", async () => {
    const headers = HeaderMap.of([["trace", "00-4bf9"]]);
    const clock = new ManualClock();
    const mails: TimerMail[] = [];
    const codec = createCodec();
    const made = new ActorTimers(clock, (timer) => void mails.push(new TimerMail(timer, codec)));
    made.set({ ...timer("t", 100, 100), headers });
    expect(made.settled()[0]?.headers).toBe(headers);
    const [paused] = made.pause();
    expect(paused?.headers).toBe(headers);
    made.clear();
    made.set(paused as TimerData);
    await clock.advance(100);
    expect(mails.map((mail) => mail.headers)).toEqual([headers]);
  });

  test("are as suspect after a pause, by whoever begins with them: what is set aside stays so", async () => {
    const suspicion = { deaths: 3, onTrial: false, setAside: true };
    const { timers: before } = timers();
    before.set({ ...timer("deadly", 100), suspicion });
    const { clock, due, timers: after } = timers();
    for (const one of before.pause()) after.set(one);
    await clock.advance(1_000);
    expect(due).toEqual([]);
    expect(after.settled()).toMatchObject([{ id: "deadly", suspicion }]);
  });

  test("have one beat, though one was set between a pause and its end", async () => {
    const { clock, due, timers: made } = timers();
    made.pause();
    made.set(timer("beat", 100, 100)); // a late handler, whose shard is reclaimed
    made.resume();
    await clock.advance(350);
    expect(due).toEqual(["100 beat", "200 beat", "300 beat"]);
  });

  test("that wait in the mailbox travel as due, and come once more if the mailbox was emptied", async () => {
    const clock = new ManualClock();
    let count = 0;
    const made = new ActorTimers(clock, () => void count++);
    made.set(timer("once", 10));
    made.set(timer("beat", 10, 10));
    await clock.advance(35);
    expect(count).toBe(2);
    expect(made.pause().map(({ remainingMs }) => remainingMs)).toEqual([0, 0]);
    made.resume();
    await clock.advance(0);
    expect(count).toBe(2);
    made.pause();
    made.unqueue();
    made.resume();
    await clock.advance(0);
    expect(count).toBe(4);
  });

  test("of many weeks come in their time, although no runtime's timer counts so far", async () => {
    class ShortClock extends ManualClock {
      override after(ms: number, run: () => void): ReturnType<ManualClock["after"]> {
        return super.after(ms > 2_147_483_647 ? 1 : ms, run); // as both runtimes do
      }
    }
    const clock = new ShortClock();
    const due: number[] = [];
    const made = new ActorTimers(clock, () => void due.push(clock.now()));
    const days = 86_400_000;
    made.set(timer("far", 60 * days));
    await clock.advance(59 * days);
    expect(due).toEqual([]);
    await clock.advance(2 * days);
    expect(due).toEqual([60 * days]);
  });

  test("wait while their message is not declared, and go on with their time where it is", async () => {
    const clock = new ManualClock();
    const due: string[] = [];
    const onDue = ({ id }: { id: string }) => void due.push(`${clock.now()} ${id}`);
    const kept = timer("kept", 10);
    const former = new ActorTimers(clock, onDue, new Set(["other"]));
    former.set(kept);
    former.set({ ...timer("other", 20), message: "other" });
    await clock.advance(30);
    expect([due, former.size, former.settled().map(({ id }) => id)]).toEqual([
      ["20 other"],
      2,
      ["kept", "other"],
    ]);
    const next = new ActorTimers(clock, onDue, new Set([kept.message]));
    for (const each of former.pause()) next.set(each);
    await clock.advance(10);
    expect(due).toEqual(["20 other", "30 kept"]);
  });

  test("are replaced by id, cancelled, bounded and cleared", async () => {
    const { clock, due, timers: made } = timers();
    made.set(timer("a", 10));
    made.set(timer("a", 20));
    made.set(timer("b", 20));
    expect([made.cancel("b"), made.cancel("b")]).toEqual([true, false]);
    await clock.advance(30);
    expect(due).toEqual(["20 a"]);
    for (let i = 0; i < TIMERS_MAX; i++) made.set(timer(`t${i}`, 10));
    made.set(timer("t0", 20));
    expect(() => made.set(timer("one more", 10))).toThrow(expect.objectContaining({ code: "busy" }));
    expect(made.freshId()).not.toBe(made.freshId());
    made.clear();
    expect([made.size, clock.nextInMs]).toEqual([0, undefined]);
  });
});

describe("StateCell", () => {
  const hosted = hostLedger(steering(), ledger()).register(undefined);

  test("undoes what does not fit, and tells whether there is something to keep", () => {
    const cell = new StateCell(hosted, "x", undefined);
    cell.begin();
    expect(cell.mustKeep).toBe(false);
    const state = cell.get() as { words: unknown[] };
    expect(cell.mustKeep).toBe(true);
    state.words.push("one");
    cell.settle();
    state.words.push(7);
    cell.get();
    expect(() => cell.settle()).toThrow(
      expect.objectContaining({ code: "invalid-state", path: expect.stringContaining("words") }),
    );
    cell.undo();
    expect(cell.get()).toEqual({ words: ["one"] });
    expect(codec.decode(cell.snapshot(codec)?.bytes as Uint8Array)).toEqual({ words: ["one"] });
  });

  test("has no snapshot before it begins, and the given state if it came from elsewhere", () => {
    expect(new StateCell(hosted, "x", undefined).snapshot(codec)).toBeUndefined();
    const moved = new StateCell(hosted, "x", { state: { words: ["moved"] }, annex: Annex.EMPTY });
    expect(moved.mustKeep).toBe(true);
    expect(codec.decode(moved.snapshot(codec)?.bytes as Uint8Array)).toEqual({ words: ["moved"] });
  });
});

describe("pack() and unpack()", () => {
  test("give back what went in; what is too new, damaged or does not fit is invalid", () => {
    const hosted = hostLedger(steering(), ledger({ stateVersion: 2 })).register(undefined);
    const content = { state: { words: ["a"] }, annex: Annex.EMPTY };
    const packed = pack(hosted, content, codec);
    expect(packed.stateVersion).toBe(2);
    expect(unpack(hosted, packed, codec)).toEqual(content);
    expect(unpack(hosted, { ...packed, stateVersion: 1 }, codec)).toEqual(content);
    const invalid = expect.objectContaining({ code: "invalid-state" });
    expect(() => unpack(hosted, { ...packed, stateVersion: 3 }, codec)).toThrow(invalid);
    for (let length = 0; length < packed.bytes.length; length++)
      expect(() => unpack(hosted, { stateVersion: 2, bytes: packed.bytes.slice(0, length) }, codec)).toThrow(
        invalid,
      );
    for (const state of [{}, { words: "a" }, { words: [], more: 1 }, [], null])
      expect(() => unpack(hosted, { stateVersion: 2, bytes: codec.encode(state) }, codec)).toThrow(invalid);
  });
});

describe("validate() and firstIssue()", () => {
  test("know any Standard Schema, and refuse one that is asynchronous", () => {
    const path = z.object({ lines: z.array(z.object({ sku: z.string() })) });
    const { issues } = validate(path, { lines: [{ sku: 1 }] });
    expect(firstIssue("state", issues ?? []).path).toBe("lines.0.sku");
    const own: Schema<unknown, number> = {
      "~standard": {
        version: 1,
        vendor: "own",
        validate: () => ({ issues: [{ message: "no", path: [{ key: "a" }, "b"] }] }),
      },
    };
    expect(firstIssue("state", validate(own, 1).issues ?? [])).toEqual({
      path: "a.b",
      words: 'the state at "a.b" does not fit: no',
    });
    const whole = [{ message: "no" }]; // no place is named where there is none
    expect(firstIssue("argument", whole)).toEqual({ path: "", words: "the argument does not fit: no" });
    const later: Schema<unknown, number> = {
      "~standard": { version: 1, vendor: "own", validate: async () => ({ value: 1 }) },
    };
    expect(() => validate(later, 1)).toThrow(expect.objectContaining({ code: "invalid-configuration" }));
  });
});

describe("validTell()", () => {
  test("asks the library of a schema only about what its pattern does not take", () => {
    const asked: unknown[] = [];
    const input = z.strictObject({ by: z.number().int() });
    const { validate: ask, ...standard } = input["~standard"];
    const validate = (value: unknown) => {
      asked.push(value);
      return ask(value);
    };
    Object.defineProperty(input, "~standard", { value: { ...standard, validate } });
    const Noted = defineActor("noted", { state: z.null(), stateVersion: 1, messages: { note: tell(input) } });
    const checks = new Checks();
    const argument = { by: 1 };
    const copy = validTell(Noted, "note", argument, checks);
    expect(copy).toEqual(argument);
    expect(copy).not.toBe(argument);
    expect(asked).toEqual([]);
    const refused = expect.objectContaining({ code: "invalid-argument", path: "by" });
    expect(() => validTell(Noted, "note", { by: 0.5 }, checks)).toThrow(refused);
    expect(asked).toEqual([{ by: 0.5 }]);
  });
});

describe("Budget", () => {
  test("counts both ways, and refuses at its bounds", () => {
    const bytes = { sleepingBytesMax: 10, mailboxBytesMax: 10, tellsWaitingBytesMax: 10, outputBytesMax: 10 };
    const budget = new NodeLimits({ activationsMax: 1, tellsWaitingMax: 1, ...bytes });
    expect([budget.mayActivate(), budget.maySleep()]).toEqual([true, true]);
    budget.activated();
    budget.slept(10);
    expect([budget.mayActivate(), budget.maySleep()]).toEqual([false, false]);
    budget.ended();
    budget.woke(10);
    expect([budget.activations, budget.sleepingBytes, budget.mayActivate()]).toEqual([0, 0, true]);
  });
});
