/**
 * Which node should own which shard, by the view of this moment.
 *
 * @module
 */
import type { Contract } from "../actors/contract.ts";
import type { Membership } from "../cluster/membership.ts";
import { place } from "../cluster/placement.ts";
import type { NodeId } from "../cluster/protocol.ts";

interface Placed {
  readonly version: number;
  readonly nodes: readonly (NodeId | undefined)[];
}

/** See the module's text. Computed once for each view. */
export class Placements {
  readonly #membership: Membership;
  readonly #byKind = new Map<string, Placed>();

  constructor(membership: Membership) {
    this.#membership = membership;
  }

  /**
   * The owners, by shard number, that every node with this view and this version of the state would choose. Nodes with
   * an older version could not read what is here, so they are no heirs; what they own comes to newer ones, never back.
   */
  of({ kind, shards, stateVersion }: Contract): readonly (NodeId | undefined)[] {
    const { view } = this.#membership;
    const known = this.#byKind.get(kind);
    if (known?.version === view.version) return known.nodes;
    const able = view.hosting(kind).filter(({ kinds }) => {
      return kinds.some((hosted) => hosted.kind === kind && hosted.stateVersion >= stateVersion);
    });
    const nodes = place(
      kind,
      shards,
      able.map(({ node, incarnation, weight }) => ({ id: { node, incarnation }, weight })),
    );
    this.#byKind.set(kind, { version: view.version, nodes });
    return nodes;
  }
}
