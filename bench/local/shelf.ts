// An actor with a large state of small items, of which each ask changes one; and the same in a ring mailbox.
import { z } from "zod";
import { Actor, ask, defineActor, type HandlersOf, type Hosted, host } from "../../mod.ts";
import { type Checks, CheckedActor } from "./floor.ts";
import { type BareStub, bareStub } from "./ring_mailbox.ts";

/** Items of the state. */
export const ITEMS = 1_000;

interface Item {
  id: string;
  stock: number;
}

/** `take` is told which item. */
export const Shelf = defineActor("shelf", {
  state: z.strictObject({ items: z.array(z.strictObject({ id: z.string(), stock: z.number().int() })) }),
  stateVersion: 1,
  messages: { take: ask(z.number().int(), z.number().int()) },
});

function filled(): { items: Item[] } {
  return { items: Array.from({ length: ITEMS }, (_, i) => ({ id: `item-${i}`, stock: 0 })) };
}

function take({ items }: { readonly items: readonly Item[] }, at: number): number {
  const item = items[at % ITEMS] as Item;
  return --item.stock;
}

/** The actor, as a user writes it. */
export function shelfHost(): Hosted {
  return host(
    Shelf,
    class ShelfActor extends Actor<typeof Shelf> implements HandlersOf<typeof Shelf> {
      static initialState(): { items: Item[] } {
        return filled();
      }
      take(at: number): number {
        return take(this.state, at);
      }
    },
  );
}

/** The same without a framework. */
export function bareShelf(): BareStub<"take", never> {
  const state = filled();
  return bareStub({ take: (at: number) => take(state, at) }, ["take"], []);
}

class CheckedShelf extends CheckedActor {
  readonly #state = filled();

  take(at: unknown): unknown {
    const stock = take(this.#state, this.valid(at) as number);
    this.settle(this.#state);
    return this.answer(stock);
  }
}

/** The same with checks and copies. */
export function floorShelf(): BareStub<"take", never> {
  const checks: Checks = { ...Shelf.messages.take, state: Shelf.state };
  const stub = bareStub(new CheckedShelf(checks), ["take"], []);
  return { take: (argument) => stub.take(CheckedActor.sent(argument)) };
}
