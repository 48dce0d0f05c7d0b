// A node that begins again under its name on the same machine; as processes, on a real nats-server.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findRuntimes } from "../../support/processes/runtimes.ts";
import { type ActorNode, natsTransport, startNode } from "../../../mod.ts";
import { until } from "../../support/conditions.ts";
import { type NatsServer, startNatsServer } from "../../support/nats/nats_server.ts";
import { NodeProcess, type Runtime } from "../../support/processes/node_processes.ts";

const TIMEOUT_MS = 60_000;
/** Far below a lease, also on a busy machine. */
const AT_ONCE_MS = 8_000;
const OWN: Runtime = process.versions.bun === undefined ? "deno" : "bun";
const OTHER: Runtime = OWN === "bun" ? "deno" : "bun";

let server: NatsServer;
let seer: ActorNode;
const processes: NodeProcess[] = [];
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  server = await startNatsServer();
  const transport = await natsTransport({ servers: server.url });
  seer = await startNode({ name: "seer", cluster: "again", transport, signals: false });
}, TIMEOUT_MS);
afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.end("SIGKILL")));
  for (const end of ends.splice(0)) await end();
}, TIMEOUT_MS);
afterAll(async () => {
  await seer?.kill();
  await server?.stop();
}, TIMEOUT_MS);

function start(runtime: Runtime, name: string, mayAll = true): NodeProcess {
  const started = new NodeProcess(runtime, name, "again", server, {}, "memory", { mayAll });
  processes.push(started);
  return started;
}

const incarnationOf = (name: string) => seer.inspect().nodes.find(({ node }) => node === name)?.incarnation;

/** A node's process that begins again whenever its file changes. */
function watched(name: string): { readonly ups: () => number; change(): void } {
  const folder = mkdtempSync(join(tmpdir(), "watched-"));
  const file = join(folder, "main.ts");
  const program = new URL("../../support/processes/node_program.ts", import.meta.url).href;
  let count = 0;
  const change = () => writeFileSync(file, `await import(${JSON.stringify(program)}); // ${count++}\n`);
  change();
  const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
  const how =
    OWN === "bun"
      ? ["--watch", "run", file]
      : ["run", "-A", "--quiet", "--no-check", "--config", config, "--watch", file];
  const args = [...how, name, "again", server.url];
  const child = spawn(findRuntimes().get(OWN) ?? "", args, { stdio: ["pipe", "pipe", "ignore"] });
  let said = "";
  child.stdout.on("data", (data) => (said += String(data)));
  ends.push(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    rmSync(folder, { recursive: true });
  });
  return { ups: () => said.split("up\n").length - 1, change };
}

describe("a node under a watcher that restarts it in place", () => {
  test(
    "is up again at once when its file changes, under its name",
    async () => {
      const { ups, change } = watched("watched");
      await until("its first life", () => ups() === 1, { timeoutMs: 20_000 });
      for (const life of [2, 3]) {
        const at = performance.now();
        change();
        await until("its next life", () => ups() === life, { timeoutMs: 20_000 });
        expect(performance.now() - at).toBeLessThan(AT_ONCE_MS);
        await until("its record", () => incarnationOf("watched")?.startsWith(`${life}-`));
      }
    },
    TIMEOUT_MS,
  );
});

if (process.platform === "linux")
  describe("a node whose predecessor", () => {
    test.each([OWN, OTHER])(
      "was killed on this machine takes the name at once, after one on %s",
      async (runtime) => {
        const name = `after-${OWN}-${runtime}`;
        const former = await start(runtime, name).up();
        await former.end("SIGKILL");
        const at = performance.now();
        await start(OWN, name).up();
        expect(performance.now() - at).toBeLessThan(AT_ONCE_MS);
        await until("its second life", () => incarnationOf(name)?.startsWith("2-"));
      },
      TIMEOUT_MS,
    );

    test(
      "is stopped, and may wake up, waits for its lease",
      async () => {
        const former = await start(OWN, "stopped").up();
        const first = incarnationOf("stopped");
        former.signal("SIGSTOP");
        const at = performance.now();
        await start(OWN, "stopped").up();
        expect(performance.now() - at).toBeGreaterThan(10_000);
        expect(incarnationOf("stopped")).not.toBe(first as string);
      },
      TIMEOUT_MS,
    );
  });
