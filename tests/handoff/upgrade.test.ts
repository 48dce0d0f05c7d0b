import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  BEGINNING,
  isOver,
  step,
  type UpgradeEffect,
  type UpgradeEvent,
  type UpgradeState,
} from "../../handoff/upgrade/upgrade.ts";

type At = UpgradeState["at"];

const STATES: readonly UpgradeState[] = [
  { at: "draining" },
  { at: "staging" },
  { at: "committing" },
  { at: "kept", reason: "x", again: false },
  { at: "upgraded" },
  { at: "superseded" },
];
const EVENTS: readonly UpgradeEvent[] = [
  { type: "drained" },
  { type: "staged" },
  { type: "committed" },
  { type: "failed", reason: "broken", actor: "n1", again: false },
  { type: "outdone" },
  { type: "superseded" },
  { type: "missing" },
];
/** Every legal row: state, event, next state, effects. */
const ROWS: readonly (readonly [At, UpgradeEvent["type"], At, ...UpgradeEffect[]])[] = [
  ["draining", "drained", "staging", "stage"],
  ["draining", "failed", "kept", "resume"],
  ["draining", "missing", "kept", "resume"],
  ["draining", "superseded", "superseded", "drop"],
  ["staging", "staged", "committing", "commit"],
  ["staging", "failed", "kept", "resume"],
  ["staging", "missing", "kept", "resume"],
  ["staging", "superseded", "superseded", "drop"],
  ["committing", "committed", "upgraded", "install"],
  ["committing", "outdone", "kept", "resume"],
  ["committing", "missing", "committing", "commit"],
  ["committing", "superseded", "superseded", "drop"],
];

describe("step() of an upgrade in place", () => {
  test("follows the table, and any other pair changes nothing", () => {
    for (const state of STATES) {
      for (const event of EVENTS) {
        const row = ROWS.find(([at, type]) => at === state.at && type === event.type);
        const [next, ...effects] = step(state, event);
        const pair = `${state.at} ${event.type}`;
        expect([pair, next.at, ...effects]).toEqual([pair, ...(row ? row.slice(2) : [state.at])]);
        if (!row) expect(next).toBe(state);
      }
    }
  });

  test("says why a shard was kept, which actor that was, and whether it is tried again", () => {
    const failed: UpgradeEvent = { type: "failed", reason: "broken", actor: "n1", again: false };
    expect(step({ at: "staging" }, failed)[0]).toEqual({
      at: "kept",
      reason: "broken",
      actor: "n1",
      again: false,
    });
    expect(step({ at: "staging" }, { type: "missing" })[0]).toMatchObject({ again: true });
    expect(step({ at: "committing" }, { type: "outdone" })[0]).toMatchObject({ again: true });
  });

  test("installs only what was committed, resumes only what was not, and ends once", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS)), (events) => {
        let [state, ...effects] = BEGINNING;
        const all: UpgradeEffect[] = [...effects];
        for (const event of events) {
          const before: UpgradeState = state;
          [state, ...effects] = step(state, event);
          all.push(...effects);
          if (isOver(before)) expect(effects).toEqual([]);
          if (effects.includes("install"))
            expect([before.at, event.type]).toEqual(["committing", "committed"]);
          if (effects.includes("resume"))
            expect(event.type === "missing" && before.at === "committing").toBe(false);
        }
        const ends = all.filter((effect) => ["install", "resume", "drop"].includes(effect));
        expect(ends.length).toBe(isOver(state) ? 1 : 0);
      }),
    );
  });
});
