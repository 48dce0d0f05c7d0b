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

/** The same in its next version: the state says how often it was upgraded. */
const NextLedger = defineActor("ledger", {
  ...Ledger,
  state: Book.extend({ filler: z.string(), upgrades: z.number().int() }),
  stateVersion: 2,
});

export function nextLedgerHost(): Hosted {
  return host(
    NextLedger,
    class NextLedgerActor extends Actor<typeof NextLedger> implements HandlersOf<typeof NextLedger> {
      static initialState() {
        return { next: 0, handled: 0, doubled: 0, filler: FILLER, upgrades: 0 };
      }
      static upgrade(_fromVersion: number, old: unknown) {
        return { ...(old as Book & { filler: string }), upgrades: 1 };
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
