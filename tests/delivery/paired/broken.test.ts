// The same runs with one rule of the links broken: each must be seen, or the runs prove nothing.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Breaking, BrokenTree } from "../../simulation/defects/broken_tree.ts";
import type * as Played from "./play.ts";
import { runs } from "./play.ts";

/** A rule that is broken, and what is seen then. */
interface BrokenRule extends Breaking {
  readonly seen: RegExp;
}

function broken(name: string, file: string, find: string, replace: string, seen: RegExp): BrokenRule {
  return { name, changes: [{ file: `delivery/${file}`, find, replace }], seen };
}

const RULES: readonly BrokenRule[] = [
  broken(
    "no-dedup",
    "receiving/receiver_state.ts",
    'if (seq === this.#expected) return "next";',
    'if (seq <= this.#expected) { this.#expected = seq; return "next"; }',
    /admitted (twice|2 times|3 times)/,
  ),
  broken(
    "gap-not-held",
    "receiving/receiver_link.ts",
    "return this.#hold({ envelope, cameAt }, now);",
    "this.#skipTo(envelope.seq, now); return this.receive(envelope, now);",
    /never admitted|admitted as|nobody knows/,
  ),
  broken(
    "floor-unheard",
    "sending/sender_link.ts",
    "if (floor > state.floor) this.#lost(floor);",
    "",
    /admitted 2 times/,
  ),
  broken(
    "window-unbounded",
    "sending/sender_link.ts",
    "return sent < this.#pace.limit && sentBytes",
    "return sent < Infinity && sentBytes",
    /window holds/,
  ),
  broken(
    "ended-is-sent",
    "sending/window_entry.ts",
    'return this.call.ended || (this.#standing !== "sent" && this.#standing !== "announced");',
    'return this.#standing !== "sent" && this.#standing !== "announced";',
    /its caller was told that it was not|admitted 2 times/,
  ),
  broken(
    "void-is-sent",
    "sending/window_entry.ts",
    'return this.call.ended || (this.#standing !== "sent" && this.#standing !== "announced");',
    'return this.call.ended || (this.#standing !== "sent" && this.#standing !== "announced" && this.#standing !== "void");',
    /admitted twice in one life/,
  ),
  broken(
    "copies-forgotten",
    "sending/copies.ts",
    "get mayBeThere(): boolean { return this.#peers.some((peer) => peer !== undefined);",
    "get mayBeThere(): boolean { return false;",
    /its caller was told that it was not|admitted 2 times/,
  ),
  broken(
    "waiting-is-admitted",
    "sending/window_entry.ts",
    'announced: { acknowledged: "waiting", left: "void" },',
    'announced: { acknowledged: "taken", left: "void" },',
    /never admitted, and its caller was told that it was/,
  ),
  broken(
    "reply-not-repeated",
    "receiving/reply_keeper.ts",
    "if (kept.dueAt <= now) this.#send(kept);",
    "if (kept.dueAt <= now) continue;",
    /nobody knows/,
  ),
  broken(
    "reply-not-kept",
    "receiving/receiver_link.ts",
    "this.#deps.keeper.repeat(this.peer, kind, shard, envelope.seq);",
    "this.#deps.keeper.confirmed(this.peer, kind, shard, [envelope.seq]);",
    /nobody knows/,
  ),
  broken(
    "not-sent-again",
    "sending/sender_link.ts",
    "this.#pace.timedOut(); this.#restart(now);",
    "this.#pace.timedOut();",
    /nobody knows|never given up/,
  ),
];

/** What is seen in the first run that shows anything. */
async function firstSeen({ play }: typeof Played): Promise<readonly string[]> {
  for (const steps of fc.sample(runs, { numRuns: 1_000, seed: 7 })) {
    const seen = await play(steps);
    if (seen.length > 0) return seen;
  }
  return [];
}

test.each(RULES.map((rule) => [rule.name, rule] as const))(
  "the runs of a link's two ends show it when a rule is broken: %s",
  async (_, rule) => {
    await using tree = await BrokenTree.of([rule], "tests/delivery/paired/play.ts");
    const seen = await firstSeen(await tree.run<typeof Played>());
    expect(seen.join("\n")).toMatch(rule.seen);
  },
  60_000,
);
