/**
 * Reads a request's argument: bounded in bytes, in time and in depth before anything is built from it.
 *
 * @module
 */
import type { Context } from "hono";
import { keyStep, pathOf } from "../codec/path.ts";
import { VALUE_LIMITS } from "../codec/value.ts";

/** An argument, or the code and the words of its refusal. */
export type Reading =
  | { readonly ok: true; readonly argument: unknown }
  | {
      readonly ok: false;
      readonly code: string;
      readonly detail: string;
      readonly path?: string;
      readonly retryable?: boolean;
    };

/** How much of a body is read, and for how long. */
export interface BodyBounds {
  readonly maxBytes: number;
  /** Calls back when the time is over; returns a function that ends the wait before. */
  atDeadline(run: () => void): () => void;
}

const JSON_TYPE = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-?8"?\s*)?;?$/i;

/**
 * Whether a body of this type is read at all. Only `application/json`: a page of another origin cannot send that
 * without asking first, while it can send a form or plain text.
 */
export function isJsonType(contentType: string | undefined): boolean {
  return contentType !== undefined && JSON_TYPE.test(contentType.trim());
}

/** Reads the body as one JSON value; an empty body is `undefined`. Never rejects for what a client does. */
export async function readArgument(c: Context, bounds: BodyBounds): Promise<Reading> {
  const bytes = await readBytes(c, bounds);
  if (typeof bytes === "string") return unread(bytes, bounds.maxBytes);
  return bytes.length === 0 ? { ok: true, argument: undefined } : parseArgument(bytes);
}

/** Why a body could not be read. */
type Unread = "too large" | "late" | "cut off";

function unread(why: Unread, maxBytes: number): Reading {
  switch (why) {
    case "too large":
      return {
        ok: false,
        code: "too-large",
        detail: `Cannot read the body: it has more than ${maxBytes} bytes`,
      };
    case "late":
      return {
        ok: false,
        code: "request-timeout",
        detail: "Cannot read the body: it was not complete at the call's deadline",
        retryable: true,
      };
    default:
      return refused("Cannot read the body: it was cut off");
  }
}

async function readBytes(c: Context, bounds: BodyBounds): Promise<Uint8Array | Unread> {
  const { maxBytes } = bounds;
  const announced = Number(c.req.header("content-length") ?? 0);
  if (announced > maxBytes) return "too large";
  const { body, bodyUsed } = c.req.raw;
  if (!bodyUsed) return body === null ? new Uint8Array(0) : collect(body, bounds);
  // A middleware has read it: Hono keeps what it read.
  const bytes = new Uint8Array(await c.req.arrayBuffer());
  return bytes.length > maxBytes ? "too large" : bytes;
}

/**
 * Everything a stream gives, unless it gets above the limit, for a chunked body announces no length; is not complete in
 * time; or ends by an error, as when its client has gone.
 */
async function collect(
  body: ReadableStream<Uint8Array>,
  { maxBytes, atDeadline }: BodyBounds,
): Promise<Uint8Array | Unread> {
  const reader = body.getReader();
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const forget = atDeadline(() => resolve("late"));
  try {
    const end = await Promise.race([drained(reader, maxBytes), late]);
    if (typeof end === "string") reader.cancel().catch(() => {});
    return end;
  } finally {
    forget();
  }
}

async function drained(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array | Unread> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return joined(chunks, size);
      size += value.length;
      if (size > maxBytes) return "too large";
      chunks.push(value);
    }
  } catch {
    return "cut off";
  }
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const [first] = chunks;
  if (chunks.length === 1 && first !== undefined) return first;
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

function parseArgument(bytes: Uint8Array): Reading {
  if (isTooDeep(bytes, VALUE_LIMITS.depthMax)) {
    return refused(`Cannot read the body: its JSON is nested deeper than ${VALUE_LIMITS.depthMax} levels`);
  }
  let argument: unknown;
  try {
    argument = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return refused("Cannot read the body: it is not JSON in UTF-8");
  }
  const found = faultOf(argument);
  if (found === undefined) return { ok: true, argument };
  return { ...refused(`Cannot read the body: it ${found.reason}`), path: pathOf(found.steps) };
}

function refused(detail: string): { readonly ok: false; readonly code: string; readonly detail: string } {
  return { ok: false, code: "invalid-argument", detail };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const OPEN_OBJECT = 0x7b;
const CLOSE_ARRAY = 0x5d;
const CLOSE_OBJECT = 0x7d;

/** Counts brackets outside strings, so that no parser has to recurse into a bomb. */
export function isTooDeep(bytes: Uint8Array, depthMax: number): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      if (++depth > depthMax) return true;
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth--;
  }
  return false;
}

/** What is wrong with a value; the way to it is collected backwards while the search returns. */
interface Fault {
  readonly reason: string;
  readonly steps: string[];
}

/** What JSON can say and no message may hold: a number that became infinite, half a surrogate pair, `__proto__`. */
function faultOf(value: unknown): Fault | undefined {
  if (typeof value === "number")
    return Number.isFinite(value) ? undefined : fault("holds a number out of range");
  if (typeof value === "string") return value.isWellFormed() ? undefined : fault("holds a lone surrogate");
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) return faultOfArray(value);
  for (const key of Object.keys(value)) {
    if (key === "__proto__" || !key.isWellFormed()) return fault("holds a key that cannot travel");
    const inner = faultOf((value as Record<string, unknown>)[key]);
    if (inner !== undefined) return within(inner, keyStep(key));
  }
  return undefined;
}

function faultOfArray(values: readonly unknown[]): Fault | undefined {
  for (let index = 0; index < values.length; index++) {
    const inner = faultOf(values[index]);
    if (inner !== undefined) return within(inner, `[${index}]`);
  }
  return undefined;
}

function fault(reason: string): Fault {
  return { reason, steps: [] };
}

function within(inner: Fault, step: string): Fault {
  inner.steps.push(step);
  return inner;
}
