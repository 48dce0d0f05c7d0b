/**
 * Whom to ask about a shard, as the records say that are known here.
 *
 * @module
 */
import type { Membership } from "../cluster/membership.ts";
import type { Ownership } from "../cluster/ownership.ts";
import type { NodeId } from "../cluster/records/schemas.ts";

/** A node that has a shard. */
export interface Owner extends NodeId {
  /** Under which it has it. */
  readonly epoch: number;
  /** Whether it is of a release that answers questions about its actors. */
  readonly answers: boolean;
}

/** What it works with. */
export interface OwnersDeps {
  readonly self: NodeId;
  readonly ownership: Pick<Ownership, "entry">;
  readonly membership: Pick<Membership, "view" | "isOver" | "counts">;
}

/** See the module's text. */
export class Owners {
  readonly #deps: OwnersDeps;

  constructor(deps: OwnersDeps) {
    this.#deps = deps;
  }

  /** "nobody": as long as nothing else happens, nobody has it. `undefined`: somebody is about to. */
  of(kind: string, shard: number): Owner | "nobody" | undefined {
    const { ownership, membership, self } = this.#deps;
    const record = ownership.entry(kind, shard)?.record;
    if (record?.state === "parked") return "nobody";
    if (record === undefined || membership.isOver(record.owner))
      return membership.view.hosting(kind).length > 0 ? undefined : "nobody";
    const { node, incarnation } = record.owner;
    const isSelf = node === self.node && incarnation === self.incarnation;
    // a node tells its counts from its first record on, unless it is of a release before
    const answers = isSelf || membership.counts.of(record.owner) !== undefined;
    return { node, incarnation, epoch: record.epoch, answers };
  }
}
