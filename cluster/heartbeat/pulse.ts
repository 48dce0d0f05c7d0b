/**
 * A node's pulse: what it sent through NATS to itself and to its neighbours, what came back, and what follows. Pure: no
 * clock, no I/O; `pulse_driver.ts` runs the effects.
 *
 * With each beat goes an **echo**, which only NATS has to return, and a **probe** to a few neighbours, which their
 * processes answer. Both count from when they were *sent*: what came back shows that the way was open then, not that
 * it is open now.
 *
 * @module
 */
import { type NodeId, nodeKey, sameNode } from "../records/schemas.ts";
import type { PulseTimes } from "./pulse_times.ts";

/** Something sent that may still come back. Without `to` it is an echo. */
export interface Probe {
  readonly number: number;
  readonly sentAt: number;
  readonly to: NodeId | undefined;
}

/** A neighbour that owes an answer. */
interface Owing {
  readonly peer: NodeId;
  /** When the first probe was sent since its last answer. */
  readonly sinceAt: number;
  readonly suspect: boolean;
}

/** The pulse between two events. Times are sendings, on the own monotonic clock. */
export interface PulseState {
  /** Number of the latest probe. */
  readonly latest: number;
  /** What is on its way, oldest first; what is older than `freshMs` is forgotten. */
  readonly out: readonly Probe[];
  /** The latest echo that came back. */
  readonly echoedAt: number;
  /** The latest probe that any neighbour answered. */
  readonly answeredAt: number;
  /** Whether a neighbour must have answered. */
  readonly accompanied: boolean;
  readonly owing: ReadonlyMap<string, Owing>;
}

/** What happens to a pulse. */
export type PulseEvent =
  | { readonly type: "beat"; readonly now: number; readonly neighbours: readonly NodeId[] }
  | { readonly type: "probe"; readonly now: number; readonly to: NodeId } // one more, between two beats
  | { readonly type: "answered"; readonly number: number } // an echo, or a probe by its neighbour
  | { readonly type: "refused"; readonly number: number } // NATS knows no connection of the neighbour
  /** The connection was lost or came back: what was sent before proves nothing. */
  | { readonly type: "disturbed" };

/** What is to be done. */
export type PulseEffect =
  | { readonly type: "send"; readonly number: number; readonly to: NodeId | undefined }
  /** The way was open at `sentAt`. */
  | { readonly type: "fresh"; readonly sentAt: number }
  | { readonly type: "answered"; readonly peer: NodeId }
  | { readonly type: "refused"; readonly peer: NodeId; readonly sentAt: number }
  /** The neighbour has answered nothing for `suspectMs`, while the own echo came back. */
  | { readonly type: "suspect"; readonly peer: NodeId };

type Step = readonly [PulseState, ...PulseEffect[]];

/** A pulse that has not begun to beat. */
export const STILL: PulseState = {
  latest: 0,
  out: [],
  echoedAt: Number.NEGATIVE_INFINITY,
  answeredAt: Number.NEGATIVE_INFINITY,
  accompanied: false,
  owing: new Map(),
};

/** One event. An answer to what was not sent, or was forgotten, changes nothing. */
export function stepPulse(state: PulseState, event: PulseEvent, times: PulseTimes): Step {
  if (event.type === "beat") return onBeat(state, event, times);
  if (event.type === "probe") return send(state, event.now, [event.to]);
  if (event.type === "disturbed") return [{ ...STILL, latest: state.latest, accompanied: state.accompanied }];
  const probe = state.out.find(({ number }) => number === event.number);
  if (!probe) return [state];
  const next = { ...state, out: state.out.filter((one) => one !== probe) };
  if (event.type === "answered") return onAnswered(next, probe);
  return probe.to ? [next, { type: "refused", peer: probe.to, sentAt: probe.sentAt }] : [next];
}

/** When the way was last known to be open for everything that must be: also for an answer, if there are neighbours. */
export function freshAt({ echoedAt, answeredAt, accompanied }: PulseState): number {
  return accompanied ? Math.min(echoedAt, answeredAt) : echoedAt;
}

/** The neighbours that are suspect. */
export function suspects({ owing }: PulseState): NodeId[] {
  return [...owing.values()].filter(({ suspect }) => suspect).map(({ peer }) => peer);
}

/** A few of `others` to probe: those that follow `self` by name, so that each node is probed by as many. */
export function neighboursOf<T extends NodeId>(self: NodeId, others: readonly T[], most: number): T[] {
  const sorted = [...others].sort((a, b) => (a.node < b.node ? -1 : 1));
  const after = sorted.filter(({ node }) => node > self.node);
  const before = sorted.filter(({ node }) => node < self.node);
  return [...after, ...before].slice(0, most);
}

function onBeat(
  state: PulseState,
  { now, neighbours }: Extract<PulseEvent, { type: "beat" }>,
  times: PulseTimes,
): Step {
  const owing = new Map<string, Owing>();
  const effects: PulseEffect[] = [];
  for (const peer of neighbours) {
    const known = state.owing.get(nodeKey(peer)) ?? { peer, sinceAt: now, suspect: false };
    const suspect = known.suspect || isSilent(state, known, now, times);
    if (suspect && !known.suspect) effects.push({ type: "suspect", peer });
    owing.set(nodeKey(peer), { ...known, suspect });
  }
  const out = state.out.filter(({ sentAt }) => now - sentAt < times.freshMs);
  const next = { ...state, out, owing, accompanied: neighbours.length > 0 };
  const [after, ...sends] = send(next, now, [undefined, ...neighbours]);
  return [after, ...effects, ...sends];
}

function send(state: PulseState, now: number, targets: readonly (NodeId | undefined)[]): Step {
  const sent = targets.map((to, i) => ({ number: state.latest + i + 1, sentAt: now, to }));
  const effects = sent.map(({ number, to }) => ({ type: "send", number, to }) as const);
  return [{ ...state, latest: state.latest + sent.length, out: [...state.out, ...sent] }, ...effects];
}

/** Measured by an own echo of the same beat or a later one: a node that was away itself blames nobody. */
function isSilent(state: PulseState, { sinceAt }: Owing, now: number, { suspectMs }: PulseTimes): boolean {
  return now - sinceAt >= suspectMs && state.echoedAt >= sinceAt;
}

function onAnswered(state: PulseState, { to, sentAt }: Probe): Step {
  if (!to) return fresher({ ...state, echoedAt: Math.max(state.echoedAt, sentAt) }, state);
  const owing = new Map(state.owing);
  // what was sent after the answered probe is still owed: those on their way say since when
  owing.delete(nodeKey(to));
  const next = state.out.find((probe) => probe.to && sameNode(probe.to, to) && probe.sentAt > sentAt);
  if (next) owing.set(nodeKey(to), { peer: to, sinceAt: next.sentAt, suspect: false });
  const answeredAt = Math.max(state.answeredAt, sentAt);
  const [after, ...effects] = fresher({ ...state, answeredAt, owing }, state);
  return [after, { type: "answered", peer: to }, ...effects];
}

function fresher(next: PulseState, before: PulseState): Step {
  const sentAt = freshAt(next);
  return sentAt > freshAt(before) ? [next, { type: "fresh", sentAt }] : [next];
}
