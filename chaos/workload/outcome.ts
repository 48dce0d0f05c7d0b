// A call written down from its sending to its end, as its caller sees it.
import { ActorError } from "../../mod.ts";
import type { Outcome } from "../../testing/history.ts";
import type { Line } from "../cluster/lines.ts";
import type { Effect } from "./page.ts";

/** Not to be repeated as they are, and yet certainly not handled. */
const NOT_HANDLED: ReadonlySet<string> = new Set(["aborted", "call-cycle", "node-stopped"]);

export type SentCall = Omit<Line & { type: "sent" }, "type">;

/** Makes the call and tells of its beginning and its end. Never rejects. @returns the answer, if there was one */
export async function recorded<T>(
  call: SentCall,
  say: (line: Line) => void,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const { sender, to, n } = call;
  say({ type: "sent", ...call });
  try {
    const answer = await work();
    say({ type: "ended", sender, to, n, outcome: "done", ...seenIn(answer) });
    return answer;
  } catch (error) {
    const [outcome, code] = outcomeOf(error);
    say({ type: "ended", sender, to, n, outcome, code });
    return undefined;
  }
}

function seenIn(answer: unknown): { effect?: Effect; high?: number } {
  if (typeof answer === "number") return { high: answer };
  return answer === undefined ? {} : { effect: answer as Effect };
}

function outcomeOf(error: unknown): [Outcome, string] {
  if (!(error instanceof ActorError)) return ["failed", String(error)];
  if (error.retryable || NOT_HANDLED.has(error.code)) return ["refused", error.code];
  if (error.code === "outcome-unknown" || error.code === "fenced") return ["unknown", error.code];
  return ["failed", error.code];
}
