/**
 * What the runtimes' servers know of a request's client: whether it has gone, and how long it may be silent.
 *
 * @module
 */
import type { Context } from "hono";
import { isDeno } from "../platform/runtime.ts";
import type { SharedTimers } from "./timers.ts";

/** On Deno, a call must have lasted so many milliseconds before anybody asks whether its client has gone. */
export const DENO_ASKS_AFTER_MS = 1_000;
/** Bun closes a connection after ten seconds without a byte, unless told otherwise. */
const BUN_IDLE_MS = 10_000;
/** The longest time that Bun can count, in seconds; 0 is for ever. */
const BUN_IDLE_MAX_S = 255;
/** What the answer needs after the call has ended. */
const SPARE_S = 5;

/** A client as a call sees it. */
export interface Client {
  /** Aborts when it has gone. */
  readonly signal: AbortSignal;
  /** The call has ended. */
  forget(): void;
}

/**
 * The client of a request. Deno aborts a request's signal also when it was answered well, and warns of that once anybody has
 * looked at the signal. So there it is looked at only for calls that last.
 */
export function clientOf(c: Context, timers: SharedTimers): Client {
  if (!isDeno()) return { signal: c.req.raw.signal, forget() {} };
  const controller = new AbortController();
  const abort = () => controller.abort();
  let forget = timers.after(DENO_ASKS_AFTER_MS, () => {
    const { signal } = c.req.raw;
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    forget = () => signal.removeEventListener("abort", abort);
  });
  return { signal: controller.signal, forget: () => forget() };
}

interface BunServer {
  timeout?(request: Request, seconds: number): void;
}

/**
 * Lets a call last as long as it may on Bun, if the app was given Bun's server: `fetch: app.fetch` does that, and so does
 * `app.fetch(request, { server })`.
 */
export function allowSilence(c: Context, timeoutMs: number): void {
  if (timeoutMs < BUN_IDLE_MS - SPARE_S * 1_000) return;
  const env = c.env as (BunServer & { readonly server?: BunServer }) | undefined;
  const server = typeof env?.timeout === "function" ? env : env?.server;
  if (typeof server?.timeout !== "function") return;
  const seconds = Math.ceil(timeoutMs / 1_000) + SPARE_S;
  server.timeout(c.req.raw, seconds > BUN_IDLE_MAX_S ? 0 : seconds);
}
