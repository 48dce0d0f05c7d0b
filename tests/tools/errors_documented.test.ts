import * as fs from "node:fs";
import { describe, expect, test } from "bun:test";
import { ERROR_CODES, fromErrorData } from "../../errors.ts";
import { statusOf } from "../../http/problem.ts";

const TEXT = fs.readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");

interface Row {
  readonly code: string;
  readonly repeat: boolean;
  readonly status: number;
  readonly meaning: string;
}

/** The rows of all tables: `| \`code\` | yes | 503 | meaning | what to do |`. */
const ROWS: readonly Row[] = [
  ...TEXT.matchAll(/^\| `([\w-]+)` \| (yes|no) \| (\d{3}) \| ([^|]+) \| ([^|]*)\|$/gm),
].map(([, code = "", repeat, status, meaning = ""]) => {
  return { code, repeat: repeat === "yes", status: Number(status), meaning };
});

/** What HTTP says by itself, without an error behind it, and whether it may be repeated. */
const OF_HTTP: ReadonlyMap<string, boolean> = new Map([
  ["forbidden", false],
  ["request-timeout", true],
  ["unsupported-media-type", false],
  ["internal-error", false],
]);

describe("docs/errors.md", () => {
  test("tells every code once, and no other", () => {
    const told = ROWS.map(({ code }) => code);
    expect([...told].sort()).toEqual([...ERROR_CODES, ...OF_HTTP.keys()].sort());
  });

  test("tells of each what it means, its status, and whether it may be repeated", () => {
    for (const { code, repeat, status, meaning } of ROWS) {
      const retryable = OF_HTTP.get(code) ?? fromErrorData({ code, message: "", retryable: false }).retryable;
      expect({ code, repeat, status }).toEqual({ code, repeat: retryable, status: statusOf(code) });
      expect(meaning.trim().length).toBeGreaterThan(10);
    }
  });
});
