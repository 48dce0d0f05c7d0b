/**
 * What goes along with the messages that an actor sends: the context of the message that it handles, and with a tell also from
 * whom it comes. The chain of an ask tells that already.
 *
 * @module
 */
import { HeaderMap } from "../../codec/header_map.ts";
import { FROM, isWord } from "./caller.ts";

/** See the module's text. One for each activation, made when it is needed. */
export class ActorHeaders {
  readonly #address: string;
  /** Of a tell without a context. */
  readonly #bare: HeaderMap | undefined;
  #of: HeaderMap | undefined;
  #asks: HeaderMap | undefined;
  #tells: HeaderMap | undefined;

  constructor(address: string) {
    this.#address = address;
    this.#bare = HeaderMap.of([[FROM, address]]);
  }

  /** @param handled headers of the message that is handled. */
  ofAsks(handled: HeaderMap | undefined): HeaderMap | undefined {
    if (handled === undefined) return undefined;
    this.#follow(handled);
    return this.#asks;
  }

  ofTells(handled: HeaderMap | undefined): HeaderMap | undefined {
    if (handled === undefined) return this.#bare;
    this.#follow(handled);
    return this.#tells;
  }

  #follow(handled: HeaderMap): void {
    if (handled === this.#of) return;
    const context = [...handled].filter(([key]) => !isWord(key));
    this.#asks = HeaderMap.of(context);
    this.#tells = context.length === 0 ? this.#bare : HeaderMap.of([...context, [FROM, this.#address]]);
    this.#of = handled;
  }
}
