import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { BareCounter, Tally } from "../../bench/contract.ts";
import { goalLines } from "../../bench/goals.ts";
import { enter } from "../../bench/handover/ledger.ts";
import { compare, type Figures } from "../../bench/measure.ts";
import { parseOptions } from "../../bench/options.ts";
import type { HandoverFigures } from "../../bench/handover/handover.ts";
import { comparisonText, handoverText } from "../../bench/report.ts";
import { bareStub } from "../../bench/local/ring_mailbox.ts";
import { median, percentile, ratios, spread } from "../../bench/statistics.ts";

const MAIN = fileURLToPath(new URL("../../bench/main.ts", import.meta.url));
const RUN_TIMEOUT_MS = 120_000;
const runtime = process.versions.bun === undefined ? "deno" : "bun";

/** Runs the benchmark on this test's runtime. */
function bench(...args: string[]): Promise<{ status: number | null; out: string; err: string }> {
  const run = runtime === "bun" ? ["run"] : ["run", "--no-check", "--quiet", "--allow-all"];
  const child = spawn(process.execPath, [...run, MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const said = { out: "", err: "" };
  child.stdout.on("data", (data) => (said.out += String(data)));
  child.stderr.on("data", (data) => (said.err += String(data)));
  const timer = setTimeout(() => process.kill(child.pid as number, "SIGTERM"), RUN_TIMEOUT_MS);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => {
      clearTimeout(timer);
      resolve({ status, ...said });
    });
  });
}

describe("statistics", () => {
  test("median() and percentile() do with few values, and with none", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBe(0);
    expect(percentile([5, 1, 3], 0.5)).toBe(3);
    expect(percentile([5, 1, 3], 0.99)).toBe(5);
    expect(percentile([], 0.5)).toBe(0);
  });

  test("ratios() divides round by round, and spread() says between which values they lie", () => {
    expect(ratios([1, 4], [2, 2])).toEqual([0.5, 2]);
    expect(spread([0.5, 2])).toEqual({ median: 1.25, min: 0.5, max: 2 });
  });
});

describe("parseOptions()", () => {
  test("fills in what is left out", () => {
    const { seconds, rounds, runtimes, only, leave, join } = parseOptions([]);
    expect({ seconds, rounds, runtimes, only, leave, join }).toEqual({
      seconds: 3,
      rounds: 5,
      runtimes: undefined,
      only: ["local", "remote", "leave", "join", "upgrade", "registry", "recovery"],
      leave: [1_000, 10_000],
      join: [10_000],
    });
  });

  test("refuses what it does not know, and says what it expects", () => {
    expect(() => parseOptions(["--only", "local,global"])).toThrow(
      'Cannot use --only "global": give some of local, remote, leave, join, upgrade, registry, recovery',
    );
    expect(() => parseOptions(["--seconds", "0"])).toThrow("give a number above 0");
    expect(() => parseOptions(["--leave", "10,x"])).toThrow("give a whole number above 0");
  });
});

describe("compare()", () => {
  test("gives both sides a warm-up and then as many turns as there are rounds, in changing order", async () => {
    const turns: string[] = [];
    const side = (label: string, perTurn: number) => ({
      label,
      run: async () => {
        turns.push(label);
        return { count: perTurn, seconds: 2, latenciesMs: [1, 2, 9] };
      },
    });
    const pace = { seconds: 1, rounds: 2 };
    let cpuUs = 0;
    const sides = [side("ours", 10), side("theirs", 40)];
    const figures = await compare({ name: "a", sides }, pace, async () => (cpuUs += 20));
    expect(turns.join(" ")).toBe("ours theirs ours theirs theirs ours");
    expect(figures).toEqual({
      name: "a",
      sides: [
        { label: "ours", perSecond: [5, 5], p50Ms: [2, 2], cpuUs: [2, 2] },
        { label: "theirs", perSecond: [20, 20], p50Ms: [2, 2], cpuUs: [0.5, 0.5] },
      ],
    });
  });
});

describe("bareStub()", () => {
  test("answers asks in order, counts tells, and hands on what a handler throws", async () => {
    const tally = new Tally();
    const stub = bareStub(new BareCounter(tally), ["add"], ["note"]);
    const added = Promise.all(Array.from({ length: 3_000 }, () => stub.add(1)));
    for (let i = 0; i < 10; i++) stub.note(1);
    await tally.reaches(10);
    expect((await added).at(-1)).toBe(3_000);
    const throwing = {
      fail: () => {
        throw new Error("no");
      },
    };
    await expect(bareStub(throwing, ["fail"], []).fail(1)).rejects.toThrow("no");
  });

  test("handles one message at a time, also if handlers are asynchronous", async () => {
    const log: string[] = [];
    const slow = {
      work: async (name: unknown) => {
        log.push(`${name} begins`);
        await Promise.resolve();
        log.push(`${name} ends`);
      },
    };
    const stub = bareStub(slow, ["work"], []);
    await Promise.all([stub.work("a"), stub.work("b")]);
    expect(log).toEqual(["a begins", "a ends", "b begins", "b ends"]);
  });
});

describe("enter()", () => {
  test("counts what is handled and what is doubled; what is missing is not handled", () => {
    const book = { next: 0, handled: 0, doubled: 0 };
    for (const number of [0, 1, 1, 3, 2]) enter(book, number);
    expect(book).toEqual({ next: 4, handled: 3, doubled: 2 });
  });
});

