import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { verdict } from "../../handoff/move/move.ts";
import * as source from "../../handoff/move/source.ts";
import * as target from "../../handoff/move/target.ts";
import { id, shardRecord } from "../cluster/support.ts";

type SourceAt = source.SourceState["at"];
type TargetAt = target.TargetState["at"];

const SOURCE_STATES: readonly source.SourceState[] = [
  { at: "offering" },
  { at: "preparing" },
  { at: "waiting" },
  { at: "draining" },
  { at: "transferring" },
  { at: "reclaiming" },
  { at: "kept", reason: "x" },
  { at: "committed" },
  { at: "superseded" },
];
const SOURCE_EVENTS: readonly source.SourceEvent[] = [
  { type: "accepted" },
  { type: "declined", reason: "full" },
  { type: "silence" },
  { type: "prepared" },
  { type: "turn" },
  { type: "drained" },
  { type: "failed", reason: "broken" },
  { type: "target-over" },
  { type: "reclaimed" },
  { type: "committed" },
  { type: "superseded" },
  { type: "missing" },
];

/** Every legal row: state, event, next state, effects. */
const SOURCE_ROWS: readonly (readonly [
  SourceAt,
  source.SourceEvent["type"],
  SourceAt,
  ...source.SourceEffect[],
])[] = [
  ["offering", "accepted", "preparing", "prepare"],
  ["offering", "declined", "kept"],
  ["offering", "failed", "kept"],
  ["offering", "silence", "kept"],
  ["offering", "target-over", "kept"],
  ["offering", "superseded", "superseded", "drop"],
  ["offering", "missing", "kept"],
  ["preparing", "prepared", "waiting", "wait"],
  ["preparing", "failed", "kept", "resume"],
  ["preparing", "superseded", "superseded", "drop"],
  ["preparing", "missing", "kept", "resume"],
  ["waiting", "turn", "draining", "drain"],
  ["waiting", "silence", "reclaiming", "reclaim"],
  ["waiting", "declined", "reclaiming", "reclaim"],
  ["waiting", "target-over", "reclaiming", "reclaim"],
  ["waiting", "superseded", "superseded", "drop"],
  ["waiting", "missing", "reclaiming", "reclaim"],
  ["draining", "drained", "transferring", "seal"],
  ["draining", "failed", "reclaiming", "reclaim"],
  ["draining", "target-over", "reclaiming", "reclaim"],
  ["draining", "superseded", "superseded", "drop"],
  ["draining", "missing", "reclaiming", "reclaim"],
  ["transferring", "silence", "reclaiming", "reclaim"],
  ["transferring", "declined", "reclaiming", "reclaim"],
  ["transferring", "failed", "reclaiming", "reclaim"],
  ["transferring", "target-over", "reclaiming", "reclaim"],
  ["transferring", "committed", "committed", "release"],
  ["transferring", "superseded", "superseded", "drop"],
  ["transferring", "missing", "reclaiming", "reclaim"],
  ["reclaiming", "silence", "reclaiming", "reclaim"],
  ["reclaiming", "reclaimed", "kept", "resume"],
  ["reclaiming", "committed", "committed", "release"],
  ["reclaiming", "superseded", "superseded", "drop"],
  ["reclaiming", "missing", "reclaiming", "reclaim"],
];

describe("source step()", () => {
  test("follows the table, and any other pair changes nothing", () => {
    for (const state of SOURCE_STATES) {
      for (const event of SOURCE_EVENTS) {
        const row = SOURCE_ROWS.find(([at, type]) => at === state.at && type === event.type);
        const [next, ...effects] = source.step(state, event);
        const pair = `${state.at} ${event.type}`;
        expect([pair, next.at, ...effects]).toEqual([pair, ...(row ? row.slice(2) : [state.at])]);
        if (!row) expect(next).toBe(state);
      }
    }
  });

  test("says why a shard was kept", () => {
    expect(source.step({ at: "offering" }, { type: "declined", reason: "full" })[0]).toEqual({
      at: "kept",
      reason: "full",
    });
    expect(source.step({ at: "offering" }, { type: "silence" })[0]).toMatchObject({
      reason: expect.stringMatching(/./),
    });
  });

  test("keeps a shard whose record is missing, at each of its steps", () => {
    for (const at of ["offering", "preparing"] as const)
      expect(source.step({ at }, { type: "missing" })[0]).toMatchObject({
        at: "kept",
        reason: "its record is missing",
      });
    for (const at of ["draining", "transferring", "reclaiming"] as const) {
      const [reclaiming, effect] = source.step({ at }, { type: "missing" });
      expect([reclaiming.at, effect]).toEqual(["reclaiming", "reclaim"]);
      expect(source.step(reclaiming, { type: "reclaimed" })).toEqual([
        { at: "kept", reason: "reclaimed" },
        "resume",
      ]);
    }
  });

  test("releases only what the record has given away, resumes only what was stopped, ends once", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("node" as const, "bucket" as const),
        fc.array(fc.constantFrom(...SOURCE_EVENTS)),
        (to, events) => {
          let [state, ...effects] = source.begin(to);
          const all: string[] = [...effects];
          let finals = 0;
          let sealed = false;
          for (const event of events) {
            const before = state;
            [state, ...effects] = source.step(state, event);
            all.push(...effects);
            if (effects.includes("release") && event.type !== "committed") return false;
            if (effects.includes("drop") && event.type !== "superseded") return false;
            if (effects.includes("seal")) sealed = true;
            // whatever is missing, the shard is kept, or won back first
            if (
              event.type === "missing" &&
              ["committed", "superseded"].includes(state.at) &&
              state !== before
            )
              return false;
            // once sealed, only the record or a reclaim that was won ends it
            if (sealed && state.at === "kept" && before.at !== "kept" && event.type !== "reclaimed")
              return false;
            if (source.isOver(state) && !source.isOver(before)) finals++;
            if (source.isOver(before) && (state !== before || effects.length > 0)) return false;
          }
          const count = (effect: string) => all.filter((each) => each === effect).length;
          return (
            finals <= 1 &&
            count("release") + count("resume") + count("drop") <= 1 &&
            count("seal") <= 1 &&
            count("prepare") <= 1
          );
        },
      ),
      { numRuns: 2_000, seed: 7 },
    );
  });
});

