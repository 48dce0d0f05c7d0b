/**
 * Every bound and beat of a node in one place, with its default.
 *
 * @module
 */
import { ConfigurationError } from "../errors.ts";
import { TRIAL_DEFAULTS, type TrialSettings } from "../actors/activation/trials.ts";
import { LEASE_TIMES, type LeaseTimes } from "../cluster/lease/lease_times.ts";
import { CLEANER_DEFAULTS, type CleanerSettings } from "../cluster/records/cleaner.ts";
import { PULSE_TIMES, type PulseTimes } from "../cluster/heartbeat/pulse_times.ts";
import { TIMEOUT_MAX_MS } from "../delivery/sending/checks.ts";
import { DELIVERY_DEFAULTS, type DeliverySettings } from "../delivery/settings.ts";
import { HANDOFF_DEFAULTS, type HandoffSettings } from "../handoff/settings.ts";
import { BUCKET_DEFAULTS, type BucketSettings } from "./buckets.ts";

/** What all actors of a node may use together. */
export interface ActorSettings extends TrialSettings {
  /** Activations on the node; messages that would need another are refused as `busy`. Default 1,000,000. */
  readonly activationsMax: number;
  /** Bytes of states of sleeping actors; beyond, nothing more is passivated. Default 64 MiB. */
  readonly sleepingBytesMax: number;
  /** Bytes of messages in all mailboxes; beyond, asks are refused as `busy`, and tells wait. Default 256 MiB. */
  readonly mailboxBytesMax: number;
  /** Tells that may wait for room behind the mailbox of one actor; beyond, they are refused as `busy`. Default 1,024. */
  readonly tellsWaitingMax: number;
  /** Bytes of all that so wait on the node; beyond, tells are refused as `busy`. Default 64 MiB. */
  readonly tellsWaitingBytesMax: number;
  /**
   * Bytes of answers and tells of stored actors that wait until their state is stored; beyond, no further handler of a
   * stored actor starts, and its tells are refused as `busy`. Default 64 MiB.
   */
  readonly outputBytesMax: number;
  /** Milliseconds between two looks for idle actors. Default 1,000. */
  readonly sweepMs: number;
}

/** All settings of a node. */
export interface Settings
  extends LeaseTimes,
    PulseTimes,
    CleanerSettings,
    DeliverySettings,
    HandoffSettings,
    ActorSettings,
    BucketSettings {}

/** The defaults of everything. */
export const DEFAULT_SETTINGS: Settings = {
  ...LEASE_TIMES,
  ...PULSE_TIMES,
  ...CLEANER_DEFAULTS,
  ...DELIVERY_DEFAULTS,
  ...HANDOFF_DEFAULTS,
  ...BUCKET_DEFAULTS,
  activationsMax: 1_000_000,
  sleepingBytesMax: 67_108_864,
  mailboxBytesMax: 268_435_456,
  tellsWaitingMax: 1_024,
  tellsWaitingBytesMax: 67_108_864,
  outputBytesMax: 67_108_864,
  sweepMs: 1_000,
  ...TRIAL_DEFAULTS,
};

/** What may be 0: waiting not at all, or holding nothing. Everything else is at least 1. */
const MAY_BE_ZERO: ReadonlySet<string> = new Set([
  ...[
    "settleMs",
    "claimSettleMs",
    "drainMs",
    "ackDelayMs",
    "stageSliceMs",
    "heldMs",
    "retryMinMs",
    "trialHoldMs",
  ],
  ...["gapMax", "gapBytesMax", "heldMax", "heldBytesMax", "sleepingBytesMax", "journalMax", "activationsMax"],
  "tellsWaitingMax",
]);

/** The defaults with some replaced. @throws {ConfigurationError} for a name that is none, or a value that cannot work */
export function settingsWith(given: Partial<Settings>): Settings {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(DEFAULT_SETTINGS, name))
      throw new ConfigurationError(`Cannot use the setting "${name}": current release has no such one`);
    const least = MAY_BE_ZERO.has(name) ? 0 : 1;
    if (typeof value !== "number" || !(value >= least))
      throw new ConfigurationError(`Cannot use the setting "${name}": current value is ${String(value)}`);
  }
  checkOption("callTimeoutMs", given.callTimeoutMs, TIMEOUT_MAX_MS);
  return { ...DEFAULT_SETTINGS, ...given };
}

/** A number that is bounded above too. @throws {ConfigurationError} for a number that cannot work */
export function checkOption(name: string, value: number | undefined, most: number): void {
  if (value === undefined || (typeof value === "number" && value >= 0 && value <= most)) return;
  throw new ConfigurationError(
    `Cannot use "${name}" that is not from 0 to ${most}: current value is ${String(value)}`,
  );
}
