// Who has sent a message, and the context that came along: as data, before anything travels.
import { describe, expect, test } from "bun:test";
import { ActorHeaders } from "../../actors/caller/actor_headers.ts";
import { callerOf, FROM } from "../../actors/caller/caller.ts";
import { declaredContext, unfitContextHeaders } from "../../actors/caller/context_headers.ts";
import {
  CONTEXT_BYTES_MAX,
  CONTEXT_MAX,
  type ContextEntries,
  ContextLayer,
} from "../../actors/caller/context_layer.ts";
import { HeaderMap } from "../../codec/header_map.ts";

const entries = (headers: HeaderMap | undefined) => Object.fromEntries(headers ?? []);
const map = (given: Record<string, string>) => HeaderMap.of(Object.entries(given));

describe("ContextLayer", () => {
  test("lays entries over what a message has, takes out what is undefined, and leaves the rest", () => {
    const layer = ContextLayer.of({ tenant: "acme", trace: undefined, "a.b_c-1": "" });
    const under = map({ trace: "1", user: "u", tenant: "old" });
    expect(entries(layer.over(under))).toEqual({ user: "u", tenant: "acme", "a.b_c-1": "" });
    expect(entries(layer.over(undefined))).toEqual({ tenant: "acme", "a.b_c-1": "" });
    expect(ContextLayer.of({ trace: undefined }).over(map({ trace: "1" }))).toBe(undefined);
  });

  test("over another one keeps what that says, and what it takes out", () => {
    const first = ContextLayer.of({ a: "1", b: "1", c: undefined });
    const both = ContextLayer.of({ b: "2" }, first);
    expect(entries(both.over(map({ c: "0", d: "0" })))).toEqual({ a: "1", b: "2", d: "0" });
    expect(entries(first.over(undefined))).toEqual({ a: "1", b: "1" });
  });

  test("gives the same map again while nothing else is handled", () => {
    const layer = ContextLayer.of({ a: "1" });
    const handled = map({ b: "1" });
    expect(layer.over(handled)).toBe(layer.over(handled));
    expect(entries(layer.over(map({ b: "2" })))).toEqual({ a: "1", b: "2" });
  });

  test("refuses keys and values that cannot be", () => {
    const bad: Record<string, unknown>[] = [
      ...["", "A", "a b", ":from", "-a", ".a", "__proto__x", "ü", "a".repeat(65), "a\n"].map((key) => ({
        [key]: "",
      })),
      ...["baton-caller", "baton-"].map((key) => ({ [key]: "x" })),
      ...[1, null, {}, ["x"], "\ud800"].map((value) => ({ a: value })),
    ];
    for (const given of bad)
      expect(() => ContextLayer.of(given as ContextEntries)).toThrow(
        expect.objectContaining({ code: "invalid-argument", retryable: false }),
      );
    expect(() => ContextLayer.of({ secret: "\ud800" })).toThrow(
      /^Cannot send a context: the value of "secret"/,
    );
    expect(() => ContextLayer.of({ ["a".repeat(64)]: "" })).not.toThrow();
  });

  test("refuses what is above the bounds, by itself or with what it is laid over, and counts bytes", () => {
    const many = (count: number, prefix = "k") =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, ""]));
    expect(() => ContextLayer.of(many(CONTEXT_MAX))).not.toThrow();
    expect(() => ContextLayer.of(many(CONTEXT_MAX + 1))).toThrow(/it has 17 entries, and may have 16/);
    expect(() => ContextLayer.of({ k: "ü".repeat((CONTEXT_BYTES_MAX - 2) / 2) })).not.toThrow();
    expect(() => ContextLayer.of({ k: "ü".repeat(CONTEXT_BYTES_MAX / 2) })).toThrow(/it has 1025 bytes/);
    const layer = ContextLayer.of(many(1, "mine"));
    expect(() => layer.over(map(many(CONTEXT_MAX)))).toThrow(/it has 17 entries/);
    // from whom it comes does not count
    expect(entries(layer.over(map({ ...many(15), [FROM]: "cart/x" })))).toMatchObject({ [FROM]: "cart/x" });
  });
});

describe("callerOf()", () => {
  const node = "n1";
  test("tells actors, nodes, gateways and timers apart", () => {
    const none = { chain: [], headers: undefined };
    expect(callerOf({ ...none, node })).toEqual({ via: "node", node, context: {} });
    expect(callerOf(none)).toEqual({ via: "timer", context: {} });
    for (const via of ["door", "http"] as const)
      expect(callerOf({ ...none, node, headers: map({ [FROM]: via, a: "1" }) })).toEqual({
        ...{ via, node, context: { a: "1" } },
      });
    const actor = { via: "actor", kind: "cart", name: "a/b", node, context: { t: "x" } };
    const told = map({ [FROM]: "cart/a/b", t: "x" });
    expect(callerOf({ ...none, node, headers: told })).toEqual(actor as never);
    const asked = { chain: ["order/1", "cart/a/b"], headers: map({ t: "x" }) };
    expect(callerOf({ ...asked, node })).toEqual(actor as never);
  });

  test("takes what it does not know for a node, and has nothing that was not given", () => {
    for (const from of ["gateway", "/x", ""])
      expect(callerOf({ node, chain: [], headers: map({ [FROM]: from }) })).toMatchObject({ via: "node" });
    const { context } = callerOf({ node, chain: [], headers: map({ a: "1" }) });
    for (const key of ["constructor", "toString", "__proto__"]) expect(context[key]).toBe(undefined);
    expect(Object.isFrozen(context)).toBe(true);
  });
});

describe("ActorHeaders", () => {
  const own = new ActorHeaders("cart/x");

  test("of a message without a context are nothing for an ask, and one and the same for every tell", () => {
    expect(own.ofAsks(undefined)).toBe(undefined);
    expect(entries(own.ofTells(undefined))).toEqual({ [FROM]: "cart/x" });
    expect(own.ofTells(undefined)).toBe(own.ofTells(map({ [FROM]: "order/1" })));
    expect(own.ofAsks(map({ [FROM]: "door" }))).toBe(undefined);
  });

  test("carry a context on, and name this actor in place of the one before", () => {
    const handled = map({ [FROM]: "order/1", t: "x" });
    expect(entries(own.ofAsks(handled))).toEqual({ t: "x" });
    expect(entries(own.ofTells(handled))).toEqual({ t: "x", [FROM]: "cart/x" });
    expect(own.ofTells(handled)).toBe(own.ofTells(handled));
  });
});

describe("headers of a client", () => {
  test("enter only if they are named", () => {
    const given: Record<string, string> = { tenant: "acme", [FROM]: "cart/x", admin: "yes" };
    const entered = declaredContext(["tenant", "trace"], (name) => given[name]);
    expect(entries(ContextLayer.of(entered).over(undefined))).toEqual({ tenant: "acme" });
  });

  test("cannot be named by what is no key, nor in any number", () => {
    expect(unfitContextHeaders([])).toBe(undefined);
    expect(unfitContextHeaders(["x-tenant", "traceparent"])).toBe(undefined);
    for (const names of ["a", null, [1], ["X-Tenant"], ["baton-name"], [FROM], Array(17).fill("a")])
      expect(typeof unfitContextHeaders(names)).toBe("string");
  });
});
