/** What goes wrong in a simulation, and how much of it. */
import type { Settings } from "../../../node/settings.ts";
import type { WorkloadName } from "../workload/workloads.ts";

/** Something that is done to nodes from outside. */
export type TroubleName =
  | ("crash" | "freeze" | "suspend" | "cut" | "partition" | "records" | "store")
  /** A connection that only its server knows to be lost. */
  | "half"
  /** Some do not find one whom the others find. */
  | "hide"
  /** The only one left neither sees nor is found by one who joins. */
  | "visit"
  /** Only one finds one whom the others do not, and that one leaves. */
  | "last-witness"
  /** Messages get lost on their way in one direction only. */
  | "mute"
  /** A node that has just begun to join is killed, or cut off. */
  | ("crash-join" | "cut-join")
  /** After a cut or a freeze the records stay away from it. */
  | ("cut-blind" | "freeze-blind")
  /** Its wall clock is set forward or back. */
  | "step"
  /** The store says no to every write, or to those of stored actors, or of what is parked. */
  | ("full" | "full-stored" | "full-parked")
  /** The store says no to one node, whatever that asks of stored actors. */
  | "denied"
  /** The store hears no more of it, and a while later it hears no more of the store. */
  | "hush"
  /** All records are removed, as by a mistaken hand. */
  | "wipe"
  /** The record of one shard of stored actors is removed, though it is served. */
  | "lose-record"
  /** The store forgets what it was told lately, or an older copy of the records is put back. */
  | "restore"
  /** A second process is started under its name. */
  | "twin"
  /** A message is made that ends its node whenever it is handled. */
  | "poison"
  /** An operator cordons a node or drains it for a while, or puts a shard on another node by hand. */
  | "place"
  /** A node gets the application's next code in place, or the latest. */
  | "upgrade";

/** At which moments faults are aimed: as records of shards and nodes change, as shards move, or as a node is asked about another. */
export type AimedAt = "changes" | "moves" | "questions";

/** How busy clients and actors are. */
export interface Pace {
  /** Mean pause between two messages of one sender, in milliseconds. */
  readonly pauseMs: number;
  /** The longest that a handler takes before its effect or after it, in milliseconds. */
  readonly longestMs: number;
  /** Share of the waits of handlers that last up to that long. */
  readonly longShare: number;
}

/** One sort of simulation. */
export interface ProfileData extends Pace {
  /** For people. */
  readonly title: string;
  readonly workload: WorkloadName;
  /** Faults stop after this much time, in milliseconds. */
  readonly faultyMs: number;
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
  /** Share of the changes of records that the watch of a node misses, and is never told of. */
  readonly watchMissed: number;
  /** Longest delay of the answers about records that some nodes get late, in milliseconds. */
  readonly slowAnswerMs: number;
  /** Requests for records and stores that are refused for now, in one way or another, as a share of all of them. */
  readonly saidNo: number;
  /** Longest delay of any answer about records and stores, in milliseconds; some come when nobody waits any more. */
  readonly lateAnswersMs: number;
  /** Whether nothing is lost or late by chance: then whoever waits can be asked what for. */
  readonly isCalm: boolean;
  /** Whether connections are also lost for a moment, which is no trouble. */
  readonly blinks: boolean;
  /** Whether faults are also aimed at the moments at which they do most, and at which. */
  readonly aims: AimedAt | undefined;
  /** Whether nodes have labels, and versions of the application that follow one another. */
  readonly hasPlaces: boolean;
  /** Whether about half of the nodes are of another release: of the one before, or from the future. */
  readonly mixesReleases: boolean;
  /** Whether there are actors that destroy themselves. */
  readonly destroys: boolean;
  /** Whether there are actors that watch others. */
  readonly watches: boolean;
  /** Whether there are actors that are kept alive, and fail. */
  readonly supervises: boolean;
  /** Whether there are actors that a stream feeds. */
  readonly feeds: boolean;
  /** Whether there are actors with metadata, which are listed and looked for. */
  readonly lists: boolean;
  /** Whether the code of the application changes, in place and from start to start. */
  readonly upgrades: boolean;
  /** How far the wall clocks of two nodes are apart, in milliseconds, at most. */
  readonly wallsApartMs: number;
  readonly lease: Pick<Settings, "leaseMs" | "renewMs" | "renewTimeoutMs" | "safeMs"> & Partial<Settings>;
}

