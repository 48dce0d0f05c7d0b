/**
 * Which files belong to a program, as far as that can be told without reading them: its imports may lead anywhere in its project.
 *
 * @module
 */
import * as fs from "node:fs";
import * as path from "node:path";

const CODE = /\.(?:[cm]?[jt]sx?|jsonc?|wasm)$/i;
const LEFT_OUT: ReadonlySet<string> = new Set(["node_modules", "dist", "coverage", "vendor"]);
const MARKS = ["deno.json", "deno.jsonc", "package.json"];

/** Whether a file is one that a program may import. */
export function isCode(file: string): boolean {
  return CODE.test(file);
}

/** Whether a folder may have such files that somebody edits. */
export function isEntered(folder: string): boolean {
  const name = path.basename(folder);
  return !name.startsWith(".") && !LEFT_OUT.has(name);
}

/** The folder of a program's project: the nearest one with a `package.json` or `deno.json`, else the program's own. */
export function projectOf(file: string): string {
  const own = path.dirname(file);
  for (let folder = own; ; folder = path.dirname(folder)) {
    if (MARKS.some((name) => fs.existsSync(path.join(folder, name)))) return folder;
    if (folder === path.dirname(folder)) return own;
  }
}
