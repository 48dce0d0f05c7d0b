/**
 * The abort signal of whatever message an activation is handling. It is made when it is first asked for, since most
 * handlers never do.
 *
 * @module
 */
import { DeadlineError } from "../../errors.ts";
import { inCleanContext } from "../../platform/async_context.ts";
import type { Clock, Timer } from "../../platform/clock.ts";

/** See the module's text. */
export class HandlerSignal {
  readonly #clock: Pick<Clock, "now" | "after">;
  #controller: AbortController | undefined;
  #alarm: Timer | undefined;
  /** Why the running message was aborted, also if nobody has asked for its signal yet: an error costs its stack. */
  #aborted: (() => Error) | undefined;

  constructor(clock: Pick<Clock, "now" | "after">) {
    this.#clock = clock;
  }

  /** The signal of the running message; it aborts at `deadlineAt`, and is aborted whenever it is asked for after that. */
  get(deadlineAt: number): AbortSignal {
    const controller = (this.#controller ??= this.#begin(deadlineAt));
    // its timer may be late, as after a long slice
    if (!controller.signal.aborted && this.#clock.now() >= deadlineAt)
      abortCleanly(controller, pastDeadline());
    return controller.signal;
  }

  #begin(deadlineAt: number): AbortController {
    const controller = new AbortController();
    if (this.#aborted) controller.abort(this.#aborted());
    else if (deadlineAt !== Infinity) {
      const late = () => abortCleanly(controller, pastDeadline());
      this.#alarm = this.#clock.after(Math.max(0, deadlineAt - this.#clock.now()), late);
    }
    return controller;
  }

  /** Whether the running message was told to give up, and not by its deadline. */
  get isAborted(): boolean {
    return this.#aborted !== undefined;
  }

  abort(reason: () => Error): void {
    this.#aborted = reason;
    if (this.#controller) abortCleanly(this.#controller, reason());
  }

  /** The message has ended; the next one gets a signal of its own. */
  release(): void {
    this.#aborted = undefined;
    if (this.#controller === undefined) return;
    this.#alarm?.cancel();
    this.#alarm = undefined;
    this.#controller = undefined;
  }
}

/** Who listens to a signal hears it in nobody's context, whoever aborts it. */
function abortCleanly(controller: AbortController, reason: Error): void {
  inCleanContext(() => controller.abort(reason));
}

function pastDeadline(): DeadlineError {
  return new DeadlineError("Cannot go on: the deadline of the message being handled has passed");
}
