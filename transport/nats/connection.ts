/**
 * The transport over a real nats-server: core NATS for messages, JetStream for records.
 *
 * The settings and precautions are those that measurements asked for: reconnect for ever and soon, notice a dead peer
 * within seconds, never let a callback throw into the client (it would stop reading), bound what waits to go out.
 *
 * @module
 */
import type { ConnectionOptions, NatsConnection } from "@nats-io/nats-core";
import { ConfigurationError, ServerError } from "../../errors.ts";
import { cleanClock, inCleanContext } from "../../platform/async_context.ts";
import { type Clock, systemClock } from "../../platform/clock.ts";
import { guarded } from "../../platform/guarded.ts";
import { expectUncaught } from "../../platform/process/uncaught.ts";
import { checkOptions } from "./checks.ts";
import { NatsTransport } from "./messages.ts";
import { CredentialsWatch, isTlsAlert } from "./credentials.ts";
import { recordersOf } from "./recorders.ts";
import { openNatsRecords } from "./records.ts";
import { type NatsTls, type Secret, Secrets } from "./secrets.ts";
import { connect, type Dialling } from "./socket.ts";
import { NatsStreams } from "./streams/streams.ts";
import { isAtLeast, outdatedFor, outdatedWords, VERSION_MIN } from "./server_versions.ts";
import type { Connection, OutdatedServer } from "../transport.ts";

export type { NatsTls, Secret } from "./secrets.ts";

/** Where the server is, who we are, and how patient. Times are in milliseconds. */
export interface NatsOptions {
  /** One or more, as `host:port` or `nats://host:port`. Default `127.0.0.1:4222`. */
  readonly servers?: string | readonly string[];
  /** Name of the connection, for those who look at the server. */
  readonly name?: string;
  /** Each secret, and each certificate of `tls`, is a text, or a function that is asked for it at every dial that reaches a server. */
  readonly user?: Secret;
  readonly password?: Secret;
  readonly token?: Secret;
  /** Seed of an nkey, `SU…`. */
  readonly nkeySeed?: Secret;
  /** Contents of a `.creds` file. */
  readonly credentials?: Secret;
  /**
   * How long the server may refuse all that, with no connection in between, before this one is over for good; three
   * refusals at least. Texts that have expired are over at the second refusal. Default 10,000.
   */
  readonly refusedMs?: number;
  /** `true` demands TLS with the system's authorities. */
  readonly tls?: true | NatsTls;
  /** What answers to this connection begin with; of use with permissions. Default `_INBOX`. */
  readonly inboxPrefix?: string;
  /** How long the start may take. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Wait between attempts to reconnect. Default 150. */
  readonly reconnectWaitMs?: number;
  /** How often the server is asked whether it is there; two silent answers end the connection. Default 750. */
  readonly pingIntervalMs?: number;
  /** How long `flush` waits. Default 2,000. */
  readonly flushTimeoutMs?: number;
  /** How long a request for a record waits. Default 1,000. */
  readonly recordsTimeoutMs?: number;
  /**
   * JetStream's domain, where that is not the one of the server that is connected to: on a leafnode, the hub's. All nodes of
   * a cluster must name the same. Default: that of the server.
   */
  readonly domain?: string;
  /** Copies of each bucket in a cluster of servers, when it is made. Default 1. */
  readonly replicas?: number;
  /** Bytes that may be on their way to the server, unconfirmed; beyond it messages are dropped. Default 64 MiB. */
  readonly outgoingBytesMax?: number;
  /**
   * Whether host names are resolved before connecting. Default true; `false` lets a Deno process do with
   * `--allow-net=name:port`.
   */
  readonly resolve?: boolean;
  /** Told what a callback threw, and what the server complains about. Default: nobody. */
  readonly onError?: (error: unknown) => void;
  /** Default: the clock of this machine. */
  readonly clock?: Clock;
}

/** A connection over NATS. */
export interface NatsTransportConnection extends Connection {
  readonly type: "nats";
  /** The client underneath, for what the ports do not offer. Closing it is not its user's business. */
  readonly client: NatsConnection;
}

const CONNECT_TIMEOUT_MS = 5000;
/** One attempt: a server that takes the connection and stays silent must not hold up the next attempt for long. */
const DIAL_TIMEOUT_MS = 2000;
const RECONNECT_WAIT_MS = 150;
const PING_INTERVAL_MS = 750;
const ALERT_LATE_MS = 1_000;
const REFUSED_MS = 10_000;

/**
 * Connects to a nats-server of version 2.9.10 or newer.
 *
 * @throws {ServerError} if none answers in time, or if it is too old
 * @throws {ConfigurationError} for options that cannot work, or if the server refuses the credentials
 */
export function natsTransport(options: NatsOptions = {}): Promise<NatsTransportConnection> {
  const { onError } = options;
  const given = onError ? { ...options, onError: guarded(onError) } : options;
  return inCleanContext(() => connected(given)); // what comes in has nothing to do with whoever connects
}

