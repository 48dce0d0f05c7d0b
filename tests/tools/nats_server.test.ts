import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { until } from "../support/conditions.ts";
import { startNatsServer } from "../support/nats/nats_server.ts";

describe("startNatsServer()", () => {
  test("starts a server with JetStream on a port of its own, and ends it", async () => {
    await using first = await startNatsServer();
    const second = await startNatsServer({ jetstream: false });
    expect(first.port).not.toBe(second.port);
    expect(first.log()).toContain("Server is ready");
    await second.stop();
    expect(isAlive(second.pid)).toBe(false);
    expect(isAlive(first.pid)).toBe(true);
  });

  test("comes back on the same port after a restart and after a kill", async () => {
    await using server = await startNatsServer();
    const { port, pid } = server;
    await server.restart();
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    server.kill();
    await until("the end of the killed server", () => !isAlive(server.pid));
    await server.restart();
    expect(server.port).toBe(port);
  });

  test("fails with the server's own words when its configuration is wrong", async () => {
    const start = startNatsServer({ config: "no_such_setting: true" });
    await expect(start).rejects.toThrow(/ended at once/);
  });

  test("ends the server when the process that started it is killed", async () => {
    const support = new URL("../support/nats/nats_server.ts", import.meta.url).href;
    const program = `const { startNatsServer } = await import("${support}");
      const server = await startNatsServer({ jetstream: false });
      console.log(server.pid + " " + server.port);
      process.kill(process.pid, "SIGKILL");`;
    const result = spawnSync(process.execPath, runtimeArguments(program), {
      encoding: "utf8",
      timeout: 20_000,
    });
    const pid = Number(result.stdout.split(" ")[0]);
    expect(pid).toBeGreaterThan(0);
    await until("the end of the server", () => !isAlive(pid));
  });

  test("refuses a NATS_SERVER that cannot be run", () => {
    const support = new URL("../support/nats/nats_server.ts", import.meta.url).href;
    const program = `const { startNatsServer } = await import("${support}");
      await startNatsServer().catch((error) => console.log(error.message));`;
    const env = { ...process.env, NATS_SERVER: "/no/such/nats-server" };
    const result = spawnSync(process.execPath, runtimeArguments(program), {
      encoding: "utf8",
      timeout: 20_000,
      env,
    });
    expect(result.stdout).toContain(
      'Cannot use the nats-server "/no/such/nats-server" that NATS_SERVER names: there is no such file',
    );
    expect(existsSync("/no/such/nats-server")).toBe(false);
  });
});

function runtimeArguments(program: string): string[] {
  const deno = "Deno" in globalThis;
  return deno ? ["eval", `import process from "node:process";${program}`] : ["-e", program];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
