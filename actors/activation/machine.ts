/**
 * The life of one activation. Pure: no clock and no I/O; `activation.ts` runs the effects.
 *
 * It stands in two respects, which change apart from each other. Its *stage* is what it is doing:
 *
 * ```
 *   loading ─loaded─► ready, dormant ─start─► starting ─started─► active ─────────retire──────────► retiring
 *      │ ▲                  ▲                     │                 └─broke─► broken ─rested──────────►│
 *      │ └─resume─┐         └────start-failed─────┘                                             hook-ended
 *      └──────► unread        (not loaded, or not readable)                                            ▼
 *                                                                                 end ◄──rested── leaving
 * ```
 *
 * One that has failed is held back before it begins: it is *pausing*, and then ready, or it is *stopped*, and then ready or at its end.
 *
 * Its *tenure* is whose it is:
 *
 * ```
 *   serving ──late──► late ──seal──► sealed         its handler outlived the drain; it follows its shard by itself
 *      │ ▲ ───seal────────────────────►│            the state is fixed; its bytes go elsewhere
 *      │ └─────────resume──┴───────────┘            the shard has come back
 *      └──end──► ended                              from everywhere; whatever comes after that changes nothing
 * ```
 *
 * One that is late begins, ends and is judged where it follows its shard to, unless that comes back.
 *
 * @module
 */
import type { ErrorData } from "../../errors.ts";
import type { ActivationStatus, DeactivationReason } from "../lifecycle.ts";
import type { Snapshot } from "../state/snapshot.ts";
import type { Kept } from "../durable/state_store.ts";

/** What an activation is doing. */
export type Stage =
  /** What is stored of it is on its way. */
  | "loading"
  /** That did not come, or cannot be read: its host has the word. */
  | "unread"
  /** It begins with its next message, which may be a timer's, and not before. */
  | "dormant"
  /** It begins as soon as it may. */
  | "ready"
  /** It has failed, and begins anew when its pause is over. What comes meanwhile waits. */
  | "pausing"
  /** It has failed too often. What comes is refused, until it may be tried again. */
  | "stopped"
  /** `onActivate` runs. */
  | "starting"
  /** It handles its messages. */
  | "active"
  /** A handler threw and the contract does not let it go on. It retires when all that it sent is settled. */
  | "broken"
  /** `onDeactivate` runs. */
  | "retiring"
  /** Its last hook has ended. What that changed is being stored, and what it sent settled. */
  | "leaving";

/** Whose an activation is. */
export type Tenure = "serving" | "late" | "sealed" | "ended";

/** How it is wanted to end, by its own code, or by whoever may ask for it: "stop". */
export type Wish = "destroyed" | "idle" | "stop";

/** What came of an activation that cannot go on: its host decides what becomes of the actor. */
export type Verdict =
  /** Its state must not be forgotten, nor begin anew. `snapshot` is what could not be read. */
  | { readonly type: "unreadable"; readonly error: unknown; readonly snapshot: Snapshot | undefined }
  /** What is stored of it could not be loaded. Unless that is tried `again`, it will not be. */
  | { readonly type: "not-loaded"; readonly error: ErrorData; readonly again: boolean }
  /** What is stored of it is another's: it begins anew from that. */
  | { readonly type: "refused" }
  /** The store has said no to what it has changed: it begins anew from what is kept. */
  | { readonly type: "denied"; readonly kept: Kept }
  /** `onActivate` threw. */
  | { readonly type: "start-failed"; readonly error: ErrorData };

/** Where an activation stands. */
export interface ActivationState {
  readonly stage: Stage;
  readonly tenure: Tenure;
  /** The stage that it goes to when it has been loaded. */
  readonly first: "dormant" | "ready";
  readonly wish: Wish | undefined;
  /** Of one that retires: whether it begins anew at once. */
  readonly again: boolean;
  /** What came of it while it was late, to be judged if its shard comes back. */
  readonly verdict: Verdict | undefined;
}

