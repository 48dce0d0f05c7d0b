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
import { type Candidate, place } from "../cluster/placement/placement.ts";
import { type Suitable, suitable } from "../cluster/placement/suitability.ts";
import { isInForce, type Pin } from "../cluster/placement/pins.ts";
import {
  type HostedKind,
  type KindDurability,
  type NodeId,
  nodeKey,
  sameNode,
} from "../cluster/records/schemas.ts";
import type { HandoffDeps } from "./deps.ts";
import { isSameOwner, type Proposal, proposed, type SettleTimes } from "./proposal.ts";

/** How old a plan may be that is not carried out yet, in milliseconds. */
const REPLAN_MS = 2_000;

interface Plan {
  /** Of the view that it was last compared with. */
  version: number;
  readonly durability: KindDurability;
  readonly stateVersion: number;
  readonly suitable: Suitable;
  readonly proposals: readonly Proposal[];
  /** Who had each shard when it was made, and what was pinned. */
  readonly owners: readonly (NodeId | undefined)[];
  readonly pins: ReadonlyMap<number, Pin>;
  madeAt: number;
  /** Something has come otherwise than it says. */
  isOutdated: boolean;
}

/** What placements are computed from. */
export interface PlacementDeps extends Pick<HandoffDeps, "membership" | "ownership" | "pins" | "clock"> {
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
    return this.#planOf(contract).proposals;
  }

  /** Labels that a kind requires and no node has that could have it otherwise; `undefined` if that is not what is missing. */
  lacking(contract: Contract): Suitable["lacking"] {
    return this.#planOf(contract).suitable.lacking;
  }

  #planOf(contract: Contract): Plan {
    const { kind, stateVersion } = contract;
    const { membership, ownership } = this.#deps;
    const { view } = membership;
    const durability = ownership.durability(kind) ?? contract.durability;
    const plan = this.#byKind.get(kind);
    const isFor = plan?.durability === durability && plan.stateVersion === stateVersion;
    const stands = isFor && !this.#isStale(kind, plan);
    if (stands && plan.version === view.version) return plan;
    const found = suitable(kind, view.hosting(kind), canServe(contract, durability));
    if (stands && areSame(plan.suitable, found)) {
      plan.version = view.version;
      return plan;
    }
    const next = this.#plan(contract, durability, found, plan?.proposals);
    this.#byKind.set(kind, next);
    return next;
  }

  #plan(
    { kind, shards, stateVersion }: Contract,
    durability: KindDurability,
    found: Suitable,
    former: readonly Proposal[] | undefined,
  ): Plan {
    const { clock, membership, settings } = this.#deps;
    const now = clock.now();
    const owners = Array.from({ length: shards }, (_, shard) => this.#ownerOf(kind, shard));
    const pins = this.#pinsOf(kind, shards);
    const { candidates, keepers, isFrozen } = found;
    const standing = { ownerOf: (shard: number) => owners[shard], keepers, isFrozen };
    const placed = place(kind, shards, candidates, { ...standing, pins: pinned(pins, owners, found) });
    return {
      ...{ version: membership.view.version, durability, stateVersion, suitable: found, owners, pins },
      proposals: placed.map((owner, shard) => proposed(owner, former?.[shard], now, settings)),
      ...{ madeAt: now, isOutdated: false },
    };
  }

  #pinsOf(kind: string, shards: number): ReadonlyMap<number, Pin> {
    const pins = new Map<number, Pin>();
    for (let shard = 0; shard < shards; shard++) {
      const pin = this.#pinOf(kind, shard);
      if (pin) pins.set(shard, pin);
    }
    return pins;
  }

  /** The pin that holds now. */
  #pinOf(kind: string, shard: number): Pin | undefined {
    const { pins, clock } = this.#deps;
    const pin = pins.of(kind, shard);
    return pin && isInForce(pin, clock.wall()) ? pin : undefined;
  }

  /** The record of a shard, or its pin, has changed. */
  changed(kind: string, shard: number): void {
    const plan = this.#byKind.get(kind);
    if (plan === undefined || plan.isOutdated) return;
    const owner = this.#ownerOf(kind, shard);
    const isForeseen =
      owner === undefined ||
      isSameOwner(owner, plan.owners[shard]) ||
      isSameOwner(owner, plan.proposals[shard]?.owner);
    plan.isOutdated = !isForeseen || this.#pinOf(kind, shard)?.to !== plan.pins.get(shard)?.to;
  }

  #isStale(kind: string, plan: Plan): boolean {
    if (plan.isOutdated) return true;
    const { clock } = this.#deps;
    const now = clock.now();
    if (now - plan.madeAt < REPLAN_MS) return false;
    const wall = clock.wall();
    const isDone = plan.proposals.every(({ owner }, shard) => isSameOwner(owner, this.#ownerOf(kind, shard)));
    if (!isDone || [...plan.pins.values()].some((pin) => !isInForce(pin, wall))) return true;
    plan.madeAt = now;
    return false;
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

/** Whether a node reads the states that are here, and keeps them where they are. */
export function canServe(
  { stateVersion }: Pick<Contract, "stateVersion">,
  durability: KindDurability,
): (hosted: HostedKind) => boolean {
  return (hosted) => hosted.stateVersion >= stateVersion && (hosted.durability ?? durability) === durability;
}

/** The pins to nodes that can have the shard now: they are no candidates for what they cannot have, or keep what they have. */
function pinned(
  pins: ReadonlyMap<number, Pin>,
  owners: readonly (NodeId | undefined)[],
  { candidates, keepers }: Suitable,
): ReadonlyMap<number, NodeId> {
  const open = new Map(candidates.map(({ id }) => [id.node, id]));
  const places = new Map<number, NodeId>();
  for (const [shard, { to }] of pins) {
    const owner = owners[shard];
    const isKept = owner?.node === to && keepers.some((keeper) => sameNode(keeper, owner));
    const id = isKept ? owner : open.get(to);
    if (id) places.set(shard, id);
  }
  return places;
}

function areSame(one: Suitable, other: Suitable): boolean {
  return (
    one.isFrozen === other.isFrozen &&
    textOf(one.candidates, one.keepers) === textOf(other.candidates, other.keepers)
  );
}

/** Both are sorted by name, as views are. */
function textOf(candidates: readonly Candidate[], keepers: readonly NodeId[]): string {
  const each = candidates.map(({ id, weight, zone = "" }) => `${nodeKey(id)} ${weight} ${zone}`);
  return [...each, "|", ...keepers.map(nodeKey)].join("\n");
}
