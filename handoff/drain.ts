/**
 * The drain: no handler of the shard starts any more, the running ones may end, `onDrain` runs. It is over when every
 * activation is idle, or when its budget is used up: what is not idle then is late.
 *
 * @module
 */
import type { Activation } from "../actors/activation.ts";
import type { Shard } from "../delivery/shard.ts";
import type { Clock, Timer } from "../platform/clock.ts";

/** See the module's text. It ends by `onDrained` or `onFailed`, once, or by `stop`. */
export class Drain {
  readonly #clock: Clock;
  readonly #shard: Shard;
  readonly #budgetMs: number;
  readonly #onDrained: () => void;
  readonly #onFailed: (reason: string) => void;
  readonly #controller = new AbortController();
  readonly #restless = new Set<Activation>();
  #timer: Timer | undefined;
  #over = false;

  constructor(
    clock: Clock,
    shard: Shard,
    budgetMs: number,
    onDrained: () => void,
    onFailed: (reason: string) => void,
  ) {
    this.#clock = clock;
    this.#shard = shard;
    this.#budgetMs = budgetMs;
    this.#onDrained = onDrained;
    this.#onFailed = onFailed;
  }

  start(): void {
    const { catalog } = this.#shard;
    this.#shard.drain();
    this.#shard.onProgress = (activation) => this.#rested(activation);
    for (const activation of catalog.residents.active.values()) this.#begin(activation);
    if (this.#over) return;
    if (this.#restless.size === 0) return this.#end(this.#onDrained);
    this.#timer = this.#clock.after(this.#budgetMs, () => this.#end(this.#onDrained));
  }

  stop(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#shard.onProgress = undefined;
  }

  #begin(activation: Activation): void {
    activation.drain(this.#controller.signal)?.catch((error: unknown) => {
      const words = error instanceof Error ? error.message : "no error";
      this.#end(() => this.#onFailed(`onDrain of ${activation.address} threw: ${words}`));
    });
    if (!activation.idle) this.#restless.add(activation);
  }

  #rested(activation: Activation): void {
    if (!activation.idle || !this.#restless.delete(activation)) return;
    if (this.#restless.size === 0) this.#end(this.#onDrained);
  }

  #end(tell: () => void): void {
    if (this.#over) return;
    this.stop();
    if (this.#restless.size > 0) this.#controller.abort();
    tell();
  }
}
