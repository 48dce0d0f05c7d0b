// How far a stream has come at an actor, beside its state and as a header.
import { describe, expect, test } from "bun:test";
import { Annex } from "../../actors/annex/annex.ts";
import { ANNEX_PARTS } from "../../actors/annex/parts.ts";
import { callerOf, FROM } from "../../actors/caller/caller.ts";
import { ActorHeaders } from "../../actors/caller/actor_headers.ts";
import {
  isPast,
  movedTo,
  POSITION,
  POSITIONS,
  POSITIONS_MAX,
  type Position,
  positionOf,
  writtenPosition,
} from "../../actors/subscription/position.ts";
import { ByteWriter } from "../../codec/bytes.ts";
import { HeaderMap } from "../../codec/header_map.ts";

const at = (sequence: number, reader = "shop-cart-add", made = 1_700_000_000_123): Position => {
  return { reader, made, sequence };
};
const headers = (value: string) => HeaderMap.of([[POSITION, value]]) as HeaderMap;

describe("the position of a stream at an actor", () => {
  test("tells what has had its effect: of the same reader, and of the same stream", () => {
    const annex = movedTo(Annex.EMPTY, at(7));
    expect([6, 7, 8].map((sequence) => isPast(annex, at(sequence)))).toEqual([true, true, false]);
    expect(isPast(annex, at(1, "other"))).toBe(false);
    expect(isPast(annex, at(1, "shop-cart-add", 1_800_000_000_000))).toBe(false); // made anew
    expect(isPast(annex, at(99, "shop-cart-add", 1_600_000_000_000))).toBe(true); // of a stream that was before
    expect(isPast(Annex.EMPTY, at(1))).toBe(false);
  });

  test("goes with the annex as section 7, byte by byte", () => {
    const annex = movedTo(movedTo(Annex.EMPTY, at(300, "a", 5)), at(2, "b", 6));
    const hex = [...annex.bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    expect(hex).toBe("070a02016105ac020162" + "0602");
    const read = Annex.read(annex.bytes, ANNEX_PARTS);
    expect(read.get(POSITIONS)).toEqual(annex.get(POSITIONS) as never);
    expect(read.staysLoaded).toBe(false);
  });

  test("is bounded: the reader that was silent for longest is forgotten", () => {
    let annex = Annex.EMPTY;
    for (let i = 0; i < POSITIONS_MAX; i++) annex = movedTo(annex, at(1, `r${i}`));
    annex = movedTo(annex, at(2, "r0"));
    annex = movedTo(annex, at(1, "new"));
    expect(annex.get(POSITIONS)?.size).toBe(POSITIONS_MAX);
    expect([isPast(annex, at(2, "r0")), isPast(annex, at(1, "r1"))]).toEqual([true, false]);
    const writer = new ByteWriter();
    const tooMany = new Map(
      Array.from({ length: POSITIONS_MAX + 1 }, (_, i) => [`r${i}`, { made: 1, sequence: 1 }]),
    );
    POSITIONS.write(writer, tooMany);
    const bytes = writer.finish().slice();
    expect(() =>
      Annex.read(new Uint8Array([7, (bytes.length % 128) | 128, bytes.length >> 7, ...bytes]), ANNEX_PARTS),
    ).toThrow("32 are the most");
  });

  test("is written as a header, and nothing else is read as one", () => {
    const { reader, made, sequence } = at(42);
    expect(positionOf(headers(writtenPosition(at(42))))).toEqual({ reader, made, sequence });
    for (const other of ["", "1 2", "x 2 r", "1 2 a b", "1 -2 r", `1 2 ${"r".repeat(257)}`, "1e3 2 r"])
      expect(positionOf(headers(other || " "))).toBeUndefined();
  });

  test("goes no further than to the actor: neither into its context, nor along with what it sends", () => {
    const all = HeaderMap.of([
      [FROM, "stream"],
      [POSITION, writtenPosition(at(1))],
      ["tenant", "a"],
    ]) as HeaderMap;
    expect(callerOf({ node: "n", chain: [], headers: all })).toEqual({
      via: "stream",
      node: "n",
      context: { tenant: "a" },
    });
    const own = new ActorHeaders("cart/x");
    expect([...(own.ofAsks(all) ?? [])]).toEqual([["tenant", "a"]]);
    expect([...(own.ofTells(all) ?? [])]).toEqual([
      ["tenant", "a"],
      [FROM, "cart/x"],
    ]);
  });
});
