/**
 * How plain NATS clients write a value: as JSON, or as CBOR with a header that says so.
 *
 * @module
 */
import { InvalidArgumentError } from "../errors.ts";
import type { Codec } from "../codec/codec.ts";
import type { AskMessage, TellMessage } from "../actors/contract.ts";
import { fitIntegers } from "./integers.ts";

/** Value of `Content-Type` for CBOR; anything else is JSON. */
export const CBOR = "application/cbor";
/** Header of everything that is written; a request that has it is for no other cluster of that name. */
export const GENERATION = "Baton-Generation";
/** Header of a name that is too long for a subject. */
export const NAME = "Baton-Name";

/**
 * The value of a payload; `undefined` for an empty one.
 *
 * @param fit of CBOR: makes the integers those of a schema; `undefined` for JSON
 * @throws {InvalidArgumentError | DecodeError}
 */
export function readArgument(
  payload: Uint8Array,
  codec: Codec,
  fit: ((value: unknown) => unknown) | undefined,
): unknown {
  if (payload.byteLength === 0) return undefined;
  if (fit) return fit(codec.decode(payload));
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch (cause) {
    throw new InvalidArgumentError("Cannot read the argument: the payload is not JSON", { cause });
  }
}

/** An argument whose integers are those of the message, if that is declared. */
export function fitted(
  messages: Readonly<Record<string, AskMessage | TellMessage>>,
  message: string,
  argument: unknown,
): unknown {
  const declared = Object.hasOwn(messages, message) ? messages[message] : undefined;
  return declared === undefined ? argument : fitIntegers(declared.input, argument);
}
