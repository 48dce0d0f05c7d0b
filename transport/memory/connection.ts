/**
 * One connection of a memory network: what a client library is to a server.
 *
 * @module
 */
import { TooLargeError, UnavailableError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { headerLine } from "../headers.ts";
import type { MemoryBucket } from "./bucket.ts";
import { MemoryRecords, type RecordFaults } from "./records.ts";
import type { Records } from "../records.ts";
import { matcher } from "../subjects.ts";
import type {
  Connection,
  Incoming,
  PublishOptions,
  Subscription,
  Transport,
  TransportStatus,
} from "../transport.ts";

/** What a connection may be told beside its name. */
export interface MemoryConnectOptions {
  /** Told what a callback threw. Default: nobody. */
  readonly onError?: (error: unknown) => void;
  /** Runs whatever comes in for this client. Default: at once. A test may hold it back, as a process that is frozen does. */
  readonly turn?: (run: () => void) => void;
}

/** What connections need of the network they belong to. */
export interface Broker {
  readonly clock: Clock;
  readonly options: RecordFaults;
  maxPayloadBytesOf(name: string): number;
  bucket(name: string): MemoryBucket;
  hasRecords(name: string): boolean;
  route(from: MemoryConnection, message: Incoming): void;
  settle(from: MemoryConnection, run: () => void): void;
  forget(connection: MemoryConnection): void;
}

/** One message on its way. */
export class MemoryMessage implements Incoming {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly reply: string | undefined;
  readonly noResponders: boolean;
  readonly #headers: Readonly<Record<string, string>> | undefined;

  constructor(
    subject: string,
    payload: Uint8Array,
    options: PublishOptions | undefined,
    noResponders = false,
  ) {
    this.subject = subject;
    this.payload = payload;
    this.reply = options?.reply;
    this.#headers = options?.headers;
    this.noResponders = noResponders;
  }

  header(name: string): string | undefined {
    const headers = this.#headers;
    return headers && Object.hasOwn(headers, name) ? headerLine(headers[name] as string) : undefined;
  }
}

/** One subscription of one connection. */
export class MemorySubscription implements Subscription {
  readonly connection: MemoryConnection;
  readonly subject: string;
  readonly queue: string | undefined;
  readonly matches: (subject: string) => boolean;
  readonly #onMessage: (message: Incoming) => void;
  #over = false;

  constructor(
    connection: MemoryConnection,
    subject: string,
    queue: string | undefined,
    onMessage: (message: Incoming) => void,
  ) {
    this.connection = connection;
    this.subject = subject;
    this.queue = queue;
    this.matches = matcher(subject);
    this.#onMessage = onMessage;
  }

  deliver(message: Incoming): void {
    this.connection.turn(() => this.#take(message));
  }

  #take(message: Incoming): void {
    if (this.#over || !this.connection.connected) return;
    try {
      this.#onMessage(message);
    } catch (error) {
      this.connection.report(error);
    }
  }

  unsubscribe(): void {
    this.#over = true;
    this.connection.subscriptions.delete(this);
  }

  drain(): void {
    this.connection.subscriptions.delete(this);
  }
}

/** One connection of a `MemoryNetwork`, and its transport at once. */
export class MemoryConnection implements Connection, Transport {
  readonly type = "memory";
  readonly name: string;
  readonly subscriptions: Set<MemorySubscription> = new Set();
  /** Counts disconnections: what was under way to an earlier session is lost. */
  session = 0;
  /** The same for records, which may be out of reach by themselves. */
  recordsSession = 0;
  connected = true;
  crashed = false;
  /** The server has dropped it, and the client does not know. */
  #isHalf = false;
  #hadRecords: boolean;
  readonly #network: Broker;
  readonly #options: MemoryConnectOptions;
  readonly #listeners: Set<(status: TransportStatus) => void> = new Set();
  readonly #records = new Map<string, MemoryRecords>();

  constructor(network: Broker, name: string, options: MemoryConnectOptions) {
    this.#network = network;
    this.name = name;
    this.#options = options;
    this.#hadRecords = network.hasRecords(name);
  }

  get transport(): Transport {
    return this;
  }

  get maxPayloadBytes(): number {
    return this.#network.maxPayloadBytesOf(this.name);
  }

  /** Whether anything gets through to it and from it. */
  get hears(): boolean {
    return this.connected && !this.#isHalf;
  }

  /** Whether records answer. */
  get recordsConnected(): boolean {
    return this.hears && this.#network.hasRecords(this.name);
  }

  turn(run: () => void): void {
    const { turn } = this.#options;
    if (turn) turn(run);
    else run();
  }

  publish(subject: string, payload: Uint8Array, options?: PublishOptions): void {
    if (payload.length > this.maxPayloadBytes) {
      throw new TooLargeError(
        `Cannot publish ${payload.length} bytes: a message may have ${this.maxPayloadBytes}`,
      );
    }
    if (this.hears) this.#network.route(this, new MemoryMessage(subject, payload, options));
  }

  subscribe(
    subject: string,
    onMessage: (message: Incoming) => void,
    options?: { queue?: string },
  ): Subscription {
    const subscription = new MemorySubscription(this, subject, options?.queue, onMessage);
    this.subscriptions.add(subscription);
    return subscription;
  }

  flush(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const session = this.session;
    const settle = () => {
      if (this.connected && this.session === session) resolve();
      else reject(new UnavailableError("Cannot flush: the connection is disconnected"));
    };
    if (this.connected) this.#network.settle(this, settle);
    else settle();
    return promise;
  }

  onStatus(listener: (status: TransportStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  records(bucket: string): Promise<Records> {
    const network = this.#network;
    const made = network.bucket(bucket).made();
    const known = this.#records.get(bucket);
    if (known?.isOf(made.birth)) return Promise.resolve(known);
    known?.stop();
    const records = new MemoryRecords(made, bucket, this, network.clock, network.options);
    this.#records.set(bucket, records);
    return Promise.resolve(records);
  }

  close(): Promise<void> {
    this.subscriptions.clear();
    for (const records of this.#records.values()) records.stop();
    this.connected = false;
    this.session++;
    this.recordsSession++;
    this.#network.forget(this);
    return Promise.resolve();
  }

  disconnect(reason: string): void {
    if (!this.connected) return;
    this.connected = false;
    this.session++;
    this.recordsSession++;
    this.#tell({ connected: false, reason });
  }

  /** Nothing gets through any more, and its client is not told, until `reconnect`. */
  halve(): void {
    if (!this.hears) return;
    this.#isHalf = true;
    this.session++;
    this.recordsSession++;
  }

  /** Records have come into reach, or gone out of it: then what is under way is lost. */
  recordsChanged(): void {
    const has = this.#network.hasRecords(this.name);
    if (has === this.#hadRecords) return;
    this.#hadRecords = has;
    if (!has) this.recordsSession++;
    else this.#resumeRecords();
  }

  #resumeRecords(): void {
    if (this.recordsConnected) for (const records of this.#records.values()) records.resume();
  }

  reconnect(): void {
    if (this.#isHalf) this.disconnect("stale");
    this.#isHalf = false;
    if (this.connected || this.crashed) return;
    this.connected = true;
    this.#tell({ connected: true, reason: "healed" });
    this.#resumeRecords();
  }

  crash(): void {
    this.crashed = true;
    this.disconnect("crashed");
    for (const records of this.#records.values()) records.stop();
  }

  report(error: unknown): void {
    this.#options.onError?.(error);
  }

  #tell(status: TransportStatus): void {
    this.turn(() => {
      for (const listener of [...this.#listeners]) {
        try {
          listener(status);
        } catch (error) {
          this.report(error);
        }
      }
    });
  }
}
