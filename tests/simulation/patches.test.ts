import { describe, expect, test } from "bun:test";
import fs from "node:fs/promises";
import * as module from "node:module";
import path from "node:path";
import { DEFECTS, UNSEEN } from "./defects/all.ts";
import { ROOT } from "./defects/broken_tree.ts";
import { type Change, patched } from "./defects/defect.ts";

const ALL = [...DEFECTS, ...UNSEEN];

/** What Bun has instead of `stripTypeScriptTypes`. */
interface BunGlobal {
  readonly Bun?: {
    readonly Transpiler: new (options: { loader: "ts" }) => { transformSync(text: string): string };
  };
}

/** Throws if that is no TypeScript. */
function parse(text: string): void {
  const { Bun } = globalThis as BunGlobal;
  if (Bun) new Bun.Transpiler({ loader: "ts" }).transformSync(text);
  else module.stripTypeScriptTypes(text);
}

/** The folders and files of the product, from the project's folder: those that are published. */
async function productPaths(): Promise<string[]> {
  const { publish } = JSON.parse(await fs.readFile(path.join(ROOT, "deno.json"), "utf8"));
  const folders = (publish.include as string[]).flatMap((glob) => /^(\w+)\/\*\*\/\*/.exec(glob)?.[1] ?? []);
  const files = (await fs.readdir(ROOT)).filter((name) => name.endsWith(".ts"));
  return [...folders.filter((folder) => folder !== "docs"), ...files];
}

async function productFiles(): Promise<string[]> {
  const files: string[] = [];
  for (const each of await productPaths()) {
    if (each.endsWith(".ts")) files.push(each);
    else
      for (const file of await fs.readdir(path.join(ROOT, each), { recursive: true }))
        files.push(path.posix.join(each, file.replaceAll("\\", "/")));
  }
  return files.filter((file) => file.endsWith(".ts") || file.endsWith(".md"));
}

describe("the patch of each defect", () => {
  test.each(ALL.map((defect) => [defect.name, defect] as const))(
    "%s fits the product as it is, and what comes of it is TypeScript",
    async (name, { changes }) => {
      const texts = new Map<string, string>();
      for (const change of changes) {
        const before = texts.get(change.file) ?? (await fs.readFile(path.join(ROOT, change.file), "utf8"));
        const after = patched(before, change, name);
        expect(after).not.toBe(before);
        texts.set(change.file, after);
      }
      expect(texts.size).toBeGreaterThan(0);
      for (const text of texts.values()) parse(text);
    },
  );

  test("has a name of its own and changes nothing but the product", async () => {
    expect(new Set(ALL.map(({ name }) => name)).size).toBe(ALL.length);
    const product = new Set(await productFiles());
    const changed = ALL.flatMap(({ changes }) => changes.map(({ file }) => file));
    expect(changed.filter((file) => !product.has(file))).toEqual([]);
  });

  test("is needed, because the product has no switches for tests", async () => {
    const files = await productFiles();
    expect(files.length).toBeGreaterThan(100);
    const found: string[] = [];
    for (const file of files)
      if (/\bdefects?\b/i.test(await fs.readFile(path.join(ROOT, file), "utf8"))) found.push(file);
    expect(found).toEqual([]);
  });
});

describe("patched()", () => {
  const change: Change = { file: "a.ts", find: "one(two, three);", replace: "" };

  test("replaces what stands there once, however its lines are broken", () => {
    const lines = { ...change, find: "one( two, three );", replace: "four();" };
    expect(patched("before\n  one(\n    two,\n    three\n  );\nafter", lines, "x")).toBe(
      "before\n  four();\nafter",
    );
  });

  test.each([
    ["no place", "one(two);", "0 places"],
    ["two places", "one(two, three); one(two, three);", "2 places"],
  ])("says which defect fits %s of which file, and where to mend it", (_, text, words) => {
    const error = (() => {
      try {
        return patched(text, change, "x");
      } catch (error) {
        return String(error);
      }
    })();
    for (const part of ["a.ts", '"x"', words, change.find, "tests/simulation/defects/"])
      expect(error).toContain(part);
  });

  test("takes what is put in as it is", () => {
    expect(patched("a b c", { file: "a.ts", find: "b", replace: "$& $1 $$" }, "x")).toBe("a $& $1 $$ c");
  });
});
