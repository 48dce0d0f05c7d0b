import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { systemClock } from "../../platform/clock.ts";
import { type TreeWatch, watchTree } from "../../platform/file/watch.ts";
import { until } from "../support/conditions.ts";

let folder: string;
let told: string[][];
let watch: TreeWatch | undefined;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), "baton-watch-"));
  told = [];
  for (const name of ["a.ts", "sub/b.ts", "left/out.ts", "notes.txt"]) write(name, name);
});
afterEach(() => {
  watch?.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

function write(name: string, text: string): void {
  fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  fs.writeFileSync(path.join(folder, name), text);
}

function begin(...more: string[]): void {
  watch = watchTree(
    {
      roots: [folder, ...more],
      wants: (file) => file.endsWith(".ts"),
      enters: (each) => path.basename(each) !== "left",
    },
    systemClock(),
    (files) => told.push(files.map((file) => path.relative(folder, file))),
  );
}

const all = () => told.flat();

describe("watchTree()", () => {
  test("tells what is written, renamed into place, removed, and made in folders that are new", async () => {
    begin();
    expect(watch?.size).toBe(2);
    write("sub/b.ts", "longer than before");
    await until("the one that was written", () => all().includes("sub/b.ts"));
    write("a.ts.tmp", "x");
    fs.renameSync(path.join(folder, "a.ts.tmp"), path.join(folder, "a.ts"));
    await until("the one that was replaced", () => all().includes("a.ts"));
    write("new/deep/c.ts", "1");
    await until("the one in a new folder", () => all().includes("new/deep/c.ts"));
    write("new/deep/d.ts", "1");
    await until("a further one there", () => all().includes("new/deep/d.ts"));
    fs.rmSync(path.join(folder, "new"), { recursive: true });
    await until("what was removed", () => all().filter((file) => file === "new/deep/c.ts").length === 2);
    write("new/deep/c.ts", "2");
    await until("what came back", () => all().filter((file) => file === "new/deep/c.ts").length === 3);
  });

  test("tells nothing of what was touched and stayed the same, is not wanted, or is left out", async () => {
    const file = path.join(folder, "a.ts");
    fs.utimesSync(file, 1_000, 2_000);
    begin();
    fs.utimesSync(file, 3_000, 2_000);
    fs.readFileSync(file);
    write("notes.txt", "more");
    write("left/out.ts", "more");
    write("sub/b.ts", "the last one, and longer");
    await until("the last one", () => told.length > 0);
    expect(told).toEqual([["sub/b.ts"]]);
  });

  test("watches a single file, also over its replacement, and ends when it is stopped", async () => {
    const other = fs.mkdtempSync(path.join(tmpdir(), "baton-watch-other-"));
    try {
      const file = path.join(other, "config.yaml");
      fs.writeFileSync(file, "1");
      begin(file);
      fs.writeFileSync(`${file}.new`, "22");
      fs.renameSync(`${file}.new`, file);
      await until("the file", () => told.length > 0);
      expect(all().map((each) => path.basename(each))).toEqual(["config.yaml"]);
      watch?.stop();
      const second: string[][] = [];
      const next = watchTree(
        { roots: [folder], wants: () => true, enters: () => true },
        systemClock(),
        (files) => second.push(files),
      );
      write("a.ts", "after its end");
      await until("what another watch sees", () => second.length > 0);
      next.stop();
      expect(told.length).toBe(1);
    } finally {
      fs.rmSync(other, { recursive: true });
    }
  });
});
