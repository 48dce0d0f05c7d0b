/**
 * Errors as HTTP clients see them: `application/problem+json` (RFC 9457) with the framework's code, and the status
 * that is true. Never a stack, never a cause, never the value that was refused.
 *
 * @module
 */
import { ActorError, type ErrorData, statusOf as statusOfCode, toErrorData } from "../errors.ts";

/** The body of an error. */
export interface Problem {
  /** `urn:baton:error:` and the code. */
  readonly type: string;
  /** The same for every error of a status. */
  readonly title: string;
  readonly status: number;
  /** What was wrong this time, for people. */
  readonly detail: string;
  /** Stable word to compare: a code of this package or of the message's own, or `forbidden`, `request-timeout`, `unsupported-media-type`, `internal-error`. */
  readonly code: string;
  /** Whether the same request may be repeated: it has certainly not been handled. */
  readonly retryable: boolean;
  /** Where the argument disagrees with its schema. */
  readonly path?: string;
  /** `code` of what a handler threw, with `showHandlerErrors`. */
  readonly causeCode?: string;
  /** Of `unavailable`: "no-suitable-node" if no node has the labels that the kind requires. */
  readonly reason?: string;
  /** What comes with an error that the message declares. */
  readonly data?: unknown;
}

/** Conditions that only this side of the wire knows. */
const HTTP_STATUS: ReadonlyMap<string, number> = new Map([
  ["forbidden", 403],
  ["request-timeout", 408],
  ["unsupported-media-type", 415],
]);

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  408: "Request Timeout",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

const RETRY_AFTER: ReadonlySet<number> = new Set([429, 503]);

/** Headers of everything that is sent: answers of actors belong in no cache and are what they say they are. */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

/** The status of a code; what is not known is a fault of this side. */
export function statusOf(code: string): number {
  return HTTP_STATUS.get(code) ?? statusOfCode(code);
}

/** An error that arises here, before any actor is asked. */
export function problem(
  code: string,
  detail: string,
  more: { path?: string; retryable?: boolean } = {},
): Response {
  return problemResponse({ code, message: detail, retryable: false, ...more });
}

/**
 * The answer for whatever a call ended with.
 *
 * @param showHandlerErrors whether the words of a handler's own error may leave
 */
export function problemOf(thrown: unknown, showHandlerErrors: boolean): Response {
  if (!(thrown instanceof ActorError))
    return problem("internal-error", "Cannot answer: something unexpected happened");
  const data = toErrorData(thrown);
  if (data.code !== "handler-error" || showHandlerErrors) return problemResponse(data);
  return problem(data.code, "Cannot answer: the handler threw an error");
}

function problemResponse(data: ErrorData): Response {
  const status = data.declared?.status ?? statusOf(data.code);
  const body: Problem = {
    type: `urn:baton:error:${data.code}`,
    title: TITLES[status] ?? "Error",
    status,
    detail: data.message,
    code: data.code,
    retryable: data.retryable,
    ...(data.path === undefined ? {} : { path: data.path }),
    ...(data.causeCode === undefined ? {} : { causeCode: data.causeCode }),
    ...(data.reason === undefined ? {} : { reason: data.reason }),
    ...(data.declared === undefined ? {} : { data: data.declared.data }),
  };
  const headers = new Headers({ ...SAFE_HEADERS, "content-type": "application/problem+json" });
  if (RETRY_AFTER.has(status)) headers.set("retry-after", String(secondsOf(data.retryAfterMs)));
  // What is left of such a body still comes; nobody waits for it.
  if (status === 408) headers.set("connection", "close");
  return new Response(JSON.stringify(body), { status, headers });
}

/** Whole seconds, at least one: a client that is told 0 comes back at once. */
function secondsOf(retryAfterMs: number | undefined): number {
  const seconds = Math.ceil((retryAfterMs ?? 0) / 1_000);
  return Number.isFinite(seconds) ? Math.max(1, seconds) : 1;
}
