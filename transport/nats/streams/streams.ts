/**
 * Streams of JetStream. A reader is a durable pull consumer that every node of a cluster may use.
 *
 * @module
 */
import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamClient,
  jetstream,
  type JetStreamManager,
} from "@nats-io/jetstream";
import { errors, headers as noHeaders, type MsgHdrs, nanos, type NatsConnection } from "@nats-io/nats-core";
import { ConfigurationError, TooLargeError } from "../../../errors.ts";
import type { Clock } from "../../../platform/clock.ts";
import { headerLine } from "../../headers.ts";
import type { ReaderOptions, StreamReader, Streams, Written } from "../../streams.ts";
import { jetstreamOptions, type NatsBucketOptions } from "../bucket.ts";
import { refusalOf } from "../errors.ts";
import { isApi, streamError } from "./errors.ts";
import { NatsReader } from "./reader.ts";

/** What streams need to know of the connection's options. */
export interface NatsStreamsOptions extends Pick<NatsBucketOptions, "domain"> {
  readonly inboxPrefix?: string;
  readonly onError?: (error: unknown) => void;
}

const TIMEOUT_MS = 4_000;

/** See the module's text. */
export class NatsStreams implements Streams {
  readonly #client: NatsConnection;
  readonly #clock: Clock;
  readonly #options: NatsStreamsOptions;
  readonly #js: JetStreamClient;

  constructor(client: NatsConnection, clock: Clock, options: NatsStreamsOptions) {
    this.#client = client;
    this.#clock = clock;
    this.#options = options;
    this.#js = jetstream(client, jetstreamOptions(TIMEOUT_MS, options));
  }

  async open(options: ReaderOptions): Promise<StreamReader> {
    const { stream, durable } = options;
    const { onError = () => {} } = this.#options;
    try {
      const manager = await this.#js.jetstreamManager(false);
      const { created } = await manager.streams.info(stream);
      const info = await readerOf(manager, options);
      const { domain, inboxPrefix } = this.#options;
      const prefix = domain === undefined ? "$JS.API" : `$JS.${domain}.API`;
      const deps = { client: this.#client, clock: this.#clock, manager, info, prefix, inboxPrefix, onError };
      return new NatsReader(deps, Date.parse(created));
    } catch (cause) {
      throw streamError(`Cannot read the stream "${stream}" by the consumer "${durable}"`, cause);
    }
  }

  async write(
    subject: string,
    payload: Uint8Array,
    given: Readonly<Record<string, string>>,
    id: string,
  ): Promise<Written> {
    const all = noHeaders();
    for (const [name, value] of Object.entries(given)) all.set(name, headerLine(value));
    all.set("Nats-Msg-Id", id);
    const bytes = payload.byteLength + ((all as MsgHdrs & { encode?(): Uint8Array }).encode?.().length ?? 0);
    const most = this.#client.info?.max_payload ?? Number.POSITIVE_INFINITY;
    if (bytes > most) throw new TooLargeError(`Cannot write ${bytes} bytes: a message may have ${most}`);
    try {
      await this.#js.publish(subject, payload, { headers: all, timeout: TIMEOUT_MS, retries: 0 });
      return "recorded";
    } catch (cause) {
      const refusal = refusalOf(cause);
      if (refusal) throw refusal;
      return isUnheard(cause) ? "unheard" : "unconfirmed";
    }
  }
}

function isUnheard(cause: unknown): boolean {
  if (cause instanceof JetStreamApiError || cause instanceof errors.NoRespondersError) return true;
  return cause instanceof Error && cause.cause !== undefined && isUnheard(cause.cause);
}

/** The consumer, made if it is missing: an administrator may have made it, and then this user need not be allowed to. */
async function readerOf(manager: JetStreamManager, options: ReaderOptions): Promise<ConsumerInfo> {
  const { stream, durable } = options;
  const wanted = configOf(options);
  let found: ConsumerInfo;
  try {
    found = await manager.consumers.info(stream, durable);
  } catch (error) {
    if (!isApi(error, JetStreamApiCodes.ConsumerNotFound)) throw error;
    return await manager.consumers.add(stream, wanted);
  }
  const fault = unfitIn(found.config, options);
  if (fault !== undefined)
    throw new ConfigurationError(
      `it has ${fault}; give the subscription another "durable", or remove that consumer: the next one begins anew`,
    );
  const { ack_wait, max_ack_pending } = wanted;
  if (found.config.ack_wait === ack_wait && found.config.max_ack_pending === max_ack_pending) return found;
  return await manager.consumers.update(stream, durable, { ack_wait, max_ack_pending });
}

function configOf({
  durable,
  filter,
  start,
  unsettledMax,
  againMs,
}: ReaderOptions): ConsumerConfig & { ack_wait: number; max_ack_pending: number } {
  return {
    name: durable,
    durable_name: durable,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(againMs),
    max_ack_pending: unsettledMax,
    deliver_policy: start === "all" ? DeliverPolicy.All : DeliverPolicy.New,
    max_deliver: -1,
    ...(filter === undefined ? {} : { filter_subject: filter }),
  } as ConsumerConfig & { ack_wait: number; max_ack_pending: number };
}

/** What of a consumer's settings does not fit, for people; `undefined` if all do. */
function unfitIn(config: ConsumerConfig, { filter }: ReaderOptions): string | undefined {
  const filters = config.filter_subjects ?? (config.filter_subject ? [config.filter_subject] : []);
  const isAll = filters.length === 0 || (filters.length === 1 && filters[0] === ">");
  const isSame =
    filter === undefined || filter === ">" ? isAll : filters.length === 1 && filters[0] === filter;
  if (!isSame)
    return `the filter ${JSON.stringify(filters.join(", "))} and not ${JSON.stringify(filter ?? ">")}`;
  if (config.deliver_subject) return "a subject to which it pushes";
  if (config.ack_policy !== AckPolicy.Explicit)
    return `the ack policy "${config.ack_policy}" and not "explicit"`;
  if ((config.max_deliver ?? -1) > 0)
    return `"max_deliver" ${config.max_deliver}, after which messages would be lost`;
  return undefined;
}
