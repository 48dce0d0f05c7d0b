// `baton dev` of a program without a server: files are edited, and the counter goes on in the new code.
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { afterEach, describe, expect, test } from "bun:test";
import { until } from "../../support/conditions.ts";
import type { Program } from "../../support/processes/programs.ts";
import { counts, DevProject, ROOT, seen, tells } from "./dev_project.ts";

const TIMEOUT_MS = 90_000;
let project: DevProject;
/** A port that is most probably free. */
const portOf = (test: number) => 20_000 + ((process.pid * 2 + test) % 20_000);

afterEach(() => project.end());

/** Nothing was lost, and nothing was done twice. */
function expectWhole(dev: Program): void {
  const printed = seen(dev).map(({ count }) => count);
  expect(printed.length).toBeGreaterThan(0);
  for (const [i, count] of printed.entries())
    if (i > 0) expect(count).toBeGreaterThan(printed[i - 1] as number);
  expect(printed.at(-1) as number).toBeLessThan(printed.length + 40); // each break may cost an answer, not a state
}

/** Text of a file in which something else stands. */
const edited = (name: string, from: string, to: string) => {
  const text = project.read(name);
  expect(text).toContain(from);
  project.write(name, text.replace(from, to));
};

describe("a program under baton dev", () => {
  test(
    "goes on in new code with state and timers, also when a file changes that another one imports",
    async () => {
      project = new DevProject();
      const dev = project.dev("main.ts");
      const first = await counts(dev, "first");
      await until("a beat", () => (seen(dev).at(-1)?.beats ?? 0) > 0);
      project.edit("second");
      const second = await counts(dev, "second");
      expect(second.count).toBeGreaterThan(first.count);
      const { beats } = await counts(dev, "second");
      await until("further beats", async () => (await counts(dev, "second")).beats > beats + 2);
      edited("counter.ts", "words: WORDS,", 'words: WORDS + "!",');
      await counts(dev, "second!");
      expectWhole(dev);
      await tells(dev, "new code serves after", 2);
      expect(dev.said).toContain("1 actor and 1 timer came along");
      expect(dev.said).not.toContain("\x1b["); // nobody reads it at a terminal
      expect(await dev.end("SIGINT")).toMatchObject({ status: 0 });
      const last = seen(dev).at(-1)?.count ?? 0;
      const again = project.dev("main.ts"); // also over an end of the command
      expect((await counts(again, "second!")).count).toBeGreaterThan(last);
      await tells(again, "1 actor and 1 timer were there");
    },
    TIMEOUT_MS,
  );

  test(
    "goes on as it is when new code cannot be read, fails before its node, or has a node that cannot start",
    async () => {
      project = new DevProject();
      const dev = project.dev("main.ts");
      await counts(dev, "first");
      project.write("words.ts", 'export const WORDS = "broken\n');
      await tells(dev, "main.ts did not start");
      await counts(dev, "first");
      project.edit("thrown");
      edited("main.ts", "const node", 'if (1 > 0) throw new Error("no such key");\nconst node');
      await tells(dev, "main.ts did not start", 2);
      expect(dev.said).toContain("no such key");
      await counts(dev, "first");
      edited("main.ts", 'if (1 > 0) throw new Error("no such key");\n', "");
      await counts(dev, "thrown");
      edited("counter.ts", "SHARDS = 4", "SHARDS = 8"); // found when the former process has parked already
      await tells(dev, "main.ts did not start", 3);
      await counts(dev, "thrown");
      expect(dev.said).not.toContain("is gone");
      edited("counter.ts", "SHARDS = 8", "SHARDS = 4");
      project.edit("mended");
      await counts(dev, "mended");
      expectWhole(dev);
    },
    TIMEOUT_MS,
  );

  test(
    "keeps its memory when an error ends it that nobody catches, and waits for a change",
    async () => {
      project = new DevProject();
      const dev = project.dev("main.ts");
      await counts(dev, "first");
      edited("main.ts", "for (;;)", 'setTimeout(() => { throw new Error("by and by"); }, 300);\nfor (;;)');
      await tells(dev, "main.ts has ended (status 1): waiting for a change");
      expect(dev.said).toContain("by and by");
      const { count = 0 } = seen(dev).at(-1) ?? {};
      edited("main.ts", 'setTimeout(() => { throw new Error("by and by"); }, 300);\n', "");
      expect((await counts(dev, "first")).count).toBeGreaterThan(count);
      expectWhole(dev);
    },
    TIMEOUT_MS,
  );

  test(
    "finds its port and its own SQLite file free, for the process before has ended",
    async () => {
      project = new DevProject();
      const port = portOf(1);
      edited(
        "main.ts",
        "import { host, startNode }",
        `import http from "node:http";\nimport { host, sqliteStore, startNode }`,
      );
      edited(
        "main.ts",
        "const node = await startNode({",
        'const store = await sqliteStore({ path: "own.db" });\nconst node = await startNode({ store,',
      );
      edited(
        "main.ts",
        "for (;;)",
        `await new Promise<void>((resolve, reject) => http.createServer().on("error", reject).listen(${port}, "127.0.0.1", resolve));\nfor (;;)`,
      );
      const dev = project.dev("main.ts");
      await counts(dev, "first");
      project.edit("second");
      await counts(dev, "second");
      project.edit("third");
      await counts(dev, "third");
      expectWhole(dev);
      expect(dev.said).not.toContain("did not start");
      expect(fs.existsSync(path.join(project.folder, "own.db"))).toBe(true);
    },
    TIMEOUT_MS,
  );

  test(
    "ends with the command, however that ends",
    async () => {
      project = new DevProject();
      edited(
        "main.ts",
        "for (;;)",
        'import process from "node:process";\nconsole.log(`pid ${process.pid}.`);\nfor (;;)',
      );
      const dev = project.dev("main.ts");
      await counts(dev, "first");
      const pid = Number(/pid (\d+)\./.exec(dev.printed)?.[1]);
      expect(pid).toBeGreaterThan(1);
      dev.signal("SIGKILL");
      await until("the end of the program", () => !isThere(pid));
      const { count = 0 } = seen(dev).at(-1) ?? {};
      const again = project.dev("main.ts");
      expect((await counts(again, "first")).count).toBeGreaterThan(count); // it has parked
    },
    TIMEOUT_MS,
  );

  test(
    "is given up while it does not get ready, as soon as there is newer code",
    async () => {
      project = new DevProject();
      edited(
        "main.ts",
        "const node",
        'if (WORDS === "hanging") await new Promise((r) => setTimeout(r, 1e9));\nconst node',
      );
      edited("main.ts", "import { host", 'import { WORDS } from "./words.ts";\nimport { host');
      const dev = project.dev("main.ts");
      await counts(dev, "first");
      project.edit("hanging");
      await tells(dev, "words.ts changed");
      await counts(dev, "first");
      project.edit("hurried");
      await counts(dev, "hurried");
      expect(seen(dev).some(({ words }) => words === "hanging")).toBe(false);
      expectWhole(dev);
    },
    TIMEOUT_MS,
  );

  test(
    "is given what follows its file, and begins afresh where that is asked for",
    async () => {
      project = new DevProject();
      edited(
        "main.ts",
        "for (;;)",
        'import process from "node:process";\nconsole.log(`args ${process.argv.slice(2).join(" ")}.`);\nfor (;;)',
      );
      const dev = project.dev("main.ts", "--port", "1", "more");
      await dev.prints("args --port 1 more.");
      const { count } = await counts(dev, "first");
      expect(await dev.end("SIGTERM")).toMatchObject({ status: 0 });
      const again = project.dev("--fresh", "main.ts");
      await counts(again, "first");
      expect(count).toBeGreaterThan(0);
      expect(seen(again)[0]?.count).toBe(1);
    },
    TIMEOUT_MS,
  );

  test(
    "ends at once by a later signal when its leave takes too long",
    async () => {
      project = new DevProject();
      edited("main.ts", "startNode({", "startNode({ beforeLeave: () => new Promise<void>(() => {}),");
      const dev = project.dev("main.ts");
      await counts(dev, "first");
      const at = performance.now();
      expect(await dev.endByMany("SIGINT")).toMatchObject({ status: 1 });
      expect(performance.now() - at).toBeLessThan(9_000); // by itself it would have taken half of its deadline, 12.5 s
    },
    TIMEOUT_MS,
  );

  test(
    "is not replaced for files that are left out, and is for others that are named",
    async () => {
      const elsewhere = new DevProject();
      project = new DevProject({ "data/seen.json": "{}" });
      try {
        const dev = project.dev("--ignore", "data", "--watch", elsewhere.folder, "main.ts");
        await counts(dev, "first");
        project.write("data/seen.json", '{"more":1}');
        project.write("node_modules/some/index.js", "1");
        project.write("notes.txt", "nothing");
        elsewhere.edit("other");
        await tells(dev, "new code serves");
        expect(dev.said.match(/ changed$/gm)).toHaveLength(1);
        expect(dev.said).toContain(`${path.basename(elsewhere.folder)}/words.ts changed`);
      } finally {
        await elsewhere.end();
      }
    },
    TIMEOUT_MS,
  );
});

