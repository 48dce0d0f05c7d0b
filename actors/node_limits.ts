/**
 * What all actors of one node may use together.
 *
 * @module
 */

import type { Mail } from "./activation/mail.ts";
import type { MailboxQuota, Seeker } from "./activation/mailbox.ts";
import { Quota } from "./quota.ts";

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
  readonly #room: Quota;
  readonly #lineRoom: Quota;
  readonly #bothMax: number;
  readonly #seekers: Set<Seeker> = new Set();

  constructor({ mailboxBytesMax, tellsWaitingMax, tellsWaitingBytesMax }: BudgetLimits) {
    this.lineMax = tellsWaitingMax;
    this.#room = new Quota(mailboxBytesMax);
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
    if (this.#seekers.size > 0 && !this.#room.isFull) this.#tellSeekers();
  }

  addToLine({ weight }: Mail): void {
    this.#lineRoom.take(weight);
  }

  removeFromLine({ weight }: Mail): void {
    this.#lineRoom.give(weight);
  }

  seek(seeker: Seeker): void {
    this.#seekers.add(seeker);
  }

  forget(seeker: Seeker): void {
    this.#seekers.delete(seeker);
  }

  /** In the order in which they asked: whoever finds no room asks again. */
  #tellSeekers(): void {
    const seekers = [...this.#seekers];
    this.#seekers.clear();
    for (const seeker of seekers) seeker.roomAgain();
  }
}

/** Who waits until there is room for what it would say. */
export interface QuotaSeeker {
  wake(): void;
}

/** Bytes of what waits behind all output gates. */
export class OutputQuota {
  readonly #room: Quota;
  readonly #seekers: Set<QuotaSeeker> = new Set();

  constructor(bytesMax: number) {
    this.#room = new Quota(bytesMax);
  }

  get bytes(): number {
    return this.#room.taken;
  }

  get isFull(): boolean {
    return this.#room.isFull;
  }

  /** Whether another handler may start; if not, who asks is woken when it may. */
  hasRoom(seeker: QuotaSeeker): boolean {
    if (this.#room.isFull) this.#seekers.add(seeker);
    return !this.#room.isFull;
  }

  forget(seeker: QuotaSeeker): void {
    this.#seekers.delete(seeker);
  }

  take(bytes: number): void {
    this.#room.take(bytes);
  }

  give(bytes: number): void {
    this.#room.give(bytes);
    if (this.#room.isFull || this.#seekers.size === 0) return;
    const seekers = [...this.#seekers];
    this.#seekers.clear();
    for (const seeker of seekers) seeker.wake();
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
