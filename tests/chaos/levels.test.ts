import { describe, expect, test } from "bun:test";
import { grown, limitOf } from "../../chaos/soak/levels.ts";

describe("grown()", () => {
  test("finds what must not grow at all and did, and what was not there before", () => {
    const found = grown(
      { connections: 5, "a.consumers": 40 },
      { connections: 6, "a.consumers": 40, "b.consumers": 1 },
    );
    expect(found).toEqual({
      connections: { before: 5, after: 6, limit: 5 },
      "b.consumers": { before: 0, after: 1, limit: 0 },
    });
  });

  test("lets memory be a share above what it was, and no more", () => {
    const before = { "n0.heapBytes": 100_000_000 };
    const limit = limitOf("n0.heapBytes", 100_000_000);
    expect(limit).toBeGreaterThan(100_000_000);
    expect(grown(before, { "n0.heapBytes": Math.floor(limit) })).toEqual({});
    expect(Object.keys(grown(before, { "n0.heapBytes": Math.ceil(limit) + 1 }))).toEqual(["n0.heapBytes"]);
  });

  test("is content with less", () => {
    expect(grown({ subscriptions: 20, "n0.peers": 4 }, { subscriptions: 18, "n0.peers": 3 })).toEqual({});
  });
});
