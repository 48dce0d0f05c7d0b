// Actors for tests of groups: guests of rooms, which write down what they hear.
import { z } from "zod";
import {
  Actor,
  ask,
  type ContractOptions,
  defineActor,
  defineGroup,
  type HandlersOf,
  type Hosted,
  host,
  tell,
} from "../../../mod.ts";

export const Room = defineGroup("room", {
  messages: { said: tell(z.string()), mood: ask(z.string(), z.string()), shown: tell(z.any()) },
});

const state = z.strictObject({ heard: z.array(z.string()) });
const messages = {
  ...Room.messages,
  enter: ask(z.object({ room: z.string(), meta: z.any() }), z.boolean()),
  exit: ask(z.string(), z.boolean()),
  enterAndFail: ask(z.string(), z.null()),
  say: ask(z.object({ room: z.string(), words: z.string() }), z.null()),
  heard: ask(z.undefined(), z.array(z.string())),
  end: ask(z.undefined(), z.null()),
  sleep: ask(z.undefined(), z.null()),
};

export type GuestContract = typeof Guest;
export const Guest = defineActor("guest", { state, stateVersion: 1, shards: 4, messages });
export function guest(options: Partial<ContractOptions<typeof state, typeof messages>> = {}): GuestContract {
  return defineActor("guest", { state, stateVersion: 1, shards: 4, messages, ...options });
}

/** What handlers wait for and do, by name of the actor, for tests that steer them from outside. */
export interface ChatSteering {
  readonly mood?: (name: string) => string | Promise<string>;
  readonly said?: (name: string) => void | Promise<void>;
}

export function hostGuest(
  contract: GuestContract = Guest,
  { mood = () => "fine", said = () => {} }: ChatSteering = {},
): Hosted {
  class GuestActor extends Actor<GuestContract> implements HandlersOf<GuestContract> {
    static initialState(): { heard: string[] } {
      return { heard: [] };
    }
    async said(words: string): Promise<void> {
      this.state.heard.push(words);
      await said(this.name);
    }
    shown(what: { words: string }): void {
      this.state.heard.push(what.words);
      what.words = "changed by another";
    }
    mood(of: string): string | Promise<string> {
      return of === "" ? this.name : mood(this.name);
    }
    enter({ room, meta }: { room: string; meta?: unknown }): boolean {
      this.join(Room, room, meta);
      return true;
    }
    exit(room: string): boolean {
      return this.leave(Room, room);
    }
    enterAndFail(room: string): null {
      this.join(Room, room);
      throw new Error("on purpose");
    }
    async say({ room, words }: { room: string; words: string }): Promise<null> {
      await this.group(Room, room).publish("said", words);
      return null;
    }
    heard(): string[] {
      return this.state.heard;
    }
    end(): null {
      this.destroy();
      return null;
    }
    sleep(): null {
      this.passivate();
      return null;
    }
  }
  return host(contract, GuestActor);
}
