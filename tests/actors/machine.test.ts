// The life of an activation: every state with every event.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type ActivationEffect,
  type ActivationEvent,
  type ActivationState,
  begin,
  mayRun,
  mustEnd,
  type Stage,
  statusOf,
  step,
  type Tenure,
} from "../../actors/activation/machine.ts";
import { NOTHING_STORED } from "../../actors/durable/state_store.ts";
import { toErrorData, UnavailableError } from "../../errors.ts";

const STAGES: readonly Stage[] = [
  ...(["loading", "unread", "dormant", "ready", "pausing", "stopped", "starting", "active"] as const),
  ...(["broken", "retiring", "leaving"] as const),
];
const TENURES: readonly Tenure[] = ["serving", "late", "sealed", "ended"];

const error = toErrorData(new UnavailableError("Cannot go on: a test ends it"));
const kept = { mark: NOTHING_STORED, state: undefined, timers: [] };
const EVENTS = {
  loaded: { type: "loaded" },
  "not loaded": { type: "not-loaded", error, again: false },
  "not loaded, again": { type: "not-loaded", error, again: true },
  unreadable: { type: "unreadable", error, snapshot: undefined },
  refused: { type: "refused" },
  denied: { type: "denied", kept },
  rouse: { type: "rouse" },
  "held back": { type: "hold", as: "pausing" },
  "held back for long": { type: "hold", as: "stopped" },
  "tried again": { type: "try" },
  "left at rest": { type: "rest" },
  start: { type: "start" },
  started: { type: "started" },
  "start failed": { type: "start-failed", error },
  broke: { type: "broke", again: false },
  "wished for sleep": { type: "wished", wish: "idle" },
  "wished to stop": { type: "wished", wish: "stop" },
  "wished for its end": { type: "wished", wish: "destroyed" },
  unwished: { type: "unwished" },
  rested: { type: "rested", isSettled: true, isStored: true },
  "rested, not stored": { type: "rested", isSettled: true, isStored: false },
  "rested, not settled": { type: "rested", isSettled: false, isStored: true },
  retire: { type: "retire", why: "idle", again: false },
  "hook ended": { type: "hook-ended" },
  late: { type: "late" },
  seal: { type: "seal" },
  resume: { type: "resume" },
  end: { type: "end", why: undefined },
  "end, with its hook": { type: "end", why: "handoff" },
} as const satisfies Record<string, ActivationEvent>;
type EventName = keyof typeof EVENTS;

/** What comes of it: the next stage and tenure, where they are others, and the effects. A stage without an entry: it must not happen there. */
type Row = Partial<Record<Stage, string>>;

const everywhere = (what: string): Row => Object.fromEntries(STAGES.map((stage) => [stage, what]));
const among = (what: string, ...stages: Stage[]): Row =>
  Object.fromEntries(stages.map((stage) => [stage, what]));
const WITH_CODE: Stage[] = ["starting", "active", "broken", "retiring", "leaving"];
const AT_REST: Stage[] = ["unread", "dormant", "ready", "pausing", "stopped", "active", "broken", "leaving"];

const SERVING: Record<EventName, Row> = {
  loaded: { loading: "ready" },
  "not loaded": { loading: "unread, judge not-loaded" },
  "not loaded, again": { loading: "judge not-loaded" },
  unreadable: { ...everywhere("judge unreadable"), loading: "unread, judge unreadable" },
  refused: among("judge refused", "ready", ...WITH_CODE),
  denied: among("judge denied", "ready", ...WITH_CODE),
  rouse: { ...everywhere(""), dormant: "ready" },
  "held back": among("pausing", "dormant", "ready"),
  "held back for long": among("stopped", "dormant", "ready"),
  "tried again": among("ready", "pausing", "stopped"),
  "left at rest": { stopped: "depart" },
  start: among("starting, begin", "dormant", "ready"),
  started: { starting: "active" },
  "start failed": { starting: "ready, judge start-failed" },
  broke: { active: "broken" },
  "wished for sleep": among("", ...WITH_CODE),
  "wished to stop": among("", ...WITH_CODE),
  "wished for its end": among("", ...WITH_CODE),
  unwished: everywhere(""),
  rested: { ...everywhere(""), broken: "retiring, deactivate stop", leaving: "depart" },
  "rested, not stored": { ...everywhere(""), broken: "retiring, deactivate stop" },
  "rested, not settled": everywhere(""),
  retire: { ...everywhere(""), active: "retiring, deactivate idle" },
  "hook ended": { retiring: "leaving" },
  late: everywhere("late"),
  seal: among("sealed", ...AT_REST),
  resume: {},
  end: everywhere("ended, release"),
  "end, with its hook": {
    ...everywhere("retiring, ended, release, deactivate handoff"),
    retiring: "ended, release",
    leaving: "ended, release",
  },
};

