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
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core";
import {
  ConfigurationError,
  PermissionError,
  RecordsUnavailableError,
  ServerError,
  TooLargeError,
} from "../errors.ts";
import type { Clock } from "../platform/clock.ts";
import { refusalOf } from "./nats_core.ts";
import { OPERATION_HEADER, NatsWatch } from "./nats_watch.ts";
import type { CasResult, RecordEntry, Records, Watch } from "./records.ts";

/** What records need to know of the connection's options. */
export interface NatsRecordsOptions {
  readonly connectTimeoutMs?: number;
  readonly recordsTimeoutMs?: number;
  readonly replicas?: number;
  readonly inboxPrefix?: string;
  readonly onError?: (error: unknown) => void;
}

const OPEN_TIMEOUT_MS = 5000;
const TIMEOUT_MS = 1000;
/** Pause before a write is repeated that met another one of the same key in flight. */
const IN_FLIGHT_PAUSE_MS = 20;

/**
 * Opens a bucket, and makes it if it is missing: an administrator may have made it, and then this user need not be
 * allowed to.
 *
 * @throws {ServerError} if the server has no JetStream, does not answer, or cannot serve for now
 * @throws {PermissionError} if this user may not use the bucket, or it is missing and he may not make it
 * @throws {ConfigurationError} if there is a bucket of that name that cannot serve
 */
export async function openNatsRecords(
  client: NatsConnection,
  bucket: string,
  clock: Clock,
  options: NatsRecordsOptions,
): Promise<Records> {
  try {
    const opening = jetstream(client, { timeout: options.connectTimeoutMs ?? OPEN_TIMEOUT_MS });
    const manager = await opening.jetstreamManager(false);
    const found = await configOf(manager, `KV_${bucket}`);
    if (found) checkConfig(bucket, found);
    else
      await makeBucket(client, bucket, options).catch(async (error: unknown) => {
        const others = await configOf(manager, `KV_${bucket}`);
        if (!others) throw error;
        checkConfig(bucket, others); // made meanwhile, maybe with another number of copies
      });
    const timeoutMs = options.recordsTimeoutMs ?? TIMEOUT_MS;
    const js = jetstream(client, { timeout: timeoutMs });
    return new NatsRecords(client, bucket, js, await js.jetstreamManager(false), clock, timeoutMs, options);
  } catch (cause) {
    throw openError(bucket, cause);
  }
}

async function configOf(manager: JetStreamManager, stream: string): Promise<StreamConfig | undefined> {
  try {
    return (await manager.streams.info(stream)).config;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)
      return undefined;
    throw error;
  }
}

async function makeBucket(
  client: NatsConnection,
  bucket: string,
  options: NatsRecordsOptions,
): Promise<void> {
  const opening = jetstream(client, { timeout: options.connectTimeoutMs ?? OPEN_TIMEOUT_MS });
  const how = { history: 1, replicas: options.replicas ?? 1, allow_direct: false };
  await new Kvm(opening).create(bucket, how);
}

/** Records that vanish by themselves, or with the server, are no records. */
function checkConfig(bucket: string, { max_age, storage, subjects }: StreamConfig): void {
  const fault =
    max_age > 0
      ? `an age of at most ${max_age / 1e9} s`
      : storage !== StorageType.File
        ? `a storage of "${storage}"`
        : subjects?.includes(`$KV.${bucket}.>`)
          ? undefined
          : "subjects of something else";
  if (fault === undefined) return;
  throw new ConfigurationError(`Cannot use the bucket "${bucket}" for records: current stream has ${fault}`);
}

