/**
 * Tells of nodes that keep other actors of a kind alive than this one. It is no reason to refuse anything: a roll-out may change what is
 * kept, and each shard goes by what its owner has been told.
 *
 * @module
 */
import type { Membership } from "../cluster/membership.ts";
import type { NodeId } from "../cluster/records/schemas.ts";
import { nodeKey } from "../cluster/records/schemas.ts";
import { isFinal } from "../cluster/view.ts";
import type { EventBus } from "../events.ts";

/** What it works with. */
export interface DifferingDeps {
  readonly self: NodeId;
  readonly membership: Pick<Membership, "view" | "onView">;
  readonly events: EventBus;
}

/** Looks at each view from now on. @returns what ends that */
export function tellDiffering({ self, membership, events }: DifferingDeps): () => void {
  let told = new Set<string>();
  const look = () => {
    const own = new Map(membership.view.get(self.node)?.kinds.map(({ kind, kept }) => [kind, kept]));
    const found = new Set<string>();
    for (const record of membership.view.nodes) {
      const { node, incarnation, kinds } = record;
      if (node === self.node || isFinal(record)) continue;
      for (const { kind, kept } of kinds) {
        if (!own.has(kind) || own.get(kind) === kept) continue;
        const key = `${kind} ${nodeKey(record)}`;
        found.add(key);
        if (!told.has(key)) events.emit({ type: "keep-differs", kind, node, incarnation });
      }
    }
    told = found;
  };
  look();
  return membership.onView(look);
}
