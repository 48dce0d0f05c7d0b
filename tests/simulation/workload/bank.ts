/**
 * A bank: stored accounts send each other money by tells. No money is ever made, and what is missing at the end has a
 * cause that is known.
 */
import { z } from "zod";
import { Actor } from "../../../actors/actor.ts";
import { ask, defineActor, tell } from "../../../actors/contract.ts";
import { type ActorClass, host, type Hosted } from "../../../actors/host.ts";
import type { ActorNode } from "../../../node/api.ts";
import type { Random } from "../../../platform/random.ts";
import { shardOf } from "../../../cluster/placement/placement.ts";
import type { History } from "../../../testing/history.ts";

const Transfer = z.strictObject({ id: z.string(), other: z.string(), amount: z.number().int() });
const Balance = z.strictObject({
  balance: z.number().int(),
  /** Transfers by id: sent, and received. */
  paid: z.record(z.string(), Transfer),
  received: z.record(z.string(), Transfer),
});
export type Transfer = z.infer<typeof Transfer>;
export type Balance = z.infer<typeof Balance>;

const OPENING = 100;

export const Account = defineActor("account", {
  state: Balance,
  stateVersion: 1,
  shards: 4,
  durability: "stored",
  idleMs: 300,
  messages: {
    /** Whether there was enough. */
    pay: ask(Transfer, z.boolean()),
    credit: tell(Transfer),
    creditAgain: tell(Transfer, { idempotent: true }),
    audit: ask(z.null(), Balance),
  },
});

export const ACCOUNTS: readonly string[] = Array.from({ length: 5 }, (_, i) => `a${i}`);

/** The accounts of one shard, by address. */
export function accountsOf(shard: number): string[] {
  const own = ACCOUNTS.filter((name) => shardOf(Account.kind, name, Account.shards) === shard);
  return own.map((name) => `${Account.kind}/${name}`);
}

/** What an observer outside of all nodes knows of one transfer. */
interface Known {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
  /** Lives of nodes on which it was paid, whether that was stored or not. */
  readonly paidOn: Set<string>;
  paidAt: number;
  /** When a handler last credited it; `undefined` if none did. */
  creditedAt: number | undefined;
  /** When its caller heard that it was paid; `undefined` if he did not. */
  acknowledgedAt: number | undefined;
}

/**
 * What an account tells is admitted within this time, in milliseconds, or reported: the default of every call, and some
 * for the report.
 */
const TELL_MS = 6_000;

export interface BankOptions {
  readonly history: History;
  now(): number;
}

/** See the module's text. */
export class Bank {
  readonly #options: BankOptions;
  readonly #transfers = new Map<string, Known>();
  #count = 0;

  constructor(options: BankOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#transfers.size;
  }

  /** The accounts of one node in one life. */
  host(life: string, alive: () => boolean): Hosted {
    const paid = (id: string) => alive() && this.#paid(id, life);
    const credited = (id: string) => alive() && this.#credited(id);

    return host(
      Account,
      class AccountActor extends Actor<typeof Account> {
        static initialState(): Balance {
          return { balance: OPENING, paid: {}, received: {} };
        }

        pay(transfer: Transfer): boolean {
          const { state } = this;
          if (state.balance < transfer.amount) return false;
          paid(transfer.id);
          state.balance -= transfer.amount;
          state.paid[transfer.id] = transfer;
          const other = this.ref(Account, transfer.other);
          const credit = { ...transfer, other: this.name };
          // it waits for the state, and an event tells if it cannot be delivered
          const sent = transfer.amount % 2 === 0 ? other.credit(credit) : other.creditAgain(credit);
          void sent.catch(() => undefined);
          return true;
        }

        credit(transfer: Transfer): void {
          const { state } = this;
          credited(transfer.id);
          if (state.received[transfer.id]) return;
          state.balance += transfer.amount;
          state.received[transfer.id] = transfer;
        }

        creditAgain(transfer: Transfer): void {
          this.credit(transfer);
        }

        audit(): Balance {
          return this.state;
        }
      } as unknown as ActorClass<typeof Account>,
    ) as Hosted;
  }

