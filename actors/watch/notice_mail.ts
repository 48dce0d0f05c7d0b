/**
 * The message that tells an actor of the end of another, as it comes to its handler.
 *
 * @module
 */
import type { ErrorData } from "../../errors.ts";
import type { Mail } from "../activation/mail.ts";
import type { WatchNotice } from "./notice.ts";

/** See the module's text. It ends as the word ends by which that became known. */
export class NoticeMail implements Mail {
  readonly type: "tell" = "tell" as const;
  readonly message: string;
  readonly chain: readonly string[] = [];
  readonly deadlineAt: number = Infinity;
  readonly weight: number;
  readonly #notice: WatchNotice;
  readonly #word: Mail;

  constructor(word: Mail, message: string, notice: WatchNotice) {
    this.#word = word;
    this.message = message;
    this.#notice = notice;
    this.weight = word.weight;
  }

  /** The node by which it was noticed: no actor has sent it. */
  get node(): string | undefined {
    return this.#word.node;
  }

  argument(): unknown {
    return this.#notice;
  }
  isFrom(): boolean {
    return false;
  }
  waits(): void {}
  admitted(): void {}
  refuse(error: ErrorData): void {
    this.#word.refuse(error);
  }
  succeed(value: unknown): ErrorData | undefined {
    return this.#word.succeed(value);
  }
  fail(error: ErrorData): void {
    this.#word.fail(error);
  }
}
