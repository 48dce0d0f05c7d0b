/**
 * The way to one actor for one caller. It outlives the router that it leads through: whoever holds a ref of the node need
 * not know which life the node is in.
 *
 * @module
 */
import type { Caller } from "../actors/activation/activation_host.ts";
import { declaredMessage } from "../actors/argument.ts";
import type { AskMessage, Contract, TellMessage } from "../actors/contract.ts";
import type { CallOptions, Channel } from "../actors/ref.ts";
import { checkName } from "../transport/subjects.ts";
import type { Request } from "./calls/pending_call.ts";
import type { SenderLink } from "./sending/sender_link.ts";

/** What sends requests: the router of one life of a node, or what refuses them while there is none. */
export interface Dispatcher {
  /** The link to an actor's shard; `undefined` as long as none is known. */
  linkTo(kind: string, name: string): SenderLink | undefined;
  /** @param link to its shard, if it was found before */
  send(request: Request, link: SenderLink | undefined): Promise<unknown>;
}

/** Where the present one is found. */
export interface Routing {
  readonly dispatcher: Dispatcher;
}

/** See the module's text. */
export class ActorChannel implements Channel {
  readonly #routing: Routing;
  readonly #contract: Contract;
  readonly #name: string;
  readonly #caller: Caller | undefined;
  /** Whose the link is. */
  #dispatcher: Dispatcher | undefined;
  /** Found once: the shards of a kind never change, and links live as long as their router. */
  #link: SenderLink | undefined;

  /**
   * @param caller the actor that calls; `undefined` if none does
   * @throws {InvalidNameError}
   */
  constructor(routing: Routing, contract: Contract, name: string, caller: Caller | undefined) {
    checkName(name);
    this.#routing = routing;
    this.#contract = contract;
    this.#name = name;
    this.#caller = caller;
  }

  send(
    type: "ask" | "tell",
    message: string,
    argument: unknown,
    options: CallOptions | undefined,
  ): Promise<unknown> {
    let declared: AskMessage | TellMessage;
    try {
      declared = declaredMessage(this.#contract, message);
    } catch (error) {
      return Promise.reject(error);
    }
    const { kind } = this.#contract;
    const name = this.#name;
    const request = { kind, name, type, message, declared, argument, options, caller: this.#caller };
    const { dispatcher } = this.#routing;
    if (dispatcher !== this.#dispatcher) {
      this.#dispatcher = dispatcher;
      this.#link = undefined;
    }
    this.#link ??= dispatcher.linkTo(kind, name);
    return dispatcher.send(request, this.#link);
  }
}
