/**
 * Long work in slices, so that a loop is never held up for long.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** See the module's text. */
export class Slices {
  readonly #clock: Pick<Clock, "now" | "soon">;
  readonly #sliceMs: number;
  #endsAt: number;

  constructor(clock: Pick<Clock, "now" | "soon">, sliceMs: number) {
    this.#clock = clock;
    this.#sliceMs = sliceMs;
    this.#endsAt = clock.now() + sliceMs;
  }

  /** Whether others should have their turn now: then await {@link Slices.next}. */
  get isOver(): boolean {
    return this.#clock.now() >= this.#endsAt;
  }

  /** Resolves in the next turn of the event loop. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.soon(resolve));
    this.#endsAt = this.#clock.now() + this.#sliceMs;
  }
}
