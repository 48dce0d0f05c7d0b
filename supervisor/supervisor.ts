/**
 * Keeps one child process running, and tells the cluster of its death as soon as it has ended.
 *
 * ```
 *            exit 0, or told to stop
 *   running ─────────────────────────► over
 *    ▲    │ any other exit
 *    │    ▼
 *   waiting: the fence is written, the pause passes
 * ```
 *
 * It holds no lease and is no node. Each child gets a tag of its own through its environment, with which the
 * incarnations of its node begin; nothing without that tag is ever declared dead.
 *
 * @module
 */
import { ConfigurationError } from "../errors.ts";
import type { ClusterRecords } from "../cluster/records/cluster_records.ts";
import { fenceExited } from "../cluster/lease/process_fence.ts";
import { pause } from "../platform/pause.ts";
import type { Child, ChildCommand, ChildExit } from "../platform/process/child.ts";
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import { type ShutdownSignal, SIGNAL_STATUS } from "../platform/process/signals.ts";
import type { NodeSupervisor, SupervisorEvent } from "./options.ts";
import { restartDelayMs, type RestartTimes } from "./restarts.ts";

/** What a supervisor works with. */
export interface SupervisorDeps {
  readonly name: string;
  readonly child: ChildCommand;
  /** The environment variable that carries the tag. */
  readonly tagVariable: string;
  /** Makes one for each end: what was known of a bucket is worth nothing when that is made anew. */
  readonly bucket: () => ClusterRecords;
  readonly clock: Clock;
  readonly random: Random;
  readonly restart: RestartTimes;
  readonly killAfterMs: number;
  start(command: ChildCommand): Promise<Child>;
  tell(event: SupervisorEvent): void;
  /** Runs last. */
  close(): Promise<void>;
}

/** A restart waits this long at most for the fence of the former child: its name is free when that is written. */
const FENCE_WAIT_MS = 2_000;
interface Running {
  readonly child: Child;
  readonly tag: string;
  readonly startedAt: number;
}

/** See the module's text. */
export class Supervisor implements NodeSupervisor {
  readonly whenStopped: Promise<number>;
  readonly #deps: SupervisorDeps;
  readonly #ended = Promise.withResolvers<number>();
  /** Told to stop: no further child. */
  readonly #stop = new AbortController();
  /** No further try at what is not fenced yet. */
  readonly #giveUp = new AbortController();
  readonly #fences = new Set<Promise<void>>();
  #running: Running | undefined;
  /** Has got a signal to end. */
  #told: Running | undefined;

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
    this.whenStopped = this.#ended.promise;
  }

  get pid(): number | undefined {
    return this.#running?.child.pid;
  }

  /** Starts the first child. @throws {ConfigurationError} if it cannot be started */
  async start(): Promise<void> {
    try {
      this.#running = await this.#startChild();
    } catch (cause) {
      await this.#deps.close();
      throw new ConfigurationError(
        `Cannot start "${this.#deps.child.command}": ${(cause as Error).message ?? String(cause)}`,
        { cause },
      );
    }
    void this.#run(this.#running);
  }

  /** Passes a signal on; there will be no further child. */
  signal(name: ShutdownSignal): void {
    this.#stop.abort();
    if (this.#running === undefined) return;
    this.#running.child.signal(name);
    if (this.#told === this.#running) return;
    this.#told = this.#running;
    void this.#killIfItStays(this.#running);
  }

  /** Ends the child at once; there will be no further one. */
  kill(): Promise<number> {
    this.#stop.abort();
    this.#running?.child.signal("SIGKILL");
    return this.whenStopped;
  }

  stop(): Promise<number> {
    if (!this.#stop.signal.aborted) this.signal("SIGTERM");
    return this.whenStopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #killIfItStays({ child }: Running): Promise<void> {
    const over = new AbortController();
    void child.exit.then(() => over.abort());
    await pause(this.#deps.clock, this.#deps.killAfterMs, over.signal);
    child.signal("SIGKILL");
  }

  async #startChild(): Promise<Running> {
    const { child: command, tagVariable, random, clock, start, tell } = this.#deps;
    const tag = random.id();
    const child = await start({ ...command, env: { ...command.env, [tagVariable]: tag } });
    tell({ type: "started", pid: child.pid });
    return { child, tag, startedAt: clock.now() };
  }

  async #run(first: Running): Promise<void> {
    let status = 1;
    let delayMs: number | undefined;
    for (let running: Running | undefined = first; running; ) {
      this.#running = running;
      if (this.#stop.signal.aborted) this.signal("SIGTERM"); // it came while the child was being started
      const exit = await running.child.exit;
      this.#running = undefined;
      const livedMs = this.#deps.clock.now() - running.startedAt;
      const fence = this.#exited(running, exit, livedMs);
      status = statusOf(exit);
      if (exit.status === 0 || this.#stop.signal.aborted) break;
      [running, delayMs] = await this.#next(fence, restartDelayMs(delayMs, livedMs, this.#deps.restart));
    }
    await this.#end(status);
  }

  /** The next child, as soon as one can be started; none once it was told to stop. */
  async #next(fence: Promise<void>, firstDelayMs: number): Promise<[Running | undefined, number]> {
    const { clock, tell, restart } = this.#deps;
    const { signal } = this.#stop;
    for (let delayMs = firstDelayMs; ; delayMs = restartDelayMs(delayMs, 0, restart)) {
      tell({ type: "restarting", inMs: delayMs });
      const written = Promise.race([fence, pause(clock, FENCE_WAIT_MS, signal)]);
      await Promise.all([pause(clock, delayMs, signal), written]);
      if (signal.aborted) return [undefined, delayMs];
      try {
        return [await this.#startChild(), delayMs];
      } catch (error) {
        tell({ type: "start-failed", reason: (error as Error).message ?? String(error) });
      }
    }
  }

  #exited({ child, tag }: Running, exit: ChildExit, livedMs: number): Promise<void> {
    this.#deps.tell({ type: "exited", pid: child.pid, ...exit, livedMs });
    const fence = this.#fence(tag).finally(() => this.#fences.delete(fence));
    this.#fences.add(fence);
    return fence;
  }

  async #fence(tag: string): Promise<void> {
    const { name, bucket, clock, tell } = this.#deps;
    const exitedAt = clock.now();
    try {
      const patience = { signal: this.#giveUp.signal };
      const fence = await fenceExited(name, tag, { bucket: bucket(), clock, patience });
      if (fence.end === "fenced")
        tell({ type: "fenced", incarnation: fence.id.incarnation, tookMs: clock.now() - exitedAt });
      else
        tell({
          type: "not-fenced",
          reason:
            fence.end === "over" ? "its node is over already" : `no node "${name}" of this child is there`,
        });
    } catch (error) {
      tell({ type: "not-fenced", reason: (error as Error).message });
    }
  }

  async #end(status: number): Promise<void> {
    const { clock, tell, close } = this.#deps;
    const over = new AbortController();
    const fences = Promise.all(this.#fences).then(() => over.abort());
    await pause(clock, FENCE_WAIT_MS, over.signal);
    this.#giveUp.abort();
    await fences;
    await close();
    tell({ type: "ended", status });
    this.#ended.resolve(status);
  }
}

function statusOf({ status, signal }: ChildExit): number {
  return status ?? SIGNAL_STATUS[signal ?? ""] ?? 1;
}