describe("verdict()", () => {
  const [A, B] = [id("a"), id("b")];
  const of = (record: Parameters<typeof verdict>[3]) => verdict(A, 5, "mine", record);
  const parked = { chunks: 1, bytes: 1, hash: "0".repeat(64), actors: 1, stateVersion: 1 };

  test("says nothing as long as the record is this node's, under this epoch", () => {
    expect(of(shardRecord({ owner: A, epoch: 5, floor: 2 }))).toBeUndefined();
    expect(
      of(shardRecord({ owner: A, epoch: 5, floor: 2, state: "moving", to: B, moveId: "mine" })),
    ).toBeUndefined();
  });

  test("says that the target has committed, also when the shard has gone on by handovers", () => {
    for (const [owner, epoch] of [
      [B, 6],
      [id("c"), 7],
      [A, 7],
    ] as const)
      expect(of(shardRecord({ owner, epoch, floor: 5 }))).toBe("committed");
    expect(of(shardRecord({ owner: A, epoch: 5, state: "parked", moveId: "mine", parked }))).toBe(
      "committed",
    );
  });

  test("says that somebody else took the shard: by a claim, by another move, or by a record made anew", () => {
    expect(of(shardRecord({ owner: B, epoch: 6, floor: 6 }))).toBe("superseded");
    expect(of(shardRecord({ owner: B, epoch: 8, floor: 7 }))).toBe("superseded");
    expect(of(shardRecord({ owner: B, epoch: 1, floor: 1 }))).toBe("superseded");
    expect(of(shardRecord({ owner: A, epoch: 5, state: "parked", moveId: "other", parked }))).toBe(
      "superseded",
    );
  });

  test("says that the record is missing, and nothing more", () => {
    expect(of(undefined)).toBe("missing");
  });
});

const TARGET_STATES: readonly target.TargetState[] = [
  { at: "accepted" },
  { at: "pulling" },
  { at: "staging" },
  { at: "committing" },
  { at: "serving" },
  { at: "dropped", reason: "x" },
];
const TARGET_EVENTS: readonly target.TargetEvent[] = [
  { type: "sealed" },
  { type: "pulled" },
  { type: "staged" },
  { type: "committed" },
  { type: "lost" },
  { type: "silence" },
  { type: "failed", reason: "broken" },
];
const TARGET_ROWS: readonly (readonly [
  TargetAt,
  target.TargetEvent["type"],
  TargetAt,
  ...target.TargetEffect[],
])[] = [
  ["accepted", "sealed", "pulling", "pull"],
  ["accepted", "silence", "dropped", "drop"],
  ["accepted", "lost", "dropped", "drop"],
  ["accepted", "failed", "dropped", "drop"],
  ["pulling", "pulled", "staging", "stage"],
  ["pulling", "silence", "dropped", "drop"],
  ["pulling", "lost", "dropped", "drop"],
  ["pulling", "failed", "dropped", "drop"],
  ["staging", "staged", "committing", "commit"],
  ["staging", "lost", "dropped", "drop"],
  ["staging", "failed", "dropped", "drop"],
  ["committing", "committed", "serving", "serve"],
  ["committing", "lost", "dropped", "drop"],
];

describe("target step()", () => {
  test("follows the table, and any other pair changes nothing", () => {
    for (const state of TARGET_STATES) {
      for (const event of TARGET_EVENTS) {
        const row = TARGET_ROWS.find(([at, type]) => at === state.at && type === event.type);
        const [next, ...effects] = target.step(state, event);
        const pair = `${state.at} ${event.type}`;
        expect([pair, next.at, ...effects]).toEqual([pair, ...(row ? row.slice(2) : [state.at])]);
        if (!row) expect(next).toBe(state);
      }
    }
  });

  test("serves only what it has committed, never drops while its commit is under way, ends once", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...TARGET_EVENTS)), (events) => {
        let state: target.TargetState = { at: "accepted" };
        let ends = 0;
        for (const event of events) {
          const before: target.TargetState = state;
          const [next, ...effects] = target.step(state, event);
          state = next;
          if (effects.includes("serve") && event.type !== "committed") return false;
          if (before.at === "committing" && state.at === "dropped" && event.type !== "lost") return false;
          if (target.isOver(state) && !target.isOver(before)) ends++;
          if (target.isOver(before) && (state !== before || effects.length > 0)) return false;
        }
        return ends <= 1;
      }),
      { numRuns: 2_000, seed: 7 },
    );
  });
});
