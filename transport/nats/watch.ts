/**
 * A watch over a JetStream bucket that misses nothing for long.
 *
 * It reads through a consumer that pushes in order. The client library has one too, but notices a lost last message only
 * with the next one. This one compares each message's number and each heartbeat's count, and after every reconnect and
 * every gap makes a new consumer that begins behind the last entry seen.
 *
 * @module
 */
import { AckPolicy, type ConsumerConfig, DeliverPolicy, type JetStreamManager } from "@nats-io/jetstream";
import { createInbox, type Msg, type NatsConnection, nanos, nuid } from "@nats-io/nats-core";
import { RecordsUnavailableError } from "../../errors.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import { recordsError } from "./errors.ts";
import { Snapshot } from "./watch_snapshot.ts";
import type { RecordEntry, Watch } from "../records.ts";

/** The header that tells a removal from a value. */
export const OPERATION_HEADER = "KV-Operation";

/** What a watch works with. */
export interface NatsWatchOptions {
  /** See {@link WatchOptions}: which keys there are is asked only if the server does not soon have nothing more to send. */
  readonly once?: boolean;
  /** See {@link WatchOptions}. */
  readonly marks?: boolean;
  readonly client: NatsConnection;
  readonly manager: JetStreamManager;
  readonly clock: Clock;
  readonly stream: string;
  /** What every subject of the bucket begins with, including the last dot. */
  readonly keyPrefix: string;
  readonly filter: string;
  readonly inboxPrefix: string | undefined;
  readonly onEntry: (entry: RecordEntry) => void;
  readonly onError: (error: unknown) => void;
}

const HEARTBEAT_MS = 2000;
/** The same for one that is wanted once, and how long that does without the keys. */
const HEARTBEAT_ONCE_MS = 200;
const ONCE_MS = 1000;
/** So much silence means that the consumer is gone. */
const SILENCE_MAX_MS = 3 * HEARTBEAT_MS;
const RETRY_MS = 250;
/** After so long the server forgets a consumer that nobody listens to, in milliseconds. */
export const CONSUMER_IDLE_MS = 60_000;
const STATUS_CONTROL = 100;
const LAST_CONSUMER_HEADER = "Nats-Last-Consumer";
const STALLED_HEADER = "Nats-Consumer-Stalled";

/** One running watch. */
export class NatsWatch implements Watch {
  readonly #with: NatsWatchOptions;
  readonly #caughtUp: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #subscription: { unsubscribe(): void } | undefined;
  #consumer = "";
  #received = 0;
  #lastRevision = 0;
  /** What existed when this began, while it comes in. */
  #snapshot: Snapshot | undefined = new Snapshot();
  #heardAt = 0;
  #timer: Timer | undefined;
  #stopped = false;
  /** Grows with each new consumer, so that what belongs to an earlier one is told apart. */
  #round = 0;
  /** Whether the consumer is at one of several servers, which need not be the one that leads the stream. */
  #isClustered = false;

  constructor(options: NatsWatchOptions) {
    this.#with = options;
  }

  /** The revision of the latest entry that came; 0 before the first. */
  get revision(): number {
    return this.#lastRevision;
  }

  /**
   * Begins. Resolves when everything that exists was delivered; rejects if the server says no. As long as it says nothing it
   * is asked again: whoever waits for this has a patience of his own, and ends it by `stop`.
   */
  async start(): Promise<void> {
    const beginning = this.#answered(() => this.#renew(this.#round));
    if (this.#with.once) await beginning.then(() => (this.#isClustered ? undefined : this.#caughtUpSoon()));
    await Promise.all([beginning, this.#snapshot && this.#answered(() => this.#askForKeys())]);
    void this.#followReconnects();
    this.#watchSilence();
    await this.#caughtUp.promise;
  }

  /** Resolves when it has everything, and in any case soon. */
  #caughtUpSoon(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#with.clock.after(ONCE_MS, resolve);
    void this.#caughtUp.promise.then(resolve).finally(() => timer.cancel());
    return promise;
  }

  async #answered(ask: () => Promise<void>): Promise<void> {
    const { client, clock, filter } = this.#with;
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        const isSilent = recordsError("watch", filter, error) instanceof RecordsUnavailableError;
        if (!isSilent || this.#stopped || client.isClosed()) throw error;
      }
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
    }
  }

  stop(): void {
    if (this.#stopped) return;
    this.#end();
    this.#subscription?.unsubscribe();
    this.#forgetConsumer();
  }

  #end(): void {
    this.#stopped = true;
    this.#round++;
    this.#timer?.cancel();
  }

  async #followReconnects(): Promise<void> {
    for await (const status of this.#with.client.status()) {
      if (this.#stopped) return;
      if (status.type === "reconnect") this.#restart();
    }
    this.#end(); // the connection was closed: there is nothing left to watch, and nobody to tell
  }

