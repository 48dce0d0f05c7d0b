// Judges a recording by the promises. An outcome that nobody can know is information, never a violation.
import { inOrder, oneEnd, oneOwner } from "../../testing/checkers.ts";
import { History, type Violation } from "../../testing/history.ts";
import { type Chains, chainsOf, grouped } from "../workload/chains.ts";
import { BALANCE } from "../workload/contract.ts";
import type { RecordedCall, RecordedMember, Recording } from "./recording.ts";

/** How much longer than its deadline a call may take to be heard of, beside what the checker itself allows. */
const SLACK_MS = 1_000;

export interface Verdict {
  readonly violations: readonly Violation[];
  readonly calls: number;
  readonly okCalls: number;
  readonly refused: number;
  readonly unknown: number;
  /** Calls that ended after their deadline and the slack, or never. */
  readonly late: number;
  /** Errors that are neither of these, by code. */
  readonly failed: Readonly<Record<string, number>>;
  /** Effects that somebody has seen. */
  readonly effects: number;
  readonly moves: number;
  /** Times that an actor was stopped because it had failed too often. */
  readonly stops: number;
  /** Nodes that were declared dead although nothing had been done to them. */
  readonly needlessDeaths: number;
}

export function judge(recording: Recording): Verdict {
  const chains = chainsOf(recording);
  const history = historyOf(recording, chains);
  const ends = oneEnd.check(history);
  const violations = [
    ...[oneOwner, inOrder].flatMap((checker) => checker.check(history)),
    ...ends,
    ...chains.forks.map((what) => ({ promise: "I4", what })),
    ...recording.wrongs.map(({ effect, what }) => ({ promise: "I2", what: `${effect.actor} ${what}` })),
    ...[...zombies(recording)].map((what) => ({ promise: "I1", what })),
    ...[...doubleOwners(recording)].map((what) => ({ promise: "I1", what })),
    ...[...doubleBeginnings(recording)].map((what) => ({ promise: "I1", what })),
    ...[...fresh(recording, chains)].map((what) => ({ promise: "I6", what })),
    ...[...stored(recording, chains)].map((what) => ({ promise: "I7", what })),
    ...[...unsent(recording, history)].map((what) => ({ promise: "I2", what })),
    ...recording.unserved.map((what) => ({ promise: "I5", what })),
    ...recording.storeFaults.map((what) => ({ promise: "store", what })),
    ...recording.crashes.map((what) => ({ promise: "process", what })),
  ];
  return { violations, ...tally(recording, history, ends), needlessDeaths: needlessDeaths(recording) };
}

/** The calls with their ends, and the certain effects in the order of births, epochs and counts. */
function historyOf(recording: Recording, { births }: Chains): History {
  const history = new History(() => 0);
  for (const call of recording.calls.values()) history.calls.push(judged(call, recording));
  for (const [, all] of births) {
    for (const { effects } of all) for (const effect of effects) history.starts.push({ ...effect, at: 0 });
  }
  // when an actor lost its memory nobody saw: any fault may have been the cause of any loss
  history.lossesUnseen = [...recording.members.values()].some(
    ({ killedAt, disturbed }) => disturbed || killedAt !== undefined,
  );
  return history;
}

/** A call as its checker takes it: time in which its caller was frozen does not count, nor what died before its end. */
function judged(call: RecordedCall, { members, stallMs }: Recording): History["calls"][number] {
  const { sender, to, n, type, sentAt, timeoutMs, outcome, code, once } = call;
  const member = members.get(call.member);
  const deadlineAt = sentAt + timeoutMs + SLACK_MS + stallMs + frozenMs(member, sentAt, call.endedAt);
  const lost = outcome === undefined && (member?.killedAt ?? Number.POSITIVE_INFINITY) < deadlineAt;
  return {
    ...{ sender, to, n, type, origin: call.member, sentAt, deadlineAt, hasEffect: once },
    ...{ code: lost ? "killed" : code, answerEpoch: undefined },
    ...(lost ? { outcome: "unknown", endedAt: deadlineAt } : { outcome, endedAt: call.endedAt ?? 0 }),
  };
}

function frozenMs(member: RecordedMember | undefined, from: number, to = Number.POSITIVE_INFINITY): number {
  let sum = 0;
  for (const frozen of member?.frozen ?? [])
    if (frozen.from < to && frozen.to > from) sum += frozen.to - frozen.from;
  return sum;
}

/** What one caller hears never comes from a birth that it has seen succeeded by another. */
function* zombies({ seen }: Recording): Iterable<string> {
  const newest = new Map<string, { birth: string; epoch: number; node: string }>();
  for (const { observer, effect } of seen) {
    const { actor, birth, epoch, node } = effect;
    const key = `${observer} ${actor}`;
    const known = newest.get(key);
    if (known !== undefined && known.birth !== birth && epoch < known.epoch)
      yield `${actor}: ${observer} heard of epoch ${epoch} on ${node} after another life under ${known.epoch} on ${known.node}`;
    else if (known === undefined || epoch >= known.epoch) newest.set(key, { birth, epoch, node });
  }
}

