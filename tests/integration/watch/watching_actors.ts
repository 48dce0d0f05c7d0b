// Actors that watch each other, in memory and stored, whose handlers a test can steer.
import { z } from "zod";
import { Actor, ask, defineActor, type Hosted, host, tell, watchNotice } from "../../../mod.ts";
import type { WatchNotice } from "../../../mod.ts";
import type { ContractOptions } from "../../../actors/contract.ts";

const state = z.strictObject({ heard: z.array(z.string()), text: z.string() });
const messages = {
  /** Runs what the test says. */
  run: ask(z.any(), z.any()),
  heard: ask(z.undefined(), z.array(z.string())),
  gone: tell(watchNotice),
  away: tell(watchNotice),
  other: tell(z.number()),
};

export function watcher(kind: string, options: Partial<ContractOptions<typeof state, typeof messages>> = {}) {
  return defineActor(kind, { state, stateVersion: 1, shards: 4, messages, ...options });
}

/** In memory, and stored: those that watch, and those that are watched, so that a test can say which node has which. */
export const Guard = watcher("guard");
export const Warden = watcher("warden", { durability: "stored" }) as unknown as typeof Guard;
export const Mayfly = watcher("mayfly", { onError: "stop" });
export const Phoenix = watcher("phoenix", {
  durability: "stored",
  onError: "stop",
}) as unknown as typeof Guard;

/** What a test tells them to do, and what they did. */
export interface WatchSteering {
  readonly log: string[];
  run?: (actor: WatchingActor, argument: unknown) => unknown;
  /** Runs in the handler of a notice, after it was noted. */
  onGone?: (actor: WatchingActor, notice: WatchNotice) => unknown;
}

export abstract class WatchingActor extends Actor<typeof Guard> {}

export function hostWatcher(steering: WatchSteering, contract: typeof Guard): Hosted {
  class SteeredWatcher extends WatchingActor {
    static initialState() {
      return { heard: [], text: "" };
    }
    override onActivate(why: string): void {
      steering.log.push(`${this.kind}/${this.name} ${why}`);
    }
    run(argument: unknown): unknown {
      return steering.run?.(this, argument);
    }
    heard(): string[] {
      return this.state.heard;
    }
    async gone(notice: WatchNotice): Promise<void> {
      steering.log.push(`${this.kind}/${this.name} gone ${notice.ref} ${notice.reason}`);
      this.state.heard.push(`${notice.ref} ${notice.reason}`);
      await steering.onGone?.(this, notice);
    }
    away({ ref, reason }: WatchNotice): void {
      this.state.heard.push(`away ${ref} ${reason}`);
    }
    other(): void {}
  }
  return host(contract, SteeredWatcher);
}
