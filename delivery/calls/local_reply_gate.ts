/**
 * The way out for answers to callers on this very node. An answer is an effect, whoever gets it: the caller may send it
 * on to the outside. So it goes out only while the gate is open. Answers of one turn of the event loop go out together at its
 * end, in order, after one look at the gate; while that is closed they wait here, and come when it opens. A call whose deadline
 * passes meanwhile, or whose node ends, ends by that; what waits here for it is then void.
 *
 * @module
 */
import type { Gate } from "../../cluster/gate.ts";

/** What has an answer to give. */
export interface Answer {
  /** Gives it, unless its call has ended by something else. */
  goOut(): void;
}

/** See the module's text. It holds one answer at most for each call that is pending. */
export class LocalReplyGate {
  readonly #gate: Gate;
  #answers: Answer[] = [];
  /** Whether what is there is looked at when this turn ends. */
  #isDue = false;
  readonly #stopListening: () => void;
  readonly #onThrow: (error: unknown) => void;

  /** @param onThrow told what a call threw as it ended, which none should */
  constructor(gate: Gate, onThrow: (error: unknown) => void) {
    this.#gate = gate;
    this.#onThrow = onThrow;
    this.#stopListening = gate.onChange((open) => open && this.#release());
  }

  /** Gives an answer when this turn ends, if the gate is open then; else when it opens. */
  give(answer: Answer): void {
    this.#answers.push(answer);
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    this.#isDue = false;
    if (this.#gate.isOpen) this.#release();
  };

  #release(): void {
    const answers = this.#answers;
    this.#answers = [];
    for (const answer of answers) {
      try {
        answer.goOut();
      } catch (error) {
        this.#onThrow(error); // the others go out all the same
      }
    }
  }

  stop(): void {
    this.#stopListening();
    this.#answers = [];
  }
}
