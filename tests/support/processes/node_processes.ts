// Starts and ends nodes as processes on Bun and on Deno.
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findRuntimes } from "../../../examples/git_activity/cluster/runtimes.ts";
import type { Durability, Settings } from "../../../mod.ts";
import type { NatsServer } from "../nats/nats_server.ts";
import { until, within } from "../conditions.ts";

export type Runtime = "bun" | "deno";

const PROGRAM = fileURLToPath(new URL("./node_program.ts", import.meta.url));
const END_TIMEOUT_MS = 30_000;

/** How a process ended, and what it had said on standard error. */
export interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  readonly said: string;
}

/** One node's process. */
export class NodeProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<Ended>;
  #printed = "";
  #said = "";

  constructor(
    runtime: Runtime,
    name: string,
    cluster: string,
    server: NatsServer,
    settings: Partial<Settings> = {},
    durability: Durability = "memory",
    { mayAll = false, ignoring = "" }: { mayAll?: boolean; ignoring?: string } = {},
  ) {
    const executable = findRuntimes().get(runtime);
    if (executable === undefined) throw new Error(`Cannot start a node on ${runtime}: it was not found`);
    const allowed = mayAll ? "-A" : `--allow-net=127.0.0.1:${server.port}`;
    const how = runtime === "bun" ? ["run"] : ["run", "--no-prompt", "--quiet", allowed];
    this.name = name;
    const program = [
      executable,
      ...how,
      PROGRAM,
      name,
      cluster,
      server.url,
      JSON.stringify(settings),
      durability,
    ];
    const [command = "", ...args] =
      ignoring === "" ? program : ["/bin/sh", "-c", `trap '' ${ignoring}; exec "$@"`, "sh", ...program];
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stdin?.on("error", () => {});
    this.#child.stdout?.on("data", (data) => {
      this.#printed += String(data);
    });
    this.#child.stderr?.on("data", (data) => {
      this.#said += String(data);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once("close", (status, signal) => resolve({ status, signal, said: this.#said }));
    });
  }

  async up(): Promise<this> {
    await until(`node "${this.name}" up, having said "${this.#said}"`, () => this.#printed.includes("up\n"), {
      timeoutMs: END_TIMEOUT_MS,
    });
    return this;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** SIGSTOP freezes it, and SIGCONT lets it go on. */
  signal(signal: "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(pid, signal);
  }

  /** Waits for its end. */
  async ended(): Promise<Ended> {
    return await within(this.#ended, END_TIMEOUT_MS, `the end of "${this.name}", which said "${this.#said}"`);
  }

  /** By number: on Deno, `ChildProcess.kill` also closes the child's standard input. */
  async end(signal: "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGKILL"): Promise<Ended> {
    this.signal(signal);
    return await this.ended();
  }
}
