/**
 * One route that reaches every exposed message.
 *
 * ```
 * POST /:kind/:name/:message   body: the argument as JSON
 *
 *   is it exposed? ── no ──► 404, the same for kind and message
 *   is the name legal? ─ no ► 400        is it JSON? ── no ──► 415
 *   authorize ──────── no ──► 403        body in bounds? no ──► 413, 408, 400
 *   ask  ──► 200 with the result, 204 if there is none
 *   tell ──► 202 once the owner has it in the mailbox
 * ```
 *
 * @module
 */
import { type Context, Hono } from "hono";
import type { Contract } from "../actors/contract.ts";
import type { ContextEntries } from "../actors/caller/context_layer.ts";
import { declaredContext } from "../actors/caller/context_headers.ts";
import { type CallOptions, SENDER, type SenderOptions } from "../actors/ref.ts";
import { checkName } from "../transport/subjects.ts";
import { isJsonType, readArgument } from "./body.ts";
import { allowSilence, clientOf } from "./client.ts";
import { toJsonText } from "../codec/json.ts";
import {
  type ActorRoutesOptions,
  type Address,
  type CallingNode,
  checkOptions,
  type RoutesSettings,
} from "./options.ts";
import { problem, problemOf, SAFE_HEADERS } from "./problem.ts";
import { SharedTimers } from "./timers.ts";

/** Request header with the milliseconds, from its arrival on, after which an answer is worthless to the client. */
export const TIMEOUT_HEADER = "Baton-Timeout-Ms";

/** What a request takes that waits for nothing is not counted. */
const WAIT_MIN_MS = 50;

type Send = (argument: unknown, options: CallOptions) => Promise<unknown>;

/** A request that may be sent: where to, and whether it has an answer. */
interface Target {
  readonly address: Address;
  readonly contract: Contract;
  readonly type: "ask" | "tell";
}

/**
 * Makes a Hono app with `POST /:kind/:name/:message` for the contracts in `expose`; mount it with `app.route(path, …)`.
 *
 * The body is the argument as JSON, with `Content-Type: application/json`; an empty body is no argument. Names are
 * percent-encoded UTF-8, a slash as `%2F`. (The names "." and ".." cannot be written in a URL.) An ask is answered by
 * 200 and its result as JSON, or 204 if there is none; a tell by 202 once the owner has admitted it. Errors are
 * `application/problem+json`, see {@link Problem}; 429 and 503 carry `Retry-After`. A client that goes away ends its call.
 *
 * @throws {ConfigurationError} without `authorize`, or for options that cannot work
 */
export function actorRoutes(node: CallingNode, options: ActorRoutesOptions): Hono {
  const settings = checkOptions(options);
  const timers = new SharedTimers(settings.clock);
  const app = new Hono();
  app.post("/:kind/:name/:message", (c) => answer(c, node, settings, timers));
  return app;
}

async function answer(
  c: Context,
  node: CallingNode,
  settings: RoutesSettings,
  timers: SharedTimers,
): Promise<Response> {
  const { clock } = settings;
  const arrivedAt = clock.now();
  const target = targetOf(c, settings);
  if (target instanceof Response) return target;
  const timeoutMs = timeoutOf(c, settings.timeoutMs);
  if (timeoutMs === undefined) return badTimeout();
  if (!isJsonType(c.req.header("content-type")) || isCompressed(c)) return wrongType();
  const leftMs = () => {
    const passedMs = clock.now() - arrivedAt;
    return passedMs < WAIT_MIN_MS ? timeoutMs : timeoutMs - passedMs;
  };
  allowSilence(c, timeoutMs);
  const refusal = await authorized(c, target.address, settings);
  if (refusal !== undefined) return refusal;
  const reading = await readArgument(c, {
    maxBytes: settings.bodyMaxBytes,
    atDeadline: (run) => timers.after(leftMs(), run),
  });
  if (!reading.ok) {
    const { code, detail, path, retryable } = reading;
    return problem(code, detail, {
      ...(path === undefined ? {} : { path }),
      ...(retryable === undefined ? {} : { retryable }),
    });
  }
  if (leftMs() <= 0) return tooLate();
  const client = clientOf(c, timers);
  try {
    const context = declaredContext(settings.contextHeaders, (header) => c.req.header(header));
    const options = { timeoutMs: leftMs(), signal: client.signal };
    return await call(node, target, reading.argument, options, context);
  } catch (thrown) {
    const response = problemOf(thrown, settings.showHandlerErrors);
    if (response.status === 500) settings.onError(thrown, c);
    return response;
  } finally {
    client.forget();
  }
}