describe("goalLines()", () => {
  test("puts a figure beside its goal", () => {
    const side = (label: string, perSecond: number[]) => ({ label, perSecond, p50Ms: [], cpuUs: perSecond });
    const figures: Figures = {
      name: "remote tell",
      sides: [side("Baton", [60, 30]), side("publish → subscribe", [100, 50])],
    };
    expect(goalLines({ parts: [{ runtime: "bun", figures: [figures] }] })).toEqual([
      {
        what: "remote tell vs publish → subscribe",
        on: "bun",
        goal: "≥ 0.6 ×",
        seen: "0.60 ×",
        reached: true,
      },
    ]);
    expect(comparisonText(figures)).toContain("Baton is 0.60 × (0.60..0.60)");
  });

  test("puts messages within a node beside two references, and a large state beside a time", () => {
    const side = (label: string, perSecond: number[]) => ({ label, perSecond, p50Ms: [], cpuUs: perSecond });
    const sides = [side("Baton", [30]), side("ring mailbox", [100]), side("same checks, copies", [60])];
    const large = [side("Baton", [50_000]), side("ring mailbox", [1e6])];
    const figures: Figures[] = [
      { name: "local ask", sides },
      { name: "local ask, 1 of 1,000 items changed", sides: large },
    ];
    const lines = goalLines({ parts: [{ runtime: "bun", figures }] });
    expect(lines.map(({ goal, seen, reached }) => [goal, seen, reached])).toEqual([
      ["≥ 0.28 ×", "0.30 ×", true],
      ["≥ 0.8 ×", "0.50 ×", false],
      ["≤ 12 µs", "20.0 µs", false],
    ]);
  });
});

describe("goalLines() of handovers", () => {
  const handover: HandoverFigures = {
    ...{ how: "leave", from: "bun", to: "deno", actors: 10_000, moved: 10_000, seconds: 0.4, shards: 128 },
    ...{ lateActors: 0, kept: 0, lost: 0, doubled: 0, failed: 0, failures: {}, asks: 1, tells: 1 },
    ...{ giverUs: 50, takerUs: 60, pauseP50Ms: 6, pauseP99Ms: 20, silenceP50Ms: 9, silenceP99Ms: 30 },
  };

  test("have the goals of as many actors as there were", () => {
    const reached = (figures: HandoverFigures) =>
      goalLines({ parts: [], handovers: [figures] }).map(({ goal, reached }) => [goal, reached]);
    expect(reached(handover)).toEqual([
      ["< 0.5 s", true],
      ["0", true],
      ["< 5 ms", false],
      ["< 25 ms", true],
    ]);
    expect(reached({ ...handover, actors: 100_000, lost: 1 }).slice(0, 2)).toEqual([
      ["< 5 s", true],
      ["0", false],
    ]);
    expect(reached({ ...handover, how: "upgrade", actors: 10_000 })).toEqual([]);
    expect(reached({ ...handover, how: "join", actors: 1_000 })).toEqual([]);
  });

  test("are told with what they cost each actor", () => {
    const text = handoverText({ ...handover, how: "join", moved: 3_300, calmMs: 1_020 });
    expect(text).toContain("0.40 s for 3,300 actors in 128 shards, 1020.0 ms after its start");
    expect(text).toContain("50 + 60 µs");
  });
});

describe("bench/main.ts", () => {
  test(
    "measures every part in a short run and writes the results",
    async () => {
      const folder = mkdtempSync(joinPath(tmpdir(), "baton-bench-"));
      try {
        const file = joinPath(folder, "results.json");
        const short = [
          "--seconds",
          "0.05",
          "--rounds",
          "1",
          "--actors",
          "4",
          "--leave",
          "100",
          "--join",
          "100",
          "--upgrade",
          "100",
          "--registry",
          "2500",
        ];
        const few = ["--timers", "50", "--entries", "100"];
        const { status, err } = await bench("--runtimes", runtime, ...short, ...few, "--json", file);
        expect({ status, err: status === 0 ? "" : err }).toEqual({ status: 0, err: "" });
        const { parts, handovers, registries, recoveries } = JSON.parse(readFileSync(file, "utf8"));
        const names = parts.flatMap((part: { figures: Figures[] }) => part.figures.map(({ name }) => name));
        expect(names).toEqual([
          "local ask",
          "local tell",
          "local ask, state untouched",
          "local tell, state untouched",
          "local ask, 1 of 1,000 items changed",
          "remote ask, 1 in flight, just started",
          "remote ask, 256 in flight",
          "remote ask, a real handler",
          "remote tell",
          "remote ask, 1 in flight",
        ]);
        const nothing = { actors: 100, lost: 0, doubled: 0, failed: 0, kept: 0 };
        expect(handovers).toMatchObject([
          { how: "leave", shards: 128, moved: 100, ...nothing },
          { how: "join", ...nothing },
          { how: "upgrade", shards: 256, moved: 100, ...nothing },
        ]);
        const [leave, joined] = handovers;
        expect(joined.shards).toBeGreaterThanOrEqual(85); // a third of 256
        expect(joined.moved).toBeLessThan(100);
        for (const { giverUs } of handovers) expect(giverUs).toBeGreaterThan(0);
        expect(registries).toMatchObject([{ actors: 2_500, pages: 3, wrong: 0 }]);
        const seen = { again: 0, moreActivations: 0 };
        expect(recoveries).toMatchObject([
          { timers: 50, entries: 0, asked: 50, ...seen },
          { timers: 300, entries: 100, asked: 300, again: 0 },
        ]);
        expect(leave.seconds).toBeLessThan(20); // a leave that runs into its deadline waits for something
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    RUN_TIMEOUT_MS + 5_000,
  );

  test("ends with status 1 and says why when it is told something strange", async () => {
    const { status, err } = await bench("--only", "everything");
    expect(status).toBe(1);
    expect(err).toContain('Cannot use --only "everything": give some of');
  });
});
