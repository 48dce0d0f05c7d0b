import { describe, expect, test } from "bun:test";
import { PeerClocks } from "../../cluster/peer_clocks.ts";
import type { NodeRecord } from "../../cluster/records/schemas.ts";

const HOUR = 3_600_000;
let now = 0;

function clocks(): { clocks: PeerClocks; told: string[] } {
  const told: string[] = [];
  const onApart = ({ node, incarnation }: { node: string; incarnation: string }, byMs: number) =>
    void told.push(`${node} ${incarnation} ${byMs}`);
  now = 0;
  return { clocks: new PeerClocks({ wall: () => now, onApart }), told };
}

function record(renewal: number, wallMs: number | undefined, more: Partial<NodeRecord> = {}): NodeRecord {
  return {
    node: "b",
    incarnation: "1-b",
    state: "up",
    kinds: [],
    weight: 1,
    protocol: [1],
    runtime: "bun",
    renewal,
    nonce: "n",
    ...(wallMs === undefined ? {} : { wallMs }),
    ...more,
  };
}

describe("PeerClocks", () => {
  test("know nothing from a first record, which may be of any age, nor from a node of the release before", () => {
    const { clocks: known, told } = clocks();
    now = HOUR;
    known.saw(record(7, 0));
    known.saw(record(7, 0));
    expect(known.aheadOf(record(0, 0))).toBeUndefined();
    known.saw(record(8, undefined));
    expect(known.aheadOf(record(0, 0))).toBeUndefined();
    known.saw(record(9, HOUR, { state: "dead" }));
    expect([known.aheadOf(record(0, 0)), told]).toEqual([undefined, []]);
  });

  test("take the renewal that came soonest, and follow a clock that was set", () => {
    const { clocks: known, told } = clocks();
    for (const [renewal, delayMs] of [0, 300, 10, 40_000].entries()) {
      now = renewal * 1_500 + delayMs;
      known.saw(record(renewal, renewal * 1_500));
    }
    expect(known.aheadOf(record(0, 0))).toBe(10);
    expect(told).toEqual([]);
    for (let renewal = 4; renewal < 12; renewal++) {
      now = renewal * 1_500;
      known.saw(record(renewal, now - HOUR));
    }
    expect(known.aheadOf(record(0, 0))).toBe(HOUR);
    expect(told.map((line) => line.slice(0, 6))).toEqual(["b 1-b "]); // as soon as no renewal of before is left to compare
  });

  test("tell each incarnation once, whoever finds it, and forget a node", () => {
    const { clocks: known, told } = clocks();
    for (let renewal = 0; renewal < 9; renewal++) known.saw(record(renewal, HOUR));
    known.disagree({ node: "b", incarnation: "1-b" }, 5_000);
    for (let i = 0; i < 3; i++) known.disagree({ node: "gone", incarnation: "4-x" }, -7_000);
    known.saw(record(1, 0, { incarnation: "2-b" }));
    expect(known.aheadOf(record(0, 0))).toBeUndefined();
    known.disagree({ node: "b", incarnation: "2-b" }, 9_000);
    expect(told).toEqual([`b 1-b ${-HOUR}`, "gone 4-x -7000", "b 2-b 9000"]);
    for (let renewal = 2; renewal < 4; renewal++) known.saw(record(renewal, 0, { incarnation: "2-b" }));
    known.forget("b");
    expect(known.aheadOf(record(0, 0, { incarnation: "2-b" }))).toBeUndefined();
  });
});
