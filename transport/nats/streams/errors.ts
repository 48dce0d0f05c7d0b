/**
 * What goes wrong with a stream, in the errors that its port documents.
 *
 * @module
 */
import { JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import { ConfigurationError, PermissionError, StreamUnavailableError, wordsOf } from "../../../errors.ts";
import { MISSING, type StreamError } from "../../streams.ts";
import { isForNow, refusalOf } from "../errors.ts";

/** Whether JetStream has answered with that number. */
export function isApi(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}

/** The documented error for whatever ended a request. */
export function streamError(what: string, cause: unknown): StreamError {
  const refusal = refusalOf(cause);
  if (refusal) return new PermissionError(`${what}: ${refusal.message}`, { cause });
  if (cause instanceof ConfigurationError)
    return new ConfigurationError(`${what}: ${cause.message}`, { cause });
  if (isApi(cause, JetStreamApiCodes.StreamNotFound))
    return new StreamUnavailableError(
      `${what}: there is no such stream; make it, or correct the "stream" of the subscription`,
      { cause, reason: MISSING },
    );
  if (isApi(cause, JetStreamApiCodes.ConsumerNotFound))
    return new StreamUnavailableError(`${what}: there is no such consumer any more`, {
      cause,
      reason: MISSING,
    });
  const words = wordsOf(cause, "no answer");
  if (cause instanceof JetStreamApiError && !isForNow(cause))
    return new ConfigurationError(`${what}: the server answered "${words}"`, { cause });
  return new StreamUnavailableError(`${what}: ${words}`, { cause });
}
