/**
 * Every error that Baton raises or carries between nodes.
 *
 * Each has a stable `code` (the wire carries that word, never a class name), says by `retryable` whether the same
 * call may be repeated unchanged, and has a message of the form "Cannot …: why, with the value at fault; what to do".
 *
 * @module
 */

/** What travels instead of an error object: plain data, without a stack unless the caller is trusted. */
export interface ErrorData {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  /** How long a caller should wait before it tries again, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Where in an argument or a state the schema disagreed. Never the value itself. */
  readonly path?: string;
  /** `code` of the error that a handler threw, if it had one, or the number that a server gave for its refusal. */
  readonly causeCode?: string;
  /** `name` of the error that a handler threw. */
  readonly causeName?: string;
  /** Of `unavailable`, as a word: "no-suitable-node" if no node has the labels that the kind requires. */
  readonly reason?: string;
  /** Stack of the error that a handler threw; only between nodes of one cluster. */
  readonly remoteStack?: string;
  /** Of an error that the message declares: what comes with it, and the status of an HTTP answer. */
  readonly declared?: { readonly data: unknown; readonly status: number };
}

/** The fields that may accompany an error beside its message. */
export type ErrorDetail = Omit<ErrorData, "code" | "message" | "retryable" | "declared"> & ErrorOptions;

/** Beside its message and code an error has only those of these that say something, so that a log shows no others. */
const TEXTS = ["path", "causeCode", "causeName", "reason", "remoteStack"] as const;
const DETAILS = ["retryAfterMs", ...TEXTS] as const;

/** Base of all errors of this package. Catch this one, or compare `code`. */
export abstract class ActorError extends Error {
  /** Stable word that names the condition, the same in every release and on the wire. */
  abstract readonly code: string;
  /** Whether the same call, unchanged, may be repeated: it has certainly not been handled. */
  abstract readonly retryable: boolean;
  declare readonly retryAfterMs: number | undefined;
  declare readonly path: string | undefined;
  declare readonly causeCode: string | undefined;
  declare readonly causeName: string | undefined;
  declare readonly reason: string | undefined;
  declare readonly remoteStack: string | undefined;

  constructor(message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    const said = DETAILS.filter((key) => detail[key] !== undefined);
    Object.assign(this, Object.fromEntries(said.map((key) => [key, detail[key]])));
  }
}

/** A name that cannot be an actor's: empty, too long, or not well-formed Unicode. */
export class InvalidNameError extends ActorError {
  override readonly name = "InvalidNameError";
  readonly code = "invalid-name";
  readonly retryable = false;
}

/** No node of the cluster hosts this kind. */
export class UnknownKindError extends ActorError {
  override readonly name = "UnknownKindError";
  readonly code = "unknown-kind";
  readonly retryable = false;
}

/** The contract declares no message of this name. */
export class UnknownMessageError extends ActorError {
  override readonly name = "UnknownMessageError";
  readonly code = "unknown-message";
  readonly retryable = false;
}

/** An argument does not fit its schema, or holds what cannot travel. `path` says where. */
export class InvalidArgumentError extends ActorError {
  override readonly name = "InvalidArgumentError";
  readonly code = "invalid-argument";
  readonly retryable = false;
}

/** A handler returned what its contract does not allow. It has run. */
export class InvalidResultError extends ActorError {
  override readonly name = "InvalidResultError";
  readonly code = "invalid-result";
  readonly retryable = false;
}

/** A state does not fit its schema, or could not be decoded or upgraded; the actor is never started fresh instead. */
export class InvalidStateError extends ActorError {
  override readonly name = "InvalidStateError";
  readonly code = "invalid-state";
  readonly retryable = false;
}

/** A bound is reached: mailbox, window, activations. Not handled; try again after `retryAfterMs`. */
export class BusyError extends ActorError {
  override readonly name = "BusyError";
  readonly code = "busy";
  readonly retryable = true;
}

/** No owner can be reached now: the node is leaving, paused, or the shard has no owner yet. Not handled. */
export class UnavailableError extends ActorError {
  override readonly name = "UnavailableError";
  readonly code = "unavailable";
  readonly retryable = true;
}

/** An argument, a result or a state above the stated limit. */
export class TooLargeError extends ActorError {
  override readonly name = "TooLargeError";
  readonly code = "too-large";
  readonly retryable = false;
}

/** The deadline passed and the message has certainly not been handled. */
export class DeadlineError extends ActorError {
  override readonly name = "DeadlineError";
  readonly code = "deadline-exceeded";
  readonly retryable = true;
}

/** The deadline passed, or the owner was lost, and nobody can tell whether the message was handled. */
export class OutcomeUnknownError extends ActorError {
  override readonly name = "OutcomeUnknownError";
  readonly code = "outcome-unknown";
  readonly retryable = false;
}

/** The actor has failed too often lately and is stopped for a while. Not handled; try again after `retryAfterMs`. */
export class ActorStoppedError extends ActorError {
  override readonly name = "ActorStoppedError";
  readonly code = "actor-stopped";
  readonly retryable = true;
}

