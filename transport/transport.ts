/**
 * The port through which bytes travel between nodes. Two adapters: `transport/nats/connection.ts` and `transport/memory/network.ts`; one conformance
 * suite runs against both.
 *
 * What it promises is what core NATS promises, no more: messages of one publisher to one subscription arrive in
 * order, each at most once; any may be lost in silence while either side is disconnected.
 *
 * @module
 */
import type { CredentialsError, PermissionError } from "../errors.ts";
import type { Records } from "./records.ts";
import type { Streams } from "./streams.ts";

/** One message as it came in. */
export interface Incoming {
  readonly subject: string;
  /** Valid only during the callback: the bytes may be a view into a read buffer. Copy what is kept. */
  readonly payload: Uint8Array;
  /** Where an answer is expected, if anywhere. */
  readonly reply: string | undefined;
  /** Reads a header, `undefined` if absent. Names are case-sensitive. */
  header(name: string): string | undefined;
  /** True for the server's note that nobody listens on the subject of a `publish` whose `reply` this was sent to. */
  readonly noResponders: boolean;
}

/** What may accompany a message. */
export interface PublishOptions {
  readonly reply?: string;
  /** Values are single lines: a line break in one becomes a space, space around it is dropped. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A running subscription. */
export interface Subscription {
  /** Nothing is delivered after this returns. */
  unsubscribe(): void;
  /** Takes nothing new; what was on its way is still delivered. */
  drain(): void;
}

/** A change of the connection's condition. */
export interface TransportStatus {
  readonly connected: boolean;
  /** In words, for a log. */
  readonly reason: string;
}

/** A connection that carries messages by subject. */
export interface Transport {
  /** Largest payload in bytes, as far as is known. It may change at any time, and does with a change of the server. */
  readonly maxPayloadBytes: number;
  /** Whether messages can go out right now. */
  readonly connected: boolean;
  /**
   * Sends one message; the bytes must not be changed afterwards. While disconnected it is dropped in silence.
   * @throws {TooLargeError} above `maxPayloadBytes`
   */
  publish(subject: string, payload: Uint8Array, options?: PublishOptions): void;
  /**
   * Listens on a subject, which may hold `*` and a final `>`. With `queue`, each message goes to one member of that
   * group. A callback that throws is reported to `onError` and disturbs nothing else.
   */
  subscribe(
    subject: string,
    onMessage: (message: Incoming) => void,
    options?: { queue?: string },
  ): Subscription;
  /** Resolves when everything published before has reached the server; rejects with `UnavailableError` if it cannot. */
  flush(): Promise<void>;
  /** Calls back at every disconnect and reconnect. Returns a function that stops it. */
  onStatus(listener: (status: TransportStatus) => void): () => void;
}

/** A server that is used, and should not be for what it is used for. */
export interface OutdatedServer {
  readonly version: string;
  /** Take this one, or a newer one. */
  readonly least: string;
}

/** What becomes of the credentials with which a connection is made. */
export type CredentialsNotice =
  /** They end then, in milliseconds since 1970, and there are no others yet. */
  | { readonly type: "expiring"; readonly endsAt: number }
  /** They are refused, or cannot be had. `final`: the connection is over; nothing goes through it any more. */
  | { readonly type: "refused"; readonly error: CredentialsError; readonly final: boolean };

/** A stream that acknowledges what it records. */
export interface Recorder {
  readonly stream: string;
  /** What it records, as its settings say. */
  readonly subjects: readonly string[];
}

/** A connection with both ports: messages, and records by bucket. What `natsTransport` and `memoryTransport` give. */
export interface Connection {
  readonly transport: Transport;
  /** "nats" or "memory". */
  readonly type: string;
  /**
   * Whether messages may come from nodes that use other records under the same name, as over a leafnode whose server has
   * JetStream of its own. Left out where all who hear one another have the same records.
   */
  readonly mayHearOthers?: boolean;
  /**
   * Whether nobody else can have these records: every node that they tell of, from before, is over. Left out where others may.
   */
  readonly isAlone?: boolean;
  /** Whether the server is too old for the buckets that were opened; `undefined` if not. Left out where there is none. */
  outdated?(): OutdatedServer | undefined;
  /** Opens a bucket of records, and makes it if it is missing. */
  records(bucket: string): Promise<Records>;
  /**
   * Calls back when the server refuses a subject, whenever that is: a message without permission is lost in silence.
   * Returns a function that stops it. Left out where there are no permissions.
   */
  onRefused?(listener: (error: PermissionError) => void): () => void;
  /**
   * Calls back when credentials are about to end, are refused, or cannot be had. Returns a function that stops it. Left
   * out where there are none.
   */
  onCredentials?(listener: (notice: CredentialsNotice) => void): () => void;
  /**
   * The streams that record something of these subjects, and acknowledge it to whoever waits for an answer; `undefined` if
   * nobody says. Left out where there are none.
   */
  recordersOf?(subject: string): Promise<readonly Recorder[] | undefined>;
  /** Streams that others fill. Left out where there are none. */
  readonly streams?: Streams;
  /** Lets go of what only one process can have, until `resume`. Nothing of it is used meanwhile. Left out where there is nothing. */
  suspend?(): Promise<void>;
  /** Ends a suspension; rejects if somebody else has it by now. */
  resume?(): Promise<void>;
  /** Ends the connection. What was published and flushed before has been sent. */
  close(): Promise<void>;
}
