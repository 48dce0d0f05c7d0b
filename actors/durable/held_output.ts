/**
 * What waits behind the output gate of a stored actor: the end of a message, or a tell.
 *
 * @module
 */
import {
  type ErrorData,
  InvalidResultError,
  OutcomeUnknownError,
  toErrorData,
  wordsOf,
} from "../../errors.ts";
import type { EventBus } from "../../events.ts";
import { copyValue } from "../../codec/value.ts";
import { weight } from "../../codec/weight.ts";
import type { Mail } from "../activation/mail.ts";
import type { Channel, SendOptions } from "../ref.ts";
import { reject, reportDeadLetter, reportFailure } from "../actor_events.ts";
import { TimerMail } from "../state/timers.ts";

/** It goes out or is dropped, once. */
export interface Output {
  readonly isTell: boolean;
  /** Bytes, estimated from above. */
  readonly weight: number;
  release(): void;
  /** What it tells of is not stored and never will be by this activation; `error` says why, if that is known. */
  drop(error?: ErrorData): void;
}

/** Bytes of what waits beside its value: where it goes, or the words of an error. */
const BARE_WEIGHT = 256;

interface Address {
  readonly kind: string;
  readonly name: string;
}

/** The end of a message. */
export class HeldEnd implements Output {
  readonly isTell = false;
  readonly weight: number;
  readonly #mail: Mail;
  readonly #value: unknown;
  readonly #error: ErrorData | undefined;
  readonly #events: EventBus;
  readonly #of: Address;

  /** @param value copied now: what it is part of may be changed by the next handler */
  constructor(events: EventBus, of: Address, mail: Mail, value: unknown, error: ErrorData | undefined) {
    this.#events = events;
    this.#of = of;
    this.#mail = mail;
    try {
      this.#value = copyValue(value);
      this.#error = error;
    } catch (cause) {
      const words = wordsOf(cause, "it cannot travel");
      this.#error = toErrorData(new InvalidResultError(`Cannot answer "${mail.message}": ${words}`));
      reportFailure(events, of, mail.message, this.#error);
    }
    this.weight = BARE_WEIGHT + weight(this.#value);
  }

  release(): void {
    if (this.#error) return this.#mail.fail(this.#error);
    const error = this.#mail.succeed(this.#value);
    if (error) reportFailure(this.#events, this.#of, this.#mail.message, error);
  }

  drop(error?: ErrorData): void {
    if (this.#mail instanceof TimerMail) return; // it comes again: its handling was not stored
    reject(this.#events, this.#of, this.#mail, error ?? toErrorData(this.#lost()));
  }

  #lost(): OutcomeUnknownError {
    const { kind, name } = this.#of;
    const words = `Cannot tell the outcome of "${this.#mail.message}" to ${kind}/${name}`;
    return new OutcomeUnknownError(`${words}: it was handled, and its owner was lost before that was stored`);
  }
}

/** A tell that was checked and copied, on its way to another actor. */
export class HeldTell implements Output {
  readonly isTell = true;
  readonly weight: number;
  readonly #events: EventBus;
  readonly #to: Address;
  readonly #channel: Channel;
  readonly #message: string;
  readonly #argument: unknown;
  readonly #options: SendOptions | undefined;

  constructor(
    events: EventBus,
    to: Address,
    channel: Channel,
    message: string,
    argument: unknown,
    options: SendOptions | undefined,
  ) {
    this.#events = events;
    this.#to = to;
    this.#channel = channel;
    this.#message = message;
    this.#argument = argument;
    this.#options = options;
    this.weight = BARE_WEIGHT + weight(argument);
  }

  /** Its sender has been told that it is on its way; that it did not arrive, an event tells. */
  release(): void {
    this.#channel
      .send("tell", this.#message, this.#argument, this.#options)
      .catch((error: unknown) => this.#deadLetter(toErrorData(error)));
  }

  drop(error?: ErrorData): void {
    const words = `Cannot send "${this.#message}": the state of its sender was not stored`;
    this.#deadLetter(error ?? toErrorData(new OutcomeUnknownError(words)));
  }

  #deadLetter(error: ErrorData): void {
    reportDeadLetter(this.#events, this.#to, this.#message, error);
  }
}
