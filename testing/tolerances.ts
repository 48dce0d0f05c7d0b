/**
 * What a history's judges must allow for, because of what was done to the network and to the records.
 *
 * @module
 */

/** So long after a record was written a node with nothing wrong has heard of it, in milliseconds. */
const UNHEARD_MS = 200;

/** See the module's text. */
export class Tolerances {
  /** How late nodes hear of what others have written, in milliseconds, at most. */
  hearsLateMs = 0;
  /** By actor: next owners while the one before lived and had not heard of them, for its record had been removed. */
  readonly #superseded = new Map<string, { readonly epoch: number; readonly at: number }[]>();

  /** By actor: epochs under which an owner went on because nobody could tell whether there had been another. */
  readonly #raised = new Map<string, { readonly epoch: number; readonly at: number }[]>();

  /** The owner of an actor's shard goes on with it under that epoch, above one that another may have had. */
  raised(actor: string, epoch: number, at: number): void {
    this.#raised.set(actor, [...(this.#raised.get(actor) ?? []), { epoch, at }]);
  }

  /**
   * Whether an owner that has kept its mail went on under that epoch, or under an earlier one with what was sent at that time.
   * Senders cannot know that it has, so what is idempotent is sent to it again; and then both copies move on with its mail.
   */
  wasRaised(actor: string, epoch: number, sentAt: number): boolean {
    const keptWith = (each: { epoch: number; at: number }) => each.epoch < epoch && sentAt <= each.at;
    return this.#raised.get(actor)?.some((each) => each.epoch === epoch || keptWith(each)) ?? false;
  }

  /** Another owner took an actor's shard under that epoch. */
  superseded(actor: string, epoch: number, at: number): void {
    this.#superseded.set(actor, [...(this.#superseded.get(actor) ?? []), { epoch, at }]);
  }

  /** Whether the owner of an actor under that epoch was superseded while it lived: what it still does has no effect. */
  wasSuperseded(actor: string, epoch: number): boolean {
    return this.#superseded.get(actor)?.some((each) => each.epoch > epoch) ?? false;
  }

  /** Whether a message sent at that time may have been taken, and lost, by an owner that was superseded just before. */
  mayBeTakenInVain(actor: string, sentAt: number): boolean {
    const untilMs = UNHEARD_MS + this.hearsLateMs;
    return this.#superseded.get(actor)?.some(({ at }) => at <= sentAt && sentAt <= at + untilMs) ?? false;
  }

  /** Whether an actor may still begin under an epoch, at that time, because its owner cannot know of the next one yet. */
  isUnheard(actor: string, epoch: number, at: number): boolean {
    const next = this.#superseded.get(actor)?.find((each) => each.epoch > epoch);
    return next !== undefined && at <= next.at + UNHEARD_MS + this.hearsLateMs;
  }
}
