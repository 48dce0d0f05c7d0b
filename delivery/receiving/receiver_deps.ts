/**
 * What the receiving ends of links work with.
 *
 * @module
 */
import type { ErrorData } from "../../errors.ts";
import type { Mail } from "../../actors/activation/mail.ts";
import type { Quota } from "../../platform/pace/quota.ts";
import type { Codec } from "../../codec/codec.ts";
import type { Scale } from "../../codec/weight.ts";
import type { Outbox } from "../wire/outbox.ts";
import type { ReplyKeeper } from "./reply_keeper.ts";
import type { DeliverySettings } from "../settings.ts";
import type { WaitingMail } from "./waiting_mail.ts";

/** What every admitted message works with. */
export interface MailDeps {
  readonly codec: Codec;
  readonly keeper: ReplyKeeper;
  readonly waitingMail: WaitingMail;
  /** How large the body of a reply may be. */
  readonly scale: Scale;
}

/** What the receiving end of every link works with. */
export interface ReceiverDeps extends MailDeps {
  readonly outbox: Outbox;
  readonly settings: Pick<DeliverySettings, "gapMax" | "resendMinMs" | "repliesMax" | "ackEvery">;
  /** Bytes that may be held on the node for gaps before them. */
  readonly gaps: Quota;
}

/** Takes a message for an actor, or ends it with the refusal that is true; and knows who is in which group. */
export interface Admission {
  admit(name: string, mail: Mail): void;
  /** Names of the actors that are in the group of that key. */
  readonly members: { of(key: string): Iterable<string> };
  /** There was no room for what was said to all members at that one. */
  lost(name: string, message: string, error: ErrorData): void;
}

/** What a receiver needs of its shard. */
export interface ReceiverShard {
  readonly kind: string;
  readonly shard: number;
  readonly epoch: number;
  readonly catalog: Admission;
}
