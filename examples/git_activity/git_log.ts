// Reads `git log --numstat`, from a repository or from standard input, as a stream of changes.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";

/** One changed file in one commit. */
export interface FileChange {
  readonly author: string;
  readonly file: string;
  readonly added: number;
  readonly deleted: number;
  readonly binary: boolean;
}

/** A history that cannot be read; its message is for the person who asked. */
export class HistoryError extends Error {
  override readonly name = "HistoryError";
}

/** Settings that a person's own git configuration could change, set to what the parser reads. */
const GIT_ARGUMENTS = [
  ...["--no-pager", "-c", "core.quotePath=true", "-c", "log.showRoot=true", "-c", "log.showSignature=false"],
  ...["log", "--numstat", "--pretty=medium", "--no-color", "--no-decorate", "--no-notes"],
];
const NAME_MAX = 1_000;

/**
 * The newest changes of a history, at most `max`.
 *
 * @param input path of a repository, or "-" for a log on standard input
 * @throws {HistoryError} if there is no repository, no git, or no change
 */
export async function readHistory(input: string, max: number): Promise<readonly FileChange[]> {
  const changes: FileChange[] = [];
  for await (const change of input === "-" ? changesOf(process.stdin) : repositoryChanges(input)) {
    changes.push(change);
    if (changes.length === max) break;
  }
  if (changes.length > 0) return changes;
  const where = input === "-" ? "standard input" : `"${input}"`;
  throw new HistoryError(`Cannot count the changes of ${where}: its log has none`);
}

async function* repositoryChanges(path: string): AsyncGenerator<FileChange> {
  if (!existsSync(path))
    throw new HistoryError(`Cannot read the repository "${path}": there is nothing at that path`);
  // Inside a git hook these would name another repository than the one that was asked for.
  const { GIT_DIR: _, GIT_WORK_TREE: __, GIT_INDEX_FILE: ___, ...env } = process.env;
  const git = spawn("git", ["-C", path, ...GIT_ARGUMENTS], { stdio: ["ignore", "pipe", "pipe"], env });
  let said = "";
  git.stderr.on("data", (data) => {
    said += String(data).slice(0, 2_000);
  });
  const ended = new Promise<string | undefined>((resolve) => {
    git.once("error", (error: Error & { code?: string }) =>
      resolve(
        error.code === "ENOENT"
          ? "git is not on the PATH; a log can be piped in with --input -"
          : error.message,
      ),
    );
    git.once("close", (status) =>
      resolve(status === 0 ? undefined : said.trim() || `git ended with ${status}`),
    );
  });
  try {
    yield* changesOf(git.stdout);
    const problem = await ended;
    if (problem !== undefined) throw new HistoryError(`Cannot read the history of "${path}": ${problem}`);
  } finally {
    git.kill();
  }
}

/** The changes in the bytes of a log. */
export async function* changesOf(log: AsyncIterable<Uint8Array | string>): AsyncGenerator<FileChange> {
  const parser = new LogParser();
  for await (const line of linesOf(log)) {
    const change = parser.read(line);
    if (change !== undefined) yield change;
  }
}

/** Lines without their ends; a line may be spread over any number of chunks. */
async function* linesOf(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    rest += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield line.replace(/\r$/, "");
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}

/** Understands one line after another. What is neither a commit, an author nor a count is passed over. */
export class LogParser {
  #author = "unknown";

  read(line: string): FileChange | undefined {
    if (/^commit [0-9a-f]{7,64}\b/.test(line)) {
      this.#author = "unknown";
      return undefined;
    }
    if (line.startsWith("Author: ")) {
      this.#author = legalName(line.slice("Author: ".length));
      return undefined;
    }
    const counts = /^(\d+|-)\t(\d+|-)\t(.+)$/s.exec(line);
    if (counts === null) return undefined;
    const [, added = "", deleted = "", path = ""] = counts;
    const binary = added === "-" || deleted === "-";
    return {
      author: this.#author,
      file: legalName(pathAfter(path)),
      added: size(added),
      deleted: size(deleted),
      binary,
    };
  }
}

/** Lines of a count; a binary file has none. */
function size(text: string): number {
  const lines = Number(text);
  return Number.isSafeInteger(lines) ? lines : 0;
}

/** A path longer than any system allows can only come from a made-up log; it is cut to stay a legal actor's name. */
function legalName(text: string): string {
  return text.trim().slice(0, NAME_MAX).toWellFormed() || "unknown";
}

/**
 * The path after the change. A rename is written `old => new` or `dir/{old => new}/file`, and either side of an empty
 * change leaves its slash behind: `a/{ => b}/c`, `a/{b => }/c`.
 */
export function pathAfter(text: string): string {
  if (text.startsWith('"')) return quotedPathAfter(text);
  const braces = /^(.*)\{(.*) => (.*)\}(.*)$/s.exec(text);
  if (braces !== null) {
    const [, before = "", , after = "", end = ""] = braces;
    const path = before + after + end;
    return after === "" ? path.replace("//", "/").replace(/^\//, "") : path;
  }
  const arrow = text.indexOf(" => ");
  if (arrow < 0) return text;
  const renamed = text.slice(arrow + 4);
  return renamed.startsWith('"') ? unquoted(renamed).path : renamed;
}

/** Where a path holds unusual bytes git quotes it as C does, and writes a rename as two quoted paths. */
function quotedPathAfter(text: string): string {
  const first = unquoted(text);
  const rest = text.slice(first.end);
  if (!rest.startsWith(" => ")) return first.path;
  const second = rest.slice(4);
  return second.startsWith('"') ? unquoted(second).path : second;
}

const ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
  '"': 34,
  "\\": 92,
};

/** Takes a quoted path apart: bytes as three octal digits, the others as in C. */
function unquoted(text: string): { path: string; end: number } {
  const bytes: number[] = [];
  let at = 1;
  while (at < text.length && text[at] !== '"') {
    const octal = /^\\([0-3][0-7]{2})/.exec(text.slice(at, at + 4));
    if (octal !== null) {
      bytes.push(Number.parseInt(octal[1] ?? "", 8));
      at += 4;
    } else if (text[at] === "\\") {
      bytes.push(ESCAPES[text[at + 1] ?? ""] ?? 63);
      at += 2;
    } else {
      const character = String.fromCodePoint(text.codePointAt(at) ?? 63);
      bytes.push(...new TextEncoder().encode(character));
      at += character.length;
    }
  }
  return { path: new TextDecoder().decode(Uint8Array.from(bytes)), end: at + 1 };
}
