// What becomes of a message of a stream that was refused, and what is said of one that is set aside.
import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { Actor, defineActor, host, tell } from "../../mod.ts";
import { ERROR_CODES, fromErrorData, toErrorData } from "../../errors.ts";
import { createCodec } from "../../codec/codec.ts";
import { deadLetterHeaders } from "../../subscriptions/dead_letter.ts";
import { readLetter } from "../../subscriptions/letter.ts";
import { verdictOn } from "../../subscriptions/verdict.ts";
import type { StreamMessage } from "../../transport/streams.ts";

const codec = createCodec();
const error = (code: string, message = "Cannot do it") => ({ code, message, retryable: false });

describe("verdictOn()", () => {
  test("waits for what passes, tries again what may be the message's fault, and not what will be", () => {
    const later = ERROR_CODES.filter((code) => verdictOn(error(code)) === "later");
    expect(new Set(later)).toEqual(
      new Set([
        ...[
          "busy",
          "unavailable",
          "deadline-exceeded",
          "fenced",
          "aborted",
          "node-stopped",
          "unknown-message",
        ],
        "actor-stopped",
        ...["server-unsuitable", "permission-denied", "records-unavailable", "records-refused"],
      ]),
    );
    expect(ERROR_CODES.filter((code) => verdictOn(error(code)) === "never")).toEqual([
      "too-large",
      "decode-failed",
    ]);
    for (const code of [
      "handler-error",
      "invalid-argument",
      "invalid-state",
      "outcome-unknown",
      "of-next-release",
    ])
      expect(verdictOn(error(code))).toBe("again");
  });

  test("takes an end that nobody could wait for as one that says nothing", () => {
    expect(verdictOn(error("outcome-unknown"), { isLate: true })).toBe("later");
    expect(verdictOn(error("handler-error"), { isLate: true })).toBe("again");
    expect(verdictOn(error("invalid-argument"), { isFinal: true })).toBe("never");
  });
});

const Cart = defineActor("cart", {
  state: z.strictObject({}),
  stateVersion: 1,
  messages: { add: tell(z.object({ cart: z.string(), big: z.bigint().optional() })) },
});
class CartActor extends Actor<typeof Cart> {
  static initialState() {
    return {};
  }
  add() {}
}

function read(
  payload: Uint8Array | string,
  name: (subject: string, data: unknown) => unknown,
  type?: string,
) {
  const subscription = { stream: "S", message: "add" as const, name: name as never };
  const hosted = host(Cart, CartActor, { subscriptions: [subscription] }).register(undefined);
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const message = {
    subject: "orders.x",
    payload: bytes,
    header: (key: string) => (key === "Content-Type" ? type : undefined),
  };
  const [declared] = hosted.subscriptions;
  if (declared === undefined) throw new Error("expected one");
  return readLetter(message, hosted, declared, codec);
}

describe("readLetter()", () => {
  const nameOf = (_: string, data: unknown) => (data as { cart: string }).cart;

  test("reads JSON, and CBOR with integers as the schema has them", () => {
    expect(read('{"cart":"a"}', nameOf)).toEqual({ name: "a", argument: { cart: "a" } });
    const bytes = codec.encode({ cart: "a", big: 7 }).slice();
    expect(read(bytes, nameOf, "application/cbor")).toEqual({ name: "a", argument: { cart: "a", big: 7n } });
    expect(read('{"cart":"a"}', (subject) => subject)).toMatchObject({ name: "orders.x" });
  });

  test("says of bytes that they never can be taken, and of a name that it may be another one next time", () => {
    for (const [payload, type] of [
      ["{", undefined],
      ["", undefined],
      ['{"cart":7}', undefined],
      [new Uint8Array([0xff]), "application/cbor"],
      ['{"cart":"a"}', "application/cbor"],
    ] as const)
      expect(read(payload, nameOf, type)).toMatchObject({ isFinal: true });
    const thrown = read('{"cart":"a"}', () => {
      throw new Error("no such shop");
    });
    expect(thrown).toMatchObject({ isFinal: false, error: { code: "handler-error", causeName: "Error" } });
    expect(thrown).toMatchObject({ error: { message: expect.stringContaining("threw no such shop") } });
    for (const name of ["", 7, undefined, "\ud800", "x".repeat(5_000), Promise.resolve("a")])
      expect(read('{"cart":"a"}', () => name)).toMatchObject({
        isFinal: false,
        error: { code: "invalid-name" },
      });
    expect(
      read('{"cart":"a"}', () => {
        throw { toString: null };
      }),
    ).toMatchObject({ isFinal: false, error: { code: "handler-error" } });
  });
});

describe("the headers of a dead letter", () => {
  const message = { subject: "orders.x", sequence: 7, header: () => undefined } as unknown as StreamMessage;
  const about = {
    of: { cluster: "shop", generation: "3k9x02ab" },
    ...{ kind: "cart", name: "ü 1", stream: "ORDERS", durable: "shop-cart-add", tries: 5 },
  };

  test("are lines of ASCII that say where it stood and why, of every class of error, and no more", () => {
    for (const code of ERROR_CODES) {
      const cause = new TypeError("SECRET cause");
      const data = { ...error(code, "Cannot do it: ü is too much\nhere"), remoteStack: "SECRET at x.ts:1" };
      const thrown = Object.assign(fromErrorData({ ...data, causeName: "SECRET", path: "a.ü" }), { cause });
      const headers = deadLetterHeaders(message, { ...about, error: toErrorData(thrown) });
      expect(headers).toMatchObject({
        ...{ "Baton-Error": code, "Baton-Tries": "5", "Baton-Stream": "ORDERS", "Baton-Sequence": "7" },
        ...{ "Baton-Subject": "orders.x", "Baton-Name": "=C3=BC=201", "Baton-Durable": "shop-cart-add" },
      });
      for (const line of Object.values(headers)) expect(line).toMatch(/^[ -~]*$/);
      expect(JSON.stringify(headers)).not.toContain("SECRET");
    }
  });

  test("hide what a handler threw", () => {
    const headers = deadLetterHeaders(message, { ...about, error: error("handler-error", "SECRET") });
    expect(JSON.stringify(headers)).not.toContain("SECRET");
  });
});