function openError(bucket: string, cause: unknown): Error {
  const refusal = refusalOf(cause);
  if (refusal) {
    const words = `Cannot open the bucket "${bucket}", or make it if it is missing: ${refusal.message}`;
    return new PermissionError(words, { cause });
  }
  if (cause instanceof ConfigurationError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof JetStreamApiError ? cause.code : undefined;
  const name = cause instanceof Error ? cause.name : "";
  if (name === "JetStreamNotEnabled" || code === JetStreamApiCodes.JetStreamNotEnabledForAccount) {
    return new ServerError("Cannot keep records: the nats-server has no JetStream; start it with -js", {
      cause,
    });
  }
  const words = `Cannot open the bucket "${bucket}": the server answered "${reason}"`;
  // what a server cannot do now, such as for want of others of its cluster, it can do later: as by HTTP, from 500 on
  const isOurs = cause instanceof JetStreamApiError && cause.status < 500;
  if (isOurs) return new ConfigurationError(words, { cause });
  if (code !== undefined) return new ServerError(words, { cause });
  return new ServerError(`Cannot open the bucket "${bucket}": ${reason}`, { cause });
}

class NatsRecords implements Records {
  readonly #client: NatsConnection;
  readonly #stream: string;
  readonly #prefix: string;
  readonly #js: JetStreamClient;
  readonly #manager: JetStreamManager;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #options: NatsRecordsOptions;

  constructor(
    client: NatsConnection,
    bucket: string,
    js: JetStreamClient,
    manager: JetStreamManager,
    clock: Clock,
    timeoutMs: number,
    options: NatsRecordsOptions,
  ) {
    this.#client = client;
    this.#stream = `KV_${bucket}`;
    this.#prefix = `$KV.${bucket}.`;
    this.#js = js;
    this.#manager = manager;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#options = options;
  }

  async create(key: string, value: Uint8Array): Promise<CasResult> {
    const first = await this.#write("create", key, value, 0);
    if (first.ok) return first;
    const now = await this.#read("create", key);
    // A mark of removal is all that is left of a record: writing over it is making it anew.
    if (now === undefined || now.value !== undefined) return first;
    return this.#write("create", key, value, now.revision);
  }

  update(key: string, value: Uint8Array, revision: number): Promise<CasResult> {
    return this.#write("update", key, value, revision);
  }

  remove(key: string, revision?: number): Promise<CasResult> {
    return this.#write("remove", key, undefined, revision);
  }

  async get(key: string): Promise<RecordEntry | undefined> {
    const entry = await this.#read("get", key);
    return entry?.value === undefined ? undefined : entry;
  }

  async exists(): Promise<boolean> {
    try {
      return (await configOf(this.#manager, this.#stream)) !== undefined;
    } catch (error) {
      throw refusalOf(error) ?? unavailable("find the bucket of", this.#prefix, error);
    }
  }

  async watch(prefix: string, onEntry: (entry: RecordEntry) => void): Promise<Watch> {
    const watch = new NatsWatch({
      client: this.#client,
      manager: this.#manager,
      clock: this.#clock,
      stream: this.#stream,
      keyPrefix: this.#prefix,
      filter: `${this.#prefix}${prefix === "" ? ">" : `${prefix}.>`}`,
      inboxPrefix: this.#options.inboxPrefix,
      onEntry,
      onError: (error) => this.#options.onError?.(error),
    });
    try {
      await this.#inTime("watch", prefix, watch.start());
      return watch;
    } catch (error) {
      watch.stop();
      throw error;
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
      if (this.#clock.now() >= endsAt) throw unavailable(what, key, "another write of it is in flight");
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
      const ack = await this.#js.publish(`${this.#prefix}${key}`, value ?? new Uint8Array(), {
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
    const refusal = refusalOf(cause); // not applied, and never will be
    if (refusal) return new PermissionError(`Cannot ${what} "${key}": ${refusal.message}`, { cause });
    const most = this.#client.info?.max_payload ?? Number.POSITIVE_INFINITY;
    if (value !== undefined && value.length > most) {
      return new TooLargeError(
        `Cannot store more than ${most} bytes: current value is ${value.length} bytes`,
      );
    }
    return unavailable(what, key, cause);
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
      throw refusalOf(error) ?? unavailable(what, key, error);
    }
  }

  async #inTime(what: string, key: string, work: Promise<void>): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = this.#clock.after(OPEN_TIMEOUT_MS, () =>
      reject(unavailable(what, key, "no answer in time")),
    );
    try {
      await Promise.race([work, late]);
    } finally {
      timer.cancel();
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

function unavailable(what: string, key: string, cause: unknown): RecordsUnavailableError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new RecordsUnavailableError(`Cannot ${what} "${key}": ${reason}`, { cause });
}
