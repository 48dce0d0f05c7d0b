/**
 * Who is in a shard on this node, by condition. An actor has one condition at a time; what it costs is counted here.
 *
 * @module
 */
import type { Activation } from "../activation/activation.ts";
import type { NodeLimits } from "../node_limits.ts";
import type { Mail } from "../activation/mail.ts";
import type { Mailbox } from "../activation/mailbox.ts";
import type { Place, SealedActor } from "./sealed.ts";
import { lengthOf, type Snapshot } from "../state/snapshot.ts";
import type { TimerData } from "../state/timers.ts";

/** An actor whose state is still at another place; its messages wait here. */
export interface AwaitedActor {
  readonly at: Place;
  readonly mailbox: Mailbox<Mail>;
  /** In case it never comes. */
  readonly timers: readonly TimerData[];
}

/** See the module's text. */
export class ActorTable {
  readonly active: Map<string, Activation> = new Map();
  readonly passive: Map<string, Snapshot> = new Map();
  readonly awaited: Map<string, AwaitedActor> = new Map();
  readonly quarantined: Map<string, SealedActor> = new Map();
  readonly #budget: NodeLimits;

  constructor(budget: NodeLimits) {
    this.#budget = budget;
  }

  /** Actors of any condition. */
  get size(): number {
    return this.active.size + this.passive.size + this.awaited.size + this.quarantined.size;
  }

  add(activation: Activation): void {
    this.#budget.activated();
    this.active.set(activation.name, activation);
  }

  remove(activation: Activation): void {
    if (this.active.get(activation.name) !== activation) return;
    this.active.delete(activation.name);
    this.#budget.ended();
  }

  sleep(name: string, snapshot: Snapshot): void {
    this.passive.set(name, snapshot);
    this.#budget.slept(lengthOf(snapshot));
  }

  /** Takes a sleeping actor's state out. */
  wake(name: string): void {
    const snapshot = this.passive.get(name);
    this.#budget.woke(snapshot ? lengthOf(snapshot) : 0);
    this.passive.delete(name);
  }

  clear(): void {
    for (const activation of [...this.active.values()]) this.remove(activation);
    for (const name of [...this.passive.keys()]) this.wake(name);
    for (const { mailbox } of this.awaited.values()) mailbox.clear(); // off the node's scales
    this.awaited.clear();
    this.quarantined.clear();
  }
}
