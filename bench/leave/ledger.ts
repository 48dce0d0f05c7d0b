// The actor of the leave: a kilobyte of state, and a book of the numbers that it was sent.
import { z } from "zod";
import { Actor, ask, defineActor, type HandlersOf, type Hosted, host, tell } from "../../mod.ts";

const FILLER = "x".repeat(960);

const Book = z.strictObject({
  /** The number that should come next. */
  next: z.number().int(),
  handled: z.number().int(),
  /** Numbers that came again, or too late. */
  doubled: z.number().int(),
});
export type Book = z.infer<typeof Book>;

/** Its messages carry numbers that rise by one with each message to the actor, asks and tells alike. */
export const Ledger = defineActor("ledger", {
  state: Book.extend({ filler: z.string() }),
  stateVersion: 1,
  messages: {
    ask: ask(z.number().int(), z.number().int()),
    tell: tell(z.number().int()),
    read: ask(z.undefined(), Book),
  },
});

export function ledgerHost(): Hosted {
  return host(
    Ledger,
    class LedgerActor extends Actor<typeof Ledger> implements HandlersOf<typeof Ledger> {
      static initialState(): Book & { filler: string } {
        return { next: 0, handled: 0, doubled: 0, filler: FILLER };
      }
      ask(number: number): number {
        enter(this.state, number);
        return number;
      }
      tell(number: number): void {
        enter(this.state, number);
      }
      read(): Book {
        const { next, handled, doubled } = this.state;
        return { next, handled, doubled };
      }
    },
  );
}

/** Writes a number into the book. */
export function enter(book: Book, number: number): void {
  if (number < book.next) {
    book.doubled++;
    return;
  }
  book.handled++;
  book.next = number + 1;
}
