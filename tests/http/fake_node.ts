import {
  type AskMessage,
  type Contract,
  defineActor,
  type TellMessage,
  ask,
  tell,
} from "../../actors/contract.ts";
import type { CallOptions, Ref } from "../../actors/ref.ts";
import { RefFactory } from "../../actors/ref.ts";
import type { Schema } from "../../actors/schema.ts";
import type { CallingNode } from "../../http/mod.ts";
import { z } from "zod";

/** A contract with every sort of message that the routes tell apart. */
export type EchoContract = Contract<
  "echo",
  Schema<object>,
  { say: AskMessage<Schema, Schema>; nothing: AskMessage<Schema, Schema>; note: TellMessage<Schema> }
>;

export const Echo: EchoContract = defineActor("echo", {
  state: z.strictObject({}),
  stateVersion: 1,
  messages: {
    say: ask(z.unknown(), z.unknown()),
    nothing: ask(z.unknown(), z.undefined()),
    note: tell(z.unknown()),
  },
});

/** One call as a fake node saw it. */
export interface SeenCall {
  readonly type: "ask" | "tell";
  readonly kind: string;
  readonly name: string;
  readonly message: string;
  readonly argument: unknown;
  readonly options: CallOptions | undefined;
}

/** A node that answers every call by a function, and remembers what it was asked. */
export class FakeNode implements CallingNode {
  readonly calls: SeenCall[] = [];
  readonly #answer: (call: SeenCall) => unknown;
  readonly #refs = new RefFactory();

  constructor(answer: (call: SeenCall) => unknown = (call) => call.argument) {
    this.#answer = answer;
  }

  ref<C extends Contract>(contract: C, name: string): Ref<C> {
    return this.#refs.create(contract, name, {
      send: async (type, message, argument, options) => {
        const call: SeenCall = { type, kind: contract.kind, name, message, argument, options };
        this.calls.push(call);
        return this.#answer(call);
      },
    });
  }
}
