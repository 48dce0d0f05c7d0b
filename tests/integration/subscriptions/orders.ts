// Actors for tests of subscriptions: carts, in memory and stored, which write down what a stream gives them.
import { z } from "zod";
import {
  Actor,
  ask,
  type ContractOptions,
  defineActor,
  type HandlersOf,
  type Hosted,
  host,
  type SubscriptionOptions,
  tell,
} from "../../../mod.ts";

export const Order = z.object({ cart: z.string(), n: z.number().int(), fails: z.string().optional() });
export type Order = z.infer<typeof Order>;

const state = z.strictObject({ had: z.array(z.number().int()), via: z.array(z.string()) });
const messages = {
  add: tell(Order),
  had: ask(z.undefined(), z.array(z.number().int())),
  via: ask(z.undefined(), z.array(z.string())),
};
type Options = Partial<ContractOptions<typeof state, typeof messages>>;

export type CartContract = typeof Cart;
function cart<const K extends string>(kind: K, options: Options = {}) {
  return defineActor(kind, { state, stateVersion: 1, shards: 8, messages, ...options });
}

export const Cart = cart("cart");
export const Basket = cart("basket", { durability: "stored" }) as unknown as CartContract;

/** What a test does when a handler runs; what it throws the handler throws. */
export type OnAdd = (order: Order, name: string) => void | Promise<void>;

export function hostCart(
  contract: CartContract,
  given: Partial<SubscriptionOptions<CartContract>>,
  onAdd: OnAdd = () => {},
): Hosted {
  class CartActor extends Actor<CartContract> implements HandlersOf<CartContract> {
    static initialState() {
      return { had: [], via: [] };
    }
    async add(order: Order): Promise<void> {
      const wait = onAdd(order, this.name);
      if (wait) await wait;
      this.state.had.push(order.n);
      this.state.via.push(this.caller?.via ?? "");
      if (order.fails !== undefined) throw new Error(order.fails);
    }
    had(): number[] {
      return this.state.had;
    }
    via(): string[] {
      return this.state.via;
    }
  }
  const all: SubscriptionOptions<CartContract> = {
    ...{ stream: "ORDERS", filter: "orders.>", message: "add" as const },
    name: (_: string, { cart }: Order) => cart,
    ...given,
  };
  return host(contract, CartActor, { subscriptions: [all] });
}