/** What may happen to it. */
export type ActivationEvent =
  | Verdict
  | { readonly type: "loaded" }
  /** It has failed before it came to this activation. */
  | { readonly type: "hold"; readonly as: "pausing" | "stopped" }
  /** That is over. */
  | { readonly type: "try" }
  /** The same, and nobody wants it to begin. */
  | { readonly type: "rest" }
  /** It is to begin without a message. */
  | { readonly type: "rouse" }
  /** It may begin, and has reason to. */
  | { readonly type: "start" }
  | { readonly type: "started" }
  | { readonly type: "broke"; readonly again: boolean }
  | { readonly type: "wished"; readonly wish: Wish }
  /** What asked for its end threw. */
  | { readonly type: "unwished" }
  /** None of its code runs. All that it sent is settled, all that it changed is stored, or not. */
  | { readonly type: "rested"; readonly isSettled: boolean; readonly isStored: boolean }
  | { readonly type: "retire"; readonly why: DeactivationReason; readonly again: boolean }
  | { readonly type: "hook-ended" }
  | { readonly type: "late" }
  | { readonly type: "seal" }
  | { readonly type: "resume" }
  /** The hook runs if there is a reason, and nothing it does has an effect. */
  | { readonly type: "end"; readonly why: DeactivationReason | undefined };

/** What the driver has to do. */
export type ActivationEffect =
  | { readonly type: "load" }
  | { readonly type: "begin" }
  | { readonly type: "deactivate"; readonly why: DeactivationReason }
  /** Its host says whether it may sleep; if so, it retires. */
  | { readonly type: "sleep" }
  /** It ends, and its host gets what is left of it. */
  | { readonly type: "depart"; readonly again: boolean }
  | { readonly type: "judge"; readonly verdict: Verdict }
  /** Timers run again. */
  | { readonly type: "go-on" }
  /** Nothing of it has an effect any more. */
  | { readonly type: "release" };

export type Step = readonly [ActivationState, ...ActivationEffect[]];

/** Where it begins. */
export function begin(loads: boolean, first: "dormant" | "ready"): ActivationState {
  const stage = loads ? "loading" : first;
  return { stage, tenure: "serving", first, wish: undefined, again: false, verdict: undefined };
}

/** Stages in which a state may be fixed: none of its code runs, and it is not on its way. */
const AT_REST: ReadonlySet<Stage> = new Set<Stage>([
  ...(["unread", "dormant", "ready", "pausing", "stopped", "active", "broken", "leaving"] as const),
]);
/** Stages in which its code may speak. */
const HAS_CODE: ReadonlySet<Stage> = new Set(["starting", "active", "broken", "retiring", "leaving"]);

/** @returns `undefined` for what must not happen there */
export function step(state: ActivationState, event: ActivationEvent): Step | undefined {
  const { stage, tenure } = state;
  if (tenure === "ended") return afterEnd(state, event);
  if (tenure === "sealed" && event.type !== "resume" && event.type !== "end") return whenSealed(state, event);
  switch (event.type) {
    case "loaded":
      return stage === "loading" ? [{ ...state, stage: state.first }] : undefined;
    case "not-loaded":
      if (stage !== "loading") return undefined;
      if (tenure === "late") return [{ ...state, stage: "unread" }];
      return [event.again ? state : { ...state, stage: "unread" }, { type: "judge", verdict: event }];
    case "unreadable":
      return judged(stage === "loading" ? { ...state, stage: "unread" } : state, event);
    case "refused":
    case "denied":
      return HAS_CODE.has(stage) || stage === "ready" ? judged(state, event) : undefined;
    case "hold":
      return stage === "ready" || stage === "dormant" ? [{ ...state, stage: event.as }] : undefined;
    case "try":
      return isHeld(stage) ? [{ ...state, stage: "ready" }] : undefined;
    case "rest":
      return stage === "stopped" && tenure === "serving"
        ? [state, { type: "depart", again: false }]
        : undefined;
    case "rouse":
      return [{ ...state, first: "ready", stage: stage === "dormant" ? "ready" : stage }];
    case "start":
      if (tenure !== "serving" || (stage !== "ready" && stage !== "dormant")) return undefined;
      return [{ ...state, stage: "starting" }, { type: "begin" }];
    case "started":
      return stage === "starting" ? [{ ...state, stage: "active" }] : undefined;
    case "start-failed": {
      if (stage !== "starting") return undefined;
      const back: ActivationState = { ...state, stage: "ready", wish: undefined };
      return tenure === "late" ? [back] : [back, { type: "judge", verdict: event }];
    }
    case "broke":
      if (stage !== "active") return undefined;
      return [{ ...state, stage: "broken", again: event.again }];
    case "wished":
      if (!HAS_CODE.has(stage)) return undefined;
      return [{ ...state, wish: stronger(state.wish, event.wish) }];
    case "unwished":
      return [{ ...state, wish: undefined }];
    case "rested":
      return rested(state, event.isSettled, event.isStored);
    case "retire":
      if (tenure !== "serving" || stage !== "active") return [state]; // not now
      return [
        { ...state, stage: "retiring", again: event.again },
        { type: "deactivate", why: event.why },
      ];
    case "hook-ended":
      return stage === "retiring" ? [{ ...state, stage: "leaving" }] : undefined;
    case "late":
      return tenure === "serving" ? [{ ...state, tenure: "late" }] : undefined;
    case "seal":
      return AT_REST.has(stage) ? [{ ...state, tenure: "sealed" }] : undefined;
    case "resume":
      return tenure === "serving" ? undefined : resumed(state);
    case "end":
      return ended(state, event.why);
  }
}

