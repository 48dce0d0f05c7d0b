/**
 * What is checked before a message leaves its sender.
 *
 * @module
 */
import { CallCycleError, InvalidArgumentError } from "../../errors.ts";
import { unfitArgument } from "../../actors/argument.ts";
import type { Checks } from "../../actors/check.ts";
import { DELAY_MAX_MS } from "../../platform/clock.ts";
import { callerIsLate, tooLarge } from "./call_errors.ts";
import { CHAIN_MAX } from "../wire/frame.ts";
import type { Request } from "./pending_call.ts";
import { excessOf, type Scale, weight } from "../../codec/weight.ts";

/**
 * Nobody answers a tell, so its sender hears here what its owner would refuse in silence. An owner here need not check again.
 *
 * @returns the argument as its schema has it; `undefined` if no schema is known
 * @throws {InvalidArgumentError} or what the schema throws
 */
export function checkTell(
  { message, declared }: Request,
  argument: unknown,
  checks: Checks,
): { readonly value: unknown } | undefined {
  if (declared === undefined) return undefined;
  const result = checks.of(declared.input).validate(argument);
  if (result.issues) throw unfitArgument(message, result.issues);
  return result;
}

/**
 * @returns what the argument weighs
 * @throws {TooLargeError} if it could not leave this node, wherever the actor is now
 */
export function checkSize({ message, caller }: Request, argument: unknown, scale: Scale): number {
  const weighed = weight(argument);
  const bytes = excessOf(argument, weighed, scale);
  if (bytes !== undefined) throw tooLarge("send", message, bytes, scale.bytesMax);
  if (caller === undefined) return weighed;
  let names = 0;
  for (const address of caller.chain) names += address.length * 3;
  if (names > CHAIN_BYTES_MAX) throw tooLarge("send", message, names, CHAIN_BYTES_MAX);
  return weighed;
}

/** Room for the names of the actors that wait, in bytes. */
const CHAIN_BYTES_MAX = 49_152;

/** Longest time a call may ask for: what timers can count. */
export const TIMEOUT_MAX_MS: number = DELAY_MAX_MS;

/** @throws {InvalidArgumentError} */
function checkTimeout(timeoutMs: number): void {
  if (typeof timeoutMs === "number" && timeoutMs > 0 && timeoutMs <= TIMEOUT_MAX_MS) return;
  throw new InvalidArgumentError(
    `Cannot send with a "timeoutMs" of ${String(timeoutMs)}: it must be above 0, and ${TIMEOUT_MAX_MS} at most`,
  );
}

/**
 * When a call ends at the latest. An ask of a handler has no more time than whoever waits for that handler.
 *
 * @throws {InvalidArgumentError} for a time that is none
 * @throws {DeadlineError} if that time is over
 */
export function deadlineFor(request: Request, now: number, callTimeoutMs: number): number {
  const { type, options, caller } = request;
  if (options?.timeoutMs !== undefined) checkTimeout(options.timeoutMs);
  const own = now + (options?.timeoutMs ?? callTimeoutMs);
  if (caller === undefined || type === "tell" || options?.detached) return own;
  const { deadlineAt } = caller;
  if (deadlineAt <= now) throw callerIsLate(request);
  return Math.min(own, deadlineAt);
}

/** Actors that call one another ever deeper are stopped, as those that call in a circle are. */
export function checkDepth({ message }: Request, chain: readonly string[]): void {
  if (chain.length <= CHAIN_MAX) return;
  const words = `${chain.length} actors wait for each other already, and ${CHAIN_MAX} at most may`;
  throw new CallCycleError(`Cannot send "${message}": ${words}`);
}
