import { describe, expect, test } from "bun:test";
import { judge } from "../../chaos/verdict/judge.ts";
import type { Line } from "../../chaos/cluster/lines.ts";
import { after, type Effect } from "../../chaos/workload/page.ts";
import { Recording } from "../../chaos/verdict/recording.ts";
import { NOTHING } from "../../testing/history.ts";

const ACTOR = "counter/c1";
const CALLER = "client_1";
const SENDER = `${CALLER}@life`;

/** A run that is told line by line, under a clock of its own. */
class Story {
  nowMs = 0;
  readonly recording = new Recording(() => this.nowMs);
  #last: Effect | undefined;

  constructor() {
    this.recording.member(CALLER, false);
    for (const node of ["n0_1", "n1_1"]) this.recording.member(node, true);
  }

  hear(line: Line, member = CALLER): this {
    this.recording.hear(member, line);
    return this;
  }

  sent(n: number, { to = ACTOR, call = "ask", once = true }: Partial<Line & { type: "sent" }> = {}): this {
    return this.hear({ type: "sent", sender: SENDER, to, n, call, timeoutMs: 1_000, once });
  }

  /** The actor takes a message in, behind what it took in last; its node tells. */
  handled(n: number, given: Partial<Effect> = {}): this {
    const birth = given.birth ?? "b1";
    const before = this.#last?.birth === birth ? after(this.#last) : NOTHING;
    this.#last = { actor: ACTOR, sender: SENDER, n, epoch: 1, node: "n0.a", birth, before, ...given };
    return this.hear({ type: "effect", effect: this.#last }, "n0_1");
  }

  ended(n: number, line: Partial<Line & { type: "ended" }> = {}): this {
    return this.hear({ type: "ended", sender: SENDER, to: ACTOR, n, outcome: "done", ...line });
  }

  /** One ask from its sending to its answer. */
  asked(n: number, given: Partial<Effect> = {}): this {
    this.sent(n).handled(n, given);
    return this.ended(n, { effect: this.#last as Effect });
  }

  told(given: { actor?: string; high?: number; balance?: number } = {}): this {
    const { birth = "b1", epoch = 1, node = "n0.a" } = this.#last ?? {};
    const { count, digest } = this.#last === undefined ? NOTHING : after(this.#last);
    const told = { actor: ACTOR, birth, epoch, node, count, digest, high: 0, balance: 1_000, ...given };
    return this.hear({ type: "told", told });
  }

  kill(id = "n0_1"): this {
    const member = this.recording.members.get(id);
    if (member !== undefined) member.killedAt = this.nowMs;
    return this;
  }

  /** The promises that are broken, each once. */
  get broken(): string[] {
    return [...new Set(judge(this.recording).violations.map(({ promise }) => promise))];
  }
}

describe("judge()", () => {
  test("finds nothing in a run in which an actor moved and then crashed", () => {
    const story = new Story().asked(1).asked(2, { epoch: 2, node: "n1.a" }).kill();
    expect(story.asked(3, { epoch: 3, birth: "b2" }).told().broken).toEqual([]);
  });

  test("finds two nodes that answer under one epoch", () => {
    expect(new Story().asked(1).asked(2, { node: "n1.a" }).broken).toEqual(["I1"]);
  });

  test("finds a life that speaks after its successor was heard", () => {
    const story = new Story().kill().asked(1).asked(2, { epoch: 2, birth: "b2" });
    expect(story.asked(3, { epoch: 1, birth: "b1", before: { count: 1, digest: 5 } }).broken).toContain("I1");
  });

  test("finds an epoch that goes back within one life", () => {
    expect(new Story().asked(1, { epoch: 2 }).asked(2, { epoch: 1 }).broken).toEqual(["I1"]);
  });

  test("finds an acknowledged effect that a later state does not contain", () => {
    const fork = { before: NOTHING };
    expect(new Story().asked(1).asked(2, fork).asked(3).broken).toContain("I4");
  });

  test("does not count what a frozen handler did to a state that nobody has seen", () => {
    const zombie = new Story().kill().asked(1).sent(2).handled(2);
    expect(zombie.ended(2, { outcome: "unknown" }).broken).toEqual([]);
    expect(new Story().asked(1).sent(2).handled(2).ended(2, { outcome: "refused" }).told().broken).toEqual([
      "I2",
    ]);
  });

  test("finds a message that was handled twice, also by two lives", () => {
    expect(new Story().asked(1).handled(1).told().broken).toEqual(["I2"]);
    expect(new Story().kill().asked(1).handled(1, { epoch: 2, birth: "b2" }).told().broken).toEqual(["I2"]);
  });

  test("finds messages of one sender out of order", () => {
    expect(new Story().sent(1).asked(2).handled(1).told().broken).toContain("I3");
  });

  test("finds a call that never ends, or ends late, and lets one go that died with its process", () => {
    expect(new Story().sent(1).broken).toEqual(["I2"]);
    expect(new Story().sent(1).kill(CALLER).broken).toEqual([]);
    const silent = new Story().sent(1);
    silent.nowMs = 5_000;
    expect(silent.kill(CALLER).broken).toEqual(["I2"]);
    const late = new Story().sent(1);
    late.nowMs = 5_000;
    expect(late.ended(1, { outcome: "refused", code: "busy" }).broken).toEqual(["I2"]);
    expect(judge(late.recording).late).toBe(1);
  });

  test("does not count the time in which a caller was frozen", () => {
    const story = new Story().sent(1);
    story.recording.members.get(CALLER)?.frozen.push({ from: 500, to: 20_500 });
    story.nowMs = 21_000;
    expect(story.ended(1, { outcome: "refused", code: "busy" }).broken).toEqual([]);
  });

  test("finds a message that nobody sent", () => {
    expect(new Story().asked(1).handled(2).told().broken).toEqual(["I2"]);
  });

  test("finds an actor that begins as if it had never been", () => {
    const began = { type: "began", actor: ACTOR, epoch: 2, node: "n1.a", birth: "b2" } as const;
    const story = () => new Story().kill().asked(1);
    expect(story().hear({ ...began, why: "recovered" }).broken).toEqual([]);
    expect(story().hear({ ...began, why: "first" }).broken).toEqual(["I6"]);
  });

  test("finds a shard with two owners under one epoch", () => {
    const event = {
      type: "shard-owned",
      kind: "counter",
      shard: 1,
      epoch: 4,
      how: "claimed",
      at: 0,
    } as const;
    const story = new Story().hear({ type: "event", event }, "n0_1");
    expect(story.broken).toEqual([]);
    expect(story.hear({ type: "event", event }, "n1_1").broken).toEqual(["I1"]);
  });

  test("finds an actor that begins at two nodes under one epoch", () => {
    const began = {
      type: "began",
      actor: "keeper/the",
      why: "first",
      epoch: 4,
      node: "n0.a",
      birth: "",
    } as const;
    const story = new Story().hear(began, "n0_1").hear({ ...began, why: "restarted" }, "n0_1");
    expect(story.hear({ ...began, epoch: 5, node: "n1.a" }, "n1_1").broken).toEqual([]);
    expect(story.hear({ ...began, node: "n1.a" }, "n1_1").broken).toEqual(["I1"]);
  });

  test("finds a stored actor that has lost what it acknowledged, or has begun anew", () => {
    const actor = "stored-counter/s1";
    const raised = new Story().sent(7, { to: `${actor}#raise`, once: false });
    raised.ended(7, { to: `${actor}#raise`, high: 7 });
    expect(raised.told({ actor, high: 6 }).broken).toEqual(["I7"]);
    const anew = new Story().kill().kill(CALLER).sent(1, { to: actor }).handled(1, { actor });
    expect(anew.told({ actor }).broken).toEqual([]);
    anew.sent(2, { to: actor }).handled(2, { actor, epoch: 2, birth: "b2" });
    expect(anew.told({ actor }).broken).toEqual(["I7"]);
  });

  test("finds money that was made or lost in a stored account", () => {
    const actor = "stored-account/s1";
    const booked = { type: "booked", actor, n: 2, amount: -9, balance: 991 } as const;
    expect(new Story().hear(booked).told({ actor, balance: 991 }).broken).toEqual([]);
    expect(new Story().hear(booked).told({ actor, balance: 1_000 }).broken).toEqual(["I7"]);
    expect(new Story().hear(booked).told({ actor, balance: 982 }).broken).toEqual(["I7"]);
  });

  test("counts how calls ended", () => {
    const story = new Story().asked(1).sent(2).ended(2, { outcome: "refused", code: "busy" });
    story.sent(3).ended(3, { outcome: "failed", code: "handler-error" });
    story.kill().sent(4).ended(4, { outcome: "unknown", code: "outcome-unknown" });
    const { calls, okCalls, refused, unknown, failed } = judge(story.recording);
    expect([calls, okCalls, refused, unknown]).toEqual([4, 1, 1, 1]);
    expect(failed).toEqual({ "handler-error": 1 });
  });
});
