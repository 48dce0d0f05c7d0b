/**
 * What {@link actorRoutes} may be told, checked once when it is mounted.
 *
 * @module
 */
import type { Context } from "hono";
import { unfitContextHeaders } from "../actors/caller/context_headers.ts";
import type { Contract } from "../actors/contract.ts";
import type { Ref } from "../actors/ref.ts";
import { ConfigurationError } from "../errors.ts";
import { type Clock, systemClock } from "../platform/clock.ts";

/** The part of a node that the routes use. Every `ActorNode` has it, also one that hosts nothing. */
export interface CallingNode {
  ref<C extends Contract>(contract: C, name: string): Ref<C>;
}

/** What a request addresses: an exposed kind, a legal name, a declared message. */
export interface Address {
  readonly kind: string;
  readonly name: string;
  readonly message: string;
}

/**
 * Decides about one request before its body is read. `true` lets it pass, a `Response` is sent as it is (a 401 with its
 * challenge, say), and anything else, a throw included, refuses.
 */
export type Authorize = (c: Context, address: Address) => boolean | Response | Promise<boolean | Response>;

/** Settings of {@link actorRoutes}. */
export interface ActorRoutesOptions {
  /** The contracts whose messages can be called. What is not listed answers like what does not exist. */
  readonly expose: readonly Contract[];
  /** Who may call what. The word "public" says knowingly: everybody. There is no default. */
  readonly authorize: Authorize | "public";
  /** Largest body in bytes. Default 1,048,576. */
  readonly bodyMaxBytes?: number;
  /**
   * Milliseconds until a call must have ended, from the arrival of its request on: the body must be there by then too. The
   * header `Baton-Timeout-Ms` can only shorten it. Default 5,000.
   */
  readonly timeoutMs?: number;
  /**
   * Names of the headers of a request that enter as its context: the handler finds them in `this.caller.context`. Whoever may
   * call may write there what he likes. At most 16, of `a-z`, digits, ".", "_" and "-", whatever the case in the request.
   * Default: none.
   */
  readonly contextHeaders?: readonly string[];
  /**
   * Whether a client is told the message and the `code` of what a handler threw. Default false: such texts are written
   * for logs, and may tell more than a client should know.
   */
  readonly showHandlerErrors?: boolean;
  /**
   * Told of what `authorize` threw, and of errors that are a fault of this package. For a log. Not of what clients do, such
   * as going away in the middle of a body.
   */
  readonly onError?: (error: unknown, c: Context) => void;
  /** For tests. */
  readonly clock?: Clock;
}

/** The options with every default filled in. */
export interface RoutesSettings {
  readonly contracts: ReadonlyMap<string, Contract>;
  readonly authorize: Authorize | "public";
  readonly bodyMaxBytes: number;
  readonly timeoutMs: number;
  readonly contextHeaders: readonly string[];
  readonly showHandlerErrors: boolean;
  readonly onError: (error: unknown, c: Context) => void;
  readonly clock: Clock;
}

const BODY_MAX_BYTES = 1_048_576;
const TIMEOUT_MS = 5_000;

/** Fills in the defaults. @throws {ConfigurationError} for what is missing or cannot work */
export function checkOptions(options: ActorRoutesOptions): RoutesSettings {
  const { authorize } = options;
  if (authorize !== "public" && typeof authorize !== "function") {
    const hint = 'give a function, or the word "public" to let everybody in';
    throw new ConfigurationError(`Cannot mount actors: "authorize" is ${shown(authorize)}; ${hint}`);
  }
  return {
    contracts: contractsByKind(options.expose),
    authorize,
    bodyMaxBytes: wholeNumber("bodyMaxBytes", options.bodyMaxBytes ?? BODY_MAX_BYTES),
    timeoutMs: wholeNumber("timeoutMs", options.timeoutMs ?? TIMEOUT_MS),
    contextHeaders: contextHeadersOf(options.contextHeaders ?? []),
    showHandlerErrors: options.showHandlerErrors ?? false,
    onError: options.onError ?? (() => {}),
    clock: options.clock ?? systemClock(),
  };
}

function contractsByKind(expose: readonly Contract[]): ReadonlyMap<string, Contract> {
  if (!Array.isArray(expose)) {
    throw new ConfigurationError(
      `Cannot mount actors: "expose" is ${shown(expose)}; give a list of contracts`,
    );
  }
  const contracts = new Map<string, Contract>();
  for (const contract of expose as readonly Contract[]) {
    if (contracts.has(contract.kind)) {
      throw new ConfigurationError(`Cannot expose kind "${contract.kind}" twice: it is in "expose" already`);
    }
    contracts.set(contract.kind, contract);
  }
  return contracts;
}

function contextHeadersOf(names: readonly string[]): readonly string[] {
  const fault = unfitContextHeaders(names);
  if (fault === undefined) return [...names];
  throw new ConfigurationError(`Cannot mount actors: "contextHeaders" cannot be used; ${fault}`);
}

function wholeNumber(what: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new ConfigurationError(
    `Cannot mount actors: "${what}" is ${shown(value)}, and must be a whole number from 1`,
  );
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
