// How long the event loop of this process is held up: a timer that is due every millisecond, and how late it is.
const EVERY_MS = 1;

/** Watches until it is asked. */
export class LoopWatch {
  readonly #timer: ReturnType<typeof setInterval>;
  #lastAt = performance.now();
  #longestMs = 0;

  constructor() {
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
  }

  #look(): void {
    const now = performance.now();
    this.#longestMs = Math.max(this.#longestMs, now - this.#lastAt - EVERY_MS);
    this.#lastAt = now;
  }

  /** The longest since the last time that it was asked, in milliseconds. */
  take(): number {
    this.#look();
    const longestMs = this.#longestMs;
    this.#longestMs = 0;
    return longestMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
