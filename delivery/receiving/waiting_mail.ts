/**
 * Tells of other nodes that wait here for room in a mailbox. Each is refused when its time is over; a sender on this node
 * sees to that himself.
 *
 * @module
 */
import type { Clock } from "../../platform/clock.ts";
import { CoalescedTimer, restFor } from "../../platform/coalesced_timer.ts";

/** One of them. */
export interface ExpiringMail {
  /** On the node's clock; `Infinity` for never. */
  readonly admitBy: number;
  expire(): void;
}

/** See the module's text. */
export class WaitingMail {
  readonly #mail = new Set<ExpiringMail>();
  readonly #alarm: CoalescedTimer;

  constructor(clock: Clock) {
    this.#alarm = new CoalescedTimer(
      clock,
      (now) => this.#expire(now),
      () => restFor(this.#mail.size),
    );
  }

  add(mail: ExpiringMail): void {
    this.#mail.add(mail);
    if (mail.admitBy !== Infinity) this.#alarm.by(mail.admitBy);
  }

  delete(mail: ExpiringMail): void {
    this.#mail.delete(mail);
  }

  stop(): void {
    this.#alarm.stop();
  }

  #expire(now: number): void {
    for (const mail of this.#mail) {
      if (mail.admitBy <= now) mail.expire();
      else if (mail.admitBy !== Infinity) this.#alarm.by(mail.admitBy);
    }
  }
}
