// A process of the run, as the one that controls it sees it. It ends with it, in every case.
import { createWriteStream, readdirSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Child, type Ending, parsedLine } from "../../tests/support/processes/child.ts";
import { onlyPort, runArguments, type Runtime } from "../../tests/support/processes/runtimes.ts";
import type { Command, Line, MemberSettings } from "./lines.ts";

/** The program of a member, from the project's folder. */
export const MEMBER = "chaos/cluster/member.ts";
const PROGRAM = fileURLToPath(new URL(`../../${MEMBER}`, import.meta.url));

export interface MemberOptions {
  readonly runtime: Runtime;
  readonly executable: string;
  /** Default {@link MEMBER}. */
  readonly program?: string | undefined;
  readonly settings: MemberSettings;
  /** The port it may connect to. */
  readonly port: number;
  /** Folder for what it says. */
  readonly logs: string;
  readonly onLine: (line: Line, member: MemberProcess) => void;
}

export class MemberProcess {
  readonly id: string;
  readonly name: string;
  readonly runtime: Runtime;
  readonly ended: Promise<Ending>;
  readonly #child: Child;
  readonly #log: WriteStream;
  readonly #up = Promise.withResolvers<boolean>();
  #isUp = false;

  constructor({ runtime, executable, program = PROGRAM, settings, port, logs, onLine }: MemberOptions) {
    this.id = settings.id;
    this.name = settings.name;
    this.runtime = runtime;
    this.#log = createWriteStream(join(logs, `${settings.id}.log`));
    const args = runArguments(runtime, program, ["--v8-flags=--expose-gc", ...onlyPort(port)]);
    this.#child = new Child(executable, [...args, JSON.stringify(settings)], {
      onLine: (text) => this.#read(text, onLine),
      onSaid: (text) => this.#note(text),
      isGuarded: true,
    });
    this.ended = this.#child.ended;
    void this.ended.then(() => {
      this.#up.resolve(false);
      this.#log.end();
    });
  }

  /** The end of what it said on standard error. */
  get said(): string {
    return this.#child.said;
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
    return this.#isUp && !this.isOver;
  }

  get isOver(): boolean {
    return this.#child.isOver;
  }

  /** Resolves when it says so, or with false when it ends before. */
  get up(): Promise<boolean> {
    return this.#up.promise;
  }

  command(command: Command): void {
    this.#child.tell(JSON.stringify(command));
  }

  signal(signal: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    this.#child.signal(signal);
  }

  #read(text: string, onLine: (line: Line, member: MemberProcess) => void): void {
    const line = parsedLine<Line>(text);
    if (line === undefined) {
      this.#child.says(`${text}\n`);
      return this.#note(`${text}\n`);
    }
    this.#note(`${performance.now().toFixed(0)} ${text}\n`);
    if (line.type === "up") {
      this.#isUp = true;
      this.#up.resolve(true);
    }
    onLine(line, this);
  }

  #note(text: string): void {
    if (!this.#log.writableEnded) this.#log.write(text);
  }
}
