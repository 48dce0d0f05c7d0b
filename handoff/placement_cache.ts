/**
 * Which node should own which shard, by what is known at this moment: the plan that one kind's shards are moved and claimed by.
 *
 * A plan stands while it is carried out: records that change as it says are no reason for another. It is made anew when other
 * nodes can take the kind, when a shard has come to somebody whom it does not name, and every {@link REPLAN_MS} for as long as
 * things are not as it says. So nodes that made theirs from different knowledge come to the same one.
 *
 * @module
 */
import type { Contract } from "../actors/contract.ts";
import { type Candidate, place } from "../cluster/placement.ts";
import { type KindDurability, type NodeId, type NodeRecord, sameNode } from "../cluster/records/schemas.ts";
import type { HandoffDeps } from "./deps.ts";
import { isSameOwner, type Proposal, proposed, type SettleTimes } from "./proposal.ts";

/** How old a plan may be that is not carried out yet, in milliseconds. */
const REPLAN_MS = 2_000;

interface Plan {
  /** Of the view that it was last compared with. */
  version: number;
  readonly durability: KindDurability;
  readonly candidates: readonly Candidate[];
  readonly proposals: readonly Proposal[];
  /** Who had each shard when it was made. */
  readonly owners: readonly (NodeId | undefined)[];
  madeAt: number;
}

/** What placements are computed from. */
export interface PlacementDeps extends Pick<HandoffDeps, "membership" | "ownership" | "clock"> {
  readonly settings: SettleTimes;
}

/** See the module's text. */
export class PlacementCache {
  readonly #deps: PlacementDeps;
  readonly #byKind = new Map<string, Plan>();

  constructor(deps: PlacementDeps) {
    this.#deps = deps;
  }

  /**
   * The owners, by shard number, that every node would choose that knows the same and has this version of the state. Nodes with
   * an older version could not read what is here, so they are no heirs; what they own comes to newer ones, never back. Nor
   * are nodes that host in memory what is stored by now.
   */
  of(contract: Contract): readonly Proposal[] {
    const { kind } = contract;
    const { membership, ownership, clock } = this.#deps;
    const { view } = membership;
    const durability = ownership.durability(kind) ?? contract.durability;
    const plan = this.#byKind.get(kind);
    if (plan?.version === view.version && plan.durability === durability && !this.#isStale(kind, plan))
      return plan.proposals;
    const candidates = view
      .hosting(kind)
      .filter((record) => isAble(record, contract, durability))
      .map(({ node, incarnation, weight }) => ({ id: { node, incarnation }, weight }));
    if (
      plan?.durability === durability &&
      areSame(plan.candidates, candidates) &&
      !this.#isStale(kind, plan)
    ) {
      plan.version = view.version;
      return plan.proposals;
    }
    const owners = Array.from({ length: contract.shards }, (_, shard) => this.#ownerOf(kind, shard));
    const now = clock.now();
    const proposals = place(kind, contract.shards, candidates, { ownerOf: (shard) => owners[shard] }).map(
      (owner, shard) => proposed(owner, plan?.proposals[shard], now, this.#deps.settings),
    );
    this.#byKind.set(kind, {
      version: view.version,
      ...{ durability, candidates, proposals, owners, madeAt: now },
    });
    return proposals;
  }

  /** The record of a shard has changed. */
  changed(kind: string, shard: number): void {
    const plan = this.#byKind.get(kind);
    const owner = plan && this.#ownerOf(kind, shard);
    if (owner === undefined || isSameOwner(owner, plan?.owners[shard])) return;
    if (!isSameOwner(owner, plan?.proposals[shard]?.owner)) this.#outdate(plan);
  }

  #outdate(plan: Plan | undefined): void {
    if (plan) plan.madeAt = Number.NEGATIVE_INFINITY;
  }

  #isStale(kind: string, plan: Plan): boolean {
    const now = this.#deps.clock.now();
    if (now - plan.madeAt < REPLAN_MS) return false;
    const isDone = plan.proposals.every(({ owner }, shard) => isSameOwner(owner, this.#ownerOf(kind, shard)));
    if (isDone) plan.madeAt = now;
    return !isDone;
  }

  /** Who has a shard, or is just being given it; `undefined`: nobody who lives. */
  #ownerOf(kind: string, shard: number): NodeId | undefined {
    const { ownership, membership } = this.#deps;
    const record = ownership.entry(kind, shard)?.record;
    if (record === undefined || record.state === "parked") return undefined;
    const { owner, to } = record;
    if (to !== undefined && to !== "bucket" && !membership.isOver(to)) return to;
    return membership.isOver(owner) ? undefined : owner;
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
