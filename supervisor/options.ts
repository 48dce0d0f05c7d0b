/**
 * What a supervisor takes, and what it tells.
 *
 * @module
 */
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import type { Connection } from "../transport/transport.ts";
import type { RestartTimes } from "./restarts.ts";

/** How a node's process is started and watched. */
export interface SupervisorOptions {
  /** The program, found as a shell would: "bun", "deno", `process.execPath`. No wrapper: its exit must be the node's. */
  readonly command: string;
  readonly args?: readonly string[];
  /** For the child, beside this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The name of the node that the child starts. */
  readonly name: string;
  /** The cluster that it joins. Default "baton". */
  readonly cluster?: string;
  /** A connection of the supervisor's own; it closes it. */
  readonly transport: Connection;
  readonly restart?: Partial<RestartTimes>;
  /** Milliseconds that a child may take to end once it was told to; then it is killed. Default 30,000. */
  readonly killAfterMs?: number;
  /**
   * Whether SIGTERM, SIGINT and SIGHUP are passed on to the child (the last as SIGTERM), and this process ends with it,
   * with its status. A further one within 2 s is the same wish; a later one kills the child. Default true.
   */
  readonly signals?: boolean;
  /** Told of everything that happens, at once. What it throws is ignored. */
  readonly onEvent?: (event: SupervisorEvent) => void;
  /** For tests. */
  readonly clock?: Clock;
  /** For tests. */
  readonly random?: Random;
}

/** What happens to the child. */
export type SupervisorEvent =
  | { readonly type: "started"; readonly pid: number }
  | { readonly type: "start-failed"; readonly reason: string }
  /** It has ended, by itself or not. */
  | {
      readonly type: "exited";
      readonly pid: number;
      readonly status: number | null;
      readonly signal: string | null;
      readonly livedMs: number;
    }
  /** What it left behind is declared dead; the others claim its shards now. `tookMs` counts from its exit. */
  | { readonly type: "fenced"; readonly incarnation: string; readonly tookMs: number }
  /** There was nothing to declare dead: it had left, never joined, or its name is another's. */
  | { readonly type: "not-fenced"; readonly reason: string }
  | { readonly type: "restarting"; readonly inMs: number }
  /** It is over: the child ended in order, or was told to. `status` is that of a shell. */
  | { readonly type: "ended"; readonly status: number };

/** A supervisor at work. `await using` stops it at the end of its block. */
export interface NodeSupervisor extends AsyncDisposable {
  /** Of the child that runs now, `undefined` between two. */
  readonly pid: number | undefined;
  /** Resolves with the child's status, as a shell has it, when there will be no further one. */
  readonly whenStopped: Promise<number>;
  /** Tells the child to leave, waits for its end, and resolves with its status. */
  stop(): Promise<number>;
  /** Kills the child at once, which is a crash of its node, and resolves with its status. There will be no further one. */
  kill(): Promise<number>;
}
