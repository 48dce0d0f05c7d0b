// An actor all of whose calls into its user's code can be watched and made to throw: hooks, handlers, schemas, statics.
import type { Schema } from "../../actors/schema.ts";
import {
  Actor,
  ask,
  type Contract,
  type ContractOptions,
  defineActor,
  type Hosted,
  host,
  tell,
} from "../../mod.ts";

/** Each call into the user's code says so here before it does anything. */
export type Enter = (entry: string, actor?: GuestActor) => unknown;

type GuestState = { n: number };

const messages = (enter: Enter) => ({
  poke: ask(spy<unknown>("argument schema", enter), spy<unknown>("result schema", enter)),
  read: ask(spy<unknown>("", enter), spy<number>("", enter)),
  tick: tell(spy<unknown>("tell schema", enter)),
});

function spy<T>(entry: string, enter: Enter): Schema<T> {
  const validate = (value: unknown) => {
    if (entry) enter(entry);
    return { value: value as T };
  };
  return { "~standard": { version: 1, vendor: "test", validate } };
}

export type GuestContract = Contract<"guest", Schema<GuestState>, ReturnType<typeof messages>>;

export function guest(
  enter: Enter,
  options: Partial<ContractOptions<Schema<GuestState>, ReturnType<typeof messages>>> = {},
): GuestContract {
  const state = spy<GuestState>("state schema", enter);
  return defineActor("guest", { state, stateVersion: 1, shards: 1, messages: messages(enter), ...options });
}

export abstract class GuestActor extends Actor<GuestContract> {}

export function hostGuest(contract: GuestContract, enter: Enter): Hosted {
  class Guest extends GuestActor {
    static initialState() {
      enter("initialState");
      return { n: 0 };
    }
    static upgrade(_from: number, old: unknown) {
      enter("upgrade");
      return old as GuestState;
    }
    constructor() {
      super();
      enter("constructor");
    }
    poke(_: unknown): unknown {
      this.state.n++;
      return enter("handler", this);
    }
    read(_: unknown): number {
      return this.state.n;
    }
    tick(_: unknown): void {
      this.state.n++;
      enter("timer", this);
    }
    override onActivate() {
      return enter("onActivate", this) as undefined;
    }
    override onDrain() {
      return enter("onDrain", this) as undefined;
    }
    override onDeactivate() {
      return enter("onDeactivate", this) as undefined;
    }
  }
  return host(contract, Guest);
}
