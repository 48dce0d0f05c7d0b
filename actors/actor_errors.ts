/**
 * The errors with which an actor's messages are refused.
 *
 * @module
 */
import {
  ActorStoppedError,
  BusyError,
  CallCycleError,
  DecodeError,
  type ErrorData,
  FencedError,
  InvalidStateError,
  OutcomeUnknownError,
  PermissionError,
  RecordsRefusedError,
  toErrorData,
  TooLargeError,
  UnavailableError,
} from "../errors.ts";
import type { SealedActor } from "./shard/sealed.ts";

/** The actor asked waits, through the chain, for this very answer. */
export function cycle(address: string, chain: readonly string[]): ErrorData {
  const path = [...chain, address].join(" → ");
  return toErrorData(
    new CallCycleError(`Cannot call ${address}: it waits for this very call, ${path}; use a tell`),
  );
}

export function mailboxFull(name: string, size: number, bytes: number): ErrorData {
  const words = `Cannot take another message for "${name}": its mailbox holds ${size} messages, all mailboxes of the node ${bytes} bytes`;
  return toErrorData(new BusyError(words, { retryAfterMs: 100 }));
}

/** The node may not hold another activation. */
export function noRoom(): ErrorData {
  const words = "Cannot activate another actor: the node has as many as `activationsMax` allows";
  return toErrorData(new BusyError(words, { retryAfterMs: 1_000 }));
}

export function unreadable(kind: string, { name, reason }: SealedActor): ErrorData {
  const words = `Cannot use "${name}" of kind "${kind}": it is quarantined, because its state cannot be read here: ${reason}`;
  return toErrorData(new InvalidStateError(words));
}

/** The actor has failed too often lately. What it failed with is not for everybody who may call it. */
export function actorStopped(address: string, leftMs: number): ErrorData {
  const retryAfterMs = Math.max(1, Math.ceil(leftMs));
  const why = `it has failed too often lately and is stopped for ${retryAfterMs} ms more; inspect() and the event "actor-stopped" say with what`;
  return toErrorData(new ActorStoppedError(`Cannot use ${address}: ${why}`, { retryAfterMs }));
}

/** The refusal of what waits when a node gives its actors up: it has not been handled. */
export function givenUp(): ErrorData {
  return toErrorData(new UnavailableError("Cannot handle the message: its node is giving up its actors"));
}

/** A stored actor's handler has left more than can be stored. */
export function stateTooLong(kind: string, bytes: number, bytesMax: number): InvalidStateError {
  return new InvalidStateError(
    `Cannot store a state of kind "${kind}": it has ${bytes} bytes, and ${bytesMax} at most can be stored`,
  );
}

/**
 * What the messages of an actor end with whose state the store did not take: it is as it was before them. A length that
 * the store refuses is one that the state must not have.
 */
export function notStored(kind: string, name: string, refusal: unknown): ErrorData | undefined {
  const cause = refusal instanceof Error ? refusal : undefined;
  const words = `Cannot store what changed in ${kind}/${name}, and it was undone. ${cause?.message ?? ""}`;
  if (cause instanceof TooLargeError) return toErrorData(new InvalidStateError(words));
  if (cause instanceof PermissionError) return toErrorData(new PermissionError(words));
  if (!(cause instanceof RecordsRefusedError || cause instanceof DecodeError)) return undefined;
  const { causeCode } = cause;
  return toErrorData(new RecordsRefusedError(words, causeCode === undefined ? {} : { causeCode }));
}

/** Nobody waits for the answer of an actor that is put away for an unknown time. `how` goes on after "it is …". */
export function parked(how: string): ErrorData {
  return toErrorData(
    new UnavailableError(`Cannot handle the message: its shard is ${how}`, { retryAfterMs: 1_000 }),
  );
}

/** Whatever its handler has done, its activation's end has undone what was to come of it here. */
export function outcomeLost(address: string): OutcomeUnknownError {
  return new OutcomeUnknownError(
    `Cannot tell the outcome of a message to ${address}: the activation ended while it was handled`,
  );
}

/** This activation may not speak or change anything any more. */
export function fenced(address: string, status: string): FencedError {
  return new FencedError(`Cannot act as ${address}: this activation is ${status}`);
}
