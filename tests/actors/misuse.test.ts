// What types keep from programs, and what comes all the same: from a circle of imports, from settings, from a text in place of a value.
import { describe, expect, test } from "bun:test";
import { z } from "zod";
import {
  Actor,
  ConfigurationError,
  defineActor,
  defineGroup,
  host,
  InvalidArgumentError,
  InvalidNameError,
  startNode,
  tell,
} from "../../mod.ts";

const any = (value: unknown) => value as never;
const Cart = defineActor("cart", {
  state: z.strictObject({}),
  stateVersion: 1,
  messages: { clear: tell(), join7: tell() },
});
const Room = defineGroup("room", { messages: { clear: tell() } });
class CartActor extends Actor<typeof Cart> {
  static initialState() {
    return {};
  }
  clear() {}
  join7() {
    this.join(any("room"), "7");
  }
}

function refused(work: () => unknown, type: new (...given: never[]) => Error, words: string): void {
  let error: unknown;
  try {
    work();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(type);
  expect((error as Error).message).toContain(words);
}

describe("what is no contract, or none yet,", () => {
  test("cannot be defined", () => {
    refused(() => (defineActor as unknown as () => void)(), ConfigurationError, 'its kind is "undefined"');
    refused(() => defineActor("x", any(undefined)), ConfigurationError, "its options are undefined");
    refused(
      () => defineActor("x", any({ stateVersion: 1, messages: {} })),
      ConfigurationError,
      "its state is",
    );
    refused(
      () => defineActor("x", any({ state: z.any(), stateVersion: 1 })),
      ConfigurationError,
      "`messages` is undefined",
    );
    const messages = { add: z.number() };
    refused(
      () => defineActor("x", any({ state: z.any(), stateVersion: 1, messages })),
      ConfigurationError,
      'the message "add" is a schema, and must be made by ask() or tell()',
    );
    refused(
      () => defineGroup("g", any({ messages: { add: 5 } })),
      ConfigurationError,
      'the message "add" is a number',
    );
  });

  test("cannot be hosted, referred to, listed or counted", async () => {
    refused(() => host(any(undefined), any(CartActor)), ConfigurationError, "its contract is undefined");
    refused(() => host(Cart, any(undefined)), ConfigurationError, "neither a class nor a function");
    await expect(startNode({ hosts: any([Cart]) })).rejects.toThrow("what host() has not made");
    await expect(startNode({ hosts: any({}) })).rejects.toThrow("what host() has not made");
    await using node = await startNode({ hosts: [host(Cart, CartActor)] });
    refused(() => node.ref(any(undefined), "a"), ConfigurationError, "its contract is undefined");
    refused(() => node.ref(any("cart"), "a"), ConfigurationError, "its contract is a string");
    refused(() => node.count(any("cart")), ConfigurationError, "its contract is a string");
    await expect(node.list(any(undefined))).rejects.toThrow("its contract is undefined");
    await expect(node.upgrade(any(undefined))).rejects.toBeInstanceOf(ConfigurationError);
    await expect(node.upgrade(any([Cart]))).rejects.toThrow("what host() has not made");
    await expect(node.move(any(undefined), "n", { reason: "x" })).rejects.toThrow("neither an actor nor");
    await expect(node.move(node.ref(Cart, "a"), node.name, any(undefined))).rejects.toThrow("its reason");
  });
});

test("what is no group, or has no name, cannot be joined or addressed", async () => {
  await using node = await startNode({ hosts: [host(Cart, CartActor)] });
  refused(() => node.group(any({}), "7"), InvalidArgumentError, "is no type of groups");
  refused(() => node.group(any(undefined), "7"), InvalidArgumentError, "is no type of groups");
  refused(() => node.group(Room, ""), InvalidNameError, 'a group of type "room": its name is empty');
  refused(() => node.group(Room, any(7)), InvalidNameError, "its name is not a string");
  const failed = Promise.withResolvers<string>();
  const events = node.events({ types: ["handler-failed"] });
  void (async () => {
    for await (const event of events)
      if (event.type === "handler-failed") return failed.resolve(event.error.message);
  })();
  await node.ref(Cart, "a").join7();
  expect(await failed.promise).toContain("is no type of groups");
});

test("an option that there is none of is refused with the names of all", async () => {
  await expect(startNode(any({ host: [] }))).rejects.toThrow(
    '"host" is no option of startNode; those are "name", "cluster"',
  );
  await expect(startNode(any({ callTimeoutMs: 5 }))).rejects.toThrow('belong into "settings"');
});
