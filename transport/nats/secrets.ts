/**
 * What a NATS connection shows of itself at each dial. Each secret is a text, or a function that is asked anew when what it
 * gave was shown to a server, so that one that ends can be followed by another.
 *
 * @module
 */
import { type Auth, type ConnectionOptions, credsAuthenticator, nkeyAuthenticator } from "@nats-io/nats-core";
import { ConfigurationError, wordsOf } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";

/** A text, or a function that gives it; the function is asked at every dial that reaches a server. */
export type Secret = string | (() => string | Promise<string>);

/** Certificates in PEM form. */
export interface NatsTls {
  /** Authority to trust beside those of the system. */
  readonly ca?: Secret;
  /** Own certificate, where the server asks for one. */
  readonly cert?: Secret;
  readonly key?: Secret;
  /** Whether the server expects TLS from the first byte (`handshake_first`). */
  readonly handshakeFirst?: boolean;
}

/** The secrets of a connection. */
export interface SecretOptions {
  readonly user?: Secret;
  readonly password?: Secret;
  readonly token?: Secret;
  readonly nkeySeed?: Secret;
  readonly credentials?: Secret;
  readonly tls?: true | NatsTls;
}

/** What was given for each that there is. */
type Given = Partial<Record<Name, string>>;
type Name = "user" | "password" | "token" | "nkeySeed" | "credentials" | "ca" | "cert" | "key";

/** A function that gives nothing for so long is asked anew. */
const ASK_TIMEOUT_MS = 10_000;
/** A dial that comes so soon after a question takes its answer, unless a server was shown it. */
const FRESH_MS = 5_000;
/** After a question without an answer of use, the next one waits so long, in milliseconds; doubled each time, up to the longest. */
const PAUSE_MIN_MS = 250;
const PAUSE_MAX_MS = 10_000;
/** An empty text is as none for these, as it is for the client. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set(["user", "password", "token"]);

/** See the module's text. */
export class Secrets {
  readonly #sources: readonly (readonly [Name, Secret])[];
  readonly #tls: NatsTls | undefined;
  readonly #clock: Clock;
  #given: Given = {};
  #authenticate: (nonce?: string) => Auth = () => undefined;
  #asking: Promise<void> | undefined;
  /** Before it nobody is asked again: what was given is fresh, or could not be had. */
  #askAgainAt = Number.NEGATIVE_INFINITY;
  /** Why the last question gave nothing of use. */
  #failure: unknown;
  #pauseMs = PAUSE_MIN_MS;

