/**
 * Which node should own which shard, by the view of this moment.
 *
 * @module
 */
import type { Contract } from "../actors/contract.ts";
import type { Membership } from "../cluster/membership.ts";
import { type Candidate, place } from "../cluster/placement.ts";
import { type NodeRecord, sameNode } from "../cluster/protocol.ts";
import type { Clock } from "../platform/clock.ts";
import { type Proposal, proposed, type SettleTimes } from "./proposal.ts";

interface Placed {
  /** Of the view that it was last compared with. */
  readonly version: number;
  readonly candidates: readonly Candidate[];
  readonly proposals: readonly Proposal[];
}

/** See the module's text. Computed anew when other nodes can take the kind, and not for each view. */
export class Placements {
  readonly #membership: Membership;
  readonly #clock: Clock;
  readonly #times: SettleTimes;
  readonly #byKind = new Map<string, Placed>();

  constructor(membership: Membership, clock: Clock, times: SettleTimes) {
    this.#membership = membership;
    this.#clock = clock;
    this.#times = times;
  }

  /**
   * The owners, by shard number, that every node with this view and this version of the state would choose. Nodes with
   * an older version could not read what is here, so they are no heirs; what they own comes to newer ones, never back.
   */
  of({ kind, shards, stateVersion }: Contract): readonly Proposal[] {
    const { version } = this.#membership.view;
    const known = this.#byKind.get(kind);
    if (known?.version === version) return known.proposals;
    const candidates = this.#membership.view
      .hosting(kind)
      .filter((record) => isAble(record, kind, stateVersion))
      .map(({ node, incarnation, weight }) => ({ id: { node, incarnation }, weight }));
    const proposals =
      known && areSame(known.candidates, candidates)
        ? known.proposals
        : this.#propose(kind, shards, candidates, known?.proposals);
    this.#byKind.set(kind, { version, candidates, proposals });
    return proposals;
  }

  #propose(
    kind: string,
    shards: number,
    candidates: readonly Candidate[],
    former: readonly Proposal[] | undefined,
  ): readonly Proposal[] {
    const now = this.#clock.now();
    return place(kind, shards, candidates).map((owner, shard) =>
      proposed(owner, former?.[shard], now, this.#times),
    );
  }
}

function isAble({ kinds }: NodeRecord, kind: string, stateVersion: number): boolean {
  return kinds.some((hosted) => hosted.kind === kind && hosted.stateVersion >= stateVersion);
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
