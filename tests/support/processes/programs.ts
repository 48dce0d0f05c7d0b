// Starts and ends programs as processes on Bun and on Deno.
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { findRuntimes } from "../../../examples/git_activity/cluster/runtimes.ts";
import { until, within } from "../conditions.ts";

export type Runtime = "bun" | "deno";

/** The runtime that this runs on. */
export const OWN: Runtime = process.versions.bun === undefined ? "deno" : "bun";

/** How a process ended, and what it had said on standard error. */
export interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  readonly said: string;
}

/** How a program is run. */
export interface ProgramOptions {
  /** What Deno is told before the program's path; Bun is told `run`. Default: it may do everything. */
  readonly denoArgs?: readonly string[];
  /** A signal that the process is started to ignore: "HUP". */
  readonly ignoring?: string;
  /** How long it may take to end. Default 30,000 ms. */
  readonly endTimeoutMs?: number;
}

/** The executable of a runtime itself, no wrapper. */
export function executableOf(runtime: Runtime): string {
  const found = findRuntimes().get(runtime);
  if (found === undefined) throw new Error(`Cannot start a program on ${runtime}: it was not found`);
  return found;
}

/** A process, and what it prints. Its standard input stays open until it has ended. */
export class Program {
  readonly name: string;
  readonly #endTimeoutMs: number;
  readonly #child: ChildProcess;
  readonly #exit: Promise<Ended>;
  readonly #ended: Promise<Ended>;
  #printed = "";
  #said = "";

  constructor(
    name: string,
    runtime: Runtime,
    args: readonly string[],
    { denoArgs = ["-A"], ignoring = "", endTimeoutMs = 30_000 }: ProgramOptions = {},
  ) {
    const how = runtime === "bun" ? ["run"] : ["run", "--no-prompt", "--quiet", ...denoArgs];
    const program = [executableOf(runtime), ...how, ...args];
    const [command = "", ...rest] =
      ignoring === "" ? program : ["/bin/sh", "-c", `trap '' ${ignoring}; exec "$@"`, "sh", ...program];
    this.name = name;
    this.#endTimeoutMs = endTimeoutMs;
    this.#child = spawn(command, rest, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stdin?.on("error", () => {});
    this.#child.stdout?.on("data", (data) => {
      this.#printed += String(data);
    });
    this.#child.stderr?.on("data", (data) => {
      this.#said += String(data);
    });
    this.#exit = this.#once("exit");
    this.#ended = this.#once("close");
  }

  #once(event: "exit" | "close"): Promise<Ended> {
    return new Promise((resolve) => {
      this.#child.once(event, (status, signal) => resolve({ status, signal, said: this.#said }));
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** What it has written to standard output. */
  get printed(): string {
    return this.#printed;
  }

  /** Waits until what it has printed is as told, or has these words in it. */
  async prints(what: string, isSo = (printed: string) => printed.includes(what)): Promise<void> {
    const words = `"${what}" of "${this.name}"`;
    await until(words, () => isSo(this.#printed), { timeoutMs: 30_000 }).catch((error: Error) => {
      throw new Error(`${error.message}; it printed "${this.#printed}" and said "${this.#said}"`);
    });
  }

  /** SIGSTOP freezes it, and SIGCONT lets it go on. By number: on Deno, `ChildProcess.kill` also closes its input. */
  signal(signal: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(pid, signal);
  }

  /** Waits for its end, and for all that it has printed: also for the end of processes that write to the same place. */
  async ended(): Promise<Ended> {
    return await this.#inTime(this.#ended);
  }

  /** Waits for its end alone. */
  async exit(): Promise<Ended> {
    return await this.#inTime(this.#exit);
  }

  #inTime(end: Promise<Ended>): Promise<Ended> {
    const what = () => `the end of "${this.name}", which printed "${this.#printed}" and said "${this.#said}"`;
    return within(end, this.#endTimeoutMs, what);
  }

  /** Sends the same signal again and again until the process is over. */
  async endByMany(signal: NodeJS.Signals): Promise<Ended> {
    let isOver = false;
    void this.#exit.then(() => (isOver = true));
    await until(`the end of "${this.name}" by one of many ${signal}`, () => {
      this.signal(signal);
      return isOver;
    });
    return await this.exit();
  }

  async end(signal: NodeJS.Signals): Promise<Ended> {
    this.signal(signal);
    return await this.ended();
  }
}