/** No wish takes back one for more. */
function stronger(former: Wish | undefined, wish: Wish): Wish {
  const order: readonly (Wish | undefined)[] = [undefined, "idle", "stop", "destroyed"];
  return former !== undefined && order.indexOf(former) > order.indexOf(wish) ? former : wish;
}

/** One that is late is judged by the owner that it follows its shard to. */
function judged(state: ActivationState, verdict: Verdict): Step {
  if (state.tenure === "late") return [{ ...state, verdict }];
  return [state, { type: "judge", verdict }];
}

function rested(state: ActivationState, isSettled: boolean, isStored: boolean): Step {
  const { stage, tenure, wish, again } = state;
  if (tenure === "late") {
    // its hook has run, and it follows its shard all the same; if that comes back it goes on, unless it has failed
    const goesOn = stage === "leaving" && isSettled && isStored && !again;
    return [goesOn ? { ...state, stage: "active" } : state];
  }
  if (stage === "leaving" && isSettled && isStored) return [state, { type: "depart", again }];
  if (stage === "broken" && isSettled) {
    const why = again ? "failed" : "stop";
    return [
      { ...state, stage: "retiring" },
      { type: "deactivate", why },
    ];
  }
  if (stage !== "active" || wish === undefined) return [state];
  if (wish === "idle") return [{ ...state, wish: undefined }, { type: "sleep" }];
  return [
    { ...state, stage: "retiring", again: false },
    { type: "deactivate", why: wish },
  ];
}

function resumed(state: ActivationState): Step {
  const back: ActivationState = { ...state, tenure: "serving", verdict: undefined };
  if (state.verdict) return [back, { type: "go-on" }, { type: "judge", verdict: state.verdict }];
  if (state.stage === "unread") return [{ ...back, stage: "loading" }, { type: "go-on" }, { type: "load" }];
  return [back, { type: "go-on" }];
}

function ended(state: ActivationState, why: DeactivationReason | undefined): Step {
  const over: ActivationState = { ...state, tenure: "ended", verdict: undefined };
  const hasHook = state.stage === "retiring" || state.stage === "leaving";
  if (why === undefined || hasHook) return [over, { type: "release" }];
  return [{ ...over, stage: "retiring" }, { type: "release" }, { type: "deactivate", why }];
}

/** Nothing but the end of its last hook is of interest. */
function afterEnd(state: ActivationState, { type }: ActivationEvent): Step {
  return [type === "hook-ended" && state.stage === "retiring" ? { ...state, stage: "leaving" } : state];
}

/** It is at rest. That it is found so, or that somebody wants it to sleep, changes nothing. */
function whenSealed(state: ActivationState, { type }: ActivationEvent): Step | undefined {
  return type === "rested" || type === "retire" || type === "unwished" ? [state] : undefined;
}

/** Whether it has failed and does not begin yet. */
export function isHeld(stage: Stage): boolean {
  return stage === "pausing" || stage === "stopped";
}

/** Whether handlers and hooks may start, as far as it lies with the activation; or what waits may be given up. */
export function mayRun({ stage, tenure, wish }: ActivationState): boolean {
  const isReady = stage === "active" || stage === "ready" || stage === "dormant" || stage === "stopped";
  return tenure === "serving" && isReady && wish === undefined;
}

/** Whether something comes of it when it rests. */
export function mustEnd({ stage, wish }: ActivationState): boolean {
  return wish !== undefined || stage === "broken" || stage === "leaving";
}

/** How it is told to operators. */
export function statusOf({ stage, tenure }: ActivationState): ActivationStatus {
  if (tenure !== "serving") return tenure;
  if (stage === "stopped") return stage;
  return HAS_CODE.has(stage) && stage !== "starting" ? "active" : "activating";
}
