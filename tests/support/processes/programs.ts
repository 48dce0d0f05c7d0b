// Starts and ends programs as processes on Bun and on Deno.
import process from "node:process";
import { until, within } from "../conditions.ts";
import { Child, type Ending } from "./child.ts";
import { findRuntimes, runArguments, type Runtime } from "./runtimes.ts";

export type { Runtime } from "./runtimes.ts";

const SAID_MAX = 100_000;

/** The runtime that this runs on. */
export const OWN: Runtime = process.versions.bun === undefined ? "deno" : "bun";

/** How a process ended, and what it had said on standard error. */
export interface Ended extends Ending {
  readonly said: string;
}

/** How a program is run. */
export interface ProgramOptions {
  /** What Deno is told before the program's path; Bun is told `run`. Default: it may do everything. */
  readonly denoArgs?: readonly string[];
  /** A signal that the process is started to ignore: "HUP". */
  readonly ignoring?: string;
  /** The folder that it runs in. Default: this process's. */
  readonly folder?: string;
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
  readonly #child: Child;
  #printed = "";

  constructor(
    name: string,
    runtime: Runtime,
    args: readonly string[],
    { denoArgs = ["-A"], ignoring = "", folder, endTimeoutMs = 30_000 }: ProgramOptions = {},
  ) {
    const [file = "", ...more] = args;
    const program = [executableOf(runtime), ...runArguments(runtime, file, denoArgs), ...more];
    const [command = "", ...rest] =
      ignoring === "" ? program : ["/bin/sh", "-c", `trap '' ${ignoring}; exec "$@"`, "sh", ...program];
    this.name = name;
    this.#endTimeoutMs = endTimeoutMs;
    const onPrinted = (text: string) => void (this.#printed += text);
    this.#child = new Child(command, rest, {
      onPrinted,
      saidMax: SAID_MAX,
      ...(folder === undefined ? {} : { folder }),
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** What it has written to standard output. */
  get printed(): string {
    return this.#printed;
  }

  /** The end of what it has written to standard error. */
  get said(): string {
    return this.#child.said;
  }

  /** Waits until what it has printed is as told, or has these words in it. */
  async prints(what: string, isSo = (printed: string) => printed.includes(what)): Promise<void> {
    const words = `"${what}" of "${this.name}"`;
    await until(words, () => isSo(this.#printed), { timeoutMs: 30_000 }).catch((error: Error) => {
      throw new Error(`${error.message}; it printed "${this.#printed}" and said "${this.#child.said}"`);
    });
  }

  /** SIGSTOP freezes it, and SIGCONT lets it go on. */
  signal(signal: NodeJS.Signals): void {
    this.#child.signal(signal);
  }

  /** Waits for its end, and for all that it has printed: also for the end of processes that write to the same place. */
  ended(): Promise<Ended> {
    return this.#inTime(this.#child.ended);
  }

  /** Waits for its end alone. */
  exit(): Promise<Ended> {
    return this.#inTime(this.#child.exited);
  }

  async #inTime(end: Promise<Ending>): Promise<Ended> {
    const said = () => this.#child.said;
    const what = () => `the end of "${this.name}", which printed "${this.#printed}" and said "${said()}"`;
    return { ...(await within(end, this.#endTimeoutMs, what)), said: said() };
  }

  /** Sends the same signal again and again until the process is over. */
  async endByMany(signal: NodeJS.Signals): Promise<Ended> {
    let isOver = false;
    void this.#child.exited.then(() => (isOver = true));
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
