/**
 * Who may speak for a shard, as far as one sender knows: those that the records have shown as its owners since it was
 * last claimed without its memory, and the nodes on which late actors of it run.
 *
 * A frame says who sent it, and any node could write any frame. An acknowledgement, a reply or a "not here" from who
 * never had the shard must not end a message, so it only makes this node look at the record.
 *
 * A watch that was behind shows the newest record only, and not who had the shard in the epochs between. An owner of
 * such an epoch may have handled a message that came to it with the shard, and it may have given the shard away since;
 * so for these epochs the word of every member counts.
 *
 * @module
 */
import type { OwnedEntry } from "../../cluster/ownership.ts";
import { type NodeId, sameNode } from "../../cluster/records/schemas.ts";
import type { Peer } from "../wire/peer.ts";

/** Owners that are remembered, the last ones: an answer that comes after so many moves comes too late. */
const OWNERS_MAX = 64;

/** Epochs of which no record was seen. */
interface Skipped {
  readonly from: number;
  readonly to: number;
}

/** See the module's text. This node itself may be among them: what it admitted before the shard moved is answered by frames. */
export class KnownOwners {
  #owners: NodeId[] = [];
  #late: readonly { readonly at: NodeId }[] = [];
  #epoch = 0;
  #floor = 0;
  #skipped: Skipped[] = [];
  /** Peers that were found among them: each item of a frame asks. */
  readonly #found = new Set<Peer>();

  /** Takes in a shard's record; `undefined`: nobody has it. */
  learn(entry: OwnedEntry | undefined): void {
    if (entry === undefined) return;
    const { owner, epoch, floor, late } = entry.record;
    if (floor > this.#floor) this.#owners = [];
    this.#floor = Math.max(this.#floor, floor);
    this.#skip(epoch);
    this.#owners = [...this.#owners.filter((other) => !sameNode(other, owner)), owner].slice(-OWNERS_MAX);
    this.#late = late;
    this.#found.clear();
  }

  /** Before the first record nothing was sent, so nothing is skipped. */
  #skip(epoch: number): void {
    if (this.#epoch > 0 && epoch > this.#epoch + 1)
      this.#skipped.push({ from: this.#epoch + 1, to: epoch - 1 });
    this.#epoch = Math.max(this.#epoch, epoch);
    this.#skipped = this.#skipped.filter(({ to }) => to >= this.#floor).slice(-OWNERS_MAX);
  }

  /** @param epoch under which the peer speaks, where it says so */
  has(peer: Peer, epoch?: number): boolean {
    return this.#isKnown(peer) || (epoch !== undefined && this.#isSkipped(epoch));
  }

  #isSkipped(epoch: number): boolean {
    return epoch >= this.#floor && this.#skipped.some(({ from, to }) => epoch >= from && epoch <= to);
  }

  #isKnown(peer: Peer): boolean {
    if (this.#found.has(peer)) return true;
    const known =
      this.#owners.some((owner) => sameNode(owner, peer.id)) ||
      this.#late.some(({ at }) => sameNode(at, peer.id));
    if (known) this.#found.add(peer);
    return known;
  }
}
