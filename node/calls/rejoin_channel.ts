/**
 * The way to an actor for those who hold a ref of the node: it says nothing about the node's life, and leads through
 * whichever the node has.
 *
 * @module
 */
import type { Contract } from "../../actors/contract.ts";
import type { CallOptions, Channel } from "../../actors/ref.ts";
import type { ToldOf } from "../../actors/tell_promise.ts";
import type { Router } from "../../delivery/router.ts";
import { checkName } from "../../transport/subjects.ts";

/** Where the node's present router is found. */
export interface Routing {
  /** `undefined` between two lives, and after the last. */
  readonly router: Router | undefined;
  /** The end of a call when there is none. */
  refused(type: "ask" | "tell", of: ToldOf): Promise<unknown>;
}

/** See the module's text. */
export class RejoinChannel implements Channel {
  readonly #routing: Routing;
  readonly #contract: Contract;
  readonly #name: string;
  #router: Router | undefined;
  #channel: Channel | undefined;

  /** @throws {InvalidNameError} */
  constructor(routing: Routing, contract: Contract, name: string) {
    checkName(name);
    this.#routing = routing;
    this.#contract = contract;
    this.#name = name;
  }

  send(
    type: "ask" | "tell",
    message: string,
    argument: unknown,
    options: CallOptions | undefined,
  ): Promise<unknown> {
    const { router } = this.#routing;
    if (router !== this.#router) {
      this.#router = router;
      this.#channel = router?.open(this.#contract, this.#name, undefined);
    }
    if (this.#channel === undefined) {
      const { kind } = this.#contract;
      return this.#routing.refused(type, { kind, name: this.#name, message });
    }
    return this.#channel.send(type, message, argument, options);
  }
}
