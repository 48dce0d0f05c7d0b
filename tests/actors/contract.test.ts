// What does not compile. The checks are made by the type checkers; here only what remains at run time.
import { describe, expect, test } from "bun:test";
import { z } from "zod";
import {
  Actor,
  type ActorNode,
  ask,
  defineActor,
  type HandlersOf,
  host,
  type Ref,
  RESERVED_NAMES,
  tell,
} from "../../mod.ts";

const Cart = defineActor("cart", {
  state: z.strictObject({ count: z.number() }),
  stateVersion: 1,
  messages: {
    add: ask(z.object({ sku: z.string(), quantity: z.number().default(1) }), z.number()),
    show: ask(z.undefined(), z.string()),
    clear: tell(z.object({ why: z.string() })),
  },
});

class CartActor extends Actor<typeof Cart> implements HandlersOf<typeof Cart> {
  static initialState(): { count: number } {
    return { count: 0 };
  }
  add({ quantity }: { sku: string; quantity: number }): number {
    this.state.count += quantity;
    // @ts-expect-error the state has no such field
    this.state.total = 1;
    // @ts-expect-error the argument of a scheduled message is checked
    this.schedule("clear", { why: 7 }, { afterMs: 1 });
    // @ts-expect-error only declared messages can be scheduled
    this.schedule("explode", {}, { afterMs: 1 });
    // @ts-expect-error a timer has a time
    this.schedule("clear", { why: "x" }, {});
    return this.state.count;
  }
  async show(): Promise<string> {
    return String(this.state.count);
  }
  clear(_: { why: string }): void {}
}

class Lacking extends Actor<typeof Cart> {
  static initialState(): { count: number } {
    return { count: 0 };
  }
  add(): number {
    return 1;
  }
}

class Mistyped extends Actor<typeof Cart> {
  static initialState(): { count: number } {
    return { count: 0 };
  }
  add(): string {
    return "";
  }
  show(): string {
    return "";
  }
  clear(): void {}
}

class WrongInput extends CartActor {
  // @ts-expect-error a handler takes what its message carries
  override clear(_: { why: number }): void {}
}

class Stateless extends Actor<typeof Cart> implements HandlersOf<typeof Cart> {
  add(): number {
    return 1;
  }
  show(): string {
    return "";
  }
  clear(): void {}
}

class WrongState extends Stateless {
  static initialState(): { count: string } {
    return { count: "" };
  }
}

/** Never called: its lines are there to be checked. */
export async function callers(node: ActorNode): Promise<void> {
  const cart: Ref<typeof Cart> = node.ref(Cart, "alice");
  const total: number = await cart.add({ sku: "tea" });
  const shown: string = await cart.show();
  const shownSoon: string = await cart.show(undefined, { timeoutMs: 100 + total + shown.length });
  const nothing: void = await cart.clear({ why: shownSoon });
  // @ts-expect-error an argument is needed
  await cart.add();
  // @ts-expect-error of the right form
  await cart.add({ sku: 7 });
  // @ts-expect-error and no other message exists
  await cart.explode();
  // @ts-expect-error a result has its type
  const wrong: string = await cart.add({ sku: "tea" });
  // @ts-expect-error options are those of calls
  await cart.show(undefined, { timeout: 1 });
  // @ts-expect-error a name is a string
  node.ref(Cart, 7);
  void [nothing, wrong];
}

describe("host()", () => {
  test("takes a class that has every handler", () => {
    expect([...host(Cart, CartActor).register(undefined).messages.keys()]).toEqual(["add", "show", "clear"]);
  });

  test("refuses a class without a handler, or without an initial state, also at run time", () => {
    // @ts-expect-error "show" and "clear" are missing
    expect(() => host(Cart, Lacking)).toThrow(/lacks a handler "show"/);
    // @ts-expect-error there is no initialState
    expect(() => host(Cart, Stateless)).toThrow(/lacks static initialState/);
    // @ts-expect-error "add" gives a string
    host(Cart, Mistyped);
    // @ts-expect-error the state is another one
    host(Cart, WrongState);
    void WrongInput;
  });
});

describe("defineActor()", () => {
  test("refuses names and numbers that cannot be used", () => {
    const define = (kind: string, given: object) => () =>
      defineActor(kind, { state: z.any(), stateVersion: 1, messages: {}, ...given });
    for (const kind of ["", "1a", "a b", "a.b", "*", "ü", "x".repeat(65)])
      expect(define(kind, {})).toThrow(/kind/);
    for (const message of [
      "state",
      "ref",
      "then",
      "constructor",
      "onDrain",
      "toString",
      "_x",
      "a-b",
      "a.b",
      "1",
      "__proto__x",
    ])
      expect(define("a", { messages: { [message]: tell(z.any()) } })).toThrow(/message name|reserved word/);
    const numbers = [
      { stateVersion: 0 },
      { stateVersion: 1.5 },
      { shards: 3 },
      { shards: 0 },
      { shards: 8_192 },
      { mailboxMax: 0 },
      { idleMs: 0 },
      { idleMs: Number.NaN },
    ];
    for (const given of numbers)
      expect(define("a", given)).toThrow(expect.objectContaining({ code: "invalid-configuration" }));
    expect(define("a", { stateVersion: 2 })).not.toThrow();
  });

  test("takes messages without an argument, and their options where an argument would stand", () => {
    const { messages } = defineActor("a", {
      state: z.any(),
      stateVersion: 1,
      messages: {
        plain: ask(z.number()),
        twice: ask(z.number(), { idempotent: true }),
        answers: ask(z.string(), z.number(), { idempotent: true }),
        bare: tell(),
        again: tell({ idempotent: true }),
      },
    });
    const { plain, twice, answers: full, bare, again } = messages;
    expect([plain, twice, full, bare, again].map(({ idempotent }) => idempotent)).toEqual([
      ...[false, true, true, false, true],
    ]);
    for (const { input } of [plain, twice, bare, again]) {
      expect(input["~standard"].validate(undefined)).toEqual({ value: undefined });
      expect(input["~standard"].validate(null)).toHaveProperty("issues");
    }
    const ref = {} as Ref<ReturnType<typeof defineActor<"a", z.ZodAny, typeof messages>>>;
    const types = () => {
      void ref.plain(undefined, { timeoutMs: 1 }).then((n: number) => n);
      // @ts-expect-error there is no argument
      void ref.bare(1);
    };
    expect(types).toBeInstanceOf(Function);
  });

  test("refuses options that it does not know, and words that are reserved", () => {
    const define = (given: object) => () =>
      defineActor("a", { state: z.any(), stateVersion: 1, messages: {}, ...given });
    expect(define({ mailboxmax: 7 })).toThrow(/"mailboxmax" is no option.*"mailboxMax"/);
    for (const name of RESERVED_NAMES)
      expect(define({ messages: { [name]: tell() } })).toThrow(`"${name}" is a reserved word`);
    expect(() => ask(z.number(), z.number(), { idempotant: true } as object)).toThrow(/"idempotant"/);
    expect(() => tell({ errors: {} } as object)).toThrow(/"errors" is no option/);
  });

  test("refuses a class without upgrade() once there are versions", () => {
    const second = defineActor("cart", { ...Cart, stateVersion: 2 });
    expect(() => host(second, CartActor as never)).toThrow(/upgrade/);
  });
});
