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
 * What is true of a message, `sender_state.ts` decides; here it is done: with the clock, the outbox, and the bounds of the node.
 * Where the shard is decides what may be done with a message:
 *
 * | route | a new message | what the window keeps |
 * |---|---|---|
 * | nobody | waits | stays |
 * | here | is admitted, in order, while the shard admits; else it waits | is admitted, before all others |
 * | peer | is sent while window and peer have room; else it waits | is sent again, before all others |
 *
 * @module
 */
import type { OwnedEntry } from "../../cluster/ownership.ts";
import { aborted, outcomeUnknown, pastDeadline } from "../calls/call_errors.ts";
import { LocalMail } from "../calls/local_mail.ts";
import type { CallKeeper, PendingCall } from "../calls/pending_call.ts";
import { EnvelopeCopy } from "../wire/envelope_copy.ts";
import type { FramedReply } from "../wire/frame_items.ts";
import type { Peer, Starved } from "../wire/peer.ts";
import { Congestion } from "./congestion.ts";
import { KnownOwners } from "./known_owners.ts";
import { NOBODY, peerOf, type LocalShard, type Route } from "./route.ts";
import { SendQueue } from "./send_queue.ts";
import type { SenderDeps } from "./sender_deps.ts";
import { type Acknowledged, afterLoss, SenderState, type SenderPlace } from "./sender_state.ts";
import type { WindowEntry } from "./window_entry.ts";

/** Ends a call as a reply says. */
export interface ReplyReader {
  end(call: PendingCall, reply: FramedReply): void;
}

/** See the module's text. */
export class SenderLink implements Starved, CallKeeper, Acknowledged {
  readonly kind: string;
  readonly shard: number;
  readonly owners: KnownOwners = new KnownOwners();
  readonly #deps: SenderDeps;
  readonly #state = new SenderState();
  readonly #waiting: SendQueue;
  readonly #pace: Congestion;
  #route: Route = NOBODY;
  /** When what was acknowledged just now has come, for whoever measures the way. */
  #heardAt = 0;

  constructor(deps: SenderDeps, kind: string, shard: number) {
    this.#deps = deps;
    this.kind = kind;
    this.shard = shard;
    this.#waiting = new SendQueue(deps.rooms, deps.settings.waitingMax);
    this.#pace = new Congestion(deps.settings, deps.random);
  }

  get epoch(): number {
    return this.#state.epoch;
  }

  /** The lowest number that is still kept. */
  get first(): number {
    return this.#state.first;
  }

  get last(): number {
    return this.#state.last;
  }

  /** Messages that have not ended, or whose place is not acknowledged. */
  get size(): number {
    return this.#waiting.size + this.#state.window.size + this.#state.pending.size;
  }

  /** Messages that somebody still waits for. */
  get unended(): number {
    return this.#waiting.size + [...this.#state.sent()].length;
  }

  /** Why no further message of that type may be sent, if a bound is reached. */
  refusal(message: Pick<PendingCall, "type" | "message">): Error | undefined {
    return this.#waiting.refusal(message);
  }

