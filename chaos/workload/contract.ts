// The actors of the workload, as data: counters, lists and accounts, each kept in memory or stored.
import { z } from "zod";
import { ask, type Contract, defineActor, tell } from "../../mod.ts";
import { EffectSchema, Page } from "./page.ts";

/** How safe the actors' states are. */
export type Durability = Contract["durability"];
export const DURABILITIES: readonly Durability[] = ["memory", "stored"];

const whole = z.number().int();

/** A numbered message. */
const Op = z.strictObject({
  sender: z.string(),
  n: whole,
  /** How long its handler takes before and after its effect, in milliseconds. */
  beforeMs: whole,
  afterMs: whole,
  /** Actors of kind counter that the handler asks or tells on its way. */
  relay: z.array(z.strictObject({ to: z.string(), type: z.enum(["add", "note"]) })),
});
export type Op = z.infer<typeof Op>;

/** A transfer's half: number `n` of its client. Handling it again changes nothing. */
const Booking = z.strictObject({ client: z.string(), n: whole, amount: whole });
export type Booking = z.infer<typeof Booking>;

/** What an actor tells of itself. */
const Told = z.strictObject({
  ...{ actor: z.string(), birth: z.string(), epoch: whole, node: z.string(), count: whole, digest: whole },
  ...{ high: whole, balance: whole },
});
export type Told = z.infer<typeof Told>;

/** Every account begins with this. */
export const BALANCE = 1_000;
export const KINDS = ["counter", "list", "account"] as const;
export type Kind = (typeof KINDS)[number];

/** The contract of a kind, for a durability. */
function contract(kind: Kind, durability: Durability) {
  return defineActor(durability === "memory" ? kind : `${durability}-${kind}`, {
    state: z.strictObject({
      page: Page,
      /** Highest value that an idempotent message has brought. */
      high: whole,
      balance: whole,
      /** Last booking of each client. */
      booked: z.record(z.string(), whole),
    }),
    stateVersion: 1,
    shards: kind === "counter" ? 16 : 8,
    mailboxMax: 64,
    durability,
    messages: {
      add: ask(Op, EffectSchema),
      note: tell(Op),
      raise: ask(whole, whole, { idempotent: true }),
      book: ask(Booking, whole, { idempotent: true }),
      report: ask(z.null(), Told, { idempotent: true }),
    },
  });
}

export type Workload = ReturnType<typeof contract>;

/** All contracts of these durabilities. */
export function contracts(durabilities: readonly Durability[]): Workload[] {
  return durabilities.flatMap((durability) => KINDS.map((kind) => contract(kind, durability)));
}

/** Names of the actors of a kind. */
export function namesOf(kind: string): string[] {
  const count = kind.endsWith("counter") ? 24 : 8;
  return Array.from({ length: count }, (_, i) => `${kind.slice(0, 1)}${i}`);
}

/** `kind/name` taken apart. */
export function parseAddress(address: string): { kind: string; name: string } {
  const slash = address.indexOf("/");
  return { kind: address.slice(0, slash), name: address.slice(slash + 1) };
}
