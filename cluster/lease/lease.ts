/**
 * A node's lease on its own name: a record that it keeps changing. Pure: no clock, no I/O; `lease_driver.ts` runs the
 * effects.
 *
 * ```text
 *            due, wanted, set            written, or read and found to be ours
 *   waiting ───────────────▶ writing ─────────────────────────────────────────▶ waiting
 *      ▲                      │  │ ▲ no answer in time: the next attempt at once
 *      └── refused at once ───┘  │ └──┐
 *                       conflict ▼    │ nothing of it was applied
 *                             reading ┘─── dead, or another incarnation ──▶ ended
 * ```
 *
 * Each attempt to write has its number, from which its nonce is made, so it can be told later which attempts got
 * through, and *when the one that did was sent*: only that instant counts for the gate. All writes to the record by its
 * own node go through here, also those that say that it leaves; two writers would fence each other.
 *
 * The renewals also tell whether the store has gone back: see `cluster/records/rollback.ts`.
 *
 * @module
 */
import type { LeaseTimes } from "./lease_times.ts";
import { type Cordon, incarnationCount, type NodeState } from "../records/schemas.ts";
import { type KnownRevisions, wentBack } from "../records/rollback.ts";

/** What a node may say of itself. A node that is cordoned or draining is up. */
export type OwnState = Exclude<NodeState, "dead"> | Cordon;

/** One write whose outcome is not yet known. */
export interface Attempt {
  readonly number: number;
  readonly sentAt: number;
  readonly mark: number;
  readonly state: OwnState;
  readonly edition: number;
  /** Revision that it builds upon. */
  readonly revision: number;
  readonly known: KnownRevisions;
}

/** The lease between two events. */
export interface LeaseState {
  readonly at: "waiting" | "writing" | "reading" | "ended";
  readonly incarnation: string;
  /** Revision that the next write builds upon, of the record or of its removal; 0: there is neither. */
  readonly revision: number;
  /** What the record is to say. */
  readonly wanted: OwnState;
  /** Grows with each change of what else the record says. */
  readonly edition: number;
  /** Number of the latest attempt. */
  readonly latest: number;
  /** Those in doubt, oldest first, at most {@link ATTEMPTS_MAX}. */
  readonly attempts: readonly Attempt[];
  /** When something is to be done if nothing happens before. */
  readonly dueAt: number;
  /** When the acknowledged renewal that was sent last was sent. */
  readonly lastAckedSentAt: number;
  /** From its sending to its acknowledgement. */
  readonly lastTookMs: number;
}

/** The own record as somebody saw it. */
export interface SeenLease {
  readonly incarnation: string;
  readonly state: NodeState;
  readonly nonce: string;
  readonly revision: number;
}

/**
 * What happens to a lease. `mark` counts the disturbances (reconnects, suspensions): a renewal proves nothing about the
 * time after a disturbance that it was sent before.
 */
export type LeaseEvent = Now &
  (
    | { readonly type: "due" } //     the time of `dueAt` has come
    | { readonly type: "wanted" } //  a renewal is needed now
    | { readonly type: "set"; readonly state: OwnState }
    | { readonly type: "edited" } //  the record is to say something else beside the state
    | {
        readonly type: "written";
        readonly number: number;
        readonly revision: number;
        /** Whether the records were found to be of the lease's generation, by a reading sent with the write or after it. */
        readonly checked: boolean;
      }
    | { readonly type: "conflict"; readonly number: number }
    | { readonly type: "doubt"; readonly number: number } // no answer; or none at all could be sent
    | {
        readonly type: "read"; // from the leader
        readonly seen: SeenLease | undefined;
        /** Revision at which the record was removed; 0 if it was not. */
        readonly removedAt: number;
        readonly checked: boolean;
      }
    | { readonly type: "unread" } //  the read got no answer
    | { readonly type: "seen"; readonly seen: SeenLease } // by the watch
    | { readonly type: "went-back" } // another write has shown it
    | { readonly type: "fence"; readonly reason: string }
    | { readonly type: "stop" }
  );

