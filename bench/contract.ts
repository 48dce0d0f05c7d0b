// The actor that is measured, and a plain class that does the same for the reference.
import { z } from "zod";
import { Actor, ask, defineActor, type HandlersOf, type Hosted, host, tell } from "../mod.ts";

/** `add` and `note` change the state, which is then checked; `echo` and `hint` do not touch it. */
export const Counter = defineActor("counter", {
  state: z.strictObject({ count: z.number().int() }),
  stateVersion: 1,
  messages: {
    add: ask(z.number().int(), z.number().int()),
    echo: ask(z.number().int(), z.number().int()),
    note: tell(z.number().int()),
    hint: tell(z.number().int()),
  },
});

/** Counts handled tells, outside of every actor: what waits for a number of them is called back. */
export class Tally {
  count = 0;
  #at = Infinity;
  #reached: () => void = () => {};

  add(): void {
    if (++this.count === this.#at) this.#reached();
  }

  /** Resolves when as many have been handled since the start. */
  reaches(count: number): Promise<void> {
    if (this.count >= count) return Promise.resolve();
    return new Promise((resolve) => {
      this.#at = count;
      this.#reached = resolve;
    });
  }
}

/** The actor, as a user writes it. */
export function counterHost(tally: Tally): Hosted {
  return host(
    Counter,
    class CounterActor extends Actor<typeof Counter> implements HandlersOf<typeof Counter> {
      static initialState(): { count: number } {
        return { count: 0 };
      }
      add(by: number): number {
        this.state.count += by;
        return this.state.count;
      }
      echo(value: number): number {
        return value;
      }
      note(by: number): void {
        this.state.count += by;
        tally.add();
      }
      hint(): void {
        tally.add();
      }
    },
  );
}

/** The same without a framework. */
export class BareCounter {
  readonly #tally: Tally;
  #count = 0;

  constructor(tally: Tally) {
    this.#tally = tally;
  }
  add(by: number): number {
    this.#count += by;
    return this.#count;
  }
  echo(value: number): number {
    return value;
  }
  note(by: number): void {
    this.#count += by;
    this.#tally.add();
  }
  hint(): void {
    this.#tally.add();
  }
}

/** Names of the actors that messages go to in turn. */
export function names(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `counter-${i}`);
}
