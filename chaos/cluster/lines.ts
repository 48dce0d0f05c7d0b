// What the processes of a run tell the one that controls them, and hear from it: lines of JSON without times.
import type { LeaveReport, NodeEvent, NodeInspection } from "../../mod.ts";
import type { Outcome } from "../../testing/history.ts";
import type { Durability, Told } from "../workload/contract.ts";
import type { Effect } from "../workload/page.ts";

/** What a process is told when it is started. */
export interface MemberSettings {
  /** Of the process: no other has had it. */
  readonly id: string;
  readonly name: string;
  readonly cluster: string;
  readonly servers: string;
  readonly replicas: number;
  readonly seed: number;
  /** Whether it hosts actors, or only calls. */
  readonly hosts: boolean;
  /** Whether it makes transfers between accounts. */
  readonly transfers: boolean;
  /** Calls a second; 0 for none. */
  readonly rate: number;
  readonly durabilities: readonly Durability[];
  readonly settings: Readonly<Record<string, number>>;
}

/** What is measured of a process, for the soak. */
export interface Census {
  readonly heapBytes: number;
  readonly rssBytes: number;
  readonly counters: Readonly<Record<string, number>>;
}

/** An actor and its shard, as one node sees them. */
export interface Explained {
  readonly actor: string;
  readonly gateOpen: boolean;
  readonly shard: NodeInspection["shards"][number] | undefined;
  /** If it is there. */
  readonly here: NodeInspection["actors"][number] | undefined;
}

/** A write of a record that the servers acknowledged to a node. */
export interface Acked {
  readonly bucket: string;
  readonly key: string;
  readonly revision: number;
}

export type Line =
  | { readonly type: "up"; readonly node: string }
  /** A call is about to be made. */
  | {
      readonly type: "sent";
      readonly sender: string;
      readonly to: string;
      readonly n: number;
      readonly call: "ask" | "tell";
      readonly timeoutMs: number;
      /** False if it may be handled twice: no effect of it is told. */
      readonly once: boolean;
    }
  | {
      readonly type: "ended";
      readonly sender: string;
      readonly to: string;
      readonly n: number;
      readonly outcome: Outcome;
      readonly code?: string;
      /** What the answer said. */
      readonly effect?: Effect;
      /** For a `raise` that was answered: the value that must not be lost. */
      readonly high?: number;
    }
  /** A handler did something. It counts once anybody has seen a state that contains it. */
  | { readonly type: "effect"; readonly effect: Effect; readonly wrong?: string }
  | {
      readonly type: "began";
      readonly actor: string;
      readonly why: string;
      readonly epoch: number;
      readonly node: string;
      readonly birth: string;
    }
  | { readonly type: "event"; readonly event: NodeEvent }
  | { readonly type: "left"; readonly report: LeaveReport }
  | { readonly type: "stopped"; readonly node: string }
  /** The calling has ended; the transfers that were begun are complete. */
  | { readonly type: "quiet"; readonly transfers: number }
  | { readonly type: "told"; readonly told: Told }
  /** Half of a transfer was acknowledged. `balance` is what the account answered. */
  | {
      readonly type: "booked";
      readonly actor: string;
      readonly n: number;
      readonly amount: number;
      readonly balance: number;
    }
  | { readonly type: "acked"; readonly acked: Acked }
  | { readonly type: "asked-all" }
  /** Kept actors that run here now; the answer to the question of that number. */
  | { readonly type: "running"; readonly question: number; readonly actors: readonly string[] }
  /** How things stand with some actors, as this process sees it; for who reads the logs. */
  | { readonly type: "explained"; readonly actors: readonly Explained[] }
  | { readonly type: "census"; readonly census: Census };

export type Command =
  /** Make no more calls; say "quiet" when those under way have ended. */
  | { readonly do: "quiet" }
  | { readonly do: "resume" }
  /** Ask each of these until it answers. A question waits so long for its turn behind what the actor has to do. */
  | { readonly do: "ask-all"; readonly actors: readonly string[]; readonly timeoutMs: number }
  /** Say which kept actors run here. */
  | { readonly do: "tell-running"; readonly question: number }
  /** Write down how things stand with these. */
  | { readonly do: "explain"; readonly actors: readonly string[] }
  | { readonly do: "census" };
