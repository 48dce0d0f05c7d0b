/**
 * Records in a JetStream bucket: a file-backed key-value stream that keeps one value for each key.
 *
 * Compare-and-set is the server's: a write names the revision that it expects. Reads ask the stream's leader, never a
 * replica, so no acknowledged change is missed.
 *
 * @module
 */
import {
  type JetStreamClient,
  type JetStreamManager,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstream,
} from "@nats-io/jetstream";
import { errors, headers, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core";
import { TooLargeError } from "../../errors.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import { conditionOf, type NatsBucketOptions, jetstreamOptions, openNatsBucket } from "./bucket.ts";
import { recordsError } from "./errors.ts";
import { OPERATION_HEADER, NatsWatch } from "./watch.ts";
import {
  type BucketCondition,
  type CasResult,
  isRecordsError,
  type RecordEntry,
  type Records,
  type Watch,
  type WatchOptions,
} from "../records.ts";

/** What records need to know of the connection's options. */
export interface NatsRecordsOptions extends NatsBucketOptions {
  readonly recordsTimeoutMs?: number;
  readonly inboxPrefix?: string;
  readonly onError?: (error: unknown) => void;
}

const TIMEOUT_MS = 1000;
/** A watch begins as long as something comes at least so often, and within the second. */
const WATCH_TIMEOUT_MS = 10_000;
const WATCH_MAX_MS = 60_000;
const WATCH_REQUEST_MS = 4000;
/** Pause before a write is repeated that met another one of the same key in flight. */
const IN_FLIGHT_PAUSE_MS = 20;

/** The records of a bucket, which is made if it is missing. @throws as {@link openNatsBucket} does */
export async function openNatsRecords(
  client: NatsConnection,
  bucket: string,
  clock: Clock,
  options: NatsRecordsOptions,
): Promise<Records> {
  const made = await openNatsBucket(client, bucket, clock, options);
  const timeoutMs = options.recordsTimeoutMs ?? TIMEOUT_MS;
  const js = jetstream(client, jetstreamOptions(timeoutMs, options));
  const manager = await js.jetstreamManager(false);
  const patient = jetstream(client, jetstreamOptions(Math.max(timeoutMs, WATCH_REQUEST_MS), options));
  const watching = await patient.jetstreamManager(false);
  return new NatsRecords(client, bucket, made, js, manager, watching, clock, timeoutMs, options);
}

class NatsRecords implements Records {
  readonly #client: NatsConnection;
  readonly #bucket: string;
  readonly #made: string;
  readonly #stream: string;
  readonly #prefix: string;
  /** Where writes go: to another domain by its own way. */
  readonly #writePrefix: string;
  readonly #js: JetStreamClient;
  readonly #manager: JetStreamManager;
  /** With more patience: an old server looks through all that a bucket holds, and asked again it does so again. */
  readonly #watching: JetStreamManager;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #options: NatsRecordsOptions;

  constructor(
    client: NatsConnection,
    bucket: string,
    made: string,
    js: JetStreamClient,
    manager: JetStreamManager,
    watching: JetStreamManager,
    clock: Clock,
    timeoutMs: number,
    options: NatsRecordsOptions,
  ) {
    this.#client = client;
    this.#bucket = bucket;
    this.#made = made;
    this.#stream = `KV_${bucket}`;
    this.#prefix = `$KV.${bucket}.`;
    const { domain } = options;
    this.#writePrefix = domain === undefined ? this.#prefix : `$JS.${domain}.API.${this.#prefix}`;
    this.#js = js;
    this.#manager = manager;
    this.#watching = watching;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#options = options;
  }

  create(key: string, value: Uint8Array): Promise<CasResult> {
    return this.#write("create", key, value, 0);
  }

  update(key: string, value: Uint8Array, revision: number): Promise<CasResult> {
    return this.#write("update", key, value, revision);
  }

  remove(key: string, revision?: number): Promise<CasResult> {
    return this.#write("remove", key, undefined, revision);
  }

  get(key: string): Promise<RecordEntry | undefined> {
    return this.#read("get", key);
  }

  /** With the patience of a watch: an old server looks through all that the bucket holds. */
  async keys(prefix: string): Promise<readonly string[]> {
    const filter = `${this.#prefix}${prefix === "" ? ">" : `${prefix}.>`}`;
    try {
      const { state } = await this.#watching.streams.info(this.#stream, { subjects_filter: filter });
      return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(this.#prefix.length));
    } catch (error) {
      throw recordsError("list", prefix, error);
    }
  }

  async condition(): Promise<BucketCondition> {
    try {
      return await conditionOf(this.#client, this.#manager, this.#bucket, this.#made);
    } catch (error) {
      throw recordsError("look at the bucket", this.#bucket, error);
    }
  }

  async watch(
    prefix: string,
    onEntry: (entry: RecordEntry) => void,
    { once = false, marks = false }: WatchOptions = {},
  ): Promise<Watch> {
    const watch = new NatsWatch({
      once,
      marks,
      client: this.#client,
      manager: this.#watching,
      clock: this.#clock,
      stream: this.#stream,
      keyPrefix: this.#prefix,
      filter: `${this.#prefix}${prefix === "" ? ">" : `${prefix}.>`}`,
      inboxPrefix: this.#options.inboxPrefix,
      onEntry,
      onError: (error) => this.#options.onError?.(error),
    });
    try {
      await this.#inTime(prefix, watch);
      return watch;
    } catch (error) {
      watch.stop();
      throw isRecordsError(error) ? error : recordsError("watch", prefix, error);
    }
  }

  /** One compare-and-set. A write in flight elsewhere may refuse even the rightful one: then look, and try again. */
  async #write(
    what: string,
    key: string,
    value: Uint8Array | undefined,
    revision: number | undefined,
  ): Promise<CasResult> {
    const endsAt = this.#clock.now() + this.#timeoutMs;
    while (true) {
      const answer = await this.#send(what, key, value, revision, endsAt);
      if (answer !== "in-flight") return answer;
      if (revision !== undefined && (await this.#revisionOf(what, key)) > revision) return { ok: false };
      if (this.#clock.now() >= endsAt) throw recordsError(what, key, "another write of it is in flight");
      await this.#pause();
    }
  }

  async #send(
    what: string,
    key: string,
    value: Uint8Array | undefined,
    revision: number | undefined,
    endsAt: number,
  ): Promise<CasResult | "in-flight"> {
    const timeout = Math.max(1, Math.ceil(endsAt - this.#clock.now()));
    try {
      const ack = await this.#js.publish(`${this.#writePrefix}${key}`, value ?? new Uint8Array(), {
        timeout,
        ...(revision === undefined ? {} : { expect: { lastSubjectSequence: revision } }),
        ...(value === undefined ? { headers: removalHeaders() } : {}),
      });
      return { ok: true, revision: ack.seq };
    } catch (error) {
      const code = error instanceof JetStreamApiError ? error.code : undefined;
      if (code === JetStreamApiCodes.StreamWrongLastSequence) return { ok: false };
      if (code === JetStreamApiCodes.StreamWrongLastSequenceUnknown) return "in-flight";
      throw this.#failure(what, key, value, error);
    }
  }

  #failure(what: string, key: string, value: Uint8Array | undefined, cause: unknown): Error {
    const most = this.#client.info?.max_payload ?? Number.POSITIVE_INFINITY;
    // the client's own word: with its headers it is too long
    const tooLong = cause instanceof errors.InvalidArgumentError;
    if (value !== undefined && (value.length > most || tooLong)) {
      return new TooLargeError(
        `Cannot store "${key}": it has ${value.length} bytes, and a message may have ${most}`,
        { cause },
      );
    }
    return recordsError(what, key, cause);
  }

  async #revisionOf(what: string, key: string): Promise<number> {
    return (await this.#read(what, key))?.revision ?? 0;
  }

  async #read(what: string, key: string): Promise<RecordEntry | undefined> {
    try {
      const found = await this.#manager.streams.getMessage(this.#stream, {
        last_by_subj: `${this.#prefix}${key}`,
      });
      if (found === null) return undefined;
      const removed = found.header.has(OPERATION_HEADER);
      return { key, value: removed ? undefined : found.data, revision: found.seq };
    } catch (error) {
      throw recordsError(what, key, error);
    }
  }

  /** Many records take their time; what counts is that they come. */
  async #inTime(prefix: string, watch: NatsWatch): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const lastAt = this.#clock.now() + WATCH_MAX_MS;
    let timer: Timer | undefined;
    const look = (seen: number) => {
      timer = this.#clock.after(WATCH_TIMEOUT_MS, () => {
        if (watch.revision > seen && this.#clock.now() < lastAt) look(watch.revision);
        else reject(recordsError("watch", prefix, "no answer in time"));
      });
    };
    look(0);
    try {
      await Promise.race([watch.start(), late]);
    } finally {
      timer?.cancel();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(IN_FLIGHT_PAUSE_MS, resolve));
  }
}

function removalHeaders(): MsgHdrs {
  const all = headers();
  all.set(OPERATION_HEADER, "DEL");
  return all;
}
