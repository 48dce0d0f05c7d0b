/**
 * The lines that `baton dev` tells.
 *
 * @module
 */
import type { ChildExit } from "../../platform/process/child.ts";
import type { Terminal } from "../../platform/process/terminal.ts";

/** What came along, or was there. */
export interface Cargo {
  readonly actors: number;
  readonly timers: number;
}

/** See the module's text. */
export class Told {
  readonly #file: string;
  readonly #terminal: Pick<Terminal, "tell" | "isColored">;

  constructor(file: string, terminal: Pick<Terminal, "tell" | "isColored">) {
    this.#file = file;
    this.#terminal = terminal;
  }

  begins(watched: number): void {
    this.#say(`${this.#file}; watches ${count(watched, "file")}. Ctrl-C ends it`);
  }

  changed(files: readonly string[]): void {
    const more = files.length > 1 ? ` and ${files.length - 1} more` : "";
    this.#say(`${files[0] ?? "a file"}${more} changed`);
  }

  serves(tookMs: number, { actors, timers }: Cargo, isNext: boolean): void {
    const cargo = `${count(actors, "actor")} and ${count(timers, "timer")}`;
    const came = actors + timers === 0 ? "" : `: ${cargo} ${isNext ? "came along" : "were there"}`;
    this.#say(`${isNext ? "new code serves" : "serves"} after ${time(tookMs)}${came}`, GREEN);
  }

  failed(exit: ChildExit, former: "goes on" | "is gone" | "could not go on"): void {
    const then = {
      "goes on": "the former code goes on",
      "is gone": "waiting for a change",
      "could not go on": "the former code could not go on; what was parked is kept, waiting for a change",
    }[former];
    this.#say(`${this.#file} did not start (${words(exit)}): ${then}`, RED);
  }

  notStarted(reason: string): void {
    this.#say(`${this.#file} was not started: ${reason}`, RED);
  }

  ended(exit: ChildExit): void {
    this.#say(`${this.#file} has ended (${words(exit)}): waiting for a change`, exit.status === 0 ? "" : RED);
  }

  notYielded(node: string): void {
    this.#say(`node "${node}" could not park all: what is left over is lost`, RED);
  }

  ends(): void {
    this.#say("ends");
  }

  #say(words: string, color = ""): void {
    const { isColored } = this.#terminal;
    this.#terminal.tell(
      isColored ? `${DIM}baton dev${RESET} ${color}${words}${RESET}` : `baton dev ${words}`,
    );
  }
}

const DIM = "\x1b[2m";
const GREEN = "\x1b[32m";
const RED = "\x1b[31m";
const RESET = "\x1b[0m";

function words({ status, signal }: ChildExit): string {
  return signal === null ? `status ${status}` : signal;
}

function count(number: number, of: string): string {
  return `${number} ${of}${number === 1 ? "" : "s"}`;
}

function time(milliseconds: number): string {
  return milliseconds < 1_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1_000).toFixed(1)} s`;
}