const LONG_LEASE = { leaseMs: 6_000, renewMs: 600, renewTimeoutMs: 250, safeMs: 4_500 };
const SHORT_LEASE = {
  ...{ leaseMs: 3_000, renewMs: 400, renewTimeoutMs: 200, safeMs: 2_200 },
  ...{ pulseMs: 150, freshMs: 700, suspectMs: 250, graceMs: 1_100 },
};

/** As close to the lease as may be; renewals may be answered late, and messages tell that all is well. */
const VERGE_LEASE = {
  ...{ leaseMs: 4_500, renewMs: 600, renewTimeoutMs: 600, safeMs: 3_600 },
  ...{ pulseMs: 150, freshMs: 700, suspectMs: 250, graceMs: 1_100 },
};

/** A lease that lasts while others are in doubt: the gate is a matter of what comes back. */
const DOUBT_LEASE = { ...SHORT_LEASE, leaseMs: 4_500, safeMs: 3_600 };

/** Nothing is done to nodes from outside, and leases are long. */
const PLANNED = {
  faultyMs: 3_000,
  pauseMs: 50,
  troubleShare: 0,
  betweenMs: 700,
  lateWrites: 0,
  lease: LONG_LEASE,
};

/** Every call of a port may go wrong, in each way that the port documents. */
const ANY_CALL = { saidNo: 0.1, lateAnswersMs: 260, lateWrites: 0.04, betweenMs: 1_800 };

/** Few handlers take as long as any may. */
const LONG_SHARE = 0.02;

function troubled(
  title: string,
  troubles: readonly TroubleName[],
  more: Partial<ProfileData> = {},
): ProfileData {
  return {
    ...{ title, troubles, faultyMs: 8_000, pauseMs: 130, troubleShare: 0.5, betweenMs: 1_100 },
    ...{
      lateWrites: 0.02,
      slowWatchMs: 0,
      watchMissed: 0,
      slowAnswerMs: 0,
      longestMs: 2_000,
      lease: SHORT_LEASE,
    },
    ...{ saidNo: 0, lateAnswersMs: 0 },
    ...{
      mixesReleases: false,
      hasPlaces: false,
      destroys: false,
      watches: false,
      supervises: false,
      feeds: false,
      lists: false,
      upgrades: false,
      workload: "memory",
      wallsApartMs: 0,
      isCalm: false,
      blinks: true,
      aims: undefined,
    },
    ...{ longShare: LONG_SHARE },
    ...more,
  };
}

