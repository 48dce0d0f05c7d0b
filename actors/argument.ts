/**
 * What is checked of an argument where its message is sent, before it goes anywhere.
 *
 * @module
 */
import { InvalidArgumentError, toErrorData, UnknownMessageError } from "../errors.ts";
import { copyValue } from "../codec/value.ts";
import type { AskMessage, Contract, TellMessage } from "./contract.ts";
import type { Checks } from "./check.ts";
import { firstIssue, type SchemaIssue } from "./schema.ts";

/** By own keys only: `toString` and its kind are nobody's messages. @throws {UnknownMessageError} */
export function declaredMessage(
  { kind, messages }: Pick<Contract, "kind" | "messages">,
  message: string,
): AskMessage | TellMessage {
  const declared = Object.hasOwn(messages, message) ? messages[message] : undefined;
  if (declared) return declared;
  throw undeclared("send", kind, message);
}

/** The refusal of a message that the contract lacks: the same words for every such name. `what` is "send" or "deliver". */
export function undeclared(what: string, kind: string, message: string): UnknownMessageError {
  const shown = message.slice(0, SHOWN_MAX).toWellFormed();
  return new UnknownMessageError(
    `Cannot ${what} "${shown}" to an actor of kind "${kind}": its contract declares no message of that name`,
  );
}

/** Of a name that anybody may have sent. */
const SHOWN_MAX = 64;

/** A copy that nobody else holds. @throws {InvalidArgumentError} for what cannot travel */
export function copyArgument(message: string, argument: unknown): unknown {
  try {
    return copyValue(argument);
  } catch (cause) {
    const data = toErrorData(cause);
    throw new InvalidArgumentError(`Cannot send "${message}": ${data.message}`, { ...data, cause });
  }
}

/** The refusal of an argument that does not fit its schema. */
export function unfitArgument(message: string, issues: readonly SchemaIssue[]): InvalidArgumentError {
  const { path, words } = firstIssue("argument", issues);
  return new InvalidArgumentError(`Cannot send "${message}": ${words}`, { path });
}

/**
 * A copy of a tell's argument that nobody else holds, checked as its receiver would.
 * @throws {UnknownMessageError | InvalidArgumentError}
 */
export function validTell(
  contract: Pick<Contract, "kind" | "messages">,
  message: string,
  argument: unknown,
  checks: Checks,
): unknown {
  const declared = declaredMessage(contract, message);
  const copy = copyArgument(message, argument);
  const result = checks.of(declared.input).validate(copy);
  if (result.issues) throw unfitArgument(message, result.issues);
  return copy;
}
