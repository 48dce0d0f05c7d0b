/**
 * Everything that comes to this node's own subjects, sorted: envelopes to the shards, replies and acknowledgements to
 * the links, messages about moves to whoever listens for it. A frame is read whole before any of it has an effect.
 *
 * @module
 */
import { ShardMap } from "../cluster/shard_map.ts";
import { DecodeError, type ErrorData, fromErrorData, toErrorData } from "../errors.ts";
import type { EventBus } from "../events.ts";
import type { Membership } from "../cluster/membership.ts";
import type { Namesake } from "../cluster/namesakes.ts";
import type { ClusterId } from "../cluster/records/schemas.ts";
import type { Clock } from "../platform/clock.ts";
import type { Codec } from "../codec/codec.ts";
import { ShortTexts } from "../codec/short_texts.ts";
import type { NodeAddress, Subjects } from "../transport/subjects.ts";
import type { Incoming, Subscription, Transport } from "../transport/transport.ts";
import { type Frame, numbers, readFrame } from "./wire/frame.ts";
import type { FramedReply, FrameItem, Item, Moved, ShardRef } from "./wire/frame_items.ts";
import type { ReplyReader, SenderLink } from "./sending/sender_link.ts";
import type { Outbox } from "./wire/outbox.ts";
import type { PendingCall } from "./calls/pending_call.ts";
import type { AckSource, Peer, Peers } from "./wire/peer.ts";
import type { ReplyKeeper } from "./receiving/reply_keeper.ts";
import type { Router } from "./router.ts";
import type { ShardTable } from "./receiving/shard_table.ts";

/** What it works with. */
export interface InboundDeps {
  readonly clock: Clock;
  readonly of: ClusterId;
  readonly transport: Transport;
  readonly subjects: Subjects;
  readonly membership: Membership;
  readonly peers: Peers;
  readonly table: ShardTable;
  readonly router: Router;
  readonly keeper: ReplyKeeper;
  readonly outbox: Outbox;
  readonly codec: Codec;
  readonly events: EventBus;
  /** Takes what is said about a move, and tells whether a member says it. The bytes are only lent. */
  onMove(moveId: string, payload: Uint8Array): boolean;
  /** The same, of what is asked and answered about actors. */
  onRegistry(payload: Uint8Array): boolean;
  /** Told who speaks of another generation; its words have no effect. */
  onOther(who: Namesake): void;
  /** Takes what comes to the channels "probe" and "pulse". */
  onPulse(address: NodeAddress, message: Incoming): void;
}

/** See the module's text. */
export class Inbound implements ReplyReader {
  readonly #deps: InboundDeps;
  readonly #subscription: Subscription;
  readonly #texts = new ShortTexts();
  /** By peer, kind and shard number: each reply looks here, so there is no key to build. */
  readonly #confirmations = new Map<Peer, ShardMap<Confirmation>>();
  /** Frames read, inputs that are no message of ours, and those of who is no member of the cluster. */
  frames = 0;
  rejected = 0;
  ignored = 0;
  /** What was passed over because a newer release has said it: items and sections of frames, and messages on unknown channels. */
  unknownItems = 0;
  unknownChannels = 0;

