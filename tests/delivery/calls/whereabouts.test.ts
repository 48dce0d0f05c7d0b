import { describe, expect, test } from "bun:test";
import { howParked, readableHere, whereIs } from "../../../delivery/calls/whereabouts.ts";
import { id, nodeRecord, shardRecord } from "../../cluster/support.ts";

const host = (name: string, stateVersion: number, kind = "cart") => ({
  ...nodeRecord(id(name)),
  kinds: [{ kind, shards: 16, stateVersion }],
});
const parked = shardRecord({
  state: "parked",
  moveId: "m",
  parked: { chunks: 1, bytes: 1, hash: "0".repeat(64), actors: 1, stateVersion: 2 },
});
const where = (given: Partial<Parameters<typeof whereIs>[0]>) =>
  whereIs({ kind: "cart", record: undefined, hosts: [host("a", 1)], isOver: () => false, ...given }).words;

describe("whereIs()", () => {
  test("names the versions of what is parked and nobody reads", () => {
    expect(where({ record: parked })).toBe("is parked with state version 2, nodes here read up to 1");
    expect(where({ record: parked, hosts: [host("a", 1), host("b", 2)] })).toBe(
      "is parked, and not restored yet",
    );
    expect(where({ record: parked, hosts: [] })).toBe("is parked, and no node that is up hosts its kind");
  });

  test("tells who is missing of what is not parked", () => {
    expect(where({})).toBe("has no known owner");
    expect(where({ hosts: [] })).toBe("has no known owner, and no node that is up hosts its kind");
    expect(where({ record: shardRecord() })).toBe("is owned, and it could not be sent");
    const lost = { record: shardRecord(), isOver: () => true };
    expect(where(lost)).toBe("has lost its owner, and nobody has claimed it yet");
    expect(where({ ...lost, hosts: [] })).toBe("has lost its owner, and no node that is up hosts its kind");
  });
});

describe("readableHere()", () => {
  test("is the newest version of the kind, and of no other", () => {
    expect(readableHere("cart", [host("a", 1), host("b", 4), host("c", 9, "other")])).toBe(4);
    expect(readableHere("cart", [host("c", 9, "other")])).toBeUndefined();
    expect(howParked("cart", 5, [host("b", 4)])).toBe("parked with state version 5, nodes here read up to 4");
  });
});
