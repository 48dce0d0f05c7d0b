/**
 * A stored actor's first step: what is stored of it is on its way. Its mail waits meanwhile, nothing else does.
 *
 * An actor that must begin, because something stored of it has to go on, is loaded again and again, whatever it failed
 * for: nobody else would come to think of it.
 *
 * @module
 */
import { type ErrorData, isActorError, toErrorData } from "../../errors.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import { type Pauses, pauseAfter } from "../../platform/pause.ts";
import type { Random } from "../../platform/random.ts";
import type { Snapshot } from "../state/snapshot.ts";
import type { StoredActor, StateStore } from "./state_store.ts";

/** How a try to load ends. */
export type LoadEvent =
  | { readonly type: "loaded"; readonly stored: StoredActor }
  /** It is there, and cannot be read. */
  | { readonly type: "unreadable"; readonly error: unknown; readonly snapshot: Snapshot | undefined }
  /** It was not read. Unless it is tried `again`, it will not be. */
  | { readonly type: "not-loaded"; readonly error: ErrorData; readonly again: boolean };

/** What a loading works with. */
export interface StateLoadDeps {
  readonly name: string;
  readonly stateStore: StateStore;
  readonly clock: Clock;
  readonly random: Random;
  /** A former owner was lost: it must be kept from writing first. */
  readonly fence: boolean;
  /** Whether the actor is wanted here: its shard has not gone meanwhile. */
  isWanted(): boolean;
}

/** Codes of what was found and cannot be used. */
const DAMAGED: ReadonlySet<string> = new Set(["decode-failed", "invalid-state"]);

/** Before a further try. */
const PAUSES: Pauses = { firstMs: 500, longestMs: 10_000 };

/** See the module's text. */
export class StateLoad {
  readonly #deps: StateLoadDeps;
  readonly #on: (event: LoadEvent) => void;
  #isDue: boolean;
  #tried: Promise<void> = Promise.resolve();
  #again: Timer | undefined;

  /** @param isDue whether the actor must begin, also if nobody has sent it anything */
  constructor(deps: StateLoadDeps, isDue: boolean, on: (event: LoadEvent) => void) {
    this.#deps = deps;
    this.#isDue = isDue;
    this.#on = on;
  }

  /** The actor must begin: from now on it is not given up if it cannot be loaded. */
  insist(): void {
    this.#isDue = true;
  }

  /** Resolves when the latest try has ended, however. */
  get tried(): Promise<void> {
    return this.#tried;
  }

  start(): void {
    this.#try(1);
  }

  #try(attempt: number): void {
    const { name, stateStore, fence } = this.#deps;
    this.#tried = stateStore
      .load(name, fence)
      .then((stored) => this.#on({ type: "loaded", stored }))
      .catch((error: unknown) => this.#failed(error, attempt))
      .catch((error: unknown) => this.#on({ type: "not-loaded", error: toErrorData(error), again: false }));
  }

  #failed(error: unknown, attempt: number): void {
    if (isActorError(error) && DAMAGED.has(error.code))
      return this.#on({ type: "unreadable", error, snapshot: undefined });
    const again = this.#isDue && this.#deps.isWanted();
    if (again) {
      const { clock, random } = this.#deps;
      this.#again = clock.after(pauseAfter(attempt, PAUSES, random), () => this.#try(attempt + 1));
    }
    this.#on({ type: "not-loaded", error: toErrorData(error), again });
  }

  /** It is not needed any more. */
  stop(): void {
    this.#again?.cancel();
  }
}
