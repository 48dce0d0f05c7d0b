/**
 * I3: order per sender.
 *
 * @module
 */
import { generationOf } from "../generations.ts";
import { nameOf } from "../history.ts";
import { type Checker, checker } from "./checker.ts";

/**
 * Per sender and actor, handlers start in the order sent, also after a crash. That nothing is missing is I2's business.
 * Nobody has an order between those who know different generations of the records.
 */
export const inOrder: Checker = checker("I3", "order per sender", function* (history) {
  const { starts, calls } = history;
  const last = new Map<string, number>();
  const again = new Map(calls.filter(({ idempotent }) => idempotent).map((call) => [nameOf(call), call]));
  for (const { actor, sender, n, epoch, at } of starts) {
    if (sender === "") continue;
    const call = ["ask", "tell"]
      .map((type) => again.get(`${type} ${n} of ${sender} to ${actor}`))
      .find(Boolean);
    if (call && history.hasLost(actor, call.sentAt, at)) continue; // repeated, behind what was sent meanwhile
    const key = `${sender} → ${actor} in ${generationOf(epoch)}`;
    const before = last.get(key) ?? 0;
    if (n < before) yield `${sender} → ${actor}: ${n} was handled after ${before}, at ${at} ms`;
    last.set(key, Math.max(n, before));
  }
});
