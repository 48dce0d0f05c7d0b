/**
 * The sender's end of a link as a machine: which number comes next, what is under way, and what is true of it when something
 * is heard. Pure: no clock, no I/O and no bounds of the node; `sender_link.ts` runs what follows from it.
 *
 * | heard | counts if | then |
 * |---|---|---|
 * | acknowledged up to n, under epoch e | e is not below the floor | what is kept up to n need not be sent again |
 * | these wait, under epoch e | e is not below the floor, and they are tells without an acknowledgement | with that they are not admitted yet |
 * | the end of n, under epoch e | e is not below the floor, and n is known | n is acknowledged, and its call ends |
 * | "not here" of a copy of n | that copy was sent to who says so | nobody can admit that copy any more |
 * | n to m are missing, under epoch e | e is the present one | they are sent again |
 * | a record with a higher epoch | always | copies sent under lower epochs are admitted by nobody any more |
 * | a record with a higher floor | always | what an owner below it may have admitted is lost: see `afterLoss` |
 *
 * Whatever else is heard is late, doubled or not about this link, and changes nothing.
 *
 * @module
 */
import type { CallPlace, PendingCall } from "../calls/pending_call.ts";
import { NumberRing } from "../number_ring.ts";
import type { Peer } from "../wire/peer.ts";
import { Window } from "./window.ts";
import { WindowEntry } from "./window_entry.ts";

/** A place on a link, and whose it is. */
export interface SenderPlace extends CallPlace {
  readonly call: PendingCall;
}

/** Told of each message that is acknowledged now. */
export interface Acknowledged {
  acknowledged(entry: WindowEntry): void;
}

/** What becomes of a call whose owner was lost: it ends as unknown, is sent anew, or is not tried with yet another owner. */
export type Fate = "stays" | "unknown" | "anew" | "set-aside";

/**
 * What becomes of a message under a floor that has risen.
 *
 * @param deathsMax owners that may be lost while they may have been handling it
 */
export function afterLoss(
  { maybeAdmitted, idempotent, losses }: Pick<PendingCall, "maybeAdmitted" | "idempotent" | "losses">,
  oldestEpoch: number,
  floor: number,
  deathsMax: number,
): Fate {
  if (!maybeAdmitted || oldestEpoch >= floor) return "stays";
  if (!idempotent) return "unknown";
  return losses + 1 < deathsMax ? "anew" : "set-aside";
}

/** See the module's text. */
export class SenderState {
  #epoch = 0;
  #floor = 0;
  #nextSeq = 1;
  /** Sent to peers and not acknowledged, by number, without holes. */
  readonly window: Window = new Window();
  /** Asks that were sent and have not ended, and tells that wait for room, by number. */
  readonly pending: NumberRing<SenderPlace> = new NumberRing();

  /** Of the owner that is known. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Of the last owner that got the shard without its memory: nothing from below counts. */
  get floor(): number {
    return this.#floor;
  }

  /** The lowest number that is still kept. */
  get first(): number {
    return this.window.first ?? this.#nextSeq;
  }

  /** The last number that was given. */
  get last(): number {
    return this.#nextSeq - 1;
  }

  /** The number of a message that goes out for the first time. */
  next(): number {
    return this.#nextSeq++;
  }

  /** Puts a call into the window, to be sent to a peer. */
  open(call: PendingCall): WindowEntry {
    const entry = new WindowEntry(call, this.next());
    call.place = entry;
    if (call.type === "ask") this.pending.set(entry.seq, entry);
    this.window.push(entry);
    return entry;
  }

  /** @returns how many were acknowledged that were not before */
  acknowledged(epoch: number, upTo: number, told: Acknowledged): number {
    if (epoch < this.#floor) return 0;
    let count = 0;
    for (let seq = this.first; seq <= upTo; seq++) {
      const entry = this.window.at(seq);
      if (entry === undefined) break;
      if (!entry.acknowledge()) continue;
      count++;
      told.acknowledged(entry);
    }
    return count;
  }

  /** With the acknowledgement that follows these are not admitted yet. */
  announced(epoch: number, seqs: readonly number[]): void {
    if (epoch < this.#floor) return;
    for (const seq of seqs) this.window.at(seq)?.announce();
  }

  /** What has that number, while an end of it would change anything. */
  at(seq: number): SenderPlace | undefined {
    return this.pending.get(seq) ?? this.window.at(seq);
  }

  /** What an end is of that an owner gives; `undefined` if it is of nothing, or does not count. */
  endOf(epoch: number, seq: number): SenderPlace | undefined {
    const place = this.at(seq);
    return place === undefined || epoch < this.#floor ? undefined : place;
  }

  /** A copy was certainly not admitted by that peer. */
  refuted(peer: Peer, seq: number, copy: number): void {
    this.window.at(seq)?.refute(peer, copy);
  }

  /** What an owner of that epoch misses, of what was sent to it. */
  missing(epoch: number, from: number, to: number): readonly WindowEntry[] {
    return epoch === this.#epoch ? this.window.sentBetween(from, to) : [];
  }

  /** A peer's life has ended: what was sent to it will not arrive any more. */
  recheck(): void {
    for (const entry of this.window) entry.recheck();
  }

  /**
   * A record was seen.
   *
   * @param isClosed whether its epoch has no owner any more: what was parked under it goes on under the next
   */
  learn(epoch: number, floor: number, isClosed: boolean): void {
    this.#floor = Math.max(this.#floor, floor);
    this.#epoch = Math.max(this.#epoch, epoch);
    const below = isClosed ? this.#epoch + 1 : this.#epoch;
    for (const entry of this.window) entry.closedBelow(below);
  }

  /** A call goes on under another number: its place here stands for nothing any more. */
  leave(place: SenderPlace): void {
    this.pending.delete(place.seq);
    this.window.lighten(place.seq);
    place.call.lost();
  }

  /** What was sent and has not ended: asks and waiting tells wherever they are, and other tells of the window. */
  *sent(): Iterable<SenderPlace> {
    yield* this.pending;
    for (const entry of this.window) {
      const { call, seq } = entry;
      if (call.type === "tell" && !call.ended && !entry.isVoid && !this.pending.get(seq)) yield entry;
    }
  }
}
