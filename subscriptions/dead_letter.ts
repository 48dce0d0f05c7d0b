/**
 * A message of a stream that nobody can take, as it is set aside: its bytes as they came, and headers that say where it stood and why.
 *
 * @module
 */
import { type ErrorData, publicErrorData, statusOf } from "../errors.ts";
import type { ClusterId } from "../cluster/records/schemas.ts";
import type { StreamMessage } from "../transport/streams.ts";
import { escapedName } from "../transport/subjects.ts";
import { CBOR, GENERATION, NAME } from "../door/payload.ts";

/** What is said of it. */
export interface Buried {
  readonly of: ClusterId;
  readonly kind: string;
  /** Of the actor; left out if that could not be found out. */
  readonly name?: string;
  readonly stream: string;
  readonly durable: string;
  readonly tries: number;
  readonly error: ErrorData;
}

/** A header is one line of ASCII. */
const LINE_MAX = 512;

/** Its headers. No stack, no cause, and nothing of what a handler threw: that stands in the event. */
export function deadLetterHeaders(message: StreamMessage, buried: Buried): Record<string, string> {
  const { of, kind, name, stream, durable, tries, error } = buried;
  const { code, message: words, path } = publicErrorData(error);
  const shown =
    code === "handler-error" ? "Cannot handle the message: code of the application threw an error" : words;
  return {
    [GENERATION]: of.generation,
    "Nats-Service-Error-Code": String(statusOf(code)),
    "Nats-Service-Error": shown.replace(/[^ -~]/g, "?").slice(0, LINE_MAX),
    "Baton-Error": code,
    ...(path === undefined ? {} : { "Baton-Error-Path": path.replace(/[^ -~]/g, "?").slice(0, LINE_MAX) }),
    "Baton-Tries": String(tries),
    "Baton-Kind": kind,
    ...(name === undefined ? {} : { [NAME]: escapedName(name) }),
    "Baton-Stream": stream,
    "Baton-Durable": durable,
    "Baton-Sequence": String(message.sequence),
    "Baton-Subject": message.subject,
    ...(message.header("Content-Type") === CBOR ? { "Content-Type": CBOR } : {}),
  };
}