/** Nothing begins, ends or is judged there. */
const LATE: Record<EventName, Row> = {
  ...SERVING,
  "not loaded": { loading: "unread" },
  "not loaded, again": { loading: "unread" },
  unreadable: { ...everywhere(""), loading: "unread" },
  refused: among("", "ready", ...WITH_CODE),
  denied: among("", "ready", ...WITH_CODE),
  start: {},
  "left at rest": {},
  "start failed": { starting: "ready" },
  rested: { ...everywhere(""), leaving: "active" },
  "rested, not stored": everywhere(""),
  retire: everywhere(""),
  late: {},
  resume: { ...everywhere("serving, go-on"), unread: "loading, serving, go-on, load" },
};

/** Its state is fixed: it is given away, or goes on as it was. */
const SEALED: Partial<Record<EventName, Row>> = {
  unwished: everywhere(""),
  rested: everywhere(""),
  "rested, not stored": everywhere(""),
  "rested, not settled": everywhere(""),
  retire: everywhere(""),
  resume: LATE.resume,
  end: SERVING.end,
  "end, with its hook": SERVING["end, with its hook"],
};

function expected(tenure: Tenure, stage: Stage, event: EventName): string | undefined {
  if (tenure === "ended") return event === "hook ended" && stage === "retiring" ? "leaving" : "";
  return { serving: SERVING, late: LATE, sealed: SEALED }[tenure][event]?.[stage];
}

function at(stage: Stage, tenure: Tenure, more: Partial<ActivationState> = {}): ActivationState {
  return { ...begin(false, "ready"), stage, tenure, ...more };
}

function effectText(effect: ActivationEffect): string {
  if (effect.type === "deactivate") return `deactivate ${effect.why}`;
  return effect.type === "judge" ? `judge ${effect.verdict.type}` : effect.type;
}

function outcome(state: ActivationState, event: ActivationEvent): string | undefined {
  const next = step(state, event);
  if (next === undefined) return undefined;
  const [{ stage, tenure }, ...effects] = next;
  const moves = [stage === state.stage ? [] : stage, tenure === state.tenure ? [] : tenure].flat();
  return [...moves, ...effects.map(effectText)].join(", ");
}

