/**
 * What becomes of an activation that has failed, as a contract says it.
 *
 * @module
 */
import { ConfigurationError } from "../../errors.ts";
import { unknownOption } from "../options.ts";

/** How an actor begins anew after it has failed. */
export interface RestartOptions {
  /**
   * - "on-error" (default): it begins anew when a handler has thrown, and keeps what waits for it;
   * - "always": so too, and whatever else ends it but `destroy()`: it does not fall asleep once it has begun;
   * - "never": it ends, and the next message begins it.
   */
  readonly policy?: "always" | "on-error" | "never";
  /** Failures within the time that let it begin anew; with the next one it is stopped. 0 to 1,000, default 5. */
  readonly max?: number;
  /** That time in milliseconds: 1 to 86,400,000. Default 10,000. */
  readonly withinMs?: number;
  /**
   * Pauses before it begins anew, in milliseconds: none after the first failure within the time, `minMs` after the second, twice as long
   * after each further one, `maxMs` at most. One that is stopped stays so for `maxMs`. 1 to 3,600,000, default 100 and 10,000.
   */
  readonly backoff?: { readonly minMs?: number; readonly maxMs?: number };
}

/** The same with every default filled in. */
export interface RestartRules {
  readonly policy: "always" | "on-error" | "never";
  readonly max: number;
  readonly withinMs: number;
  readonly backoff: { readonly minMs: number; readonly maxMs: number };
}

const MAX = 1_000;
const WITHIN_MAX_MS = 86_400_000;
const BACKOFF_MAX_MS = 3_600_000;
const POLICIES = ["always", "on-error", "never"] as const;
const OPTIONS: readonly string[] = ["policy", "max", "withinMs", "backoff"];
const PAUSES: readonly string[] = ["minMs", "maxMs"];

/** @throws {ConfigurationError} for a policy that is none, and for numbers that cannot work */
export function restartRules(kind: string, given: RestartOptions): RestartRules {
  checkKeys(kind, "restart", given, OPTIONS);
  const { policy = "on-error", max = 5, withinMs = 10_000, backoff = {} } = given;
  checkKeys(kind, "restart.backoff", backoff, PAUSES);
  if (!POLICIES.includes(policy))
    throw unusable(kind, "restart.policy", policy, `"always", "on-error" or "never"`);
  const { minMs = 100, maxMs = 10_000 } = backoff;
  check(kind, "restart.max", max, 0, MAX);
  check(kind, "restart.withinMs", withinMs, 1, WITHIN_MAX_MS);
  check(kind, "restart.backoff.minMs", minMs, 1, BACKOFF_MAX_MS);
  check(kind, "restart.backoff.maxMs", maxMs, minMs, BACKOFF_MAX_MS);
  return Object.freeze({ policy, max, withinMs, backoff: Object.freeze({ minMs, maxMs }) });
}

function checkKeys(kind: string, what: string, given: unknown, keys: readonly string[]): void {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw unusable(kind, what, given, `an object with any of ${keys.map((key) => `"${key}"`).join(", ")}`);
  const fault = unknownOption(given, keys, what);
  if (fault !== undefined) throw new ConfigurationError(`Cannot define kind "${kind}": ${fault}`);
}

function check(kind: string, what: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw unusable(kind, what, value, `a whole number from ${least} to ${most}`);
}

function unusable(kind: string, what: string, value: unknown, rule: string): ConfigurationError {
  return new ConfigurationError(
    `Cannot define kind "${kind}": its ${what} is ${JSON.stringify(value) ?? String(value)}, and must be ${rule}`,
  );
}
