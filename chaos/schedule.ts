// Which fault comes when, to whom and for how long: decided by the seed alone, before anything runs.
import { type Random, seededRandom } from "../platform/random.ts";

/** What can be done to one node; its seat is the place that it takes in the cluster. */
export const NODE_FAULTS = ["kill", "freeze", "replace", "cut", "blackhole", "delay"] as const;
/** What can be done to the servers. `quorum` and `leader` need three. */
export const SERVER_FAULTS = [
  ...["server-restart", "server-kill", "server-freeze", "jetstream-away"],
  ...["server-loss", "leader-loss", "quorum-loss"],
] as const;
export type NodeFaultType = (typeof NODE_FAULTS)[number];
export type ServerFaultType =
  | "server-restart"
  | "server-kill"
  | "server-freeze"
  | "jetstream-away"
  | "server-loss"
  | "leader-loss"
  | "quorum-loss";

/** A fault of one node. Times are milliseconds; `atMs` counts from the start of its round. */
export interface NodeFault {
  readonly on: "node";
  readonly type: NodeFaultType;
  readonly atMs: number;
  readonly durationMs: number;
  readonly seat: number;
  /** Whether the process that follows takes the same name. */
  readonly sameName: boolean;
  /** For a delay: of each message, each way. */
  readonly delayMs: number;
}

/** A fault of the servers. `server` is the first that it concerns; with `leader-loss` that is found out then. */
export interface ServerFault {
  readonly on: "server";
  readonly type: ServerFaultType;
  readonly atMs: number;
  readonly durationMs: number;
  readonly server: number;
}

export type Fault = NodeFault | ServerFault;

export interface ScheduleOptions {
  readonly seed: number;
  /** Rounds are numbered from 0; each has faults of its own. */
  readonly round: number;
  readonly seats: number;
  readonly servers: 1 | 3;
  readonly leaseMs: number;
  /** No fault begins after this. */
  readonly faultyMs: number;
  /** Only these, if given. */
  readonly only?: readonly string[] | undefined;
}

const PAUSE_MS = [700, 3_200] as const;
const FIRST_MS = 500;

/** How often each comes in a pack; a pack is shuffled and dealt until the round is over. */
const NODE_PACK: Readonly<Record<NodeFaultType, number>> = {
  ...{ kill: 3, freeze: 3, replace: 4, cut: 3, blackhole: 2, delay: 3 },
};
const SERVER_PACK: Readonly<Record<1 | 3, Partial<Record<ServerFaultType, number>>>> = {
  1: { "server-restart": 1, "server-kill": 1, "server-freeze": 1, "jetstream-away": 1 },
  3: { "server-restart": 1, "server-loss": 1, "leader-loss": 2, "server-freeze": 1, "quorum-loss": 1 },
};

/** The faults of one round, by their time. */
export function schedule(options: ScheduleOptions): Fault[] {
  const random = seededRandom(options.seed * 1_009 + options.round);
  const busyUntil = Array.from({ length: options.seats }, () => 0);
  const serversBusy = { until: 0 };
  const faults: Fault[] = [];
  let pack: string[] = [];
  for (let atMs = FIRST_MS; atMs < options.faultyMs; atMs += between(random, ...PAUSE_MS)) {
    if (pack.length === 0) pack = shuffled(packOf(options), random);
    const type = pack.pop();
    if (type === undefined) break;
    const at = Math.round(atMs);
    const fault = isServerFault(type)
      ? serverFault(type, at, options, random, serversBusy)
      : nodeFault(type as NodeFaultType, at, options, random, busyUntil);
    if (fault !== undefined) faults.push(fault);
  }
  return faults;
}

/** When the last one is over. */
export function endOf(faults: readonly Fault[]): number {
  return Math.max(0, ...faults.map(({ atMs, durationMs }) => atMs + durationMs));
}

function isServerFault(type: string): type is ServerFaultType {
  return (SERVER_FAULTS as readonly string[]).includes(type);
}

function packOf({ servers, only }: ScheduleOptions): string[] {
  const all = Object.entries({ ...NODE_PACK, ...SERVER_PACK[servers] });
  const wanted = all.filter(([type]) => only === undefined || only.includes(type));
  return wanted.flatMap(([type, times]) => Array.from({ length: times }, () => type));
}

function nodeFault(
  type: NodeFaultType,
  atMs: number,
  { seats, leaseMs }: ScheduleOptions,
  random: Random,
  busyUntil: number[],
): NodeFault | undefined {
  const first = Math.floor(random.next() * seats);
  const durationMs = Math.round(nodeDuration(type, leaseMs, random));
  const sameName = random.next() < 0.5;
  const delayMs = Math.round(between(random, 5, 150));
  for (let i = 0; i < seats; i++) {
    const seat = (first + i) % seats;
    if ((busyUntil[seat] ?? 0) > atMs) continue;
    busyUntil[seat] = atMs + durationMs + 1_000;
    return { on: "node", type, atMs, durationMs, seat, sameName, delayMs };
  }
  return undefined;
}

/** A third of those that silence a node outlasts its lease. */
function nodeDuration(type: NodeFaultType, leaseMs: number, random: Random): number {
  const long = random.next() < 0.33;
  switch (type) {
    case "kill":
      return random.next() < 0.4 ? 0 : between(random, 200, leaseMs / 2);
    case "replace":
      return 0;
    case "delay":
      return between(random, 1_000, leaseMs / 2);
    case "freeze":
    case "cut":
    case "blackhole":
      return long ? between(random, leaseMs * 1.05, leaseMs * 1.3) : between(random, 150, leaseMs * 0.6);
  }
}

function serverFault(
  type: ServerFaultType,
  atMs: number,
  { servers, leaseMs }: ScheduleOptions,
  random: Random,
  busy: { until: number },
): ServerFault | undefined {
  const server = Math.floor(random.next() * servers);
  const durationMs = Math.round(serverDuration(type, leaseMs, random));
  if (busy.until > atMs) return undefined;
  busy.until = atMs + durationMs + 3_000;
  return { on: "server", type, atMs, durationMs, server };
}

function serverDuration(type: ServerFaultType, leaseMs: number, random: Random): number {
  switch (type) {
    case "server-restart":
    case "server-kill":
      return random.next() < 0.5 ? 0 : between(random, 200, 3_000);
    case "server-freeze":
      return between(random, 500, leaseMs / 2);
    case "jetstream-away":
    case "quorum-loss":
      return between(random, 1_000, leaseMs * 1.1);
    case "server-loss":
    case "leader-loss":
      return between(random, 2_000, leaseMs);
  }
}

function between(random: Random, from: number, to: number): number {
  return from + random.next() * (to - from);
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const all = [...items];
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    [all[i], all[j]] = [all[j] as T, all[i] as T];
  }
  return all;
}
