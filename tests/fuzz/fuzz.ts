// Runs inputs against targets, judges each, and remembers how to repeat what went wrong.
import process from "node:process";
import { Dice } from "./dice.ts";
import type { Target } from "./targets.ts";

/** One input that was not answered as it must be. */
export interface Finding {
  readonly target: string;
  readonly index: number;
  readonly what: string;
  /** The command that does it again. */
  readonly repeat: string;
}

/** What came of a run. */
export interface FuzzReport {
  readonly inputs: number;
  readonly taken: number;
  readonly refused: number;
  readonly slowestMs: number;
  /** Of the whole process, in bytes, since the run began. */
  readonly memoryGrowth: number;
  readonly findings: readonly Finding[];
}

/** What a run is made of. */
export interface FuzzOptions {
  readonly seed: number;
  /** Index of the first input. Default 0. */
  readonly from?: number;
  /** Inputs for each target. */
  readonly inputs: number;
  /** Findings after which a target is left alone. Default 5. */
  readonly findingsMax?: number;
}

/** Milliseconds that an input may take. A noisy machine may be late once, not three times. */
const BUDGET_MS = 50;
const HONEST_EVERY = 8;
/** Inputs between two judgements of what they set going. */
export const SETTLE_EVERY = 64;
const MEMORY_GROWTH_MAX = 512 * 1_048_576;

const PROTOTYPES = [Object, Array, Map, Set, Date, Uint8Array, Function, String, Number, Error, RegExp];

function prototypesNow(): string {
  return PROTOTYPES.map(({ prototype }) => Reflect.ownKeys(prototype).map(String).join()).join(";");
}

/** Runs each target for its inputs, then closes it. */
export async function fuzz(targets: readonly Target[], options: FuzzOptions): Promise<FuzzReport> {
  const run = new Run(options);
  for (const target of targets) await run.attack(target);
  return run.report();
}

class Run {
  readonly #options: FuzzOptions;
  readonly #prototypes = prototypesNow();
  readonly #rssAtFirst = process.memoryUsage().rss;
  readonly #findings: Finding[] = [];
  readonly #count = { inputs: 0, taken: 0 };
  #slowestMs = 0;

  constructor(options: FuzzOptions) {
    this.#options = options;
  }

  async attack(target: Target): Promise<void> {
    const { seed, from = 0, inputs, findingsMax = 5 } = this.#options;
    const most = this.#findings.length + findingsMax;
    for (let index = from; index < from + inputs && this.#findings.length < most; index++) {
      this.#guard(target, index, 1, () => this.#one(target, new Dice(seed, index)));
      if ((index + 1) % HONEST_EVERY === 0) this.#guard(target, index, 1, () => this.#check(target));
      if (target.settle && (index + 1) % SETTLE_EVERY === 0)
        await this.#guardAsync(target, index, () => target.settle?.());
    }
    await this.#guardAsync(target, from + inputs - 1, () => target.settle?.());
    await this.#guardAsync(target, from + inputs - 1, () => target.close?.());
    const growth = process.memoryUsage().rss - this.#rssAtFirst;
    if (growth > MEMORY_GROWTH_MAX)
      this.#found(target, from, inputs, `the process has grown by ${Math.round(growth / 1_048_576)} MiB`);
  }

  #one(target: Target, dice: Dice): void {
    this.#count.inputs++;
    const attempt = target.prepare(dice);
    const startMs = performance.now();
    if (attempt()) this.#count.taken++;
    const tookMs = performance.now() - startMs;
    if (tookMs > this.#slowestMs) this.#slowestMs = tookMs;
    if (tookMs > BUDGET_MS && isSlow(attempt)) throw new Error(`it took ${Math.round(tookMs)} ms`);
    if (({} as { x?: unknown; polluted?: unknown }).x !== undefined) throw new Error("({}).x is defined");
  }

  #check(target: Target): void {
    target.checkHonest();
    if (prototypesNow() !== this.#prototypes) throw new Error("a prototype of the language has changed");
  }

  #guard(target: Target, index: number, count: number, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#found(target, index, count, wordsOf(error));
    }
  }

  async #guardAsync(target: Target, index: number, work: () => Promise<void> | undefined): Promise<void> {
    try {
      await work();
    } catch (error) {
      const first = Math.max(this.#options.from ?? 0, index + 1 - SETTLE_EVERY);
      this.#found(target, first, index + 1 - first, wordsOf(error));
    }
  }

  #found(target: Target, index: number, count: number, what: string): void {
    const { seed } = this.#options;
    const repeat = `npm run fuzz -- --target ${target.name} --seed ${seed} --from ${index} --inputs ${count}`;
    this.#findings.push({ target: target.name, index, what, repeat });
  }

  report(): FuzzReport {
    const { inputs, taken } = this.#count;
    return {
      inputs,
      taken,
      refused: inputs - taken,
      slowestMs: this.#slowestMs,
      memoryGrowth: process.memoryUsage().rss - this.#rssAtFirst,
      findings: this.#findings,
    };
  }
}

function isSlow(attempt: () => boolean): boolean {
  return [1, 2].every(() => {
    const startMs = performance.now();
    attempt();
    return performance.now() - startMs > BUDGET_MS;
  });
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
