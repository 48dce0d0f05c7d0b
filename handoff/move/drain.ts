/**
 * The drain: no handler of the shard starts any more, the running ones may end, `onDrain` runs. It is over when every
 * activation is idle, or when its budget is used up: what is not idle then is late.
 *
 * @module
 */
import { wordsOf } from "../../errors.ts";
import type { Activation } from "../../actors/activation/activation.ts";
import type { Shard } from "../../delivery/receiving/shard.ts";
import type { Clock, Timer } from "../../platform/clock.ts";

/** See the module's text. It ends by `onDrained` or `onFailed`, once, or by `stop`. */
export class Drain {
  readonly #clock: Clock;
  readonly #shard: Shard;
  readonly #budgetMs: number;
  readonly #onDrained: () => void;
  readonly #onFailed: (reason: string) => void;
  readonly #controller = new AbortController();
  /** Not idle, or its hook has not ended, or has not begun because a handler is running. */
  readonly #restless = new Set<Activation>();
  readonly #told = new Set<Activation>();
  readonly #hooks = new Set<Activation>();
  #timer: Timer | undefined;
  #over = false;
  #unwatch: () => void = () => {};

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
    this.#unwatch = this.#shard.watchRest((activation) => this.#rested(activation));
    const activations = [...catalog.residents.active.values()];
    for (const activation of activations) this.#restless.add(activation);
    for (const activation of activations) this.#rested(activation);
    if (activations.length === 0) this.#end(this.#onDrained);
    if (this.#over) return;
    if (Number.isFinite(this.#budgetMs))
      this.#timer = this.#clock.after(this.#budgetMs, () => this.#end(this.#onDrained));
  }

  /** The time for the drain is used up: running handlers are told to give up, and get that much more to do it. */
  hurry(reason: Error, graceMs: number): void {
    if (this.#over) return;
    for (const activation of this.#restless) activation.abort(reason);
    this.#controller.abort(reason);
    this.#timer?.cancel();
    this.#timer = this.#clock.after(graceMs, () => this.#end(this.#onDrained));
  }

  stop(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#unwatch();
  }

  #rested(activation: Activation): void {
    if (this.#over || !this.#restless.has(activation)) return;
    if (activation.status === "ended") return this.#settled(activation); // it retired, or did not start
    if (!activation.idle) return;
    if (!this.#told.has(activation)) this.#tell(activation);
    if (!this.#hooks.has(activation)) this.#settled(activation);
  }

  /** A throw is not lost among the ends of others: until its hook has ended well, it is restless. */
  #tell(activation: Activation): void {
    this.#told.add(activation);
    const failed = (error: unknown) => {
      const words = wordsOf(error, "no error");
      this.#end(() => this.#onFailed(`onDrain of ${activation.address} threw: ${words}`));
    };
    const ended = () => {
      this.#hooks.delete(activation);
      this.#rested(activation);
    };
    this.#hooks.add(activation);
    const hook = activation.drain(this.#controller.signal);
    if (hook) hook.then(ended, failed);
    else this.#hooks.delete(activation);
  }

  #settled(activation: Activation): void {
    this.#restless.delete(activation);
    if (this.#restless.size === 0) this.#end(this.#onDrained);
  }

  #end(tell: () => void): void {
    if (this.#over) return;
    this.stop();
    if (this.#restless.size > 0) this.#controller.abort();
    tell();
  }
}
