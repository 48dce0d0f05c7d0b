// What the benchmark tells its measuring processes, and hears from them.
import type { LeaveReport, UpgradeReport } from "../mod.ts";
import type { Figures, Pace } from "./measure.ts";
import type { Said } from "./processes.ts";

/** Settings of the processes of the local and remote part. */
export interface PartSettings {
  readonly pace: Pace;
  readonly actors: number;
}

/** Settings of a process that connects to a server. */
export interface ServedSettings extends PartSettings {
  readonly server: string;
  readonly cluster: string;
}

/** Settings of a node of its own. */
export interface NodeSettings {
  readonly name: string;
  readonly server: string;
  readonly cluster: string;
}

/** Settings of a node of a leave, a join or an upgrade in place. */
export interface HandoverNodeSettings extends NodeSettings {
  /** Shards that it is to take over: it tells when it has. */
  readonly takes?: number;
}

/** Settings of the load on the nodes whose actors change hands. */
export interface LoadSettings {
  readonly server: string;
  readonly cluster: string;
  readonly actors: number;
  /** The nodes that have the actors. */
  readonly from: readonly string[];
  /** All that share the shards. */
  readonly nodes: readonly string[];
  /** Milliseconds of load before it does. */
  readonly baselineMs: number;
}

/** Settings of a node of the recovery. */
export interface RecoveryNodeSettings extends NodeSettings {
  readonly timers: number;
  readonly entries: number;
  readonly asked: number;
  /** When the timers are due, in milliseconds since 1970. */
  readonly dueAt: number;
}

/** Settings of the process that lists. */
export interface ListerSettings {
  readonly server: string;
  readonly cluster: string;
  readonly actors: number;
  /** Of a page. */
  readonly limit: number;
}

/** A list of all actors, page by page. */
export interface SaidListed extends Said {
  readonly type: "listed";
  readonly ms: number;
  readonly pages: number;
  readonly items: number;
  /** Different ones. */
  readonly names: number;
  /** Nodes and shards that the pages said to be missing. */
  readonly missing: number;
  /** For which the loop was held up. */
  readonly longestMs: number;
}

/** For how long a loop was held up, in milliseconds, at most. */
export interface SaidHeld extends Said {
  readonly type: "held";
  readonly longestMs: number;
}

/** How the heir took over, in milliseconds and numbers: see `bench/recovery/recovery.ts`. */
export interface SaidRecovered extends Said {
  readonly type: "recovered";
  readonly claimedMs: number;
  readonly servedMs: number;
  readonly answeredMs: number;
  readonly goneMs: number;
  readonly again: number;
  readonly activations: number;
  readonly pauses: number;
  readonly delays: number;
  /** To JetStream's API: reads of records and listings. */
  readonly requests: number;
  readonly writes: number;
}

/** A shard that a node has given away, or that goes on in other code. */
export interface HandedShard {
  readonly actors: number;
  readonly pauseMs: number;
  /** By the wall clock, in milliseconds since 1970. */
  readonly beganAt: number;
}

/** What a node has seen of shards that changed hands, and the CPU that it took since it was told to begin. */
export interface Handed {
  readonly shards: readonly HandedShard[];
  /** When it had started, and when the last of the shards that it took over was there. */
  readonly upAt: number;
  readonly taken: number;
  readonly takenAt: number;
  readonly cpuUs: number;
}

/** What a node has seen so far. */
export interface SaidHanded extends Said {
  readonly type: "handed";
  readonly handed: Handed;
}

/** The leaving node's last words. */
export interface SaidLeft extends Said {
  readonly type: "left";
  readonly report: LeaveReport;
  readonly handed: Handed;
}

/** What has come of an upgrade in place. */
export interface SaidUpgraded extends Said {
  readonly type: "upgraded";
  readonly report: UpgradeReport;
  readonly handed: Handed;
}

/** What the load found. */
export interface SaidChecked extends Said {
  readonly type: "checked";
  readonly asks: number;
  readonly tells: number;
  readonly lost: number;
  readonly doubled: number;
  readonly failed: number;
  /** How many failed, by code. */
  readonly failures: Readonly<Record<string, number>>;
  /** Usual milliseconds between two answers of one probed actor. */
  readonly baselineMs: number;
  /** Of each probed actor, its longest silence beyond that. */
  readonly pausesMs: readonly number[];
}

/** One comparison is done. */
export interface SaidFigures extends Said {
  readonly type: "figures";
  readonly figures: Figures;
  /** Whether it was the last one. */
  readonly last: boolean;
}

/** Subjects of the references, outside of what Baton uses. */
export const PLAIN = {
  request: "plain.request",
  publish: "plain.publish",
  /** Answers with how many publishes were seen. */
  seen: "plain.seen",
  /** Answers with the CPU time of the owner's process, in microseconds. */
  cpu: "plain.cpu",
} as const;
