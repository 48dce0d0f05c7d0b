import { describe, expect, test } from "bun:test";

interface Tools {
  checkFiles(files: Map<string, string>): string[];
  mergeMarks(files: Map<string, string>): string[];
  codeOf(text: string): string;
  importsOf(text: string): { specifier: string; typeOnly: boolean; line: number }[];
  blocksOf(
    document: string,
    text: string,
  ): { name: string | undefined; line: number; run: boolean; code: string }[];
  checkLinks(documents: Map<string, string>, exists: (path: string) => boolean): string[];
}

const { checkFiles, mergeMarks } = await load("layers.mjs");
const { codeOf, importsOf } = await load("source_text.mjs");
const { blocksOf } = await load("docs_examples.mjs");
const { checkLinks } = await load("docs_links.mjs");

async function load(name: string): Promise<Tools> {
  return (await import(new URL(`../../tools/checks/${name}`, import.meta.url).href)) as Tools;
}

describe("checkFiles()", () => {
  test.each([
    ["an import upwards", "transport/a.ts", 'import { a } from "../actors/b.ts";', "imports point down only"],
    [
      "actors from cluster",
      "cluster/a.ts",
      'import type { A } from "../actors/b.ts";',
      "imports point down only",
    ],
    ["mod.ts", "http/a.ts", 'import { a } from "../mod.ts";', "imports point down only"],
    ["testing", "node/a.ts", 'import { a } from "../testing/mod.ts";', "imports point down only"],
    ["a test's file", "node/a.ts", 'import { a } from "../tests/support/a.ts";', "not a source"],
    ["a missing extension", "actors/a.ts", 'export * from "./b";', "without its extension"],
    [
      "the NATS client outside its files",
      "actors/a.ts",
      'import { connect } from "@nats-io/nats-core";',
      "place is",
    ],
    ["an undeclared package", "actors/a.ts", 'import x from "lodash";', "no dependency"],
    ["a builtin module", "actors/a.ts", 'import { x } from "node:fs";', "belong to platform/"],
    ["a timer", "actors/a.ts", "setTimeout(() => {}, 1);", "a timer"],
    ["the wall clock", "actors/a.ts", "const now = Date.now();", "Date"],
    ["a date of now", "actors/a.ts", "const now = new Date();", "Date"],
    ["chance", "actors/a.ts", "const x = Math.random();", "Math.random"],
    ["process in a template", "actors/a.ts", "const x = `pid $" + "{process.pid}`;", "process"],
    ["module state", "actors/a.ts", "let count = 0;", "keeps state"],
    ["a module-level map", "actors/a.ts", "const known = new Map<string, number>();", "keeps state"],
    ["a lone test", "tests/a.test.ts", `test.${"only"}("x", () => {});`, "leaves tests out"],
    ["unfinished work", "actors/a.ts", `// ${"TO" + "DO"} later`, "is unfinished"],
  ])("reports %s", (_what, file, text, message) => {
    expect(checkFiles(new Map([[file, text]])).join("\n")).toContain(message);
  });

  test("reports a cycle once", () => {
    const files = new Map([
      ["actors/a.ts", 'import { b } from "./b.ts";'],
      ["actors/b.ts", 'import { c } from "./c.ts";'],
      ["actors/c.ts", 'import { a } from "./a.ts";'],
    ]);
    expect(checkFiles(files)).toEqual([
      "actors/a.ts:1 imports itself: actors/a.ts → actors/b.ts → actors/c.ts → actors/a.ts",
    ]);
  });

  test("accepts what is allowed, and words in comments, strings and members", () => {
    const files = new Map([
      ["platform/clock.ts", "export const now = () => Date.now() + performance.now();"],
      [
        "codec/codec.ts",
        'import { Encoder } from "cbor-x/encode";\nexport const at = (ms: number) => new Date(ms);',
      ],
      [
        "actors/a.ts",
        [
          'import { z } from "zod";',
          'import { at } from "../transport/codec.ts";',
          "// Date.now() and setTimeout() are not for us: process.exit()",
          'export const text = "Math.random() in Deno.test" + `Bun.serve() ${at(1)}`;',
          "export const isDate = (value: unknown) => value instanceof Date && /process\\.exit/.test(String(value));",
          "export function run(clock: { performance: { now(): number } }) {",
          "  let last = clock.performance.now();",
          "  return last++;",
          "}",
        ].join("\n"),
      ],
    ]);
    expect(checkFiles(files)).toEqual([]);
  });
});

