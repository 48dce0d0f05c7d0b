/**
 * What all actors of one node may use together.
 *
 * @module
 */

import type { Mail } from "./mail.ts";
import type { Scales } from "./mailbox.ts";
import { Room } from "./room.ts";

/** The bounds; see `Settings` for the defaults. */
export interface BudgetLimits {
  /** Activations on the node. */
  readonly activationsMax: number;
  /** Bytes of states of sleeping actors. */
  readonly sleepingBytesMax: number;
  /** Bytes of messages in mailboxes. */
  readonly mailboxBytesMax: number;
}

/** Bytes of the messages in all mailboxes. */
export class MailScales implements Scales<Mail> {
  readonly #room: Room;

  constructor(bytesMax: number) {
    this.#room = new Room(bytesMax);
  }

  get bytes(): number {
    return this.#room.taken;
  }

  get isFull(): boolean {
    return this.#room.isFull;
  }

  add({ weight }: Mail): void {
    this.#room.take(weight);
  }

  remove({ weight }: Mail): void {
    this.#room.give(weight);
  }
}

/** Counts against the bounds. What arrives by a move is counted and never refused: it was admitted once already. */
export class Budget {
  readonly #limits: BudgetLimits;
  #activations = 0;
  #sleepingBytes = 0;
  readonly mail: MailScales;

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
    this.mail = new MailScales(limits.mailboxBytesMax);
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
