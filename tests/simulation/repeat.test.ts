import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { simulate } from "./simulate.ts";

const TIMEOUT_MS = 60_000;
const fromHere = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const PROGRAM = fromHere("../../tools/simulate.ts");

/** What the program prints as its last line, run by a command. */
function reportOf(
  command: string,
  args: readonly string[],
  faults: string,
): Promise<Record<string, unknown>> {
  const child = spawn(command, [...args, PROGRAM, "--seeds", "1..6", "--faults", faults, "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => {
    out += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => resolve(JSON.parse(out.trim().split("\n").at(-1) ?? "null")));
  });
}

describe("a simulation", () => {
  test(
    "simulate() does the same when it is run again with the same seed, and something else with another",
    async () => {
      const [first, again, other] = [
        await simulate({ seed: 5 }),
        await simulate({ seed: 5 }),
        await simulate({ seed: 6 }),
      ];
      expect(again).toEqual(first);
      expect(other.hash).not.toBe(first.hash);
    },
    TIMEOUT_MS,
  );

  // of stored actors many things happen in one moment, so their order shows first
  test.each(["every", "kept", "stored"])(
    'simulate() does the same on Bun and on Deno, with faults "%s"',
    async (faults) => {
      const bun = await reportOf(fromHere("../../node_modules/.bin/bun"), [], faults);
      const deno = await reportOf(fromHere("../../node_modules/.bin/deno"), ["run", "-A"], faults);
      expect(deno.hash).toBe(bun.hash);
      expect(bun).toMatchObject({ ok: true, seeds: 6 });
    },
    TIMEOUT_MS,
  );
});