  #watchSilence(): void {
    if (this.#stopped) return;
    if (this.#with.clock.now() - this.#heardAt > SILENCE_MAX_MS) this.#restart();
    this.#timer = this.#with.clock.after(HEARTBEAT_MS, () => this.#watchSilence());
  }

  /** Makes a new consumer, and keeps trying until there is one. */
  #restart(): void {
    const round = ++this.#round;
    this.#heardAt = this.#with.clock.now();
    this.#forgetConsumer();
    this.#renew(round).catch((error) => {
      this.#with.onError(error);
      this.#with.clock.after(RETRY_MS, () => {
        if (this.#round === round) this.#restart();
      });
    });
  }

  async #renew(round: number): Promise<void> {
    const { client, manager, stream, inboxPrefix } = this.#with;
    await this.#noticeNewStream();
    if (this.#round !== round) return;
    this.#subscription?.unsubscribe();
    this.#forgetConsumer();
    this.#received = 0;
    const inbox = createInbox(inboxPrefix);
    const callback = (error: Error | null, message: Msg) => {
      if (this.#round === round) this.#onMessage(error, message);
    };
    this.#subscription = client.subscribe(inbox, { callback });
    const name = (this.#consumer = `watch_${nuid.next()}`); // also of one that is made and not answered
    const { cluster } = await manager.consumers.add(stream, this.#config(name, inbox));
    if (this.#round !== round) return;
    this.#isClustered = cluster !== undefined;
    this.#heardAt = this.#with.clock.now();
  }

  #config(name: string, inbox: string): Partial<ConsumerConfig> {
    const behind = this.#lastRevision > 0;
    return {
      name,
      deliver_subject: inbox,
      filter_subject: this.#with.filter,
      ack_policy: AckPolicy.None,
      max_deliver: 1,
      mem_storage: true,
      num_replicas: 1,
      flow_control: true,
      idle_heartbeat: nanos(this.#with.once ? HEARTBEAT_ONCE_MS : HEARTBEAT_MS),
      inactive_threshold: nanos(CONSUMER_IDLE_MS),
      deliver_policy: behind ? DeliverPolicy.StartSequence : DeliverPolicy.LastPerSubject,
      ...(behind ? { opt_start_seq: this.#lastRevision + 1 } : {}),
    };
  }

  async #askForKeys(): Promise<void> {
    const { manager, stream, filter, keyPrefix } = this.#with;
    const { state } = await manager.streams.info(stream, { subjects_filter: filter });
    this.#snapshot?.expect(Object.keys(state.subjects ?? {}).map((key) => key.slice(keyPrefix.length)));
    if (this.#snapshot?.isComplete) this.#endSnapshot();
  }

  /** A stream that ends before what was seen is not the one that was watched: everything in it is news. */
  async #noticeNewStream(): Promise<void> {
    if (this.#lastRevision === 0) return;
    const info = await this.#with.manager.streams.info(this.#with.stream);
    if (info.state.last_seq < this.#lastRevision) this.#lastRevision = 0;
  }

  #onMessage(error: Error | null, message: Msg): void {
    try {
      if (error) throw error;
      this.#heardAt = this.#with.clock.now();
      if (message.headers?.code === STATUS_CONTROL) this.#onControl(message);
      else this.#onEntry(message);
    } catch (thrown) {
      this.#with.onError(thrown);
    }
  }

  /** A heartbeat, or the question whether the messages so far have arrived. */
  #onControl(message: Msg): void {
    const stalled = message.headers?.get(STALLED_HEADER);
    if (message.reply) message.respond();
    else if (stalled) this.#with.client.publish(stalled);
    const delivered = message.headers?.get(LAST_CONSUMER_HEADER);
    if (!delivered) return;
    if (Number(delivered) !== this.#received) this.#restart();
    else if (!stalled) this.#onNothingToSend();
  }

  /**
   * What is missing was taken out. Among several servers it may also be that the consumer stands at one that lags behind: the
   * leader is asked again which keys there are, with each heartbeat until all have come.
   */
  #onNothingToSend(): void {
    if (this.#snapshot && this.#isClustered) this.#askForKeys().catch(this.#with.onError);
    else this.#endSnapshot();
  }

  #onEntry(message: Msg): void {
    const place = placeOf(message.reply);
    if (place === undefined) return;
    if (place.delivered !== this.#received + 1) {
      this.#restart();
      return;
    }
    this.#received = place.delivered;
    const removed = message.headers?.has(OPERATION_HEADER) ?? false;
    const key = message.subject.slice(this.#with.keyPrefix.length);
    if (place.revision > this.#lastRevision) {
      this.#lastRevision = place.revision;
      if (!removed || this.#with.marks || !this.#snapshot?.hides(key))
        this.#deliver(key, message, removed, place.revision);
    }
    this.#snapshot?.saw(key, removed);
    if (this.#snapshot?.isComplete) this.#endSnapshot();
  }

  #deliver(key: string, message: Msg, removed: boolean, revision: number): void {
    try {
      this.#with.onEntry({ key, value: removed ? undefined : message.data.slice(), revision });
    } catch (error) {
      this.#with.onError(error);
    }
  }

  #endSnapshot(): void {
    this.#snapshot = undefined;
    this.#caughtUp.resolve();
  }

  #forgetConsumer(): void {
    const name = this.#consumer;
    this.#consumer = "";
    if (name !== "") this.#with.manager.consumers.delete(this.#with.stream, name).catch(() => {});
  }
}

/** Where a pushed message stands: its revision, and its number within the consumer. */
interface Place {
  readonly revision: number;
  readonly delivered: number;
}

/**
 * Reads the acknowledgement subject, `$JS.ACK.<stream>.<consumer>.<tries>.<revision>.<delivered>.<time>.<pending>`;
 * newer servers put a domain and an account behind `ACK`, and may append tokens.
 */
function placeOf(reply: string | undefined): Place | undefined {
  const tokens = reply?.split(".") ?? [];
  const first = tokens.length > 9 ? 7 : 5;
  const [revision, delivered] = tokens.slice(first).map(Number);
  return revision && delivered ? { revision, delivered } : undefined;
}
