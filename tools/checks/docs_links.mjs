// Checks that what documents point at is there: relative links of every .md file, and in those that describe the code each
// name that looks like a file or folder of the project, in backticks or in a drawing. Also that no merge was left undone in one:
// the compiler sees that in code, and nobody in prose.
// Usage: node tools/checks/docs_links.mjs
import * as fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { projectFiles } from "./layers.mjs";

const NAMED_FILES =
  /^(ARCHITECTURE|CONTRIBUTING)\.md$|^(handoff|cluster)\/README\.md$|^docs\/(where|wire)\.md$/;
const CONFLICT = /^(?:<{7}|>{7}|\|{7}) .*$/m;
const LOOKS_LIKE_FILE = /^(?:[\w.-]+\/)*[\w.-]+\.(?:ts|mjs|md|json|toml)$|^(?:[\w.-]+\/)+$/;

/**
 * @param {Map<string, string>} documents path from the project's folder → text
 * @param {(path: string) => boolean} exists
 * @param {Set<string>} [baseNames] names of all files: `view.ts` alone may stand for `cluster/view.ts`
 * @returns {string[]} problems, as "file message"
 */
export function checkLinks(documents, exists, baseNames = new Set()) {
  const problems = [];
  for (const [document, text] of documents) {
    const folder = path.posix.dirname(document);
    const conflict = CONFLICT.exec(text);
    if (conflict) problems.push(`${document} holds "${conflict[0]}": a merge was left undone`);
    const prose = text.replace(/^[ \t]*```[\s\S]*?^[ \t]*```/gm, "");
    for (const [, target] of prose.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)) {
      const problem = linkProblem(document, folder, target, documents, exists);
      if (problem !== undefined) problems.push(`${document} ${problem}`);
    }
    if (!NAMED_FILES.test(document)) continue;
    for (const name of new Set([...namesIn(prose), ...namesDrawnIn(text)])) {
      if (exists(name) || exists(path.posix.join(folder, name)) || baseNames.has(name)) continue;
      problems.push(`${document} names "${name}", which is not there`);
    }
  }
  return problems;
}

function namesIn(prose) {
  const quoted = [...prose.matchAll(/`([^`\n]+)`/g)].map((match) => match[1]);
  return new Set(quoted.filter((text) => LOOKS_LIKE_FILE.test(text) && !text.startsWith("node_modules")));
}

/** Files named in drawings: blocks of plain text. */
function namesDrawnIn(text) {
  const drawings = [...text.matchAll(/^```text\n([\s\S]*?)^```/gm)].map((match) => match[1]);
  return drawings.flatMap((drawing) => drawing.match(/(?:[\w-]+\/)+[\w-]+\.ts\b/g) ?? []);
}

function linkProblem(document, folder, target, documents, exists) {
  if (/^[a-z][\w+.-]*:/i.test(target)) return undefined;
  const [file, anchor] = target.split("#");
  const place = file === "" ? document : path.posix.join(folder, decodeURI(file));
  if (!exists(place)) return `links to "${target}", which is not there`;
  const text = documents.get(place);
  if (!anchor || text === undefined || anchorsOf(text).has(decodeURI(anchor))) return undefined;
  return `links to "${target}": no such heading`;
}

/** As GitHub makes them; a heading that comes again gets a number. */
function anchorsOf(text) {
  const anchors = new Set([...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map((match) => match[1]));
  for (const [, heading] of text.matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
    let name = slug;
    for (let count = 1; anchors.has(name); count++) name = `${slug}-${count}`;
    anchors.add(name);
  }
  return anchors;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
  const documents = projectFiles(root, [".md"]);
  const all = projectFiles(root, [".ts", ".mjs", ".md", ".json", ".toml"]);
  const baseNames = new Set([...all.keys()].map((name) => path.posix.basename(name)));
  const problems = checkLinks(documents, (name) => fs.existsSync(path.join(root, name)), baseNames);
  for (const problem of problems) console.error(problem);
  console.log(`docs: links of ${documents.size} documents, ${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
