/**
 * One run of `baton dev`: a process serves, and at a change another one is started to take its place.
 *
 * ```
 *   serving ──a file changed──► the next one starts ──it asks for its turn──► serving one yields ──joined──► serving one ends, next one serves
 *      ▲                            │ ended, or another change                     │ ended, or another change
 *      └────────────────────────────┘                                              └── serving one resumes
 * ```
 *
 * Over NATS nobody asks for a turn: both are there at once, and the serving one hands over to the next when it ends.
 *
 * @module
 */
import type { Clock } from "../../platform/clock.ts";
import type { ChildExit } from "../../platform/process/child.ts";
import type { DevWord } from "../../platform/process/dev_parent.ts";
import { Program, type StartProgram } from "./program.ts";
import type { Told } from "./told.ts";

/** What it works with. */
export interface SessionDeps {
  readonly clock: Clock;
  readonly told: Told;
  readonly start: StartProgram;
  /** Where the memory of a program's node without a server is; `count`: the first one's, the second one's, … */
  memoryFile(count: number): string;
}

/** What the next one is waited for. */
type Step =
  | { readonly type: "turn"; readonly word: DevWord & { type: "turn" } }
  | { readonly type: "joined"; readonly word: DevWord & { type: "joined" } }
  | { readonly type: "ended"; readonly exit: ChildExit }
  | { readonly type: "interrupted" };

/** Status of the command when a further signal has ended it before the program had left. */
const KILLED = 1;

/** See the module's text. */
export class Session {
  readonly #deps: SessionDeps;
  /** Also those that are ending. */
  readonly #living = new Set<Program>();
  #serving: Program | undefined;
  #next: Program | undefined;
  /** Of the latest process that has served: one that takes its place after a crash takes its name too. */
  #slot = 1;
  #steps: Step[] = [];
  /** Whether the one that serves has taken the place of another. */
  #hasFollowed = false;
  /** Something has happened that whoever waits has to look at. */
  #wake = Promise.withResolvers<void>();
  #isChanged = true;
  #isStopping = false;
  #isKilled = false;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  /** Runs until it is told to stop. @returns the status of the command */
  async run(watched: number): Promise<number> {
    this.#deps.told.begins(watched);
    while (!this.#isStopping) {
      if (this.#isChanged) {
        this.#isChanged = false;
        await this.#replace();
      } else await this.#woken();
    }
    await this.#serving?.ends();
    return this.#isKilled ? KILLED : 0;
  }

  changed(files: readonly string[]): void {
    if (this.#isStopping) return;
    this.#deps.told.changed(files);
    this.#isChanged = true;
    this.#wake.resolve();
  }

  stop(): void {
    if (this.#isStopping) return;
    this.#deps.told.ends();
    this.#isStopping = true;
    this.#wake.resolve();
  }

  /** Ends everything at once: what is not parked by now is lost. */
  kill(): void {
    this.#isKilled = true;
    this.stop();
    for (const program of this.#living) program.kill();
  }

  async #replace(): Promise<void> {
    const { told } = this.#deps;
    const next = await this.#start();
    if (next === undefined) return void (await this.#former());
    for (;;) {
      const step = await this.#step();
      if (step.type === "turn") await this.#giveTurn(next, step.word);
      else if (step.type === "joined") return await this.#handOver(next, step.word);
      else {
        this.#next = undefined;
        this.#steps = [];
        if (step.type === "ended") return told.failed(step.exit, await this.#former());
        await next.ends(); // it may have taken over some of the memory by now: newer code has it from there
        return;
      }
    }
  }

  async #start(): Promise<Program | undefined> {
    const { start, clock, told } = this.#deps;
    const slot = this.#serving ? 3 - this.#serving.slot : this.#slot;
    this.#steps = [];
    try {
      const next = await Program.start(slot, start, clock, (program, word) => this.#heard(program, word));
      this.#next = next;
      this.#living.add(next);
      if (this.#isKilled) next.kill();
      void next.exit.then((exit) => this.#ended(next, exit));
      return next;
    } catch (error) {
      told.notStarted(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** Nobody has what it needs then: parked, if all goes on after a failure; with a file of the program's own, by its end. */
  async #giveTurn(next: Program, { id, needs }: DevWord & { type: "turn" }): Promise<void> {
    const serving = this.#serving;
    if (serving && needs === "file") await this.#endServing();
    else if (serving && !serving.hasYielded)
      for (const node of await serving.yields()) this.#deps.told.notYielded(node);
    this.#go(next, id, needs);
  }

  #go(program: Program, id: string, needs: "memory" | "file"): void {
    if (needs === "memory") program.memories++;
    program.order({ type: "go", id, file: this.#deps.memoryFile(Math.max(1, program.memories)) });
  }

  async #handOver(next: Program, { id }: DevWord & { type: "joined" }): Promise<void> {
    const isNext = this.#serving !== undefined;
    await this.#endServing();
    this.#serving = next;
    this.#slot = next.slot;
    this.#next = undefined;
    const rest = this.#steps;
    this.#steps = [];
    this.#hasFollowed = isNext;
    next.order({ type: "proceed", id });
    for (const step of rest)
      if (step.type === "ended") this.#ended(next, step.exit);
      else if ("word" in step) this.#heard(next, step.word);
  }

  async #endServing(): Promise<void> {
    const former = this.#serving;
    this.#serving = undefined;
    await former?.ends();
  }

  /** What becomes of the process that serves when the next one does not. */
  async #former(): Promise<"goes on" | "is gone" | "could not go on"> {
    const serving = this.#serving;
    if (serving === undefined) return "is gone";
    if (!serving.hasYielded || (await serving.resumes())) return "goes on";
    await this.#endServing();
    return "could not go on";
  }

  // ---- what processes say

  #heard(program: Program, word: DevWord): void {
    if (program === this.#next || (program !== this.#serving && this.#next === undefined)) {
      if (word.type === "turn") this.#queue({ type: "turn", word });
      if (word.type === "joined") this.#queue({ type: "joined", word });
      return;
    }
    if (program !== this.#serving) return;
    if (word.type === "turn") this.#go(program, word.id, word.needs); // of a further node
    if (word.type === "joined") program.order({ type: "proceed", id: word.id });
    if (word.type === "serving") this.#serves(program, word);
  }

  #serves(program: Program, cargo: DevWord & { type: "serving" }): void {
    const { clock, told } = this.#deps;
    told.serves(clock.now() - program.startedAt, cargo, this.#hasFollowed);
  }

  #ended(program: Program, exit: ChildExit): void {
    this.#living.delete(program);
    if (program === this.#next) this.#queue({ type: "ended", exit });
    if (program !== this.#serving) return;
    this.#serving = undefined;
    if (!this.#isStopping) this.#deps.told.ended(exit);
  }

  // ---- waiting

  #queue(step: Step): void {
    this.#steps.push(step);
    this.#wake.resolve();
  }

  async #step(): Promise<Step> {
    for (;;) {
      const step = this.#steps.shift();
      if (step) return step;
      if (this.#isChanged || this.#isStopping) return { type: "interrupted" };
      await this.#woken();
    }
  }

  async #woken(): Promise<void> {
    await this.#wake.promise;
    this.#wake = Promise.withResolvers();
  }
}
