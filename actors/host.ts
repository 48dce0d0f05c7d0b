/**
 * Pairs a contract with the class that behaves, and keeps the table of what is reachable: nothing outside that table
 * can be called from the wire.
 *
 * @module
 */
import { ConfigurationError, wordsOf } from "../errors.ts";
import { Actor } from "./actor.ts";
import { Check } from "./check.ts";
import {
  type AskMessage,
  checkIsContract,
  type Contract,
  type HandlersOf,
  type StateOf,
  type TellMessage,
} from "./contract.ts";
import type { Undelivered } from "./supervision/undelivered.ts";
import { type KeepOption, keptNames, type KeptNames } from "./supervision/keep.ts";
import {
  declaredSubscriptions,
  type StreamSubscription,
  type SubscriptionOptions,
} from "./subscription/declared.ts";
import { unknownOption } from "./options.ts";

/** A class that can be hosted under contract `C`. A missing or mistyped handler does not compile. */
export interface ActorClass<C extends Contract> {
  new (): Actor<C> & HandlersOf<C>;
  /** The state of an actor that has none yet. */
  initialState(name: string): StateOf<C>;
  /** Turns a state of an older version into one of the contract's. Required once `stateVersion` is above 1. */
  upgrade?(fromVersion: number, old: unknown): StateOf<C>;
  /**
   * Told what is left of an actor's mail when it is stopped because it has failed too often: once, on the node that has the actor then, or
   * not at all if that is lost. It has no instance any more, so this is static. What it throws is told by `handler-failed`.
   */
  onUndelivered?(undelivered: Undelivered<C>): void | Promise<void>;
}

/** A handler as the dispatch table holds it. */
export type Handler = (this: unknown, input: unknown) => unknown;

/** A declared message together with its handler. */
export interface HostedMessage {
  readonly name: string;
  readonly declared: AskMessage | TellMessage;
  readonly input: Check;
  /** Of an ask. */
  readonly output: Check | undefined;
  /** Whether its handler may only read the state. */
  readonly isReadonly: boolean;
  readonly handler: Handler;
}

/** A contract and what behaves under it, ready to be given to a node that has an environment `Env`. Made by {@link host}. */
export interface Hosted<Env = unknown> {
  readonly contract: Contract;
  /**
   * As a node hosts it: with its environment.
   * @throws {ConfigurationError} if something is missing that can only be seen now
   */
  readonly register: (env: Env) => Registration;
}

/** What a node hosts under one contract. */
export interface Registration {
  readonly contract: Contract;
  readonly state: Check;
  readonly messages: ReadonlyMap<string, HostedMessage>;
  /** `undefined` if its actors have no metadata. */
  readonly meta: Check | undefined;
  /** Those that are kept alive; `undefined` if none are. */
  readonly keep: KeptNames | undefined;
  /** Streams whose messages become tells. */
  readonly subscriptions: readonly StreamSubscription[];
  create(): Actor<Contract>;
  initialState(name: string): unknown;
  upgrade(fromVersion: number, old: unknown): unknown;
  /** `undefined` if its class does not want to know. */
  readonly onUndelivered: ((undelivered: Undelivered<Contract>) => void | Promise<void>) | undefined;
}

type HostedMore = Pick<Registration, "keep" | "subscriptions">;

/** What a node does with a kind beside hosting it. */
export interface HostOptions<C extends Contract = Contract> {
  /**
   * Actors that are kept alive: the node that owns one lets it begin without a message, and again after whatever ends it, and it does
   * not sleep. Give the same on all nodes; the owner goes by its own. Default: none.
   */
  readonly keep?: KeepOption;
  /**
   * Streams outside whose messages become tells to its actors, 32 at most: of the nodes that host the kind one reads each. Give the same on all of
   * them; the one that reads goes by its own. Needs a transport that has streams, as `natsTransport`. Default: none.
   */
  readonly subscriptions?: readonly SubscriptionOptions<C>[];
}

/** Makes an instance for each activation, from what the node was given as `env`: databases, clients, settings. */
export type ActorFactory<C extends Contract, Env> = (env: Env) => Actor<C> & HandlersOf<C>;

/**
 * Pairs a contract with its class, or with a function that makes an instance from the node's environment.
 *
 * The function is called once when the node starts, to see which class it makes, and then once for each activation. The static
 * members of that class are used, `initialState` and `upgrade`, as if the class had been given.
 *
 * @throws {ConfigurationError} if a handler is missing at run time, or `upgrade` is missing with a `stateVersion` above 1; of a
 * function, `startNode` throws that. And for actors that cannot be kept alive
 * @example
 * import { Actor, ask, defineActor, host, startNode } from "@baton/actors";
 * import { z } from "zod";
 *
 * const Price = defineActor("price", {
 *   state: z.strictObject({}),
 *   stateVersion: 1,
 *   messages: { of: ask(z.string(), z.number()) },
 * });
 *
 * class PriceActor extends Actor<typeof Price> {
 *   readonly #prices: ReadonlyMap<string, number>;
 *   static initialState() {
 *     return {};
 *   }
 *   constructor(prices: ReadonlyMap<string, number>) {
 *     super();
 *     this.#prices = prices;
 *   }
 *   of(article: string) {
 *     return this.#prices.get(article) ?? 0;
 *   }
 * }
 *
 * const env = { prices: new Map([["tea", 3]]) };
 * const hosts = [host(Price, ({ prices }: typeof env) => new PriceActor(prices))];
 * await using node = await startNode({ name: "a", hosts, env });
 * console.log(await node.ref(Price, "today").of("tea"));
 */
