// A process that this one starts, hears and ends.
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { guard } from "./guard.ts";

const SAID_MAX = 4_000;

/** How a process ended. If it could not be started, `signal` says why. */
export interface Ending {
  readonly status: number | null;
  readonly signal: string | null;
}

/** What is done with what it writes. */
export interface ChildOptions {
  /** Told of its standard output as it comes. */
  readonly onPrinted?: (text: string) => void;
  /** Told of each line of its standard output. */
  readonly onLine?: (line: string) => void;
  /** Told of its standard error as it comes. */
  readonly onSaid?: (text: string) => void;
  /** Characters of its standard error that are kept. Default 4,000. */
  readonly saidMax?: number;
  /** The folder that it runs in. Default: this process's. */
  readonly folder?: string;
  /** Whether it ends, frozen or not, when this process is gone, however that went. Default false. */
  readonly isGuarded?: boolean;
}

/** See the file's first line. Its standard input stays open until it has ended. */
export class Child {
  /** Its end. */
  readonly exited: Promise<Ending>;
  /** Its end, and that of all that it has written. */
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #saidMax: number;
  #said = "";
  #isOver = false;

  constructor(command: string, args: readonly string[], options: ChildOptions = {}) {
    const { onPrinted, onLine, onSaid, saidMax = SAID_MAX, folder, isGuarded = false } = options;
    this.#saidMax = saidMax;
    const child = spawn(command, [...args], {
      stdio: ["pipe", "pipe", "pipe"],
      ...(folder === undefined ? {} : { cwd: folder }),
    });
    this.#child = child;
    const guardian = isGuarded && child.pid !== undefined ? guard(child.pid) : undefined;
    child.stdin.on("error", () => {}); // it may have ended
    child.stderr.on("data", (data) => {
      this.says(String(data));
      onSaid?.(String(data));
    });
    if (onPrinted) child.stdout.on("data", (data) => onPrinted(String(data)));
    if (onLine) createInterface({ input: child.stdout }).on("line", onLine);
    this.exited = this.#once("exit");
    this.ended = this.#once("close");
    void this.ended.then(() => {
      this.#isOver = true;
      guardian?.kill("SIGKILL");
    });
  }

  #once(event: "exit" | "close"): Promise<Ending> {
    return new Promise((resolve) => {
      this.#child.once("error", (error) => resolve({ status: null, signal: error.message }));
      this.#child.once(event, (status, signal) => resolve({ status, signal }));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether it has ended, and has nothing more to say. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The end of what it has said on standard error. */
  get said(): string {
    return this.#said;
  }

  /** Counts as said on standard error: a line of its output, say, that is none of those that are expected. */
  says(text: string): void {
    this.#said = (this.#said + text).slice(-this.#saidMax);
  }

  /** Writes a line to its standard input. */
  tell(line: string): void {
    if (!this.#isOver) this.#child.stdin?.write(`${line}\n`);
  }

  /** Ends its standard input. */
  hangUp(): void {
    this.#child.stdin?.end();
  }

  /** By number, not by `child.kill()`: on Deno that closes its input as well, and only the first one sends a signal. */
  signal(signal: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null || this.#isOver) return;
    try {
      process.kill(pid, signal);
    } catch {
      // it has ended just now
    }
  }
}

/** A line of JSON with a type; `undefined` if it is none: a process that was killed may leave half a line. */
export function parsedLine<T extends { readonly type: string }>(text: string): T | undefined {
  try {
    const line = JSON.parse(text) as T | null;
    return line !== null && typeof line === "object" && "type" in line ? line : undefined;
  } catch {
    return undefined;
  }
}
