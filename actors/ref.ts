/**
 * A typed handle on an actor's address. It does no I/O and says nothing about where the actor is.
 *
 * It is a plain object whose methods are the contract's messages; nothing else can be called on it, and it is not a
 * thenable, so `await ref` gives the ref. As a text it is its address, `cart/alice`, and in an argument it travels as one.
 *
 * @module
 */
import { ADDRESS } from "../codec/value.ts";
import { type Accompaniment, type ContextEntries, ContextLayer } from "./caller/context_layer.ts";
import type { Sender } from "./caller/caller.ts";
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

/** What every call of a ref has, made by {@link Ref.with}. */
export interface RefOptions {
  /**
   * Goes along with each message, and with those that its handler sends while it handles it: `this.caller` shows it there.
   * Laid over the context that the call would have anyway; an entry that is `undefined` is taken out. At most 16 entries
   * and 1,024 bytes in all, keys of `a-z`, digits, ".", "_" and "-".
   */
  readonly context: ContextEntries;
}

/** The parameters of a ref's method: an argument that may be `undefined` can be left out. */
export type CallParameters<Argument> = undefined extends Argument
  ? [argument?: Argument, options?: CallOptions]
  : [argument: Argument, options?: CallOptions];

/** A typed reference: one method for each message of contract `C`. */
export type Ref<C extends Contract> = {
  readonly [M in keyof C["messages"]]: (...call: CallParameters<ArgumentOf<C, M>>) => Promise<ResultOf<C, M>>;
} & {
  /**
   * The same actor, with a context on each call. This ref stays as it is.
   *
   * @throws {InvalidArgumentError} for a context that cannot be sent
   */
  with(options: RefOptions): Ref<C>;
};

/** What stands beside the options that a caller has given. */
export const HEADERS: unique symbol = Symbol("headers");
/** For whom a gateway calls, or a test. */
export const SENDER: unique symbol = Symbol("sender");

/** The options of one call, as they reach a {@link Channel}. */
export interface SendOptions extends CallOptions {
  readonly [HEADERS]?: Accompaniment;
}

/** The options of a ref by which somebody calls for others. */
export interface SenderOptions extends RefOptions {
  readonly [SENDER]?: Sender;
}

/** The way to one actor, as the layer above provides it. */
export interface Channel {
  send(
    type: "ask" | "tell",
    message: string,
    argument: unknown,
    options: SendOptions | undefined,
  ): Promise<unknown>;
}

type RefClass = new (name: string, channel: Channel, context?: ContextLayer) => object;

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
    readonly #context: ContextLayer | undefined;
    constructor(name: string, channel: Channel, context?: ContextLayer) {
      this.#name = name;
      this.#channel = channel;
      this.#context = context;
    }
    with({ context, [SENDER]: sender }: SenderOptions): ActorRef {
      return new ActorRef(this.#name, this.#channel, ContextLayer.of(context, this.#context, sender));
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
        const given = this.#context === undefined ? options : { ...options, [HEADERS]: this.#context };
        return this.#channel.send(type, message, argument, given);
      };
    }
  }
  for (const [message, { type }] of Object.entries(contract.messages)) {
    const value = ActorRef.method(type, message);
    Object.defineProperty(ActorRef.prototype, message, { value, enumerable: true });
  }
  return ActorRef;
}
