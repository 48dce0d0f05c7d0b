/**
 * What an actor's troubles look like as events.
 *
 * @module
 */
import type { ErrorData } from "../errors.ts";
import type { EventBus } from "../events.ts";
import type { Mail } from "./activation/mail.ts";

/** Whom it is about. */
interface Address {
  readonly kind: string;
  readonly name: string;
}

/** A handler or hook threw, or left or returned what does not fit. */
export function reportFailure(
  events: EventBus,
  { kind, name }: Address,
  message: string,
  error: ErrorData,
): void {
  events.emit({ type: "handler-failed", kind, name, message, error });
}

/** A message that was admitted will not be handled. */
export function reportDeadLetter(
  events: EventBus,
  { kind, name }: Address,
  message: string,
  error: ErrorData,
): void {
  events.emit({ type: "dead-letter", kind, name, message, reason: error.message });
}

/** Ends a message that was admitted and cannot be handled: who asked hears it, a tell becomes a dead letter. */
export function reject(events: EventBus, address: Address, mail: Mail, error: ErrorData): void {
  mail.fail(error);
  reportIfTell(events, address, mail, error);
}

/** Only of an ask does somebody hear: of a tell that cannot be handled an event tells. */
export function reportIfTell(events: EventBus, address: Address, mail: Mail, error: ErrorData): void {
  if (mail.type === "tell") reportDeadLetter(events, address, mail.message, error);
}
