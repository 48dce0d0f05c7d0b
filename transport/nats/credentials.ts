/**
 * Follows what becomes of a connection's secrets: warns before they end, tells when they are refused or cannot be had, and
 * says when the connection is over for it.
 *
 * @module
 */
import { errors } from "@nats-io/nats-core";
import { type ConfigurationError, CredentialsError } from "../../errors.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import { type Refused, refusedAgain } from "./refusals.ts";
import type { Secrets } from "./secrets.ts";
import type { CredentialsNotice } from "../transport.ts";

/** How long before its end a JWT is warned of, at most; of a short one, when a fifth of its time is left. */
const WARN_MS = 3_600_000;
const WARN_PART = 0.2;

/** See the module's text. */
export class CredentialsWatch {
  /** Called once, when trying again is of no use. */
  onOver: ((error: CredentialsError) => void) | undefined;
  readonly #secrets: Secrets;
  readonly #clock: Clock;
  readonly #patienceMs: number;
  readonly #listeners = new Set<(notice: CredentialsNotice) => void>();
  #failure: ConfigurationError | undefined;
  #refused: Refused | undefined;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(secrets: Secrets, clock: Clock, patienceMs: number) {
    this.#secrets = secrets;
    this.#clock = clock;
    this.#patienceMs = patienceMs;
  }

  /** Returns a function that stops it. */
  listen(listener: (notice: CredentialsNotice) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The server has let this connection in. */
  connected(): void {
    this.#refused = undefined;
    this.#warnInTime();
  }

  /**
   * A function has given nothing of use. It is asked again, for as long as that takes: what it asks may be away. A dial
   * that comes before that meets the same error, which is told once.
   */
  failed(cause: ConfigurationError): void {
    if (cause === this.#failure) return;
    this.#failure = cause;
    this.#tell({ type: "refused", error: new CredentialsError(cause.message, { cause }), final: false });
  }

  /** What the server says, or an alert of its TLS; other errors do not matter here. */
  heard(cause: unknown): void {
    if (!isRefusal(cause) || this.#isOver) return;
    const now = this.#clock.now();
    const { endsAt, canChange } = this.#secrets;
    const hasEnded = isEnd(cause) || (endsAt !== undefined && endsAt <= this.#clock.wall());
    const { refused, isOver } = refusedAgain(this.#refused, { now, hasEnded, canChange }, this.#patienceMs);
    this.#refused = refused;
    this.#isOver = isOver;
    const ended = hasEnded ? ", and what it was shown has expired" : "";
    const words = `Cannot stay connected: the nats-server answered "${cause.message}"${ended}`;
    const error = new CredentialsError(words, { cause });
    this.#tell({ type: "refused", error, final: isOver });
    if (isOver) this.onOver?.(error);
  }

  stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  #warnInTime(): void {
    this.#timer?.cancel();
    const { endsAt } = this.#secrets;
    if (endsAt === undefined || this.#isOver) return;
    const leftMs = endsAt - this.#clock.wall();
    this.#warnAt(endsAt - Math.min(WARN_MS, leftMs * WARN_PART), endsAt);
  }

  /** By the wall clock, which says when a JWT ends; a timer may be over before. */
  #warnAt(wallMs: number, endsAt: number): void {
    const leftMs = wallMs - this.#clock.wall();
    this.#timer = this.#clock.after(Math.max(0, leftMs), () => {
      if (this.#clock.wall() < wallMs) this.#warnAt(wallMs, endsAt);
      else void this.#nearEnd(endsAt);
    });
  }

  /** A function may have others by now; they are shown at the next dial, which is at the end of these. */
  async #nearEnd(endsAt: number): Promise<void> {
    try {
      await this.#secrets.ask();
    } catch (error) {
      this.failed(error as ConfigurationError);
    }
    if (this.#isOver || (this.#secrets.endsAt ?? Infinity) > endsAt) return;
    this.#tell({ type: "expiring", endsAt });
  }

  #tell(notice: CredentialsNotice): void {
    for (const listener of [...this.#listeners]) listener(notice);
  }
}

/** What a server says that refuses our certificate, now or at a reconnect. */
export function isTlsAlert(error: unknown): error is Error {
  return (
    error instanceof Error &&
    /received fatal alert|alert (bad|unknown|expired|certificate)/i.test(error.message)
  );
}

function isRefusal(error: unknown): error is Error {
  return (
    error instanceof errors.AuthorizationError ||
    error instanceof errors.UserAuthenticationExpiredError ||
    isTlsAlert(error)
  );
}

function isEnd(error: Error): boolean {
  return /expired/i.test(error.message);
}
