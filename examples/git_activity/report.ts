// What the person sees at the end: tables, then one line of JSON.
import type { MoveJournal } from "./cluster/moves.ts";
import type { RollOut } from "./cluster/rollout.ts";
import { percentile, rounded } from "./statistics.ts";
import type { Progress } from "./stream.ts";
import type { Findings, Reported } from "./verify.ts";

/** Everything that is known when the run has ended. */
export interface Outcome {
  readonly transport: string;
  readonly runtimes: readonly string[];
  readonly historyLength: number;
  readonly progress: Progress;
  readonly rollOut: RollOut;
  readonly journal: MoveJournal;
  readonly reports: readonly Reported[];
  readonly findings: Findings;
  readonly seconds: number;
}

/** The last line. */
export interface Summary {
  readonly ok: boolean;
  readonly [key: string]: unknown;
}

const BUSIEST = 8;
const NAME_WIDTH = 52;

/** The result as one object. `ok`: nothing lost, duplicated, reordered or failed, and all totals agree. */
export function summaryOf(outcome: Outcome): Summary {
  const { findings, progress, journal, rollOut } = outcome;
  const failedCalls = [...progress.failures.values()].reduce((sum, count) => sum + count, 0);
  const moves = journal.summary(rollOut.runtimes);
  const upgrades = journal.upgradeSummary();
  const misread = findings.disagreeing + findings.misshapen;
  const faults = findings.lost + findings.duplicated + findings.reordered + failedCalls + misread;
  return {
    ok: faults === 0,
    transport: outcome.transport,
    runtimes: outcome.runtimes,
    events: progress.changes,
    rounds: rounded(progress.changes / outcome.historyLength),
    messages: progress.messagesEnded,
    actors: findings.actors,
    moves: moves.moves,
    moved_actors: moves.movedActors,
    moves_bun_to_deno: moves.bunToDeno,
    moves_deno_to_bun: moves.denoToBun,
    upgraded_shards: upgrades.shards,
    upgraded_actors: findings.upgraded,
    upgraded_once: findings.misshapen === 0,
    lost: findings.lost,
    duplicated: findings.duplicated,
    reordered: findings.reordered,
    failed_calls: failedCalls,
    totals_agree: findings.disagreeing === 0,
    pause_p50_ms: moves.pauseP50Ms,
    pause_p99_ms: moves.pauseP99Ms,
    upgrade_pause_p50_ms: upgrades.pauseP50Ms,
    upgrade_pause_p99_ms: upgrades.pauseP99Ms,
    ask_p50_ms: askMs(progress, 0.5),
    ask_p99_ms: askMs(progress, 0.99),
    seconds: rounded(outcome.seconds),
  };
}

/** The tables, as lines. */
export function tablesOf(outcome: Outcome): readonly string[] {
  return [
    ...busiest("file", outcome.reports),
    ...busiest("author", outcome.reports),
    ...steps(outcome),
    ...moves(outcome),
    ...upgrades(outcome),
    ...troubles(outcome),
  ];
}

function askMs(progress: Progress, share: number): number {
  return rounded(
    percentile(
      progress.askMs.map((value) => [value, 1]),
      share,
    ),
  );
}

function busiest(kind: "file" | "author", reports: readonly Reported[]): readonly string[] {
  const of = reports.filter((report) => report.kind === kind);
  const sorted = of
    .toSorted((a, b) => (b.activity?.changes ?? 0) - (a.activity?.changes ?? 0))
    .slice(0, BUSIEST);
  return [
    "",
    row(`busiest ${kind}s, of ${of.length}`, ["changes", "added", "deleted"]),
    ...sorted.map(({ name, activity }) => row(name, [activity?.changes, activity?.added, activity?.deleted])),
  ];
}

function steps({ rollOut, journal }: Outcome): readonly string[] {
  const lines = rollOut.steps.map(({ what, atMs, tookMs }) => row(what, [seconds(atMs), seconds(tookMs)]));
  const kept = journal.kept === 0 ? [] : [`(${journal.kept} moves were put off and made later)`];
  return ["", row("roll-out", ["at s", "took s"]), ...lines, ...kept];
}

function moves({ journal, rollOut }: Outcome): readonly string[] {
  const pairs = new Map<string, readonly [from: string, to: string]>();
  for (const { from, to } of journal.moves) pairs.set(`${from} -> ${to}`, [from, to]);
  const lines = [...pairs].map(([pair, [from, to]]) => {
    const of = journal.summary(rollOut.runtimes, (move) => move.from === from && move.to === to);
    return row(pair, [of.moves, of.movedActors, of.lateActors, of.pauseP50Ms, of.pauseP99Ms]);
  });
  return ["", row("moves of shards", ["shards", "actors", "late", "p50 ms", "p99 ms"]), ...lines];
}

function upgrades({ journal }: Outcome): readonly string[] {
  const nodes = [...new Set(journal.upgrades.map(({ node }) => node))];
  const lines = nodes.map((node) => {
    const of = journal.upgradeSummary(node);
    return row(node, [of.shards, of.actors, of.lateActors, of.pauseP50Ms, of.pauseP99Ms]);
  });
  return ["", row("new code in place", ["shards", "actors", "late", "p50 ms", "p99 ms"]), ...lines];
}

function troubles({ findings, progress, journal }: Outcome): readonly string[] {
  const lines = [
    ...findings.examples,
    ...[...progress.failures].map(([code, count]) => `${count} calls failed: ${code}`),
    ...progress.examples,
    ...[...journal.incidents].map(([type, count]) => `${count} times: ${type}`),
    ...journal.examples.slice(0, 5),
  ];
  return lines.length === 0 ? [] : ["", "what went wrong", ...lines.map((line) => `  ${line}`)];
}

function row(name: string, cells: readonly (string | number | undefined)[]): string {
  const shown = name.length > NAME_WIDTH ? `…${name.slice(1 - NAME_WIDTH)}` : name;
  const printable = shown.replaceAll(/\p{Cc}/gu, "?");
  return printable.padEnd(NAME_WIDTH) + cells.map((cell) => String(cell ?? "?").padStart(9)).join("");
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1_000).toFixed(1);
}
