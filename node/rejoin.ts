/**
 * The way back into the cluster after a node was fenced: another life under the same name, tried again until it has
 * joined, until nothing can help any more, or until it is told to stop.
 *
 * @module
 */
import { ConfigurationError } from "../errors.ts";
import { type Pauses, pause, pauseAfter } from "../platform/pause.ts";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";

/** What a rejoin works with. */
export interface RejoinDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Begins another life; rejects if it could not join, and has cleaned up then. */
  attempt(): Promise<void>;
}

/** How it ended: with another life, because it was told to stop, or with an error that trying again does not mend. */
export type RejoinEnd = "joined" | "stopped" | ConfigurationError;

const PAUSES: Pauses = { firstMs: 250, longestMs: 5_000 };

/** See the module's text. It begins at once. */
export class Rejoin {
  /** Never rejects. */
  readonly ended: Promise<RejoinEnd>;
  readonly #deps: RejoinDeps;
  readonly #stop = new AbortController();

  constructor(deps: RejoinDeps) {
    this.#deps = deps;
    this.ended = this.#run();
  }

  /** No attempt begins any more; one that is under way is carried through. */
  stop(): void {
    this.#stop.abort();
  }

  async #run(): Promise<RejoinEnd> {
    const { clock, random, log, attempt } = this.#deps;
    const { signal } = this.#stop;
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        await attempt();
        return "joined";
      } catch (error) {
        if (error instanceof ConfigurationError) return error;
        log.warn("The cluster cannot be joined again yet", { error });
      }
      await pause(clock, pauseAfter(failures, PAUSES, random), signal);
    }
    return "stopped";
  }
}
