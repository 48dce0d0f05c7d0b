/**
 * How often an actor has failed lately, and what follows, decided without a clock. That stands beside its state and goes wherever that
 * goes, so nobody gets another chance by being moved.
 *
 * ```
 *   failed ──► begins anew ──failed──► pauses, begins anew ──failed──► … ──failed, too often──► stopped ──maxMs──► has a clean slate
 * ```
 *
 * Times are those of wall clocks. What seems to be yet to come, because another clock noted it, counts as now.
 *
 * @module
 */
import { DecodeError, type ErrorData } from "../../errors.ts";
import type { AnnexPart } from "../annex/annex.ts";
import type { RestartRules } from "./restart.ts";

/** Its latest failures. Nobody changes it. */
export interface Failures {
  /** When it failed, in milliseconds since 1970, the oldest first. */
  readonly at: readonly number[];
  /** Set when that was too often: until when it is stopped, and what the last failure was. */
  readonly stopped?: { readonly until: number; readonly error: StopError } | undefined;
}

/** What is told of the failure that was one too many. */
export type StopError = Pick<ErrorData, "code" | "message">;

/** How the actor stands: `leftMs` until that is over, by the clock that was asked. */
export type FailureStanding =
  | { readonly as: "free" }
  /** It begins anew after a pause. */
  | { readonly as: "pausing"; readonly leftMs: number }
  | { readonly as: "stopped"; readonly leftMs: number; readonly error: StopError };

const FREE: FailureStanding = Object.freeze({ as: "free" });
/** Words of an error that are kept, at most. */
const WORDS_MAX = 1_000;
/** Failures that are read of an actor, at most. */
const FAILURES_MAX = 1_001;
/** Share of a pause by which it may be shorter, so that many that failed together do not come back together. */
const JITTER = 0.25;

/** It has failed once more. */
export function afterFailure(
  failures: Failures | undefined,
  { max, withinMs, backoff }: RestartRules,
  now: number,
  { code, message }: StopError,
): Failures {
  const recent = recentOf(failures, withinMs, now);
  const at = [...recent, now];
  if (recent.length < max) return { at };
  const error = { code, message: message.slice(0, WORDS_MAX).toWellFormed() };
  return { at, stopped: { until: now + backoff.maxMs, error } };
}

/** @param share from 0 up to 1, the same for one actor: how much of the jitter it has */
export function standingOf(
  { at, stopped }: Failures,
  { backoff }: RestartRules,
  now: number,
  share: number,
): FailureStanding {
  if (stopped) {
    const leftMs = Math.min(backoff.maxMs, stopped.until - now);
    return leftMs > 0 ? { as: "stopped", leftMs, error: stopped.error } : FREE;
  }
  const pauseMs = pauseAfter(at.length, backoff) * (1 - JITTER * share);
  const leftMs = Math.min(now, at.at(-1) ?? 0) + pauseMs - now;
  return leftMs > 0 ? { as: "pausing", leftMs } : FREE;
}

/** Failures that count still, with those for which it is stopped. */
export function countOf(failures: Failures, { withinMs }: RestartRules, now: number): number {
  const { at, stopped } = failures;
  if (stopped) return stopped.until > now ? at.length : 0;
  return recentOf(failures, withinMs, now).length;
}

/** Whether it has failed within the time, or was stopped until then: that it cannot begin anew is one failure more. */
export function hasFailedLately(
  failures: Failures | undefined,
  { withinMs }: RestartRules,
  now: number,
): boolean {
  if (failures?.stopped) return now - failures.stopped.until < withinMs;
  return recentOf(failures, withinMs, now).length > 0;
}

/** Those that count still: a stop wipes the slate clean. */
function recentOf(failures: Failures | undefined, withinMs: number, now: number): readonly number[] {
  if (failures === undefined || failures.stopped) return [];
  return failures.at.map((at) => Math.min(at, now)).filter((at) => at > now - withinMs);
}

function pauseAfter(count: number, { minMs, maxMs }: RestartRules["backoff"]): number {
  return count <= 1 ? 0 : Math.min(maxMs, minMs * 2 ** Math.min(count - 2, 30));
}

/** Its number stands in stored records. */
export const FAILURES: AnnexPart<Failures> = Object.freeze<AnnexPart<Failures>>({
  number: 6,
  staysLoaded: false,
  write: (writer, { at, stopped }) => {
    writer.varint(at.length);
    for (const each of at) writer.f64(each);
    writer.u8(stopped ? 1 : 0);
    if (stopped === undefined) return;
    writer.f64(stopped.until);
    writer.string(stopped.error.code);
    writer.string(stopped.error.message);
  },
  read: (reader) => {
    const count = reader.varint();
    if (count > FAILURES_MAX)
      throw new DecodeError(
        `Cannot read the failures of an actor: there are ${count}, and ${FAILURES_MAX} are the most`,
      );
    const at = Array.from({ length: count }, () => timeIn(reader.f64()));
    if (reader.u8() === 0) return { at };
    const until = timeIn(reader.f64());
    return { at, stopped: { until, error: { code: reader.string(), message: reader.string() } } };
  },
});

function timeIn(time: number): number {
  if (Number.isFinite(time)) return time;
  throw new DecodeError("Cannot read the failures of an actor: a time of them is none");
}
