/**
 * I2: a deadline is its caller's, whatever the clocks of other nodes show.
 *
 * @module
 */
import { type Call, type History, nameOf, patienceOf } from "../history.ts";
import { type Checker, checker } from "./checker.ts";

/** What is on its way does not age: a message may be handled this much after its deadline, in milliseconds. */
const ON_THE_WAY_MS = 2_000;

/** No call ends as expired before its deadline, and no ask begins to be handled long after. */
export const ownDeadlines: Checker = checker("I2", "deadlines are the caller's", function* (history) {
  const asks = new Map<string, Call>();
  for (const call of history.calls) {
    const { type, code, sender, to, n, sentAt, endedAt, servesUntil } = call;
    const patientUntil = patienceOf(call);
    if (type === "ask") asks.set(`${n} of ${sender} to ${to}`, call);
    if (code === "deadline-exceeded" && endedAt < patientUntil - 1)
      yield `${nameOf(call)} ended as expired ${patientUntil - endedAt} ms before its deadline`;
    if (servesUntil === undefined) continue;
    // one that was frozen meanwhile may still ask, and hears at once that it is too late
    const lateMs = endedAt - Math.max(servesUntil, sentAt) - frozenMs(history, sentAt, endedAt);
    if (lateMs > ON_THE_WAY_MS) yield `${nameOf(call)} ended ${lateMs} ms after nobody waited for its sender`;
  }
  for (const { actor, sender, n, at } of history.starts) {
    const call = asks.get(`${n} of ${sender} to ${actor}`);
    if (call && at > call.deadlineAt + ON_THE_WAY_MS + frozenMs(history, call.sentAt, at))
      yield `${nameOf(call)} began to be handled ${at - call.deadlineAt} ms after its deadline`;
  }
});

/** Also what waits for a frozen node is on its way, through whichever node it comes. */
function frozenMs({ disturbances }: History, from: number, to: number): number {
  const frozen = disturbances.filter(({ what }) => what === "freeze");
  return frozen.reduce(
    (sum, each) => sum + Math.max(0, Math.min(each.to, to) - Math.max(each.from, from)),
    0,
  );
}
