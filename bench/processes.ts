// The measuring processes, as the benchmark sees them. All of them end with it, in every case.
import { fileURLToPath } from "node:url";
import { Child, parsedLine } from "../tests/support/processes/child.ts";
import { onlyPort, runArguments, type Runtime } from "../tests/support/processes/runtimes.ts";

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
  readonly #child: Child;
  readonly #lines: Said[] = [];
  #how: string | undefined;
  #look: () => void = () => {};

  constructor({ runtime, executable, program, port, settings }: ProcessOptions) {
    this.runtime = runtime;
    this.#program = program;
    const file = fileURLToPath(new URL(`./${program}`, import.meta.url));
    const args = [...runArguments(runtime, file, onlyPort(port)), JSON.stringify(settings)];
    this.#child = new Child(executable, args, { onLine: (line) => this.#read(line) });
    void this.#child.ended.then(({ status, signal }) => {
      this.#how = signal ?? `status ${status}`;
      this.#look();
    });
  }

  command(line: string): void {
    this.#child.tell(line);
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
    this.#child.hangUp();
    const timer = setTimeout(() => this.kill(), END_TIMEOUT_MS);
    await this.#child.ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child.signal("SIGKILL");
  }

  #read(text: string): void {
    const line = parsedLine<Said>(text);
    if (line) this.#lines.push(line);
    else this.#child.says(`${text}\n`);
    this.#look();
  }

  #failure(type: string, seen: string): Error {
    const who = `${this.#program} on ${this.runtime}`;
    return new Error(`Cannot get "${type}" from ${who}: its process ${seen}\n${this.#child.said}`.trim());
  }
}
