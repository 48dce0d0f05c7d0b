/**
 * Subscriptions of a kind to streams outside: each message of a stream becomes a tell to one of its actors.
 *
 * @module
 */
import { ConfigurationError } from "../../errors.ts";
import { isPublishable, isSubjectFilter } from "../../transport/subjects.ts";
import type { Contract, Messages, TellMessage } from "../contract.ts";
import type { SchemaOutput } from "../schema.ts";
import { unknownOption } from "../options.ts";

/** Where the messages of a subscription begin, when it is first made. */
export type StreamStart = "all" | "new";

/** What is common to subscriptions, whatever the message. */
export interface SubscriptionBasics {
  /** Name of the JetStream stream. It must be there: Baton makes none. */
  readonly stream: string;
  /** Which subjects of the stream, as `orders.*.placed`. Default: all. */
  readonly filter?: string;
  /**
   * Name of the JetStream consumer, which keeps how far the cluster has come: up to 128 of `A-Za-z0-9_-`. Two subscriptions need two. Default
   * `<cluster>-<kind>-<message>`.
   */
  readonly durable?: string;
  /** Where it begins when the consumer is made: with all that the stream has, or with what comes from then on. Default "all". */
  readonly start?: StreamStart;
  /** Tries that a message may fail before it is set aside as a dead letter; from 1 to 1,000. Default 5. */
  readonly tries?: number;
  /** Where dead letters go; a stream of yours may record that. Default `<cluster>.dead.<durable>`. */
  readonly deadLetter?: string;
  /** Messages under way at once in the whole cluster; from 1 to 10,000. Default 256. */
  readonly inFlightMax?: number;
  /**
   * Milliseconds after which JetStream delivers what was under way on a node that has died; until then no new message begins. From 1,000 to
   * 300,000. Default 10,000.
   */
  readonly ackWaitMs?: number;
}

type Tells<M extends Messages> = {
  [K in keyof M]: M[K] extends TellMessage ? K : never;
}[keyof M] &
  string;

/** A subscription as it is declared: to which tell of the contract its messages become, and of which actor. */
export type SubscriptionOptions<C extends Contract> = {
  [M in Tells<C["messages"]>]: SubscriptionBasics & {
    /** The tell that each message becomes: its payload, JSON or CBOR, is the argument. */
    readonly message: M;
    /**
     * The name of the actor. It should say the same for the same message whenever it is asked. What it throws is a failed try.
     *
     * @param data the argument, as the schema of the message gives it
     */
    readonly name: (subject: string, data: SchemaOutput<C["messages"][M]["input"]>) => string;
  };
}[Tells<C["messages"]>];

/** A subscription with its defaults, for any cluster. */
export interface StreamSubscription {
  readonly stream: string;
  readonly filter: string | undefined;
  readonly durable: string | undefined;
  readonly start: StreamStart;
  readonly tries: number;
  readonly deadLetter: string | undefined;
  readonly inFlightMax: number;
  readonly ackWaitMs: number;
  readonly message: string;
  readonly name: (subject: string, data: unknown) => string;
}

/** Subscriptions of one kind. */
export const SUBSCRIPTIONS_MAX = 32;

const STREAM = /^[^\s.*>/\\]{1,255}$/;
const DURABLE = /^[A-Za-z0-9_-]{1,128}$/;
const OPTIONS: readonly string[] = [
  ...["stream", "filter", "durable", "start", "tries", "deadLetter", "inFlightMax", "ackWaitMs"],
  ...["message", "name"],
];
const NUMBERS = [
  ["tries", 5, 1, 1_000],
  ["inFlightMax", 256, 1, 10_000],
  ["ackWaitMs", 10_000, 1_000, 300_000],
] as const;