/** No two nodes say that they own a shard under one epoch. */
function* doubleOwners({ events }: Recording): Iterable<string> {
  const owners = new Map<string, string>();
  for (const { member, event } of events) {
    if (event.type !== "shard-owned") continue;
    const key = `${event.kind}/${event.shard} under epoch ${event.epoch}`;
    const other = owners.get(key);
    if (other !== undefined && other !== member) yield `shard ${key} was owned by ${other} and by ${member}`;
    owners.set(key, member);
  }
}

/** No two nodes begin an actor under one epoch. */
function* doubleBeginnings({ began }: Recording): Iterable<string> {
  const nodes = new Map<string, string>();
  for (const { actor, epoch, node } of began) {
    const key = `${actor} ${epoch}`;
    const other = nodes.get(key);
    if (other !== undefined && other !== node)
      yield `${actor} began under epoch ${epoch} at ${other} and at ${node}`;
    nodes.set(key, node);
  }
}

/** An actor of which a state was seen does not begin as if there had never been one. */
function* fresh({ began }: Recording, { births }: Chains): Iterable<string> {
  const firsts = grouped(
    began.filter(({ why }) => why === "first"),
    ({ actor }) => actor,
  );
  for (const [actor, all] of births) {
    for (const { birth, epoch, node } of firsts.get(actor) ?? []) {
      const older = all.find(
        ({ id, effects }) => id !== birth && (effects.at(-1)?.epoch ?? Infinity) < epoch,
      );
      if (older !== undefined) yield `${actor} began as new under epoch ${epoch} on ${node}, after others`;
    }
  }
}

/** A stored actor has one birth, and ends with everything that was acknowledged. */
function* stored({ calls, told, booked }: Recording, { births }: Chains): Iterable<string> {
  for (const [actor, lives] of births) {
    const all = lives.filter(({ last }) => last.count > 0); // before its first message there is nothing to store
    if (isStored(actor) && all.length > 1) yield `${actor} began ${all.length} times, and each was seen`;
  }
  const last = new Map(told.map((each) => [each.actor, each]));
  for (const { to, high, outcome } of calls.values()) {
    const actor = to.slice(0, to.indexOf("#"));
    const now = last.get(actor);
    if (!to.endsWith("#raise") || !isStored(actor) || outcome !== "done" || now === undefined) continue;
    if (high !== undefined && now.high < high)
      yield `${actor} ended with ${now.high}, after ${high} was acknowledged`;
  }
  yield* bank(last, booked);
}

/** An account holds what it began with and what was booked. In memory it begins anew after a crash, so only stored ones count. */
function* bank(
  last: ReadonlyMap<string, { readonly balance: number }>,
  booked: ReadonlyMap<string, number>,
): Iterable<string> {
  for (const [actor, { balance }] of last) {
    const expected = BALANCE + (booked.get(actor) ?? 0);
    if (isStored(actor) && actor.includes("account/") && balance !== expected)
      yield `${actor} holds ${balance}, and ${expected} was acknowledged`;
  }
}

function isStored(actor: string): boolean {
  return actor.startsWith("stored-");
}

/** What was handled has been sent. What a killed process had sent may not have been told. */
function* unsent({ members, calls }: Recording, history: History): Iterable<string> {
  for (const { actor, sender, n } of history.starts) {
    const member = members.get(sender.slice(0, sender.indexOf("@")));
    if (member === undefined || member.killedAt !== undefined) continue;
    if (!calls.has(`${sender} ${actor} ${n}`))
      yield `${actor} handled ${n} of ${sender}, who did not send it`;
  }
}

function tally(
  { calls, events }: Recording,
  history: History,
  ends: readonly Violation[],
): Omit<Verdict, "violations" | "needlessDeaths"> {
  const count = { calls: calls.size, okCalls: 0, refused: 0, unknown: 0 };
  const failed: Record<string, number> = {};
  for (const { outcome, code = "?" } of calls.values()) {
    if (outcome === "done") count.okCalls++;
    else if (outcome === "refused") count.refused++;
    else if (outcome === "failed") failed[code] = (failed[code] ?? 0) + 1;
    else count.unknown++;
  }
  const late = ends.filter(({ what }) => /never ended|after its deadline/.test(what)).length;
  const ofType = (type: string) => events.filter(({ event }) => event.type === type).length;
  const [moves, stops] = [ofType("shard-moved"), ofType("actor-stopped")];
  return { ...count, failed, late, effects: history.starts.length, moves, stops };
}

function needlessDeaths({ members, events }: Recording): number {
  return events.filter(({ member, event }) => event.type === "fenced" && !members.get(member)?.disturbed)
    .length;
}
