// The main example: see the text of --help in options.ts, and README.md beside this file.
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Cluster, MemoryCluster } from "./cluster/cluster.ts";
import { countPlainly } from "./expected.ts";
import { type FileChange, HistoryError, readHistory } from "./git_log.ts";
import { MoveJournal } from "./cluster/moves.ts";
import { findNatsServer, startNatsServer } from "./cluster/nats_server.ts";
import { type Options, parseOptions, USAGE, UsageError } from "./options.ts";
import { ProcessCluster } from "./cluster/processes.ts";
import { progressLine } from "./progress.ts";
import { type Outcome, type Summary, summaryOf, tablesOf } from "./report.ts";
import { noRollOut, RollOutDriver } from "./cluster/rollout.ts";
import { findRuntimes } from "./cluster/runtimes.ts";
import { noProgress, noteFailure, streamHistory } from "./stream.ts";
import { reportsOf, verify } from "./verify.ts";

const HERE = fileURLToPath(new URL("../..", import.meta.url));
const SENDERS = 4;
const RATE = 1_000;
const IN_FLIGHT_MAX = 128;
const CALL_TIMEOUT_MS = 10_000;
const WARM_MESSAGES = 2_000;
const STALLED_MS = 15_000;

const status = await main(process.argv.slice(2));
// Said so, because calls that were given up may still be waiting for their deadlines.
process.stdout.write("", () => process.exit(status));

async function main(args: readonly string[]): Promise<number> {
  try {
    const server = findNatsServer();
    const options = parseOptions(args, { input: HERE, transport: server === undefined ? "memory" : "nats" });
    if (options.help) {
      print(USAGE);
      return 0;
    }
    const history = await readHistory(options.input, options.events);
    const summary = await runOn(await openCluster(options, server), options, history);
    print(JSON.stringify(summary));
    return summary.ok ? 0 : 1;
  } catch (error) {
    const known = error instanceof UsageError || error instanceof HistoryError;
    const message = error instanceof Error ? error.message : String(error);
    say(known ? message : error instanceof Error ? String(error.stack) : message);
    print(JSON.stringify({ ok: false, error: message }));
    return 2;
  }
}

async function openCluster({ transport }: Options, server: string | undefined): Promise<Cluster> {
  if (transport === "memory") {
    say("one process, memory transport");
    return new MemoryCluster("git-activity");
  }
  if (server === undefined) {
    throw new UsageError(
      "Cannot start a nats-server: neither NATS_SERVER nor PATH leads to one; --transport memory needs none",
    );
  }
  const runtimes = findRuntimes();
  if (runtimes.size < 2) say(`only ${[...runtimes.keys()]} on this machine: actors will not change runtimes`);
  return new ProcessCluster("git-activity", await startNatsServer(server), runtimes);
}

/** Runs on a cluster, and ends it in every case: at the end, on an error, on a signal. */
async function runOn(cluster: Cluster, options: Options, history: readonly FileChange[]): Promise<Summary> {
  const abandon = () => cluster.abandon();
  const interrupted = () => process.exit(130);
  process.once("exit", abandon);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, interrupted);
  try {
    const outcome = await run(cluster, options, history);
    if (!options.json) for (const line of tablesOf(outcome)) print(line);
    return summaryOf(outcome);
  } finally {
    await cluster.close();
    process.off("exit", abandon);
  }
}

async function run(cluster: Cluster, options: Options, history: readonly FileChange[]): Promise<Outcome> {
  const beganAt = performance.now();
  const [progress, rollOut, journal] = [noProgress(), noRollOut(), new MoveJournal()];
  cluster.onEvent((node, event) => journal.note(node, event));
  const names = Array.from({ length: SENDERS }, (_, index) => `sender-${index + 1}`);
  const senders = await Promise.all(names.map((name) => cluster.connect(name)));
  const [observer] = senders;
  if (observer === undefined) throw new Error("Cannot begin: no node was named to send from");
  const ending = new AbortController();
  const shown = progressLine(() => ({ progress, rollOut, journal, beganAt, historyLength: history.length }));
  try {
    const driver = new RollOutDriver(cluster, observer, rollOut);
    await driver.startAll(options.nodes);
    const limits = { rate: RATE, inFlightMax: IN_FLIGHT_MAX, timeoutMs: CALL_TIMEOUT_MS };
    let rolling = true;
    const warm = Math.min(2 * history.length, WARM_MESSAGES);
    const rolled = driver
      .run(() => progress.messagesEnded >= warm)
      .finally(() => {
        rolling = false;
      });
    const { signal } = ending;
    const streamed = streamHistory({ senders, history, ...limits, goOn: () => rolling, signal }, progress);
    await guarded(Promise.all([rolled, streamed]), () => progress.messagesEnded);
    rollOut.doing = "asking for totals";
    const totals = countPlainly(history, progress.changes);
    const onFailure = (error: unknown) => noteFailure(progress, error);
    const reports = await reportsOf(senders, totals, {
      inFlightMax: 32,
      timeoutMs: CALL_TIMEOUT_MS,
      onFailure,
    });
    const findings = verify(reports, totals, progress.sent);
    const seconds = (performance.now() - beganAt) / 1_000;
    const { transport, runtimes } = cluster;
    return {
      transport,
      runtimes,
      historyLength: history.length,
      progress,
      rollOut,
      journal,
      reports,
      findings,
      seconds,
    };
  } finally {
    ending.abort();
    shown.end();
  }
}

/** Fails when nothing at all gets done for a while, instead of waiting for ever. */
async function guarded(work: Promise<unknown>, done: () => number): Promise<void> {
  let [seen, since] = [done(), performance.now()];
  const stalled = Promise.withResolvers<never>();
  const timer = setInterval(() => {
    if (done() !== seen) [seen, since] = [done(), performance.now()];
    if (performance.now() - since < STALLED_MS) return;
    stalled.reject(
      new Error(`Cannot go on: for ${STALLED_MS} ms no message has ended after the first ${seen}`),
    );
  }, 500);
  try {
    await Promise.race([work, stalled.promise]);
  } finally {
    clearInterval(timer);
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
