// Collects what nodes tell: the moves, the upgrades in place, and whatever should not happen in a planned one.
import type { NodeEvent, ShardMoved } from "../../../mod.ts";
import type { Runtime } from "./cluster.ts";
import { percentile, rounded } from "../statistics.ts";

/** Events that belong to a crash or a fault, not to a roll-out. */
const INCIDENTS: ReadonlySet<string> = new Set([
  ...["actor-recovered", "actor-quarantined", "dead-letter", "fenced", "node-lost"],
  ...["handler-failed", "rejected-input", "events-dropped"],
]);
const INCIDENTS_MAX = 20;

/** What is known about the moves. */
export interface MoveSummary {
  readonly moves: number;
  readonly movedActors: number;
  readonly lateActors: number;
  readonly bunToDeno: number;
  readonly denoToBun: number;
  /** Pauses as actors felt them: a move of 40 actors counts 40 times. */
  readonly pauseP50Ms: number;
  readonly pauseP99Ms: number;
}

/** A shard that got new code in place, at that node. */
export type ShardUpgraded = Extract<NodeEvent, { type: "shard-upgraded" }> & { readonly node: string };

/** What is known about the upgrades. */
export interface UpgradeSummary {
  readonly shards: number;
  readonly actors: number;
  readonly lateActors: number;
  /** As actors felt them, as with moves. */
  readonly pauseP50Ms: number;
  readonly pauseP99Ms: number;
}

/** The journal of a whole run. */
export class MoveJournal {
  readonly moves: ShardMoved[] = [];
  readonly upgrades: ShardUpgraded[] = [];
  /** By type, with how often. */
  readonly incidents = new Map<string, number>();
  readonly examples: string[] = [];
  kept = 0;

  note(node: string, event: NodeEvent): void {
    if (event.type === "shard-moved") this.moves.push(event);
    else if (event.type === "shard-upgraded") this.upgrades.push({ ...event, node });
    else if (event.type === "move-aborted") this.kept++;
    else if (INCIDENTS.has(event.type)) {
      this.incidents.set(event.type, (this.incidents.get(event.type) ?? 0) + 1);
      if (this.examples.length < INCIDENTS_MAX) this.examples.push(`${node}: ${JSON.stringify(event)}`);
    }
  }

  /** Of all moves, or of those that pass. */
  summary(
    runtimes: ReadonlyMap<string, Runtime>,
    passes: (move: ShardMoved) => boolean = () => true,
  ): MoveSummary {
    const moves = this.moves.filter(passes);
    const between = (from: Runtime, to: Runtime) =>
      moves.filter((move) => runtimes.get(move.from) === from && runtimes.get(move.to) === to).length;
    return {
      moves: moves.length,
      movedActors: sum(moves.map(({ actors }) => actors)),
      lateActors: sum(moves.map(({ lateActors }) => lateActors)),
      bunToDeno: between("bun", "deno"),
      denoToBun: between("deno", "bun"),
      ...pausesOf(moves),
    };
  }

  /** Of all upgrades in place, or of those at one node. */
  upgradeSummary(node?: string): UpgradeSummary {
    const upgrades = this.upgrades.filter((upgrade) => node === undefined || upgrade.node === node);
    return {
      shards: upgrades.length,
      actors: sum(upgrades.map(({ actors }) => actors)),
      lateActors: sum(upgrades.map(({ lateActors }) => lateActors)),
      ...pausesOf(upgrades),
    };
  }
}

function pausesOf(shards: readonly { readonly pauseMs: number; readonly actors: number }[]) {
  const pauses = shards.map(({ pauseMs, actors }) => [pauseMs, actors] as const);
  return {
    pauseP50Ms: rounded(percentile(pauses, 0.5)),
    pauseP99Ms: rounded(percentile(pauses, 0.99)),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