/** What is to be done. */
export type LeaseEffect =
  | { readonly type: "write"; readonly number: number; readonly state: OwnState; readonly revision: number }
  | { readonly type: "read" }
  | { readonly type: "acked"; readonly attempt: Attempt }
  | { readonly type: "went-back" } // the store has forgotten what it had acknowledged
  | { readonly type: "left" } // the record says "gone", or did: its answer was lost
  | { readonly type: "fenced"; readonly reason: string };

/** Attempts remembered. One is made about every second, so this is longer than any lease. */
const ATTEMPTS_MAX = 64;
/** An attempt that fails at once, for want of a connection, is repeated no sooner than this after it was sent. */
const RETRY_MIN_MS = 250;

/** A lease whose record was just written at `revision`, by a write sent at `sentAt`, and said `wanted`; attempts count from 1. */
export function heldLease(
  incarnation: string,
  revision: number,
  sentAt: number,
  now: number,
  times: LeaseTimes,
  wanted: OwnState = "up",
): LeaseState {
  return {
    at: "waiting",
    incarnation,
    revision,
    wanted,
    edition: 0,
    latest: 0,
    attempts: [],
    dueAt: sentAt + times.renewMs,
    lastAckedSentAt: sentAt,
    lastTookMs: now - sentAt,
  };
}

/** The nonce of an attempt: fresh, since the incarnation is random and numbers do not repeat. */
export function attemptNonce(incarnation: string, number: number): string {
  return `${incarnation}.${number}`;
}

type Step = readonly [LeaseState, ...LeaseEffect[]];

/** One event. A pair without a meaning is late or doubled: it changes nothing. */
export function stepLease(state: LeaseState, event: LeaseEvent, times: LeaseTimes): Step {
  if (state.at === "ended") return [state];
  switch (event.type) {
    case "due":
      return event.now < state.dueAt ? [state] : onDue(state, event, times);
    case "wanted":
      return isCovered(state, event.mark) ? [state] : send(state, event, times);
    case "set":
      return soon({ ...state, wanted: event.state }, event, times);
    case "edited":
      return soon({ ...state, edition: state.edition + 1 }, event, times);
    case "written":
      return onWritten(state, event, times);
    case "conflict":
      return onConflict(state, event, times);
    case "doubt":
      return event.number === state.latest && state.at === "writing"
        ? [backedOff(state, event.now)]
        : [state];
    case "read":
      return state.at === "reading" ? onRead(state, event, times) : [state];
    case "unread":
      return state.at === "reading" ? [backedOff(state, event.now)] : [state];
    case "seen":
      return onSeen(state, event.seen);
    case "went-back":
      return [{ ...state, at: "ended" }, { type: "went-back" }];
    case "fence":
      return end(state, event.reason);
    case "stop":
      return [{ ...state, at: "ended" }];
  }
}

interface Now {
  readonly now: number;
  readonly mark: number;
  readonly known: KnownRevisions;
}

type Checked = Now & { readonly checked: boolean };

function onDue(state: LeaseState, event: Now, times: LeaseTimes): Step {
  return state.at === "reading" ? read(state, event, times) : send(state, event, times);
}

/** True if an attempt is under way that was sent after the last disturbance. */
function isCovered(state: LeaseState, mark: number): boolean {
  return state.at !== "waiting" && state.attempts.at(-1)?.mark === mark;
}

/** What it says now is written at once, or as soon as the attempt under way has ended. */
function soon(state: LeaseState, event: Now, times: LeaseTimes): Step {
  return state.at === "waiting" ? send(state, event, times) : [state];
}

function send(state: LeaseState, { now, mark, known }: Now, times: LeaseTimes): Step {
  const number = state.latest + 1;
  const { wanted, edition, revision } = state;
  const attempt: Attempt = { number, sentAt: now, mark, state: wanted, edition, revision, known };
  const attempts = [...state.attempts, attempt].slice(-ATTEMPTS_MAX);
  const dueAt = now + times.renewTimeoutMs;
  return [
    { ...state, at: "writing", latest: number, attempts, dueAt },
    { type: "write", number, state: wanted, revision },
  ];
}

function read(state: LeaseState, { now }: Now, times: LeaseTimes): Step {
  return [{ ...state, at: "reading", dueAt: now + times.renewTimeoutMs }, { type: "read" }];
}

