// A project in a folder of its own that `baton dev` runs, and what is seen of it.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { until } from "../../support/conditions.ts";
import { OWN, Program } from "../../support/processes/programs.ts";

/** Of the repository. */
export const ROOT: string = path.join(import.meta.dirname ?? "", "..", "..", "..");
const CLI = path.join(ROOT, "cli", "main.ts");

/** Counts in an actor, with a timer of its own. What is edited stands in a file that another one imports. */
const FILES: Readonly<Record<string, string>> = {
  "words.ts": 'export const WORDS = "first";\n',
  "counter.ts": `import { Actor, ask, defineActor, tell } from "${ROOT}/mod.ts";
import { z } from "${ROOT}/node_modules/zod/index.js";
import { WORDS } from "./words.ts";

export const SHARDS = 4;
export const Counter = defineActor("counter", {
  shards: SHARDS,
  stateVersion: 1,
  state: z.object({ count: z.number(), beats: z.number() }),
  messages: { add: ask(z.object({ words: z.string(), count: z.number(), beats: z.number() })), beat: tell() },
});

export class CounterActor extends Actor<typeof Counter> {
  static initialState() {
    return { count: 0, beats: 0 };
  }
  add() {
    if (this.state.count++ === 0) this.schedule("beat", undefined, { everyMs: 25 }, "beat"); // once in its life
    return { words: WORDS, ...this.state };
  }
  beat() {
    this.state.beats++;
  }
}
`,
  "main.ts": `import { host, startNode } from "${ROOT}/mod.ts";
import { Counter, CounterActor } from "./counter.ts";

const node = await startNode({ hosts: [host(Counter, CounterActor)] });
for (;;) {
  const seen = await node.ref(Counter, "all").add().catch(() => undefined);
  if (seen) console.log(JSON.stringify(seen));
  await new Promise((resolve) => setTimeout(resolve, 10));
}
`,
};

/** What the program has printed of one call. */
export interface Seen {
  readonly words: string;
  readonly count: number;
  readonly beats: number;
}

/** See the file's first line. */
export class DevProject {
  readonly folder: string = fs.mkdtempSync(path.join(tmpdir(), "baton-dev-"));
  readonly #programs: Program[] = [];

  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const [name, text] of Object.entries({ ...FILES, ...files })) this.write(name, text);
  }

  write(name: string, text: string): void {
    fs.mkdirSync(path.dirname(path.join(this.folder, name)), { recursive: true });
    fs.writeFileSync(path.join(this.folder, name), text);
  }

  /** Changes what the counter says. */
  edit(words: string): void {
    this.write("words.ts", `export const WORDS = "${words}";\n`);
  }

  /** Text of a file, to be changed. */
  read(name: string): string {
    return fs.readFileSync(path.join(this.folder, name), "utf8");
  }

  /** Starts the command, in the project's folder. */
  dev(...more: string[]): Program {
    const config = `--config=${path.join(ROOT, "deno.json")}`;
    const own = OWN === "deno" ? ["--runtime-arg=-A", `--runtime-arg=${config}`] : [];
    return this.call("dev", ...own, ...more);
  }

  /** Calls the command with exactly these words. */
  call(...args: string[]): Program {
    const program = new Program("baton", OWN, [CLI, ...args], { folder: this.folder });
    this.#programs.push(program);
    return program;
  }

  async end(): Promise<void> {
    for (const program of this.#programs) await program.end("SIGKILL");
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What the program has printed, in order. A line that is not whole yet, or somebody else's, is left out. */
export function seen(dev: Program): Seen[] {
  return dev.printed.split("\n").flatMap((line) => {
    try {
      return line.startsWith("{") && line.endsWith("}") ? [JSON.parse(line) as Seen] : [];
    } catch {
      return [];
    }
  });
}

/** Waits until the counter says these words, and counts on. */
export async function counts(dev: Program, words: string): Promise<Seen> {
  const from = seen(dev).length;
  const what = `a count by "${words}"`;
  const last = () =>
    seen(dev)
      .slice(from)
      .findLast((each) => each.words === words);
  return await until(what, last, { timeoutMs: 30_000 }).catch((error: Error) => {
    throw new Error(`${error.message}; it said "${dev.said}"`);
  });
}

/** Waits until the command has told that. */
export async function tells(dev: Program, words: string, times = 1): Promise<void> {
  const told = () => dev.said.split(words).length - 1 >= times;
  await until(`"${words}", ${times} times`, told, { timeoutMs: 30_000 }).catch((error: Error) => {
    throw new Error(`${error.message}; it said "${dev.said}"`);
  });
}
