/**
 * Gathers what goes to one node within one turn into one message, whichever actors it is for. Nothing leaves while
 * the gate is closed: it waits here and goes out when the gate opens. To each peer only so much is on its way as
 * `flow_credit.ts` allows; the rest waits here as well.
 *
 * @module
 */
import type { Gate } from "../../cluster/gate.ts";
import type { ClusterId, NodeId } from "../../cluster/records/schemas.ts";
import { inCleanContext } from "../../platform/async_context.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Subjects } from "../../transport/subjects.ts";
import type { Transport } from "../../transport/transport.ts";
import { CoalescedTimer } from "../../platform/coalesced_timer.ts";
import { numbers } from "./frame.ts";
import { FrameWriter } from "./frame_writer.ts";
import type { FrameItem } from "./frame_items.ts";
import type { AckSource, Peer, Starved } from "./peer.ts";
import type { DeliverySettings } from "../settings.ts";

/** What an outbox works with. */
export interface OutboxDeps {
  readonly self: NodeId;
  readonly of: ClusterId;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly subjects: Subjects;
  readonly gate: Gate;
  readonly settings: Pick<DeliverySettings, "peerBytesMax" | "frameBytes" | "ackDelayMs" | "resendMaxMs">;
  /** Told what a frame to one peer threw: those to the others leave all the same. */
  readonly onThrow: (error: unknown) => void;
}

