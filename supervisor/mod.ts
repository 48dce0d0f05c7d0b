/**
 * A parent for a node's process: it starts it, tells the cluster at once when it has ended badly, and starts it again.
 *
 * The others of the cluster need not wait for a lease to run out then: the shards of a process that was killed answer
 * elsewhere after a few milliseconds more than it takes to claim them.
 *
 * @module
 */
import { ConfigurationError } from "../errors.ts";
import { ClusterRecords } from "../cluster/records/cluster_records.ts";
import { startChild } from "../platform/process/child.ts";
import { type Clock, systemClock } from "../platform/clock.ts";
import { systemRandom } from "../platform/random.ts";
import { exitProcess, TAG_VARIABLE } from "../platform/runtime.ts";
import { followShutdown } from "../platform/process/signals.ts";
import { bucketOf, checkIdentifier } from "../transport/subjects.ts";
import type { NodeSupervisor, SupervisorOptions } from "./options.ts";
import type { RestartTimes } from "./restarts.ts";
import { Supervisor } from "./supervisor.ts";

export type { NodeSupervisor, SupervisorEvent, SupervisorOptions } from "./options.ts";
export type { RestartTimes } from "./restarts.ts";

/**
 * Starts a node's process and watches over it; resolves when the process has been started.
 *
 * @throws {ConfigurationError} for options that cannot work, or a program that cannot be started
 * @throws {ServerError} for a server that cannot serve
 * @example
 * import { natsTransport } from "@baton/actors";
 * import { superviseNode } from "@baton/actors/supervisor";
 *
 * const supervisor = await superviseNode({
 *   command: "bun",
 *   args: ["run", "main.ts"],
 *   name: "node-1",
 *   cluster: "shop",
 *   transport: await natsTransport({ servers: "nats://127.0.0.1:4222" }),
 *   onEvent: (event) => console.log(event),
 * });
 * await supervisor.whenStopped;
 */
export async function superviseNode(options: SupervisorOptions): Promise<NodeSupervisor> {
  const { transport: connection, clock = systemClock(), random = systemRandom() } = options;
  let supervisor: Supervisor;
  try {
    const { name, cluster = "baton", command, args = [], env = {}, killAfterMs = 30_000 } = options;
    checkIdentifier("node name", name);
    checkIdentifier("cluster", cluster);
    const restart = restartTimes(options.restart);
    const records = await connection.records(bucketOf(cluster));
    supervisor = new Supervisor({
      name,
      child: { command, args, env },
      tagVariable: TAG_VARIABLE,
      bucket: () => new ClusterRecords({ records, clock, random }),
      clock,
      random,
      restart,
      killAfterMs,
      start: startChild,
      tell: (event) => tell(options, event),
      close: () => connection.close(),
    });
  } catch (error) {
    await connection.close();
    throw error;
  }
  const unfollow = options.signals === false ? () => {} : followSignals(supervisor, clock);
  try {
    await supervisor.start();
  } catch (error) {
    unfollow();
    throw error;
  }
  return supervisor;
}

function restartTimes({ minMs = 100, maxMs = 10_000 }: Partial<RestartTimes> = {}): RestartTimes {
  if (minMs >= 1 && maxMs >= minMs) return { minMs, maxMs };
  throw new ConfigurationError(
    `Cannot restart with "minMs" ${minMs} and "maxMs" ${maxMs}: both must be numbers from 0, the first at most the second`,
  );
}

function tell(
  { onEvent }: SupervisorOptions,
  event: Parameters<NonNullable<SupervisorOptions["onEvent"]>>[0],
): void {
  try {
    onEvent?.(event);
  } catch {
    // whoever listens must not disturb the watch
  }
}

/** The first wish is passed on, and a later one ends the child at once, also one that hangs. */
function followSignals(supervisor: Supervisor, clock: Clock): () => void {
  const unfollow = followShutdown(clock, {
    leave(signal) {
      supervisor.signal(signal === "SIGHUP" ? "SIGTERM" : signal);
      void supervisor.whenStopped.then(exitProcess);
    },
    atOnce: () => void supervisor.kill(),
  });
  void supervisor.whenStopped.then(unfollow);
  return unfollow;
}
