/**
 * The ends of messages that their senders have not confirmed yet. They are repeated until they are, never evicted,
 * and move with their shard.
 *
 * @module
 */
import { ShardMap } from "../../cluster/shard_map.ts";
import { TooLargeError, toErrorData } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import type { Codec } from "../../codec/codec.ts";
import { CoalescedTimer, restFor } from "../../platform/coalesced_timer.ts";
import { writeReply } from "../wire/frame.ts";
import type { FrameWriter } from "../wire/frame_writer.ts";
import type { FrameItem, Reply } from "../wire/frame_items.ts";
import type { Outbox } from "../wire/outbox.ts";
import type { Peer } from "../wire/peer.ts";
import { NumberRing } from "../number_ring.ts";
import type { DeliverySettings } from "../settings.ts";

/** What all that are kept work with. */
interface KeptReplyDeps {
  readonly codec: Codec;
  readonly alarm: CoalescedTimer;
  /** Milliseconds until it is repeated that was sent so often before. */
  pauseMs(attempts: number): number;
}

/** A reply, kept until it is confirmed. */
export class KeptReply implements FrameItem {
  readonly peer: Peer;
  readonly reply: Omit<Reply, "item">;
  readonly #deps: KeptReplyDeps;
  /** It refuses a tell: the acknowledgement must not arrive without it. */
  readonly refusesTell: boolean;
  /** When it is to be repeated; `Infinity` while it waits in the outbox, for a closed gate must not heap up copies. */
  dueAt: number = Infinity;
  #isQueued = false;
  #attempts = 0;

  constructor(deps: KeptReplyDeps, peer: Peer, reply: Omit<Reply, "item">, refusesTell: boolean) {
    this.#deps = deps;
    this.peer = peer;
    this.reply = reply;
    this.refusesTell = refusesTell;
  }

  get size(): number {
    return this.reply.body.byteLength;
  }

  /** @returns false if it waits there already */
  enqueued(): boolean {
    if (this.#isQueued) return false;
    this.#isQueued = true;
    this.dueAt = Infinity;
    return true;
  }

  write(writer: FrameWriter): void {
    this.#leaves(writer.now);
    writeReply(writer, this.reply);
  }

  /** Its pause begins when it leaves: so nobody reads the clock for it before. */
  #leaves(now: number): void {
    this.#isQueued = false;
    this.dueAt = now + this.#deps.pauseMs(this.#attempts++);
    this.#deps.alarm.by(this.dueAt);
  }

