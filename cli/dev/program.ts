/**
 * One process of the program, and the talk with it (`platform/process/dev_parent.ts`).
 *
 * @module
 */
import type { Clock } from "../../platform/clock.ts";
import { pause } from "../../platform/pause.ts";
import type { Child, ChildExit } from "../../platform/process/child.ts";
import { DEV_VARIABLE, type DevOrder, type DevWord } from "../../platform/process/dev_parent.ts";

/** Starts a process with that beside its environment. */
export type StartProgram = (
  env: Readonly<Record<string, string>>,
  heard: (message: unknown) => void,
) => Promise<Child>;

/** Longer than a leave takes by default. */
const END_MS = 30_000;
const WORDS: ReadonlySet<unknown> = new Set<DevWord["type"]>([
  "turn",
  "joined",
  "serving",
  "yielded",
  "resumed",
]);

/** See the module's text. */
export class Program {
  /** 1 or 2: two that are there at once have different ones. */
  readonly slot: number;
  readonly startedAt: number;
  /** The names of its nodes that have joined. */
  readonly nodes: Set<string> = new Set();
  /** How many of its nodes have asked for a file for their memory. */
  memories = 0;
  /** Its nodes have parked, and can go on. */
  hasYielded = false;
  readonly #child: Child;
  readonly #clock: Clock;
  readonly #listeners = new Set<(word: DevWord) => void>();

  private constructor(slot: number, child: Child, clock: Clock) {
    this.slot = slot;
    this.#child = child;
    this.#clock = clock;
    this.startedAt = clock.now();
  }

  /** @throws what the system says if it cannot be started */
  static async start(
    slot: number,
    start: StartProgram,
    clock: Clock,
    told: (program: Program, word: DevWord) => void,
  ): Promise<Program> {
    const early: DevWord[] = [];
    let program: Program | undefined;
    const child = await start({ [DEV_VARIABLE]: `${slot}` }, (message) => {
      const word = wordOf(message);
      if (word === undefined) return;
      if (program === undefined) early.push(word);
      else program.#heard(word, told);
    });
    program = new Program(slot, child, clock);
    for (const word of early) program.#heard(word, told);
    return program;
  }

  get exit(): Promise<ChildExit> {
    return this.#child.exit;
  }

  order(order: DevOrder): void {
    this.#child.say(order);
  }

  /** Lets its nodes park. @returns those that could not */
  async yields(): Promise<string[]> {
    const failed = await this.#allSay("yield", "yielded");
    this.hasYielded = true;
    return failed;
  }

  /** Lets its nodes go on. @returns whether all do */
  async resumes(): Promise<boolean> {
    this.hasYielded = false;
    return (await this.#allSay("resume", "resumed")).length === 0;
  }

  /** Tells it to leave, and waits for its end. */
  async ends(): Promise<ChildExit> {
    this.#child.signal("SIGTERM");
    const over = new AbortController();
    void this.exit.then(() => over.abort());
    await pause(this.#clock, END_MS, over.signal);
    if (!over.signal.aborted) this.kill();
    return await this.exit;
  }

  kill(): void {
    this.#child.signal("SIGKILL");
  }

  #heard(word: DevWord, told: (program: Program, word: DevWord) => void): void {
    if (word.type === "joined") this.nodes.add(word.node);
    for (const listener of [...this.#listeners]) listener(word);
    told(this, word);
  }

  async #allSay(order: "yield" | "resume", answer: "yielded" | "resumed"): Promise<string[]> {
    const waiting = new Set(this.nodes);
    const failed: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const listener = (word: DevWord) => {
      if (word.type !== answer || !waiting.delete(word.node)) return;
      if (!word.ok) failed.push(word.node);
      if (waiting.size === 0) resolve();
    };
    this.#listeners.add(listener);
    this.order({ type: order });
    await Promise.race([waiting.size === 0 ? undefined : promise, this.exit]);
    this.#listeners.delete(listener);
    return [...failed, ...waiting];
  }
}

/** Whatever else the program may say over the channel is none of ours. */
function wordOf(message: unknown): DevWord | undefined {
  const isWord = typeof message === "object" && message !== null && WORDS.has((message as DevWord).type);
  return isWord ? (message as DevWord) : undefined;
}