/** See the module's text. */
export class Outbox {
  readonly #deps: OutboxDeps;
  readonly #writer = new FrameWriter();
  #queue: Peer[] = [];
  #armed = false;
  readonly #ackPeers = new Set<Peer>();
  readonly #ackAlarm: CoalescedTimer;
  readonly #creditAlarm: CoalescedTimer;
  /** Peers for which something waits, here or on a link, that their credit does not allow. */
  readonly #blocked = new Set<Peer>();
  readonly #stopListening: () => void;
  /** Frames and items sent, for inspection. */
  frames = 0;
  items = 0;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
    this.#ackAlarm = new CoalescedTimer(deps.clock, () => this.#acksDue());
    this.#creditAlarm = new CoalescedTimer(deps.clock, () => this.#askAgain());
    this.#stopListening = deps.gate.onChange((open) => {
      if (open) this.#arm();
    });
  }

  /** Sends an item with the next frame to `peer`. Above `ITEMS_MAX`, new control items are dropped; their senders repeat them. */
  add(peer: Peer, item: FrameItem): void {
    if (peer.over) return;
    const { size } = item;
    if (size !== undefined) {
      peer.cargo.push(item);
      peer.cargoBytes += size + ITEM_BYTES;
    } else if (peer.items.length < ITEMS_MAX) peer.items.push(item);
    this.#enqueue(peer);
  }

  /** Whether a link should give more for this peer now. If not, it hears by `roomFor` when it is its turn. */
  hasRoom(peer: Peer, asker: Starved): boolean {
    if (this.#isRoomFor(peer)) return true;
    peer.starved.add(asker);
    this.#wait(peer);
    return false;
  }

  #isRoomFor({ credit, cargoBytes }: Peer): boolean {
    return credit.underWay + cargoBytes < this.#deps.settings.peerBytesMax;
  }

  /** A peer has seen a mark. Who was starved has a turn, the longest first; who wants more then stands behind. */
  seen(peer: Peer, at: number): void {
    peer.credit.heard(at);
    if (peer.cargo.length > 0) this.#enqueue(peer);
    for (const asker of [...peer.starved]) {
      if (!this.#isRoomFor(peer)) return;
      peer.starved.delete(asker);
      asker.roomFor(peer);
    }
  }

  /** A mark of a peer came by: it hears of that. */
  saw(peer: Peer, at: number): void {
    if (peer.over) return;
    peer.credit.owesSeen = at;
    this.#enqueue(peer);
  }

  /** A mark or the answer to it was lost, or the peer is slow: one small question, and nothing else. */
  #askAgain(): void {
    for (const peer of this.#blocked) {
      if (peer.over || (peer.cargo.length === 0 && peer.starved.size === 0)) this.#blocked.delete(peer);
      else {
        peer.credit.isAsking = true;
        this.#enqueue(peer);
      }
    }
    if (this.#blocked.size > 0) this.#askLater();
  }

  #askLater(): void {
    this.#creditAlarm.by(this.#deps.clock.now() + this.#deps.settings.resendMaxMs);
  }

  /** Owes `peer` an acknowledgement: it rides on the next frame, or goes by itself soon; at once if `urgent`. */
  owe(peer: Peer, source: AckSource, urgent: boolean): void {
    if (peer.over) return;
    peer.acks.add(source);
    if (urgent) return this.#enqueue(peer);
    if (peer.queued || this.#ackPeers.has(peer)) return;
    this.#ackPeers.add(peer);
    this.#ackAlarm.by(this.#deps.clock.now() + this.#deps.settings.ackDelayMs);
  }

  /** Whether something waits to leave. */
  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  stop(): void {
    this.#stopListening();
    this.#ackAlarm.stop();
    this.#creditAlarm.stop();
    this.#queue = [];
  }

  #acksDue(): void {
    const peers = [...this.#ackPeers];
    this.#ackPeers.clear();
    for (const peer of peers) if (peer.acks.size > 0) this.#enqueue(peer);
  }

  #enqueue(peer: Peer): void {
    if (peer.queued) return;
    peer.queued = true;
    this.#queue.push(peer);
    this.#arm();
  }

  #arm(): void {
    if (this.#armed || this.#queue.length === 0) return;
    this.#armed = true;
    // two microtasks: what the messages of this turn set off still comes along
    queueMicrotask(() => queueMicrotask(this.#flushCleanly));
  }

  readonly #flushCleanly = (): void => inCleanContext(() => this.flush());

  /** Sends what waits, now. */
  flush(): void {
    this.#armed = false;
    if (!this.#deps.gate.isOpen) return;
    const now = this.#deps.clock.now(); // once for all that leaves
    const queue = this.#queue;
    this.#queue = [];
    for (const peer of queue) {
      try {
        this.#flushPeer(peer, now);
      } catch (error) {
        this.#deps.onThrow(error); // what was lost of it is said again
      }
    }
  }

  #flushPeer(peer: Peer, now: number): void {
    peer.queued = false;
    if (peer.over) return;
    const items = peer.items.splice(0);
    for (const source of peer.acks) items.push(source.takeAck());
    peer.acks.clear();
    if (peer.cargo.length > 0) this.#load(peer, items);
    this.#mark(peer, items);
    for (let next = 0; next < items.length; ) next = this.#sendFrame(peer, items, next, now);
  }

  /** Adds the cargo that the credit allows. */
  #load(peer: Peer, items: FrameItem[]): void {
    const { cargo, credit } = peer;
    if (!credit.fits(peer.cargoBytes, this.#deps.settings.peerBytesMax)) return this.#loadSome(peer, items);
    for (const item of cargo) items.push(item);
    credit.take(peer.cargoBytes);
    cargo.length = 0;
    peer.cargoBytes = 0;
  }

  #loadSome(peer: Peer, items: FrameItem[]): void {
    const { cargo, credit } = peer;
    let loaded = 0;
    for (const item of cargo) {
      const bytes = cost(item);
      if (!credit.allows(bytes, this.#deps.settings.peerBytesMax)) break;
      credit.take(bytes);
      items.push(item);
      loaded++;
    }
    this.#wait(peer);
    if (loaded === 0) return;
    cargo.splice(0, loaded);
    peer.cargoBytes = cargo.reduce((bytes, item) => bytes + cost(item), 0);
  }

  /** Adds the mark that is due, and the answer to the peer's. */
  #mark({ cargo, credit }: Peer, items: FrameItem[]): void {
    if (credit.owesSeen > 0) {
      items.push(numbers({ item: "seen", at: credit.owesSeen }));
      credit.owesSeen = 0;
    }
    const isStuck = cargo.length > 0 && credit.isUnmarked;
    if (isStuck || credit.isAsking || credit.wantsMark(this.#deps.settings.peerBytesMax))
      items.push(numbers({ item: "mark", at: credit.mark() }));
  }

  #wait(peer: Peer): void {
    if (this.#blocked.has(peer)) return;
    this.#blocked.add(peer);
    this.#askLater();
  }

  /** The server's limit is asked for each time: it may have become smaller while the items waited. */
  #sendFrame(peer: Peer, items: readonly FrameItem[], from: number, now: number): number {
    const { of, self, transport, subjects, settings } = this.#deps;
    const bytesMax = transport.maxPayloadBytes;
    const closeAt = Math.min(settings.frameBytes, bytesMax);
    const writer = this.#writer;
    writer.reset(); // of a frame that threw, something may be left
    writer.begin(peer.protocol, of, self, now);
    const headBytes = writer.length;
    let next = from;
    while (next < items.length) {
      const item = items[next] as FrameItem;
      const { length } = writer;
      if (length > headBytes && length + (item.size ?? 0) >= closeAt) break;
      item.write(writer);
      if (writer.length > bytesMax) {
        writer.cut(length);
        if (length > headBytes) break; // it has the next frame to itself
        item.writeOversize?.(writer, bytesMax);
        if (writer.length > bytesMax) writer.cut(length);
      }
      next++;
    }
    if (writer.length === headBytes) return next;
    this.frames++;
    this.items += next - from;
    const alone = next - from === 1 ? items[from]?.address : undefined;
    const { node, incarnation } = peer.id;
    const subject = alone
      ? subjects.actor(node, incarnation, alone.kind, alone.name)
      : subjects.batch(node, incarnation);
    transport.publish(subject, writer.finish());
    return next;
  }
}

/** Bytes that an item takes beside its body, about. */
const ITEM_BYTES = 64;
/** Small items that wait for one peer, while the gate is closed. */
const ITEMS_MAX = 4_096;

function cost({ size = 0 }: FrameItem): number {
  return size + ITEM_BYTES;
}