  /** Its asker hears that, and not silence. What is kept stays what it is: another server may let it through. */
  writeOversize(writer: FrameWriter, bytesMax: number): void {
    this.#leaves(writer.now);
    const words = `its result has ${this.size} bytes, and ${bytesMax} at most fit into a message`;
    const error = toErrorData(new TooLargeError(`Cannot answer a message: ${words}`));
    writeReply(writer, { ...this.reply, ok: false, body: this.#deps.codec.encode(error) });
  }
}

/** Bytes that a reply takes beside its body, about. */
const KEPT_BYTES = 128;

/** Replies of one shard to one peer. */
class Replies {
  readonly bySeq: NumberRing<KeptReply> = new NumberRing();
  /** How many of them refuse a tell. */
  refusals = 0;

  set(kept: KeptReply): void {
    this.bySeq.set(kept.reply.seq, kept);
    if (kept.refusesTell) this.refusals++;
  }

  /** @returns what was kept */
  delete(seq: number): KeptReply | undefined {
    const kept = this.bySeq.delete(seq);
    if (kept?.refusesTell) this.refusals--;
    return kept;
  }
}

/** What a keeper works with. */
export interface KeeperDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly codec: Codec;
  readonly outbox: Outbox;
  readonly settings: Pick<DeliverySettings, "resendMinMs" | "resendMaxMs" | "repliesBytesMax">;
}

/** See the module's text. */
export class ReplyKeeper {
  readonly #deps: KeeperDeps;
  readonly #byPeer = new Map<Peer, ShardMap<Replies>>();
  readonly #alarm: CoalescedTimer;
  readonly #keptDeps: KeptReplyDeps;
  #size = 0;
  #bytes = 0;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
    this.#alarm = new CoalescedTimer(
      deps.clock,
      (now) => this.#repeat(now),
      () => restFor(this.#size),
    );
    this.#keptDeps = {
      codec: deps.codec,
      alarm: this.#alarm,
      pauseMs: (attempts) => this.#pauseMs(attempts),
    };
  }

  #pauseMs(attempts: number): number {
    const { random, settings } = this.#deps;
    const pauseMs = Math.min(settings.resendMaxMs, 4 * settings.resendMinMs * 2 ** attempts);
    return pauseMs * (0.75 + random.next() / 2);
  }

  get size(): number {
    return this.#size;
  }

  /** Whether no further ask of another node should be admitted. */
  get isFull(): boolean {
    return this.#bytes >= this.#deps.settings.repliesBytesMax;
  }

  /** Bytes of all that is kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Sends a reply and keeps it. */
  keep(peer: Peer, reply: Omit<Reply, "item">, refusesTell: boolean): void {
    if (peer.over) return; // nobody will ever confirm it
    const kept = new KeptReply(this.#keptDeps, peer, reply, refusesTell);
    const replies = this.#made(kept.peer, kept.reply.kind, kept.reply.shard);
    this.#uncount(replies.delete(kept.reply.seq));
    replies.set(kept);
    this.#size++;
    this.#bytes += kept.size + KEPT_BYTES;
    this.#send(kept);
  }

  /** Replies kept for one peer about one shard. */
  count(peer: Peer, kind: string, shard: number): number {
    return this.#known(peer, kind, shard)?.bySeq.size ?? 0;
  }

  /** The refusal that is kept for a tell, if it was refused. */
  refusal(peer: Peer, kind: string, shard: number, seq: number): KeptReply | undefined {
    const kept = this.#known(peer, kind, shard)?.bySeq.get(seq);
    return kept?.refusesTell ? kept : undefined;
  }

  /** Sends the reply of a message that came again. */
  repeat(peer: Peer, kind: string, shard: number, seq: number): void {
    const kept = this.#known(peer, kind, shard)?.bySeq.get(seq);
    if (kept) this.#send(kept);
  }

  /** Refusals of tells up to `upTo`: they travel with the acknowledgement. */
  refusals(peer: Peer, kind: string, shard: number, upTo: number): KeptReply[] {
    const replies = this.#known(peer, kind, shard);
    if (!replies || replies.refusals === 0) return []; // nearly always
    return [...replies.bySeq].filter((kept) => kept.refusesTell && kept.reply.seq <= upTo);
  }

  /** The peer has them. */
  confirmed(peer: Peer, kind: string, shard: number, seqs: readonly number[]): void {
    const replies = this.#known(peer, kind, shard);
    if (!replies) return;
    for (const seq of seqs) this.#uncount(replies.delete(seq));
  }

  #uncount(kept: KeptReply | undefined): void {
    if (kept === undefined) return;
    this.#size--;
    this.#bytes -= kept.size + KEPT_BYTES;
  }

  /** All replies of one shard, left in place: what a seal takes along. */
  ofShard(kind: string, shard: number): KeptReply[] {
    const ofPeers = [...this.#byPeer.values()];
    return ofPeers.flatMap((byShard) => [...(byShard.get(kind, shard)?.bySeq ?? [])]);
  }

  /** Forgets the given replies: the next owner has them. */
  handOver(replies: readonly KeptReply[]): void {
    for (const { peer, reply } of replies) this.confirmed(peer, reply.kind, reply.shard, [reply.seq]);
  }

  /** Forgets a peer whose life has ended. */
  forget(peer: Peer): void {
    for (const { bySeq } of this.#byPeer.get(peer)?.values() ?? [])
      for (const kept of bySeq) this.#uncount(kept);
    this.#byPeer.delete(peer);
  }

  stop(): void {
    this.#alarm.stop();
  }

  #known(peer: Peer, kind: string, shard: number): Replies | undefined {
    return this.#byPeer.get(peer)?.get(kind, shard);
  }

  #made(peer: Peer, kind: string, shard: number): Replies {
    let byShard = this.#byPeer.get(peer);
    if (byShard === undefined) this.#byPeer.set(peer, (byShard = new ShardMap()));
    return byShard.getOrMake(kind, shard, newReplies);
  }

  #send(kept: KeptReply): void {
    if (kept.enqueued()) this.#deps.outbox.add(kept.peer, kept);
  }

  #repeat(now: number): void {
    for (const byShard of this.#byPeer.values()) {
      for (const { bySeq } of byShard.values()) {
        for (const kept of bySeq) {
          if (kept.dueAt <= now) this.#send(kept);
          else if (kept.dueAt !== Infinity) this.#alarm.by(kept.dueAt);
        }
      }
    }
  }
}

const newReplies = () => new Replies();
