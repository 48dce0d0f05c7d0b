/**
 * How the door behaves, with its defaults.
 *
 * @module
 */
import { unfitContextHeaders } from "../actors/caller/context_headers.ts";
import { ConfigurationError } from "../errors.ts";
import { TIMEOUT_MAX_MS } from "../delivery/calls/checks.ts";

/** How the door behaves. */
export interface DoorOptions {
  /** Kinds that may be called. Default: every kind of the cluster. */
  readonly expose?: readonly string[];
  /** What reply subjects must begin with; anything else is dropped and counted. Default `["_INBOX."]`. */
  readonly replyPrefixes?: readonly string[];
  /** Longest time a call may take, in milliseconds. Default 5,000. A client may ask for less by `Baton-Timeout-Ms`. */
  readonly timeoutMs?: number;
  /** Calls that may be on their way at once; more are refused as `busy`. Default 10,000. */
  readonly callsMax?: number;
  /**
   * Names of the headers of a request that enter as its context: the handler finds them in `this.caller.context`. At most 16, of
   * `a-z`, digits, ".", "_" and "-"; NATS tells `a` from `A`. Default: none.
   */
  readonly contextHeaders?: readonly string[];
  /**
   * Whether a client is told the message, `code` and `name` of what a handler threw. Default false: such texts are
   * written for logs, and may tell more than a client should know.
   */
  readonly showHandlerErrors?: boolean;
}

/** The options with their defaults. */
export interface DoorSettings extends Required<Omit<DoorOptions, "expose">> {
  readonly expose: readonly string[] | undefined;
}

/** @throws {ConfigurationError} for options that cannot work, or that would let a client make a node publish anywhere */
export function checkDoor({ replyPrefixes, timeoutMs, callsMax, contextHeaders }: DoorOptions): void {
  const fault = contextHeaders === undefined ? undefined : unfitContextHeaders(contextHeaders);
  if (fault !== undefined)
    throw new ConfigurationError(`Cannot open the door: its "contextHeaders" cannot be used; ${fault}`);
  const arePrefixes =
    Array.isArray(replyPrefixes) && replyPrefixes.every((each) => typeof each === "string" && each);
  if (replyPrefixes !== undefined && !arePrefixes) throw unusable("replyPrefixes", replyPrefixes);
  if (timeoutMs !== undefined && !(timeoutMs >= 1 && timeoutMs <= TIMEOUT_MAX_MS))
    throw unusable("timeoutMs", timeoutMs);
  if (callsMax !== undefined && !(callsMax >= 1)) throw unusable("callsMax", callsMax);
}

function unusable(name: string, value: unknown): ConfigurationError {
  return new ConfigurationError(
    `Cannot open the door: its "${name}" is ${JSON.stringify(value) ?? String(value)}`,
  );
}

/** What is undefined is as if it were left out. */
export function doorOptions(given: DoorOptions, callTimeoutMs: number): DoorSettings {
  const {
    expose,
    replyPrefixes = ["_INBOX."],
    timeoutMs = callTimeoutMs,
    callsMax = 10_000,
    contextHeaders = [],
    showHandlerErrors = false,
  } = given;
  return { expose, replyPrefixes, timeoutMs, callsMax, contextHeaders, showHandlerErrors };
}