/** All profiles by name. */
export const PROFILES = {
  planned: troubled("nodes join, leave, and lose their connection for a moment; none is lost", [], PLANNED),
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
  doubted: troubled(
    "some do not find a node that the others find, and it loses its connection just as those are asked about it",
    ["hide"],
    {
      ...{ troubleShare: 0.6, aims: "questions", pauseMs: 40, blinks: false, betweenMs: 1_600 },
      ...{ faultyMs: 16_000, lease: DOUBT_LEASE },
    },
  ),
  unwitnessed: troubled(
    "nobody is left who finds a node that those who are there, or come, do not find",
    ["visit", "last-witness"],
    {
      ...{ troubleShare: 0.8, pauseMs: 40, blinks: false, betweenMs: 4_500 },
      ...{ faultyMs: 18_000, lease: DOUBT_LEASE },
    },
  ),
  aimed: troubled(
    "nodes are killed, frozen or cut off just as a shard is prepared, handed over or claimed, or a lease is renewed",
    ["crash", "half", "freeze-blind"],
    { troubleShare: 0.1, aims: "changes", slowWatchMs: 400, longestMs: 5_000, betweenMs: 800 },
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
      ...{ isCalm: true, blinks: false, troubleShare: 0.15, pauseMs: 60, betweenMs: 700, lateWrites: 0 },
      ...{ longestMs: 4_000, workload: "crowded" },
    },
  ),
  kept: troubled("like planned, with stored actors", [], { ...PLANNED, workload: "stored" }),
  stored: troubled(
    "everything at once, with stored actors",
    ["crash", "crash", "freeze", "suspend", "cut", "partition", "records", "store"],
    { troubleShare: 0.6, workload: "stored" },
  ),
  "aimed-stored": troubled(
    "the same with stored actors, and nodes are also killed when a commit of theirs is applied late",
    ["crash", "half", "freeze-blind"],
    {
      ...{ troubleShare: 0.1, aims: "changes", slowWatchMs: 400, longestMs: 500, betweenMs: 800 },
      ...{ workload: "stored", pauseMs: 350 },
    },
  ),
  verge: troubled(
    "leases are lost by nodes that are otherwise well, and are answered late, or hear late of what others do",
    ["hush"],
    {
      ...{ faultyMs: 16_000, betweenMs: 2_500, troubleShare: 0.85, pauseMs: 60, slowWatchMs: 3_000 },
      ...{
        slowAnswerMs: 3_000,
        longestMs: 4_000,
        longShare: 0.3,
        blinks: false,
        lateWrites: 0,
        lease: VERGE_LEASE,
      },
    },
  ),
  names: troubled(
    "a second process is started under the name of a node that lives, hangs, is cut off, or was just killed",
    ["twin", "twin", "crash"],
  ),
  wiped: troubled(
    "the records are wiped, while nodes are killed, frozen or cut off",
    ["wipe", "wipe", "crash", "freeze", "cut", "records"],
    { troubleShare: 0.4 },
  ),
  "wiped-stored": troubled(
    "the same with stored actors, which nobody wipes",
    ["wipe", "wipe", "crash", "freeze", "cut", "records"],
    { troubleShare: 0.4, workload: "stored" },
  ),
  forgotten: troubled(
    "records of shards that are served are removed, and stored actors go on from what is stored",
    ["lose-record"],
    { troubleShare: 0.6, workload: "stored", blinks: false, lateWrites: 0, betweenMs: 700 },
  ),
  "forgotten-moving": troubled("records of shards are removed just as they move to another node", [], {
    ...PLANNED,
    ...{ aims: "moves", faultyMs: 6_000, longShare: 0.1 },
  }),
  restored: troubled(
    "the records go back to an older copy, while nodes are killed, frozen or cut off",
    ["restore", "restore", "crash", "freeze", "cut", "records"],
    { troubleShare: 0.4, slowWatchMs: 3_000, lease: VERGE_LEASE, faultyMs: 12_000 },
  ),
  "restored-stored": troubled(
    "the same with stored actors, whose states stay",
    ["restore", "restore", "crash", "freeze", "cut", "records"],
    { troubleShare: 0.4, workload: "stored" },
  ),
  poison: troubled(
    "timers and messages end their node whenever they are handled, and are set aside in the end",
    ["poison"],
    {
      ...{
        troubleShare: 0.7,
        workload: "stored",
        faultyMs: 14_000,
        pauseMs: 300,
        blinks: false,
        lateWrites: 0,
        betweenMs: 900,
      },
      lease: { ...SHORT_LEASE, deathsMax: 3, trialHoldMs: 400, trialMs: 200 },
    },
  ),
  ports: troubled(
    "any request for records may get no answer, be applied or answered late, or be refused for now, while nodes are killed",
    ["crash"],
    { ...ANY_CALL, lease: LONG_LEASE, faultyMs: 12_000 },
  ),
  "ports-stored": troubled("the same with stored actors and their store", ["crash", "crash", "freeze"], {
    ...ANY_CALL,
    lease: LONG_LEASE,
    faultyMs: 12_000,
    workload: "stored",
  }),
  refused: troubled(
    "stores say no for a while, to every write or to all that one node asks, with stored actors",
    [
      ...(["full", "full-stored", "full-stored", "full-parked", "denied", "denied"] as const),
      ...(["crash", "freeze"] as const),
    ],
    { troubleShare: 0.6, workload: "stored" },
  ),
  clocks: troubled(
    "wall clocks differ by seconds and are set, while nodes are killed and machines sleep",
    ["step", "step", "step", "suspend", "crash"],
    { wallsApartMs: 10_000 },
  ),
  releases: troubled(
    "half of the nodes are of the release before, or half are from the future, and nodes are killed, frozen or cut off",
    ["crash", "crash", "freeze", "cut"],
    { mixesReleases: true, troubleShare: 0.2, betweenMs: 800 },
  ),
  placed: troubled(
    "versions of the application follow one another, and operators cordon, drain and move by hand, while nodes are killed",
    ["place", "place", "place", "crash"],
    { troubleShare: 0.55, betweenMs: 800, hasPlaces: true },
  ),
  missed: troubled(
    "watches miss changes of records and are never told of them, while nodes are killed",
    ["crash"],
    { watchMissed: 0.05, troubleShare: 0.3 },
  ),
  mortal: troubled(
    "actors in memory and in a store destroy themselves, while nodes are killed, frozen or cut off",
    ["crash", "crash", "freeze", "cut", "store"],
    { destroys: true, pauseMs: 250, troubleShare: 0.35, lateWrites: 0.08, betweenMs: 800 },
  ),
  watched: troubled(
    "actors in memory and in a store watch others that end and move, while nodes are killed, frozen or cut off",
    ["crash", "crash", "freeze", "cut", "store"],
    { watches: true, pauseMs: 250, troubleShare: 0.35, lateWrites: 0.08, betweenMs: 800 },
  ),
  supervised: troubled(
    "actors are kept alive and fail, while nodes join and leave, are killed, frozen or cut off",
    ["crash", "crash", "freeze", "cut", "store"],
    { supervises: true, pauseMs: 250, troubleShare: 0.35, lateWrites: 0.08, betweenMs: 800 },
  ),
  fed: troubled(
    "a stream feeds actors in memory and in a store while nodes join and leave; none is lost",
    [],
    { ...PLANNED, feeds: true, pauseMs: 250, faultyMs: 5_000 },
  ),
  "fed-crashed": troubled(
    "the same while nodes are killed, frozen or cut off, and what they say gets lost",
    ["crash", "crash", "freeze", "cut", "store"],
    { feeds: true, pauseMs: 250, troubleShare: 0.35, lateWrites: 0.08, betweenMs: 900 },
  ),
  listed: troubled(
    "actors with metadata are listed and looked for while nodes join and leave; none is lost",
    [],
    { ...PLANNED, lists: true, pauseMs: 250, slowWatchMs: 150 },
  ),
  "listed-crashed": troubled(
    "the same while nodes are killed, frozen or cut off, and get other code in place",
    ["crash", "freeze", "cut", "upgrade"],
    { lists: true, upgrades: true, pauseMs: 250, troubleShare: 0.35, betweenMs: 800 },
  ),
  upgraded: troubled(
    "nodes get other code in place beside others that have the code before, join, leave, are killed, and moved to by hand",
    ["upgrade", "upgrade", "upgrade", "upgrade", "place", "crash"],
    { upgrades: true, troubleShare: 0.6, betweenMs: 600, lateWrites: 0, pauseMs: 80 },
  ),
  "upgraded-stored": troubled(
    "the same with stored actors, and none is killed",
    ["upgrade", "upgrade", "upgrade", "place"],
    {
      ...PLANNED,
      ...{ upgrades: true, troubleShare: 0.55, betweenMs: 600, faultyMs: 6_000, workload: "stored" },
    },
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
