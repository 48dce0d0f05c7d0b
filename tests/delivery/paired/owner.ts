// A shard without actors: it writes down what it admits, and answers when it is told to.
import type { ErrorData } from "../../../errors.ts";
import type { Mail } from "../../../actors/activation/mail.ts";
import type { Place } from "../../../actors/activation/mailbox.ts";
import type { LocalMail } from "../../../delivery/calls/local_mail.ts";
import type { Admission, ReceiverDeps } from "../../../delivery/receiving/receiver_deps.ts";
import { ReceiverLink } from "../../../delivery/receiving/receiver_link.ts";
import type { PackableMail } from "../../../delivery/receiving/remote_mail.ts";
import type { LinkRow } from "../../../delivery/receiving/shard.ts";
import type { LocalShard } from "../../../delivery/sending/route.ts";
import type { Envelope } from "../../../delivery/wire/frame_items.ts";
import type { Peer } from "../../../delivery/wire/peer.ts";

export const KIND = "ledger";
export const SHARD = 7;

/** Messages whose mailbox is full there: tells stand in line, asks are refused. */
const BUSY: ErrorData = { code: "busy", message: "full", retryable: true };

/** What an owner writes down, and every owner after it. */
export interface Journal {
  /** In their order, with the life of the shard's memory: a new one begins with each loss. */
  readonly admitted: { readonly id: number; readonly life: number }[];
  readonly handled: number[];
  readonly refused: number[];
}

/** See above. Like `delivery/receiving/shard.ts` it keeps a link for each sender. */
export class TestShard implements LocalShard, Place<Mail> {
  readonly kind = KIND;
  readonly shard = SHARD;
  readonly epoch: number;
  readonly catalog: Admission = this;
  readonly members = { of: () => new Set<string>() };
  isOpen = true;
  /** Whether the mailbox has no room. */
  isFull = false;
  readonly mailbox: PackableMail[] = [];
  readonly line: PackableMail[] = [];
  readonly #deps: ReceiverDeps;
  readonly #self: Peer;
  readonly #journal: Journal;
  readonly #life: number;
  readonly #links = new Map<Peer, ReceiverLink>();

  /** No group has members here. */
  lost(): void {}

  constructor(deps: ReceiverDeps, self: Peer, epoch: number, life: number, journal: Journal) {
    this.#deps = deps;
    this.#self = self;
    this.epoch = epoch;
    this.#life = life;
    this.#journal = journal;
  }

  admitsAt(): boolean {
    return this.isOpen;
  }

  receive(peer: Peer, envelope: Envelope, now: number): void {
    this.#link(peer, envelope.first).receive(envelope, now);
  }

  admitLocal(seq: number, mail: LocalMail | undefined): void {
    this.#link(this.#self, seq).admitLocal(seq, mail);
  }

  #link(peer: Peer, first: number): ReceiverLink {
    let link = this.#links.get(peer);
    if (link === undefined) this.#links.set(peer, (link = new ReceiverLink(this.#deps, this, peer, first)));
    return link;
  }

  admit(_name: string, given: Mail): void {
    const mail = given as PackableMail;
    if (!this.isFull) return this.#take(mail);
    if (mail.type === "tell") {
      this.line.push(mail);
      return mail.waits(this as never);
    }
    this.#journal.refused.push(idOf(mail));
    mail.refuse(BUSY);
  }

  #take(mail: PackableMail): void {
    this.#journal.admitted.push({ id: idOf(mail), life: this.#life });
    this.mailbox.push(mail);
  }

  leave(mail: Mail): void {
    const at = this.line.indexOf(mail as PackableMail);
    if (at >= 0) this.line.splice(at, 1);
    if (at >= 0) this.#journal.refused.push(idOf(mail));
  }

  /** There is room again: the line goes in. */
  makeRoom(): void {
    this.isFull = false;
    for (const mail of this.line.splice(0)) {
      this.#take(mail);
      mail.admitted();
    }
  }

  /** Handles the oldest message, and answers it. */
  handleNext(): void {
    const mail = this.mailbox.shift();
    if (mail === undefined) return;
    const id = idOf(mail);
    this.#journal.handled.push(id);
    mail.succeed(id);
  }

  /** One step: nothing is admitted any more, and everything that was goes along. */
  seal(): { links: LinkRow[]; backlog: PackableMail[] } {
    this.makeRoom();
    this.isOpen = false;
    const links = [...this.#links.values()].map(({ peer, expected }) => ({ from: peer.id, expected }));
    return { links, backlog: this.mailbox };
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
  }

  install(rows: readonly { readonly peer: Peer; readonly expected: number }[]): void {
    for (const { peer, expected } of rows)
      this.#links.set(peer, new ReceiverLink(this.#deps, this, peer, expected));
  }

  /** Forgets the link of a node whose life has ended. */
  forget(peer: Peer): void {
    this.#links.get(peer)?.close();
    this.#links.delete(peer);
  }
}

function idOf(mail: Mail): number {
  return mail.argument() as number;
}
