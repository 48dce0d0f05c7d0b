/**
 * The sender's end of a link: from this node to one shard, wherever its owner is.
 *
 * Messages get consecutive numbers when they are first sent. What is unacknowledged stays in the window and is sent
 * again to whoever owns the shard; the owner's table, which moves along, sees to it that nothing is admitted twice.
 *
 * ```
 *   waiting ──first sent──► window ──acknowledged──► (ask: pending) ──reply──► ended
 * ```
 *
 * @module
 */
import type { OwnedEntry } from "../../cluster/ownership.ts";
import { aborted, outcomeUnknown, pastDeadline } from "./call_errors.ts";
import { NumberRing } from "../number_ring.ts";
import { SendQueue } from "./send_queue.ts";
import type { Outgoing } from "./outgoing.ts";
import { KnownOwners } from "./known_owners.ts";
import { Congestion } from "./congestion.ts";
import type { Peer, Starved } from "../wire/peer.ts";
import { NOBODY, peerOf, type LocalShard, type Route } from "./route.ts";
import type { SenderDeps } from "./sender_deps.ts";
import { EnvelopeCopy } from "../wire/envelope_copy.ts";
import { Window } from "./window.ts";

/** See the module's text. */
export class SenderLink implements Starved {
  readonly kind: string;
  readonly shard: number;
  readonly owners: KnownOwners = new KnownOwners();
  readonly #deps: SenderDeps;
  #route: Route = NOBODY;
  #epoch = 0;
  #floor = 0;
  readonly #waiting: SendQueue;
  /** Sent and not acknowledged, by number, without holes. */
  readonly #window = new Window();
  readonly #pace: Congestion;
  #nextSeq = 1;
  /** Asks that were sent and have not ended, and tells that wait for room, by number. */
  readonly #pending = new NumberRing<Outgoing>();

