/**
 * The transport over a real nats-server: core NATS for messages, JetStream for records.
 *
 * The settings and precautions are those that measurements asked for: reconnect for ever and soon, notice a dead peer
 * within seconds, never let a callback throw into the client (it would stop reading), bound what waits to go out.
 *
 * @module
 */
import {
  type ConnectionOptions,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
} from "@nats-io/nats-core";
import { ConfigurationError, ServerError } from "../errors.ts";
import { cleanClock, inCleanContext } from "../platform/async_context.ts";
import { type Clock, systemClock } from "../platform/clock.ts";
import { guarded } from "../platform/guarded.ts";
import { expectUncaught } from "../platform/uncaught.ts";
import { checkOptions } from "./nats_checks.ts";
import { NatsTransport } from "./nats_core.ts";
import { openNatsRecords } from "./nats_records.ts";
import { connect } from "./nats_socket.ts";
import type { Connection } from "./transport.ts";

/** Certificates in PEM form. */
export interface NatsTls {
  /** Authority to trust beside those of the system. */
  readonly ca?: string;
  /** Own certificate, where the server asks for one. */
  readonly cert?: string;
  readonly key?: string;
  /** Whether the server expects TLS from the first byte (`handshake_first`). */
  readonly handshakeFirst?: boolean;
}

/** Where the server is, who we are, and how patient. Times are in milliseconds. */
export interface NatsOptions {
  /** One or more, as `host:port` or `nats://host:port`. Default `127.0.0.1:4222`. */
  readonly servers?: string | readonly string[];
  /** Name of the connection, for those who look at the server. */
  readonly name?: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** Seed of an nkey, `SU…`. */
  readonly nkeySeed?: string;
  /** Contents of a `.creds` file. */
  readonly credentials?: string;
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
const VERSION_MIN = [2, 9, 10] as const;

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
  const settle = options.tls === undefined ? () => {} : expectAlerts(clock);
  let client: NatsConnection;
  try {
    client = await connectInTime(options, clock);
  } catch (error) {
    settle();
    throw error;
  }
  const version = client.info?.version ?? "";
  if (!isRecent(version)) {
    await client.close();
    settle();
    throw new ServerError(
      `Cannot use a nats-server older than ${VERSION_MIN.join(".")}: current value is "${version}"`,
    );
  }
  const transport = new NatsTransport(client, clock, options);
  return {
    type: "nats",
    client,
    transport,
    records: (bucket) => openNatsRecords(client, bucket, clock, options),
    onRefused: (listener) => transport.onRefused(listener),
    close: () => transport.close().finally(settle),
  };
}

/** @returns what is called when the connection is over; the last attempt's alert may come after that */
function expectAlerts(clock: Clock): () => void {
  const forgiveNoMore = expectUncaught(isTlsAlert);
  return () => void clock.after(ALERT_LATE_MS, forgiveNoMore);
}

/** What a server says that refuses our certificate, now or at a reconnect. */
function isTlsAlert(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("received fatal alert");
}

async function connectInTime(options: NatsOptions, clock: Clock): Promise<NatsConnection> {
  const timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = clock.after(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs} ms`)));
  const connecting = connect(clientOptions(options, timeoutMs));
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

function clientOptions(options: NatsOptions, timeoutMs: number): ConnectionOptions {
  const { name, user, password, token, inboxPrefix, resolve } = options;
  return {
    servers: serversOf(options),
    timeout: Math.min(timeoutMs, DIAL_TIMEOUT_MS),
    maxReconnectAttempts: -1,
    reconnectTimeWait: options.reconnectWaitMs ?? RECONNECT_WAIT_MS,
    pingInterval: options.pingIntervalMs ?? PING_INTERVAL_MS,
    maxPingOut: 2,
    noAsyncTraces: true,
    // A server that restarts without its accounts for a moment must not end the connection for good.
    ignoreAuthErrorAbort: true,
    ...authOf(options),
    ...(name === undefined ? {} : { name }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { pass: password }),
    ...(token === undefined ? {} : { token }),
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    ...(resolve === undefined ? {} : { resolve }),
    ...(options.tls === undefined ? {} : { tls: options.tls === true ? {} : { ...options.tls } }),
  };
}

function authOf(options: NatsOptions): Pick<ConnectionOptions, "authenticator"> {
  const encoder = new TextEncoder();
  if (options.credentials !== undefined) {
    return { authenticator: credsAuthenticator(encoder.encode(options.credentials)) };
  }
  if (options.nkeySeed !== undefined) {
    return { authenticator: nkeyAuthenticator(encoder.encode(options.nkeySeed)) };
  }
  return {};
}

function isRecent(version: string): boolean {
  const parts = version.split(/[.-]/).map(Number);
  for (const [i, least] of VERSION_MIN.entries()) {
    const part = parts[i] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}
