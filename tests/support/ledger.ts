// An actor for tests: a list of words, with messages that do whatever a test needs.
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
} from "../../mod.ts";

/** Hooks and handlers that a test steers from outside the actors. */
export interface Steering {
  /** What hooks and handlers did, in order. */
  readonly log: string[];
  /** Awaited by `hold`, by name of the actor. */
  readonly gates: Map<string, Promise<unknown>>;
  onActivate?: (actor: LedgerActor, why: string) => void | Promise<void>;
  onDrain?: (actor: LedgerActor, signal: AbortSignal) => void | Promise<void>;
  onDeactivate?: (actor: LedgerActor, why: string) => void | Promise<void>;
  /** Called by `run`, with everything an actor can do. */
  run?: (actor: LedgerActor, argument: unknown) => unknown;
  initialState?: (name: string) => unknown;
}

const messages = {
  add: ask(z.string(), z.number().int()),
  note: tell(z.string()),
  read: ask(z.undefined(), z.array(z.string())),
  hold: ask(z.string(), z.number().int()),
  run: ask(z.any(), z.any()),
  runTell: tell(z.any()),
} as const;

const state: z.ZodType<{ words: string[]; extra?: unknown }> = z.strictObject({
  words: z.array(z.string()),
  extra: z.any().optional(),
});

export type LedgerContract = typeof Ledger;
export const Ledger = defineActor("ledger", { state, stateVersion: 1, shards: 1, messages });

/** The same contract with other settings. */
export function ledger(
  options: Partial<ContractOptions<typeof state, typeof messages>> = {},
): LedgerContract {
  return defineActor("ledger", { state, stateVersion: 1, shards: 1, messages, ...options });
}

export class LedgerActor extends Actor<LedgerContract> implements HandlersOf<LedgerContract> {
  static initialState(_name: string): { words: string[]; extra?: unknown } {
    return { words: [] };
  }
  get steering(): Steering {
    throw new Error("expected a subclass made by hostLedger()");
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
    this.steering.log.push(`hold ${this.name}`);
    await this.steering.gates.get(this.name);
    return this.state.words.push(word);
  }
  run(argument: unknown): unknown {
    return this.steering.run?.(this, argument);
  }
  runTell(argument: unknown): void {
    return this.steering.run?.(this, argument) as undefined;
  }
  override onActivate(why: string): void | Promise<void> {
    this.steering.log.push(`activate ${this.name} ${why}`);
    return this.steering.onActivate?.(this, why);
  }
  override onDrain(signal: AbortSignal): void | Promise<void> {
    this.steering.log.push(`drain ${this.name}`);
    return this.steering.onDrain?.(this, signal);
  }
  override onDeactivate(why: string): void | Promise<void> {
    this.steering.log.push(`deactivate ${this.name} ${why}`);
    return this.steering.onDeactivate?.(this, why);
  }
}

export function steering(given: Partial<Steering> = {}): Steering {
  return { log: [], gates: new Map(), ...given };
}

/** A class of its own for each set of hooks: nothing is shared between tests. */
export function hostLedger(steered: Steering = steering(), contract: LedgerContract = Ledger): Hosted {
  class Steered extends LedgerActor {
    static override initialState(name: string): { words: string[] } {
      return (steered.initialState?.(name) ?? { words: [] }) as { words: string[] };
    }
    static upgrade(_from: number, old: unknown): { words: string[] } {
      return old as { words: string[] };
    }
    override get steering(): Steering {
      return steered;
    }
  }
  return host(contract, Steered);
}

/** What `run` does in `tests/support/processes/node_program.ts`: waits, then notes the word now or later; it answers with its runtime. */
export interface Command {
  readonly waitMs?: number;
  readonly remindInMs?: number;
  readonly word?: string;
  readonly destroys?: boolean;
}