describe("step() of an activation", () => {
  for (const tenure of TENURES)
    test(`has one outcome for each stage and event while it is ${tenure}`, () => {
      for (const stage of STAGES)
        for (const [name, event] of Object.entries(EVENTS)) {
          const pair = `${stage} ${name}: `;
          const words = expected(tenure, stage, name as EventName);
          expect(pair + outcome(at(stage, tenure), event)).toBe(pair + words);
        }
    });

  test("ends or sleeps as its code wishes when that has ended well, and only while its shard is here", () => {
    const wished = (wish: "idle" | "destroyed", tenure: Tenure = "serving") => at("active", tenure, { wish });
    expect(outcome(wished("idle"), EVENTS.rested)).toBe("sleep");
    expect(step(wished("idle"), EVENTS.rested)?.[0].wish).toBeUndefined();
    expect(outcome(wished("destroyed"), EVENTS.rested)).toBe("retiring, deactivate destroyed");
    expect(outcome(wished("destroyed", "late"), EVENTS.rested)).toBe("");
    expect(step(wished("destroyed"), EVENTS["wished for sleep"])?.[0].wish).toBe("destroyed");
    expect(step(wished("destroyed"), EVENTS.unwished)?.[0].wish).toBeUndefined();
    expect(
      step(at("starting", "serving", { wish: "destroyed" }), EVENTS["start failed"])?.[0].wish,
    ).toBeUndefined();
  });

  test("begins anew at once after a break that asks for it", () => {
    const [broken] = step(at("active", "serving"), { type: "broke", again: true }) ?? [];
    expect(broken).toMatchObject({ stage: "broken", again: true });
    const [retiring, hook] = step(broken as ActivationState, EVENTS.rested) ?? [];
    expect(hook).toEqual({ type: "deactivate", why: "failed" });
    const [leaving] = step(retiring as ActivationState, EVENTS["hook ended"]) ?? [];
    expect(step(leaving as ActivationState, EVENTS.rested)?.slice(1)).toEqual([
      { type: "depart", again: true },
    ]);
  });

  test("begins anew if its shard comes back after it has failed while it was late", () => {
    const [late] = step(at("active", "late"), { type: "broke", again: true }) ?? [];
    expect(outcome(late as ActivationState, EVENTS.rested)).toBe("");
    const [back] = step(late as ActivationState, EVENTS.resume) ?? [];
    expect(outcome(back as ActivationState, EVENTS.rested)).toBe("retiring, deactivate failed");
  });

  test("begins anew if its shard comes back, though its last hook has run while it was late", () => {
    const late = at("leaving", "late", { again: true });
    expect(outcome(late, EVENTS.rested)).toBe("");
    const [back] = step(late, EVENTS.resume) ?? [];
    expect(step(back as ActivationState, EVENTS.rested)?.slice(1)).toEqual([{ type: "depart", again: true }]);
  });

  test("is judged when its shard comes back for what came of it meanwhile, once", () => {
    const [late] = step(at("active", "late"), EVENTS.refused) ?? [];
    expect(late?.verdict).toEqual(EVENTS.refused);
    const [back, ...effects] = step(late as ActivationState, EVENTS.resume) ?? [];
    expect(effects).toEqual([{ type: "go-on" }, { type: "judge", verdict: EVENTS.refused }]);
    expect(back?.verdict).toBeUndefined();
  });

  test("begins with its next message after it was loaded, if it is to", () => {
    const loading = begin(true, "dormant");
    expect(loading.stage).toBe("loading");
    expect(outcome(loading, EVENTS.loaded)).toBe("dormant");
  });

  test("keeps to the drawing, whatever happens to it", () => {
    const names = Object.keys(EVENTS) as EventName[];
    fc.assert(
      fc.property(fc.boolean(), fc.array(fc.constantFrom(...names), { maxLength: 60 }), (loads, happened) => {
        let state = begin(loads, "ready");
        let hooks = 0;
        for (const name of happened) {
          const next = step(state, EVENTS[name]);
          if (next === undefined) continue;
          const [to, ...effects] = next;
          if (state.tenure === "ended") expect([to.tenure, effects]).toEqual(["ended", []]);
          for (const { type } of effects) {
            if (type === "begin" || type === "depart" || type === "judge") expect(to.tenure).toBe("serving");
            if (type === "depart") expect(["leaving", "stopped"]).toContain(state.stage);
            if (type === "deactivate") hooks++;
          }
          if (to.stage === "active" && state.stage === "leaving") hooks = 0; // it goes on elsewhere
          expect(hooks).toBeLessThanOrEqual(1);
          if (mayRun(to)) expect([to.tenure, to.wish]).toEqual(["serving", undefined]);
          state = to;
        }
      }),
    );
  });
});

test("statusOf(), mayRun() and mustEnd() say of each state what others may know", () => {
  const status = (tenure: Tenure) => STAGES.map((stage) => statusOf(at(stage, tenure)));
  expect(status("serving")).toEqual([
    ...["activating", "activating", "activating", "activating", "activating", "stopped", "activating"],
    ...["active", "active", "active", "active"],
  ] as never);
  for (const tenure of ["late", "sealed", "ended"] as const)
    expect(new Set(status(tenure))).toEqual(new Set([tenure]));
  expect(STAGES.filter((stage) => mayRun(at(stage, "serving")))).toEqual([
    "dormant",
    "ready",
    "stopped",
    "active",
  ]);
  expect(STAGES.filter((stage) => mustEnd(at(stage, "serving")))).toEqual(["broken", "leaving"]);
  expect(mustEnd(at("active", "serving", { wish: "idle" }))).toBe(true);
});
