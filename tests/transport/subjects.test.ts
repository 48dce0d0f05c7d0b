import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ConfigurationError, InvalidNameError } from "../../errors.ts";
import {
  bucketOf,
  checkIdentifier,
  checkName,
  decodeToken,
  encodeToken,
  isPublishable,
  keys,
  matcher,
  NAME_MAX_BYTES,
  subjects,
} from "../../transport/subjects.ts";

const LEGAL_TOKEN = /^[A-Za-z0-9_=-]{1,200}$/;

const name: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary", minLength: 1 }),
  fc.string({ minLength: 1, maxLength: 260 }),
  fc.constantFrom(
    "*",
    ">",
    "a.b",
    "a b",
    "\r\n",
    "\0",
    "$SYS.x",
    "../a",
    "ü",
    "é",
    "é",
    "=41",
    "A",
    "=h",
    "=",
    "\uFEFF",
  ),
);

describe("subjects", () => {
  test("encodeToken() gives one legal token and its name comes back when it is not hashed", () => {
    fc.assert(
      fc.property(name, (given) => {
        const token = encodeToken(given);
        expect(token).toMatch(LEGAL_TOKEN);
        expect(decodeToken(token)).toBe(token.startsWith("=h") ? undefined : given);
      }),
      { numRuns: 3000 },
    );
  });

  test("encodeToken() gives different tokens when names differ", () => {
    fc.assert(
      fc.property(name, name, (one, other) => {
        expect(encodeToken(one) === encodeToken(other)).toBe(one === other);
      }),
      { numRuns: 3000 },
    );
  });

  test("encodeToken() writes the documented form when names are fixed", () => {
    expect(encodeToken("Alice_9-x")).toBe("Alice_9-x");
    expect(encodeToken("a.b*> ")).toBe("a=2Eb=2A=3E=20");
    expect(encodeToken("ü=")).toBe("=C3=BC=3D");
    expect(encodeToken("x".repeat(200))).toBe("x".repeat(200));
    expect(encodeToken("x".repeat(201))).toMatch(/^=h[0-9a-f]{64}$/);
    expect(encodeToken("ü".repeat(34))).toMatch(/^=h[0-9a-f]{64}$/);
    expect(encodeToken("ü".repeat(33)).length).toBe(198);
  });

  test.each([
    ["empty", ""],
    ["a lone surrogate", "a\uD800"],
    ["4,097 bytes", "x".repeat(NAME_MAX_BYTES + 1)],
    ["4,098 bytes of 2,049 characters", "ü".repeat(2049)],
  ])("encodeToken() throws InvalidNameError when a name is %s", (_what, given) => {
    expect(() => encodeToken(given)).toThrow(InvalidNameError);
    expect(() => checkName(given)).toThrow(InvalidNameError);
    expect(() => subjects("c").door("Cart", given, "add")).toThrow(InvalidNameError);
  });

  test("checkName() throws InvalidNameError when it is no string", () => {
    for (const given of [undefined, null, 1, {}, ["a"]])
      expect(() => checkName(given)).toThrow(InvalidNameError);
    checkName("x".repeat(NAME_MAX_BYTES));
    checkName("ü".repeat(NAME_MAX_BYTES / 2));
  });

  test.each(["", "=", "=4", "=4g", "=c3", "=41", "=C3", "a.b", "=2e", "=h12", "ü", "a b", "x".repeat(201)])(
    "decodeToken() is undefined when the token is '%s'",
    (token) => {
      expect(decodeToken(token)).toBeUndefined();
    },
  );

  test("checkIdentifier() throws ConfigurationError when a word of the program has another form", () => {
    for (const word of ["Cart", "a", "a_b-c9", "x".repeat(64)]) checkIdentifier("the kind", word);
    const wrong = ["", "9a", "_a", "a.b", "a b", "ü", "a\n", "x".repeat(65), "*", undefined, null, 1, {}];
    for (const word of wrong) expect(() => checkIdentifier("the kind", word)).toThrow(ConfigurationError);
    expect(() => subjects("a.b")).toThrow(ConfigurationError);
    expect(() => bucketOf(">")).toThrow(ConfigurationError);
    expect(bucketOf("shop")).toBe("baton-shop");
  });

  test("subjects() builds the documented subjects", () => {
    const of = subjects("shop");
    expect(of.door("Cart", "a.b", "add")).toBe("shop.call.Cart.a=2Eb.add");
    expect(of.doorAll()).toBe("shop.call.>");
    expect(of.doorOf("Cart")).toBe("shop.call.Cart.*.*");
    expect(of.node("n1", "i9")).toBe("shop.node.n1.i9");
    expect(of.nodeAll("n1", "i9")).toBe("shop.node.n1.i9.>");
    expect(of.actor("n1", "i9", "Cart", "ü")).toBe("shop.node.n1.i9.actor.Cart.=C3=BC");
    expect(of.batch("n1", "i9")).toBe("shop.node.n1.i9.batch");
    expect(of.probe("n1", "i9")).toBe("shop.node.n1.i9.probe");
    expect(of.probeOf("n1", "i9", "n2", "i3")).toBe("shop.node.n1.i9.probe.n2.i3");
    expect(of.pulse("n1", "i9", 7)).toBe("shop.node.n1.i9.pulse.7");
    expect(of.move("n1", "i9", "m7")).toBe("shop.node.n1.i9.move.m7");
    expect(of.hello()).toBe("shop.node._.hello");
    expect(of.hint()).toBe("shop.hint");
    const all = [keys.node("n1"), keys.kind("Cart"), keys.shard("Cart", 7), keys.generation];
    expect(all).toEqual(["nodes.n1", "kinds.Cart", "shards.Cart.7", "generation"]);
  });

  test("parseDoor() takes apart what door() built, and nothing else", () => {
    const of = subjects("shop");
    fc.assert(
      fc.property(name, (given) => {
        const token = encodeToken(given);
        const parsed = of.parseDoor(of.door("Cart", given, "add"));
        const back = token.startsWith("=h") ? undefined : given;
        expect(parsed).toEqual({ kind: "Cart", token, name: back, message: "add" });
      }),
    );
    const wrong = ["", "shop.call", "shop.call.Cart.a", "shop.call.Cart.a.add.x", "shop.call.Cart..add"];
    wrong.push("shop.call.9.a.add", "shop.call.Cart.a.__proto__", "shops.call.Cart.a.add", "shop.hint");
    for (const subject of wrong) expect(of.parseDoor(subject)).toBeUndefined();
    expect(of.parseDoor("shop.call.Cart.=zz.add")?.name).toBeUndefined();
  });

  test("parseNode() takes apart what a node hears", () => {
    const of = subjects("shop");
    const at = { node: "n1", incarnation: "i9" };
    expect(of.parseNode(of.actor("n1", "i9", "Cart", "a"))).toEqual({
      ...at,
      channel: "actor",
      rest: "Cart.a",
    });
    expect(of.parseNode(of.move("n1", "i9", "m7"))).toEqual({ ...at, channel: "move", rest: "m7" });
    expect(of.parseNode(of.batch("n1", "i9"))).toEqual({ ...at, channel: "batch", rest: "" });
    for (const subject of [
      "shop.node.n1.i9",
      "shop.node.n1",
      "shop.node.",
      "shop.hint",
      "other.node.n1.i9.batch",
    ]) {
      expect(of.parseNode(subject)).toBeUndefined();
    }
  });

  test("isPublishable() is false when a subject would be lost or would harm", () => {
    for (const subject of ["a", "a.b", "_INBOX.x.y", "$JS.API.INFO", "x".repeat(1024)]) {
      expect(isPublishable(subject)).toBe(true);
    }
    const harmful = [
      "",
      ".",
      "a.",
      ".a",
      "a..b",
      "a b",
      "a\r\nPUB x 0",
      "a.*",
      ">",
      "a.>",
      "ü",
      "\0",
      "x".repeat(1025),
    ];
    for (const subject of harmful) expect(isPublishable(subject)).toBe(false);
  });

  test("matcher() matches token by token", () => {
    const yes = [
      ["a", "a"],
      ["*", "a"],
      ["a.*", "a.b"],
      ["a.>", "a.b"],
      ["a.>", "a.b.c"],
      ["*.*.c", "a.b.c"],
      [">", "a.b"],
      ["*.>", "a.b"],
    ];
    for (const [pattern, subject] of yes) expect(matcher(pattern as string)(subject as string)).toBe(true);
    const no = [
      ["a", "b"],
      ["*", "a.b"],
      ["a.*", "a"],
      ["a.>", "a"],
      ["a.>", "a."],
      ["a.>", "ab.c"],
      ["*.*.c", "a.c"],
      ["*.>", "a"],
    ];
    for (const [pattern, subject] of no) expect(matcher(pattern as string)(subject as string)).toBe(false);
  });
});
