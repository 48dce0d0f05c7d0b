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

  test(
    "keeps every promise through a few seconds of faults",
    async () => {
      const args = ["--minutes", "0.15", "--seed", "11", "--nodes", "3", "--lease", "4", "--only", FAULTS];
      const options: Options = parseOptions(args);
      const said: string[] = [];
      const result = await run({
        ...{ options, executables: executablesFor(options.runtimes), logs },
        ...{ say: (text: string) => void said.push(text), signal: new AbortController().signal },
      });
      const report = reportOf(options, result);
      const problems = problemsOf(options, result).map(({ promise, what }) => `${promise}: ${what}`);
      if (!report.ok) throw new Error([...said, ...problems, JSON.stringify(report)].join("\n"));
      expect(report.ok_calls).toBeGreaterThan(100);
      expect(Object.keys(report.faults).length).toBeGreaterThan(1);
    },
    TIMEOUT_MS,
  );
});
