/**
 * Pairs a contract with the class that behaves, and keeps the table of what is reachable: nothing outside that table
 * can be called from the wire.
 *
 * @module
 */
import { ConfigurationError } from "../errors.ts";
import type { Actor } from "./actor.ts";
import type { AskMessage, Contract, HandlersOf, StateOf, TellMessage } from "./contract.ts";

/** A class that can be hosted under contract `C`. A missing or mistyped handler does not compile. */
export interface ActorClass<C extends Contract> {
  new (): Actor<C> & HandlersOf<C>;
  /** The state of an actor that has none yet. */
  initialState(name: string): StateOf<C>;
  /** Turns a state of an older version into one of the contract's. Required once `stateVersion` is above 1. */
  upgrade?(fromVersion: number, old: unknown): StateOf<C>;
}

/** A handler as the dispatch table holds it. */
export type Handler = (this: unknown, input: unknown) => unknown;

/** A declared message together with its handler. */
export interface HostedMessage {
  readonly name: string;
  readonly declared: AskMessage | TellMessage;
  readonly handler: Handler;
}

/** A contract and its class, ready to be given to a node. Made by {@link host}. */
export interface Hosted {
  readonly contract: Contract;
  readonly messages: ReadonlyMap<string, HostedMessage>;
  create(): Actor<Contract>;
  initialState(name: string): unknown;
  upgrade(fromVersion: number, old: unknown): unknown;
}

/**
 * Pairs a contract with its class.
 *
 * @throws {ConfigurationError} if a handler is missing at run time, or `upgrade` is missing with a `stateVersion` above 1
 */
export function host<C extends Contract>(contract: C, actorClass: ActorClass<C>): Hosted {
  const messages = new Map<string, HostedMessage>();
  for (const [name, declared] of Object.entries(contract.messages)) {
    const handler: unknown = Reflect.get(actorClass.prototype as object, name);
    if (typeof handler !== "function") throw lacking(contract, `a handler "${name}"`);
    messages.set(name, { name, declared, handler: handler as Handler });
  }
  if (typeof actorClass.initialState !== "function") throw lacking(contract, "static initialState()");
  if (contract.stateVersion > 1 && typeof actorClass.upgrade !== "function")
    throw lacking(contract, "static upgrade()");
  return {
    contract,
    messages,
    create: () => new actorClass() as unknown as Actor<Contract>,
    initialState: (name) => actorClass.initialState(name),
    upgrade: (fromVersion, old) => actorClass.upgrade?.(fromVersion, old),
  };
}

function lacking(contract: Contract, what: string): ConfigurationError {
  return new ConfigurationError(`Cannot host kind "${contract.kind}": current class lacks ${what}`);
}

/** Everything a node hosts, by kind. @throws {ConfigurationError} if a kind is given twice */
export function hostTable(hosts: readonly Hosted[]): ReadonlyMap<string, Hosted> {
  const table = new Map<string, Hosted>();
  for (const hosted of hosts) {
    const { kind } = hosted.contract;
    if (table.has(kind))
      throw new ConfigurationError(`Cannot host kind "${kind}" twice: current hosts hold it already`);
    table.set(kind, hosted);
  }
  return table;
}
