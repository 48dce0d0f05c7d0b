/**
 * What is known of the copies of one message that were sent to other nodes. A message to an actor here has none.
 *
 * @module
 */
import type { Peer } from "../wire/peer.ts";

/** See the module's text. Copies are numbered from 1. */
export class Copies {
  /** To whom each was sent; `undefined` once it was answered by "not here". */
  readonly #peers: (Peer | undefined)[] = [];
  #newestEpoch = 0;
  /** No owner of an epoch below this one admits anything any more. */
  #closedBelow = 0;
  /** When the latest was sent. */
  sentAt = 0;

  get count(): number {
    return this.#peers.length;
  }

  /** One more goes out. @param epoch of the owner as the sender knows it */
  add(peer: Peer, epoch: number): void {
    this.#peers.push(peer);
    if (epoch > this.#newestEpoch) this.#newestEpoch = epoch;
  }

  /** One was answered by "not here". @returns whether it was sent to that peer */
  refute(peer: Peer, copy: number): boolean {
    if (this.#peers[copy - 1] !== peer) return false;
    this.#peers[copy - 1] = undefined;
    return true;
  }

  /** Those that were sent under an epoch below this one are not admitted any more. */
  closeBelow(epoch: number): void {
    this.#closedBelow = epoch;
  }

  /** Whether an owner may have admitted one. */
  get mayBeThere(): boolean {
    return this.#peers.some((peer) => peer !== undefined);
  }

  /** Whether one may be admitted that has not been. */
  get mayStillArrive(): boolean {
    if (this.#newestEpoch < this.#closedBelow) return false;
    return this.#peers.some((peer) => peer !== undefined && !peer.over);
  }
}
