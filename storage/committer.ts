/**
 * Carries writes of stored actors through to a known outcome, all those of one tick as one group.
 *
 * A write without an answer is repeated as it is, while the node may have effects: either it is applied now, or it is
 * in conflict, and then the nonce of what is there tells whether an earlier try of it was applied. A definite no is no
 * silence, nor is an entry that cannot be read: it ends the commit, unless an earlier try of it got no answer. Then that
 * may still be applied, over whatever comes next, so nothing may come next before it is known.
 *
 * @module
 */
import { NodeStoppedError, RecordsUnavailableError } from "../errors.ts";
import { inCleanContext } from "../platform/async_context.ts";
import type { Clock } from "../platform/clock.ts";
import { type Pauses, pause, pauseAfter } from "../platform/pause.ts";
import type { Random } from "../platform/random.ts";
import { BUCKET_GONE } from "../transport/kept_records.ts";
import { isRefusal } from "../transport/records.ts";
import type { Store, StoreOutcome, StoreWrite } from "./store.ts";

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
    let inDoubt = false;
    for (let tries = 0; ; tries++) {
      if (this.#deps.hasEnded()) throw stopped();
      try {
        const outcome = this.#deps.mayWrite() ? await this.#once(write) : undefined;
        if (outcome) return outcome;
      } catch (error) {
        this.#deps.onFailure(error);
        const isNo = !isSilence(error); // to this try
        if (isNo && (!inDoubt || isGone(error))) throw error;
        const outcome = isNo ? await this.#seen(write) : undefined;
        if (outcome) return outcome;
        inDoubt = true;
      }
      await this.#pause(tries);
    }
  }

  /** What has become of a write, as far as it can be seen. @returns `undefined` if it may still be applied */
  async #seen(write: StoreWrite): Promise<StoreOutcome | undefined> {
    try {
      const head = await this.#deps.store.head(write);
      // a store may have laid it out anew, under its nonce with a number behind
      const isOwn = head && (head.nonce === write.nonce || head.nonce.startsWith(`${write.nonce}-`));
      if (isOwn) return { ok: true, revision: head.revision };
      return (head?.revision ?? 0) === write.revision ? undefined : { ok: false };
    } catch {
      return undefined;
    }
  }

  /** `undefined`: refused although nothing has changed, which a replicated store does at times; worth another try. */
  async #once(write: StoreWrite): Promise<StoreOutcome | undefined> {
    const outcome = await this.#grouped(write);
    if (outcome.ok) return outcome;
    const head = await this.#deps.store.head(write);
    if (head?.nonce === write.nonce) return { ok: true, revision: head.revision };
    return (head?.revision ?? 0) === write.revision ? undefined : outcome;
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

  #pause(tries: number): Promise<void> {
    const { clock, random } = this.#deps;
    return pause(clock, pauseAfter(tries + 1, BACKOFF, random));
  }
}

function isSilence(error: unknown): boolean {
  return error instanceof RecordsUnavailableError;
}

/** What a try without an answer went to is gone with it. */
function isGone(error: unknown): boolean {
  return isRefusal(error) && error.causeCode === BUCKET_GONE;
}

function stopped(): NodeStoppedError {
  return new NodeStoppedError("Cannot tell the outcome of a commit: the node has stopped");
}
