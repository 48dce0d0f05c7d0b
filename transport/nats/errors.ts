/**
 * What goes wrong with a nats-server, in the errors that the ports document. Nothing that the client throws passes by
 * here as it is: a request may end with an answer of JetStream, with the server's note that nobody listens, with a time-out,
 * or with the connection.
 *
 * @module
 */
import { JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import { errors } from "@nats-io/nats-core";
import {
  PermissionError,
  RecordsRefusedError,
  RecordsUnavailableError,
  TooLargeError,
} from "../../errors.ts";
import type { RecordsError } from "../records.ts";

/** JetStream's numbers, in its own words. */
const ACCOUNT_EXCEEDED = 10_002;
const NO_SUITABLE_PEERS = 10_005;
const INSUFFICIENT_RESOURCES = 10_023;
const MEMORY_EXCEEDED = 10_028;
const STORAGE_EXCEEDED = 10_047;
const MESSAGE_TOO_LARGE = 10_054;
const STORE_FAILED = 10_077;

/** Among what passes by HTTP's numbers; yet somebody has to make room first. */
const NO_ROOM: ReadonlySet<number> = new Set([
  ACCOUNT_EXCEEDED,
  INSUFFICIENT_RESOURCES,
  MEMORY_EXCEEDED,
  STORAGE_EXCEEDED,
  STORE_FAILED,
]);

/** What the server means when it refuses a subject, wherever in the error that stands; `undefined` for other errors. */
export function refusalOf(error: unknown): PermissionError | undefined {
  if (!(error instanceof Error)) return undefined;
  if (!(error instanceof errors.PermissionViolationError)) return refusalOf(error.cause);
  const verb = error.operation === "publish" ? "publish to" : "subscribe to";
  return new PermissionError(
    `Cannot ${verb} "${error.subject}": the permissions of this connection's user do not allow it`,
    { cause: error },
  );
}

/** Whether JetStream would do it, if there were room: no setting is wrong. */
export function isForWantOfRoom({ code }: JetStreamApiError): boolean {
  return NO_ROOM.has(code);
}

/** By HTTP's numbers, from 500 on; and servers that were started this moment do not all know one another yet. */
export function isForNow({ status, code }: JetStreamApiError): boolean {
  return status >= 500 || code === NO_SUITABLE_PEERS;
}

/**
 * The documented error for whatever ended a request for records. What is not known to be a refusal is no answer: only that
 * leaves open whether a change was applied.
 *
 * @param what was asked, as in "Cannot update"
 * @param of the key or prefix it was asked for
 */
export function recordsError(what: string, of: string, cause: unknown): RecordsError {
  const refusal = refusalOf(cause);
  if (refusal) return new PermissionError(`Cannot ${what} "${of}": ${refusal.message}`, { cause });
  if (cause instanceof JetStreamApiError) return ofJetStream(what, of, cause);
  const words = `Cannot ${what} "${of}": ${cause instanceof Error ? cause.message : String(cause)}`;
  const wrong = cause instanceof errors.InvalidArgumentError || cause instanceof errors.InvalidSubjectError;
  return wrong ? new RecordsRefusedError(words, { cause }) : new RecordsUnavailableError(words, { cause });
}

function ofJetStream(what: string, of: string, cause: JetStreamApiError): RecordsError {
  const { code, message } = cause;
  const words = `Cannot ${what} "${of}": the server answered "${message}"`;
  if (code === MESSAGE_TOO_LARGE) return new TooLargeError(words, { cause });
  // no answer: whether it is gone, or not there yet after a restart, is asked otherwise
  if (code === JetStreamApiCodes.StreamNotFound || (isForNow(cause) && !isForWantOfRoom(cause)))
    return new RecordsUnavailableError(words, { cause });
  return new RecordsRefusedError(words, { cause, causeCode: `${code}` });
}
