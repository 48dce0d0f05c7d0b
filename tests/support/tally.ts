// A stored actor whose handlers a test can steer.
import { z } from "zod";
import { Actor, ask, defineActor, type Hosted, host, tell } from "../../mod.ts";
import type { ContractOptions } from "../../actors/contract.ts";

const messages = {
  add: ask(z.number(), z.number()),
  read: ask(z.undefined(), z.number()),
  note: tell(z.number()),
  run: ask(z.any(), z.any()),
  fill: ask(z.number(), z.number()),
};
const state = z.strictObject({ count: z.number(), text: z.string() });

/** A kind of its own for each durability and option. */
export function tally(kind = "tally", options: Partial<ContractOptions<typeof state, typeof messages>> = {}) {
  return defineActor(kind, { state, stateVersion: 1, messages, shards: 4, durability: "stored", ...options });
}

export const Tally = tally();

/** What a test tells the actors to do, and what they did. */
export interface Steering {
  readonly log: string[];
  run?: (actor: TallyActor, argument: unknown) => unknown;
}

export abstract class TallyActor extends Actor<typeof Tally> {}

export function hostTally(steering: Steering, contract: typeof Tally = Tally): Hosted {
  class SteeredTally extends TallyActor {
    static initialState() {
      return { count: 0, text: "" };
    }
    override onActivate(why: string): void {
      steering.log.push(`${this.name} ${why} ${this.state.count}`);
    }
    add(by: number): number {
      this.state.count += by;
      return this.state.count;
    }
    read(): number {
      return this.state.count;
    }
    note(by: number): void {
      this.state.count += by;
      steering.log.push(`${this.name} note ${by}`);
    }
    run(argument: unknown): unknown {
      return steering.run?.(this, argument);
    }
    fill(length: number): number {
      this.state.text = "x".repeat(length);
      return this.state.text.length;
    }
  }
  return host(contract, SteeredTally);
}
