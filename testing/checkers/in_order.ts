/**
 * I3: order per sender.
 *
 * @module
 */
import { type Checker, checker } from "./checker.ts";

/** Per sender and actor, handlers start in the order sent, also after a crash. That nothing is missing is I2's business. */
export const inOrder: Checker = checker("I3", "order per sender", function* ({ starts }) {
  const last = new Map<string, number>();
  for (const { actor, sender, n, at } of starts) {
    if (sender === "") continue;
    const key = `${sender} → ${actor}`;
    const before = last.get(key) ?? 0;
    if (n < before) yield `${key}: ${n} was handled after ${before}, at ${at} ms`;
    last.set(key, Math.max(n, before));
  }
});