async function call(
  node: CallingNode,
  target: Target,
  argument: unknown,
  options: CallOptions,
  context: ContextEntries,
): Promise<Response> {
  const { kind: _, name, message } = target.address;
  const given: SenderOptions = { context, [SENDER]: "http" };
  const ref = node.ref(target.contract, name).with(given) as unknown as Readonly<Record<string, Send>>;
  const result = await ref[message]?.(argument, options);
  if (target.type === "tell") return new Response(null, { status: 202, headers: SAFE_HEADERS });
  const text = toJsonText(result);
  if (text === undefined) return new Response(null, { status: 204, headers: SAFE_HEADERS });
  return new Response(text, {
    status: 200,
    headers: { ...SAFE_HEADERS, "content-type": "application/json" },
  });
}

/** Whom a request addresses, from the raw path: routers differ in how they decode, and a name must not. */
function targetOf(c: Context, settings: RoutesSettings): Target | Response {
  const segments = new URL(c.req.raw.url).pathname.replace(/\/$/, "").split("/").slice(-3);
  const [kind, name, message] = segments.map(decoded);
  const contract = kind === undefined ? undefined : settings.contracts.get(kind);
  const type = contract === undefined || message === undefined ? undefined : typeOf(contract, message);
  if (contract === undefined || message === undefined || type === undefined) return notFound();
  if (name === undefined) return badName();
  try {
    checkName(name);
  } catch (thrown) {
    return problemOf(thrown, false);
  }
  return { address: { kind: contract.kind, name, message }, contract, type };
}

function typeOf(contract: Contract, message: string): "ask" | "tell" | undefined {
  return Object.hasOwn(contract.messages, message) ? contract.messages[message]?.type : undefined;
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

async function authorized(
  c: Context,
  address: Address,
  settings: RoutesSettings,
): Promise<Response | undefined> {
  if (settings.authorize === "public") return undefined;
  try {
    const verdict = await settings.authorize(c, address);
    if (verdict === true) return undefined;
    return verdict instanceof Response ? verdict : forbidden();
  } catch (thrown) {
    settings.onError(thrown, c);
    return problem("internal-error", "Cannot answer: the caller could not be checked");
  }
}

/** The deadline a request asks for, never above the one that is set; `undefined` if it is no number. */
function timeoutOf(c: Context, timeoutMaxMs: number): number | undefined {
  const given = c.req.header(TIMEOUT_HEADER);
  if (given === undefined) return timeoutMaxMs;
  return /^[1-9][0-9]{0,9}$/.test(given) ? Math.min(Number(given), timeoutMaxMs) : undefined;
}

function isCompressed(c: Context): boolean {
  const encoding = c.req.header("content-encoding");
  return encoding !== undefined && encoding.toLowerCase() !== "identity";
}

function badTimeout(): Response {
  return problem(
    "invalid-argument",
    `Cannot use the header "${TIMEOUT_HEADER}": its value is not a whole number above 0`,
  );
}

function tooLate(): Response {
  return problem("deadline-exceeded", "Cannot send the message: its deadline has passed", {
    retryable: true,
  });
}

function notFound(): Response {
  return problem("unknown-message", "Cannot find this message: the path names nothing that is exposed here");
}

function wrongType(): Response {
  return problem(
    "unsupported-media-type",
    "Cannot read the body: its type is not application/json in UTF-8, without compression",
  );
}

function badName(): Response {
  return problem("invalid-name", "Cannot address an actor: its name is not percent-encoded UTF-8");
}

function forbidden(): Response {
  return problem("forbidden", "Cannot call this actor: the caller is not allowed to");
}
