/**
 * How many actors there are: here, and by what the other nodes have said with their last renewals. Nobody is asked.
 *
 * @module
 */
import type { Membership } from "../cluster/membership.ts";
import type { KindCounts, NodeId } from "../cluster/records/schemas.ts";
import { isFinal } from "../cluster/view.ts";
import type { Shard } from "../delivery/receiving/shard.ts";
import type { Clock } from "../platform/clock.ts";

/** What {@link ActorNode.count} gives. Actors that are only stored are not counted. */
export interface ActorCount {
  /** Actors in memory that handle messages or wait for one. */
  readonly active: number;
  /** Actors whose state is in the memory of a node, and of which nothing runs. */
  readonly asleep: number;
  readonly quarantined: number;
  /** Nodes that host the kind and say nothing of that: of a release before. What they have is missing. */
  readonly silent: readonly string[];
  /** Of the oldest of the numbers: milliseconds since 1970, by the wall clock here. */
  readonly asOf: number;
}

/** How many there are of one kind: active, asleep, quarantined. */
type Three = readonly [number, number, number];
const NONE: Three = [0, 0, 0];

/** What the shards of this node have, by kind; kinds of which there is none are left out. */
export function countHere(table: Iterable<Pick<Shard, "kind" | "catalog">>): KindCounts {
  const counts: Record<string, Three> = {};
  for (const { kind, catalog } of table) {
    const { active, passive, awaited, quarantined } = catalog.residents;
    const here: Three = [active.size + awaited.size, passive.size, quarantined.size];
    const isEmpty = here.every((size) => size === 0);
    if (!isEmpty) counts[kind] = plus(counts[kind] ?? NONE, here);
  }
  return counts;
}

/** What it works with. */
export interface CountingDeps {
  readonly self: NodeId;
  readonly clock: Pick<Clock, "wall">;
  readonly membership: Pick<Membership, "view" | "counts">;
  readonly table: Iterable<Pick<Shard, "kind" | "catalog">>;
}

export function countAll({ self, clock, membership, table }: CountingDeps, kind: string): ActorCount {
  let sum = three(countHere(table)[kind]);
  let asOf = clock.wall();
  const silent: string[] = [];
  for (const record of membership.view.nodes) {
    if (isFinal(record) || record.node === self.node) continue;
    const said = membership.counts.of(record);
    const isHost = record.kinds.some((hosted) => hosted.kind === kind);
    if (said === undefined) {
      if (isHost) silent.push(record.node);
      continue;
    }
    sum = plus(sum, three(said.counts[kind]));
    if (isHost) asOf = Math.min(asOf, said.at);
  }
  const [active, asleep, quarantined] = sum;
  return { active, asleep, quarantined, silent, asOf };
}

function three(counts: readonly number[] = NONE): Three {
  const [active = 0, asleep = 0, quarantined = 0] = counts;
  return [active, asleep, quarantined];
}

function plus(a: Three, b: Three): Three {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
}
