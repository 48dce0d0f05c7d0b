/**
 * The way to one actor for one caller. It outlives the router that it leads through: whoever holds a ref of the node need
 * not know which life the node is in.
 *
 * @module
 */
import type { CallingActor } from "../actors/activation/activation_host.ts";
import { declaredMessage } from "../actors/argument.ts";
import type { AskMessage, Contract, TellMessage } from "../actors/contract.ts";
import { type Channel, HEADERS, type SendOptions } from "../actors/ref.ts";
import type { HeaderMap } from "../codec/header_map.ts";
import { checkName } from "../transport/subjects.ts";
import type { Request } from "./calls/pending_call.ts";
import type { SenderLink } from "./sending/sender_link.ts";

/** A request that is not sent. */
export type RefusedRequest = Pick<Request, "kind" | "name" | "type" | "message">;

/** What sends requests: the router of one life of a node, or what refuses them while there is none. */
export interface Dispatcher {
  /** The link to an actor's shard; `undefined` as long as none is known. */
  linkTo(kind: string, name: string): SenderLink | undefined;
  /** @param link to its shard, if it was found before */
  send(request: Request, link: SenderLink | undefined): Promise<unknown>;
  /** The end of one that cannot be sent. */
  refuse(request: RefusedRequest, error: unknown): Promise<unknown>;
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
  readonly #caller: CallingActor | undefined;
  /** Whose the link is. */
  #dispatcher: Dispatcher | undefined;
  /** Found once: the shards of a kind never change, and links live as long as their router. */
  #link: SenderLink | undefined;

  /**
   * @param caller the actor that calls; `undefined` if none does
   * @throws {InvalidNameError}
   */
  constructor(routing: Routing, contract: Contract, name: string, caller: CallingActor | undefined) {
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
    options: SendOptions | undefined,
  ): Promise<unknown> {
    const { kind } = this.#contract;
    const name = this.#name;
    const { dispatcher } = this.#routing;
    let declared: AskMessage | TellMessage;
    let headers: HeaderMap | undefined;
    try {
      declared = declaredMessage(this.#contract, message);
      headers = this.#headers(type, options);
    } catch (error) {
      return dispatcher.refuse({ kind, name, type, message }, error);
    }
    const request = { kind, name, type, message, declared, argument, options, caller: this.#caller, headers };
    if (dispatcher !== this.#dispatcher) {
      this.#dispatcher = dispatcher;
      this.#link = undefined;
    }
    this.#link ??= dispatcher.linkTo(kind, name);
    return dispatcher.send(request, this.#link);
  }

  /** As they are now: when it goes out, something else may be handled. */
  #headers(type: "ask" | "tell", options: SendOptions | undefined): HeaderMap | undefined {
    const caller = this.#caller;
    const headers = caller && (type === "ask" ? caller.askHeaders : caller.tellHeaders);
    const given = options?.[HEADERS];
    return given === undefined ? headers : given.over(headers);
  }
}
