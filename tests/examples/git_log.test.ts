import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  changesOf,
  type FileChange,
  HistoryError,
  pathAfter,
  readHistory,
} from "../../examples/git_activity/git_log.ts";

const LOG = `commit 1111111111111111111111111111111111111111 (HEAD -> main, tag: v1)
Merge: 2222222 3333333
Author: Ann Other <ann@example.org>
Date:   Mon Nov 23 08:40:22 2026 +0000

    Merge branch 'x'

commit 2222222222222222222222222222222222222222
Author: Bo <bo@example.org>
Date:   Mon Nov 23 08:40:21 2026 +0000

    A subject
    
    1\t2\tnot/a/count.ts
    commit 4444444444444444444444444444444444444444

12\t3\tsrc/a.ts
-\t-\tlogo.png
0\t0\tsrc/{old => new}/b.ts
1\t1\t"src/caf\\303\\251 \\"x\\".ts"

commit 3333333333333333333333333333333333333333
Author:  <>
Date:   Mon Nov 23 08:40:20 2026 +0000

5\t0\tc.ts
`;

async function parse(log: string, chunkBytes: number): Promise<readonly FileChange[]> {
  const bytes = new TextEncoder().encode(log);
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  }
  const changes: FileChange[] = [];
  for await (const change of changesOf(chunks())) changes.push(change);
  return changes;
}

describe("changesOf()", () => {
  const bo = "Bo <bo@example.org>";
  const expected: readonly FileChange[] = [
    { author: bo, file: "src/a.ts", added: 12, deleted: 3, binary: false },
    { author: bo, file: "logo.png", added: 0, deleted: 0, binary: true },
    { author: bo, file: "src/new/b.ts", added: 0, deleted: 0, binary: false },
    { author: bo, file: 'src/café "x".ts', added: 1, deleted: 1, binary: false },
    { author: "<>", file: "c.ts", added: 5, deleted: 0, binary: false },
  ];

  test("finds commits, authors and counts, however the bytes are cut", async () => {
    for (const chunkBytes of [1, 2, 3, 7, 64, 100_000])
      expect(await parse(LOG, chunkBytes)).toEqual([...expected]);
  });

  test("takes lines that end as on Windows, and a last line without an end", async () => {
    expect(await parse(LOG.replaceAll("\n", "\r\n").trimEnd(), 50)).toEqual([...expected]);
  });

  test("finds nothing in an empty or strange input", async () => {
    for (const log of ["", "\n\n", "hello", "1 2 a", "1\t2\t", "x\ty\tz", "\0\0"])
      expect(await parse(log, 3)).toEqual([]);
  });

  test("keeps names legal whatever a made-up log holds", async () => {
    const changes = await parse(
      `1\t1\t${"x".repeat(10_000)}\n99999999999999999999\t1\ta\n1\t1\t"\\377"\n`,
      999,
    );
    expect(changes.map(({ file }) => file.length)).toEqual([1_000, 1, 1]);
    expect(changes.map(({ added }) => added)).toEqual([1, 0, 1]);
    expect(changes.every(({ author }) => author === "unknown")).toBe(true);
  });
});

describe("pathAfter()", () => {
  test.each([
    ["a.ts", "a.ts"],
    ["a.ts => b.ts", "b.ts"],
    ["{a => b}/c.ts", "b/c.ts"],
    ["a/{b => c}/d/e.ts", "a/c/d/e.ts"],
    ["a/{ => b}/c.ts", "a/b/c.ts"],
    ["a/{b => }/c.ts", "a/c.ts"],
    ["{a => }/c.ts", "c.ts"],
    ["a/{b.ts => c.ts}", "a/c.ts"],
    ['"a\\tb"', "a\tb"],
    ['"\\360\\237\\215\\265"', "🍵"],
    ['"a\\\\b"', "a\\b"],
    ['"a\\001" => b.ts', "b.ts"],
    ['a.ts => "b\\n"', "b\n"],
    ['"a\\"" => "b\\""', 'b"'],
    ['"unended', "unended"],
    ["a{b}.ts", "a{b}.ts"],
  ])("reads %j as %j", (text, path) => {
    expect(pathAfter(text)).toBe(path);
  });
});

describe("readHistory()", () => {
  const directory = () => mkdtempSync(join(tmpdir(), "git-log-test-"));

  function git(path: string, ...args: string[]): void {
    const identity = [
      "-c",
      "user.name=Ann",
      "-c",
      "user.email=ann@example.org",
      "-c",
      "commit.gpgsign=false",
    ];
    const { GIT_DIR: _, ...env } = process.env;
    const result = spawnSync("git", ["-C", path, ...identity, ...args], { encoding: "utf8", env });
    if (result.status !== 0) throw new Error(`git ${args.join(" ")}: ${result.stderr}`);
  }

  test("reads a repository with one commit, and one with a rename", async () => {
    const path = directory();
    try {
      git(path, "init", "--quiet");
      writeFileSync(join(path, "ä b.txt"), "one\ntwo\nthree\nfour\n");
      git(path, "add", ".");
      git(path, "commit", "--quiet", "-m", "first");
      const author = "Ann <ann@example.org>";
      const first = { author, file: "ä b.txt", added: 4, deleted: 0, binary: false };
      expect(await readHistory(path, 10)).toEqual([first]);
      git(path, "mv", "ä b.txt", "c.txt");
      git(path, "commit", "--quiet", "-m", "second");
      expect(await readHistory(path, 10)).toEqual([{ ...first, file: "c.txt", added: 0 }, first]);
      expect(await readHistory(path, 1)).toHaveLength(1);
    } finally {
      rmSync(path, { recursive: true });
    }
  });

  test("says what is wrong with a path, a folder that is no repository, and one without commits", async () => {
    const path = directory();
    try {
      await expect(readHistory(join(path, "missing"), 10)).rejects.toThrow("there is nothing at that path");
      await expect(readHistory(path, 10)).rejects.toThrow(/not a git repository/i);
      await expect(readHistory(path, 10)).rejects.toThrow(HistoryError);
      git(path, "init", "--quiet");
      await expect(readHistory(path, 10)).rejects.toThrow("does not have any commits yet");
      git(path, "commit", "--quiet", "--allow-empty", "-m", "nothing");
      await expect(readHistory(path, 10)).rejects.toThrow("its log has none");
    } finally {
      rmSync(path, { recursive: true });
    }
  });
});
