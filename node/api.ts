/**
 * What a node takes and what it gives: the types that users see.
 *
 * @module
 */
import type { Contract } from "../actors/contract.ts";
import type { Hosted } from "../actors/host.ts";
import type { CallOptions, Ref } from "../actors/ref.ts";
import type { DoorOptions } from "../door/door.ts";
import type { NodeEvent } from "../events.ts";
import type { LeaveOptions, LeaveReport } from "../handoff/leave.ts";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";
import type { Store } from "../storage/store.ts";
import type { Connection } from "../transport/transport.ts";
import type { NodeInspection } from "./inspect.ts";
import type { Settings } from "./settings.ts";

/** How a node starts. Everything can be left out. */
export interface NodeOptions {
  /** A letter, then up to 63 of `[A-Za-z0-9_-]`; no two nodes that live at once may share it. Default: a random one. */
  readonly name?: string;
  /** The cluster it joins; same rules. Default "baton". */
  readonly cluster?: string;
  /** What it talks through; the node closes it. Default: memory, a cluster of its own in this process. */
  readonly transport?: Connection;
  /** What it hosts. Default: nothing; it only calls. */
  readonly hosts?: readonly Hosted[];
  /**
   * Where stored actors are kept, the same for all nodes that host them: another one is refused. The node does not close it. Default: a bucket
   * of the transport, `baton-<cluster>-stored`.
   */
  readonly store?: Store;
  /** Its share of the shards compared to others. Default 1. */
  readonly weight?: number;
  /**
   * What it does when the others have declared it dead: begin again under its name, as a new incarnation on the same
   * connection, or stop. Default "rejoin".
   */
  readonly onFenced?: "rejoin" | "stop";
  /**
   * Whether SIGTERM, SIGINT and SIGHUP make it leave and then end the process, from the beginning of its start on. A further
   * one within 2 s is the same wish; a later one ends the process at once. Default: true but in memory.
   */
  readonly signals?: boolean;
  /** Milliseconds that a leave may take unless it says otherwise. Default 25,000: Kubernetes gives 30 s. */
  readonly leaveDeadlineMs?: number;
  /** Whether it answers clients that are no nodes, and how. Default: it does. */
  readonly door?: boolean | DoorOptions;
  readonly settings?: Partial<Settings>;
  readonly log?: Log;
  /** For tests. */
  readonly clock?: Clock;
  /** For tests. */
  readonly random?: Random;
  /** For tests: rules of the protocol to break on purpose. */
  readonly defects?: Iterable<string>;
}

/** A running node. `await using` makes it leave at the end of its block. */
export interface ActorNode extends AsyncDisposable {
  readonly name: string;
  readonly cluster: string;
  /** Changes with every start under the same name, and when a fenced node joins again. */
  readonly incarnation: string;
  /** What it hosts, by kind. */
  readonly hosts: ReadonlyMap<string, Hosted>;
  /**
   * A typed reference to an actor, wherever it is, for as long as the node exists. No I/O.
   * @throws {InvalidNameError} for an empty, overlong or ill-formed name
   */
  ref<C extends Contract>(contract: C, name: string): Ref<C>;
  /** The contract of a kind that is hosted here. */
  contract(kind: string): Contract | undefined;
  /** Sends a message by words: for gateways. The owner checks kind, message and argument. */
  call(
    kind: string,
    name: string,
    message: string,
    argument: unknown,
    options?: CallOptions,
  ): Promise<unknown>;
  /** What happens from now on. Bounded: a slow reader loses the oldest and is told how many. */
  events(): AsyncIterableIterator<NodeEvent>;
  /** How things stand. */
  inspect(): NodeInspection;
  /** Hands everything over, then goes. A second call gives the first one's report. Never rejects. */
  leave(options?: LeaveOptions): Promise<LeaveReport>;
  /** Ends at once, without handing anything over: to the others it looks like a crash. */
  stop(): Promise<void>;
  /** Resolves when the node has left or was stopped; or was fenced, and does not or cannot join again. */
  readonly whenStopped: Promise<void>;
}
