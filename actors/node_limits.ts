/**
 * What all actors of one node may use together.
 *
 * @module
 */

import type { Mail } from "./activation/mail.ts";
import type { MailboxQuota, Seeker } from "./activation/mailbox.ts";
import { Quota, SoughtQuota } from "../platform/pace/quota.ts";

/** The bounds; see `Settings` for the defaults. */
export interface BudgetLimits {
  /** Activations on the node. */
  readonly activationsMax: number;
  /** Bytes of states of sleeping actors. */
  readonly sleepingBytesMax: number;
  /** Bytes of messages in mailboxes. */
  readonly mailboxBytesMax: number;
  /** Tells that wait behind one full mailbox. */
  readonly tellsWaitingMax: number;
  /** Bytes of those behind all of them. */
  readonly tellsWaitingBytesMax: number;
  /** Bytes of answers and tells that wait behind the output gates of stored actors. */
  readonly outputBytesMax: number;
}

/** Bytes of the messages in all mailboxes, and of the tells in the lines behind them. */
export class MailQuota implements MailboxQuota<Mail> {
  readonly lineMax: number;
  readonly #room: SoughtQuota<Seeker>;
  readonly #lineRoom: Quota;
  readonly #bothMax: number;

  constructor({ mailboxBytesMax, tellsWaitingMax, tellsWaitingBytesMax }: BudgetLimits) {
    this.lineMax = tellsWaitingMax;
    this.#room = new SoughtQuota(mailboxBytesMax, (seeker) => seeker.roomAgain());
    this.#lineRoom = new Quota(tellsWaitingBytesMax);
    this.#bothMax = mailboxBytesMax + tellsWaitingBytesMax;
  }

  get bytes(): number {
    return this.#room.taken;
  }

  get isFull(): boolean {
    return this.#room.isFull;
  }

  get isLineFull(): boolean {
    return this.#lineRoom.isFull;
  }

  get isOverfull(): boolean {
    return this.#room.taken >= this.#bothMax;
  }

  /** Bytes of tells that wait for room in a mailbox. */
  get lineBytes(): number {
    return this.#lineRoom.taken;
  }

  add({ weight }: Mail): void {
    this.#room.take(weight);
  }

  remove({ weight }: Mail): void {
    this.#room.give(weight);
  }

  addToLine({ weight }: Mail): void {
    this.#lineRoom.take(weight);
  }

  removeFromLine({ weight }: Mail): void {
    this.#lineRoom.give(weight);
  }

  seek(seeker: Seeker): void {
    this.#room.seek(seeker);
  }

  forget(seeker: Seeker): void {
    this.#room.forget(seeker);
  }
}

/** Who waits until there is room for what it would say. */
export interface QuotaSeeker {
  wake(): void;
}

/** Bytes of what waits behind all output gates. */
export class OutputQuota {
  readonly #room: SoughtQuota<QuotaSeeker>;

  constructor(bytesMax: number) {
    this.#room = new SoughtQuota(bytesMax, (seeker) => seeker.wake());
  }

  get bytes(): number {
    return this.#room.taken;
  }

  get isFull(): boolean {
    return this.#room.isFull;
  }

  /** Whether another handler may start; if not, who asks is woken when it may. */
  hasRoom(seeker: QuotaSeeker): boolean {
    if (this.#room.isFull) this.#room.seek(seeker);
    return !this.#room.isFull;
  }

  forget(seeker: QuotaSeeker): void {
    this.#room.forget(seeker);
  }

  take(bytes: number): void {
    this.#room.take(bytes);
  }

  give(bytes: number): void {
    this.#room.give(bytes);
  }
}

/** Counts against the bounds. What arrives by a move is counted and never refused: it was admitted once already. */
export class NodeLimits {
  readonly #limits: BudgetLimits;
  #activations = 0;
  #sleepingBytes = 0;
  readonly mail: MailQuota;
  readonly outputs: OutputQuota;

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
    this.mail = new MailQuota(limits);
    this.outputs = new OutputQuota(limits.outputBytesMax);
  }

  get activations(): number {
    return this.#activations;
  }

  get sleepingBytes(): number {
    return this.#sleepingBytes;
  }

  mayActivate(): boolean {
    return this.#activations < this.#limits.activationsMax;
  }

  maySleep(): boolean {
    return this.#sleepingBytes < this.#limits.sleepingBytesMax;
  }

  activated(): void {
    this.#activations++;
  }

  ended(): void {
    this.#activations--;
  }

  slept(bytes: number): void {
    this.#sleepingBytes += bytes;
  }

  woke(bytes: number): void {
    this.#sleepingBytes -= bytes;
  }
}
