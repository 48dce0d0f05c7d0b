/**
 * The times of the pulse, and what they must be to one another.
 *
 * @module
 */
import { ConfigurationError } from "../../errors.ts";
import { type LeaseTimes, leaseTimes } from "../lease/lease_times.ts";

/** All in milliseconds. */
export interface PulseTimes {
  /** From one beat to the next: each sends an echo to oneself, and probes to up to three neighbours. Default 250. */
  readonly pulseMs: number;
  /**
   * How long after its sending an echo that came back, an answered probe, or an acknowledged renewal shows that this
   * node and NATS reach each other. Default 1,500.
   */
  readonly freshMs: number;
  /** A neighbour that has answered nothing for this long is suspect. It says only that. Default 500. */
  readonly suspectMs: number;
  /**
   * How long NATS must know no connection of a node, by everybody's word, before it is declared dead ahead of its lease.
   * Default 2,500: the gate of a node without a connection closes within `freshMs`, and one whose connection was reset
   * is back well before.
   */
  readonly graceMs: number;
}

/** The defaults. */
export const PULSE_TIMES: PulseTimes = { pulseMs: 250, freshMs: 1_500, suspectMs: 500, graceMs: 2_500 };

/**
 * The default times with some replaced.
 *
 * @throws {ConfigurationError} for times that contradict one another, or those of the lease
 */
export function pulseTimes(given: Partial<PulseTimes>, { safeMs }: LeaseTimes): PulseTimes {
  const times = { ...PULSE_TIMES, ...given };
  for (const [name, value] of Object.entries(times)) {
    require(Number.isFinite(value) && value > 0, `"${name}" above 0`, value);
  }
  const { pulseMs, freshMs, suspectMs, graceMs } = times;
  require(pulseMs * 3 <= freshMs, `"pulseMs" of at most a third of "freshMs"`, pulseMs);
  require(freshMs <= safeMs, `"freshMs" up to "safeMs"`, freshMs);
  require(suspectMs >= pulseMs, `"suspectMs" of at least "pulseMs"`, suspectMs);
  require(graceMs > freshMs, `"graceMs" above "freshMs"`, graceMs);
  return times;
}

/** All times by which nodes judge one another. */
export type ClusterTimes = LeaseTimes & PulseTimes;

/** The default times with some replaced. @throws {ConfigurationError} for times that contradict one another */
export function clusterTimes(given: Partial<ClusterTimes> = {}): ClusterTimes {
  const { pulseMs, freshMs, suspectMs, graceMs, ...lease } = { ...PULSE_TIMES, ...given };
  const times = leaseTimes(lease);
  return { ...times, ...pulseTimes({ pulseMs, freshMs, suspectMs, graceMs }, times) };
}

/**
 * Until when what came back to a node that knows no other was sent, to count. Somebody may have joined since its latest
 * renewal, and find no connection of it for a grace, and be asked by nobody else. So its echo keeps its gate open no
 * longer than that grace.
 */
export function echoesUntil(lastAckedSentAt: number, { graceMs, freshMs }: PulseTimes): number {
  return lastAckedSentAt + graceMs - freshMs;
}

/**
 * How long after its latest renewal a node answers probes. Each answer keeps another's gate open for `freshMs`, and so it
 * may only come from one who is asked before that other is given up: not from one who may be dead by then.
 */
export function vouchesForMs({ leaseMs, freshMs }: ClusterTimes): number {
  return leaseMs - freshMs;
}

function require(holds: boolean, what: string, value: number): void {
  if (!holds) throw new ConfigurationError(`Cannot keep a heartbeat without ${what}: it is ${value}`);
}
