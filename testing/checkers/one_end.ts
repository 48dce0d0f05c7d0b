/**
 * I2: how calls end.
 *
 * @module
 */
import { type Call, type History, nameOf, patienceOf, type Started } from "../history.ts";
import { type Checker, checker } from "./checker.ts";

/** A call may end this much after its deadline, in milliseconds. */
const SLACK_MS = 1_000;
/** With nothing wrong but lost messages an answer gets through within this time, in milliseconds. */
const ANSWER_MS = 2_000;
/** Word of a loss may need this long, in milliseconds, and so much more than the watches of those who hear late. */
const LAG_MS = 500;
const ON_THE_WAY_MS = 100;

/** Each message ends once and in time; it is handled at most once; never both handled and refused. */
export const oneEnd: Checker = checker("I2", "one end for each message", function* (history) {
  const handled = new Map<string, Started[]>();
  for (const start of history.starts) {
    const { actor, sender, n } = start;
    if (sender === "") continue;
    const key = `${n} of ${sender} to ${actor}`;
    const known = handled.get(key);
    if (known) known.push(start);
    else handled.set(key, [start]);
  }
  const again = new Map(
    history.calls.filter(({ idempotent }) => idempotent).map((call) => [keyOf(call), call]),
  );
  for (const [key, starts] of handled) {
    const call = again.get(key);
    if (call) yield* faultsOfRepeated(history, key, call, starts);
    else if (starts.length > 1) yield `${key} was handled ${starts.length} times`;
  }
  for (const call of history.calls) {
    if (call.outcome === undefined && history.killed.has(call.origin)) continue;
    yield* faultsOf(history, call, handled.get(keyOf(call))?.length ?? 0);
  }
  yield* lostTells(history, handled);
});

/** An idempotent message is handled again only by the next owner after a loss, or by one that looks like one. */
function* faultsOfRepeated(
  { losses, lossesUnseen, allowances }: History,
  key: string,
  { sentAt }: Call,
  starts: readonly Started[],
): Iterable<string> {
  for (const [i, { actor, epoch }] of starts.entries()) {
    const before = starts[i - 1];
    if (before === undefined || lossesUnseen) continue;
    const [low, high] = [Math.min(before.epoch, epoch), Math.max(before.epoch, epoch)];
    const lost = losses.get(actor)?.some((loss) => loss.epoch > low && loss.epoch <= high);
    if (!lost && !allowances.wasRaised(actor, high, sentAt))
      yield `${key} was handled again under epoch ${epoch}, after ${before.epoch}, without a loss`;
  }
}

/** With nothing wrong, what a stored actor told arrives, or an event says that it does not. */
function* lostTells(history: History, handled: ReadonlyMap<string, unknown>): Iterable<string> {
  if (history.disturbances.length > 0) return;
  const missing = new Map<string, number>();
  for (const call of history.calls) {
    const { held, outcome, hasEffect, to } = call;
    if (held && outcome === "done" && hasEffect && !handled.has(keyOf(call)))
      missing.set(to, (missing.get(to) ?? 0) + 1);
  }
  for (const [to, count] of missing) {
    const known = history.deadLetters.get(to) ?? 0;
    if (count > known)
      yield `${count} messages that stored actors told ${to} did not arrive, and ${known} were reported`;
  }
}

function keyOf({ n, sender, to }: Call): string {
  return `${n} of ${sender} to ${to}`;
}

function* faultsOf(history: History, call: Call, times: number): Iterable<string> {
  const { outcome, code = "", type, to, sentAt, endedAt, deadlineAt } = call;
  if (outcome === undefined) return yield `${nameOf(call)} never ended`;
  const dueAt = deadlineAt + frozenMs(history, call);
  if (endedAt > dueAt + SLACK_MS) yield `${nameOf(call)} ended ${endedAt - dueAt} ms after its deadline`;
  if (outcome === "refused" && times > 0) yield `${nameOf(call)} was refused (${code}) and handled`;
  if (outcome === "done" && times === 0 && call.hasEffect) {
    if (type === "ask") yield `${nameOf(call)} was answered and not handled`;
    else if (!call.held && !history.hasLost(to, sentAt) && !history.allowances.mayBeTakenInVain(to, sentAt))
      yield `${nameOf(call)} was acknowledged and not handled`;
  }
  if (outcome === "unknown") yield* faultsOfUnknown(history, call);
}

/** Nobody needs to doubt before the deadline, unless somebody was lost. */
function* faultsOfUnknown(history: History, call: Call): Iterable<string> {
  const { code, type, to, origin, sentAt, endedAt } = call;
  const patientUntil = type === "ask" ? patienceOf(call) : call.deadlineAt;
  if (history.hasLost(to, sentAt - lagMs(history, call), endedAt)) return;
  if (history.fenced.get(origin)?.some((at) => at >= sentAt && at <= endedAt)) return;
  if (endedAt < patientUntil - 1)
    yield `${nameOf(call)} ended as unknown (${code}) ${patientUntil - endedAt} ms before its deadline, without a loss`;
  // the end of a tell is an acknowledgement, for which no owner waits before it parks a shard and leaves
  const waitedMs = endedAt - (history.endings.get(keyOf(call)) ?? Infinity);
  // a stored actor's answer waits for a store that may lose as many requests as it likes
  if (
    type === "ask" &&
    !history.lineages.has(to) &&
    waitedMs > ANSWER_MS &&
    history.disturbances.length === 0
  )
    yield `${nameOf(call)} was handled ${waitedMs} ms before its end, and got no answer`;
}

/**
 * How much later than it happened a caller may have heard of a loss: he may have been cut off meanwhile, or until just
 * before, so that what he missed is still on its way to him. What was on its way when the cut began he missed as well.
 */
function lagMs({ disturbances, blinks, allowances }: History, { origin, sentAt, endedAt }: Call): number {
  const node = nodeOf(origin);
  const lag = Math.max(LAG_MS, allowances.hearsLateMs + ON_THE_WAY_MS);
  const cuts = [...disturbances, ...blinks].filter(
    (each) => (each.node === node || each.node === "*") && each.from <= endedAt && each.to >= sentAt - lag,
  );
  return Math.max(lag, ...cuts.map(({ from }) => sentAt - from + lag));
}

function nodeOf(origin: string): string {
  return origin.split(".")[0] ?? "";
}

/** For a caller on a frozen node time stands still. */
function frozenMs({ disturbances }: History, { origin, sentAt, endedAt }: Call): number {
  let sum = 0;
  for (const { what, node, from, to } of disturbances) {
    if (what === "freeze" && node === nodeOf(origin))
      sum += Math.max(0, Math.min(to, endedAt) - Math.max(from, sentAt));
  }
  return sum;
}
