/**
 * The owner's end of a link into one shard: what was admitted from one sender, exactly once and in its order.
 *
 * What an envelope is, `receiver_state.ts` decides; here it is done: with the mailbox, the outbox, and the bounds of the node.
 *
 * @module
 */
import { BusyError, type ErrorData, toErrorData } from "../../errors.ts";
import { tooLarge } from "../calls/call_errors.ts";
import { numbers } from "../wire/frame.ts";
import { ALL_MEMBERS, type Envelope, type FrameItem, keptBytes } from "../wire/frame_items.ts";
import type { AckSource, Peer } from "../wire/peer.ts";
import { fanOut } from "./fan_out.ts";
import type { ReceiverDeps, ReceiverShard } from "./receiver_deps.ts";
import { ReceiverState } from "./receiver_state.ts";
import { type PackableMail, RemoteMail } from "./remote_mail.ts";

/** What is held for a gap before it. */
interface Held {
  readonly envelope: Envelope;
  /** When it came, on the clock: its time goes on meanwhile. */
  readonly cameAt: number;
}

/** Refused tells that one acknowledgement covers. */
const REFUSALS_PER_ACK = 128;

function tooManyReplies(): ErrorData {
  const words = "Cannot take another ask: the owner keeps as many unconfirmed replies as it may";
  return toErrorData(new BusyError(words, { retryAfterMs: 100 }));
}

/** The receiving end of one link. */
export class ReceiverLink implements AckSource {
  readonly peer: Peer;
  readonly #deps: ReceiverDeps;
  readonly #shard: ReceiverShard;
  readonly #state: ReceiverState<Held>;
  /** Tells that were admitted as far as the link is concerned, and wait for room; perhaps some that do no more. */
  #waiting: RemoteMail[] = [];
  #owed = 0;

  /** @param expected the next number to admit */
  constructor(deps: ReceiverDeps, shard: ReceiverShard, peer: Peer, expected: number) {
    this.#deps = deps;
    this.#shard = shard;
    this.peer = peer;
    this.#state = new ReceiverState(expected);
  }

  /** The next number to admit. */
  get expected(): number {
    return this.#state.expected;
  }

  /**
   * Takes one envelope of the shard's current epoch.
   *
   * @param now the time just read from the clock
   * @param cameAt when it came; before `now` if the shard was in doubt until now
   */
  receive(envelope: Envelope, now: number, cameAt: number = now): void {
    if (this.#state.keeps(envelope.first)) this.#skipTo(envelope.first);
    switch (this.#state.judge(envelope.seq)) {
      case "ahead":
        return this.#hold({ envelope, cameAt }, now);
      case "again":
        return this.#again(envelope);
      case "next":
        this.#admit(envelope, cameAt);
        this.#admitHeld();
        return this.#owe(envelope.urgent);
    }
  }

  /** A local sender's message: the same numbers, nothing to acknowledge. What was admitted before is not again. */
  admitLocal(seq: number, mail: PackableMail | undefined): void {
    if (this.#state.keeps(seq)) this.#state.skipTo(seq); // of itself a node holds nothing: nothing of that is lost on the way
    if (this.#state.judge(seq) === "again") return this.#knownLocal(seq, mail);
    this.#state.admit();
    if (mail) this.#give(mail);
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
    for (const held of this.#state.drop()) this.#unheld(held);
  }

  takeAck(): FrameItem {
    this.#owed = 0;
    const { kind, shard, epoch } = this.#shard;
    const { last } = this.#state;
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
    this.#waiting = this.#waiting.filter(({ waitsForRoom, seq }) => waitsForRoom && seq >= this.#state.first);
    return this.#waiting.map(({ seq }) => seq).filter((seq) => seq <= upTo);
  }

  /** What the sender gave up leaves no gap; what is only missing is still asked for. */
  #skipTo(first: number): void {
    for (const held of this.#state.skipTo(first)) this.#unheld(held);
    this.#admitHeld();
  }

  #admit(envelope: Envelope, cameAt: number): void {
    this.#state.admit();
    const { type, message, oversize } = envelope;
    if (type === "skip") return;
    const argument = envelope.argument.slice(); // the frame's bytes are only lent
    const mail = new RemoteMail(this.#deps, this.#shard, this.peer, envelope, type, argument, cameAt);
    if (oversize) mail.refuse(toErrorData(tooLarge("send", message, oversize.bytes, oversize.bytesMax)));
    else if (type === "ask" && this.#hasTooManyReplies) mail.refuse(tooManyReplies());
    else this.#give(mail);
    if (mail.waitsForRoom) this.#waiting.push(mail);
  }

  #give(mail: PackableMail): void {
    const { catalog } = this.#shard;
    if (mail.name === ALL_MEMBERS) fanOut(catalog, mail);
    else catalog.admit(mail.name, mail);
  }

  /** Replies are never dropped before they are confirmed: so no more may come to be. */
  get #hasTooManyReplies(): boolean {
    const { keeper, settings } = this.#deps;
    const { kind, shard } = this.#shard;
    return keeper.isFull || keeper.count(this.peer, kind, shard) >= settings.repliesMax;
  }

  #admitHeld(): void {
    for (let next = this.#state.takeNext(); next !== undefined; next = this.#state.takeNext()) {
      this.#unheld(next);
      this.#admit(next.envelope, next.cameAt);
    }
  }

  /** A repetition: its end is kept, or still to come; the acknowledgement was lost or is on its way. */
  #again(envelope: Envelope): void {
    const { kind, shard } = this.#shard;
    this.#deps.keeper.repeat(this.peer, kind, shard, envelope.seq);
    this.#owe(true);
  }

  #hold({ envelope, cameAt }: Held, now: number): void {
    const { settings, outbox, gaps } = this.#deps;
    const { kind, shard, epoch } = this.#shard;
    const bytes = keptBytes(envelope);
    const isRoom = this.#state.held < settings.gapMax && gaps.fits(bytes);
    const copy = { ...envelope, argument: envelope.argument.slice() }; // the frame's bytes are only lent
    if (isRoom && this.#state.hold(envelope.seq, { envelope: copy, cameAt })) gaps.take(bytes);
    if (!this.#state.asks(now, settings.resendMinMs)) return;
    outbox.add(
      this.peer,
      numbers({ item: "gap", kind, shard, epoch, from: this.expected, to: envelope.seq - 1 }),
    );
  }

  #unheld({ envelope }: Held): void {
    this.#deps.gaps.give(keptBytes(envelope));
  }

  #owe(urgent: boolean): void {
    this.#owed++;
    this.#deps.outbox.owe(this.peer, this, urgent || this.#owed >= this.#deps.settings.ackEvery);
  }
}