/** @throws {ConfigurationError} for what cannot be subscribed to */
export function declaredSubscriptions(contract: Contract, given: unknown): readonly StreamSubscription[] {
  if (given === undefined) return [];
  const { kind } = contract;
  if (!Array.isArray(given))
    throw refused(kind, "", `"subscriptions" is ${shown(given)}, and must be a list`);
  if (given.length > SUBSCRIPTIONS_MAX)
    throw refused(kind, "", `there are ${given.length}, and ${SUBSCRIPTIONS_MAX} are the most`);
  const all = given.map((each: unknown, i) => {
    const fault = faultOf(contract, each);
    if (fault !== undefined) throw refused(kind, ` ${i + 1}`, fault);
    return withDefaults(each as Partial<StreamSubscription>);
  });
  const names = all.map(({ durable, message }) => durable ?? message);
  const twice = names.findIndex((name, i) => names.indexOf(name) < i);
  if (twice >= 0)
    throw refused(
      kind,
      ` ${twice + 1}`,
      `it has the same consumer as another one: give each a "durable" of its own`,
    );
  return all;
}

function withDefaults(given: Partial<StreamSubscription>): StreamSubscription {
  const numbers = Object.fromEntries(
    NUMBERS.map(([option, standard]) => [option, given[option] ?? standard]),
  ) as Pick<StreamSubscription, "tries" | "inFlightMax" | "ackWaitMs">;
  const { stream, filter, durable, start = "all", deadLetter, message, name } = given as StreamSubscription;
  return Object.freeze({ stream, filter, durable, start, deadLetter, message, name, ...numbers });
}

/** What is wrong with one, for people; `undefined` if nothing is. */
function faultOf({ messages }: Contract, given: unknown): string | undefined {
  if (typeof given !== "object" || given === null) return `it is ${shown(given)}, and must be an object`;
  const unknown = unknownOption(given, OPTIONS);
  if (unknown !== undefined) return unknown;
  const { stream, filter, durable, start, deadLetter, message, name } = given as Record<string, unknown>;
  if (typeof stream !== "string" || !STREAM.test(stream))
    return `its "stream" is ${shown(stream)}, and must be the name of a stream: no spaces, and none of . * > / \\`;
  if (filter !== undefined && !(typeof filter === "string" && isSubjectFilter(filter)))
    return `its "filter" is ${shown(filter)}, and must be a subject, which may hold * and end with >`;
  if (durable !== undefined && !(typeof durable === "string" && DURABLE.test(durable)))
    return `its "durable" is ${shown(durable)}, and must be up to 128 letters, digits, "_" or "-"`;
  if (start !== undefined && start !== "all" && start !== "new")
    return `its "start" is ${shown(start)}, and must be "all" or "new"`;
  if (deadLetter !== undefined && !(typeof deadLetter === "string" && isPlainSubject(deadLetter)))
    return `its "deadLetter" is ${shown(deadLetter)}, and must be a subject without * and >`;
  if (typeof name !== "function") return `its "name" is ${shown(name)}, and must be a function`;
  const declared =
    typeof message === "string" && Object.hasOwn(messages, message) ? messages[message] : undefined;
  if (declared === undefined)
    return `its "message" is ${shown(message)}, and the contract declares no such message`;
  if (declared.type !== "tell")
    return `its "message" is ${shown(message)}, which the contract declares as ${declared.type}(), and must be a tell()`;
  return numberFault(given as Record<string, unknown>);
}

function numberFault(given: Record<string, unknown>): string | undefined {
  for (const [option, , least, most] of NUMBERS) {
    const value = given[option];
    if (value === undefined) continue;
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
      return `its "${option}" is ${shown(value)}, and must be a whole number from ${least} to ${most}`;
  }
  return undefined;
}

function isPlainSubject(subject: string): boolean {
  return isPublishable(subject) && !subject.startsWith("$");
}

function refused(kind: string, which: string, why: string): ConfigurationError {
  return new ConfigurationError(`Cannot subscribe kind "${kind}" to a stream: subscription${which}: ${why}`);
}

/** A value that somebody has written into their program. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 64));
  return typeof value === "number" || typeof value === "boolean" || value === null
    ? String(value)
    : `of type ${typeof value}`;
}

/** The consumer of a subscription in that cluster. */
export function durableOf(cluster: string, kind: string, { durable, message }: StreamSubscription): string {
  return durable ?? `${cluster}-${kind}-${message}`;
}
