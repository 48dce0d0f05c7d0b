import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import process from "node:process";
import {
  hasEnded,
  linuxSystem,
  type ProcessIdentity,
  type ProcessStatus,
  statusOf,
  type System,
} from "../../platform/process/process_identity.ts";
import { until } from "../support/conditions.ts";

const OWN: ProcessIdentity = { boot: "b", space: "pid:[1]", pid: 10, startedAt: "500", image: "i" };
const OTHER: ProcessIdentity = { ...OWN, pid: 20, startedAt: "400", image: "o" };
const RUNS: ProcessStatus = { startedAt: "400", isZombie: false };

function system(absent: boolean, status?: ProcessStatus, own: ProcessIdentity | undefined = OWN): System {
  return { own: () => own, isAbsent: () => absent, status: () => status };
}

describe("hasEnded()", () => {
  test.each([
    ["there is no such process", OTHER, system(true)],
    ["its number is another's, who began later", OTHER, system(false, { ...RUNS, startedAt: "900" })],
    ["it is a zombie", OTHER, system(false, { ...RUNS, isZombie: true })],
    ["this process has restarted in place", { ...OWN, image: "former" }, system(false)],
    ["this process has its number, and began later", { ...OWN, startedAt: "100" }, system(false)],
  ] as [string, ProcessIdentity, System][])("is certain when %s", (_, other, seen) =>
    expect(hasEnded(other, seen)).toBe(true),
  );

  test.each([
    ["it runs, or is stopped", OTHER, system(false, RUNS)],
    ["it is there, and may not be looked at", OTHER, system(false)],
    ["it was on this machine before that was booted", { ...OTHER, boot: "former" }, system(true)],
    ["it is in another container, or on another machine", { ...OTHER, space: "pid:[2]" }, system(true)],
    ["it is this very process", OWN, system(false, { ...RUNS, startedAt: "500" })],
    ["nothing is known of it", undefined, system(true)],
  ] as [string, ProcessIdentity | undefined, System][])("is not when %s", (_, other, seen) =>
    expect(hasEnded(other, seen)).toBe(false),
  );

  test("is not where the system tells nothing of this process", () => {
    expect(hasEnded(OTHER, { ...system(true), own: () => undefined })).toBe(false);
  });
});

describe("statusOf()", () => {
  const line = (name: string, state: string, threads: number) =>
    `42 (${name}) ${state} ${"0 ".repeat(16)}${threads} 0 98765 0 0`;

  test("finds its fields behind any name", () => {
    expect(statusOf(line("a) Z (b", "S", 8))).toEqual({ startedAt: "98765", isZombie: false });
    expect(statusOf(line("node", "Z", 1))).toEqual({ startedAt: "98765", isZombie: true });
    expect(statusOf(line("node", "Z", 4))?.isZombie).toBe(false);
    expect(statusOf(line("node", "T", 4))?.isZombie).toBe(false);
  });

  test("knows nothing of what is no such line", () => {
    for (const text of [undefined, "", "42 (x", "42 (x) S", "nonsense"])
      expect(statusOf(text)).toBeUndefined();
  });
});

if (process.platform === "linux")
  describe("the system", () => {
    const here = linuxSystem();

    test("tells of this process, the same each time", () => {
      const own = here.own();
      expect(own).toMatchObject({ pid: process.pid });
      expect(here.own()).toEqual(own as ProcessIdentity);
      expect(hasEnded(own, here)).toBe(false);
    });

    test("tells of another while it runs, while it is stopped, and when it has ended", async () => {
      const child = spawn("/bin/sleep", ["60"], { stdio: "ignore" });
      const pid = child.pid ?? 0;
      const status = await until("its status", () => here.status(pid));
      const identity = { ...(here.own() as ProcessIdentity), pid, startedAt: status.startedAt };
      expect(hasEnded(identity, here)).toBe(false);
      process.kill(pid, "SIGSTOP");
      expect(hasEnded(identity, here)).toBe(false);
      expect(hasEnded({ ...identity, startedAt: "1" }, here)).toBe(true);
      process.kill(pid, "SIGKILL");
      await until("its end", () => hasEnded(identity, here));
    });

    test("tells another image in one process", async () => {
      const print = `import("${new URL("../../platform/process/process_identity.ts", import.meta.url).href}")`;
      const deno = process.versions.deno !== undefined;
      const code = `${print}.then((m) => console.log(JSON.stringify(m.linuxSystem().own())))`;
      const once = [process.execPath, ...(deno ? ["eval", code] : ["-e", code])];
      const images = new Set<string>();
      for (let i = 0; i < 2; i++) {
        const child = spawn(once[0] ?? "", once.slice(1), { stdio: ["ignore", "pipe", "ignore"] });
        let said = "";
        child.stdout?.on("data", (data) => (said += String(data)));
        await until("what it is", () => said.includes("}"));
        images.add((JSON.parse(said) as ProcessIdentity).image);
      }
      expect(images.size).toBe(2);
    });
  });