describe("the guide to baton dev", () => {
  test(
    "says what its program does",
    async () => {
      const guide = fs.readFileSync(path.join(ROOT, "docs", "guide", "dev.md"), "utf8");
      const program = /```ts\n([\s\S]*?)```/.exec(guide)?.[1] ?? "";
      const port = portOf(2);
      const main = program
        .replace('"@baton/actors"', `"${ROOT}/mod.ts"`)
        .replace('"zod"', `"${ROOT}/node_modules/zod/index.js"`)
        .replace("8000", `${port}`);
      project = new DevProject({ "main.ts": main });
      const dev = project.dev("main.ts");
      const asked = async () => await (await fetch(`http://127.0.0.1:${port}`)).text();
      expect(await until("an answer", asked, { timeoutMs: 30_000 })).toBe("visit 1\n");
      expect(await asked()).toBe("visit 2\n");
      edited("main.ts", "`visit ", "`hello ");
      await tells(dev, "new code serves after");
      expect(await until("an answer", asked, { timeoutMs: 30_000 })).toBe("hello 3\n");
      expect(dev.said).toContain("1 actor and 0 timers came along");
    },
    TIMEOUT_MS,
  );
});

describe("the command", () => {
  test(
    "helps without a file, and says with status 2 what it does not know",
    async () => {
      project = new DevProject();
      for (const args of [[], ["--help"], ["help", "dev"], ["dev"], ["dev", "--help"]]) {
        const { printed, status } = await ended(project.call(...args));
        expect(status).toBe(0);
        expect(printed).toContain("Usage: baton");
      }
      for (const [args, words] of [
        [["dev", "--nothing", "main.ts"], "--nothing"],
        [["dev", "none.ts"], 'there is no file "none.ts" to run'],
        [["develop"], '"develop" is no command'],
      ] as const) {
        const { said, status } = await ended(project.call(...args));
        expect(status).toBe(2);
        expect(said).toContain(words);
      }
    },
    TIMEOUT_MS,
  );
});

async function ended(program: Program): Promise<{ status: number | null; said: string; printed: string }> {
  const { status, said } = await program.ended();
  return { status, said, printed: program.printed };
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
