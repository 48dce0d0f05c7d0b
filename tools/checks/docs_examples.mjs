// Checks the code that documentation shows: README.md, docs/**/*.md, and `@example` in docstrings.
// Usage: node tools/checks/docs_examples.mjs   (npm test runs it after setting up)
//
// A ```ts block counts if its first line of code is an import or export, or if it opens with a comment that names a
// file (`// cart.contract.ts`): then later blocks of the same document may import it as "./cart.contract.ts".
// A block marked ```ts run is run as well, under Bun and under Deno, and must end with status 0 within 20 s.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { projectFiles } from "./layers.mjs";
import { cacheDir, nodeScript, root, setUp, TSC } from "../setup.mjs";

const RUN_TIMEOUT_MS = 180_000;
const EXAMPLES = path.join(cacheDir, "docs_examples");

/**
 * @param {string} document its path from the project's folder
 * @param {string} text
 * @returns {{ document: string, line: number, name: string | undefined, code: string, run: boolean }[]}
 */
export function blocksOf(document, text) {
  const markdown = document.endsWith(".md") ? text : docstringsOf(text);
  const blocks = [];
  for (const match of markdown.matchAll(
    /^([ \t]*)```(?:ts|typescript)\b([^\n]*)\n([\s\S]*?)^[ \t]*```[ \t]*$/gm,
  )) {
    const indent = match[1].length;
    const code = match[3]
      .split("\n")
      .map((line) => line.slice(Math.min(indent, line.length - line.trimStart().length)));
    const name = /^\/\/ ([\w.-]+\.ts)\b/.exec(code[0] ?? "")?.[1];
    const line = markdown.slice(0, match.index).split("\n").length + 1;
    blocks.push({ document, line, name, code: code.join("\n"), run: /\brun\b/.test(match[2]) });
  }
  return blocks.filter((block) => block.run || block.name !== undefined || isModule(block.code));
}

function isModule(code) {
  const withoutComments = code.replace(/^\s*(\/\/[^\n]*\n|\/\*[\s\S]*?\*\/\s*)*/, "");
  return /^\s*(import|export)\b/.test(withoutComments);
}

/** Lines outside docstrings become empty, so that line numbers stay. */
function docstringsOf(text) {
  const out = text.split("\n").map(() => "");
  for (const match of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    const first = text.slice(0, match.index).split("\n").length - 1;
    match[0].split("\n").forEach((line, index) => {
      out[first + index] = line.replace(/^\s*\*(?: |$)/, "");
    });
  }
  return out.join("\n");
}

/** The package's name leads to the sources, so that documents are checked against what stands here. */
function withLocalImports(code) {
  return code.replace(/(["'])@baton\/actors(\/\w+)?\1/g, (_all, quote, part) => {
    return `${quote}../../..${part ?? ""}/mod.ts${quote}`;
  });
}

function extract(blocks) {
  fs.rmSync(EXAMPLES, { recursive: true, force: true });
  return blocks.map((block) => {
    const folder = path.join(EXAMPLES, block.document.replace(/\W+/g, "_"));
    const file = path.join(folder, block.name ?? `line_${block.line}.ts`);
    fs.mkdirSync(folder, { recursive: true });
    const head = `// From ${block.document}, line ${block.line}\n`;
    const module = isModule(block.code) ? "" : "\nexport {};\n";
    fs.writeFileSync(file, head + withLocalImports(block.code) + module);
    return { ...block, file };
  });
}

function writeProject() {
  const options = { noUnusedLocals: false, noUnusedParameters: false };
  const project = {
    extends: "../../tsconfig.json",
    compilerOptions: options,
    include: ["**/*.ts"],
    exclude: [],
  };
  fs.writeFileSync(path.join(EXAMPLES, "tsconfig.json"), JSON.stringify(project, null, 2));
}

function check(what, command, args, options) {
  const result = spawnSync(command, args, { cwd: root, encoding: "utf8", ...options });
  if (result.status === 0) return true;
  console.error(`docs: ${what} failed (${result.error?.message ?? `status ${result.status}`})`);
  console.error(`${result.stdout}${result.stderr}`);
  return false;
}

async function main() {
  const files = projectFiles(root, [".md", ".ts"]);
  const isDocument = (name) =>
    /^(README|ARCHITECTURE|CONTRIBUTING)\.md$|^docs\/.*\.md$|^handoff\/.*\.md$/.test(name);
  const isSource = (name) => name.endsWith(".ts") && !/^(tests|tools|bench|examples)\//.test(name);
  const documents = [...files].filter(([name]) => isDocument(name) || isSource(name));
  const examples = extract(documents.flatMap(([name, text]) => blocksOf(name, text)));
  if (examples.length === 0) return console.log("docs: no examples");
  writeProject();
  const { bun, deno, env } = await setUp({ natsServer: false });
  const paths = examples.map((example) => example.file);
  const results = [
    check("type check by tsc", ...nodeScript(TSC, "-p", path.join(EXAMPLES, "tsconfig.json")), { env }),
    check("type check by Deno", deno, ["check", "--quiet", ...paths], { env }),
  ];
  const running = examples.filter((example) => example.run);
  for (const { document, line, file } of running) {
    const runs = [
      ["Bun", bun, ["run", file]],
      ["Deno", deno, ["run", "--allow-all", "--quiet", file]],
    ];
    for (const [runtime, command, args] of runs) {
      const cwd = fs.mkdtempSync(path.join(os.tmpdir(), "baton-example-")); // for the files that it makes
      results.push(
        check(`${document}:${line} under ${runtime}`, command, args, { env, cwd, timeout: RUN_TIMEOUT_MS }),
      );
      fs.rmSync(cwd, { recursive: true });
    }
  }
  console.log(`docs: ${examples.length} examples checked, ${running.length} of them run`);
  if (results.includes(false)) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