/** The actor asked is waiting, through a chain of calls, for this very answer. */
export class CallCycleError extends ActorError {
  override readonly name = "CallCycleError";
  readonly code = "call-cycle";
  readonly retryable = false;
}

/** A handler threw. `causeName`, `causeCode` and, inside the cluster, `remoteStack` tell what. */
export class HandlerError extends ActorError {
  override readonly name = "HandlerError";
  readonly code = "handler-error";
  readonly retryable = false;
}

/** This activation has been sealed, given up or fenced; what it still does has no effect. */
export class FencedError extends ActorError {
  override readonly name = "FencedError";
  readonly code = "fenced";
  readonly retryable = false;
}

/** The caller, or a node at its leave deadline, aborted the work. */
export class AbortedError extends ActorError {
  override readonly name = "AbortedError";
  readonly code = "aborted";
  readonly retryable = false;
}

/** Bytes that are not a message of ours: malformed, truncated, too deep, too long. */
export class DecodeError extends ActorError {
  override readonly name = "DecodeError";
  readonly code = "decode-failed";
  readonly retryable = false;
}

/** A value that cannot travel: a function, a class instance, a cycle, a lone surrogate. `path` says where. */
export class EncodeError extends ActorError {
  override readonly name = "EncodeError";
  readonly code = "encode-failed";
  readonly retryable = false;
}

/** A frame of another cluster, or of a protocol version that is not spoken here. */
export class ProtocolError extends ActorError {
  override readonly name = "ProtocolError";
  readonly code = "protocol-mismatch";
  readonly retryable = false;
}

/** What cannot work: contradictory options, a kind or a store other than the cluster has it, a name in use, a release too far apart. */
export class ConfigurationError extends ActorError {
  override readonly name = "ConfigurationError";
  readonly code = "invalid-configuration";
  readonly retryable = false;
}

/** The server cannot serve: unreachable, without JetStream, or too old. */
export class ServerError extends ActorError {
  override readonly name = "ServerError";
  readonly code = "server-unsuitable";
  readonly retryable = true;
}

/** A call at the door is for another cluster of the same name, or for a former generation of this one. Not handled. */
export class OtherClusterError extends ActorError {
  override readonly name = "OtherClusterError";
  readonly code = "other-cluster";
  readonly retryable = false;
}

/** The credentials of a node are refused, have expired, or cannot be had; with them it cannot stay connected. */
export class CredentialsError extends ActorError {
  override readonly name = "CredentialsError";
  readonly code = "credentials-refused";
  readonly retryable = false;
}

/** The server refuses a subject: this connection's user has no permission for it. */
export class PermissionError extends ActorError {
  override readonly name = "PermissionError";
  readonly code = "permission-denied";
  readonly retryable = false;
}

/**
 * A change or a reading of records, or of a store, got no answer: none came in time, or the server cannot serve for now.
 * A change may have been applied or not. Settle it by repeating.
 */
export class RecordsUnavailableError extends ActorError {
  override readonly name = "RecordsUnavailableError";
  readonly code = "records-unavailable";
  readonly retryable = true;
}

/**
 * The server has refused a change or a reading of records, or of a store: its storage is full, a limit is reached, a
 * stream is sealed. Nothing was applied, and the same will be refused again until somebody has changed that. The message
 * has the server's words, and `causeCode` its number where it gave one.
 */
export class RecordsRefusedError extends ActorError {
  override readonly name = "RecordsRefusedError";
  readonly code = "records-refused";
  readonly retryable = false;
}

/**
 * The stream of a subscription cannot be read: it is not there (`reason`: "missing"), or the server gives no answer for now. It is tried
 * again by itself.
 */
export class StreamUnavailableError extends ActorError {
  override readonly name = "StreamUnavailableError";
  readonly code = "stream-unavailable";
  readonly retryable = true;
}

/** The node has stopped; start another. */
export class NodeStoppedError extends ActorError {
  override readonly name = "NodeStoppedError";
  readonly code = "node-stopped";
  readonly retryable = false;
}

/** An answer of the actor that its message declares as an error: `code` says which, and `data` is what comes with it. */
export class DeclaredError<Code extends string = string, Data = unknown> extends ActorError {
  override readonly name = "DeclaredError";
  readonly code: Code;
  readonly retryable = false;
  readonly data: Data;
  /** Of an HTTP answer; known where the contract is. */
  readonly status: number | undefined;
  constructor(code: Code, data: Data, message: string = `The actor has answered "${code}"`, status?: number) {
    super(message);
    this.code = code;
    this.data = data;
    this.status = status;
  }
}

/** An error with a code that this release does not know, from a newer node. */
export class RemoteError extends ActorError {
  override readonly name = "RemoteError";
  readonly code: string;
  readonly retryable: boolean;
  constructor(data: ErrorData) {
    super(data.message, data);
    this.code = data.code;
    this.retryable = data.retryable;
  }
}

