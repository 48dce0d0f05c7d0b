import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Options, parseOptions } from "../../chaos/options.ts";
import { executablesFor } from "../../chaos/program.ts";
import { problemsOf, reportOf } from "../../chaos/report.ts";
import { run } from "../../chaos/run.ts";

const TIMEOUT_MS = 90_000;
const FAULTS = "kill,freeze,replace,cut,blackhole,server-restart";

describe("run()", () => {
  const logs = mkdtempSync(join(tmpdir(), "baton-chaos-test-"));
  afterAll(() => rmSync(logs, { recursive: true, force: true }));
  const runWith = async (args: readonly string[], said: string[]) => {
    const options: Options = parseOptions(["--nodes", "3", "--lease", "4", ...args]);
    const executables = executablesFor(options.runtimes);
    const say = (text: string) => void said.push(text);
    const result = await run({ options, executables, logs, say, signal: new AbortController().signal });
    const problems = problemsOf(options, result).map(({ promise, what }) => `${promise}: ${what}`);
    return { report: reportOf(options, result), problems };
  };

  test(
    "keeps every promise through a few seconds of faults",
    async () => {
      const said: string[] = [];
      const args = ["--minutes", "0.15", "--seed", "11", "--only", FAULTS];
      const { report, problems } = await runWith(args, said);
      if (!report.ok) throw new Error([...said, ...problems, JSON.stringify(report)].join("\n"));
      expect(report.ok_calls).toBeGreaterThan(100);
      expect(report.stops).toBeGreaterThan(0);
      expect(said.filter((line) => line.includes(" kept actors ran after ")).length).toBeGreaterThan(1);
      expect(Object.keys(report.faults).length).toBeGreaterThan(1);
    },
    TIMEOUT_MS,
  );

  test(
    "finds that kept actors do not run where a node was killed, if that rule is broken",
    async () => {
      const args = ["--minutes", "0.2", "--seed", "3", "--only", "kill", "--defect", "kept-until-crash"];
      const { report, problems } = await runWith(args, []);
      expect(report.ok).toBe(false);
      expect(problems.join("\n")).toMatch(
        /I5: (stored-)?keeper\/\w+ is kept alive, and after round 0 it ran nowhere/,
      );
    },
    TIMEOUT_MS,
  );
});
