// A nats-server of the demo's own: a free port, a folder that goes away, and an end that is sure to come.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";

const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 3_000;
const POLL_MS = 20;

/** A server that runs. */
export interface NatsServer {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
  /** Ends it without waiting. */
  killNow(): void;
}

/** Where a nats-server is: in `NATS_SERVER`, or on the PATH. */
export function findNatsServer(): string | undefined {
  const wished = process.env.NATS_SERVER;
  const executable = wished === undefined || wished === "" ? "nats-server" : wished;
  return spawnSync(executable, ["--version"], { stdio: "ignore" }).status === 0 ? executable : undefined;
}

/** Starts a server with JetStream, on the loopback address. @throws {Error} if it does not answer in time */
export async function startNatsServer(executable: string): Promise<NatsServer> {
  const folder = mkdtempSync(join(tmpdir(), "git-activity-"));
  const args = [
    "-a",
    "127.0.0.1",
    "-p",
    "-1",
    "--ports_file_dir",
    folder,
    "-js",
    "-sd",
    join(folder, "store"),
  ];
  const child = spawn(executable, args, { stdio: "ignore" });
  child.on("error", () => {});
  const guardian = child.pid === undefined ? undefined : guard(child.pid, folder);
  const killNow = () => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  const stop = async () => {
    await end(child);
    guardian?.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  const port = await portOf(child, folder);
  if (port !== undefined) return { url: `nats://127.0.0.1:${port}`, port, stop, killNow };
  await stop();
  throw new Error(`Cannot start "${executable}": it gave no sign of life within ${START_TIMEOUT_MS} ms`);
}

/** The server writes the port it took into a file, and then has to answer on it. */
async function portOf(child: ChildProcess, folder: string): Promise<number | undefined> {
  const until = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < until && child.exitCode === null && child.pid !== undefined) {
    const port = writtenPort(folder);
    if (port !== undefined && (await greets(port))) return port;
    await pause(POLL_MS);
  }
  return undefined;
}

function writtenPort(folder: string): number | undefined {
  const file = readdirSync(folder).find((name) => name.endsWith(".ports"));
  if (file === undefined) return undefined;
  try {
    const { nats } = JSON.parse(readFileSync(join(folder, file), "utf8")) as { nats?: string[] };
    return nats?.[0] === undefined ? undefined : Number(new URL(nats[0]).port);
  } catch {
    return undefined; // half written
  }
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.once("data", (data) => settle(String(data).startsWith("INFO")));
    socket.once("error", () => settle(false));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await Promise.race([exit, pause(STOP_TIMEOUT_MS, undefined, { ref: false })]);
  child.kill("SIGKILL");
}

/** Ends the server when this process is gone, however it went: its end of the pipe closes. */
function guard(pid: number, folder: string): ChildProcess {
  const script = 'cat >/dev/null; kill -9 "$1" 2>/dev/null; rm -rf "$2"';
  const args = ["-c", script, "sh", String(pid), folder];
  const child = spawn("/bin/sh", args, { stdio: ["pipe", "ignore", "ignore"], detached: true });
  child.on("error", () => {});
  child.unref();
  return child;
}
