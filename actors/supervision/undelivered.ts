/**
 * What a class is told of the mail that is left when an actor is stopped because it has failed too often.
 *
 * @module
 */
import type { ErrorData } from "../../errors.ts";
import type { Caller } from "../caller/caller.ts";
import type { Contract, InputOf } from "../contract.ts";
import type { StopError } from "./failures.ts";

/** One message that was admitted and will not be handled. Whoever has asked hears `actor-stopped`. */
export type UndeliveredMessage<C extends Contract> = {
  readonly [M in keyof C["messages"] & string]: {
    readonly message: M;
    readonly type: "ask" | "tell";
    /** Validated, as its handler would have got it. */
    readonly argument: InputOf<C, M>;
    readonly caller: Caller;
  };
}[keyof C["messages"] & string];

/** What a class is told of an actor that is stopped: see {@link ActorClass.onUndelivered}. */
export interface Undelivered<C extends Contract> {
  /** Of the actor. */
  readonly name: string;
  /** What its messages end with: `actor-stopped`. */
  readonly error: ErrorData;
  /** What it failed with, the time that was one too many. */
  readonly failure: StopError | undefined;
  /** In the order in which they came; no more than the mailbox holds. */
  readonly messages: readonly UndeliveredMessage<C>[];
}
