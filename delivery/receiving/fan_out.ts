/**
 * A message to all members that a group has in one shard. It comes over the link of its sender as any other message does, under one
 * number: so it is admitted once, in order with whatever else that sender says, and follows the shard where that goes. What
 * becomes of it is one mail for each member, put into the mailboxes in the same step in which the number is counted: a shard is
 * sealed before all of them or behind all of them.
 *
 * On the wire it is a tell to no name, of the message `message@group/name`.
 *
 * @module
 */
import type { ErrorData } from "../../errors.ts";
import type { HeaderMap } from "../../codec/header_map.ts";
import { copyValue } from "../../codec/value.ts";
import type { Admission } from "./receiver_deps.ts";
import type { PackableMail, PackedMail } from "./remote_mail.ts";

/** No name of a message has it. */
const AT = "@";

/** What a message to members is called on its way. */
export function messageToMembers(message: string, key: string): string {
  return `${message}${AT}${key}`;
}

/** Gives a message to all members that are meant. The message itself has ended then: it was taken. */
export function fanOut(target: Admission, mail: PackableMail): void {
  const at = mail.message.indexOf(AT);
  if (at < 0 || mail.type !== "tell") return; // from nobody who knows how to say it
  const message = mail.message.slice(0, at);
  for (const name of [...target.members.of(mail.message.slice(at + 1))])
    target.admit(name, new MemberMail(target, mail, name, message));
}

/** One member's share of a message. Nobody hears what becomes of it. */
class MemberMail implements PackableMail {
  readonly type = "tell";
  readonly name: string;
  readonly message: string;
  readonly #target: Admission;
  readonly #whole: PackableMail;

  constructor(target: Admission, whole: PackableMail, name: string, message: string) {
    this.#target = target;
    this.#whole = whole;
    this.name = name;
    this.message = message;
  }

  get chain(): readonly string[] {
    return this.#whole.chain;
  }
  get headers(): HeaderMap | undefined {
    return this.#whole.headers;
  }
  get node(): string | undefined {
    return this.#whole.node;
  }
  get deadlineAt(): number {
    return this.#whole.deadlineAt;
  }
  get weight(): number {
    return this.#whole.weight;
  }
  /** Only what nobody can change is shared with other members. */
  get checkedBy(): unknown {
    return isShared(this.#whole.checked) ? this.#whole.checkedBy : undefined;
  }
  get checked(): unknown {
    return this.#whole.checked;
  }
  argument(): unknown {
    const argument = this.#whole.argument();
    return isShared(argument) ? argument : copyValue(argument);
  }
  isFrom(address: string): boolean {
    return this.#whole.isFrom(address);
  }

  /** It stands behind a full mailbox until there is room; nobody waits for that. */
  waits(): void {}
  admitted(): void {}
  follow(): void {}

  refuse(error: ErrorData): void {
    this.#target.lost(this.name, this.message, error);
  }
  succeed(): undefined {}
  fail(): void {}

  pack(self: { readonly node: string; readonly incarnation: string }, now: number): PackedMail {
    const { name, message } = this;
    return { ...this.#whole.pack(self, now), name, message };
  }
}

function isShared(value: unknown): boolean {
  return typeof value !== "object" || value === null;
}
