import { afterEach, describe, expect, test } from "bun:test";
import process from "node:process";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import {
  LOOK_MS,
  lookedAgain,
  meaningOf,
  SAME_WISH_MS,
  type ShutdownWish,
  wishAt,
} from "../../platform/process/shutdown_wish.ts";
import { watchParent } from "../../platform/process/parent.ts";
import { followShutdown, ignoresHangup, type ShutdownSignal } from "../../platform/process/signals.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { until } from "../support/conditions.ts";
import { OWN, Program } from "../support/processes/programs.ts";

const PROGRAM = fileURLToPath(new URL("../support/processes/signal_program.ts", import.meta.url));

/** What a process hears that looks at the clock at these times, and then gets a signal. */
function heardAt(looks: readonly number[], at: number) {
  let wish: ShutdownWish = wishAt(0);
  for (const look of looks) wish = lookedAgain(wish, look);
  return meaningOf(lookedAgain(wish, at));
}
const everyLook = (untilMs: number) =>
  Array.from({ length: Math.floor(untilMs / LOOK_MS) }, (_, i) => (i + 1) * LOOK_MS);

describe("what a further signal means", () => {
  test("the first is a wish to leave", () => expect(meaningOf(undefined)).toBe("leave"));

  test.each([
    [0, "same"],
    [20, "same"],
    [1_999, "same"],
    [2_000, "at-once"],
    [60_000, "at-once"],
  ] as const)("%d ms later, to a process that was awake: %s", (at, meaning) => {
    expect(heardAt(everyLook(at), at)).toBe(meaning);
  });

  test("for one that was busy or frozen meanwhile, it may have been sent with the first", () => {
    expect(heardAt([], 3_600_000)).toBe("same");
    expect(heardAt([100, 200, 90_000], 90_000)).toBe("same");
    expect(heardAt([100, 60_000, ...everyLook(2_000).map((ms) => 60_000 + ms)], 62_000)).toBe("at-once");
  });

  test("no time at all counts for a clock that goes back", () => {
    expect(lookedAgain({ heardMs: 7, lookedAt: 100 }, 50)).toEqual({ heardMs: 7, lookedAt: 50 });
  });

  test("whatever the pauses: never at once within 2 s, and always after 2 s awake", () => {
    const pauses = fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 60 });
    fc.assert(
      fc.property(pauses, (all) => {
        let now = 0;
        let awakeMs = 0;
        const looks = all.map((ms) => {
          awakeMs += Math.min(ms, LOOK_MS);
          return (now += ms);
        });
        const meaning = heardAt(looks, now);
        if (now < SAME_WISH_MS) expect(meaning).toBe("same");
        if (awakeMs >= SAME_WISH_MS) expect(meaning).toBe("at-once");
      }),
    );
  });
});

describe("watchParent()", () => {
  test("tells once that the parent has ended, and stops when told to", async () => {
    let parent = 100;
    const clock = new ManualClock();
    const gone: number[] = [];
    const watch = (tell: (pid: number) => void) => watchParent(clock, tell, () => parent);
    watch((pid) => void gone.push(pid));
    const unwatch = watch(() => void gone.push(-1));
    await clock.advance(10_000);
    unwatch();
    parent = 1;
    await clock.advance(10_000);
    expect(gone).toEqual([100]);
    expect(clock.nextInMs).toBeUndefined();
  });
});

describe("followShutdown()", () => {
  const atFirst = process.listenerCount("SIGINT");
  let stop = () => {};
  afterEach(() => stop());

  function follow() {
    const clock = new ManualClock();
    const done: string[] = [];
    stop = followShutdown(clock, {
      leave: (signal) => void done.push(`leave ${signal}`),
      atOnce: (signal) => void done.push(`at once ${signal}`),
    });
    const signal = (name: ShutdownSignal) => void process.emit(name as "SIGTERM");
    return { clock, done, signal };
  }

  test("leaves once, however many signals come together, and ends at once by a later one", async () => {
    const { clock, done, signal } = follow();
    signal("SIGINT");
    signal("SIGTERM");
    await clock.advance(1_900);
    signal("SIGTERM");
    expect(done).toEqual(["leave SIGINT"]);
    await clock.advance(200);
    signal("SIGTERM");
    signal("SIGTERM");
    expect(done).toEqual(["leave SIGINT", "at once SIGTERM"]);
  });

  test("looks no more once a further signal would be heard as another wish", async () => {
    const { clock, signal } = follow();
    signal("SIGTERM");
    await clock.advance(SAME_WISH_MS);
    expect(clock.nextInMs).toBeUndefined();
  });

  test("takes no more listeners while it gives up than before", () => {
    const { length } = process.listeners("SIGTERM");
    follow();
    stop();
    stop();
    expect(process.listeners("SIGTERM").length).toBe(length + 1);
  });

  test("hears nothing after it was stopped, and leaves no timer and no listener", async () => {
    const other = () => {};
    process.on("SIGTERM", other);
    const { clock, done, signal } = follow();
    signal("SIGTERM");
    stop();
    signal("SIGTERM");
    process.off("SIGTERM", other);
    expect(done).toEqual(["leave SIGTERM"]);
    await clock.advance(10_000);
    expect(clock.nextInMs).toBeUndefined();
    await until("the end of all listeners", () => process.listenerCount("SIGINT") === atFirst);
  });

  describe("in a process that gives it up as a signal comes", () => {
    const given = async (signal: string, others: boolean) => {
      const program = new Program("told", OWN, [PROGRAM, signal, String(others)]);
      const ended = await program.ended().finally(() => program.signal("SIGKILL"));
      return { status: ended.status, signal: ended.signal, printed: program.printed };
    };

    test.each(["SIGTERM", "SIGINT", "SIGHUP"])(
      "lets %s end it, as if nobody had listened",
      async (signal) => {
        expect(await given(signal, false)).toEqual({ status: null, signal, printed: "stopped\n" });
      },
    );

    test("leaves it to whoever else listens, who hears it once", async () => {
      const printed = "stopped\nanother heard SIGTERM\n";
      expect(await given("SIGTERM", true)).toEqual({ status: 5, signal: null, printed });
    });
  });

  test("whether a hangup is ignored is known where the system tells", () => {
    expect(typeof ignoresHangup()).toBe(process.platform === "linux" ? "boolean" : "undefined");
  });
});
