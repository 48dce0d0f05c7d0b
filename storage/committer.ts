/**
 * Carries writes of stored actors through to a known outcome, all those of one tick as one group.
 *
 * A write without an answer is repeated as it is, while the node may have effects: see `transport/compare_and_set.ts`. A
 * definite no is no silence, nor is an entry that cannot be read: it ends the commit, unless an earlier try of it got no answer. Then that
 * may still be applied, over whatever comes next, so nothing may come next before it is known.
 *
 * @module
 */
import { NodeStoppedError, RecordsUnavailableError } from "../errors.ts";
import { inCleanContext } from "../platform/async_context.ts";
import type { Clock } from "../platform/clock.ts";
import { type Pauses, pause, pauseAfter } from "../platform/pause.ts";
import type { Random } from "../platform/random.ts";
import {
  type AfterFailure,
  type CompareAndSet,
  type Persistence,
  settle,
} from "../transport/compare_and_set.ts";
import { BUCKET_GONE } from "../transport/kept_records.ts";
import { isRefusal } from "../transport/records.ts";
import type { Store, StoreHead, StoreOutcome, StoreWrite } from "./store.ts";

/** What a committer works with. */
export interface CommitterDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether the node may have effects now. */
  mayWrite(): boolean;
  /** Whether the node has ended: what is still doubtful stays so. */
  hasEnded(): boolean;
  /** The store has said no, or gave no answer. */
  onFailure(error: unknown): void;
}

/** Writes that may be on their way at once; the others wait for their turn. */
const AT_ONCE = 512;
/** Pause before the first repetition and the longest, in milliseconds; doubled each time, and then at random less. */
const BACKOFF: Pauses = { firstMs: 20, longestMs: 1_000 };

const TOO_FEW = "Cannot commit: the store gave fewer outcomes than it was given writes";

interface Waiting {
  readonly write: StoreWrite;
  readonly resolve: (outcome: Promise<StoreOutcome>) => void;
}

/** See the module's text. */
export class Committer {
  readonly #deps: CommitterDeps;
  readonly #persistence: Persistence = {
    judge: (error, inDoubt) => this.#judge(error, inDoubt),
    pause: (tries) => this.#pause(tries),
  };
  #group: Waiting[] = [];
  #underWay = 0;
  #willFlush = false;
  #outstanding = 0;
  #committed = 0;
  #refused = 0;

  constructor(deps: CommitterDeps) {
    this.#deps = deps;
  }

  /** Writes without a known outcome. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** Writes that were applied. */
  get committed(): number {
    return this.#committed;
  }

  /** Writes that were refused because the entry was another's. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Writes one entry.
   *
   * @throws {NodeStoppedError} if the node ended before the outcome was known
   * @throws {RecordsRefusedError | PermissionError | TooLargeError} if the store said no: nothing was applied
   * @throws whatever else the store throws that is no silence, if no earlier try is in doubt
   */
  async commit(write: StoreWrite): Promise<StoreOutcome> {
    this.#outstanding++;
    try {
      const outcome = await this.#settled(write);
      if (outcome.ok) this.#committed++;
      else this.#refused++;
      return outcome;
    } finally {
      this.#outstanding--;
    }
  }

  async #settled(write: StoreWrite): Promise<StoreOutcome> {
    this.#checkRunning();
    const change: CompareAndSet<StoreHead> = {
      revision: write.revision,
      attempt: async () => (this.#deps.mayWrite() ? await this.#grouped(write) : undefined),
      read: () => this.#deps.store.head(write),
      isOwn: ({ nonce }) => isOf(write, nonce),
    };
    const settled = await settle(change, this.#persistence);
    return settled.won ? { ok: true, revision: settled.revision } : { ok: false };
  }

  #judge(error: unknown, inDoubt: boolean): AfterFailure {
    this.#deps.onFailure(error);
    if (isSilence(error)) return "repeat";
    return inDoubt && !isGone(error) ? "look" : "end";
  }

  async #pause(tries: number): Promise<void> {
    const { clock, random } = this.#deps;
    await pause(clock, pauseAfter(tries, BACKOFF, random));
    this.#checkRunning();
  }

  /** @throws {NodeStoppedError} */
  #checkRunning(): void {
    if (this.#deps.hasEnded())
      throw new NodeStoppedError("Cannot tell the outcome of a commit: the node has stopped");
  }

  /** Those of one tick go together: the line of ready actors is worked off before the group leaves. */
  #grouped(write: StoreWrite): Promise<StoreOutcome> {
    return new Promise((resolve) => {
      this.#group.push({ write, resolve });
      this.#flushSoon();
    });
  }

  #flushSoon(): void {
    if (this.#willFlush || this.#underWay >= AT_ONCE) return;
    this.#willFlush = true;
    queueMicrotask(() => inCleanContext(() => this.#flush()));
  }

  #flush(): void {
    this.#willFlush = false;
    const group = this.#group.splice(0, AT_ONCE - this.#underWay);
    if (group.length === 0) return;
    this.#underWay += group.length;
    const outcomes = this.#outcomesOf(group);
    for (const [i, { resolve }] of group.entries()) {
      const outcome = Promise.resolve(outcomes[i] ?? Promise.reject(new TypeError(TOO_FEW)));
      resolve(outcome);
      outcome.then(this.#over, this.#over);
    }
  }

  /** A store may be anybody's: one that throws at once, or gives no list, is as one whose promises reject. */
  #outcomesOf(group: readonly Waiting[]): readonly Promise<StoreOutcome>[] {
    try {
      return [...this.#deps.store.commit(group.map(({ write }) => write))];
    } catch (error) {
      return group.map(() => Promise.reject(error));
    }
  }

  /** Those that wait follow by many: taking them out one by one would move all the others each time. */
  readonly #over = (): void => {
    this.#underWay--;
    if (this.#group.length > 0 && this.#underWay <= AT_ONCE / 2) this.#flushSoon();
  };
}

/** A store may have laid it out anew, under its nonce with a number behind. */
function isOf({ nonce }: StoreWrite, found: string): boolean {
  return found === nonce || found.startsWith(`${nonce}-`);
}

function isSilence(error: unknown): boolean {
  return error instanceof RecordsUnavailableError;
}

/** What a try without an answer went to is gone with it. */
function isGone(error: unknown): boolean {
  return isRefusal(error) && error.causeCode === BUCKET_GONE;
}
