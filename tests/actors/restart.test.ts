// What follows when an actor fails: the rules of a contract, and what they make of its failures.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { z } from "zod";
import { ByteReader, ByteWriter } from "../../codec/bytes.ts";
import { ConfigurationError, defineActor, type RestartOptions } from "../../mod.ts";
import {
  afterFailure,
  FAILURES,
  type Failures,
  hasFailedLately,
  standingOf,
} from "../../actors/supervision/failures.ts";
import { type RestartRules, restartRules } from "../../actors/supervision/restart.ts";

const options = { state: z.strictObject({}), stateVersion: 1, messages: {} };
const lamp = (more: object) => defineActor("lamp", { ...options, ...more });
const error = { code: "handler-error", message: "on purpose" };

describe("a contract", () => {
  test("says once what becomes of an actor that fails, in a short form or a long one", () => {
    const defaults = { max: 5, withinMs: 10_000, backoff: { minMs: 100, maxMs: 10_000 } };
    expect(lamp({}).onError).toBe("keep");
    expect(lamp({}).restart).toBe(undefined);
    expect(lamp({ onError: "restart" })).toMatchObject({ restart: { policy: "on-error", ...defaults } });
    expect(lamp({ onError: "stop" })).toMatchObject({ restart: { policy: "never", ...defaults } });
    expect(lamp({ restart: {} })).toMatchObject({
      onError: "restart",
      restart: { policy: "on-error", ...defaults },
    });
    expect(lamp({ restart: { policy: "always", max: 0 } })).toMatchObject({
      onError: "restart",
      restart: { policy: "always", max: 0 },
    });
    expect(lamp({ restart: { policy: "never" } }).onError).toBe("stop");
  });

  test("may be spread into another", () => {
    const all = [
      { onError: "restart" },
      { restart: { policy: "always" } },
      { restart: { policy: "never" } },
      {},
    ];
    for (const more of all) {
      const first = lamp(more);
      expect(defineActor("lamp", { ...first })).toEqual(first);
    }
  });

  test("is refused where the two forms do not agree", () => {
    const refused = (onError: string, policy: string) => () => lamp({ onError, restart: { policy } });
    expect(refused("keep", "on-error")).toThrow(
      'Cannot define kind "lamp" with onError "keep" and restart.policy "on-error": that policy means onError "restart"; leave onError out',
    );
    expect(refused("restart", "never")).toThrow('means onError "stop"');
    expect(refused("stop", "always")).toThrow('means onError "restart"');
    expect(() => lamp({ restart: {}, stateCheck: "seal" })).toThrow(ConfigurationError);
  });

  test("is refused with values that cannot work, with the value and the rule", () => {
    const refusal = (restart: unknown) => {
      try {
        lamp({ restart: restart as RestartOptions });
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(ConfigurationError);
        return (thrown as Error).message;
      }
      throw new Error(`expected a refusal of ${JSON.stringify(restart)}`);
    };
    const start = 'Cannot define kind "lamp": its restart.';
    expect(refusal({ policy: "sometimes" })).toBe(
      `${start}policy is "sometimes", and must be "always", "on-error" or "never"`,
    );
    expect(refusal({ max: 1_001 })).toBe(`${start}max is 1001, and must be a whole number from 0 to 1000`);
    for (const max of [-1, 1.5, Number.NaN, "5", null]) expect(refusal({ max })).toContain(`${start}max is `);
    expect(refusal({ withinMs: 0 })).toBe(
      `${start}withinMs is 0, and must be a whole number from 1 to 86400000`,
    );
    expect(refusal({ backoff: { minMs: 0 } })).toContain("backoff.minMs is 0, and must be");
    expect(refusal({ backoff: { minMs: 200, maxMs: 100 } })).toBe(
      `${start}backoff.maxMs is 100, and must be a whole number from 200 to 3600000`,
    );
    expect(refusal({ backoff: { maxMs: 3_600_001 } })).toContain("backoff.maxMs is 3600001");
    for (const restart of ["always", 3, null, ["always"]])
      expect(refusal(restart)).toContain("its restart is ");
    expect(refusal("always")).toBe(
      'Cannot define kind "lamp": its restart is "always", and must be an object with any of "policy", "max", "withinMs", "backoff"',
    );
    expect(refusal({ backoff: null })).toContain("backoff is null, and must be an object with any of");
    expect(refusal({ backoff: 100 })).toContain("backoff is 100, and must be an object with any of");
    expect(refusal({ tries: 3 })).toContain('"tries" is no option of restart; those are "policy"');
    expect(refusal({ backoff: { firstMs: 3 } })).toContain('"firstMs" is no option of restart.backoff');
  });
});

const rules = (more: RestartOptions = {}): RestartRules =>
  restartRules("lamp", { max: 3, withinMs: 1_000, backoff: { minMs: 100, maxMs: 350 }, ...more });

function failedAt(times: readonly number[], by = rules()): Failures | undefined {
  let failures: Failures | undefined;
  for (const at of times) failures = afterFailure(failures, by, at, error);
  return failures;
}

const standing = (times: readonly number[], now: number, by = rules(), share = 0) => {
  const failures = failedAt(times, by);
  return failures && standingOf(failures, by, now, share);
};

