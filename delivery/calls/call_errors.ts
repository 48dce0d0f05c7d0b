/**
 * The errors a caller gets when a message has no answer. Each says how far the message came.
 *
 * @module
 */
import {
  AbortedError,
  type ActorError,
  BusyError,
  DeadlineError,
  isActorError,
  OutcomeUnknownError,
  TooLargeError,
  UnavailableError,
} from "../../errors.ts";

import type { Where } from "./whereabouts.ts";

/** What an end is about. */
export interface Unanswered {
  readonly kind: string;
  readonly name: string;
  readonly message: string;
}

export function tooManyWaiting({ message }: Pick<Unanswered, "message">, waiting: number): BusyError {
  const words = `Cannot send "${message}": ${waiting} messages wait for its shard already`;
  return new BusyError(words, { retryAfterMs: 100 });
}

/** The bounds of the whole node. `what` is waiting, or pending. */
export function nodeIsBusy({ message }: Pick<Unanswered, "message">, what: string): BusyError {
  const words = `Cannot send "${message}": this node has as many ${what} as it may`;
  return new BusyError(words, { retryAfterMs: 100 });
}

/** `what` is "send" or "answer". */
export function tooLarge(what: string, message: string, bytes: number, max: number): TooLargeError {
  return new TooLargeError(
    `Cannot ${what} "${message}": it has ${bytes} bytes, and ${max} at most fit into a message`,
  );
}

/** Its deadline passed before it left. */
function neverSent({ kind, name, message }: Unanswered, shard: number, where: Where): ActorError {
  const words = `Cannot deliver "${message}" to ${kind}/${name} in time: shard ${shard} ${where.words}`;
  return where.reason === undefined
    ? new DeadlineError(words)
    : new UnavailableError(words, { reason: where.reason });
}

/** Its actor's mailbox has been full all the time. */
export function noRoomInTime({ kind, name, message }: Unanswered): DeadlineError {
  const words = `Cannot deliver "${message}" to ${kind}/${name} in time`;
  return new DeadlineError(`${words}: its mailbox has no room`);
}

/** Nobody waits any more for the handler that sends it. */
export function callerIsLate({ kind, name, message }: Unanswered): DeadlineError {
  const words = `Cannot send "${message}" to ${kind}/${name}`;
  return new DeadlineError(`${words}: the deadline of the message being handled has passed`);
}

/** Its deadline passed before it was known whether its kind is hosted at all. */
export function kindNotKnown({ kind, name, message }: Unanswered): DeadlineError {
  const words = `Cannot deliver "${message}" to ${kind}/${name} in time`;
  return new DeadlineError(`${words}: kind "${kind}" is not known here, and the records do not answer`);
}

/** How far a message came. */
interface Standing {
  readonly maybeAdmitted: boolean;
  readonly acked: boolean;
  /** Its owner has it, and its actor's mailbox has no room. */
  readonly waitsForRoom: boolean;
}

/** Its deadline passed: what is true depends on how far it came. */
export function pastDeadline(about: Unanswered & Standing, shard: number, where: () => Where): Error {
  const { maybeAdmitted, acked, waitsForRoom } = about;
  if (waitsForRoom)
    return maybeAdmitted ? outcomeUnknown(about, "waiting for room in the mailbox") : noRoomInTime(about);
  if (!maybeAdmitted) return neverSent(about, shard, where());
  return outcomeUnknown(about, acked ? "admitted, without an answer" : "sent, without an acknowledgement");
}

/** It may have been handled. */
export function outcomeUnknown({ kind, name, message }: Unanswered, state: string): OutcomeUnknownError {
  return new OutcomeUnknownError(
    `Cannot tell the outcome of "${message}" to ${kind}/${name}: it was ${state}`,
  );
}

/** Not to be repeated as they are, and yet they say that the message was not handled, or that this was undone. */
const NOT_HANDLED: ReadonlySet<string> = new Set([
  ...["aborted", "call-cycle", "node-stopped", "records-refused", "permission-denied"],
]);

/** The end of a message that was sent again after a loss: a refusal of its copy is no word about the one before. */
export function endAfterLoss(about: Unanswered, error: unknown): unknown {
  if (!isActorError(error) || !(error.retryable || NOT_HANDLED.has(error.code))) return error;
  return outcomeUnknown(about, `sent again after its owner was lost, and then refused with "${error.code}"`);
}

/** The caller gave it up before it was sent. */
export function aborted({ kind, name, message }: Unanswered): AbortedError {
  return new AbortedError(`Cannot send "${message}" to ${kind}/${name}: its caller has aborted it`);
}
