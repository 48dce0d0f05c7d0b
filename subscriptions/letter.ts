/**
 * What a message of a stream says: for which actor it is, and with which argument.
 *
 * @module
 */
import {
  type ErrorData,
  HandlerError,
  InvalidNameError,
  nameOf as nameOfError,
  toErrorData,
  wordsOf,
} from "../errors.ts";
import { unfitArgument } from "../actors/argument.ts";
import type { Registration } from "../actors/host.ts";
import type { StreamSubscription } from "../actors/subscription/declared.ts";
import type { Codec } from "../codec/codec.ts";
import { CBOR, fitted, readArgument } from "../door/payload.ts";
import type { StreamMessage } from "../transport/streams.ts";
import { nameFault } from "../transport/subjects.ts";

/** See the module's text. */
export type Letter =
  | { readonly name: string; readonly argument: unknown }
  /** It cannot be said. `isFinal`: it never can, because of its bytes. */
  | { readonly error: ErrorData; readonly isFinal: boolean };

/** Never throws. */
export function readLetter(
  message: Pick<StreamMessage, "subject" | "payload" | "header">,
  hosted: Registration,
  { message: word, name: nameOf }: StreamSubscription,
  codec: Codec,
): Letter {
  let argument: unknown;
  let data: unknown;
  try {
    const fit = (value: unknown) => fitted(hosted.contract.messages, word, value);
    argument = readArgument(
      message.payload,
      codec,
      message.header("Content-Type") === CBOR ? fit : undefined,
    );
    const result = hosted.messages.get(word)?.input.validate(argument);
    if (result?.issues) throw unfitArgument(word, result.issues);
    data = result?.value;
  } catch (error) {
    return { error: toErrorData(error), isFinal: true };
  }
  let name: unknown;
  try {
    name = nameOf(message.subject, data);
  } catch (cause) {
    const words = `its function \`name\` threw ${wordsOf(cause, "something that is no error")}`;
    const error = new HandlerError(`${CANNOT}: ${words}`, { cause, causeName: nameOfError(cause) });
    return { error: toErrorData(error), isFinal: false };
  }
  const fault = nameFault(name);
  if (fault === undefined) return { name: name as string, argument };
  const error = new InvalidNameError(`${CANNOT}: what its function \`name\` gave is ${fault}`);
  return { error: toErrorData(error), isFinal: false };
}

const CANNOT = "Cannot find the actor of a subscription's message";
