/**
 * The messages of a NATS connection.
 *
 * @module
 */
import {
  errors,
  headers,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type Status,
} from "@nats-io/nats-core";
import {
  BusyError,
  ConfigurationError,
  type PermissionError,
  TooLargeError,
  UnavailableError,
} from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { headerLine } from "../headers.ts";
import { refusalOf } from "./errors.ts";
import { RECORDERS_SUBJECT } from "./recorders.ts";
import type { Incoming, PublishOptions, Subscription, Transport, TransportStatus } from "../transport.ts";

/** What the messages need to know of the connection's options. */
export interface NatsTransportOptions {
  readonly flushTimeoutMs?: number;
  readonly outgoingBytesMax?: number;
  readonly onError?: (error: unknown) => void;
  /** Told what the server says is wrong. */
  readonly onServerError?: (error: Error) => void;
}

const FLUSH_TIMEOUT_MS = 2000;
const OUTGOING_BYTES_MAX = 67_108_864;
const MAX_PAYLOAD_BYTES = 1_048_576;
/** After so much the server is asked to confirm what it has read. */
const CONFIRM_BYTES = 1_048_576;
const CONFIRM_MESSAGES = 1000;
const STATUS_NO_RESPONDERS = 503;

/** A transport over a connected client. */
export class NatsTransport implements Transport {
  connected = true;
  #maxPayloadBytes = MAX_PAYLOAD_BYTES;
  readonly #client: NatsConnection;
  readonly #clock: Clock;
  readonly #options: NatsTransportOptions;
  readonly #listeners: Set<(status: TransportStatus) => void> = new Set();
  readonly #refusalListeners: Set<(error: PermissionError) => void> = new Set();
  readonly #outgoingBytesMax: number;
  /** Published, and not yet confirmed by the server. */
  #outgoingBytes = 0;
  /** The part of it about which the server has not been asked yet. */
  #unaskedBytes = 0;
  #unaskedMessages = 0;
  #dropping = false;

  constructor(client: NatsConnection, clock: Clock, options: NatsTransportOptions) {
    this.#client = client;
    this.#clock = clock;
    this.#options = options;
    this.#outgoingBytesMax = options.outgoingBytesMax ?? OUTGOING_BYTES_MAX;
    void this.#followStatus();
  }

  /** What the server said last: the next one, or the same one restarted, may allow another size. */
  get maxPayloadBytes(): number {
    const now = this.#client.info?.max_payload; // unknown while it connects
    if (now !== undefined) this.#maxPayloadBytes = now;
    return this.#maxPayloadBytes;
  }

  publish(subject: string, payload: Uint8Array, options?: PublishOptions): void {
    this.#checkSize(payload.length);
    if (!this.connected || !this.#admit(subject.length + payload.length)) return;
    try {
      if (options === undefined) this.#client.publish(subject, payload);
      else this.#publishWith(subject, payload, clientOptions(options));
    } catch (error) {
      if (error instanceof TooLargeError) throw error;
      this.#report(error);
    }
  }

  /** Headers count as well. */
  #publishWith(subject: string, payload: Uint8Array, options: ReturnType<typeof clientOptions>): void {
    try {
      this.#client.publish(subject, payload, options);
    } catch (error) {
      const headers = options.headers as (MsgHdrs & { encode?(): Uint8Array }) | undefined;
      this.#checkSize(payload.length + (headers?.encode?.().length ?? 0));
      throw error;
    }
  }