  /** @throws {ConfigurationError} for a text that is not of its form */
  constructor({ tls, ...options }: SecretOptions, clock: Clock) {
    const { user, password, token, nkeySeed, credentials } = options;
    this.#tls = tls === true ? {} : tls;
    const { ca, cert, key } = this.#tls ?? {};
    const all = { user, password, token, nkeySeed, credentials, ca, cert, key };
    this.#sources = Object.entries(all).flatMap(([name, source]) => {
      const isNone = source === undefined || (source === "" && MAY_BE_EMPTY.has(name));
      return isNone ? [] : [[name as Name, source] as const];
    });
    this.#clock = clock;
    const texts = this.#sources.filter(([, source]) => typeof source !== "function");
    this.#take(Object.fromEntries(texts) as Given);
  }

  /** Whether the next dial may show something else. */
  get canChange(): boolean {
    return this.#sources.some(([, source]) => typeof source === "function");
  }

  /** Whether functions have to be asked before the next dial. */
  get mustAsk(): boolean {
    return this.canChange && this.#clock.now() >= this.#askAgainAt;
  }

  /** What the client is told instead of the secrets themselves. It calls it when a server is there, and waits for it. */
  get authenticator(): (nonce?: string) => Auth {
    return (nonce) => {
      this.shown();
      return this.#authenticate(nonce);
    };
  }

  /** When what was given last ends, in milliseconds since 1970; `undefined` if it does not say. */
  get endsAt(): number | undefined {
    return this.#given.credentials === undefined ? undefined : endOf(this.#given.credentials);
  }

  /** The client's options for the next dial. */
  optionsWith<T extends ConnectionOptions>(options: T): T {
    if (this.#tls === undefined) return options;
    const { ca, cert, key } = this.#given;
    const tls = {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(this.#tls.handshakeFirst === undefined ? {} : { handshakeFirst: this.#tls.handshakeFirst }),
    };
    return { ...options, tls };
  }

  /**
   * Asks every function, unless what they gave was not shown yet, or they gave nothing of use a moment ago. A dial that is
   * given up leaves the question to the next.
   *
   * @throws {ConfigurationError} for one that throws, gives nothing in time, or gives what is not of its form
   */
  async ask(): Promise<void> {
    if (this.mustAsk) await (this.#asking ??= this.#askAll().finally(() => (this.#asking = undefined)));
    else if (this.#failure !== undefined) throw this.#failure;
  }

  /** What was given goes to a server now: the next dial asks again. */
  shown(): void {
    if (this.#failure === undefined) this.#askAgainAt = Number.NEGATIVE_INFINITY;
  }

  async #askAll(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = this.#clock.after(ASK_TIMEOUT_MS, () => resolve(undefined));
    try {
      const asked = this.#sources.map(([name, source]) => this.#askOne(name, source, late));
      this.#take(Object.fromEntries(await Promise.all(asked)) as Given);
      this.#failure = undefined;
      this.#pauseMs = PAUSE_MIN_MS;
      this.#askAgainAt = this.#clock.now() + FRESH_MS;
    } catch (error) {
      this.#failure = error;
      this.#askAgainAt = this.#clock.now() + this.#pauseMs;
      this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MAX_MS);
      throw error;
    } finally {
      timer.cancel();
    }
  }

  async #askOne(name: Name, source: Secret, late: Promise<undefined>): Promise<[Name, unknown]> {
    if (typeof source !== "function") return [name, source];
    try {
      return [name, await Promise.race([source(), late])];
    } catch (cause) {
      throw new ConfigurationError(
        `Cannot connect with "${name}": its function threw "${wordsOf(cause, "no error")}"`,
        { cause },
      );
    }
  }

  /** @throws {ConfigurationError} */
  #take(given: Given): void {
    for (const [name, source] of this.#sources)
      if (name in given || typeof source === "function") checkText(name, source, given);
    this.#given = given;
    this.#authenticate = authenticatorOf(given);
  }
}

/** The client signs with these; nothing in it throws, for its texts have been tried. */
function authenticatorOf({ user, password, token, nkeySeed, credentials }: Given): (nonce?: string) => Auth {
  const sign = signerOf(nkeySeed, credentials);
  const words = {
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { pass: password }),
    ...(token === undefined ? {} : { auth_token: token }),
  };
  return (nonce) => ({ ...words, ...(sign?.(nonce) as object | undefined) }) as Auth;
}

function signerOf(
  nkeySeed: string | undefined,
  credentials: string | undefined,
): ((nonce?: string) => Auth) | undefined {
  const encoder = new TextEncoder();
  if (credentials !== undefined) return credsAuthenticator(encoder.encode(credentials));
  return nkeySeed === undefined ? undefined : nkeyAuthenticator(encoder.encode(nkeySeed));
}

/** Texts are nobody's business, so only their kind is told. @throws {ConfigurationError} */
function checkText(name: Name, source: Secret, given: Given): void {
  const text: unknown = given[name];
  if (text === undefined && typeof source === "function" && !(name in given)) return; // not asked yet
  if (typeof text !== "string" || (text === "" && typeof source === "function")) {
    const kind = text === "" ? "an empty text" : text === undefined ? "nothing" : `a ${typeof text}`;
    const by = typeof source === "function" ? "its function gave" : "it is";
    throw new ConfigurationError(`Cannot connect with "${name}": ${by} ${kind}`);
  }
  if (name !== "nkeySeed" && name !== "credentials") return;
  try {
    signerOf(name === "nkeySeed" ? text : undefined, name === "credentials" ? text : undefined)?.("nonce");
  } catch (cause) {
    throw new ConfigurationError(`Cannot connect with "${name}": the text is not of that form`, {
      cause,
    });
  }
}

/** Of the JWT in a credentials file: by its own word, not checked. */
function endOf(credentials: string): number | undefined {
  const claims = /-----BEGIN NATS USER JWT-----\s+[\w-]+\.([\w-]+)\./.exec(credentials)?.[1];
  if (claims === undefined) return undefined;
  try {
    const text = atob(claims.replaceAll("-", "+").replaceAll("_", "/"));
    const { exp } = JSON.parse(text) as { exp?: unknown };
    return typeof exp === "number" && exp > 0 ? exp * 1_000 : undefined;
  } catch {
    return undefined;
  }
}
