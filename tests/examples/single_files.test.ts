import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { startNatsServer } from "../support/nats/nats_server.ts";

const EXAMPLES = new URL("../../examples/", import.meta.url);
const TIMEOUT_MS = 20_000;

interface Ended {
  readonly status: number | null;
  readonly printed: string;
  readonly said: string;
}

/** Runs an example on this runtime; `onOutput` may end it. On Deno it gets these permissions and no more. */
function run(
  file: string,
  permissions: readonly string[],
  args: readonly string[] = [],
  onOutput?: OnOutput,
): Promise<Ended> {
  const deno = process.versions.deno !== undefined;
  const before = deno ? ["run", "--no-prompt", "--quiet", ...permissions] : ["run"];
  const path = fileURLToPath(new URL(file, EXAMPLES));
  const child = spawn(process.execPath, [...before, path, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
  let [printed, said] = ["", ""];
  child.stdout.on("data", (data) => {
    printed += String(data);
    // Not child.kill: Deno then reports the signal as the child's end, whatever the child made of it.
    onOutput?.(printed, (signal) => process.kill(child.pid ?? 0, signal));
  });
  child.stderr.on("data", (data) => {
    said += String(data);
  });
  return new Promise((resolve) =>
    child.once("close", (status) => {
      clearTimeout(timer);
      resolve({ status, printed, said });
    }),
  );
}

type OnOutput = (printed: string, kill: (signal: NodeJS.Signals) => void) => void;

describe("counter.ts", () => {
  test("counts, on Deno without any permission", async () => {
    const ended = await run("counter.ts", []);
    expect(ended).toEqual({
      status: 0,
      printed: "visits: 100\nvisits after a reset: 1\ndownloads: 5\nadding a half: invalid-argument\n",
      said: "",
    });
  });

  test("is short enough to be read at once", () => {
    expect(readFileSync(new URL("counter.ts", EXAMPLES), "utf8").split("\n").length).toBeLessThanOrEqual(60);
  });
});

describe("stored_counter.ts", () => {
  test("goes on where it was, on Deno with its folder as its only permission", async () => {
    const folder = mkdtempSync(join(tmpdir(), "baton-example-"));
    const permissions = [`--allow-read=${folder}`, `--allow-write=${folder}`];
    const lives = [];
    for (let life = 0; life < 2; life++)
      lives.push(await run("stored_counter.ts", permissions, [join(folder, "counter.db")]));
    rmSync(folder, { recursive: true });
    expect(lives).toEqual([
      { status: 0, printed: "visits: first, at 0\nvisits: 2\n", said: "" },
      { status: 0, printed: "visits: recovered, at 2\nvisits: 4\n", said: "" },
    ]);
  });

  test("is short enough to be read at once", () => {
    const text = readFileSync(new URL("stored_counter.ts", EXAMPLES), "utf8");
    expect(text.split("\n").length).toBeLessThanOrEqual(80);
  });
});

describe("http_cart.ts", () => {
  test("gives everybody their own cart only", async () => {
    const { default: server, node } = await import("../../examples/http_cart.ts");
    await using _ = node; // it would go on beside all tests that come later
    const request = (path: string, body: string, who: string) =>
      server.fetch(
        new Request(`http://localhost${path}`, {
          method: "POST",
          headers: { "content-type": "application/json", authorization: `Bearer ${who}` },
          body,
        }),
      );
    const added = await request("/actors/cart/alice/add", '{"sku":"tea","quantity":2}', "alice");
    expect([added.status, await added.json()]).toEqual([200, 2]);
    expect((await request("/actors/cart/alice/add", '{"sku":"tea","quantity":2}', "bo")).status).toBe(403);
    const total = await server.fetch(new Request("http://localhost/total/alice"));
    expect(await total.json()).toBe(2);
  });
});

describe("cluster_node.ts", () => {
  test("greets, and leaves on SIGTERM with status 0, on Deno with the server's port as its only permission", async () => {
    await using server = await startNatsServer();
    let told = false;
    const ended = await run(
      "cluster_node.ts",
      [`--allow-net=127.0.0.1:${server.port}`],
      ["one", server.url],
      (printed, kill) => {
        if (told || !printed.includes("greeting 1,")) return;
        told = true;
        kill("SIGTERM");
      },
    );
    expect(ended).toMatchObject({ status: 0, said: "" });
    expect(ended.printed).toContain("one is up");
    expect(ended.printed).toContain("greets one, greeting 1, epoch 1");
  }, 40_000);
});