describe("an actor that fails", () => {
  test("begins anew at once the first time, and then after pauses that double up to the longest", () => {
    const by = rules({ max: 100 });
    expect(standing([0], 0, by)).toEqual({ as: "free" });
    expect(standing([0, 1], 1, by)).toEqual({ as: "pausing", leftMs: 100 });
    expect(standing([0, 1], 41, by)).toEqual({ as: "pausing", leftMs: 60 });
    expect(standing([0, 1], 101, by)).toEqual({ as: "free" });
    expect(standing([0, 1, 2], 2, by)).toEqual({ as: "pausing", leftMs: 200 });
    expect(standing([0, 1, 2, 3], 3, by)).toEqual({ as: "pausing", leftMs: 350 });
    expect(
      standing(
        Array.from({ length: 90 }, () => 3),
        3,
        by,
      ),
    ).toEqual({ as: "pausing", leftMs: 350 });
  });

  test("pauses a little less than others that failed with it", () => {
    expect(standing([0, 0], 0, rules(), 0.999)).toMatchObject({ leftMs: 100 * (1 - 0.25 * 0.999) });
  });

  test("is stopped by one failure more than its budget, for the longest pause, and has a clean slate then", () => {
    const times = [0, 10, 20, 30];
    expect(standing(times.slice(0, 3), 20)).toMatchObject({ as: "pausing" });
    expect(standing(times, 30)).toEqual({ as: "stopped", leftMs: 350, error });
    expect(standing(times, 379)).toEqual({ as: "stopped", leftMs: 1, error });
    expect(standing(times, 380)).toEqual({ as: "free" });
    expect(hasFailedLately(failedAt(times), rules(), 1_379)).toBe(true);
    expect(hasFailedLately(failedAt(times), rules(), 1_380)).toBe(false);
    expect(failedAt([...times, 381])).toEqual({ at: [381] });
  });

  test("with no budget at all is stopped by the first failure", () => {
    expect(standing([7], 7, rules({ max: 0 }))).toMatchObject({ as: "stopped" });
  });

  test("has its budget back when its failures are old enough", () => {
    expect(failedAt([0, 400, 800, 1_000])).toEqual({ at: [400, 800, 1_000] });
    expect(failedAt([0, 400, 800, 999])?.stopped).toBeDefined();
    expect(hasFailedLately(failedAt([0]), rules(), 999)).toBe(true);
    expect(hasFailedLately(failedAt([0]), rules(), 1_000)).toBe(false);
    expect(hasFailedLately(undefined, rules(), 0)).toBe(false);
  });

  test("counts what another clock has noted as now, and waits no longer for it than for its own", () => {
    expect(failedAt([5_000, 10])).toEqual({ at: [10, 10] });
    const ahead: Failures = { at: [9_000, 9_000] };
    expect(standingOf(ahead, rules(), 10, 0)).toEqual({ as: "pausing", leftMs: 100 });
    const stopped: Failures = { at: [9_000], stopped: { until: 9_350, error } };
    expect(standingOf(stopped, rules(), 10, 0)).toEqual({ as: "stopped", leftMs: 350, error });
  });

  test("never has more than its budget within the time, whatever comes", () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 60 });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 0, max: 5 }), (waits, max) => {
        const by = rules({ max });
        let [now, failures]: [number, Failures | undefined] = [0, undefined];
        let restarts: number[] = [];
        for (const wait of waits) {
          now += wait;
          if (failures?.stopped && standingOf(failures, by, now, 0).as === "stopped") continue; // nothing of it runs
          if (failures?.stopped) restarts = []; // a clean slate
          failures = afterFailure(failures, by, now, error);
          if (failures.stopped === undefined) restarts.push(now);
          expect(restarts.filter((at) => at > now - by.withinMs).length).toBeLessThanOrEqual(max);
        }
      }),
    );
  });
});

describe("failures as bytes", () => {
  const again = (failures: Failures) => {
    const writer = new ByteWriter();
    FAILURES.write(writer, failures);
    return FAILURES.read(new ByteReader(writer.finish().slice()));
  };

  test("are the same again", () => {
    expect(again({ at: [] })).toEqual({ at: [] });
    expect(again({ at: [1_700_000_000_000, 1_700_000_000_001.5] })).toEqual({
      at: [1_700_000_000_000, 1_700_000_000_001.5],
    });
    const stopped: Failures = { at: [1], stopped: { until: 2, error } };
    expect(again(stopped)).toEqual(stopped);
  });

  test("are refused where they cannot be", () => {
    const writer = new ByteWriter();
    writer.varint(5_000);
    expect(() => FAILURES.read(new ByteReader(writer.finish().slice()))).toThrow("1001 are the most");
    expect(() => again({ at: [Number.NaN] })).toThrow("a time of them is none");
  });

  test("hold no more words of an error than they must", () => {
    const failures = afterFailure(undefined, rules({ max: 0 }), 0, {
      code: "x",
      message: `${"y".repeat(999)}😀`,
    });
    expect(failures.stopped?.error.message.length).toBe(1_000);
    expect(failures.stopped?.error.message.isWellFormed()).toBe(true);
  });
});
