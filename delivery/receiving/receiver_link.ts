/**
 * The owner's end of the links into one shard: what was admitted from each sender, exactly once and in its order.
 *
 * @module
 */
import { BusyError, type ErrorData, toErrorData } from "../../errors.ts";
import { tooLarge } from "../sending/call_errors.ts";
import { numbers } from "../wire/frame.ts";
import { type Envelope, type FrameItem, keptBytes } from "../wire/frame_items.ts";
import type { AckSource, Peer } from "../wire/peer.ts";
import type { ReceiverDeps, ReceiverShard } from "./receiver_deps.ts";
import { type PackableMail, RemoteMail } from "./remote_mail.ts";

/** Refused tells that one acknowledgement covers. */
const REFUSALS_PER_ACK = 128;

function tooManyReplies(): ErrorData {
  const words = "Cannot take another ask: the owner keeps as many unconfirmed replies as it may";
  return toErrorData(new BusyError(words, { retryAfterMs: 100 }));
}

/** The receiving end of one link. */
export class ReceiverLink implements AckSource {
  readonly peer: Peer;
  /** The next number to admit. */
  expected: number;
  readonly #deps: ReceiverDeps;
  readonly #shard: ReceiverShard;
  readonly #held = new Map<number, Envelope>();
  /** Tells that were admitted as far as the link is concerned, and wait for room; perhaps some that do no more. */
  #waiting: RemoteMail[] = [];
  /** The lowest number that the sender keeps: what is below it was acknowledged. */
  #first = 0;
  #owed = 0;
  #gapAskedAt = -Infinity;

  constructor(deps: ReceiverDeps, shard: ReceiverShard, peer: Peer, expected: number) {
    this.#deps = deps;
    this.#shard = shard;
    this.peer = peer;
    this.expected = expected;
  }

