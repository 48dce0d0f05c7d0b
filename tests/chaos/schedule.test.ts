import { describe, expect, test } from "bun:test";
import { endOf, type Fault, schedule, type ScheduleOptions } from "../../chaos/schedule.ts";

const OPTIONS: ScheduleOptions = {
  ...{ seed: 7, round: 0, seats: 4, servers: 3, leaseMs: 15_000, faultyMs: 60_000 },
};

function types(faults: readonly Fault[]): Set<string> {
  return new Set(faults.map(({ type }) => type));
}

describe("schedule()", () => {
  test("gives the same faults for the same seed and round, and others for others", () => {
    expect(schedule(OPTIONS)).toEqual(schedule(OPTIONS));
    expect(schedule({ ...OPTIONS, seed: 8 })).not.toEqual(schedule(OPTIONS));
    expect(schedule({ ...OPTIONS, round: 1 })).not.toEqual(schedule(OPTIONS));
  });

  test("deals every sort of fault within a few rounds, the loss of the leader among them", () => {
    const all = [0, 1, 2].flatMap((round) => schedule({ ...OPTIONS, round }));
    const expected = ["kill", "freeze", "replace", "cut", "blackhole", "delay", "server-restart"];
    for (const type of [...expected, "server-loss", "leader-loss", "quorum-loss", "server-freeze"])
      expect(types(all)).toContain(type);
  });

  test("does to one server only what one server can stand", () => {
    const all = [0, 1, 2, 3].flatMap((round) => schedule({ ...OPTIONS, servers: 1, round }));
    expect(types(all)).toContain("jetstream-away");
    for (const type of ["server-loss", "leader-loss", "quorum-loss"]) expect(types(all)).not.toContain(type);
  });

  test("never does two things to one node at once, nor to the servers", () => {
    for (let seed = 0; seed < 50; seed++) {
      const busy = new Map<string, number>();
      for (const fault of schedule({ ...OPTIONS, seed })) {
        const key = fault.on === "node" ? `seat ${fault.seat}` : "servers";
        expect(fault.atMs).toBeGreaterThanOrEqual(busy.get(key) ?? 0);
        busy.set(key, fault.atMs + fault.durationMs);
      }
    }
  });

  test("freezes and cuts for shorter and for longer than the lease", () => {
    const all = Array.from({ length: 20 }, (_, seed) => schedule({ ...OPTIONS, seed })).flat();
    for (const wanted of ["freeze", "cut", "blackhole"]) {
      const durations = all.filter(({ type }) => type === wanted).map(({ durationMs }) => durationMs);
      expect(durations.some((ms) => ms < OPTIONS.leaseMs)).toBe(true);
      expect(durations.some((ms) => ms > OPTIONS.leaseMs)).toBe(true);
    }
  });

  test("deals only what was asked for", () => {
    expect(types(schedule({ ...OPTIONS, only: ["kill"] }))).toEqual(new Set(["kill"]));
  });
});

describe("endOf()", () => {
  test("is when the last fault is over", () => {
    const faults = schedule(OPTIONS);
    for (const { atMs, durationMs } of faults)
      expect(endOf(faults)).toBeGreaterThanOrEqual(atMs + durationMs);
    expect(endOf([])).toBe(0);
  });
});
