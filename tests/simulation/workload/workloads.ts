/** What the actors of a simulation are: their messages, their kinds, and their names. */
import { z } from "zod";
import { ask, type Contract, defineActor, tell } from "../../../actors/contract.ts";
import { shardOf } from "../../../cluster/placement/placement.ts";
import type { Random } from "../../../platform/random.ts";

const FoldSchema = z.strictObject({ count: z.number().int(), digest: z.number().int() });
/** What a stored actor lets others know of its state. */
const News = z.strictObject({ actor: z.string(), state: FoldSchema, epoch: z.number().int() });
const Send = z.strictObject({
  /** `kind/name`. */
  to: z.string(),
  type: z.enum(["add", "note"]),
  /** Whether the handler waits for the end. */
  wait: z.boolean(),
  timeoutMs: z.number(),
  /** Time that the receiver takes. */
  beforeMs: z.number(),
});
export const Op = z.strictObject({
  from: z.string(),
  n: z.number().int(),
  /** The context that it left with. */
  along: z.string(),
  /** Milliseconds before and after the effect. */
  beforeMs: z.number(),
  afterMs: z.number(),
  /** Before the effect, or after it. */
  fails: z.enum(["no", "early", "late"]),
  sends: z.array(Send),
  timer: z.strictObject({ afterMs: z.number(), everyMs: z.number(), fires: z.number().int() }).nullable(),
  /** Stops the newest timer that this actor set. */
  cancels: z.boolean(),
  padding: z.string(),
  /** Leaves a state that stricter nodes cannot read. */
  spoils: z.boolean(),
  /** Of an ask: when its caller stops waiting, in the cluster's time. */
  until: z.number().nullable(),
  /** What its sender's own state was. */
  news: News.nullable(),
});
export type Op = z.infer<typeof Op>;
export type Send = z.infer<typeof Send>;

export const Tick = z.strictObject({ id: z.string(), fires: z.number().int() });
export type Tick = z.infer<typeof Tick>;
export const SPOILT = "spoilt";
export const State = z.strictObject({
  /** Which memory it is: each beginning from nothing has another number. A stored actor has but one. */
  born: z.number().int(),
  count: z.number().int(),
  digest: z.number().int(),
  /** Sends are numbered anew in each life: a stored actor that was taken back has another. */
  life: z.number().int(),
  sent: z.record(z.string(), z.number().int()),
  ticks: z.record(z.string(), z.number().int()),
  timers: z.number().int(),
  newestTimer: z.string(),
  padding: z.string(),
});
/** `form`: where code is upgraded, of which release the state is. */
export type State = z.infer<typeof State> & { form?: number };
/** An answer says what the state is, and under which epoch it was given. */
export const Answer = z.strictObject({
  count: z.number().int(),
  digest: z.number().int(),
  epoch: z.number().int(),
});
export type Answer = z.infer<typeof Answer>;

type OnError = "keep" | "restart" | "stop";
/** How often they fail is no matter here: the profile `supervised` is about that. */
const OFTEN = { max: 1_000, backoff: { minMs: 1, maxMs: 30 } };

function ledger<const K extends string>(kind: K, onError: OnError, shards: number, isStored = false) {
  return defineActor(kind, {
    state: State,
    stateVersion: 1,
    shards,
    ...(onError === "restart" ? { restart: OFTEN } : { onError }),
    durability: isStored ? "stored" : "memory",
    mailboxMax: 5,
    idleMs: 300,
    messages: {
      add: ask(Op, Answer),
      note: tell(Op),
      addAgain: ask(Op, Answer, { idempotent: true }),
      noteAgain: tell(Op, { idempotent: true }),
      tick: tell(Tick),
      dump: ask(z.null(), Answer),
    },
  });
}

const Ledger = ledger("ledger", "keep", 8);
/** One contract stands for all when types matter: they have the same messages. */
export type AnyLedger = typeof Ledger;

const LEDGERS = [
  Ledger,
  ledger("fickle", "restart", 4),
  ledger("sleepy", "stop", 4),
  ledger("brittle", "keep", 2),
  ledger("vault", "keep", 4, true),
  ledger("safe", "restart", 4, true),
  ledger("chest", "stop", 2, true),
] as unknown as readonly AnyLedger[];

