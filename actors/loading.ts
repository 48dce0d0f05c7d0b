/**
 * A stored actor's first step: what is stored of it is on its way. Its mail waits meanwhile, nothing else does.
 *
 * @module
 */
import { isActorError } from "../errors.ts";
import type { StoredActor, Vault } from "./vault.ts";

/** Whom it is for. */
export interface LoadingOwner {
  readonly name: string;
  onLoaded(stored: StoredActor): void;
  /** It is there, and cannot be read. */
  onUnreadable(error: unknown): void;
  /** It was not read and will not be. */
  onNotLoaded(error: unknown): void;
}

/** Codes of what was found and cannot be used. */
const DAMAGED: ReadonlySet<string> = new Set(["decode-failed", "invalid-state"]);

/** See the module's text. */
export class Loading {
  #isPending = false;

  get isPending(): boolean {
    return this.#isPending;
  }

  start(owner: LoadingOwner, vault: Vault, fence: boolean): void {
    this.#isPending = true;
    const end = (tell: () => void) => {
      this.#isPending = false;
      tell();
    };
    vault
      .load(owner.name, fence)
      .then(
        (stored) => end(() => owner.onLoaded(stored)),
        (error: unknown) => {
          const damaged = isActorError(error) && DAMAGED.has(error.code);
          end(() => (damaged ? owner.onUnreadable(error) : owner.onNotLoaded(error)));
        },
      )
      .catch((error: unknown) => owner.onNotLoaded(error));
  }
}