describe("mergeMarks()", () => {
  test("tells where a merge is unresolved, in any sort of file", () => {
    const [ours, theirs] = ["<".repeat(7), ">".repeat(7)];
    const files = new Map([
      ["README.md", `# T\n${ours} HEAD\na\n=======\nb\n${theirs} other\n`],
      ["actors/a.ts", `// a << b, and in the middle of a line ${ours} HEAD\n`],
    ]);
    expect(mergeMarks(files)).toEqual([
      "README.md:2 holds a mark of an unresolved merge",
      "README.md:6 holds a mark of an unresolved merge",
    ]);
  });
});

describe("importsOf()", () => {
  test("finds every form, and nothing in comments or strings", () => {
    const text = [
      'import "./bare.ts";',
      "import {",
      "  a,",
      '} from "./lines.ts";',
      "import type { B } from './types.ts';",
      'export * from "./all.ts";',
      '// import { no } from "./comment.ts";',
      "const s = 'import { no } from \"./string.ts\"';",
      'const late = await import("./late.ts");',
    ].join("\n");
    expect(importsOf(text)).toEqual([
      { specifier: "./bare.ts", typeOnly: false, line: 1 },
      { specifier: "./lines.ts", typeOnly: false, line: 4 },
      { specifier: "./types.ts", typeOnly: true, line: 5 },
      { specifier: "./all.ts", typeOnly: false, line: 6 },
      { specifier: "./late.ts", typeOnly: false, line: 9 },
    ]);
  });
});

describe("codeOf()", () => {
  test("keeps lines and columns", () => {
    const text = 'const a = "x"; /* y\n z */ b(`p${ { c: `q` }.c }r`); // "end"\nd(/[/"]/g) / 2;';
    const code = codeOf(text);
    expect(code.length).toBe(text.length);
    expect(code.split("\n").map((line) => line.replace(/ +/g, " ").trimEnd())).toEqual([
      "const a = ;",
      " b(` ${ { c: ` ` }.c } `);",
      "d( g) / 2;",
    ]);
  });
});

describe("blocksOf()", () => {
  test("takes modules, named files and what is to be run, from documents and docstrings", () => {
    const markdown =
      '# T\n```ts\nimport { a } from "b";\n```\n```ts\na.b();\n```\n```ts\n// c.ts\nlet d;\n```\n```ts run\ne();\n```\n';
    expect(blocksOf("README.md", markdown).map(({ line, name, run }) => ({ line, name, run }))).toEqual([
      { line: 3, name: undefined, run: false },
      { line: 9, name: "c.ts", run: false },
      { line: 13, name: undefined, run: true },
    ]);
    const source =
      '/**\n * Text.\n * @example\n * ```ts\n * import { a } from "b";\n *   a();\n * ```\n */\n';
    expect(blocksOf("a.ts", source)).toMatchObject([{ line: 5, code: 'import { a } from "b";\n  a();\n' }]);
  });
});

describe("checkLinks()", () => {
  test("finds a merge that was left undone", () => {
    const text = ["one", `${"<".repeat(7)} HEAD`, "two", "=======", "three", `${">".repeat(7)} other`].join(
      "\n",
    );
    expect(checkLinks(new Map([["a.md", text]]), () => true)).toEqual([
      `a.md holds "${"<".repeat(7)} HEAD": a merge was left undone`,
    ]);
  });

  test("takes the underline of a heading for what it is", () => {
    expect(checkLinks(new Map([["a.md", "Words\n=======\n"]]), () => true)).toEqual([]);
  });

  test("reports links and names that lead nowhere", () => {
    const text =
      "# One two\n[a](docs/a.md) [b](docs/b.md) [c](#one-two) [d](#none) [e](https://x.y)\n`actors/gone.ts` `x.y`\n```text\na ─► actors/drawn.ts\n```\n";
    const there = new Set(["docs/a.md", "ARCHITECTURE.md"]);
    expect(checkLinks(new Map([["ARCHITECTURE.md", text]]), (path) => there.has(path))).toEqual([
      'ARCHITECTURE.md links to "docs/b.md", which is not there',
      'ARCHITECTURE.md links to "#none": no such heading',
      'ARCHITECTURE.md names "actors/gone.ts", which is not there',
      'ARCHITECTURE.md names "actors/drawn.ts", which is not there',
    ]);
  });
});
