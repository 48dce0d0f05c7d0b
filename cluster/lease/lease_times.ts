/**
 * The times of a lease, and what they must be to one another.
 *
 * @module
 */
import { ConfigurationError } from "../../errors.ts";

/** All in milliseconds. Every node of a cluster must use the same `leaseMs`. */
export interface LeaseTimes {
  /**
   * How long a node that shows no sign of life counts as alive. Default 15,000. Not shorter on a replicated JetStream:
   * when the server of the stream's leader is lost, nothing can be written for 4 to 9 s.
   */
  readonly leaseMs: number;
  /** From one renewal to the next. Default 1,500. */
  readonly renewMs: number;
  /** A renewal without an answer is repeated after this. Default 1,000. */
  readonly renewTimeoutMs: number;
  /**
   * How long after a renewal was sent a node may have effects. Default 12,000: less than the lease by what clocks may
   * drift apart in it, and by what an effect may need to get out.
   */
  readonly safeMs: number;
}

/** The defaults. */
export const LEASE_TIMES: LeaseTimes = {
  leaseMs: 15_000,
  renewMs: 1_500,
  renewTimeoutMs: 1_000,
  safeMs: 12_000,
};

/**
 * The default times with some replaced.
 *
 * @throws {ConfigurationError} for times that contradict one another
 */
export function leaseTimes(given: Partial<LeaseTimes> = {}): LeaseTimes {
  const times = { ...LEASE_TIMES, ...given };
  for (const [name, value] of Object.entries(times)) {
    require(Number.isFinite(value) && value > 0, `"${name}" above 0`, value);
  }
  require(times.renewMs * 3 <= times.leaseMs, `"renewMs" of at most a third of "leaseMs"`, times.renewMs);
  require(times.renewTimeoutMs <= times.renewMs, `"renewTimeoutMs" up to "renewMs"`, times.renewTimeoutMs);
  require(times.safeMs <= times.leaseMs * 0.8, `"safeMs" of at most 80 % of "leaseMs"`, times.safeMs);
  require(times.safeMs >= times.renewMs * 2, `"safeMs" of at least twice "renewMs"`, times.safeMs);
  return times;
}

/**
 * A pause between two acknowledged renewals that means more than one lost message: the store was away, or this node
 * was. One who lived through it cannot judge the silence of others.
 */
export function outageMs(times: LeaseTimes): number {
  return 2 * times.renewMs + times.renewTimeoutMs;
}

/** How long the bucket must be missing, once a lease has run out for want of it, to count as gone for ever. */
export function missingMs(times: LeaseTimes): number {
  return times.leaseMs / 3;
}

function require(holds: boolean, what: string, value: number): void {
  if (!holds) throw new ConfigurationError(`Cannot hold a lease without ${what}: it is ${value}`);
}
