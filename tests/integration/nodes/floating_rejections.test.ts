// Promises that are rejected in a node's process and that nobody handles.
import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { OWN, Program } from "../../support/processes/programs.ts";

const PROGRAM = fileURLToPath(new URL("../../support/floating_program.ts", import.meta.url));
const TIMEOUT_MS = 60_000;
const WORDS = "told A promise was rejected and nobody handles it";
const told = (node = "n0") =>
  `${WORDS} ${JSON.stringify({ node, running: [{ kind: "careless", name: "holder" }], stack: true })}`;

async function run(how: string, nodes = 1) {
  const program = new Program(`${how} ${nodes}`, OWN, [PROGRAM, how, `${nodes}`]);
  const { status, said } = await program.ended();
  const lines = program.printed.trim().split("\n");
  return { status, said, lines: lines.filter((line) => !["", "holds", "ends"].includes(line)) };
}

/** What the runtime says last of it, without what differs by where it was thrown. */
const lastWords = (said: string) => said.split("\n").filter((line) => /error|Bun v/.test(line));

describe("a promise that a handler forgot and that is rejected", () => {
  test(
    "is told in the log before the process ends as it does without a node",
    async () => {
      const without = await run("without");
      expect(without.lines).toEqual([]);
      expect(without.status).toBe(1);
      const { status, said, lines } = await run("nothing");
      expect(lines.filter((line) => line !== "the event was read")).toEqual([told()]);
      expect(status).toBe(without.status);
      expect(lastWords(said)[0]).toBe(lastWords(without.said)[0]);
      expect(said).toContain("nobody awaits this");
    },
    TIMEOUT_MS,
  );

  test.each(["listens", "listens-once", ...(OWN === "deno" ? ["prevents"] : [])])(
    "is told once, and the process goes on, when the application %s",
    async (how) => {
      const { status, lines } = await run(how);
      expect([...lines].sort()).toEqual(
        [told(), "the application heard", "the event was read", "went on"].sort(),
      );
      expect(status).toBe(7);
    },
    TIMEOUT_MS,
  );

  test(
    "is told by each node of a process, which ends all the same, without a word about too many listeners",
    async () => {
      const { status, said, lines } = await run("nothing", 12);
      const nodes = lines.flatMap((line) => /"node":"(n\d+)"/.exec(line)?.[1] ?? []);
      expect(new Set(nodes).size).toBe(12);
      expect([nodes.length, status]).toEqual([12, 1]);
      expect(said).not.toMatch(/MaxListeners/);
    },
    TIMEOUT_MS,
  );

  test(
    "is heard by nobody of Baton's when the nodes have stopped",
    async () => {
      expect(await run("stopped", 3)).toMatchObject({ status: 0, lines: ["listeners 0"] });
    },
    TIMEOUT_MS,
  );
});
