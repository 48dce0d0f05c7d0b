import { describe, expect, test } from "bun:test";
import { membershipEvents } from "../../cluster/membership_events.ts";
import { View } from "../../cluster/view.ts";
import { id, nodeRecord } from "./support.ts";

describe("View", () => {
  test("with() makes another version only when a record says more than a renewal", () => {
    const one = new View().with(nodeRecord(id("a")));
    expect(one.version).toBe(1);
    expect(one.with({ ...nodeRecord(id("a")), renewal: 7, nonce: "other" })).toBe(one);
    expect(one.with(nodeRecord(id("a"), "leaving")).version).toBe(2);
    expect(one.upNodes.map(({ node }) => node)).toEqual(["a"]);
  });

  test("with() makes another version when a node hosts its kinds otherwise than before", () => {
    const record = nodeRecord(id("a"));
    const one = new View().with(record);
    const newer = { ...record, kinds: record.kinds.map((hosted) => ({ ...hosted, stateVersion: 7 })) };
    const two = one.with(newer);
    expect([two.version, two.get("a")?.kinds[0]?.stateVersion]).toEqual([2, 7]);
    expect(two.with({ ...newer, renewal: 9 })).toBe(two);
    const placed = {
      ...record,
      kinds: record.kinds.map((hosted) => ({ ...hosted, placement: { spread: "zone" } })),
    };
    expect(one.with(placed).version).toBe(2);
  });

  test("isOver() is true only when there is proof", () => {
    const view = new View()
      .with(nodeRecord(id("up", 2)))
      .with(nodeRecord(id("leaving"), "leaving"))
      .with(nodeRecord(id("gone"), "gone"))
      .with(nodeRecord(id("dead"), "dead"));
    expect([id("gone"), id("dead"), id("up", 1)].map((of) => view.isOver(of))).toEqual([true, true, true]);
    for (const of of [id("up", 2), id("up", 3), id("leaving"), id("dead", 2), id("unknown")]) {
      expect(view.isOver(of)).toBe(false);
    }
  });

  test("hosting() gives the nodes that are up and host the kind", () => {
    const other = { ...nodeRecord(id("b")), kinds: [] };
    const view = new View()
      .with(other)
      .with(nodeRecord(id("c")))
      .with(nodeRecord(id("a"), "leaving"));
    expect(view.hosting("cart").map(({ node }) => node)).toEqual(["c"]);
    expect(view.nodes.map(({ node }) => node)).toEqual(["a", "b", "c"]);
    expect([view.isUp(id("b")), view.isUp(id("a")), view.isUp(id("b", 2))]).toEqual([true, false, false]);
  });
});

describe("leftSince()", () => {
  const names = (earlier: View, later: View) =>
    later.leftSince(earlier).map(({ incarnation }) => incarnation);
  const of = (...records: Parameters<View["with"]>[0][]) =>
    records.reduce((view, record) => view.with(record), new View());

  test("gives those who have gone, and those who are followed by another without having been seen to go", () => {
    const before = of(nodeRecord(id("a")), nodeRecord(id("b")), nodeRecord(id("c"), "gone"));
    expect(names(before, before)).toEqual([]);
    expect(names(before, before.with(nodeRecord(id("a"), "leaving")))).toEqual([]);
    expect(names(before, before.with(nodeRecord(id("a"), "gone")))).toEqual(["1-a"]);
    expect(names(before, before.with(nodeRecord(id("b", 2))))).toEqual(["1-b"]);
    expect(names(before, before.with(nodeRecord(id("b", 2), "gone")))).toEqual(["1-b", "2-b"]);
    expect(names(before, before.with(nodeRecord(id("c", 2))))).toEqual([]);
    expect(names(before, before.with(nodeRecord(id("d"), "gone")))).toEqual(["1-d"]);
  });

  test("gives none whose death is proven: nobody is answered by the dead", () => {
    const before = of(nodeRecord(id("a")));
    expect(names(before, before.with(nodeRecord(id("a"), "dead")))).toEqual([]);
  });
});

describe("membershipEvents()", () => {
  const types = (...records: Parameters<typeof membershipEvents>) =>
    membershipEvents(...records).map(({ type, incarnation }) => `${type} ${incarnation}`);

  test("says who came, left and was lost", () => {
    expect(types(undefined, nodeRecord(id("a")))).toEqual(["node-joined 1-a"]);
    expect(types(nodeRecord(id("a")), nodeRecord(id("a"), "leaving"))).toEqual([]);
    expect(types(nodeRecord(id("a"), "leaving"), nodeRecord(id("a"), "gone"))).toEqual(["node-left 1-a"]);
    expect(types(nodeRecord(id("a")), nodeRecord(id("a"), "dead"))).toEqual(["node-lost 1-a"]);
    expect(types(undefined, nodeRecord(id("a"), "dead"))).toEqual([]);
  });

  test("says that the former was lost when another follows it", () => {
    expect(types(nodeRecord(id("a")), nodeRecord(id("a", 2)))).toEqual(["node-lost 1-a", "node-joined 2-a"]);
    expect(types(nodeRecord(id("a"), "gone"), nodeRecord(id("a", 2)))).toEqual(["node-joined 2-a"]);
  });
});
