/**
 * Another node, in one of its lives, as the target and the origin of frames.
 *
 * @module
 */
import { OLDEST_PROTOCOL } from "../../cluster/protocol.ts";
import type { NodeId } from "../../cluster/records/schemas.ts";
import { FlowCredit } from "./flow_credit.ts";
import type { FrameItem } from "./frame_items.ts";

/** One peer. There is one object for each (node, incarnation), so it can be compared by identity. */
export class Peer {
  readonly id: NodeId;
  /** What waits for the next frame and is small. */
  readonly items: FrameItem[] = [];
  /** Messages and replies that wait for the next frame, as far as the credit goes; and their bytes. */
  readonly cargo: FrameItem[] = [];
  cargoBytes = 0;
  readonly credit: FlowCredit = new FlowCredit();
  /** Links that have more for it than its credit allows, in the order in which they asked. */
  readonly starved: Set<Starved> = new Set();
  /** Writers of acknowledgements that are due, asked when a frame is made. */
  readonly acks: Set<AckSource> = new Set();
  /** Whether it stands in the outbox's line. */
  queued = false;
  /** It will never hear anything again. */
  over = false;
  readonly #protocolOf: ProtocolOf;
  #protocol: number | undefined;

  constructor(id: NodeId, protocolOf: ProtocolOf) {
    this.id = id;
    this.#protocolOf = protocolOf;
  }

  /** The newest version of the protocol that both speak; the oldest of this release for one whose record is not known, which is sent no mail. */
  get protocol(): number {
    this.#protocol ??= this.#protocolOf(this.id);
    return this.#protocol ?? OLDEST_PROTOCOL;
  }
}

/** The version of the protocol to be spoken to a node; `undefined` if its record is not known. It never changes. */
export type ProtocolOf = (id: NodeId) => number | undefined;

/** Something that has more for a peer than there was room for. */
export interface Starved {
  /** There is room again, and it is its turn. */
  roomFor(peer: Peer): void;
}

/** Something that owes a peer an acknowledgement. */
export interface AckSource {
  /** The acknowledgement as it is now, with what must not travel apart from it. */
  takeAck(): FrameItem;
}

/** All peers that were ever met. */
export class Peers {
  readonly #peers = new Map<string, Map<string, Peer>>();
  readonly #protocolOf: ProtocolOf;

  constructor(protocolOf: ProtocolOf) {
    this.#protocolOf = protocolOf;
  }

  of(node: string, incarnation: string): Peer {
    let lives = this.#peers.get(node);
    if (lives === undefined) {
      lives = new Map();
      this.#peers.set(node, lives);
    }
    let peer = lives.get(incarnation);
    if (peer === undefined) {
      peer = new Peer({ node, incarnation }, this.#protocolOf);
      lives.set(incarnation, peer);
    }
    return peer;
  }

  /** Forgets a node's life that has ended. */
  forget(id: NodeId): void {
    const lives = this.#peers.get(id.node);
    const peer = lives?.get(id.incarnation);
    if (!lives || !peer) return;
    peer.over = true;
    peer.items.length = 0;
    peer.cargo.length = 0;
    peer.cargoBytes = 0;
    peer.acks.clear();
    peer.starved.clear();
    lives.delete(id.incarnation);
    if (lives.size === 0) this.#peers.delete(id.node);
  }

  *[Symbol.iterator](): Iterator<Peer> {
    for (const lives of this.#peers.values()) yield* lives.values();
  }
}
