// What is said next about a watch, by where it stands and what the record of the shard says.
import { describe, expect, test } from "bun:test";
import type { NodeId, ShardRecord } from "../../../cluster/records/schemas.ts";
import { nextWord, type WatchSight } from "../../../delivery/watching/next_word.ts";

const [a, b] = ["a", "b"].map((node) => ({ node, incarnation: "1-x" })) as [NodeId, NodeId];
const record = (more: Partial<ShardRecord> = {}): ShardRecord => ({
  ...{ owner: a, epoch: 5, floor: 1, state: "owned", late: [], nonce: "n" },
  ...more,
});
const word = (more: Partial<WatchSight>, ...over: NodeId[]) => {
  const isOver = ({ node }: NodeId) => over.some((each) => each.node === node);
  return nextWord({
    ...{
      name: "x",
      stage: "standing",
      confirmed: { owner: a, epoch: 5 },
      record: record(),
      isInMemory: true,
      isOver,
    },
    ...more,
  });
};
/** Node "b" has claimed the shard of "a", which is dead. */
const claimed = (more: Partial<ShardRecord> = {}) => ({
  record: record({ owner: b, epoch: 7, floor: 7, ...more }),
});

describe("about a watch", () => {
  test("nothing is said as long as the owner who has confirmed it has the shard", () => {
    expect(word({})).toBe("none");
    expect(word({ record: record({ state: "moving", to: b, moveId: "m" }) })).toBe("none");
    expect(word({ record: record({ epoch: 4 }) })).toBe("none"); // an older view
  });

  test("the owner is asked until it has confirmed it, and after each change of owner", () => {
    expect(word({ stage: "asked", confirmed: undefined })).toBe("ask");
    expect(word({ confirmed: undefined })).toBe("ask");
    expect(word({ record: record({ owner: b, epoch: 6 }) })).toBe("ask");
    expect(word({ stage: "asked", confirmed: undefined, record: undefined })).toBe("ask");
  });

  test("whoever has the shard next is waited for", () => {
    expect(word({ confirmed: undefined, record: undefined })).toBe("none");
    expect(word({ confirmed: undefined }, a)).toBe("none");
    expect(word({ confirmed: undefined, record: record({ state: "parked" }) })).toBe("none");
  });

  test("what lived in memory is lost when its shard was claimed, and nobody is asked", () => {
    expect(word(claimed(), a)).toBe("lost");
    expect(word(claimed({ epoch: 9, floor: 8 }), a)).toBe("lost");
  });

  test("the owner is asked all the same of what may have survived", () => {
    expect(word({ ...claimed(), isInMemory: false }, a)).toBe("ask"); // stored
    expect(word(claimed({ late: [{ name: "x", at: b }] }), a)).toBe("ask"); // it was late elsewhere
    expect(word(claimed())).toBe("ask"); // its record was removed and written anew: its owner lives
    expect(word({ ...claimed(), confirmed: undefined }, a)).toBe("ask"); // the watcher has moved meanwhile
    expect(word(claimed({ floor: 5 }), a)).toBe("ask"); // handed over, and then left
  });

  test("that is not wanted any more its owner is told, whoever that is", () => {
    expect(word({ stage: "leaving" })).toBe("unask");
    expect(word({ stage: "leaving", record: undefined })).toBe("unask");
  });
});
