/**
 * Callers as a test wants them.
 *
 * @module
 */
import type { Sender } from "../actors/caller/caller.ts";
import type { Contract } from "../actors/contract.ts";
import { type Address, type Ref, SENDER, type SenderOptions } from "../actors/ref.ts";

/**
 * A ref whose messages come from that actor, or from a client outside, as far as `this.caller` of their handler tells. A context is
 * given by `with`, as always.
 *
 * @example
 * const cart = calledBy(node.ref(Cart, "alice"), { kind: "checkout", name: "7" }).with({ context: { tenant: "acme" } });
 * await cart.add({ sku: "tea" }); // this.caller: via "actor", kind "checkout", name "7"
 */
export function calledBy<C extends Contract>(ref: Ref<C>, by: Address | "door" | "http"): Ref<C> {
  const sender: Sender = typeof by === "string" ? by : `${by.kind}/${by.name}`;
  const options: SenderOptions = { context: {}, [SENDER]: sender };
  return ref.with(options);
}