  /** Takes one envelope of the shard's current epoch. */
  receive(envelope: Envelope): void {
    if (envelope.first > this.#first) this.#first = envelope.first;
    if (envelope.first > this.expected) this.#skipTo(envelope.first);
    if (envelope.seq > this.expected) return this.#hold(envelope);
    if (envelope.seq < this.expected) return this.#again(envelope);
    this.#admit(envelope);
    this.#admitHeld();
    this.#owe(envelope.urgent);
  }

  /** A local sender's message: the same numbers, nothing to acknowledge. What was admitted before is not again. */
  admitLocal(seq: number, mail: PackableMail | undefined): void {
    if (seq > this.expected) this.#skipTo(seq);
    if (seq < this.expected) return this.#knownLocal(seq, mail);
    this.expected = seq + 1;
    if (mail) this.#shard.admit(mail.name, mail);
    this.#admitHeld();
  }

  /** It was admitted under a former owner; or refused there, which its sender may not have heard. */
  #knownLocal(seq: number, mail: PackableMail | undefined): void {
    const { kind, shard } = this.#shard;
    const kept = this.#deps.keeper.refusal(this.peer, kind, shard, seq);
    if (kept && mail) mail.refuse(this.#deps.codec.decode(kept.reply.body) as ErrorData);
  }

  /** The shard is not served here any more: its next owner acknowledges. */
  close(): void {
    this.peer.acks.delete(this);
    for (const seq of [...this.#held.keys()]) this.#unhold(seq);
  }

  takeAck(): FrameItem {
    this.#owed = 0;
    const { kind, shard, epoch } = this.#shard;
    const last = this.expected - 1;
    const refusals = this.#deps.keeper.refusals(this.peer, kind, shard, last);
    if (refusals.length === 0 && this.#waiting.length === 0)
      return numbers({ item: "ack", kind, shard, epoch, upTo: last }); // nearly always
    refusals.sort((a, b) => a.reply.seq - b.reply.seq);
    const next = refusals[REFUSALS_PER_ACK];
    const upTo = next ? next.reply.seq - 1 : last;
    const seqs = this.#waitingUpTo(upTo);
    const waits = seqs.length > 0 ? [numbers({ item: "waits", kind, shard, epoch, seqs })] : [];
    const ack = numbers({ item: "ack", kind, shard, epoch, upTo });
    // one item, so that no frame holds the acknowledgement of a tell without what it must not be taken for
    const all = [...refusals.slice(0, REFUSALS_PER_ACK), ...waits, ack];
    return { write: (writer) => all.forEach((item) => void item.write(writer)) };
  }

  /** Of these the sender does not know it: with their acknowledgement it was told. */
  #waitingUpTo(upTo: number): number[] {
    this.#waiting = this.#waiting.filter(({ waitsForRoom, seq }) => waitsForRoom && seq >= this.#first);
    return this.#waiting.map(({ seq }) => seq).filter((seq) => seq <= upTo);
  }

  /** What the sender gave up leaves no gap; what is only missing is still asked for. */
  #skipTo(first: number): void {
    for (const seq of this.#held.keys()) if (seq < first) this.#unhold(seq);
    this.expected = first;
    this.#admitHeld();
  }

  #admit(envelope: Envelope): void {
    this.expected = envelope.seq + 1;
    if (envelope.type === "skip") return;
    const { type, seq, name, message, chain, headers, remainingMs } = envelope;
    const argument = envelope.argument.slice(); // the frame's bytes are only lent
    const mail = new RemoteMail(this.#deps, this.#shard, this.peer, {
      seq,
      type,
      name,
      message,
      chain,
      headers,
      remainingMs,
      argument,
    });
    const { oversize } = envelope;
    if (oversize) mail.refuse(toErrorData(tooLarge("send", message, oversize.bytes, oversize.bytesMax)));
    else if (type === "ask" && this.#hasTooManyReplies) mail.refuse(tooManyReplies());
    else this.#shard.admit(name, mail);
    if (mail.waitsForRoom) this.#waiting.push(mail);
  }

  /** Replies are never dropped before they are confirmed: so no more may come to be. */
  get #hasTooManyReplies(): boolean {
    const { keeper, settings } = this.#deps;
    const { kind, shard } = this.#shard;
    return keeper.isFull || keeper.count(this.peer, kind, shard) >= settings.repliesMax;
  }

  #admitHeld(): void {
    if (this.#held.size === 0) return;
    for (;;) {
      const next = this.#unhold(this.expected);
      if (next === undefined) return;
      this.#admit(next);
    }
  }

  /** A repetition: its end is kept, or still to come; the acknowledgement was lost or is on its way. */
  #again(envelope: Envelope): void {
    const { kind, shard } = this.#shard;
    this.#deps.keeper.repeat(this.peer, kind, shard, envelope.seq);
    this.#owe(true);
  }

  #hold(envelope: Envelope): void {
    const { clock, settings, outbox, gaps } = this.#deps;
    const { kind, shard, epoch } = this.#shard;
    const bytes = keptBytes(envelope);
    if (this.#held.size < settings.gapMax && gaps.fits(bytes) && !this.#held.has(envelope.seq)) {
      this.#held.set(envelope.seq, { ...envelope, argument: envelope.argument.slice() });
      gaps.take(bytes);
    }
    const now = clock.now();
    if (now - this.#gapAskedAt < settings.resendMinMs) return;
    this.#gapAskedAt = now;
    outbox.add(
      this.peer,
      numbers({ item: "gap", kind, shard, epoch, from: this.expected, to: envelope.seq - 1 }),
    );
  }

  #unhold(seq: number): Envelope | undefined {
    const held = this.#held.get(seq);
    if (held === undefined) return undefined;
    this.#held.delete(seq);
    this.#deps.gaps.give(keptBytes(held));
    return held;
  }

  #owe(urgent: boolean): void {
    this.#owed++;
    this.#deps.outbox.owe(this.peer, this, urgent || this.#owed >= this.#deps.settings.ackEvery);
  }
}
