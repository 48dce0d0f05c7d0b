// What a program does under a parent that speaks as `baton dev` does, and under one that does not.
import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { DevOrder, DevWord } from "../../platform/process/dev_parent.ts";
import { until, within } from "../support/conditions.ts";
import { executableOf, OWN } from "../support/processes/programs.ts";
import { runArguments } from "../support/processes/runtimes.ts";

const PROGRAM = path.join(import.meta.dirname ?? "", "..", "support", "processes", "dev_program.ts");
const TIMEOUT_MS = 60_000;

let folder: string;
let child: ChildProcess;
let words: DevWord[];
let printed: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), "baton-dev-parent-"));
  words = [];
  printed = "";
});
afterEach(async () => {
  const exit = new Promise((resolve) => child.once("exit", resolve));
  if (child.exitCode === null && child.signalCode === null) {
    process.kill(child.pid ?? 0, "SIGKILL");
    await exit;
  }
  fs.rmSync(folder, { recursive: true });
});

/** Starts the program with a channel, or without; `says`: what stands in the variable. */
function start(hasChannel: boolean, says = "1"): void {
  const args = runArguments(OWN, PROGRAM, ["-A"]);
  const env = { ...process.env, BATON_DEV: says };
  child = spawn(executableOf(OWN), args, {
    stdio: ["ignore", "pipe", "pipe", ...(hasChannel ? (["ipc"] as const) : [])],
    env,
  });
  child.stdout?.on("data", (text) => void (printed += String(text)));
  child.stderr?.on("data", (text) => void (printed += String(text)));
  if (hasChannel) child.on("message", (word) => void words.push(word as DevWord));
}

const order = (what: DevOrder) => void child.send(what);
const said = <T extends DevWord["type"]>(type: T) =>
  until(`"${type}"`, () => words.find((word): word is DevWord & { type: T } => word.type === type), {
    timeoutMs: 20_000,
  });
const status = () =>
  within(
    new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code))),
    20_000,
    () => `its end; it printed ${printed}`,
  );

async function serve(): Promise<void> {
  order({ type: "go", id: (await said("turn")).id, file: path.join(folder, "memory.db") });
  order({ type: "proceed", id: (await said("joined")).id });
  await said("serving");
}

describe("a program under baton dev", () => {
  test(
    "waits for its turn and to proceed, yields and goes on, and leaves when the other end is gone",
    async () => {
      start(true);
      const turn = await said("turn");
      expect(turn.needs).toBe("memory");
      order({ type: "go", id: "another", file: path.join(folder, "other.db") }); // not for it
      order({ type: "go", id: turn.id, file: path.join(folder, "memory.db") });
      const joined = await said("joined");
      expect(printed).not.toContain("count"); // startNode has not resolved
      order({ type: "proceed", id: joined.id });
      await until("a count", () => printed.includes("count 3"));
      expect(fs.existsSync(path.join(folder, "other.db"))).toBe(false);
      order({ type: "yield" });
      expect((await said("yielded")).ok).toBe(true);
      order({ type: "resume" });
      expect((await said("resumed")).ok).toBe(true);
      const from = printed.length;
      await until("further counts", () => printed.slice(from).includes("count"));
      const counts = [...printed.matchAll(/count (\d+)/g)].map((each) => Number(each[1]));
      expect(counts).toEqual(counts.map((_, i) => i + 1)); // it has lost nothing, and kept nothing twice
      child.disconnect();
      expect(await status()).toBe(0);
    },
    TIMEOUT_MS,
  );

  test(
    "fails when the other end is gone while it waits for its turn",
    async () => {
      start(true);
      await said("turn");
      child.disconnect();
      expect(await status()).not.toBe(0);
      expect(printed).toContain("baton dev has ended");
    },
    TIMEOUT_MS,
  );

  test(
    "gives its memory to the next one",
    async () => {
      start(true);
      await serve();
      await until("a count", () => printed.includes("count 3"));
      process.kill(child.pid ?? 0, "SIGTERM");
      expect(await status()).toBe(0);
      const last = [...printed.matchAll(/count (\d+)/g)].length;
      [words, printed] = [[], ""];
      start(true, "2");
      await serve();
      await until("the next count", () => printed.includes(`count ${last + 1}`));
    },
    TIMEOUT_MS,
  );

  test.each([
    ["there is no channel", false, "1"],
    ["the variable says nothing", true, ""],
    ["the variable is no number", true, "yes"],
  ] as const)(
    "is an ordinary one where %s",
    async (_, hasChannel, says) => {
      start(hasChannel, says);
      await until("a count", () => printed.includes("count 3"));
      expect(words).toEqual([]);
      expect(fs.readdirSync(folder)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
