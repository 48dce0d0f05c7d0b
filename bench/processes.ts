// The measuring processes, as the benchmark sees them. All of them end with it, in every case.
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Runtime, runArguments } from "./runtimes.ts";

const SAID_MAX = 4_000;
const END_TIMEOUT_MS = 5_000;

/** A line that a measuring process says. */
export interface Said {
  readonly type: string;
}

/** What is needed to start one. */
export interface ProcessOptions {
  readonly runtime: Runtime;
  readonly executable: string;
  /** File in this folder. */
  readonly program: string;
  /** The port that it may connect to. */
  readonly port?: number;
  readonly settings: object;
}

/** One measuring process. */
export class MeasuringProcess {
  readonly runtime: Runtime;
  readonly #program: string;
  readonly #child: ChildProcess;
  readonly #lines: Said[] = [];
  readonly #ended: Promise<string>;
  #how: string | undefined;
  #said = "";
  #look: () => void = () => {};

  constructor({ runtime, executable, program, port, settings }: ProcessOptions) {
    this.runtime = runtime;
    this.#program = program;
    const file = fileURLToPath(new URL(`./${program}`, import.meta.url));
    const args = [...runArguments(runtime, file, port), JSON.stringify(settings)];
    this.#child = spawn(executable, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stdin?.on("error", () => {}); // it may have ended
    this.#child.stderr?.on("data", (data) => {
      this.#said = (this.#said + String(data)).slice(-SAID_MAX);
    });
    if (this.#child.stdout) {
      createInterface({ input: this.#child.stdout }).on("line", (line) => this.#read(line));
    }
    this.#ended = new Promise((resolve) => {
      this.#child.once("error", (error) => resolve(error.message));
      this.#child.once("close", (status, signal) => resolve(String(signal ?? `status ${status}`)));
    });
    void this.#ended.then((how) => {
      this.#how = how;
      this.#look();
    });
  }

  command(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /**
   * The next line of that type; lines of other types before it are dropped.
   *
   * @throws {Error} if the process ends before, or past the time
   */
  next<T extends Said>(type: T["type"], timeoutMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        clearTimeout(timer);
        this.#look = () => {};
        end();
      };
      const timer = setTimeout(
        () => settle(() => reject(this.#failure(type, `said none within ${timeoutMs} ms`))),
        timeoutMs,
      );
      this.#look = () => {
        for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
          const found = line;
          if (found.type === type) return settle(() => resolve(found as T));
        }
        const how = this.#how;
        if (how !== undefined) settle(() => reject(this.#failure(type, `ended with ${how}`)));
      };
      this.#look();
    });
  }

  /** Asks it to end, and sees to it. */
  async end(): Promise<void> {
    this.command("end");
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.kill(), END_TIMEOUT_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Not `child.kill()`: on Deno only its first call sends a signal. */
  kill(): void {
    const { pid } = this.#child;
    if (pid !== undefined && this.#how === undefined) process.kill(pid, "SIGKILL");
  }

  #read(text: string): void {
    try {
      this.#lines.push(JSON.parse(text) as Said);
    } catch {
      this.#said = `${this.#said}${text}\n`.slice(-SAID_MAX);
    }
    this.#look();
  }

  #failure(type: string, seen: string): Error {
    const who = `${this.#program} on ${this.runtime}`;
    return new Error(`Cannot get "${type}" from ${who}: current process ${seen}\n${this.#said}`.trim());
  }
}
