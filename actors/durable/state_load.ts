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
import type { StoredActor, Vault } from "./state_store.ts";

/** Whom it is for. */
export interface LoadingOwner {
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

/** Pause before the first further try and the longest, in milliseconds; doubled each time. */
const PAUSE_MIN_MS = 500;
const PAUSE_MAX_MS = 10_000;

/** See the module's text. */
export class Loading {
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
    owner: LoadingOwner,
    vault: Vault,
    clock: Clock,
    fence: boolean,
    pauseMs: number = PAUSE_MIN_MS,
  ): void {
    this.#isPending = true;
    const end = (tell: () => void) => {
      this.#isPending = false;
      tell();
    };
    const failed = (error: unknown) => {
      if (isActorError(error) && DAMAGED.has(error.code)) return end(() => owner.onUnreadable(error));
      if (!owner.mustBegin) return end(() => owner.onNotLoaded(error, false));
      const next = Math.min(PAUSE_MAX_MS, 2 * pauseMs);
      this.#again = clock.after(pauseMs, () => this.start(owner, vault, clock, fence, next));
      owner.onNotLoaded(error, true);
    };
    this.#tried = vault
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
