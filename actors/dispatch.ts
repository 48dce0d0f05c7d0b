/**
 * What happens to a value on its way into and out of a handler.
 *
 * @module
 */
import {
  DeadlineError,
  type ErrorData,
  InvalidArgumentError,
  InvalidResultError,
  toErrorData,
  UnknownMessageError,
} from "../errors.ts";
import { copyValue } from "../transport/value.ts";
import type { Contract } from "./contract.ts";
import type { Hosted, HostedMessage } from "./host.ts";
import { firstIssue, validate } from "./schema.ts";

/** The refusal of a message that the contract lacks: the same words for every such name. */
export function unknownMessage(kind: string): ErrorData {
  return toErrorData(
    new UnknownMessageError(
      `Cannot deliver a message: current contract of kind "${kind}" declares no such one`,
    ),
  );
}

/** The refusal of a message that waited too long. */
export function expired(message: string): ErrorData {
  return toErrorData(new DeadlineError(`Cannot handle "${message}": current time is past its deadline`));
}

/**
 * The data of what a handler threw. An error that says "not handled, try again" was true of some call that the handler
 * made; of this message it is not.
 */
export function handledErrorData(thrown: unknown): ErrorData {
  const data = toErrorData(thrown);
  if (!data.retryable) return data;
  const { retryAfterMs: _, ...rest } = data;
  const causeName = thrown instanceof Error ? thrown.name : "Error";
  return { ...rest, code: "handler-error", retryable: false, causeCode: data.code, causeName };
}

/** @throws {InvalidArgumentError} with the path, never with the value */
export function validArgument(hosted: Hosted, { name, declared }: HostedMessage, argument: unknown): unknown {
  const result = validate(declared.input, argument);
  if (!result.issues) return result.value;
  const { path, message } = firstIssue(result.issues);
  const words = `Cannot handle "${name}" of kind "${hosted.contract.kind}": current argument at "${path}": ${message}`;
  throw new InvalidArgumentError(words, { path });
}

/** @throws {InvalidResultError} with the path, never with the value */
export function validResult(hosted: Hosted, { name, declared }: HostedMessage, value: unknown): unknown {
  if (declared.type === "tell") return undefined;
  const result = validate(declared.output, value);
  if (!result.issues) return result.value;
  const { path, message } = firstIssue(result.issues);
  const words = `Cannot answer "${name}" of kind "${hosted.contract.kind}": current result at "${path}": ${message}`;
  throw new InvalidResultError(words, { path });
}

/**
 * A copy of a tell's argument that nobody else holds, checked as its receiver would.
 * @throws {UnknownMessageError | InvalidArgumentError}
 */
export function validTell({ messages }: Contract, message: string, argument: unknown): unknown {
  const declared = Object.hasOwn(messages, message) ? messages[message] : undefined;
  if (declared === undefined)
    throw new UnknownMessageError("Cannot send a message: current contract declares no such one");
  let copy: unknown;
  try {
    copy = copyValue(argument);
  } catch (cause) {
    const data = toErrorData(cause);
    throw new InvalidArgumentError(`Cannot send "${message}": ${data.message}`, { ...data, cause });
  }
  const result = validate(declared.input, copy);
  if (!result.issues) return copy;
  const { path, message: issue } = firstIssue(result.issues);
  throw new InvalidArgumentError(`Cannot send "${message}": current argument at "${path}": ${issue}`, {
    path,
  });
}
