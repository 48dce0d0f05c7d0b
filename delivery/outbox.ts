/**
 * Gathers what goes to one node within one turn into one message, whichever actors it is for. Nothing leaves while
 * the gate is closed: it waits here and goes out when the gate opens.
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
import { type FrameItem, writeHeader } from "./frame.ts";
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
  readonly #stopListening: () => void;
  /** Frames and items sent, for inspection. */
  frames = 0;
  items = 0;

  constructor(ports: OutboxPorts) {
    this.#ports = ports;
    this.#ackAlarm = new Alarm(ports.clock, () => this.#acksDue());
    this.#stopListening = ports.gate.onChange((open) => {
      if (open) this.#arm();
    });
  }

  /** Sends an item with the next frame to `peer`. */
  add(peer: Peer, item: FrameItem): void {
    if (peer.over) return;
    peer.items.push(item);
    this.#enqueue(peer);
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
    for (let next = 0; next < items.length; ) next = this.#sendFrame(peer, items, next);
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
