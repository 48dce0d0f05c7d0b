// A kind in two versions of its code: the second counts how often a state was upgraded, has a message more and lacks one.
import { z } from "zod";
import {
  Actor,
  ask,
  type ContractOptions,
  defineActor,
  type HandlersOf,
  type Hosted,
  host,
  tell,
} from "../../../mod.ts";

const both = {
  add: ask(z.string(), z.number().int()),
  note: tell(z.string()),
  read: ask(z.array(z.string())),
  hold: ask(z.string(), z.number().int()),
  /** Adds the word later, by a timer of that message. */
  later: tell(z.strictObject({ message: z.string(), word: z.string(), afterMs: z.number() })),
  /** Which code has it. */
  code: ask(z.string()),
};
interface Later {
  readonly message: string;
  readonly word: string;
  readonly afterMs: number;
}
const messagesOfOne = { ...both, vanish: tell(z.string()) };
const messagesOfTwo = { ...both, upgrades: ask(z.number().int()) };
const stateOfOne = z.strictObject({ words: z.array(z.string()) });
const stateOfTwo = z.strictObject({ words: z.array(z.string()), upgrades: z.number().int() });

type OfOne = Partial<ContractOptions<typeof stateOfOne, typeof messagesOfOne>>;
type OfTwo = Partial<ContractOptions<typeof stateOfTwo, typeof messagesOfTwo>>;

export function wordsOne(options: OfOne = {}) {
  return defineActor("words", {
    state: stateOfOne,
    stateVersion: 1,
    shards: 4,
    messages: messagesOfOne,
    ...options,
  });
}

export function wordsTwo(options: OfTwo = {}) {
  return defineActor("words", {
    state: stateOfTwo,
    stateVersion: 2,
    shards: 4,
    messages: messagesOfTwo,
    ...options,
  });
}

export const One = wordsOne();
export const Two = wordsTwo();

/** What a test sees of the actors, and steers. */
export interface Around {
  readonly log: string[];
  /** Awaited by `hold`, by name of the actor. */
  readonly gates: Map<string, Promise<unknown>>;
  /** Whether a state cannot be upgraded. */
  refuses?: (words: readonly string[]) => boolean;
  /** Throws in `onDrain` of the first code. */
  onDrain?: (name: string) => void;
}

export function around(given: Partial<Around> = {}): Around {
  return { log: [], gates: new Map(), ...given };
}

export function hostOne(steered: Around, contract: typeof One = One): Hosted {
  class WordsOne extends Actor<typeof One> implements HandlersOf<typeof One> {
    static initialState() {
      return { words: [] };
    }
    override onActivate(why: string): void {
      steered.log.push(`one ${this.name} ${why}`);
    }
    override onDrain(): void {
      steered.onDrain?.(this.name);
    }
    override onDeactivate(why: string): void {
      steered.log.push(`one ${this.name} ends ${why}`);
    }
    add(word: string): number {
      return this.state.words.push(word);
    }
    note(word: string): void {
      this.state.words.push(word);
    }
    vanish(word: string): void {
      this.state.words.push(word);
    }
    read(): string[] {
      return this.state.words;
    }
    async hold(word: string): Promise<number> {
      steered.log.push(`one ${this.name} holds`);
      await steered.gates.get(this.name);
      return this.state.words.push(word);
    }
    later({ message, word, afterMs }: Later): void {
      this.schedule(message as "note", word, { afterMs }, word);
    }
    code(): string {
      return "one";
    }
  }
  return host(contract, WordsOne);
}

export function hostTwo(steered: Around, contract: typeof Two = Two): Hosted {
  class WordsTwo extends Actor<typeof Two> implements HandlersOf<typeof Two> {
    static initialState() {
      return { words: [], upgrades: 0 };
    }
    static upgrade(_from: number, old: unknown) {
      const { words } = old as { words: string[] };
      if (steered.refuses?.(words)) throw new Error("these words are refused");
      return { words, upgrades: 1 };
    }
    override onActivate(why: string): void {
      steered.log.push(`two ${this.name} ${why}`);
    }
    add(word: string): number {
      return this.state.words.push(word);
    }
    note(word: string): void {
      this.state.words.push(word);
    }
    read(): string[] {
      return this.state.words;
    }
    async hold(word: string): Promise<number> {
      await steered.gates.get(this.name);
      return this.state.words.push(word);
    }
    later({ message, word, afterMs }: Later): void {
      this.schedule(message as "note", word, { afterMs }, word);
    }
    code(): string {
      return "two";
    }
    upgrades(): number {
      return this.state.upgrades;
    }
  }
  return host(contract, WordsTwo);
}