export function host<C extends Contract>(
  contract: C,
  actorClass: ActorClass<C>,
  options?: HostOptions<C>,
): Hosted;
export function host<C extends Contract, Env>(
  contract: C,
  factory: ActorFactory<C, Env>,
  options?: HostOptions<C>,
): Hosted<Env>;
export function host<C extends Contract>(
  contract: C,
  behaviour: ActorClass<C> | ActorFactory<C, unknown>,
  options: HostOptions<C> = {},
): Hosted {
  checkIsContract("host a kind", contract);
  if (typeof behaviour !== "function")
    throw new ConfigurationError(
      `Cannot host kind "${contract.kind}": neither a class nor a function that makes its actors was given`,
    );
  const more = optionsOf(contract, options);
  if (isActorClass(behaviour)) {
    const registration = registered(contract, behaviour, () => new behaviour(), more);
    return { contract, register: () => registration };
  }
  return {
    contract,
    register: (env) => registered(contract, madeClass(contract, behaviour, env), () => behaviour(env), more),
  };
}

const HOST_OPTIONS: readonly string[] = ["keep", "subscriptions"];

function optionsOf<C extends Contract>(contract: C, options: HostOptions<C>): HostedMore {
  const fault = unknownOption(options, HOST_OPTIONS, "host()");
  if (fault !== undefined) throw new ConfigurationError(`Cannot host kind "${contract.kind}": ${fault}`);
  const { keep, subscriptions } = options;
  return {
    keep: keep === undefined ? undefined : keptNames(contract, keep),
    subscriptions: declaredSubscriptions(contract, subscriptions),
  };
}

function isActorClass<C extends Contract>(
  behaviour: ActorClass<C> | ActorFactory<C, unknown>,
): behaviour is ActorClass<C> {
  return behaviour.prototype instanceof Actor;
}

/** The class of what a factory makes. */
function madeClass<C extends Contract>(
  contract: C,
  factory: ActorFactory<C, unknown>,
  env: unknown,
): ActorClass<C> {
  const { kind } = contract;
  if (factory.length > 0 && env === undefined)
    throw new ConfigurationError(
      `Cannot host kind "${kind}": its actors are made from an environment, and startNode was given no \`env\``,
    );
  let made: unknown;
  try {
    made = factory(env);
  } catch (cause) {
    const words = wordsOf(cause, "something that is no error");
    throw new ConfigurationError(
      `Cannot host kind "${kind}": the function that makes its actors threw: ${words}`,
      {
        cause,
      },
    );
  }
  if (made instanceof Actor) return made.constructor as ActorClass<C>;
  throw new ConfigurationError(
    `Cannot host kind "${kind}": the function that makes its actors returned no instance of a class that extends Actor`,
  );
}

function registered<C extends Contract>(
  contract: C,
  actorClass: ActorClass<C>,
  create: () => unknown,
  more: HostedMore,
): Registration {
  const messages = new Map<string, HostedMessage>();
  for (const [name, declared] of Object.entries(contract.messages)) {
    const handler: unknown = Reflect.get(actorClass.prototype as object, name);
    if (typeof handler !== "function") throw lacking(contract, `a handler "${name}"`);
    const input = new Check(declared.input);
    const output = declared.type === "ask" ? new Check(declared.output) : undefined;
    const isReadonly = declared.type === "ask" && declared.readonly;
    messages.set(name, { name, declared, input, output, isReadonly, handler: handler as Handler });
  }
  if (typeof actorClass.initialState !== "function") throw lacking(contract, "static initialState()");
  if (contract.stateVersion > 1 && typeof actorClass.upgrade !== "function")
    throw lacking(contract, "static upgrade()");
  return {
    contract,
    state: new Check(contract.state, { anyOrder: true }),
    messages,
    meta: contract.meta && new Check(contract.meta),
    ...more,
    create: create as () => Actor<Contract>,
    initialState: (name) => actorClass.initialState(name),
    upgrade: (fromVersion, old) => actorClass.upgrade?.(fromVersion, old),
    onUndelivered:
      actorClass.onUndelivered &&
      ((undelivered) => actorClass.onUndelivered?.(undelivered as unknown as Undelivered<C>)),
  };
}

function lacking(contract: Contract, what: string): ConfigurationError {
  return new ConfigurationError(`Cannot host kind "${contract.kind}": its class lacks ${what}`);
}

/** @throws {ConfigurationError} for what is no list of what `host()` makes */
export function checkHosts(hosts: readonly Partial<Hosted<never>>[]): void {
  if (Array.isArray(hosts) && hosts.every((hosted) => typeof hosted?.register === "function")) return;
  throw new ConfigurationError(
    "Cannot host what host() has not made: give a list, as in `[host(Cart, CartActor)]`",
  );
}

/** Everything a node hosts, by kind. @throws {ConfigurationError} if a kind is given twice, or cannot be registered */
export function hostTable<Env>(hosts: readonly Hosted<Env>[], env: Env): Map<string, Registration> {
  const table = new Map<string, Registration>();
  checkHosts(hosts);
  for (const hosted of hosts) {
    const { kind } = hosted.contract;
    if (table.has(kind))
      throw new ConfigurationError(`Cannot host kind "${kind}" twice: it is in \`hosts\` already`);
    table.set(kind, hosted.register(env));
  }
  return table;
}
