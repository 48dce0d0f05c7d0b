/**
 * The mail of a stopped actor, as its class is told of it.
 *
 * @module
 */
import type { Mail } from "../activation/mail.ts";
import { validArgument } from "../activation/validation.ts";
import { callerOf } from "../caller/caller.ts";
import type { Contract } from "../contract.ts";
import type { Registration } from "../host.ts";
import type { UndeliveredMessage } from "../supervision/undelivered.ts";

/** Those messages as a class gets them; without what is no message of the contract, or does not fit it. */
export function undeliveredOf(
  hosted: Registration,
  mails: readonly Mail[],
): readonly UndeliveredMessage<Contract>[] {
  return mails.flatMap((mail) => {
    const message = hosted.messages.get(mail.message);
    if (message === undefined) return [];
    try {
      const isChecked = mail.checkedBy === message.declared;
      const argument = isChecked ? mail.checked : validArgument(hosted, message, mail.argument());
      return [{ message: mail.message, type: mail.type, argument, caller: callerOf(mail) }];
    } catch {
      return []; // it would have been refused
    }
  }) as readonly UndeliveredMessage<Contract>[];
}
