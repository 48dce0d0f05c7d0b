/**
 * Options of a NATS connection that cannot work with any server. Said before the first attempt: who tries again for as
 * long as a server is out of reach would try for ever.
 *
 * @module
 */
import { ConfigurationError } from "../../errors.ts";

const REPLICAS_MAX = 5;
const AT_LEAST_ONE = [
  "connectTimeoutMs",
  "reconnectWaitMs",
  "pingIntervalMs",
  "flushTimeoutMs",
  "recordsTimeoutMs",
  "replicas",
  "outgoingBytesMax",
  "refusedMs",
] as const;
/** One token of a subject. */
const TOKEN = /^[^\s.*>]+$/;
/** Tokens of a subject, without wildcards. */
const PREFIX = /^[^\s.*>]+(\.[^\s.*>]+)*$/;

/** Of the options, what is checked here; whatever the types say, programs get them from files and environments. */
interface CheckedOptions extends Partial<Readonly<Record<(typeof AT_LEAST_ONE)[number], unknown>>> {
  readonly servers?: unknown;
  readonly inboxPrefix?: string;
  readonly domain?: unknown;
}

/** @throws {ConfigurationError} */
export function checkOptions(options: CheckedOptions): void {
  for (const name of AT_LEAST_ONE) {
    const value = options[name];
    if (value !== undefined && !(typeof value === "number" && value >= 1)) throw unusable(name, value);
  }
  const { servers, replicas = 1, inboxPrefix, domain } = options;
  if (!Number.isInteger(replicas) || Number(replicas) > REPLICAS_MAX) throw unusable("replicas", replicas);
  if (servers !== undefined) checkServers(servers);
  if (inboxPrefix !== undefined && !PREFIX.test(inboxPrefix)) throw unusable("inboxPrefix", inboxPrefix);
  if (domain !== undefined && !(typeof domain === "string" && TOKEN.test(domain)))
    throw unusable("domain", domain);
}

function checkServers(servers: unknown): void {
  const all: unknown[] = Array.isArray(servers) ? servers : [servers];
  if (all.length === 0) throw unusable("servers", "none");
  for (const server of all)
    if (typeof server !== "string" || !isAddress(server)) throw unusable("servers", server);
}

/** As the client reads it: with or without a scheme or a port; an IPv6 address with or without brackets. */
function isAddress(server: string): boolean {
  const address = server.includes("://") ? server.slice(server.indexOf("://") + 3) : server;
  return address !== "" && [`http://${address}`, `http://[${address}]`].some((url) => URL.canParse(url));
}

function unusable(option: string, value: unknown): ConfigurationError {
  return new ConfigurationError(`Cannot connect: "${option}" is ${JSON.stringify(value) ?? String(value)}`);
}