/** The kind whose states may be unreadable on some nodes. */
export function strictly(contract: AnyLedger): AnyLedger {
  const { kind, shards, onError } = contract;
  const strict = {
    ...ledger(kind, onError as OnError, shards),
    state: State.refine(({ padding }) => padding !== SPOILT),
  };
  return strict as unknown as AnyLedger;
}

/** A state that tells by how many upgrades it came to its form. */
const FormedState = State.extend({ form: z.number().int() });

/** The kind as the application's code of that release has it: each has another form of the state. */
export function ofRelease(contract: AnyLedger, release: number): AnyLedger {
  const { kind, shards, onError, durability } = contract;
  const plain = ledger(kind, onError as OnError, shards, durability === "stored");
  return { ...plain, state: FormedState, stateVersion: release } as unknown as AnyLedger;
}

export type WorkloadName = "memory" | "crowded" | "stored";

/** The actors of one simulation. */
export class Workload {
  readonly contracts: readonly AnyLedger[];
  /** All actors, by address. */
  readonly addresses: readonly string[];
  /** Those of them that are stored. */
  readonly stored: readonly string[];
  /** Whether clients send messages that may be repeated. */
  readonly repeats: boolean;

  /** @param counts how many actors there are of each kind */
  constructor(counts: Readonly<Record<string, number>>, repeats: boolean) {
    this.contracts = LEDGERS.filter(({ kind }) => kind in counts);
    this.addresses = this.contracts.flatMap(({ kind }) =>
      Array.from({ length: counts[kind] ?? 0 }, (_, i) => `${kind}/${kind[0]}${i}`),
    );
    this.stored = this.addresses.filter((address) => isStored(contractOf(address).contract));
    this.repeats = repeats;
  }

  /** An actor that may be called from this one without ever waiting in a circle. */
  later(address: string, random: Random): string | undefined {
    const rest = this.addresses.slice(this.addresses.indexOf(address) + 1);
    return rest[Math.floor(random.next() * rest.length)];
  }

  next(address: string): string | undefined {
    return this.addresses[this.addresses.indexOf(address) + 1];
  }

  /** The actors of one shard that messages are sent to. */
  ofShard(kind: string, shard: number): string[] {
    return this.addresses.filter((address) => {
      const { contract, name } = contractOf(address);
      return contract.kind === kind && shardOf(kind, name, contract.shards) === shard;
    });
  }

  /** One name in each shard, as addresses. */
  probes(): string[] {
    return this.contracts.flatMap(({ kind, shards }) => probesOf(kind, shards));
  }
}

export const WORKLOADS: Readonly<Record<WorkloadName, Workload>> = {
  memory: new Workload({ ledger: 12, fickle: 5, sleepy: 5, brittle: 3 }, false),
  /** Several to each shard. */
  crowded: new Workload({ ledger: 24, sleepy: 12, brittle: 8 }, false),
  stored: new Workload({ ledger: 3, fickle: 2, vault: 6, safe: 6, chest: 3 }, true),
};

function probesOf(kind: string, shards: number): string[] {
  const names = new Map<number, string>();
  for (let i = 0; names.size < shards; i++) {
    const shard = shardOf(kind, `probe${i}`, shards);
    if (!names.has(shard)) names.set(shard, `${kind}/probe${i}`);
  }
  return [...names.values()];
}

export function contractOf(address: string): { contract: AnyLedger; name: string } {
  const [kind = "", name = ""] = address.split("/");
  return { contract: LEDGERS.find((each) => each.kind === kind) as AnyLedger, name };
}

export function isStored({ durability }: Pick<Contract, "durability">): boolean {
  return durability === "stored";
}

/**
 * Kinds that never ask anybody: an ask lets go what was told before it, stored or not. What these tell of is stored.
 */
export function neverAsks(kind: string): boolean {
  return kind === "safe" || kind === "chest";
}

/** What comes to an actor whose state cannot be read is refused, or dead-lettered. */
export function hasEffect(address: string): boolean {
  return !address.startsWith("brittle/");
}

export function plainOp(from: string, n: number, beforeMs = 0): Op {
  return {
    ...{ from, n, along: "", beforeMs, afterMs: 0, fails: "no", sends: [], until: null, news: null },
    ...{ timer: null, cancels: false, padding: "", spoils: false },
  };
}
