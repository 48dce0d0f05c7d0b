/** What goes wrong in a simulation, and how much of it. */
import type { Settings } from "../../node/settings.ts";
import type { WorkloadName } from "./workloads.ts";

/** Something that is done to nodes from outside. */
export type TroubleName =
  | ("crash" | "freeze" | "suspend" | "cut" | "partition" | "records" | "store")
  /** A connection that only its server knows to be lost. */
  | "half"
  /** Some do not find one whom the others find. */
  | "hide"
  /** Messages get lost on their way in one direction only. */
  | "mute"
  /** A node that has just begun to join is killed, or cut off. */
  | ("crash-join" | "cut-join")
  /** After a cut or a freeze the records stay away from it. */
  | ("cut-blind" | "freeze-blind")
  /** Its wall clock is set forward or back. */
  | "step"
  /** A second process is started under its name. */
  | "twin";

/** One sort of simulation. */
export interface ProfileData {
  /** For people. */
  readonly title: string;
  readonly workload: WorkloadName;
  /** Faults stop after this much time, in milliseconds. */
  readonly faultyMs: number;
  /** Mean pause between two messages of one sender, in milliseconds. */
  readonly pauseMs: number;
  /** Share of the events that are troubles; the others are joins and leaves in order. */
  readonly troubleShare: number;
  /** With repetitions: what comes more often stands here more often. */
  readonly troubles: readonly TroubleName[];
  /** Milliseconds from one event to the next, at most. */
  readonly betweenMs: number;
  /** Writes that nobody waits for any more are applied late, as a share of all writes. */
  readonly lateWrites: number;
  /** Longest delay of the watches of nodes that hear late, in milliseconds. */
  readonly slowWatchMs: number;
  /** The longest that handlers take, in milliseconds. */
  readonly longestMs: number;
  /** Whether nothing is lost or late by chance: then whoever waits can be asked what for. */
  readonly isCalm: boolean;
  /** Whether faults are also aimed at the moments at which they do most. */
  readonly aims: boolean;
  /** How far the wall clocks of two nodes are apart, in milliseconds, at most. */
  readonly wallsApartMs: number;
  readonly lease: Pick<Settings, "leaseMs" | "renewMs" | "renewTimeoutMs" | "safeMs"> & Partial<Settings>;
}

const LONG_LEASE = { leaseMs: 6_000, renewMs: 600, renewTimeoutMs: 250, safeMs: 4_500 };
const SHORT_LEASE = {
  ...{ leaseMs: 3_000, renewMs: 400, renewTimeoutMs: 200, safeMs: 2_200 },
  ...{ pulseMs: 150, freshMs: 700, suspectMs: 250, graceMs: 1_100 },
};

function troubled(
  title: string,
  troubles: readonly TroubleName[],
  more: Partial<ProfileData> = {},
): ProfileData {
  return {
    ...{ title, troubles, faultyMs: 8_000, pauseMs: 130, troubleShare: 0.5, betweenMs: 1_100 },
    ...{ lateWrites: 0.02, slowWatchMs: 0, longestMs: 2_000, isCalm: false, aims: false, lease: SHORT_LEASE },
    ...{ workload: "memory", wallsApartMs: 0 },
    ...more,
  };
}

/** All profiles by name. */
export const PROFILES = {
  planned: {
    ...{ title: "nodes join, leave, and lose their connection for a moment; none is lost", troubles: [] },
    ...{ faultyMs: 3_000, pauseMs: 50, troubleShare: 0, betweenMs: 700, lateWrites: 0, lease: LONG_LEASE },
    ...{ slowWatchMs: 0, longestMs: 2_000, isCalm: false, aims: false, wallsApartMs: 0, workload: "memory" },
  },
  crash: troubled("nodes are killed, and come back at once, later or never", ["crash"]),
  freeze: troubled("processes freeze and machines sleep, shorter and longer than the lease", [
    "freeze",
    "freeze",
    "suspend",
  ]),
  cut: troubled("nodes are cut off from everything, or from each other", ["cut", "partition"]),
  joins: troubled(
    "nodes are killed or cut off while they join, and messages get lost in one direction only",
    ["crash-join", "cut-join", "cut-join", "mute", "mute", "cut", "partition"],
    { betweenMs: 900 },
  ),
  records: troubled("the records are out of reach, for one node or for all", ["records", "store"]),
  half: troubled(
    "connections are half open, ways lead in one direction only, records stay away after a cut or a freeze",
    ["half", "half", "hide", "cut-blind", "freeze-blind"],
    { slowWatchMs: 400 },
  ),
  aimed: troubled(
    "nodes are killed, frozen or cut off just as a shard is prepared, handed over or claimed, or a lease is renewed",
    ["crash", "half", "freeze-blind"],
    { troubleShare: 0.1, aims: true, slowWatchMs: 400, longestMs: 5_000, betweenMs: 800 },
  ),
  all: troubled(
    "everything at once",
    [
      ...(["crash", "crash", "freeze", "suspend", "cut", "partition", "records", "store"] as const),
      ...(["mute", "crash-join", "cut-join"] as const),
    ],
    { troubleShare: 0.6 },
  ),
  slow: troubled(
    "handlers run for long, states are huge or unreadable, and nodes freeze, while others join and leave",
    ["freeze"],
    {
      ...{ isCalm: true, troubleShare: 0.15, pauseMs: 60, betweenMs: 700, lateWrites: 0 },
      ...{ longestMs: 4_000, workload: "crowded" },
    },
  ),
  kept: {
    ...{ title: "like planned, with stored actors", troubles: [], workload: "stored" },
    ...{ faultyMs: 3_000, pauseMs: 50, troubleShare: 0, betweenMs: 700, lateWrites: 0, lease: LONG_LEASE },
    ...{ slowWatchMs: 0, longestMs: 2_000, isCalm: false, aims: false, wallsApartMs: 0 },
  },
  stored: troubled(
    "everything at once, with stored actors",
    ["crash", "crash", "freeze", "suspend", "cut", "partition", "records", "store"],
    { troubleShare: 0.6, workload: "stored" },
  ),
  "aimed-stored": troubled(
    "the same with stored actors, and nodes are also killed when a commit of theirs is applied late",
    ["crash", "half", "freeze-blind"],
    {
      ...{ troubleShare: 0.1, aims: true, slowWatchMs: 400, longestMs: 500, betweenMs: 800 },
      ...{ workload: "stored", pauseMs: 350 },
    },
  ),
  names: troubled(
    "a second process is started under the name of a node that lives, hangs, is cut off, or was just killed",
    ["twin", "twin", "crash"],
  ),
  clocks: troubled(
    "wall clocks differ by seconds and are set, while nodes are killed and machines sleep",
    ["step", "step", "step", "suspend", "crash"],
    { wallsApartMs: 10_000 },
  ),
} as const satisfies Record<string, ProfileData>;

export type Profile = keyof typeof PROFILES;

export function isProfile(name: string): name is Profile {
  return Object.hasOwn(PROFILES, name);
}

/** The profile of a seed when all are to be had in turn. */
export function profileInTurn(seed: number): Profile {
  const names = Object.keys(PROFILES) as Profile[];
  return names[seed % names.length] as Profile;
}
