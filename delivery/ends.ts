/**
 * The words in which a sender hears that a message did not get an answer. Each says what is true of it.
 *
 * @module
 */
import { AbortedError, BusyError, DeadlineError, OutcomeUnknownError, TooLargeError } from "../errors.ts";

/** What an end is about. */
export interface Unanswered {
  readonly kind: string;
  readonly name: string;
  readonly message: string;
}

export function tooManyWaiting({ message }: Unanswered, waiting: number): BusyError {
  const words = `Cannot send "${message}": current number of messages waiting for its shard is ${waiting}`;
  return new BusyError(words, { retryAfterMs: 100 });
}

/** `what` is "send" or "answer". */
export function tooLarge(what: string, message: string, bytes: number, max: number): TooLargeError {
  return new TooLargeError(
    `Cannot ${what} "${message}": current value has ${bytes} bytes, the bound is ${max}`,
  );
}

/** Its deadline passed before it left. */
export function neverSent({ kind, name, message }: Unanswered, shard: string): DeadlineError {
  return new DeadlineError(`Cannot deliver "${message}" to ${kind}/${name} in time: current ${shard}`);
}

/** It may have been handled. */
export function outcomeUnknown({ kind, name, message }: Unanswered, state: string): OutcomeUnknownError {
  return new OutcomeUnknownError(
    `Cannot tell the outcome of "${message}" to ${kind}/${name}: current state is ${state}`,
  );
}

/** The caller gave it up before it was sent. */
export function aborted({ kind, name, message }: Unanswered): AbortedError {
  return new AbortedError(`Cannot send "${message}" to ${kind}/${name}: current caller has aborted it`);
}
