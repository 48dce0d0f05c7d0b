/**
 * Entries of actors that were destroyed. Each is empty, and still there: a write of a former owner that comes late must find
 * something that it does not expect, or it would bring the state back. When none can come any more, the entry is removed.
 *
 * A list in memory: an entry whose shard goes to another owner before its time stays, empty.
 *
 * @module
 */
import { RecordsUnavailableError } from "../errors.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Store, StoreKey } from "./store.ts";

/** What it works with. */
export interface GravesDeps {
  readonly store: Pick<Store, "remove">;
  readonly clock: Clock;
  /** How long an empty entry is kept, in milliseconds. */
  readonly keepMs: number;
  mayWrite(): boolean;
  /** Whether the actor's shard is served here, and whether an actor of the name lives again: its next write relies on the entry. */
  lookAt(key: StoreKey): "empty" | "lives" | "elsewhere";
  /** The store has said no, or gave no answer. */
  onFailure(error: unknown): void;
}

interface Grave {
  readonly key: StoreKey;
  readonly revision: number;
  readonly dueAt: number;
}

/** Entries that are remembered; the entries of those above stay. */
const GRAVES_MAX = 100_000;
/** Entries that are removed in one turn, and the pause before the next. */
const AT_ONCE = 64;
const PAUSE_MS = 1_000;

/** See the module's text. */
export class Graves {
  readonly #deps: GravesDeps;
  /** In the order of their times. */
  #graves: Grave[] = [];
  #timer: Timer | undefined;
  #stopped = false;

  constructor(deps: GravesDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#graves.length;
  }

  /** It is removed later, if it is still at that revision then. */
  add(key: StoreKey, revision: number): void {
    if (this.#stopped || this.#graves.length >= GRAVES_MAX) return;
    const { clock, keepMs } = this.#deps;
    this.#graves.push({ key, revision, dueAt: clock.now() + keepMs });
    this.#arm(keepMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#graves = [];
  }

  #arm(afterMs: number): void {
    this.#timer ??= this.#deps.clock.after(afterMs, () => void this.#sweep());
  }

  async #sweep(): Promise<void> {
    const { clock, mayWrite } = this.#deps;
    const now = clock.now();
    const due = this.#graves.findIndex(({ dueAt }) => dueAt > now);
    const count = Math.min(AT_ONCE, due < 0 ? this.#graves.length : due);
    if (count > 0 && mayWrite()) {
      const taken = this.#graves.splice(0, count);
      const kept = await Promise.all(taken.map((grave) => this.#remove(grave)));
      this.#graves.unshift(...taken.filter((_, i) => kept[i]));
    }
    this.#timer = undefined;
    const [first] = this.#graves;
    if (first && !this.#stopped) this.#arm(Math.max(PAUSE_MS, first.dueAt - clock.now()));
  }

  /** @returns whether it is to be tried again */
  async #remove({ key, revision }: Grave): Promise<boolean> {
    const found = this.#deps.lookAt(key);
    if (found !== "empty") return found === "lives";
    try {
      await this.#deps.store.remove(key, revision);
      return false; // or it was written anew: then it is no grave any more
    } catch (error) {
      this.#deps.onFailure(error);
      return error instanceof RecordsUnavailableError;
    }
  }
}
