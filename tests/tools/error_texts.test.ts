import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";

interface Layers {
  projectFiles(root: string, extensions: readonly string[]): ReadonlyMap<string, string>;
}

const { projectFiles } = (await import(
  new URL("../../tools/checks/layers.mjs", import.meta.url).href
)) as Layers;

/** What users get, and what speaks to those who work here. */
const SPEAKS =
  /^(tools|bench|chaos|examples|actors|cluster|codec|delivery|door|handoff|http|node|platform|registry|storage|supervisor|testing|transport)\/|^(node|errors|events)\.ts$/;

const FILES: ReadonlyMap<string, string> = projectFiles(fileURLToPath(new URL("../..", import.meta.url)), [
  ...[".ts", ".mjs"],
]);

/** Every text in quotes that begins an error's message. */
const MESSAGES = [...FILES]
  .filter(([file]) => SPEAKS.test(file))
  .flatMap(([file, text]) =>
    [...text.matchAll(/(["'`])(Cannot (?:(?!\1)[^\\\n]|\\.)*)\1/g)].map(
      ([, , words = ""]) => `${file}: ${words}`,
    ),
  );

describe("the messages of errors", () => {
  test("are found", () => {
    expect(MESSAGES.length).toBeGreaterThan(150);
  });

  test("say what is wrong, and not what something is at present", () => {
    expect(MESSAGES.filter((message) => /: current\b|current value|no such one/.test(message))).toEqual([]);
  });

  test("have no final period, which would stand before what an application adds", () => {
    expect(MESSAGES.filter((message) => message.endsWith("."))).toEqual([]);
  });
});