  /** Sends a message as soon as the window and the route allow. */
  submit(call: PendingCall, now: number): void {
    this.#deps.wakeBy(call.deadlineAt);
    if (this.#admitAtOnce(call, now) || this.#transmitAtOnce(call, now)) return;
    this.#waiting.push(call);
    this.pump(now);
  }

  /** The short way to an owner on this node, when nothing is before it: a number, and into the mailbox. */
  #admitAtOnce(call: PendingCall, now: number): boolean {
    if (this.#route.to !== "here" || this.#waiting.size > 0 || this.#state.window.size > 0) return false;
    const { shard } = this.#route;
    if (!shard.admitsAt(now)) return false;
    this.#admit(call, shard);
    return true;
  }

  /** The same to a peer: into the window, when it has room and nothing is before it. */
  #transmitAtOnce(call: PendingCall, now: number): boolean {
    const peer = peerOf(this.#route);
    if (!peer || this.#hasMore || !this.#deps.gate.isOpenAt(now) || !this.#mayTransmit(peer)) return false;
    this.#transmit(this.#state.open(call), peer, now);
    return true;
  }

  /** Sends what may be sent. */
  pump(now: number = this.#deps.clock.now()): void {
    if (this.#route.to === "nobody" || !this.#deps.gate.isOpenAt(now)) return;
    if (this.#route.to === "here") return this.#pumpLocal(this.#route.shard, now);
    const { peer } = this.#route;
    while (this.#hasMore && this.#mayTransmit(peer)) this.#transmit(this.#next(), peer, now);
  }

  get #hasMore(): boolean {
    return this.#waiting.size > 0 || this.#state.window.hasMore;
  }

  /** The next of the window to be sent on this route, or the next that waits. */
  #next(): WindowEntry {
    return this.#state.window.next() ?? this.#state.open(this.#waiting.take() as PendingCall);
  }

  #mayTransmit(peer: Peer): boolean {
    const { sent, sentBytes } = this.#state.window;
    const { outbox, settings } = this.#deps;
    return sent < this.#pace.limit && sentBytes < settings.windowBytesMax && outbox.hasRoom(peer, this);
  }

  #transmit(entry: WindowEntry, peer: Peer, now: number): void {
    const { epoch } = this.#state;
    entry.sentTo(peer, epoch, now);
    this.#deps.outbox.add(peer, new EnvelopeCopy(this, entry, epoch));
    if (this.#pace.resendAt === Infinity) this.#scheduleResend(now);
  }

  roomFor(peer: Peer): void {
    if (peerOf(this.#route) === peer) this.pump();
  }

  // ---- an owner on this node

  #pumpLocal(shard: LocalShard, now: number): void {
    if (!shard.admitsAt(now)) return;
    const { window } = this.#state;
    for (let entry = window.next(); entry !== undefined; entry = window.next())
      this.#admitEntry(entry, shard);
    window.trim(); // all of it is acknowledged
    for (let call = this.#waiting.take(); call !== undefined; call = this.#waiting.take())
      this.#admit(call, shard);
  }

  /** What goes to an actor here for the first time has no need of the window. */
  #admit(call: PendingCall, shard: LocalShard): void {
    const mail = new LocalMail(call, this.#state.next(), shard.epoch, this.#deps);
    call.place = mail;
    if (call.type === "ask") this.#state.pending.set(mail.seq, mail);
    shard.admitLocal(mail.seq, mail);
    if (call.type === "tell") this.#taken(mail);
  }

  /** What may have been admitted before is only counted: the count came along with the shard. */
  #admitEntry(entry: WindowEntry, shard: LocalShard): void {
    const { call, seq } = entry;
    if (entry.isSkip) {
      entry.acknowledge();
      return shard.admitLocal(seq, undefined);
    }
    const mail = new LocalMail(call, seq, shard.epoch, this.#deps);
    entry.admittedHere(mail);
    entry.acknowledge();
    shard.admitLocal(seq, mail);
    if (call.type === "tell") this.#taken(entry);
  }

  /** The owner has a tell: that is its end, unless there is no room yet. */
  #taken(place: SenderPlace): void {
    const { call, seq } = place;
    if (!place.waitsForRoom) return call.end(undefined);
    const { pending } = this.#state;
    if (call.ended || pending.get(seq)) return;
    pending.set(seq, place);
    this.#deps.rooms.unadmitted.take(1);
  }

  /** A call has ended: nothing needs to be kept for it. */
  ended(call: PendingCall): void {
    const { place, type } = call;
    if (place && this.#state.pending.delete(place.seq) && type === "tell")
      this.#deps.rooms.unadmitted.give(1);
  }

  // ---- what is heard

  /** @param now when its frame came in */
  onAck(epoch: number, upTo: number, now: number): void {
    this.#heardAt = now;
    if (this.#state.acknowledged(epoch, upTo, this) > 0) this.#progressed(now);
  }

  acknowledged(entry: WindowEntry): void {
    if (entry.copies === 1) this.#pace.measured(this.#heardAt - entry.sentAt);
    if (entry.call.type === "tell" && !entry.isVoid) this.#taken(entry);
  }

  onWaits(epoch: number, seqs: readonly number[]): void {
    this.#state.announced(epoch, seqs);
  }

  /** Whether something has that number whose end would change anything. */
  isAwaiting(seq: number): boolean {
    return this.#state.at(seq) !== undefined;
  }

  /** The end of an ask, or of a tell that is refused or has waited for room. The caller's own checks of peer and frame are done. */
  onReply(reply: FramedReply, reader: ReplyReader, now: number): void {
    const place = this.#state.endOf(reply.epoch, reply.seq);
    if (place === undefined) return;
    const { call } = place;
    const isNews = place.acknowledge();
    if (call.place === place && !call.ended) reader.end(call, reply);
    if (isNews) this.#progressed(now);
  }

  /** The owner misses some: send them again now. */
  onGap(peer: Peer, epoch: number, from: number, to: number): void {
    if (peer !== peerOf(this.#route)) return;
    const now = this.#deps.clock.now();
    for (const entry of this.#state.missing(epoch, from, to)) {
      if (!this.#deps.outbox.hasRoom(peer, this)) return; // they are repeated in time
      this.#transmit(entry, peer, now);
    }
  }

  /** A peer's life has ended: what was sent to it will not arrive any more. */
  recheck(): void {
    this.#state.recheck();
  }

  onMoved(peer: Peer, seq: number, copy: number): void {
    this.#state.refuted(peer, seq, copy);
  }

  #progressed(now: number): void {
    this.#pace.progressed();
    const { window } = this.#state;
    window.trim();
    if (window.size === 0) this.#pace.rest();
    else this.#scheduleResend(now);
    this.pump(now);
  }

  // ---- time

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
    const { window } = this.#state;
    window.rewind();
    this.#pace.rest();
    if (window.size > 0) this.#scheduleResend(now);
    this.pump();
  }

  #expire(now: number): void {
    const late = this.#waiting.takeAll((call) => call.deadlineAt <= now);
    for (const call of late) call.endBadly(this.#pastDeadline(call));
    for (const call of this.#sent()) if (call.deadlineAt <= now) call.endBadly(this.#pastDeadline(call));
    for (const { deadlineAt } of [...this.#waiting, ...this.#sent()]) this.#deps.wakeBy(deadlineAt);
  }

  #pastDeadline(call: PendingCall): Error {
    return pastDeadline(call, this.shard, () => this.#deps.whereIs(this.kind, this.shard));
  }

  // ---- ends that come from this side

  *#sent(): Iterable<PendingCall> {
    for (const { call } of this.#state.sent()) yield call;
  }

  /** Whether such an ask to the actor of that name has not ended. */
  hasAsked(name: string, chain: readonly string[]): boolean {
    const isIt = (call: PendingCall) => call.name === name && call.type === "ask" && call.chain === chain;
    return [...this.#state.pending].some(({ call }) => isIt(call)) || [...this.#waiting].some(isIt);
  }

  abandon(call: PendingCall): void {
    this.#waiting.takeAll((other) => other === call);
    const unknown = outcomeUnknown(call, "sent, and given up by its caller");
    call.endBadly(call.maybeAdmitted ? unknown : aborted(call));
  }

  /** What waits for the first time and comes from no actor ends. */
  refuseOutsiders(error: Error): void {
    const waiting = this.#waiting.takeAll((call) => call.isOutside && !call.maybeAdmitted);
    for (const call of waiting) call.endBadly(error);
  }

  /** The node ends: so does everything that has not. */
  close(error: Error): void {
    for (const call of [...this.#waiting.takeAll(() => true), ...this.#sent()]) {
      const unknown = outcomeUnknown(call, "sent, and the node stopped");
      call.endBadly(call.maybeAdmitted ? unknown : error);
    }
  }

  // ---- where the shard is

  /** The owner changed, or became known, or admits again. What is unacknowledged goes to it at once. */
  reroute(entry: OwnedEntry | undefined, route: Route): void {
    const state = this.#state;
    const { epoch = state.epoch, floor = state.floor, state: standing } = entry?.record ?? {};
    const same =
      epoch === state.epoch && route.to === this.#route.to && peerOf(route) === peerOf(this.#route);
    if (floor > state.floor) this.#lost(floor);
    // what is parked has no owner under its epoch any more: the next one has the next
    state.learn(epoch, floor, standing === "parked");
    this.#route = route;
    this.owners.learn(entry);
    if (same && route.to !== "here") return this.pump();
    this.#pace.restarted();
    this.#restart(this.#deps.clock.now());
  }

  /** After a crash claim: what an earlier owner may have admitted has an unknown outcome, or is sent anew, in order. */
  #lost(floor: number): void {
    const anew: PendingCall[] = [];
    for (const place of [...this.#state.sent()].sort((one, other) => one.seq - other.seq)) {
      const { call } = place;
      switch (afterLoss(call, place.oldestEpoch, floor, this.#deathsMax)) {
        case "stays":
          break;
        case "unknown":
          call.endBadly(outcomeUnknown(call, "sent, and its owner was lost"));
          break;
        case "anew":
          this.ended(call);
          this.#state.leave(place);
          anew.push(call);
          break;
        case "set-aside":
          this.#setAside(call);
      }
    }
    this.#state.window.trim();
    this.#waiting.pushFirst(anew);
  }

  get #deathsMax(): number {
    return Math.max(2, this.#deps.settings.deathsMax);
  }

  /** It may be what its owners were lost by: nobody shall be the next. */
  #setAside(call: PendingCall): void {
    const deaths = call.losses + 1;
    const { name, message } = call;
    this.#deps.onQuarantined({ kind: this.kind, name, message, deaths });
    const state = `sent to ${deaths} owners one after the other, each of which was lost, and not sent again`;
    call.endBadly(outcomeUnknown(call, state));
  }
}
