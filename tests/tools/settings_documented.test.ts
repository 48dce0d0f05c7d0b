import * as fs from "node:fs";
import { describe, expect, test } from "bun:test";
import { DEFAULT_SETTINGS } from "../../node/settings.ts";

const README = fs.readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** Names in backticks in the first column of a row, with the numbers of the second: `| \`a\`, \`b\` | 1,000, 5 | … |`. */
function documented(text: string): Record<string, number | undefined> {
  const rows = text.matchAll(/^\| ((?:`\w+`(?:, )?)+) \| ([\d, ]+) \|/gm);
  return Object.fromEntries(
    [...rows].flatMap(([, names = "", values = ""]) => {
      const numbers = values.split(", ").map((value) => Number(value.replaceAll(",", "")));
      return [...names.matchAll(/\w+/g)].map(([name], at) => [name, numbers[at]]);
    }),
  );
}

describe("README.md", () => {
  test("tells every setting of a node with its default, and no other", () => {
    const [, section = ""] = README.split("Per node, in `startNode({ settings })`");
    expect(documented(section)).toEqual({ ...DEFAULT_SETTINGS });
  });
});