  constructor(deps: InboundDeps) {
    this.#deps = deps;
    const { node, incarnation } = deps.membership.self;
    this.#subscription = deps.transport.subscribe(deps.subjects.nodeAll(node, incarnation), (m) =>
      this.#incoming(m),
    );
  }

  stop(): void {
    this.#subscription.unsubscribe();
  }

  /** Forgets a peer whose life has ended. */
  forget(peer: Peer): void {
    this.#confirmations.delete(peer);
  }

  #incoming(message: Incoming): void {
    const { subject, payload } = message;
    try {
      const address = this.#deps.subjects.parseNode(subject);
      switch (address?.channel) {
        case "batch":
        case "actor":
          return this.#counted(this.#frame(readFrame(payload, this.#deps.of.cluster, this.#texts)));
        case "move":
          return this.#counted(this.#deps.onMove(address.rest, payload));
        case "registry":
          return this.#counted(this.#deps.onRegistry(payload));
        case "probe":
        case "pulse":
          return this.#deps.onPulse(address, message);
        default:
          this.unknownChannels++;
      }
    } catch (error) {
      this.rejected++;
      this.#deps.events.emit({ type: "rejected-input", subject, error: toErrorData(error) });
    }
  }

  #counted(isOfMember: boolean): void {
    if (!isOfMember) this.ignored++;
  }

  #frame({ generation, from, items, unknown }: Frame): boolean {
    const { of, onOther } = this.#deps;
    if (generation !== of.generation) {
      onOther({ generation, ...from });
      return false;
    }
    if (!this.#deps.membership.isMember(from)) return false; // a zombie's words, or nobody's; or too early: it says it again
    this.frames++;
    this.unknownItems += unknown;
    const peer = this.#deps.peers.of(from.node, from.incarnation);
    const now = this.#deps.clock.now(); // all that is in a frame comes at one time
    for (const item of items) this.#item(peer, item, now);
    return true;
  }

  #item(peer: Peer, item: Item, now: number): void {
    const { table, keeper, outbox } = this.#deps;
    switch (item.item) {
      case "envelope":
        return table.receive(peer, item, now);
      case "reply":
        return this.#reply(peer, item, now);
      case "ack":
        return this.#linkOf(peer, item)?.onAck(item.epoch, item.upTo, now);
      case "waits":
        return this.#linkOf(peer, item)?.onWaits(item.epoch, item.seqs);
      case "gap":
        return this.#linkOf(peer, item)?.onGap(peer, item.epoch, item.from, item.to);
      case "moved":
        return this.#moved(peer, item);
      case "got":
        return keeper.confirmed(peer, item.kind, item.shard, item.seqs);
      case "mark":
        return outbox.saw(peer, item.at);
      case "seen":
        return outbox.seen(peer, item.at);
    }
  }

  /** The link that a peer speaks about. Who never had its shard, as far as is known, only makes this node look. */
  #linkOf(peer: Peer, { kind, shard }: ShardRef, epoch?: number): SenderLink | undefined {
    const link = this.#deps.router.known(kind, shard);
    if (link === undefined || link.owners.has(peer, epoch)) return link;
    this.#deps.table.look(kind, shard);
    return undefined;
  }

  /** A word that it is elsewhere only makes this node look: the record says where. */
  #moved(peer: Peer, { kind, shard, seq, copy, epoch }: Moved): void {
    const link = this.#linkOf(peer, { kind, shard });
    link?.onMoved(peer, seq, copy);
    if (link && epoch >= link.epoch) this.#deps.table.look(kind, shard); // the same one: neither knows better yet
  }

  #reply(peer: Peer, reply: FramedReply, now: number): void {
    const { kind, shard, seq, epoch } = reply;
    const link = this.#linkOf(peer, reply, epoch);
    // a new owner may be heard before its record is seen: not confirmed, it says it again
    if (link === undefined && this.#deps.router.known(kind, shard)?.isAwaiting(seq)) return;
    this.#confirm(peer, kind, shard, seq);
    link?.onReply(reply, this, now);
  }

  end(call: PendingCall, { ok, frame, from, to }: FramedReply): void {
    try {
      const value = this.#deps.codec.decode(frame, from, to);
      if (ok) call.end(value);
      else call.endBadly(fromErrorData(errorData(value)));
    } catch (error) {
      call.endBadly(error);
    }
  }

  /** Also for calls that have ended: their reply need not be kept any longer. */
  #confirm(peer: Peer, kind: string, shard: number, seq: number): void {
    let byKind = this.#confirmations.get(peer);
    if (byKind === undefined) this.#confirmations.set(peer, (byKind = new ShardMap()));
    let confirmation = byKind.get(kind, shard);
    if (confirmation === undefined) byKind.set(kind, shard, (confirmation = new Confirmation(kind, shard)));
    if (confirmation.seqs.length < CONFIRMATIONS_MAX) confirmation.seqs.push(seq); // else it is said again
    this.#deps.outbox.owe(peer, confirmation, false);
  }
}

/** Confirmations about one shard that wait for one peer, while the gate is closed. */
const CONFIRMATIONS_MAX = 8_192;

/** Replies about one shard that a peer need not keep any more. */
class Confirmation implements AckSource {
  readonly seqs: number[] = [];
  readonly #kind: string;
  readonly #shard: number;

  constructor(kind: string, shard: number) {
    this.#kind = kind;
    this.#shard = shard;
  }

  takeAck(): FrameItem {
    return numbers({ item: "got", kind: this.#kind, shard: this.#shard, seqs: this.seqs.splice(0) });
  }
}

function errorData(value: unknown): ErrorData {
  const data = value as Partial<ErrorData> | null;
  const legal = typeof data === "object" && data !== null && typeof data.code === "string";
  if (!legal || typeof data.message !== "string" || typeof data.retryable !== "boolean") {
    throw new DecodeError("Cannot read a reply: its body is not an error");
  }
  const { declared } = data;
  if (declared !== undefined && (typeof declared !== "object" || typeof declared?.status !== "number"))
    throw new DecodeError("Cannot read a reply: what comes with its error has no status");
  return data as ErrorData;
}
