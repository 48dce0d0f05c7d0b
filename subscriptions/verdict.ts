/**
 * What becomes of a message of a stream that an actor has not taken.
 *
 * @module
 */
import type { ErrorData } from "../errors.ts";

/** See the module's text. */
export type Verdict =
  /** It says nothing of the message: it is tried again, as often as that takes. */
  | "later"
  /** It may be the message's fault: it is tried again, so often. */
  | "again"
  /** It is the message's fault, and will be. */
  | "never";

/**
 * What passes by itself, or by an operator's hand: no owner, no room, no store. Also an actor on a node with older code, which does not know
 * the message.
 */
const PASSING: ReadonlySet<string> = new Set([
  ...["busy", "unavailable", "actor-stopped", "deadline-exceeded", "aborted", "fenced", "node-stopped"],
  ...["records-unavailable", "records-refused", "permission-denied", "server-unsuitable", "unknown-message"],
]);

/** What a node says of the bytes before anybody has them. */
const FINAL: ReadonlySet<string> = new Set(["decode-failed", "too-large"]);

/** What else is known of a refusal. */
export interface RefusedHow {
  readonly isFinal?: boolean;
  readonly isLate?: boolean;
}

/**
 * @param isFinal whether it was refused here, by what it is, before an actor could have it
 * @param isLate whether it was given up because nobody answered in time
 */
export function verdictOn(
  { code }: ErrorData,
  { isFinal = false, isLate = false }: RefusedHow = {},
): Verdict {
  if (isFinal || FINAL.has(code)) return "never";
  if (PASSING.has(code) || (code === "outcome-unknown" && isLate)) return "later";
  return "again";
}