async function connected(options: NatsOptions): Promise<NatsTransportConnection> {
  const clock = cleanClock(options.clock ?? systemClock());
  checkOptions(options);
  const secrets = new Secrets(options, clock);
  const watch = new CredentialsWatch(secrets, clock, options.refusedMs ?? REFUSED_MS);
  const settle = options.tls === undefined ? () => {} : expectAlerts(clock);
  let client: NatsConnection;
  try {
    client = await connectInTime(options, secrets, diallingWith(secrets, watch), clock);
  } catch (error) {
    watch.stop();
    settle();
    throw error;
  }
  const version = client.info?.version ?? "";
  if (!isAtLeast(version, VERSION_MIN)) {
    await client.close();
    watch.stop();
    settle();
    throw new ServerError(`Cannot use a nats-server older than ${VERSION_MIN}: this one is "${version}"`);
  }
  const transport = new NatsTransport(client, clock, {
    ...options,
    onServerError: (error) => watch.heard(error),
  });
  let outdated: OutdatedServer | undefined;
  const onCopies = (copies: number) => {
    const found = outdatedFor(copies, client.info?.version ?? version);
    if (found && !outdated) options.onError?.(new ServerError(outdatedWords(found)));
    outdated ??= found;
  };
  let closing: Promise<void> | undefined;
  const close = () => {
    watch.stop();
    closing ??= transport.close().finally(settle);
    return closing;
  };
  transport.onStatus(({ connected }) => connected && watch.connected());
  watch.onOver = () => void close().catch((error: unknown) => options.onError?.(error));
  watch.connected();
  return {
    type: "nats",
    client,
    transport,
    mayHearOthers: true,
    records: (bucket) => openNatsRecords(client, bucket, clock, { ...options, onCopies }),
    outdated: () => outdated,
    onRefused: (listener) => transport.onRefused(listener),
    onCredentials: (listener) => watch.listen(listener),
    recordersOf: (subject) => recordersOf(client, subject),
    streams: new NatsStreams(client, clock, options),
    close,
  };
}

/** Each dial shows what the secrets give now. While no server is there, none is asked for. */
function diallingWith(secrets: Secrets, watch: CredentialsWatch): Dialling {
  return {
    prepare: async (options, reach) => {
      if (secrets.mustAsk) await reach();
      await secrets.ask();
      return secrets.optionsWith(options);
    },
    handshake: () => secrets.shown(),
    failed: (error) => {
      if (error instanceof ConfigurationError) watch.failed(error);
      else watch.heard(error);
    },
  };
}

/** @returns what is called when the connection is over; the last attempt's alert may come after that */
function expectAlerts(clock: Clock): () => void {
  const forgiveNoMore = expectUncaught(isTlsAlert);
  return () => void clock.after(ALERT_LATE_MS, forgiveNoMore);
}

/** A function may take longer than one dial may: so the first answer comes before the first dial. */
async function connectInTime(
  options: NatsOptions,
  secrets: Secrets,
  dialling: Dialling,
  clock: Clock,
): Promise<NatsConnection> {
  const timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = clock.after(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs} ms`)));
  const connecting = secrets
    .ask()
    .then(() => connect({ ...clientOptions(options, secrets, timeoutMs), dialling }));
  try {
    return await Promise.race([connecting, late]);
  } catch (cause) {
    connecting.then((client) => client.close()).catch(() => {});
    throw connectError(options, cause);
  } finally {
    timer.cancel();
  }
}

function connectError(options: NatsOptions, cause: unknown): ServerError | ConfigurationError {
  if (cause instanceof ConfigurationError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const where = serversOf(options).join(", ");
  if (cause instanceof Error && cause.name === "AuthorizationError") {
    return new ConfigurationError(`Cannot connect to the nats-server at ${where}: it answered "${reason}"`, {
      cause,
    });
  }
  return new ServerError(`Cannot reach a nats-server at ${where}: ${reason}`, { cause });
}

function serversOf(options: NatsOptions): string[] {
  const servers = options.servers ?? "127.0.0.1:4222";
  return typeof servers === "string" ? [servers] : [...servers];
}

function clientOptions(options: NatsOptions, secrets: Secrets, timeoutMs: number): ConnectionOptions {
  const { name, inboxPrefix, resolve } = options;
  return {
    servers: serversOf(options),
    timeout: Math.min(timeoutMs, DIAL_TIMEOUT_MS),
    maxReconnectAttempts: -1,
    reconnectTimeWait: options.reconnectWaitMs ?? RECONNECT_WAIT_MS,
    pingInterval: options.pingIntervalMs ?? PING_INTERVAL_MS,
    maxPingOut: 2,
    noAsyncTraces: true,
    // A server that restarts without its accounts for a moment must not end the connection; when it does, `refusals.ts` tells.
    ignoreAuthErrorAbort: true,
    authenticator: secrets.authenticator,
    ...(name === undefined ? {} : { name }),
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    ...(resolve === undefined ? {} : { resolve }),
    ...(options.tls === undefined ? {} : { tls: {} }),
  };
}
