// Actors that are kept alive, whose hooks and handlers a test can steer.
import { z } from "zod";
import { Actor, type ActorClass, ask, defineActor, type Hosted, host, tell } from "../../../mod.ts";
import type { ContractOptions } from "../../../actors/contract.ts";
import type { KeepOption } from "../../../actors/supervision/keep.ts";

const messages = {
  add: ask(z.number(), z.number()),
  read: ask(z.undefined(), z.number()),
  note: tell(z.number()),
  run: ask(z.any(), z.any()),
};
const state = z.strictObject({ count: z.number(), text: z.string() });

export function worker(
  options: Partial<ContractOptions<typeof state, typeof messages>> = {},
  kind = "worker",
) {
  return defineActor(kind, { state, stateVersion: 1, messages, shards: 8, ...options });
}

/** In memory. */
export const Worker = worker();
export type WorkerKind = typeof Worker;

/** They fail when they are told to, and are stopped with the third time. */
export function fragile(durability: "memory" | "stored"): WorkerKind {
  const restart = { max: 2, withinMs: 120_000, backoff: { minMs: 50, maxMs: 4_000 } };
  return worker({ durability, restart }, `${durability}-fragile`) as unknown as WorkerKind;
}

/** What a test tells the actors to do, and what they did. */
export interface Steering {
  /** "node name why" for each activation, and "node name ended why". */
  readonly log: string[];
  onActivate?: (actor: WorkerActor, why: string) => void | Promise<void>;
  run?: (actor: WorkerActor, argument: unknown) => unknown;
  onNote?: (actor: WorkerActor, value: number) => void;
}

export abstract class WorkerActor extends Actor<WorkerKind> {}

export interface WorkerOptions {
  readonly node?: string;
  readonly keep?: KeepOption;
}

export function hostWorker(
  steering: Steering,
  contract: WorkerKind = Worker,
  { node = "", keep }: WorkerOptions = {},
): Hosted {
  return host(contract, workerClass(steering, node), keep === undefined ? {} : { keep });
}

export function workerClass(steering: Steering, node: string): ActorClass<WorkerKind> {
  class SteeredWorker extends WorkerActor {
    static initialState() {
      return { count: 0, text: "" };
    }
    override onActivate(why: string): void | Promise<void> {
      steering.log.push(`${node} ${this.name} ${why}`);
      return steering.onActivate?.(this, why);
    }
    override onDeactivate(why: string): void {
      steering.log.push(`${node} ${this.name} ended ${why}`);
    }
    add(by: number): number {
      this.state.count += by;
      return this.state.count;
    }
    read(): number {
      return this.state.count;
    }
    note(value: number): void {
      steering.onNote?.(this, value);
      this.state.count += value;
    }
    run(argument: unknown): unknown {
      return steering.run?.(this, argument);
    }
  }
  return SteeredWorker;
}
