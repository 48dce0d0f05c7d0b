/**
 * Gathers what goes to one node within one turn into one message, whichever actors it is for. Nothing leaves while
 * the gate is closed: it waits here and goes out when the gate opens. To each peer only so much is on its way as
 * `credit.ts` allows; the rest waits here as well.
 *
 * @module
 */
import type { Gate } from "../cluster/gate.ts";
import type { NodeId } from "../cluster/protocol.ts";
import type { Clock } from "../platform/clock.ts";
import { ByteWriter } from "../transport/bytes.ts";
import type { Subjects } from "../transport/subjects.ts";
import type { Transport } from "../transport/transport.ts";
import { Alarm } from "./alarm.ts";
import { type FrameItem, numbers, writeHeader } from "./frame.ts";
import type { AckSource, Peer } from "./peer.ts";
import type { DeliverySettings } from "./settings.ts";

/** What an outbox works with. */
export interface OutboxPorts {
  readonly self: NodeId;
  readonly cluster: string;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly subjects: Subjects;
  readonly gate: Gate;
  readonly settings: DeliverySettings;
}

/** See the module's text. */
export class Outbox {
  readonly #ports: OutboxPorts;
  readonly #writer = new ByteWriter();
  #queue: Peer[] = [];
  #armed = false;
  readonly #ackPeers = new Set<Peer>();
  readonly #ackAlarm: Alarm;
  readonly #creditAlarm: Alarm;
  /** Peers for which something waits, here or on a link, that their credit does not allow. */
  readonly #blocked = new Set<Peer>();
  readonly #roomListeners = new Set<(peer: Peer) => void>();
  readonly #stopListening: () => void;
  /** Frames and items sent, for inspection. */
  frames = 0;
  items = 0;

  constructor(ports: OutboxPorts) {
    this.#ports = ports;
    this.#ackAlarm = new Alarm(ports.clock, () => this.#acksDue());
    this.#creditAlarm = new Alarm(ports.clock, () => this.#askAgain());
    this.#stopListening = ports.gate.onChange((open) => {
      if (open) this.#arm();
    });
  }

  /** Sends an item with the next frame to `peer`. */
  add(peer: Peer, item: FrameItem): void {
    if (peer.over) return;
    if (item.size === undefined) peer.items.push(item);
    else {
      peer.cargo.push(item);
      peer.cargoBytes += cost(item);
    }
    this.#enqueue(peer);
  }

  /** Whether a link should give more for this peer now. If not, it hears by `onRoom` when it may. */
  hasRoom(peer: Peer): boolean {
    if (peer.credit.underWay + peer.cargoBytes < this.#ports.settings.peerBytesMax) return true;
    peer.starved = true;
    this.#wait(peer);
    return false;
  }

  /** Calls back when there is room again for a peer. */
  onRoom(listener: (peer: Peer) => void): () => void {
    this.#roomListeners.add(listener);
    return () => void this.#roomListeners.delete(listener);
  }

  /** A peer has seen a mark. */
  seen(peer: Peer, at: number): void {
    peer.credit.heard(at);
    if (peer.cargo.length > 0) this.#enqueue(peer);
    if (!peer.starved || !this.hasRoom(peer)) return;
    peer.starved = false;
    for (const listener of this.#roomListeners) listener(peer);
  }

  /** A mark or the answer to it was lost, or the peer is slow: one small question, and nothing else. */
  #askAgain(): void {
    for (const peer of this.#blocked) {
      if (peer.over || (peer.cargo.length === 0 && !peer.starved)) this.#blocked.delete(peer);
      else this.add(peer, numbers({ item: "mark", at: peer.credit.mark() }));
    }
    if (this.#blocked.size > 0) this.#askLater();
  }

  #askLater(): void {
    this.#creditAlarm.by(this.#ports.clock.now() + this.#ports.settings.resendMaxMs);
  }

  /** Owes `peer` an acknowledgement: it rides on the next frame, or goes by itself soon; at once if `urgent`. */
  owe(peer: Peer, source: AckSource, urgent: boolean): void {
    if (peer.over) return;
    peer.acks.add(source);
    if (urgent) return this.#enqueue(peer);
    if (peer.queued) return;
    this.#ackPeers.add(peer);
    this.#ackAlarm.by(this.#ports.clock.now() + this.#ports.settings.ackDelayMs);
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
    queueMicrotask(() => queueMicrotask(() => this.flush()));
  }

  /** Sends what waits, now. */
  flush(): void {
    this.#armed = false;
    if (!this.#ports.gate.isOpen) return;
    const queue = this.#queue;
    this.#queue = [];
    for (const peer of queue) this.#flushPeer(peer);
  }

  #flushPeer(peer: Peer): void {
    peer.queued = false;
    if (peer.over) return;
    const items = peer.items.splice(0);
    for (const source of peer.acks) items.push(source.takeAck());
    peer.acks.clear();
    this.#load(peer, items);
    for (let next = 0; next < items.length; ) next = this.#sendFrame(peer, items, next);
  }

  /** Adds the cargo that the credit allows, and a mark when it is time for one. */
  #load(peer: Peer, items: FrameItem[]): void {
    const { cargo, credit } = peer;
    if (cargo.length === 0) return;
    const { peerBytesMax } = this.#ports.settings;
    if (credit.allows(peer.cargoBytes, peerBytesMax)) this.#loadAll(peer, items);
    else this.#loadSome(peer, items);
    const isStuck = cargo.length > 0 && credit.isUnmarked;
    if (isStuck || credit.wantsMark(peerBytesMax)) items.push(numbers({ item: "mark", at: credit.mark() }));
  }

  #loadAll(peer: Peer, items: FrameItem[]): void {
    for (const item of peer.cargo) items.push(item);
    peer.credit.take(peer.cargoBytes);
    peer.cargo.length = 0;
    peer.cargoBytes = 0;
  }

  #loadSome(peer: Peer, items: FrameItem[]): void {
    const { cargo, credit } = peer;
    let loaded = 0;
    for (const item of cargo) {
      const bytes = cost(item);
      if (!credit.allows(bytes, this.#ports.settings.peerBytesMax)) break;
      credit.take(bytes);
      items.push(item);
      loaded++;
    }
    cargo.splice(0, loaded);
    peer.cargoBytes = cargo.reduce((bytes, item) => bytes + cost(item), 0);
    if (cargo.length > 0) this.#wait(peer);
  }

  #wait(peer: Peer): void {
    if (this.#blocked.has(peer)) return;
    this.#blocked.add(peer);
    this.#askLater();
  }

  #sendFrame(peer: Peer, items: readonly FrameItem[], from: number): number {
    const { cluster, self, transport, subjects, settings } = this.#ports;
    writeHeader(this.#writer, cluster, self);
    let next = from;
    while (next < items.length) {
      const item = items[next] as FrameItem;
      if (next > from && this.#writer.length + (item.size ?? 0) >= settings.frameBytes) break;
      item.write(this.#writer);
      next++;
    }
    this.frames++;
    this.items += next - from;
    const alone = next - from === 1 ? items[from]?.address : undefined;
    const { node, incarnation } = peer.id;
    const subject = alone
      ? subjects.actor(node, incarnation, alone.kind, alone.name)
      : subjects.batch(node, incarnation);
    transport.publish(subject, this.#writer.finish());
    return next;
  }
}

/** Bytes that an item takes beside its body, about. */
const ITEM_BYTES = 64;

function cost({ size = 0 }: FrameItem): number {
  return size + ITEM_BYTES;
}
