/**
 * Who may speak for a shard, as far as one sender knows: those that the records have shown as its owners since it was
 * last claimed without its memory, and the nodes on which late actors of it run.
 *
 * A frame says who sent it, and any node could write any frame. An acknowledgement, a reply or a "not here" from who
 * never had the shard must not end a message, so it only makes this node look at the record.
 *
 * @module
 */
import type { OwnedEntry } from "../cluster/ownership.ts";
import { type NodeId, sameNode } from "../cluster/protocol.ts";
import type { Peer } from "./peer.ts";

/** Owners that are remembered, the last ones: an answer that comes after so many moves comes too late. */
const OWNERS_MAX = 64;

/** See the module's text. This node itself may be among them: what it admitted before the shard moved is answered by frames. */
export class Owners {
  #owners: NodeId[] = [];
  #late: readonly { readonly at: NodeId }[] = [];
  #floor = 0;
  /** Peers that were found among them: each item of a frame asks. */
  readonly #found = new Set<Peer>();

  /** Takes in a shard's record; `undefined`: nobody has it. */
  learn(entry: OwnedEntry | undefined): void {
    if (entry === undefined) return;
    const { owner, floor, late } = entry.record;
    if (floor > this.#floor) this.#owners = [];
    this.#floor = Math.max(this.#floor, floor);
    this.#owners = [...this.#owners.filter((other) => !sameNode(other, owner)), owner].slice(-OWNERS_MAX);
    this.#late = late;
    this.#found.clear();
  }

  has(peer: Peer): boolean {
    if (this.#found.has(peer)) return true;
    const known =
      this.#owners.some((owner) => sameNode(owner, peer.id)) ||
      this.#late.some(({ at }) => sameNode(at, peer.id));
    if (known) this.#found.add(peer);
    return known;
  }
}
