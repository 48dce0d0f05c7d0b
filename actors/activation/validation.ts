/**
 * What happens to a value on its way into and out of a handler.
 *
 * @module
 */
import {
  DeadlineError,
  DeclaredError,
  type ErrorData,
  InvalidArgumentError,
  InvalidResultError,
  nameOf,
  toErrorData,
} from "../../errors.ts";
import { copyValue } from "../../codec/value.ts";
import type { Registration, HostedMessage } from "../host.ts";
import { NO } from "../check.ts";
import { firstIssue, validate } from "../schema.ts";

/** The refusal of a message that waited too long. */
export function expired(message: string): ErrorData {
  return toErrorData(new DeadlineError(`Cannot handle "${message}": its deadline has passed`));
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
  const isAnothers = isDeclared(thrown);
  if (!data.retryable && !OUTCOMES.has(data.code) && !isAnothers) return data;
  const { retryAfterMs: _, declared: __, ...rest } = data;
  return {
    ...rest,
    code: "handler-error",
    retryable: false,
    causeCode: data.code,
    causeName: nameOf(thrown),
  };
}

/**
 * The data of an error that the message declares; `undefined` for anything else that was thrown. One of another message, such
 * as that of an actor which the handler has asked, is declared only if it is declared here as well.
 *
 * @throws {InvalidResultError} if its code is declared nowhere, or its data does not fit
 */
export function declaredErrorData(
  { contract }: Registration,
  { name, declared }: HostedMessage,
  thrown: unknown,
): ErrorData | undefined {
  if (!isDeclared(thrown) || declared.type === "tell") return undefined;
  const { code, message } = thrown;
  const of = Object.hasOwn(declared.errors, code) ? declared.errors[code] : undefined;
  if (of === undefined) return undefined;
  const result = validate(of.data, thrown.data);
  if (!result.issues) {
    return {
      code,
      message,
      retryable: false,
      declared: { data: copyValue(result.value), status: of.status },
    };
  }
  const { path, words } = firstIssue("data", result.issues);
  throw new InvalidResultError(
    `Cannot answer "${name}" of kind "${contract.kind}" with "${code}": ${words}`,
    {
      path,
    },
  );
}

/** Never throws. */
function isDeclared(thrown: unknown): thrown is DeclaredError {
  try {
    return thrown instanceof DeclaredError;
  } catch {
    return false; // a proxy
  }
}

/**
 * @param argument copied or decoded
 * @throws {InvalidArgumentError} with the path, never with the value
 */
export function validArgument(
  hosted: Registration,
  { name, input }: HostedMessage,
  argument: unknown,
): unknown {
  const result = input.validate(argument);
  if (!result.issues) return result.value;
  const { path, words } = firstIssue("argument", result.issues);
  throw new InvalidArgumentError(`Cannot handle "${name}" of kind "${hosted.contract.kind}": ${words}`, {
    path,
  });
}

/**
 * @param value whatever a handler returned, of which it may still hold parts
 * @throws {InvalidResultError} with the path, never with the value
 */
export function validResult(hosted: Registration, { name, output }: HostedMessage, value: unknown): unknown {
  if (output === undefined) return undefined;
  const kept = output.keep(NO, value);
  if (kept !== NO) return kept;
  const result = output.askLibrary(value);
  if (!result.issues) return result.value;
  const { path, words } = firstIssue("result", result.issues);
  throw new InvalidResultError(`Cannot answer "${name}" of kind "${hosted.contract.kind}": ${words}`, {
    path,
  });
}
