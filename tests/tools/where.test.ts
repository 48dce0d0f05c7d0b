import * as fs from "node:fs";
import { describe, expect, test } from "bun:test";

function read(path: string): string {
  return fs.readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}

const TASKS = [...read("docs/where.md").matchAll(/^\| ([^|]+) \| `([\w./]+)` \|$/gm)].map(
  ([, task = "", file = ""]) => ({ task, file }),
);

describe("docs/where.md", () => {
  test("has a file for each of many tasks, and each task once", () => {
    expect(TASKS.length).toBeGreaterThan(30);
    expect(new Set(TASKS.map(({ task }) => task)).size).toBe(TASKS.length);
  });

  test("names files that are there", () => {
    const gone = TASKS.filter(({ file }) => !fs.existsSync(new URL(`../../${file}`, import.meta.url)));
    expect(gone).toEqual([]);
  });

  test("needs no other page than ARCHITECTURE.md to find one", () => {
    const architecture = read("ARCHITECTURE.md");
    const unnamed = TASKS.filter(
      ({ file }) => !new RegExp(`(?<![\\w/])${file}(?![\\w/])`).test(architecture),
    );
    expect(unnamed).toEqual([]);
  });
});
