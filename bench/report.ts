// The results as text.
import type { GoalLine } from "./goals.ts";
import type { HandoverFigures } from "./handover/handover.ts";
import type { Figures } from "./measure.ts";
import type { RecoveryFigures } from "./recovery/recovery.ts";
import { median, ratios, spread } from "./statistics.ts";
import type { RegistryFigures } from "./registry/registry.ts";

/** One comparison: a line for ours, and one for each reference with the ratio of ours to it. */
export function comparisonText({ name, sides }: Figures): string {
  const [ours] = sides;
  const lines = sides.map((side) => {
    const cells = [`  ${side.label.padEnd(20)}`, `${rate(median(side.perSecond)).padStart(9)}/s`];
    cells.push(`${median(side.cpuUs).toFixed(1).padStart(7)} µs CPU`);
    if (side.p50Ms.length > 0) cells.push(`p50 ${median(side.p50Ms).toFixed(3)} ms`);
    if (ours !== undefined && side !== ours) {
      cells.push(`  Baton is ${times(ratios(ours.perSecond, side.perSecond))}`);
      if (side.p50Ms.length > 0) cells.push(`p50 ${times(ratios(ours.p50Ms, side.p50Ms))}`);
      cells.push(`CPU ${median(ratios(ours.cpuUs, side.cpuUs)).toFixed(2)} ×`);
    }
    return cells.join("  ");
  });
  return [name, ...lines].join("\n");
}

/** The median ratio and its range over the rounds. */
function times(values: readonly number[]): string {
  const { median: middle, min, max } = spread(values);
  return `${middle.toFixed(2)} × (${min.toFixed(2)}..${max.toFixed(2)})`;
}

function rate(perSecond: number): string {
  return Math.round(perSecond).toLocaleString("en");
}

const HANDOVERS = { leave: "leave", join: "join", upgrade: "upgrade in place" } as const;

export function handoverText(handover: HandoverFigures): string {
  const { how, actors, moved, from, to, shards, lost, doubled, failed, calmMs } = handover;
  const failures = Object.entries(handover.failures).map(([code, count]) => `${count} ${code}`);
  const calm = calmMs === undefined ? "" : `, ${ms(calmMs)} after its start`;
  const cpu = [handover.giverUs, handover.takerUs].filter((us) => us > 0).map((us) => us.toFixed(0));
  return [
    `${HANDOVERS[how]}, ${actors.toLocaleString("en")} actors of 1 KB, ${from} → ${to}, under load`,
    `  ${handover.seconds.toFixed(2)} s for ${moved.toLocaleString("en")} actors in ${shards} shards${calm}; ` +
      `${handover.lateActors} actors late, ${handover.kept} left over or kept`,
    `  ${handover.asks} asks and ${handover.tells} tells: ${lost} lost, ${doubled} doubled, ${failed} failed` +
      (failures.length > 0 ? ` (${failures.join(", ")})` : ""),
    `  actor pause, as its former owner tells it: p50 ${ms(handover.pauseP50Ms)}, p99 ${ms(handover.pauseP99Ms)}`,
    `  longest silence beyond the usual, of probed actors: p50 ${ms(handover.silenceP50Ms)}, p99 ${ms(handover.silenceP99Ms)}`,
    `  CPU for each of these actors, with the load: ${cpu.join(" + ")} µs`,
  ].join("\n");
}

export function registryText(registry: RegistryFigures): string {
  const { actors, runtime, pages, wrong, askerMs, ownerMs, askerIdleMs, ownerIdleMs } = registry;
  return [
    `list of ${actors.toLocaleString("en")} actors in ${pages} pages, on ${runtime}`,
    `  ${ms(registry.ms)}; ${wrong} missed or doubled`,
    `  loop held up: who asks ${ms(askerMs)}, who answers ${ms(ownerMs)}`,
    `  without a list: ${ms(askerIdleMs)}, ${ms(ownerIdleMs)}`,
  ].join("\n");
}

export function recoveryText(recovery: RecoveryFigures): string {
  const { runtime, timers, entries, asked, again, pauses, delays, moreActivations } = recovery;
  const beside = entries > 0 ? ` beside ${entries.toLocaleString("en")} entries of others` : "";
  return [
    `crash with ${timers.toLocaleString("en")} stored timers${beside}, on ${runtime}`,
    `  from the kill: first claim ${seconds(recovery.claimedMs)}, every shard served ${seconds(recovery.servedMs)}, every timer gone off ${seconds(recovery.goneMs)}`,
    `  from the first claim: ${asked} actors answered within ${seconds(recovery.answeredMs)}`,
    `  for each timer ${recovery.readsEach.toFixed(2)} reads and ${recovery.writesEach.toFixed(2)} writes; ` +
      `${again} went off again, ${moreActivations} more activations, ${delays} delays, ${pauses} pauses`,
  ].join("\n");
}

function seconds(valueMs: number): string {
  return `${(valueMs / 1_000).toFixed(2)} s`;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

/** What was measured beside what we set out to reach. */
export function goalsText(lines: readonly GoalLine[]): string {
  const rows = [
    ["figure", "on", "goal", "seen", ""],
    ...lines.map(({ what, on, goal, seen, reached }) => [what, on, goal, seen, reached ? "reached" : "-"]),
  ];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
