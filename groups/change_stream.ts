/**
 * Changes on their way to one reader. It begins with a snapshot, and one that is too slow gets another one instead of a queue without end.
 *
 * @module
 */
import type { GroupChange, GroupMember } from "../actors/group/group_ref.ts";

/** Changes that wait for one reader at most. */
const WAITING_MAX = 1_024;

/** See the module's text. */
export class ChangeStream implements AsyncIterableIterator<GroupChange> {
  readonly #members: () => GroupMember[];
  readonly #onEnd: () => void;
  #waiting: GroupChange[] = [];
  /** Whether what waits is a snapshot, to be taken when it is read. */
  #isStale = true;
  #isReady = false;
  #isOver = false;
  #wake: (() => void) | undefined;

  /** @param members who is in the group now */
  constructor(members: () => GroupMember[], onEnd: () => void) {
    this.#members = members;
    this.#onEnd = onEnd;
  }

  /** Whoever it asks knows enough: the snapshot may be taken. */
  ready(): void {
    this.#isReady = true;
    this.#wake?.();
  }

  push(change: GroupChange): void {
    if (this.#isStale) return; // the snapshot has it
    this.#waiting.push(change);
    if (this.#waiting.length > WAITING_MAX) {
      this.#waiting = [];
      this.#isStale = true;
    }
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<GroupChange, undefined>> {
    for (;;) {
      if (this.#isOver) return { done: true, value: undefined };
      if (this.#isReady && this.#isStale) {
        this.#isStale = false;
        return { done: false, value: { type: "snapshot", members: this.#members() } };
      }
      const value = this.#waiting.shift();
      if (value) return { done: false, value };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  return(): Promise<IteratorResult<GroupChange, undefined>> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Nothing comes any more. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd();
    this.#wake?.();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
