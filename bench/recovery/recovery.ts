// The crash of a node with stored timers: how soon another one serves its shards, and has all timers gone off.
import type { Bench } from "../bench.ts";
import type { RecoveryNodeSettings, SaidRecovered } from "../parts.ts";
import type { Runtime } from "../../tests/support/processes/runtimes.ts";

const START_TIMEOUT_MS = 60_000;
const FILL_TIMEOUT_MS = 300_000;
const RECOVERY_TIMEOUT_MS = 180_000;
/** Time to plan timers in, and to start the heir. */
const PLAN_MS_EACH = 3;
const PLAN_MS = 12_000;
const ENTRY_MS_EACH = 0.2;
/** All are due when the heir has found out. */
const KILL_BEFORE_DUE_MS = 1_000;

/** What there is when the node is killed. */
export interface RecoveryCase {
  readonly timers: number;
  /** Entries of others in the same bucket. */
  readonly entries: number;
  /** Actors that are asked from the first claim on. */
  readonly asked: number;
}

/** How one recovery went. Times are milliseconds, from the kill unless said otherwise. */
export interface RecoveryFigures extends RecoveryCase {
  readonly runtime: Runtime;
  readonly claimedMs: number;
  readonly servedMs: number;
  /** From the first claim until all that were asked have answered. */
  readonly answeredMs: number;
  readonly goneMs: number;
  /** Timers that went off more than once. */
  readonly again: number;
  readonly pauses: number;
  readonly delays: number;
  /** Activations beyond one for each timer. */
  readonly moreActivations: number;
  readonly readsEach: number;
  readonly writesEach: number;
}

/** Kills a node that has so many stored timers. */
export async function measureRecovery(
  bench: Bench,
  runtime: Runtime,
  of: RecoveryCase,
): Promise<RecoveryFigures> {
  const { timers, entries } = of;
  const forMs = PLAN_MS + timers * PLAN_MS_EACH + entries * ENTRY_MS_EACH;
  const common = { server: bench.server.url, cluster: `recovery-${runtime}-${timers}-${entries}`, ...of };
  const settings = (name: string, dueAt: number): RecoveryNodeSettings => ({ name, dueAt, ...common });
  const dueAt = Date.now() + forMs;
  const lost = bench.start(runtime, "recovery/node.ts", settings("lost", dueAt));
  await lost.next("up", START_TIMEOUT_MS);
  lost.command("fill");
  await lost.next("filled", FILL_TIMEOUT_MS);
  const heir = bench.start(runtime, "recovery/node.ts", settings("heir", dueAt));
  await heir.next("up", START_TIMEOUT_MS);
  const waitMs = dueAt - KILL_BEFORE_DUE_MS - Date.now();
  if (waitMs < 0)
    throw new Error(
      `Cannot measure the recovery: filling the store took longer than ${forMs} ms; give fewer --timers or --entries`,
    );
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  heir.command("take over");
  lost.kill();
  const said = await heir.next<SaidRecovered>("recovered", RECOVERY_TIMEOUT_MS);
  await bench.endAll();
  const { activations, requests, writes, type: _, ...times } = said;
  return {
    ...of,
    ...times,
    runtime,
    moreActivations: activations - timers,
    readsEach: requests / timers,
    writesEach: writes / timers,
  };
}
