import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { Annex } from "../../actors/annex/annex.ts";
import {
  joined,
  left,
  MEMBER_META_BYTES_MAX,
  MEMBERSHIPS,
  MEMBERSHIPS_MAX,
  packMemberMeta,
  unpackMemberMeta,
} from "../../actors/annex/memberships.ts";
import { ANNEX_PARTS } from "../../actors/annex/parts.ts";
import { checkJoins, groupKey, splitGroupKey } from "../../actors/group/group.ts";
import { createCodec } from "../../codec/codec.ts";
import { type Actor, ask, defineActor, defineGroup, tell } from "../../mod.ts";

const codec = createCodec();
const Room = defineGroup("room", { messages: { said: tell(z.string()) } });
const kind = (messages: Parameters<typeof defineActor>[1]["messages"]) =>
  defineActor("guest", { state: z.any(), stateVersion: 1, messages });

describe("memberships", () => {
  test("are the same after they were written and read", () => {
    const meta = packMemberMeta({ nick: "ann" }, codec);
    const groups = joined(
      joined(undefined, groupKey(Room, "a/b"), meta),
      groupKey(Room, "7"),
      packMemberMeta(undefined, codec),
    );
    const annex = Annex.EMPTY.with(MEMBERSHIPS, groups);
    expect(annex.staysLoaded).toBe(true);
    const read = Annex.read(annex.bytes, ANNEX_PARTS).get(MEMBERSHIPS);
    expect([...(read ?? [])].map(([key, bytes]) => [key, unpackMemberMeta(bytes, codec)])).toEqual([
      ["room/7", undefined],
      ["room/a/b", { nick: "ann" }],
    ]);
    expect(splitGroupKey("room/a/b")).toEqual({ group: "room", name: "a/b" });
    expect(left(left(groups, "room/7") ?? groups, "room/a/b")).toBeUndefined();
  });

  test("have bounds, which an error names", () => {
    let groups = joined(undefined, "room/0", new Uint8Array());
    for (let i = 1; i < MEMBERSHIPS_MAX; i++) groups = joined(groups, `room/${i}`, new Uint8Array());
    expect(joined(groups, "room/0", new Uint8Array(1)).size).toBe(MEMBERSHIPS_MAX);
    expect(() => joined(groups, "room/more", new Uint8Array())).toThrow(`in ${MEMBERSHIPS_MAX}`);
    expect(() => packMemberMeta("x".repeat(MEMBER_META_BYTES_MAX), codec)).toThrow(
      `${MEMBER_META_BYTES_MAX} are the most`,
    );
    expect(() => packMemberMeta(() => {}, codec)).toThrow("meta");
  });
});

describe("who may join", () => {
  test("is whose contract declares the messages, each as the group does", () => {
    expect(() => checkJoins(kind({ said: tell(z.string()), more: tell() }), Room)).not.toThrow();
    expect(() => checkJoins(kind({ more: tell() }), Room)).toThrow("declares no such message");
    expect(() => checkJoins(kind({ said: ask(z.string(), z.null()) }), Room)).toThrow(
      "declares that as ask()",
    );
  });

  test("is checked by the compiler, schemas included", () => {
    const Fits = kind1({ said: tell(z.string()) });
    const Other = kind1({ said: tell(z.number()) });
    const Without = kind1({ more: tell() });
    const uses = (fits: Actor<typeof Fits>, other: Actor<typeof Other>, without: Actor<typeof Without>) => {
      fits.join(Room, "7");
      // @ts-expect-error its message takes a number
      other.join(Room, "7");
      // @ts-expect-error it has no such message
      without.join(Room, "7");
    };
    expect(uses.length).toBe(3);
  });

  test("is nobody for a group that cannot be", () => {
    expect(() => defineGroup("a/b", { messages: {} })).toThrow('"a/b"');
    expect(() => defineGroup("room", { messages: { join: tell() } })).toThrow("reserved");
  });
});

function kind1<M extends Parameters<typeof defineActor>[1]["messages"]>(messages: M) {
  return defineActor("guest", { state: z.any(), stateVersion: 1, messages });
}
