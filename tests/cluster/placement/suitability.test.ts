import { describe, expect, test } from "bun:test";
import { suitable } from "../../../cluster/placement/suitability.ts";
import type { NodeRecord, PlacementRule } from "../../../cluster/records/schemas.ts";

function node(name: string, more: Partial<NodeRecord> = {}, placement?: PlacementRule): NodeRecord {
  const kind = {
    kind: "cart",
    shards: 16,
    stateVersion: 1,
    ...(placement === undefined ? {} : { placement }),
  };
  return {
    ...{ node: name, incarnation: `1-${name}`, state: "up", kinds: [kind], weight: 1, protocol: [2] },
    ...{ runtime: "", renewal: 0, nonce: "x", ...more },
  };
}

const all = () => true;

/** Names of those that get shards, those that keep theirs, and whether all is frozen. */
function sorted(records: readonly NodeRecord[], canServe = all): [string, string, boolean] {
  const { candidates, keepers, isFrozen } = suitable("cart", records, canServe);
  return [candidates.map(({ id }) => id.node).join(""), keepers.map(({ node }) => node).join(""), isFrozen];
}

describe("suitable()", () => {
  test("takes all that are up, but those without weight and those that cannot serve the kind", () => {
    expect(sorted([node("a"), node("b", { weight: 0 }), node("c")])).toEqual(["ac", "", false]);
    expect(sorted([node("a"), node("b")], () => false)).toEqual(["", "", false]);
  });

  test("lets a cordoned node keep what it has, and one that drains not even that", () => {
    expect(sorted([node("a", { cordon: "cordoned" }), node("b", { cordon: "draining" }), node("c")])).toEqual(
      ["c", "a", false],
    );
  });

  test("gives to the newest version only, lets the others keep what they have, and freezes the rest", () => {
    const records = [
      node("a", { version: "1.9" }),
      node("b", { version: "1.10" }),
      node("c"),
      node("d", { version: "1.10" }),
    ];
    expect(sorted(records)).toEqual(["bd", "ac", true]);
  });

  test("does not wait for a newest that is cordoned or lacks a label", () => {
    expect(sorted([node("a", { version: "1" }), node("b", { version: "2", cordon: "cordoned" })])).toEqual([
      "a",
      "b",
      false,
    ]);
    expect(sorted([node("a", { version: "1" }), node("b", { version: "2", cordon: "draining" })])).toEqual([
      "a",
      "",
      false,
    ]);
    const rule = { require: { gpu: "yes" } };
    const records = [
      node("a", { version: "1", labels: { gpu: "yes" } }, rule),
      node("b", { version: "2" }, rule),
    ];
    expect(sorted(records)).toEqual(["a", "", false]);
  });

  test("says what is lacking where no node has the labels, and only there", () => {
    const rule = { require: { gpu: "yes", zone: "a" } };
    expect(suitable("cart", [node("a", { labels: { gpu: "yes" } }, rule)], all).lacking).toEqual(
      rule.require,
    );
    expect(suitable("cart", [], all).lacking).toBeUndefined();
    expect(suitable("cart", [node("a", { labels: rule.require }, rule)], all).lacking).toBeUndefined();
    expect(suitable("cart", [node("a", {}, rule)], () => false).lacking).toBeUndefined();
  });

  test("drops what is preferred from its end, until a node has it", () => {
    const rule = { prefer: { zone: "a", disk: "fast" } };
    const [plain, zone, both] = [
      node("p", {}, rule),
      node("z", { labels: { zone: "a" } }, rule),
      node("b", { labels: { zone: "a", disk: "fast" } }, rule),
    ];
    expect(sorted([plain, zone, both])[0]).toBe("b");
    expect(sorted([plain, zone])[0]).toBe("z");
    expect(sorted([plain, node("d", { labels: { disk: "fast" } }, rule)])[0]).toBe("pd");
  });

  test("says the zone of each by the label to spread over; those without it share one", () => {
    const rule = { spread: "zone" };
    const { candidates } = suitable(
      "cart",
      [node("a", { labels: { zone: "x" } }, rule), node("b", {}, rule)],
      all,
    );
    expect(candidates.map(({ zone }) => zone)).toEqual(["x", ""]);
  });

  test("goes by one rule where nodes have several: that of the newest version, whoever looks", () => {
    const [x, y] = [{ require: { zone: "x" } }, { require: { zone: "y" } }];
    const [labelsX, labelsY] = [{ labels: x.require }, { labels: y.require }];
    expect(
      sorted([node("a", { version: "1", ...labelsX }, x), node("b", { version: "2", ...labelsY }, y)])[0],
    ).toBe("b");
    const [one, other] = [node("a", labelsX, x), node("b", labelsY, y)];
    expect(sorted([one, other])).toEqual(sorted([other, one]));
    expect(sorted([one, other])[0]).toBe("b");
  });
});