/** Tries again after the smallest pause, counted from the sending: after a time-out that is at once. */
function backedOff(state: LeaseState, now: number): LeaseState {
  const sentAt = state.attempts.at(-1)?.sentAt ?? now;
  const earliest = state.at === "reading" ? now + RETRY_MIN_MS : sentAt + RETRY_MIN_MS;
  return { ...state, at: "waiting", dueAt: Math.max(now, earliest) };
}

function onWritten(
  state: LeaseState,
  event: Checked & { readonly number: number; readonly revision: number },
  times: LeaseTimes,
): Step {
  const attempt = state.attempts.find(({ number }) => number === event.number);
  return attempt ? acked(state, attempt, event.revision, event, times) : [state];
}

/**
 * This attempt was applied. Those before it were not, and those after it will not be: they build upon the same revision.
 */
function acked(
  state: LeaseState,
  attempt: Attempt,
  revision: number,
  event: Checked,
  times: LeaseTimes,
): Step {
  // who has gone needs nothing of the store any more
  if (attempt.state !== "gone" && wentBack(attempt.known, attempt.revision, revision))
    return [{ ...state, at: "ended" }, { type: "went-back" }];
  // the others see that this node lives; it must not conclude from that that it may have effects
  if (!event.checked) return [backedOff({ ...state, revision, attempts: [attempt] }, event.now)];
  const tookMs = event.now - attempt.sentAt;
  const next: LeaseState = {
    ...state,
    at: attempt.state === "gone" ? "ended" : "waiting",
    revision,
    attempts: [],
    dueAt: attempt.sentAt + times.renewMs,
    lastAckedSentAt: attempt.sentAt,
    lastTookMs: tookMs,
  };
  const effect: LeaseEffect = { type: "acked", attempt };
  const isSaid = attempt.state === state.wanted && attempt.edition === state.edition;
  const stale = attempt.mark !== event.mark || !isSaid;
  if (next.at === "ended" || !stale) return [next, effect];
  const [sent, ...effects] = send(next, event, times);
  return [sent, effect, ...effects];
}

/** Of whichever attempt: a slow store answers each one when the next is under way already. */
function onConflict(state: LeaseState, event: Now & { readonly number: number }, times: LeaseTimes): Step {
  const isOpen = state.attempts.some(({ number }) => number === event.number);
  return state.at === "writing" && isOpen ? read(state, event, times) : [state];
}

function onRead(
  state: LeaseState,
  event: Checked & { readonly seen: SeenLease | undefined; readonly removedAt: number },
  times: LeaseTimes,
): Step {
  const { seen } = event;
  if (!seen) return send({ ...state, revision: event.removedAt }, event, times);
  const reason = lossIn(state, seen);
  if (reason !== undefined) return end(state, reason, seen);
  const attempt = state.attempts.find(({ number }) => attemptNonce(state.incarnation, number) === seen.nonce);
  if (attempt) return acked(state, attempt, seen.revision, event, times);
  if (seen.revision === state.revision) return [backedOff(state, event.now)];
  // Ours, but of a write that was forgotten: the lease is held, and nothing is known of when that was sent.
  return send({ ...state, revision: seen.revision }, event, times);
}

/** The watch lags behind, so only what can never be undone counts. */
function onSeen(state: LeaseState, seen: SeenLease): Step {
  if (incarnationCount(seen.incarnation) < incarnationCount(state.incarnation)) return [state];
  const reason = lossIn(state, seen);
  return reason === undefined ? [state] : end(state, reason, seen);
}

function lossIn(state: LeaseState, seen: SeenLease): string | undefined {
  if (seen.incarnation !== state.incarnation) return `the name is held by incarnation "${seen.incarnation}"`;
  return seen.state === "dead" ? "declared dead by another node" : undefined;
}

/** Whoever holds the name found it free, so a node that has written "gone" needs no answer to that any more. */
function end(state: LeaseState, reason: string, seen?: SeenLease): Step {
  const isSucceeded = seen !== undefined && seen.incarnation !== state.incarnation;
  const left = isSucceeded && state.attempts.some((attempt) => attempt.state === "gone");
  return [{ ...state, at: "ended" }, left ? { type: "left" } : { type: "fenced", reason }];
}
