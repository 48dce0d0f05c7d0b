// A process of the run, as the one that controls it sees it. It ends with it, in every case.
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, readdirSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Runtime, runArguments } from "../../bench/runtimes.ts";
import { guard } from "../../tests/support/processes/guard.ts";
import type { Command, Line, MemberSettings } from "./lines.ts";

const PROGRAM = fileURLToPath(new URL("./member.ts", import.meta.url));
const SAID_MAX = 2_000;

export interface MemberOptions {
  readonly runtime: Runtime;
  readonly executable: string;
  readonly settings: MemberSettings;
  /** The port it may connect to. */
  readonly port: number;
  /** Folder for what it says. */
  readonly logs: string;
  readonly onLine: (line: Line, member: MemberProcess) => void;
}

/** How a process ended. */
export type Ending = { readonly status: number | null; readonly signal: string | null };

export class MemberProcess {
  readonly id: string;
  readonly name: string;
  readonly runtime: Runtime;
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #guard: ChildProcess | undefined;
  readonly #log: WriteStream;
  readonly #up = Promise.withResolvers<boolean>();
  #isUp = false;
  #said = "";
  #over = false;

  constructor({ runtime, executable, settings, port, logs, onLine }: MemberOptions) {
    this.id = settings.id;
    this.name = settings.name;
    this.runtime = runtime;
    this.#log = createWriteStream(join(logs, `${settings.id}.log`));
    const [run = "run", ...rest] = runArguments(runtime, PROGRAM, port);
    const engine = runtime === "deno" ? ["--v8-flags=--expose-gc"] : [];
    const args = [run, ...engine, ...rest, JSON.stringify(settings)];
    this.#child = spawn(executable, args, { stdio: ["pipe", "pipe", "pipe"] });
    if (this.#child.pid !== undefined) this.#guard = guard(this.#child.pid);
    this.#child.stdin?.on("error", () => {}); // it may have ended
    this.#child.stderr?.on("data", (data) => this.#hear(String(data)));
    if (this.#child.stdout) {
      createInterface({ input: this.#child.stdout })
        .on("line", (text) => this.#read(text, onLine))
        .once("close", () => this.#log.end());
    }
    this.ended = new Promise((resolve) => {
      this.#child.once("error", (error) => resolve({ status: null, signal: error.message }));
      this.#child.once("close", (status, signal) => resolve({ status, signal }));
    });
    void this.ended.then(() => {
      this.#over = true;
      this.#guard?.kill("SIGKILL");
      this.#up.resolve(false);
    });
  }

  /** The end of what it said on standard error. */
  get said(): string {
    return this.#said;
  }

  /** Files and sockets that it has open, where the system tells. */
  get openFiles(): number {
    try {
      return readdirSync(`/proc/${this.#child.pid}/fd`).length;
    } catch {
      return 0;
    }
  }

  get isUp(): boolean {
    return this.#isUp && !this.#over;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Resolves when it says so, or with false when it ends before. */
  get up(): Promise<boolean> {
    return this.#up.promise;
  }

  command(command: Command): void {
    if (!this.#over) this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  /** Not `child.kill()`: on Deno only its first call sends a signal. */
  signal(signal: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#over) return;
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended just now.
    }
  }

  #hear(text: string): void {
    this.#said = (this.#said + text).slice(-SAID_MAX);
    this.#log.write(text);
  }

  #read(text: string, onLine: (line: Line, member: MemberProcess) => void): void {
    const line = parsed(text);
    if (line === undefined) return this.#hear(`${text}\n`);
    this.#log.write(`${performance.now().toFixed(0)} ${text}\n`);
    if (line.type === "up") {
      this.#isUp = true;
      this.#up.resolve(true);
    }
    onLine(line, this);
  }
}

/** A process that was killed may leave half a line. */
function parsed(text: string): Line | undefined {
  try {
    const line = JSON.parse(text) as Line | null;
    return line !== null && typeof line === "object" && "type" in line ? line : undefined;
  } catch {
    return undefined;
  }
}
