/**
 * Errors that a message declares, as its callers see them.
 *
 * @module
 */
import { DeclaredError, isActorError } from "../errors.ts";
import type { Contract, ErrorsOf } from "./contract.ts";
import type { Schema, SchemaOutput } from "./schema.ts";

/** One of the errors that message `M` of contract `C` declares: `code` tells which, and with it the type of `data`. */
export type DeclaredErrorOf<C extends Contract, M extends keyof C["messages"]> = {
  [Code in keyof ErrorsOf<C, M> & string]: DeclaredError<
    Code,
    ErrorsOf<C, M>[Code] extends { readonly data: infer D extends Schema } ? SchemaOutput<D> : never
  >;
}[keyof ErrorsOf<C, M> & string];

/**
 * What an ask was rejected with, typed, if it is an error that the message declares; `undefined` for anything else.
 *
 * @example
 * import { ask, declaredError, defineActor, startNode } from "@baton/actors";
 * import { z } from "zod";
 *
 * const Account = defineActor("account", {
 *   state: z.strictObject({ balance: z.number() }),
 *   stateVersion: 1,
 *   messages: {
 *     withdraw: ask(z.number(), z.number(), { errors: { "no-money": z.object({ missing: z.number() }) } }),
 *   },
 * });
 *
 * await using node = await startNode({ name: "a" });
 * try {
 *   await node.ref(Account, "alice").withdraw(5);
 * } catch (error) {
 *   const refusal = declaredError(Account, "withdraw", error);
 *   if (refusal === undefined) throw error;
 *   console.log(refusal.code, refusal.data.missing);
 * }
 */
export function declaredError<C extends Contract, M extends keyof C["messages"] & string>(
  contract: C,
  message: M,
  thrown: unknown,
): DeclaredErrorOf<C, M> | undefined {
  if (!isActorError(thrown) || !(thrown instanceof DeclaredError)) return undefined;
  const declared = contract.messages[message];
  const isOne = declared?.type === "ask" && Object.hasOwn(declared.errors, thrown.code);
  return isOne ? (thrown as DeclaredErrorOf<C, M>) : undefined;
}
