/**
 * The port to streams that somebody else fills: messages that are kept, numbered, and read by a durable reader, which remembers which
 * of them were settled. Adapter: `transport/nats/streams/streams.ts`.
 *
 * What it promises: each message that is not settled is delivered, and again some time after it was delivered last, unless that is put
 * off. Several may read by one reader, and each delivery goes to one of them. Deliveries are numbered over all of them without a gap, so
 * whoever misses none knows that nobody else has one.
 *
 * @module
 */
import type { ConfigurationError, PermissionError, StreamUnavailableError } from "../errors.ts";

/** One message of a stream as it was delivered. */
export interface StreamMessage {
  readonly subject: string;
  readonly payload: Uint8Array;
  /** Its number in the stream. */
  readonly sequence: number;
  /** The number of this delivery among all of the reader. */
  readonly delivery: number;
  /** How often it has been delivered, with this time. */
  readonly deliveries: number;
  /** Reads a header, `undefined` if absent. */
  header(name: string): string | undefined;
  /** It is done with, for good. */
  settle(): void;
  /** It is to be delivered again soon, to whoever reads then. */
  release(): void;
  /** It is still being worked on: the time after which it is delivered again begins anew. */
  hold(): void;
}

/** How a reader stands. */
export interface ReaderStatus {
  /** Messages that were delivered to somebody and are not settled. */
  readonly unsettled: number;
  /** The number of the latest delivery; 0 if there was none. */
  readonly lastDelivery: number;
  /** Messages that were never delivered yet. */
  readonly waiting: number;
}

/** A durable reader as one connection uses it. */
export interface StreamReader {
  /** When the stream was made, in milliseconds since 1970: another one of its name was made at another time. */
  readonly made: number;
  /** Begins to read. Called once. */
  start(onMessage: (message: StreamMessage) => void): void;
  /** Asks for nothing more. What is on its way is still delivered; it, and what was, can still be settled, released or held. */
  stop(): void;
  /** @throws {StreamError} `missing` if the reader, or its stream, is not there any more */
  status(): Promise<ReaderStatus>;
}

/** Which reader is meant. It is made if it is missing. */
export interface ReaderOptions {
  readonly stream: string;
  /** Which subjects of the stream; `undefined` for all. */
  readonly filter: string | undefined;
  /** Its name. */
  readonly durable: string;
  /** With which message it begins when it is made. */
  readonly start: "all" | "new";
  /** Messages that may be delivered and not settled at once. */
  readonly unsettledMax: number;
  /** Milliseconds after a delivery, or the last `hold`, until it is delivered again. */
  readonly againMs: number;
}

/** What became of a message that was written: a stream has it; nobody hears that subject; or nobody has said. */
export type Written = "recorded" | "unheard" | "unconfirmed";

/** Streams, as one connection reaches them. */
export interface Streams {
  /** @throws {StreamError} */
  open(options: ReaderOptions): Promise<StreamReader>;
  /**
   * Writes a message for whichever stream records that subject. Of two with one id a stream keeps one.
   *
   * @throws {TooLargeError | PermissionError}
   */
  write(
    subject: string,
    payload: Uint8Array,
    headers: Readonly<Record<string, string>>,
    id: string,
  ): Promise<Written>;
}

/**
 * Why a stream cannot be read: it is missing or gives no answer, this user may not, or the reader of that name is another one than is
 * wanted.
 */
export type StreamError = StreamUnavailableError | PermissionError | ConfigurationError;

/** Reason of a `StreamUnavailableError`: the stream, or the reader, is not there. */
export const MISSING = "missing";
