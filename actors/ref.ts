/**
 * A typed handle on an actor's address. It does no I/O and says nothing about where the actor is.
 *
 * It is a plain object whose methods are the contract's messages; nothing else can be called on it, and it is not a
 * thenable, so `await ref` gives the ref. As a text it is its address, `cart/alice`, and in an argument it travels as one.
 *
 * @module
 */
import { ADDRESS } from "../codec/value.ts";
import type { ArgumentOf, Contract, ResultOf } from "./contract.ts";

/** Where an actor is found: plain data, to be kept in a state or sent to others. `ref(contract, address)` makes a ref of it. */
export interface Address<Kind extends string = string> {
  readonly kind: Kind;
  readonly name: string;
}

/** Settings of one call. */
export interface CallOptions {
  /**
   * Milliseconds after which an answer is worthless: the call ends by then, with the error that is true. Default 5,000. An
   * ask of a handler has at most the time that is left to the message being handled.
   */
  readonly timeoutMs?: number;
  /** An ask of a handler goes on although nobody may wait for that handler any more: it has all of `timeoutMs`. */
  readonly detached?: boolean;
  /** Ends the call early, with `AbortedError` if it was not sent and `OutcomeUnknownError` if it was. */
  readonly signal?: AbortSignal;
}

/** The parameters of a ref's method: an argument that may be `undefined` can be left out. */
export type CallParameters<Argument> = undefined extends Argument
  ? [argument?: Argument, options?: CallOptions]
  : [argument: Argument, options?: CallOptions];

/** A typed reference: one method for each message of contract `C`. */
export type Ref<C extends Contract> = {
  readonly [M in keyof C["messages"]]: (...call: CallParameters<ArgumentOf<C, M>>) => Promise<ResultOf<C, M>>;
};

/** The way to one actor, as the layer above provides it. */
export interface Channel {
  send(
    type: "ask" | "tell",
    message: string,
    argument: unknown,
    options: CallOptions | undefined,
  ): Promise<unknown>;
}

type RefClass = new (name: string, channel: Channel) => object;

/** Makes refs; it builds the methods of each contract once. */
export class RefFactory {
  readonly #classes = new Map<Contract, RefClass>();

  create<C extends Contract>(contract: C, name: string, channel: Channel): Ref<C> {
    let of = this.#classes.get(contract);
    if (of === undefined) {
      of = refClass(contract);
      this.#classes.set(contract, of);
    }
    return new of(name, channel) as Ref<C>;
  }
}

/** How Bun and Node, and how Deno, ask an object how it is to be shown. */
const INSPECT = Symbol.for("nodejs.util.inspect.custom");
const DENO_INSPECT = Symbol.for("Deno.customInspect");

function refClass(contract: Contract): RefClass {
  class ActorRef {
    readonly #name: string;
    readonly #channel: Channel;
    constructor(name: string, channel: Channel) {
      this.#name = name;
      this.#channel = channel;
    }
    get [ADDRESS](): Address {
      return { kind: contract.kind, name: this.#name };
    }
    toString(): string {
      return `${contract.kind}/${this.#name}`;
    }
    toJSON(): Address {
      return this[ADDRESS];
    }
    [INSPECT](): string {
      return `Ref(${this.toString()})`;
    }
    [DENO_INSPECT](): string {
      return this[INSPECT]();
    }
    static method(type: "ask" | "tell", message: string): unknown {
      return function (this: ActorRef, argument: unknown, options?: CallOptions): Promise<unknown> {
        return this.#channel.send(type, message, argument, options);
      };
    }
  }
  for (const [message, { type }] of Object.entries(contract.messages)) {
    const value = ActorRef.method(type, message);
    Object.defineProperty(ActorRef.prototype, message, { value, enumerable: true });
  }
  return ActorRef;
}
