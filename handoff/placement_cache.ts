/**
 * Which node should own which shard, by the view of this moment.
 *
 * @module
 */
import type { Contract } from "../actors/contract.ts";
import { type Candidate, place } from "../cluster/placement.ts";
import { type KindDurability, type NodeRecord, sameNode } from "../cluster/records/schemas.ts";
import type { HandoffDeps } from "./deps.ts";
import { type Proposal, proposed, type SettleTimes } from "./proposal.ts";

interface Placed {
  /** Of the view that it was last compared with. */
  readonly version: number;
  readonly durability: KindDurability;
  readonly candidates: readonly Candidate[];
  readonly proposals: readonly Proposal[];
}

/** What placements are computed from. */
export interface PlacementDeps extends Pick<HandoffDeps, "membership" | "ownership" | "clock"> {
  readonly settings: SettleTimes;
}

/** See the module's text. Computed anew when other nodes can take the kind, and not for each view. */
export class PlacementCache {
  readonly #deps: PlacementDeps;
  readonly #byKind = new Map<string, Placed>();

  constructor(deps: PlacementDeps) {
    this.#deps = deps;
  }

  /**
   * The owners, by shard number, that every node with this view and this version of the state would choose. Nodes with
   * an older version could not read what is here, so they are no heirs; what they own comes to newer ones, never back. Nor
   * are nodes that host in memory what is stored by now.
   */
  of(contract: Contract): readonly Proposal[] {
    const { kind, shards } = contract;
    const { membership, ownership } = this.#deps;
    const { view } = membership;
    const { version } = view;
    const durability = ownership.durability(kind) ?? contract.durability;
    const known = this.#byKind.get(kind);
    if (known?.version === version && known.durability === durability) return known.proposals;
    const candidates = view
      .hosting(kind)
      .filter((record) => isAble(record, contract, durability))
      .map(({ node, incarnation, weight }) => ({ id: { node, incarnation }, weight }));
    const proposals =
      known && areSame(known.candidates, candidates)
        ? known.proposals
        : this.#propose(kind, shards, candidates, known?.proposals);
    this.#byKind.set(kind, { version, durability, candidates, proposals });
    return proposals;
  }

  #propose(
    kind: string,
    shards: number,
    candidates: readonly Candidate[],
    former: readonly Proposal[] | undefined,
  ): readonly Proposal[] {
    const { clock, settings } = this.#deps;
    const now = clock.now();
    return place(kind, shards, candidates).map((owner, shard) =>
      proposed(owner, former?.[shard], now, settings),
    );
  }
}

function isAble(
  { kinds }: NodeRecord,
  { kind, stateVersion }: Contract,
  durability: KindDurability,
): boolean {
  const hosted = kinds.find((each) => each.kind === kind);
  if (hosted === undefined || hosted.stateVersion < stateVersion) return false;
  return (hosted.durability ?? durability) === durability;
}

/** Both are sorted by name, as views are. */
function areSame(some: readonly Candidate[], others: readonly Candidate[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ id, weight }, i) => {
      const other = others[i];
      return other !== undefined && sameNode(id, other.id) && weight === other.weight;
    })
  );
}
