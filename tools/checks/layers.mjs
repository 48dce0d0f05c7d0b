// Checks what no compiler does: which folder may import which, what only platform/ may use, and a few habits; and that no
// merge was left half done, in any sort of file.
// Usage: node tools/checks/layers.mjs
import * as fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { codeOf, importsOf, lineOf } from "./source_text.mjs";

/** Imports point to a lower number, or stay in their own folder. */
const RANKS = {
  errors: 0,
  events: 1,
  platform: 1,
  codec: 2,
  transport: 3,
  actors: 4,
  cluster: 4,
  storage: 4,
  delivery: 5,
  groups: 5,
  handoff: 6,
  registry: 6,
  keeping: 6,
  door: 6,
  subscriptions: 6.5,
  node: 7,
  http: 8,
  supervisor: 8,
  cli: 9,
  testing: 8,
  mod: 8,
};
/** Files of code side by side in one folder. */
const FILES_MAX = 15;
const AROUND = new Set(["tests", "tools", "bench", "chaos", "examples"]);
const BUILTINS_ALLOWED = new Set(["platform", "storage", "cli"]);

/** Packages that have one place. */
const PACKAGE_PLACES = [
  { name: /^@nats-io\//, place: /^transport\/nats\//, where: "transport/nats/" },
  { name: /^cbor-x(\/|$)/, place: /^codec\/codec\.ts$/, where: "codec/codec.ts" },
  { name: /^hono(\/|$)/, place: /^http\//, where: "http/" },
  { name: /^zod(\/|$)/, place: /./, where: "" },
];

/** Without these a simulation repeats. A word before the dot means that it is a member of something else. */
const FORBIDDEN = [
  {
    what: "Date",
    pattern:
      /(?<![.\w$#])Date\s*\.\s*now\b|\bnew\s+Date\s*(\(\s*\)|(?=[;,)\s]*$))|(?<![.\w$#]|new\s+)Date\s*\(/gm,
  },
  { what: "a timer", pattern: /(?<![.\w$#])(set|clear)(Timeout|Interval|Immediate)\b/g },
  { what: "Math.random", pattern: /\bMath\s*\.\s*random\b/g },
  { what: "crypto", pattern: /(?<![.\w$#])crypto\s*\??\./g },
  { what: "process", pattern: /(?<![.\w$#])process\s*\??\./g },
  { what: "performance", pattern: /(?<![.\w$#])performance\s*\??\./g },
  { what: "Deno", pattern: /(?<![.\w$#])Deno\s*\??\./g },
  { what: "Bun", pattern: /(?<![.\w$#])Bun\s*\??\./g },
  { what: "globalThis", pattern: /(?<![.\w$#])globalThis\b/g },
  {
    what: "finally(), which takes other turns on the other runtime",
    pattern: /\.\s*finally\s*\(/g,
    but: /^(transport\/nats|supervisor)\//,
  },
  { what: "AbortSignal.timeout", pattern: /\bAbortSignal\s*\.\s*timeout\b/g },
];

/** Two nodes live in one process, so a module keeps nothing. */
const MUTABLE = [
  { what: "a module-level `let`", pattern: /^(export\s+)?(let|var)\b/gm },
  {
    what: "a module-level container",
    pattern:
      /^(export\s+)?const\s+\w+[^=\n]*=\s*(new\s+(Map|Set|WeakMap|WeakSet|Array)\s*(<[^\n]*>)?\s*\(\s*\)|\[\s*\]|\{\s*\})\s*;/gm,
  },
];

const UNFINISHED = /\b(TODO|FIXME|XXX)\b/g;
const MERGE_MARK = /^(?:<{7}|>{7}) /gm;
const PARTIAL_TEST =
  /\b(test|it|describe)(\s*\.\s*\w+)*\s*\.\s*(only|skip|skipIf|todo|todoIf|if|failing)\b\s*\(/g;

/**
 * @param {Map<string, string>} files path from the project's folder → text; every `.ts` and `.mjs` of the project
 * @returns {string[]} problems, as "file:line message"
 */
export function checkFiles(files) {
  const problems = [];
  const report = (file, index, message) => {
    problems.push(`${file}:${lineOf(files.get(file) ?? "", index)} ${message}`);
  };
  const graph = new Map();
  for (const [file, text] of files) {
    const imports = file.endsWith(".ts") ? importsOf(text) : [];
    graph.set(
      file,
      imports.filter(isRelative).map((each) => resolveFrom(file, each.specifier)),
    );
    for (const each of imports) {
      const message = importProblem(file, each);
      if (message !== undefined) problems.push(`${file}:${each.line} ${message}`);
    }
    if (isSource(file)) checkSource(file, text, report);
    if (file.startsWith("tests/")) matches(file, codeOf(text), PARTIAL_TEST, "leaves tests out", report);
    if (file !== "tools/checks/layers.mjs" && !file.endsWith("layers.test.ts")) {
      matches(file, text, UNFINISHED, "is unfinished", report);
    }
  }
  return [...problems, ...cycles(graph), ...crowds(files)].sort();
}

/** @returns {string[]} where a merge was taken in before it was resolved; `files` may be of any sort */
export function mergeMarks(files) {
  const problems = [];
  for (const [file, text] of files)
    for (const { index } of text.matchAll(MERGE_MARK))
      problems.push(`${file}:${lineOf(text, index)} holds a mark of an unresolved merge`);
  return problems;
}

/** More than one look takes in: a folder of so many files hides what belongs together. */
function crowds(files) {
  const counts = new Map();
  for (const file of files.keys()) {
    const folder = path.posix.dirname(file);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count > FILES_MAX)
    .map(([folder, count]) => `${folder}:1 holds ${count} files side by side (at most ${FILES_MAX})`);
}

function checkSource(file, text, report) {
  const code = codeOf(text);
  for (const { what, pattern } of MUTABLE) matches(file, code, pattern, `keeps state: ${what}`, report);
  if (folderOf(file) === "platform") return;
  for (const { what, pattern, but } of FORBIDDEN)
    if (!but?.test(file)) matches(file, code, pattern, `uses ${what} outside platform/`, report);
}

function matches(file, text, pattern, message, report) {
  for (const match of text.matchAll(pattern)) report(file, match.index, `${message} ("${match[0].trim()}")`);
}

function importProblem(file, { specifier, typeOnly }) {
  if (specifier.startsWith("node:")) return builtinProblem(file, specifier);
  if (isRelative({ specifier })) return relativeProblem(file, specifier);
  if (!isSource(file)) return undefined;
  const rule = PACKAGE_PLACES.find(({ name }) => name.test(specifier));
  if (rule === undefined) return `imports "${specifier}", which is no dependency of the sources`;
  if (rule.place.test(file)) return undefined;
  return `imports ${typeOnly ? "types of " : ""}"${specifier}", whose place is ${rule.where}`;
}

function builtinProblem(file, specifier) {
  if (!isSource(file) || BUILTINS_ALLOWED.has(folderOf(file))) return undefined;
  return `imports "${specifier}"; builtin modules belong to platform/`;
}

function relativeProblem(file, specifier) {
  if (!/\.(ts|mjs|json)$/.test(specifier)) return `imports "${specifier}" without its extension`;
  if (!isSource(file)) return undefined;
  const target = resolveFrom(file, specifier);
  const [from, to] = [folderOf(file), folderOf(target)];
  if (from === to && from !== "mod") return undefined;
  if (!(to in RANKS)) return `imports "${target}", which is not a source`;
  if (RANKS[to] < RANKS[from]) return undefined;
  return `imports "${target}": "${from}" may not use "${to}" (imports point down only)`;
}

/** The shortest way round for each file that can reach itself, named once. */
function cycles(graph) {
  const found = new Map();
  for (const start of graph.keys()) {
    const round = wayBack(graph, start);
    if (round === undefined) continue;
    const key = [...round].sort().join(" ");
    if (!found.has(key)) found.set(key, `${start}:1 imports itself: ${[...round, start].join(" → ")}`);
  }
  return [...found.values()];
}

function wayBack(graph, start) {
  const ways = [[start]];
  const seen = new Set();
  for (const way of ways) {
    for (const next of graph.get(way.at(-1)) ?? []) {
      if (next === start) return way;
      if (seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return undefined;
}

function isRelative({ specifier }) {
  return specifier.startsWith(".");
}

function resolveFrom(file, specifier) {
  return path.posix.join(path.posix.dirname(file), specifier);
}

/** The first folder, or the name of a file that stands at the top. */
function folderOf(file) {
  const slash = file.indexOf("/");
  return slash < 0 ? file.replace(/\.ts$/, "") : file.slice(0, slash);
}

/** A file at the top without a rank (say, clocks.ts) is a source too: it is told to find a place. */
function isSource(file) {
  return file.endsWith(".ts") && !AROUND.has(folderOf(file));
}

const LEFT_OUT = new Set(["node_modules", "dist", "coverage"]);

/** @returns {Map<string, string>} every file of the project with one of the endings */
export function projectFiles(root, endings) {
  const files = new Map();
  const walk = (folder) => {
    for (const entry of fs.readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const name = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.name.startsWith(".") || LEFT_OUT.has(entry.name)) continue;
      if (entry.isDirectory()) walk(name);
      else if (endings.some((ending) => name.endsWith(ending))) {
        files.set(name, fs.readFileSync(path.join(root, name), "utf8"));
      }
    }
  };
  walk("");
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
  const files = projectFiles(root, [".ts", ".mjs"]);
  const texts = projectFiles(root, [".ts", ".mjs", ".md", ".json", ".toml", ".sh"]);
  const problems = [...checkFiles(files), ...mergeMarks(texts)];
  for (const problem of problems) console.error(problem);
  console.log(`layers: ${files.size} files, ${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
