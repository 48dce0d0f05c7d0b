/**
 * The way out for answers to callers on this very node. An answer is an effect, whoever gets it: the caller may send it
 * on to the outside. So while the gate is closed it waits here, and comes when the gate opens. A call whose deadline
 * passes meanwhile, or whose node ends, ends by that; what waits here for it is then void.
 *
 * @module
 */
import type { Gate } from "../../cluster/gate.ts";

/** See the module's text. It holds one end at most for each call that is pending. */
export class Exit {
  readonly #gate: Gate;
  #waiting: (() => void)[] = [];
  readonly #stopListening: () => void;

  constructor(gate: Gate) {
    this.#gate = gate;
    this.#stopListening = gate.onChange((open) => open && this.#release());
  }

  /** Whether answers may be given at once. */
  get isOpen(): boolean {
    return this.#gate.isOpen;
  }

  /** Runs `end` when the gate opens, in order. */
  hold(end: () => void): void {
    this.#waiting.push(end);
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const end of waiting) end();
  }

  stop(): void {
    this.#stopListening();
    this.#waiting = [];
  }
}