  #checkSize(bytes: number): void {
    const most = this.maxPayloadBytes;
    if (bytes > most) throw new TooLargeError(`Cannot publish ${bytes} bytes: a message may have ${most}`);
  }

  subscribe(
    subject: string,
    onMessage: (message: Incoming) => void,
    options?: { queue?: string },
  ): Subscription {
    let active = true;
    const callback = (error: Error | null, message: Msg) => {
      if (!active) return;
      try {
        // a refused subscription: the status tells
        if (error instanceof errors.PermissionViolationError) return;
        if (error) this.#report(error);
        else onMessage(new NatsIncoming(message));
      } catch (thrown) {
        this.#report(thrown);
      }
    };
    if (this.#client.isClosed())
      throw new ConfigurationError(`Cannot subscribe to "${subject}": the connection is closed`);
    const queue = options?.queue;
    const inner = this.#client.subscribe(subject, queue === undefined ? { callback } : { callback, queue });
    return {
      unsubscribe: () => {
        active = false;
        inner.unsubscribe();
      },
      drain: () => void inner.drain().catch((error: unknown) => this.#report(error)),
    };
  }

  flush(): Promise<void> {
    return this.#flushWithin(this.#options.flushTimeoutMs ?? FLUSH_TIMEOUT_MS);
  }

  onStatus(listener: (status: TransportStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** See {@link Connection.onRefused}. */
  onRefused(listener: (error: PermissionError) => void): () => void {
    this.#refusalListeners.add(listener);
    return () => void this.#refusalListeners.delete(listener);
  }

  /** Lets go out what was published, if the server is there, and ends the connection. */
  async close(): Promise<void> {
    if (this.connected) await this.flush().catch(() => {});
    this.connected = false;
    await this.#client.close();
  }

  /** Counts bytes on their way. False if there are too many: then the message is dropped, as if lost. */
  #admit(bytes: number): boolean {
    if (this.#outgoingBytes + bytes > this.#outgoingBytesMax) {
      if (!this.#dropping) {
        this.#report(
          new BusyError(`Cannot publish: ${this.#outgoingBytes} bytes wait for the server already`),
        );
      }
      this.#dropping = true;
      return false;
    }
    this.#dropping = false;
    this.#outgoingBytes += bytes;
    this.#unaskedBytes += bytes;
    if (++this.#unaskedMessages >= CONFIRM_MESSAGES || this.#unaskedBytes >= CONFIRM_BYTES) this.#confirm();
    return true;
  }

  #confirm(): void {
    const bytes = this.#unaskedBytes;
    this.#unaskedBytes = 0;
    this.#unaskedMessages = 0;
    // What a disconnection swallowed does not wait any longer either.
    const settled = () => {
      this.#outgoingBytes -= bytes;
    };
    this.#client.flush().then(settled, settled);
  }

  async #flushWithin(timeoutMs: number): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = this.#clock.after(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs} ms`)));
    try {
      if (!this.connected) throw new Error("disconnected");
      await Promise.race([this.#client.flush(), late]);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new UnavailableError(`Cannot flush: ${reason}`, { cause });
    } finally {
      timer.cancel();
    }
  }

  async #followStatus(): Promise<void> {
    try {
      for await (const status of this.#client.status()) this.#onStatus(status);
    } catch (error) {
      this.#report(error);
    }
    this.#change(false, "closed");
  }

  #onStatus(status: Status): void {
    if (status.type === "disconnect") this.#change(false, `disconnected from ${status.server}`);
    else if (status.type === "reconnect") this.#change(true, `reconnected to ${status.server}`);
    else if (status.type === "error") this.#onError(status.error);
  }

  #onError(error: Error): void {
    if (isOptional(error)) return;
    const refusal = refusalOf(error);
    this.#report(refusal ?? error);
    this.#options.onServerError?.(error);
    if (refusal) for (const listener of [...this.#refusalListeners]) listener(refusal);
  }

  #change(connected: boolean, reason: string): void {
    if (this.connected === connected) return;
    this.connected = connected;
    for (const listener of [...this.#listeners]) {
      try {
        listener({ connected, reason });
      } catch (error) {
        this.#report(error);
      }
    }
  }

  #report(error: unknown): void {
    this.#options.onError?.(error);
  }
}

/** A message of the client, read only as far as somebody asks. */
class NatsIncoming implements Incoming {
  readonly #message: Msg;

  constructor(message: Msg) {
    this.#message = message;
  }

  get subject(): string {
    return this.#message.subject;
  }

  get payload(): Uint8Array {
    return this.#message.data;
  }

  get reply(): string | undefined {
    return this.#message.reply || undefined;
  }

  get noResponders(): boolean {
    return this.#message.headers?.code === STATUS_NO_RESPONDERS && this.#message.data.length === 0;
  }

  header(name: string): string | undefined {
    const all = this.#message.headers;
    return all?.has(name) ? all.get(name) : undefined;
  }
}

function clientOptions(options: PublishOptions): { reply?: string; headers?: MsgHdrs } {
  const { reply, headers: given } = options;
  if (given === undefined) return reply === undefined ? {} : { reply };
  const all = headers();
  for (const [name, value] of Object.entries(given)) all.set(name, headerLine(value));
  return reply === undefined ? { headers: all } : { headers: all, reply };
}

/** What a user need not be allowed to. */
function isOptional(error: Error): boolean {
  return error instanceof errors.PermissionViolationError && error.subject === RECORDERS_SUBJECT;
}
