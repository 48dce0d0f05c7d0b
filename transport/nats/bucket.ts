/**
 * A bucket in JetStream, found or made, and checked.
 *
 * @module
 */
import {
  JetStreamApiCodes,
  JetStreamApiError,
  jetstream,
  type JetStreamManager,
  type JetStreamOptions,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/nats-core";
import { ConfigurationError, PermissionError, ServerError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { BucketCondition } from "../records.ts";
import { unfitIn } from "./bucket_config.ts";
import { isForNow, isForWantOfRoom, refusalOf } from "./errors.ts";
import { CONSUMER_IDLE_MS } from "./watch.ts";

/** What a bucket needs to know of the connection's options. */
export interface NatsBucketOptions {
  readonly connectTimeoutMs?: number;
  readonly replicas?: number;
  readonly domain?: string;
  /** Told how many copies a bucket has that is opened. */
  readonly onCopies?: (copies: number) => void;
}

/** How JetStream is asked, wherever it is. */
export function jetstreamOptions(timeout: number, { domain }: NatsBucketOptions): JetStreamOptions {
  return domain === undefined ? { timeout } : { timeout, domain };
}

/** Longest value that anybody here writes into a bucket, in bytes, unless a message holds less than twice that. */
const VALUE_BYTES = 524_288;
const OPEN_TIMEOUT_MS = 5000;
/** Opening goes on for so many time-outs: servers that were started this moment have to find their leader first. */
const OPEN_TIMEOUTS = 3;
const OPEN_PAUSE_MS = 250;

/**
 * Opens a bucket, and makes it if it is missing: an administrator may have made it, and then this user need not be
 * allowed to. Tries again, for 15 s by default, when the server does not answer or cannot serve for now.
 *
 * @returns when it was made: another bucket of that name was made at another time
 * @throws {ServerError} if the server has no JetStream, or goes on not to answer or not to be able to serve
 * @throws {PermissionError} if this user may not use the bucket, or it is missing and he may not make it
 * @throws {ConfigurationError} if there is a bucket of that name that cannot serve
 */
export async function openNatsBucket(
  client: NatsConnection,
  bucket: string,
  clock: Clock,
  options: NatsBucketOptions,
): Promise<string> {
  const timeoutMs = options.connectTimeoutMs ?? OPEN_TIMEOUT_MS;
  const lastAt = clock.now() + timeoutMs * (OPEN_TIMEOUTS - 1);
  while (true) {
    try {
      return await openOnce(client, bucket, options);
    } catch (cause) {
      if (!mayPass(cause) || clock.now() >= lastAt || client.isClosed()) throw openError(bucket, cause);
    }
    await new Promise<void>((resolve) => void clock.after(OPEN_PAUSE_MS, resolve));
  }
}

async function openOnce(client: NatsConnection, bucket: string, options: NatsBucketOptions): Promise<string> {
  const opening = jetstream(client, jetstreamOptions(options.connectTimeoutMs ?? OPEN_TIMEOUT_MS, options));
  const manager = await opening.jetstreamManager(false);
  const found = await infoOf(manager, bucket);
  if (found) return fitting(client, bucket, found, options);
  let failure: unknown;
  await makeBucket(client, bucket, options).catch((error: unknown) => {
    failure = error; // unless it was made meanwhile, maybe with another number of copies
  });
  const made = await infoOf(manager, bucket);
  if (!made) throw failure ?? new Error("it is gone as soon as it was made");
  return fitting(client, bucket, made, options);
}

/** What has become of a bucket that was made then. */
export async function conditionOf(
  client: NatsConnection,
  manager: JetStreamManager,
  bucket: string,
  made: string,
): Promise<BucketCondition> {
  const info = await infoOf(manager, bucket);
  if (!info) return { is: "gone" };
  return { is: info.created === made ? "same" : "another", unfit: unfitFor(client, bucket, info.config) };
}

/** Whether a later attempt may end otherwise: no answer, or none for now. Who has no JetStream has none later either. */
function mayPass(cause: unknown): boolean {
  if (refusalOf(cause) || cause instanceof ConfigurationError || isWithoutJetStream(cause)) return false;
  return !(cause instanceof JetStreamApiError) || isForNow(cause);
}

function isWithoutJetStream(cause: unknown): boolean {
  const code = cause instanceof JetStreamApiError ? cause.code : undefined;
  const name = cause instanceof Error ? cause.name : "";
  return name === "JetStreamNotEnabled" || code === JetStreamApiCodes.JetStreamNotEnabledForAccount;
}

/** `undefined` if there is no such bucket. */
async function infoOf(manager: JetStreamManager, bucket: string): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(`KV_${bucket}`);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)
      return undefined;
    throw error;
  }
}

async function makeBucket(client: NatsConnection, bucket: string, options: NatsBucketOptions): Promise<void> {
  const opening = jetstream(client, jetstreamOptions(options.connectTimeoutMs ?? OPEN_TIMEOUT_MS, options));
  const how = { history: 1, replicas: options.replicas ?? 1, allow_direct: false };
  await new Kvm(opening).create(bucket, how);
}

/** @returns when it was made @throws {ConfigurationError} if its settings do not fit */
function fitting(
  client: NatsConnection,
  bucket: string,
  { config, created }: StreamInfo,
  { onCopies }: NatsBucketOptions,
): string {
  const fault = unfitFor(client, bucket, config);
  if (fault === undefined) {
    onCopies?.(config.num_replicas);
    return created;
  }
  throw new ConfigurationError(`Cannot use the bucket "${bucket}" for records: its stream has ${fault}`);
}

/** What of a stream's settings does not fit, for people; `undefined` if all do. */
function unfitFor(client: NatsConnection, bucket: string, config: StreamConfig): string | undefined {
  const most = client.info?.max_payload ?? Number.POSITIVE_INFINITY;
  const valueBytes = Math.min(VALUE_BYTES, Math.floor(most / 2));
  return unfitIn(config, { valueBytes, consumerIdleMs: CONSUMER_IDLE_MS }, bucket);
}

function openError(bucket: string, cause: unknown): Error {
  const refusal = refusalOf(cause);
  if (refusal) {
    const words = `Cannot open the bucket "${bucket}", or make it if it is missing: ${refusal.message}`;
    return new PermissionError(words, { cause });
  }
  if (cause instanceof ConfigurationError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (isWithoutJetStream(cause)) {
    return new ServerError("Cannot keep records: the nats-server has no JetStream; start it with -js", {
      cause,
    });
  }
  const words = `Cannot open the bucket "${bucket}": the server answered "${reason}"`;
  const isOurs = cause instanceof JetStreamApiError && !isForNow(cause) && !isForWantOfRoom(cause);
  if (isOurs) return new ConfigurationError(words, { cause });
  if (cause instanceof JetStreamApiError) return new ServerError(words, { cause });
  return new ServerError(`Cannot open the bucket "${bucket}": ${reason}`, { cause });
}