  constructor(deps: SenderDeps, kind: string, shard: number) {
    this.#deps = deps;
    this.kind = kind;
    this.shard = shard;
    this.#waiting = new SendQueue(deps.rooms, deps.settings.waitingMax);
    this.#pace = new Congestion(deps.settings, deps.random);
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Messages that have not ended, or whose place is not acknowledged. */
  get size(): number {
    return this.#waiting.size + this.#window.size + this.#pending.size;
  }

  /** Messages that somebody still waits for. */
  get unended(): number {
    return this.#waiting.size + [...this.#sent()].length;
  }

  /** Sends a message as soon as the window and the route allow. */
  submit(outgoing: Outgoing, now: number): void {
    const refusal = this.#waiting.refusal(outgoing);
    if (refusal) return outgoing.endBadly(refusal);
    this.#deps.wakeBy(outgoing.callDeadlineAt);
    if (this.#admitAtOnce(outgoing, now) || this.#transmitAtOnce(outgoing, now)) return;
    this.#waiting.push(outgoing);
    this.pump(now);
  }

  /** The short way to an owner on this node, when nothing is before it: a number, and into the mailbox. */
  #admitAtOnce(outgoing: Outgoing, now: number): boolean {
    if (this.#route.to !== "here" || this.#waiting.size > 0 || this.#window.size > 0) return false;
    const { shard } = this.#route;
    if (!shard.admitsAt(now)) return false;
    this.#number(outgoing);
    this.#admitLocal(outgoing, shard);
    return true;
  }

  /** The same to a peer: into the window, when it has room and nothing is before it. */
  #transmitAtOnce(outgoing: Outgoing, now: number): boolean {
    const peer = peerOf(this.#route);
    if (!peer || this.#hasMore || !this.#deps.gate.isOpenAt(now) || !this.#mayTransmit(peer)) return false;
    this.#number(outgoing);
    this.#window.push(outgoing);
    this.#transmit(outgoing, peer, now);
    return true;
  }

  /** Sends what may be sent. */
  pump(now: number = this.#deps.clock.now()): void {
    if (this.#route.to === "nobody" || !this.#deps.gate.isOpenAt(now)) return;
    if (this.#route.to === "here") return this.#pumpLocal(this.#route.shard, now);
    const { peer } = this.#route;
    while (this.#hasMore && this.#mayTransmit(peer)) this.#transmit(this.#next() as Outgoing, peer, now);
  }

  get #hasMore(): boolean {
    return this.#waiting.size > 0 || this.#window.hasMore;
  }

  #mayTransmit(peer: Peer): boolean {
    const { sent, sentBytes } = this.#window;
    const { outbox, settings } = this.#deps;
    return sent < this.#pace.limit && sentBytes < settings.windowBytesMax && outbox.hasRoom(peer, this);
  }

  roomFor(peer: Peer): void {
    if (peerOf(this.#route) === peer) this.pump();
  }

  #pumpLocal(shard: LocalShard, now: number): void {
    if (!shard.admitsAt(now)) return;
    for (let outgoing = this.#next(); outgoing !== undefined; outgoing = this.#next())
      this.#admitLocal(outgoing, shard);
    this.#window.trim();
  }

  #admitLocal(outgoing: Outgoing, shard: LocalShard): void {
    if (shard.epoch < outgoing.oldestEpoch) outgoing.oldestEpoch = shard.epoch;
    const known = outgoing.acked || outgoing.ended;
    outgoing.acknowledge();
    shard.admitLocal(outgoing.seq, known ? undefined : outgoing);
    if (outgoing.type === "tell") this.#taken(outgoing);
  }

  /** The owner has a tell: that is its end, unless there is no room yet. */
  #taken(outgoing: Outgoing): void {
    if (!outgoing.waitsForRoom) return outgoing.end(undefined);
    if (outgoing.ended || this.#pending.get(outgoing.seq)) return;
    this.#pending.set(outgoing.seq, outgoing);
    outgoing.keeper = this;
    this.#deps.rooms.unadmitted.take(1);
  }

  /** The next of the window to be sent on this route, or the next that waits. */
  #next(): Outgoing | undefined {
    const again = this.#window.next();
    if (again !== undefined) return again;
    const outgoing = this.#waiting.take();
    if (outgoing === undefined) return undefined;
    this.#number(outgoing);
    this.#window.push(outgoing);
    return outgoing;
  }

  #number(outgoing: Outgoing): void {
    outgoing.seq = this.#nextSeq++;
    if (outgoing.type === "tell") return;
    this.#pending.set(outgoing.seq, outgoing);
    outgoing.keeper = this;
  }

  /** An ask has ended, or a tell that waited for room: nothing needs to be kept for it. */
  ended(outgoing: Outgoing): void {
    if (this.#pending.delete(outgoing.seq) && outgoing.type === "tell") this.#deps.rooms.unadmitted.give(1);
  }

  #transmit(outgoing: Outgoing, peer: Peer, now: number): void {
    outgoing.sentTo(peer, this.#epoch, now);
    this.#deps.outbox.add(peer, new EnvelopeCopy(this, outgoing, this.#epoch, this.#deps.clock));
    if (this.#pace.resendAt === Infinity) this.#scheduleResend(now);
  }

  /** The lowest number that is still kept. */
  get first(): number {
    return this.#window.first ?? this.#nextSeq;
  }

  get last(): number {
    return this.#nextSeq - 1;
  }

  onAck(epoch: number, upTo: number): void {
    if (epoch < this.#floor) return;
    const now = this.#deps.clock.now();
    let progress = 0;
    for (let seq = this.first; seq <= upTo; seq++) {
      const outgoing = this.#window.at(seq);
      if (outgoing === undefined) break;
      if (outgoing.acked) continue;
      progress++;
      if (outgoing.copies === 1) this.#pace.measured(now - outgoing.sentAt);
      outgoing.acknowledge();
      if (outgoing.type === "tell") this.#taken(outgoing);
    }
    if (progress > 0) this.#progressed(now);
  }

  /** With the acknowledgement that follows these are not admitted yet. */
  onWaits(epoch: number, seqs: readonly number[]): void {
    if (epoch < this.#floor) return;
    for (const seq of seqs) {
      const outgoing = this.#window.at(seq);
      if (outgoing && outgoing.type === "tell" && !outgoing.acked) outgoing.waitsThere = true;
    }
  }

  /** What has that number, while an end of it would change anything. */
  awaiting(seq: number): Outgoing | undefined {
    return this.#pending.get(seq) ?? this.#window.at(seq);
  }

  /** The end of an ask, or of a tell that is refused or has waited for room. The caller's own checks of peer and frame are done. */
  onReply(epoch: number, seq: number, end: (outgoing: Outgoing) => void): void {
    const outgoing = this.awaiting(seq);
    if (outgoing === undefined) return;
    if (epoch < this.#floor) return;
    const first = !outgoing.acked;
    outgoing.acknowledge();
    if (!outgoing.ended) end(outgoing);
    if (first) this.#progressed(this.#deps.clock.now());
  }

  /** The owner misses some: send them again now. */
  onGap(peer: Peer, epoch: number, from: number, to: number): void {
    if (epoch !== this.#epoch || peer !== peerOf(this.#route)) return;
    const now = this.#deps.clock.now();
    for (const outgoing of this.#window.sentBetween(from, to)) {
      if (!this.#deps.outbox.hasRoom(peer, this)) return; // they are repeated in time
      this.#transmit(outgoing, peer, now);
    }
  }

  /** A peer's life has ended: what was sent to it will not arrive any more. */
  recheck(): void {
    for (const outgoing of this.#window) outgoing.recheck();
  }

  /** A copy was certainly not admitted by that peer. */
  onMoved(peer: Peer, seq: number, copy: number): void {
    this.#window.at(seq)?.refute(peer, copy);
  }

  #progressed(now: number): void {
    this.#pace.progressed();
    this.#window.trim();
    if (this.#window.size === 0) this.#pace.rest();
    else this.#scheduleResend(now);
    this.pump(now);
  }

  #scheduleResend(now: number): void {
    this.#deps.wakeBy(this.#pace.schedule(now));
  }

  /** Ends what is past its deadline, and repeats what was not acknowledged in time. */
  tick(now: number): void {
    this.#expire(now);
    if (now >= this.#pace.resendAt) {
      this.#pace.timedOut();
      this.#restart(now);
    } else if (this.#pace.resendAt !== Infinity) this.#deps.wakeBy(this.#pace.resendAt);
  }

  #restart(now: number): void {
    this.#window.rewind();
    this.#pace.rest();
    if (this.#window.size > 0) this.#scheduleResend(now);
    this.pump();
  }

  #expire(now: number): void {
    const late = this.#waiting.takeAll((outgoing) => outgoing.callDeadlineAt <= now);
    for (const outgoing of late) outgoing.endBadly(this.#pastDeadline(outgoing));
    for (const outgoing of this.#sent())
      if (outgoing.callDeadlineAt <= now) outgoing.endBadly(this.#pastDeadline(outgoing));
    for (const { callDeadlineAt } of [...this.#waiting, ...this.#sent()]) this.#deps.wakeBy(callDeadlineAt);
  }

  /** Whether such an ask to the actor of that name has not ended. */
  hasAsked(name: string, chain: readonly string[]): boolean {
    const isIt = (one: Outgoing) => one.name === name && one.type === "ask" && one.chain === chain;
    return [...this.#pending].some(isIt) || [...this.#waiting].some(isIt);
  }

  /** What was sent and has not ended: asks and waiting tells wherever they are, and other tells of the window. */
  *#sent(): Iterable<Outgoing> {
    yield* this.#pending;
    for (const outgoing of this.#window)
      if (outgoing.type === "tell" && !outgoing.ended && !this.#pending.get(outgoing.seq)) yield outgoing;
  }

  /** The caller does not want to wait any longer. */
  abandon(outgoing: Outgoing): void {
    this.#waiting.takeAll((other) => other === outgoing);
    const unknown = outcomeUnknown(outgoing, "sent, and given up by its caller");
    outgoing.endBadly(outgoing.maybeAdmitted ? unknown : aborted(outgoing));
  }

  /** What waits for the first time and comes from no actor ends. */
  refuseOutsiders(error: Error): void {
    const waiting = this.#waiting.takeAll((outgoing) => outgoing.isOutside && !outgoing.maybeAdmitted);
    for (const outgoing of waiting) outgoing.endBadly(error);
  }

  /** The node ends: so does everything that has not. */
  close(error: Error): void {
    for (const outgoing of [...this.#waiting.takeAll(() => true), ...this.#sent()]) {
      const unknown = outcomeUnknown(outgoing, "sent, and the node stopped");
      outgoing.endBadly(outgoing.maybeAdmitted ? unknown : error);
    }
  }

  #pastDeadline(outgoing: Outgoing): Error {
    return pastDeadline(outgoing, this.shard, () => this.#deps.whereIs(this.kind, this.shard));
  }

  /** The owner changed, or became known, or admits again. What is unacknowledged goes to it at once. */
  reroute(entry: OwnedEntry | undefined, route: Route): void {
    const { epoch = this.#epoch, floor = this.#floor, state } = entry?.record ?? {};
    const same =
      epoch === this.#epoch && route.to === this.#route.to && peerOf(route) === peerOf(this.#route);
    if (floor > this.#floor) this.#lost(floor);
    this.#floor = Math.max(this.#floor, floor);
    this.#epoch = Math.max(this.#epoch, epoch);
    this.#route = route;
    this.owners.learn(entry);
    const parked = state === "parked" ? 1 : 0; // its next owner has the next epoch
    for (const outgoing of [...this.#window]) outgoing.closedBelow(this.#epoch + parked);
    if (same && route.to !== "here") return this.pump();
    this.#pace.restarted();
    this.#restart(this.#deps.clock.now());
  }

  /** After a crash claim: what an earlier owner may have admitted has an unknown outcome, or is sent anew, in order. */
  #lost(floor: number): void {
    const anew: Outgoing[] = [];
    for (const outgoing of [...this.#sent()].sort((one, other) => one.seq - other.seq)) {
      if (!outgoing.maybeAdmitted || outgoing.oldestEpoch >= floor) continue;
      if (!outgoing.idempotent) outgoing.endBadly(outcomeUnknown(outgoing, "sent, and its owner was lost"));
      else if (outgoing.losses + 1 < this.#deathsMax) anew.push(this.#renew(outgoing));
      else this.#setAside(outgoing);
    }
    this.#window.trim();
    this.#waiting.pushFirst(anew);
  }

  get #deathsMax(): number {
    return Math.max(2, this.#deps.settings.deathsMax);
  }

  /** It may be what its owners were lost by: nobody shall be the next. */
  #setAside(outgoing: Outgoing): void {
    const deaths = outgoing.losses + 1;
    const { name, message } = outgoing;
    this.#deps.onQuarantined({ kind: this.kind, name, message, deaths });
    const state = `sent to ${deaths} owners one after the other, each of which was lost, and not sent again`;
    outgoing.endBadly(outcomeUnknown(outgoing, state));
  }

  /** The same message under a new number; its old place becomes a `skip`. */
  #renew(outgoing: Outgoing): Outgoing {
    this.ended(outgoing);
    this.#window.replace(outgoing, outgoing.renew());
    return outgoing;
  }
}
