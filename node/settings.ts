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
import { TIMEOUT_MAX_MS } from "../delivery/calls/checks.ts";
import { DELIVERY_DEFAULTS, type DeliverySettings } from "../delivery/settings.ts";
import { HANDOFF_DEFAULTS, type HandoffSettings } from "../handoff/settings.ts";
import { KEEP_DEFAULTS, type KeepSettings } from "../keeping/keep_alive.ts";
import { BUCKET_DEFAULTS, type BucketSettings } from "./buckets.ts";

/** What all actors of a node may use together. */
export interface ActorSettings extends TrialSettings, KeepSettings {
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

/** The settings by what they are about. */
export interface SettingGroups {
  /** Who is alive, as its record says. */
  readonly lease: LeaseTimes;
  /** Who is alive, as echoes and probes say. */
  readonly heartbeat: PulseTimes;
  /** Messages between nodes. */
  readonly delivery: DeliverySettings;
  /** Moves, leaves and parking. */
  readonly handoff: HandoffSettings;
  /** What all actors of a node may use together. */
  readonly actors: ActorSettings;
  /** The buckets of the cluster and what is kept in them. */
  readonly records: CleanerSettings & BucketSettings;
}

/** Settings as they are given: in their groups, or each by its name, which no two groups share. */
export type GivenSettings = {
  readonly [Group in keyof SettingGroups]?: Partial<SettingGroups[Group]>;
} & Partial<Settings>;

/** The defaults by group. */
export const DEFAULT_GROUPS: SettingGroups = {
  lease: LEASE_TIMES,
  heartbeat: PULSE_TIMES,
  delivery: DELIVERY_DEFAULTS,
  handoff: HANDOFF_DEFAULTS,
  actors: {
    activationsMax: 1_000_000,
    sleepingBytesMax: 67_108_864,
    mailboxBytesMax: 268_435_456,
    tellsWaitingMax: 1_024,
    tellsWaitingBytesMax: 67_108_864,
    outputBytesMax: 67_108_864,
    sweepMs: 1_000,
    ...TRIAL_DEFAULTS,
    ...KEEP_DEFAULTS,
  },
  records: { ...CLEANER_DEFAULTS, ...BUCKET_DEFAULTS },
};

/** The defaults of everything. */
export const DEFAULT_SETTINGS: Settings = {
  ...DEFAULT_GROUPS.lease,
  ...DEFAULT_GROUPS.heartbeat,
  ...DEFAULT_GROUPS.delivery,
  ...DEFAULT_GROUPS.handoff,
  ...DEFAULT_GROUPS.actors,
  ...DEFAULT_GROUPS.records,
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

/**
 * The defaults with some replaced.
 *
 * @throws {ConfigurationError} for a name that is none or stands in another group, one that is given twice, or a value that
 *   cannot work
 */
export function settingsWith(settings: GivenSettings): Settings {
  const given = ungrouped(settings);
  for (const [name, value] of Object.entries(given)) {
    const least = MAY_BE_ZERO.has(name) ? 0 : 1;
    if (typeof value !== "number" || !(value >= least))
      throw new ConfigurationError(
        `Cannot use the setting "${name}": its value is ${String(value)}, and must be a number from ${least}`,
      );
  }
  checkOption("callTimeoutMs", given.callTimeoutMs, TIMEOUT_MAX_MS);
  return { ...DEFAULT_SETTINGS, ...given };
}

function ungrouped(settings: GivenSettings): Partial<Settings> {
  const given: Record<string, unknown> = {};
  const put = (name: string, value: unknown, legal: object, where: string) => {
    if (!Object.hasOwn(legal, name)) throw unknownSetting(name, where);
    if (value === undefined) return;
    if (Object.hasOwn(given, name))
      throw new ConfigurationError(
        `Cannot use the setting "${name}": it is given twice, in its group and beside it`,
      );
    given[name] = value;
  };
  for (const [name, value] of Object.entries(settings)) {
    if (!Object.hasOwn(DEFAULT_GROUPS, name)) {
      put(name, value, DEFAULT_SETTINGS, "settings");
      continue;
    }
    const legal = DEFAULT_GROUPS[name as keyof SettingGroups];
    for (const [inner, one] of Object.entries(value ?? {})) put(inner, one, legal, name);
  }
  return given;
}

function unknownSetting(name: string, where: string): ConfigurationError {
  const group = Object.entries(DEFAULT_GROUPS).find(([, settings]) => Object.hasOwn(settings, name))?.[0];
  const hint = group === undefined ? "docs/settings.md lists them all" : `it belongs to "${group}"`;
  return new ConfigurationError(
    `Cannot use the setting "${name}": there is none of that name in "${where}"; ${hint}`,
  );
}

/** A number that is bounded above too. @throws {ConfigurationError} for a number that cannot work */
export function checkOption(name: string, value: number | undefined, most: number): void {
  if (value === undefined || (typeof value === "number" && value >= 0 && value <= most)) return;
  throw new ConfigurationError(
    `Cannot use "${name}": its value is ${String(value)}, and must be a number from 0 to ${most}`,
  );
}
