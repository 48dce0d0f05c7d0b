/**
 * I8: whatever is slow holds up itself.
 *
 * @module
 */
import { type Call, type History, nameOf, type Place, type Span } from "../history.ts";
import { type Checker, checker } from "./checker.ts";

/** The longest that a message may wait for something that is not its own actor's business, in milliseconds. */
const PAUSE_MS = 1_000;
/** A node that was out of reach goes on when it has renewed its lease and was heard again, in milliseconds. */
const AFTER_MS = 1_000;

/**
 * From its sending to the start of its handler, or until its caller gives up, a message waits for nothing but
 * - handlers and hooks of its own actor, and what that actor has sent and what has not arrived: a move waits for it, and
 *   so does the end of one whose handler failed;
 * - a node that something is done to, while it sends the message, owns the actor, is about to, has the actor late, or
 *   should take its shard, which nobody has: none has had it yet, or its owner is dead;
 * - the way into the state bucket, as long as nobody hosts the kind.
 * Only a history is judged in which nothing is lost by chance.
 */
export const onlyItself: Checker = checker("I8", "what is slow delays only itself", function* (history) {
  if (!history.isCalm) return;
  const started = new Map<string, number>();
  for (const { actor, sender, n, at } of history.starts) {
    const key = `${n} of ${sender} to ${actor}`;
    if (sender !== "" && !started.has(key)) started.set(key, at);
  }
  const callsOf = Map.groupBy(history.calls, ({ sender }) => sender.split("#")[0] ?? "");
  for (const call of history.calls) {
    const until = started.get(`${call.n} of ${call.sender} to ${call.to}`) ?? gaveUpAt(call);
    if (until === undefined || until - call.sentAt <= PAUSE_MS) continue;
    const causes = causesOf(history, call, callsOf.get(call.to) ?? []);
    const pauseMs = until - call.sentAt - coveredMs(causes, call.sentAt, until);
    if (pauseMs > PAUSE_MS)
      yield `${nameOf(call)} waited ${pauseMs} ms for others, from ${call.sentAt} to ${until} ms`;
  }
});

/** When a caller had waited in vain. A refusal is no wait. */
function gaveUpAt({ outcome, code, endedAt }: Call): number | undefined {
  const inVain = outcome === "unknown" || code === "deadline-exceeded" || code === "unavailable";
  return inVain ? endedAt : undefined;
}

function causesOf(history: History, { to: actor, origin }: Call, own: readonly Call[]): Span[] {
  const open = own.map((call) => ({ from: call.sentAt, to: arrivedAt(history, call) }));
  const places = history.places.get(actor) ?? [];
  const here = places.flatMap((place, i) => causesAt(history, place, places[i + 1]?.at ?? Infinity));
  return [...(history.busy.get(actor) ?? []), ...open, ...troublesOf(history, [nodeOf(origin)]), ...here];
}

/** When a call had ended, and no copy of it could arrive any more at a node that had been out of reach. */
function arrivedAt(history: History, { to: actor, sentAt, endedAt, outcome }: Call): number {
  if (outcome === undefined) return Infinity;
  if (outcome !== "unknown") return endedAt;
  const places = history.places.get(actor) ?? [];
  const there = places.filter(({ at }, i) => at <= endedAt && (places[i + 1]?.at ?? Infinity) >= sentAt);
  const troubles = there.flatMap(({ nodes }) =>
    history.disturbances.filter(
      ({ node, from, to }) => nodes.includes(node) && from <= endedAt && to >= sentAt,
    ),
  );
  const ends = troubles.map(({ node, from, to }) => Math.min(to, diedAt(history, node, from)) + AFTER_MS);
  return Math.max(endedAt, ...ends);
}

function diedAt({ deaths }: History, name: string, since: number): number {
  return deaths.find(({ node, at }) => node === name && at >= since)?.at ?? Infinity;
}

/** What may hold up an actor while it is there. */
function causesAt(history: History, { at: from, nodes, isParking, heir }: Place, to: number): Span[] {
  if (isParking) return [{ from, to }];
  return troublesOf(history, heir === undefined ? nodes : [...nodes, heir]).map((span) => ({
    from: Math.max(span.from, from),
    to: Math.min(span.to, to),
  }));
}

function troublesOf({ disturbances }: History, nodes: readonly string[]): Span[] {
  return disturbances
    .filter(({ node }) => node === "*" || nodes.includes(node))
    .map(({ from, to }) => ({ from, to: to + AFTER_MS }));
}

/** How much of a time the spans cover together. */
function coveredMs(spans: readonly Span[], from: number, until: number): number {
  let coveredUntil = from;
  let sum = 0;
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const [begin, end] = [Math.max(span.from, coveredUntil), Math.min(span.to, until)];
    if (end <= begin) continue;
    sum += end - begin;
    coveredUntil = end;
  }
  return sum;
}

function nodeOf(origin: string): string {
  return origin.split(".")[0] ?? "";
}
