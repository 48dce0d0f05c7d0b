import { describe, expect, test } from "bun:test";
import { decodeCursor, encodeCursor } from "../../registry/cursor.ts";

const NAMES = ["alice", "a.b", "*", "\0", "é 👍", "~x", ".", "a\nb", "x".repeat(4_000), "ü".repeat(300)];

describe("a cursor", () => {
  test("comes back as the position that it stands for", () => {
    for (const after of [...NAMES, undefined]) {
      const position = { shard: 17, after };
      expect(decodeCursor(encodeCursor(position), 32)).toEqual(position);
    }
  });

  test("that is none, or of a shard that the kind has not, is refused", () => {
    for (const cursor of [
      "",
      "x",
      "17.",
      "32",
      "99999",
      "1.a b",
      "1.=zz",
      "-1",
      "1.~",
      7,
      null,
      {},
      "1.~\uD800",
    ])
      expect(() => decodeCursor(cursor, 32)).toThrow("`cursor` is none of this kind");
  });
});
