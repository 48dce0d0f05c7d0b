/**
 * When a node may be declared dead ahead of its lease, as one observer may judge it. Pure: it is told everything.
 *
 * That NATS knows no connection of a node is fast evidence, and weak: after a reset the node is back in a moment, still
 * owning its actors. So it counts only if it is seen at both ends of a grace, with no answer and no renewal in between,
 * and if every other living node sees it too, and has answered no probe of its for a grace: such an answer keeps a gate
 * open. Silence is a veto. Who leaves can be asked no more, and says instead whom it has heard within the last grace: of a
 * suspect among them the grace counts from then. What follows is still a compare-and-set, against
 * the revision that was known before the grace began.
 *
 * ```text
 *            refused                  refused, sent a grace later       all confirm
 *   nothing ─────────▶ first refusal ───────────────────────────▶ asking ──────────▶ fence
 *      ▲                   ▲  answered, renewed, disturbed           │ silence: asked again
 *      └───────────────────┴─────────────────────────────────────────┘ "it answers me": from the beginning
 * ```
 *
 * @module
 */
import { type NodeId, nodeKey } from "../records/schemas.ts";
import type { PulseTimes } from "./pulse_times.ts";

/** A suspicion between two events. */
export interface Suspicion {
  readonly suspect: NodeId;
  /** Of its record, before the first refusal was seen. */
  readonly revision: number;
  /** When the first refusal was seen, or, if that was later, the last answer of one who has left since. */
  readonly sinceAt: number;
  /** When the latest refusal was seen. */
  readonly seenAt: number;
  /** Since when the others are being asked. */
  readonly askedAt: number | undefined;
  /** Who has been asked and has not confirmed yet, by key. */
  readonly waiting: ReadonlySet<string>;
}

/** What happens. Everything else that shows life ends the suspicion: the driver drops it. */
export type SuspicionEvent =
  /** A probe sent at `sentAt` was refused. `revision` is that of the record now, `others` all other living nodes. */
  | {
      readonly type: "refused";
      readonly suspect: NodeId;
      readonly now: number;
      readonly sentAt: number;
      readonly revision: number;
      readonly others: readonly NodeId[];
    }
  /** Another node's own probe was refused too. */
  | { readonly type: "confirmed"; readonly by: NodeId }
  /** Another node was answered by the suspect. */
  | { readonly type: "denied" }
  /**
   * Another node has left. It may have answered the suspect until `heardAt`, on the own clock; `undefined`: not within the
   * grace before it left.
   */
  | { readonly type: "left"; readonly who: NodeId; readonly heardAt: number | undefined };

/** What is to be done. */
export type SuspicionEffect =
  | { readonly type: "ask"; readonly other: NodeId }
  | { readonly type: "fence"; readonly revision: number };

type Step = readonly [Suspicion | undefined, ...SuspicionEffect[]];

/** One event. */
export function stepSuspicion(state: Suspicion | undefined, event: SuspicionEvent, times: PulseTimes): Step {
  if (event.type === "refused") return onRefused(state, event, times);
  if (!state || event.type === "denied") return [undefined];
  if (event.type === "confirmed") return settledWith(state, event.by);
  const { who, heardAt = state.sinceAt } = event;
  return heardAt > state.sinceAt ? [anew(state, heardAt)] : settledWith(state, who);
}

/** Nothing more has to be heard from that node. */
function settledWith(state: Suspicion, id: NodeId): Step {
  const key = nodeKey(id);
  if (!state.waiting.has(key)) return [state];
  const waiting = new Set([...state.waiting].filter((one) => one !== key));
  const next = { ...state, waiting };
  return waiting.size > 0 ? [next] : [next, { type: "fence", revision: state.revision }];
}

/** The grace counts from then, and who has confirmed before its end is asked again. */
function anew(state: Suspicion, sinceAt: number): Suspicion {
  return { ...state, sinceAt, askedAt: undefined, waiting: new Set() };
}

/** When the grace ends, and a probe is worth sending. */
export function graceEndsAt({ sinceAt }: Suspicion, { graceMs }: PulseTimes): number {
  return sinceAt + graceMs;
}

/** Also after a while without any: what happened in between is not known. */
function firstRefusal(suspect: NodeId, revision: number, now: number): Suspicion {
  return { suspect, revision, sinceAt: now, seenAt: now, askedAt: undefined, waiting: new Set() };
}

function onRefused(
  state: Suspicion | undefined,
  event: Extract<SuspicionEvent, { type: "refused" }>,
  times: PulseTimes,
): Step {
  const { suspect, revision, now, sentAt, others } = event;
  const goesOn = state?.revision === revision && now - state.seenAt < times.freshMs;
  const current = goesOn ? { ...state, seenAt: now } : firstRefusal(suspect, revision, now);
  if (sentAt < graceEndsAt(current, times)) return [current];
  if (current.askedAt !== undefined && now - current.askedAt < times.suspectMs) return [current];
  const asking = { ...current, askedAt: now, waiting: new Set(others.map(nodeKey)) };
  if (others.length === 0) return [asking, { type: "fence", revision }];
  return [asking, ...others.map((other) => ({ type: "ask", other }) as const)];
}
