// Subscriptions to streams, as a program declares them.
import { describe, expect, test } from "bun:test";
import { z } from "zod";
import {
  Actor,
  ask,
  ConfigurationError,
  defineActor,
  host,
  memoryTransport,
  startNode,
  type SubscriptionOptions,
  tell,
} from "../../mod.ts";
import { durableOf, SUBSCRIPTIONS_MAX } from "../../actors/subscription/declared.ts";

const Cart = defineActor("cart", {
  state: z.strictObject({}),
  stateVersion: 1,
  messages: { add: tell(z.object({ cart: z.string() })), read: ask(z.string()), clear: tell() },
});

class CartActor extends Actor<typeof Cart> {
  static initialState() {
    return {};
  }
  add() {}
  read() {
    return "";
  }
  clear() {}
}

const good: SubscriptionOptions<typeof Cart> = {
  stream: "ORDERS",
  message: "add",
  name: (_, { cart }) => cart,
};
const hosting = (subscriptions: unknown) =>
  host(Cart, CartActor, { subscriptions: subscriptions as SubscriptionOptions<typeof Cart>[] });
const of = (...given: object[]) => hosting(given).register(undefined).subscriptions;

describe("host() with subscriptions", () => {
  test("fills in what is left out, and has none where none is given", () => {
    expect(of(good)).toMatchObject([
      { stream: "ORDERS", start: "all", tries: 5, inFlightMax: 256, ackWaitMs: 10_000, message: "add" },
    ]);
    expect(host(Cart, CartActor).register(undefined).subscriptions).toEqual([]);
    const [one] = of(good);
    if (one === undefined) throw new Error("expected one");
    expect(durableOf("shop", "cart", one)).toBe("shop-cart-add");
    expect(durableOf("shop", "cart", { ...one, durable: "mine" })).toBe("mine");
  });

  for (const [words, given] of [
    [': "subscriptions" is of type object, and must be a list', {}],
    [" 1: it is 7, and must be an object", [7]],
    [' 1: "to" is no option of it', [{ ...good, to: Cart }]],
    [' 1: its "stream" is "a b"', [{ ...good, stream: "a b" }]],
    [' 1: its "stream" is ""', [{ ...good, stream: "" }]],
    [' 1: its "stream" is "a.b"', [{ ...good, stream: "a.b" }]],
    [' 1: its "filter" is "a..b"', [{ ...good, filter: "a..b" }]],
    [' 1: its "filter" is "a.>.b"', [{ ...good, filter: "a.>.b" }]],
    [' 1: its "filter" is "orders.a*"', [{ ...good, filter: "orders.a*" }]],
    [' 1: its "durable" is "a.b", and must be up to 128 letters', [{ ...good, durable: "a.b" }]],
    [' 1: its "start" is "old", and must be "all" or "new"', [{ ...good, start: "old" }]],
    [' 1: its "deadLetter" is "dead.*", and must be a subject', [{ ...good, deadLetter: "dead.*" }]],
    [
      ' 1: its "deadLetter" is "$JS.API.STREAM.DELETE.X"',
      [{ ...good, deadLetter: "$JS.API.STREAM.DELETE.X" }],
    ],
    [' 1: its "name" is "cart", and must be a function', [{ ...good, name: "cart" }]],
    [' 1: its "message" is "sub", and the contract declares no such message', [{ ...good, message: "sub" }]],
    [' 1: its "message" is "toString"', [{ ...good, message: "toString" }]],
    [' 1: its "message" is "read", which the contract declares as ask()', [{ ...good, message: "read" }]],
    [' 1: its "tries" is 0, and must be a whole number from 1 to 1000', [{ ...good, tries: 0 }]],
    [' 1: its "inFlightMax" is 10001', [{ ...good, inFlightMax: 10_001 }]],
    [
      ' 1: its "ackWaitMs" is 999, and must be a whole number from 1000 to 300000',
      [{ ...good, ackWaitMs: 999 }],
    ],
    [' 1: its "ackWaitMs" is "soon"', [{ ...good, ackWaitMs: "soon" }]],
    [' 2: it has the same consumer as another one: give each a "durable"', [good, { ...good, filter: "a" }]],
    [
      `: there are ${SUBSCRIPTIONS_MAX + 1}, and ${SUBSCRIPTIONS_MAX} are the most`,
      Array(SUBSCRIPTIONS_MAX + 1).fill(good),
    ],
  ] as const)
    test(`says${words}`, () => {
      expect(() => hosting(given)).toThrow(ConfigurationError);
      expect(() => hosting(given)).toThrow(`Cannot subscribe kind "cart" to a stream: subscription${words}`);
    });

  test("takes two of one message with consumers of their own, and every filter that NATS takes", () => {
    expect(of(good, { ...good, durable: "other" }).length).toBe(2);
    for (const filter of [">", "*", "a.*.b", "a.>", "*.b.>"])
      expect(of({ ...good, filter })[0]?.filter).toBe(filter);
  });
});

test("startNode() and upgrade() refuse subscriptions where the transport has no streams", async () => {
  const words = 'Cannot subscribe kind "cart" to a stream: the transport, of type "memory", has no streams';
  const starting = startNode({ transport: memoryTransport(), hosts: [hosting([good])] });
  await expect(starting).rejects.toMatchObject({ code: "invalid-configuration" });
  await expect(startNode({ hosts: [hosting([good])] })).rejects.toThrow(words);
  await using node = await startNode({ hosts: [host(Cart, CartActor)] });
  await expect(node.upgrade([hosting([good])])).rejects.toThrow(words);
});