  #paid(id: string, life: string): void {
    const known = this.#transfers.get(id);
    if (!known) return;
    known.paidOn.add(life);
    known.paidAt = this.#options.now();
  }

  #credited(id: string): void {
    const known = this.#transfers.get(id);
    if (known) known.creditedAt = this.#options.now();
  }

  /** Asks for one transfer between two accounts. */
  async transfer(node: ActorNode, random: Random, alive: () => boolean): Promise<void> {
    const at = Math.floor(random.next() * ACCOUNTS.length);
    const from = ACCOUNTS[at] as string;
    const step = 1 + Math.floor(random.next() * (ACCOUNTS.length - 1));
    const to = ACCOUNTS[(at + step) % ACCOUNTS.length] as string;
    const amount = 1 + Math.floor(random.next() * 20);
    const id = `t${++this.#count}`;
    const known = { from, to, amount, paidOn: new Set<string>(), paidAt: 0 };
    const transfer: Known = { ...known, creditedAt: undefined, acknowledgedAt: undefined };
    this.#transfers.set(id, transfer);
    const paid = await node
      .ref(Account, from)
      .pay({ id, other: to, amount })
      .catch(() => false);
    if (paid && alive()) transfer.acknowledgedAt = this.#options.now();
  }

  // ---- the end

  /** What every account says of itself. */
  async audit(ask: (name: string) => Promise<Balance | undefined>): Promise<void> {
    const accounts = new Map<string, Balance>();
    for (const name of ACCOUNTS) {
      const account = await ask(name);
      if (account) accounts.set(name, account);
    }
    for (const fault of this.faults(accounts)) this.#options.history.violate("I7", fault);
  }

  /** What is wrong with the accounts as they are when all is quiet. */
  *faults(accounts: ReadonlyMap<string, Balance>): Iterable<string> {
    let total = 0;
    let missing = 0;
    for (const [name, account] of accounts) {
      total += account.balance;
      const sum = OPENING + sumOf(account.received) - sumOf(account.paid);
      if (sum !== account.balance)
        yield `account ${name} has ${account.balance}, and its transfers make ${sum}`;
      yield* this.#unpaid(accounts, name, account);
    }
    const lost = new Map<string, number>();
    for (const [id, known] of this.#transfers) {
      const isPaid = accounts.get(known.from)?.paid[id] !== undefined;
      if (known.acknowledgedAt !== undefined && !isPaid)
        yield `transfer ${id} was acknowledged, and ${known.from} has not paid it`;
      if (!isPaid || accounts.get(known.to)?.received[id]) continue;
      missing += known.amount;
      if (!this.#hasCause(known)) lost.set(known.to, (lost.get(known.to) ?? 0) + 1);
    }
    for (const [to, count] of lost) {
      const reported = this.#options.history.deadLetters.get(`account/${to}`) ?? 0;
      if (count > reported)
        yield `${count} transfers to ${to} are missing without a loss, and ${reported} were reported`;
    }
    const all = accounts.size * OPENING;
    if (total + missing !== all)
      yield `all accounts have ${total}, with ${missing} lost on the way, and began with ${all}`;
  }

  /** An account asks nobody, so a tell of it goes out after what it tells of is stored. */
  *#unpaid(accounts: ReadonlyMap<string, Balance>, name: string, account: Balance): Iterable<string> {
    for (const [id, { other, amount }] of Object.entries(account.received)) {
      if (accounts.get(other)?.paid[id]?.amount !== amount)
        yield `${name} has received transfer ${id}, and ${other} has not paid it`;
    }
  }

  /**
   * A payment that is stored may fail to arrive: its tell is in the memory of the payer's node until it is admitted,
   * and then in that of the receiver's until it is stored there. If neither was lost in its time, it arrives.
   */
  #hasCause(known: Known): boolean {
    const { to, paidOn, paidAt, creditedAt } = known;
    const { history } = this.#options;
    if (history.hasLost(`account/${to}`, paidAt)) return true;
    if (creditedAt !== undefined) return false; // it had arrived: the payer's end is no cause any more
    return [...paidOn].some((life) => {
      const killedAt = history.killed.get(life);
      const ends = [...(history.fenced.get(life) ?? []), ...(killedAt === undefined ? [] : [killedAt])];
      const untilAt = this.#toldUntil(known, life);
      return ends.some((at) => at >= paidAt && at <= untilAt);
    });
  }

  /** Until when the payer's node may have had what the payer told. Nothing goes on while it is frozen. */
  #toldUntil({ acknowledgedAt }: Known, life: string): number {
    if (acknowledgedAt === undefined) return Infinity; // it may have waited for its store
    const frozen = this.#options.history.disturbances.filter(
      ({ what, node, to }) => what === "freeze" && node === life.split(".")[0] && to >= acknowledgedAt,
    );
    return frozen.reduce((until, { from, to }) => until + to - from, acknowledgedAt + TELL_MS);
  }
}

function sumOf(transfers: Readonly<Record<string, Transfer>>): number {
  return Object.values(transfers).reduce((sum, { amount }) => sum + amount, 0);
}
