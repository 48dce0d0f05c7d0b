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
  nameOf,
  toErrorData,
  UnknownMessageError,
} from "../../errors.ts";
import type { Hosted, HostedMessage } from "../host.ts";
import { firstIssue, validate } from "../schema.ts";

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

/** Codes that tell what became of a message, beside those that may be repeated: true of one that a handler sent, and not of its own. */
const OUTCOMES: ReadonlySet<string> = new Set([
  ...["outcome-unknown", "node-stopped", "records-refused", "permission-denied"],
]);

/**
 * The data of what a handler threw. An error that says what became of some call that the handler made, such as "not
 * handled, try again", was true of that call; of this message it is not, for it was handled.
 */
export function handledErrorData(thrown: unknown): ErrorData {
  const data = toErrorData(thrown);
  if (!data.retryable && !OUTCOMES.has(data.code)) return data;
  const { retryAfterMs: _, ...rest } = data;
  return {
    ...rest,
    code: "handler-error",
    retryable: false,
    causeCode: data.code,
    causeName: nameOf(thrown),
  };
}

/** @throws {InvalidArgumentError} with the path, never with the value */
export function validArgument(hosted: Hosted, { name, declared }: HostedMessage, argument: unknown): unknown {
  const result = validate(declared.input, argument);
  if (!result.issues) return result.value;
  const { path, words } = firstIssue("argument", result.issues);
  throw new InvalidArgumentError(`Cannot handle "${name}" of kind "${hosted.contract.kind}": ${words}`, {
    path,
  });
}

/** @throws {InvalidResultError} with the path, never with the value */
export function validResult(hosted: Hosted, { name, declared }: HostedMessage, value: unknown): unknown {
  if (declared.type === "tell") return undefined;
  const result = validate(declared.output, value);
  if (!result.issues) return result.value;
  const { path, words } = firstIssue("result", result.issues);
  throw new InvalidResultError(`Cannot answer "${name}" of kind "${hosted.contract.kind}": ${words}`, {
    path,
  });
}
