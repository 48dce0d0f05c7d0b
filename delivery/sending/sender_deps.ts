/**
 * What the sending ends of all links of a node work with, and what they may let wait together.
 *
 * @module
 */
import type { TrialSettings } from "../../actors/activation/trials.ts";
import { Quota } from "../../platform/pace/quota.ts";
import type { Gate } from "../../cluster/gate.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import type { Where } from "../calls/whereabouts.ts";
import type { Outbox } from "../wire/outbox.ts";
import type { LocalMailDeps } from "../calls/local_mail.ts";
import type { DeliverySettings } from "../settings.ts";
import type { CongestionSettings } from "./congestion.ts";

/** What the links of a node share. */
export class SendingQuotas {
  /** Messages that wait for a place in their window. */
  readonly waiting: Quota;
  readonly waitingBytes: Quota;
  /** Asks that have not ended. */
  readonly pending: Quota;
  /** Tells that wait for room in their actors' mailboxes. */
  readonly unadmitted: Quota;

  constructor({
    waitingNodeMax,
    waitingBytesMax,
    pendingMax,
  }: Pick<DeliverySettings, "waitingNodeMax" | "waitingBytesMax" | "pendingMax">) {
    this.waiting = new Quota(waitingNodeMax);
    this.waitingBytes = new Quota(waitingBytesMax);
    this.pending = new Quota(pendingMax);
    this.unadmitted = new Quota(pendingMax);
  }

  /** Whether no further message may wait. */
  get areFull(): boolean {
    return this.waiting.isFull || this.waitingBytes.isFull;
  }

  take(bytes: number): void {
    this.waiting.take(1);
    this.waitingBytes.take(bytes);
  }

  give(bytes: number): void {
    this.waiting.give(1);
    this.waitingBytes.give(bytes);
  }
}

/** A message that is not tried again. */
export interface Quarantined {
  readonly kind: string;
  readonly name: string;
  readonly message: string;
  readonly deaths: number;
}

/** What every link of a node works with. */
export interface SenderDeps extends LocalMailDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly gate: Gate;
  readonly outbox: Outbox;
  readonly rooms: SendingQuotas;
  readonly settings: CongestionSettings &
    Pick<DeliverySettings, "waitingMax" | "windowBytesMax"> &
    Pick<TrialSettings, "deathsMax">;
  /** A message was sent to so many owners that were lost, and is not sent to another. */
  readonly onQuarantined: (about: Quarantined) => void;
  /** Where a shard is, in words. */
  whereIs(kind: string, shard: number): Where;
  /** Asks for `tick` at that time at the latest. */
  wakeBy(time: number): void;
}
