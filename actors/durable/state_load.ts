/**
 * A stored actor's first step: what is stored of it is on its way. Its mail waits meanwhile, nothing else does.
 *
 * An actor that must begin, because something stored of it has to go on, is loaded again and again, whatever it failed
 * for: nobody else would come to think of it.
 *
 * @module
 */
import { isActorError } from "../../errors.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import { type Pauses, pauseAfter } from "../../platform/pause.ts";
import type { Random } from "../../platform/random.ts";
import type { StoredActor, StateStore } from "./state_store.ts";

/** Whom it is for. */
export interface StateLoadOwner {
  readonly name: string;
  /** Whether it must begin, also if nobody has sent it anything. */
  readonly mustBegin: boolean;
  onLoaded(stored: StoredActor): void;
  /** It is there, and cannot be read. */
  onUnreadable(error: unknown): void;
  /** It was not read. Unless it is tried `again`, it will not be. */
  onNotLoaded(error: unknown, again: boolean): void;
}

/** Codes of what was found and cannot be used. */
const DAMAGED: ReadonlySet<string> = new Set(["decode-failed", "invalid-state"]);

/** Before a further try. */
const PAUSES: Pauses = { firstMs: 500, longestMs: 10_000 };

/** What a loading works with. */
export interface StateLoadDeps {
  readonly clock: Clock;
  readonly random: Random;
}

/** See the module's text. */
export class StateLoad {
  #isPending = false;
  #tried: Promise<void> = Promise.resolve();
  #again: Timer | undefined;

  get isPending(): boolean {
    return this.#isPending;
  }

  /** Resolves when the latest try has ended, however. */
  get tried(): Promise<void> {
    return this.#tried;
  }

  start(
    owner: StateLoadOwner,
    stateStore: StateStore,
    { clock, random }: StateLoadDeps,
    fence: boolean,
    failures = 1,
  ): void {
    this.#isPending = true;
    const end = (tell: () => void) => {
      this.#isPending = false;
      tell();
    };
    const failed = (error: unknown) => {
      if (isActorError(error) && DAMAGED.has(error.code)) return end(() => owner.onUnreadable(error));
      if (!owner.mustBegin) return end(() => owner.onNotLoaded(error, false));
      const again = () => this.start(owner, stateStore, { clock, random }, fence, failures + 1);
      this.#again = clock.after(pauseAfter(failures, PAUSES, random), again);
      owner.onNotLoaded(error, true);
    };
    this.#tried = stateStore
      .load(owner.name, fence)
      .then((stored) => end(() => owner.onLoaded(stored)))
      .catch(failed)
      .catch((error: unknown) => owner.onNotLoaded(error, false));
  }

  /** It is not needed any more. */
  stop(): void {
    this.#again?.cancel();
  }
}