const CLASSES = [
  InvalidNameError,
  UnknownKindError,
  UnknownMessageError,
  InvalidArgumentError,
  InvalidResultError,
  InvalidStateError,
  BusyError,
  UnavailableError,
  TooLargeError,
  DeadlineError,
  OutcomeUnknownError,
  ActorStoppedError,
  CallCycleError,
  HandlerError,
  FencedError,
  AbortedError,
  DecodeError,
  EncodeError,
  ProtocolError,
  ConfigurationError,
  ServerError,
  OtherClusterError,
  CredentialsError,
  PermissionError,
  RecordsUnavailableError,
  RecordsRefusedError,
  StreamUnavailableError,
  NodeStoppedError,
] as const;

const BY_CODE: ReadonlyMap<string, (typeof CLASSES)[number]> = new Map(
  CLASSES.map((of) => [new of("").code as string, of]),
);

/** Every code this release knows, in the order of the classes above. */
export const ERROR_CODES: readonly string[] = [...BY_CODE.keys()];

/**
 * The data form of any thrown value. What is not an `ActorError` becomes a `handler-error`. Never throws: a value may be
 * anything, a revoked proxy or an error whose getters throw among them.
 */
export function toErrorData(thrown: unknown): ErrorData {
  return (
    read(() => (thrown instanceof ActorError ? ownErrorData(thrown) : foreignErrorData(thrown))) ?? UNREADABLE
  );
}

/** Whether a thrown value is an error of this package. Never throws. */
export function isActorError(thrown: unknown): thrown is ActorError {
  return read(() => thrown instanceof ActorError) ?? false;
}

/** What can be said of a thrown value in one sentence; `otherwise` if it says nothing. Never throws. */
export function wordsOf(thrown: unknown, otherwise: string): string {
  return read(() => (thrown instanceof Error ? carried(thrown.message) : otherwise)) ?? otherwise;
}

/** The name of a thrown error; "Error" if it has none. Never throws. */
export function nameOf(thrown: unknown): string {
  return read(() => (thrown instanceof Error ? carried(thrown.name) : "Error")) ?? "Error";
}

const UNREADABLE: ErrorData = Object.freeze({
  code: "handler-error",
  retryable: false,
  message: "A handler threw something that cannot be read",
});

function read<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined; // a getter or a trap of it threw
  }
}

function ownErrorData(thrown: ActorError): ErrorData {
  const { code, retryable, message, retryAfterMs } = thrown;
  const data: Record<string, unknown> = {
    code: carried(code),
    message: carried(message),
    retryable: retryable === true,
  };
  if (typeof retryAfterMs === "number" && Number.isFinite(retryAfterMs)) data.retryAfterMs = retryAfterMs;
  for (const key of TEXTS) {
    const value: unknown = thrown[key];
    if (value !== undefined) data[key] = carried(value);
  }
  if (thrown instanceof DeclaredError && thrown.status !== undefined)
    data.declared = { data: thrown.data, status: thrown.status };
  return data as unknown as ErrorData;
}

function foreignErrorData(thrown: unknown): ErrorData {
  const base = { code: "handler-error", retryable: false };
  if (!(thrown instanceof Error))
    return { ...base, message: "A handler threw something that is not an Error" };
  const { message, name, stack, code } = thrown as Error & { code?: unknown };
  return {
    ...base,
    message: carried(message),
    causeName: carried(name),
    ...(typeof code === "string" ? { causeCode: carried(code) } : {}),
    ...(typeof stack === "string" ? { remoteStack: carried(stack) } : {}),
  };
}

/** A text that can travel: well-formed, and not so long that it would fill a frame. */
function carried(text: unknown): string {
  return typeof text === "string" ? text.slice(0, TEXT_MAX).toWellFormed() : `(${typeof text})`;
}
const TEXT_MAX = 8_192;

/** The error object of its data form: the class of its code, or `RemoteError` for a code of a newer release. */
export function fromErrorData(data: ErrorData): ActorError {
  const { code, declared, message } = data;
  if (declared) return new DeclaredError(code, declared.data, message, declared.status);
  const of = BY_CODE.get(data.code);
  return of ? new of(data.message, data) : new RemoteError(data);
}

/** The same data without what must not leave the cluster. */
export function publicErrorData(data: ErrorData): ErrorData {
  const { remoteStack: _, ...rest } = data;
  return rest;
}

/** Codes by status, in the numbers of HTTP, which clients of NATS services know as well. */
const STATUSES: readonly (readonly [number, string])[] = [
  [400, "invalid-name invalid-argument encode-failed decode-failed"],
  [404, "unknown-kind unknown-message"],
  [409, "call-cycle invalid-state"],
  [413, "too-large"],
  [421, "other-cluster"],
  [429, "busy"],
  [
    503,
    "unavailable actor-stopped aborted node-stopped server-unsuitable records-unavailable records-refused credentials-refused stream-unavailable",
  ],
  [504, "deadline-exceeded outcome-unknown"],
];

/** The status of a code; what is not known is a fault of this side, 500. */
export function statusOf(code: string): number {
  return STATUSES.find(([, codes]) => codes.split(" ").includes(code))?.[0] ?? 500;
}
