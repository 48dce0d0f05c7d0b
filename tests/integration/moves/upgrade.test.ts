// Upgrades in place of whole nodes, in virtual time.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ActorNode, NodeOptions } from "../../../mod.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";
import { type Around, around, hostOne, hostTwo, One, Two, wordsOne, wordsTwo } from "./words.ts";

const LONG = { timeoutMs: 60_000 };
const NAMES = Array.from({ length: 12 }, (_, i) => `n${i}`);
let cluster: MemoryCluster;
let steered: Around;

beforeEach(() => {
  cluster = new MemoryCluster();
  steered = around();
});

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

async function startOne(name: string, options: NodeOptions = {}): Promise<ActorNode> {
  const node = await cluster.start(name, { hosts: [hostOne(steered)], ...options });
  await cluster.settled("words", name);
  return node;
}

/** A word in each of twelve actors. */
async function filled(caller: ActorNode): Promise<void> {
  await cluster.ends(Promise.all(NAMES.map((name) => caller.ref(One, name).add("first"))));
}

function epochs(node: ActorNode): number[] {
  return node.inspect().shards.map(({ epoch }) => epoch);
}

describe("upgrade()", () => {
  test("gives each actor its state in the new form, once, and the epoch rises as in a move", async () => {
    const a = await startOne("a");
    await filled(a);
    const before = epochs(a);
    const floors = a.inspect().shards.map(({ floor }) => floor);
    const report = await cluster.ends(a.upgrade([hostTwo(steered)]));
    expect(report).toMatchObject({ upgraded: 4, actors: 12, late: 0, kept: [], quarantined: [], timers: [] });
    expect(epochs(a)).toEqual(before.map((epoch) => epoch + 1));
    expect(a.inspect().shards.map(({ floor }) => floor)).toEqual(floors);
    for (const name of NAMES) {
      const ref = a.ref(Two, name);
      expect(await cluster.ends(ref.upgrades())).toBe(1);
      expect(await cluster.ends(ref.add("second"))).toBe(2);
      expect(await cluster.ends(ref.code())).toBe("two");
    }
    expect(steered.log.filter((line) => line.startsWith("one n3"))).toEqual([
      "one n3 first",
      "one n3 ends upgrade",
    ]);
    expect(steered.log.filter((line) => line.startsWith("two n3"))).toEqual(["two n3 upgraded"]);
    expect(await cluster.ends(a.ref(Two, "new").upgrades())).toBe(0);
    expect(
      cluster.seen("shard-upgraded").map(({ stateVersion, actors }) => [stateVersion, actors]).length,
    ).toBe(4);
    expect(cluster.seen("kind-upgraded")).toMatchObject([
      { kind: "words", stateVersion: 2, upgraded: 4, kept: 0 },
    ]);
  });

  test("takes waiting mail along in its order, and holds what comes meanwhile", async () => {
    const a = await startOne("a");
    const caller = await cluster.start("caller");
    const gate = signalled();
    steered.gates.set("n1", gate.promise);
    const local = a.ref(One, "n1");
    const remote = caller.ref(One, "n1");
    const held = local.hold("held", LONG);
    const waiting = [
      local.add("one", LONG),
      remote.add("two", LONG),
      local.note("three"),
      remote.note("four"),
    ];
    await cluster.clock.advance(20);
    const upgrading = a.upgrade([hostTwo(steered)]);
    await cluster.clock.advance(1);
    const later = [local.add("five", LONG), remote.add("six", LONG)];
    await cluster.clock.advance(20);
    gate.resolve();
    expect((await cluster.ends(upgrading)).kept).toEqual([]);
    expect(await cluster.ends(held)).toBe(1);
    await cluster.ends(Promise.all([...waiting, ...later]));
    const words = await cluster.ends(a.ref(Two, "n1").read());
    expect(words.filter((word) => ["held", "one", "three", "five"].includes(word))).toEqual([
      "held",
      "one",
      "three",
      "five",
    ]);
    expect(words.filter((word) => ["two", "four", "six"].includes(word))).toEqual(["two", "four", "six"]);
    expect(words.length).toBe(7);
    expect(await cluster.ends(a.ref(Two, "n1").code())).toBe("two");
  });

  test("lets an actor follow whose handler runs on: it is upgraded when that has ended", async () => {
    const a = await startOne("a");
    await filled(a);
    const gate = signalled();
    steered.gates.set("n1", gate.promise);
    const held = a.ref(One, "n1").hold("held", LONG);
    await cluster.until("a handler that runs", () => steered.log.includes("one n1 holds"));
    const report = await cluster.ends(a.upgrade([hostTwo(steered)]));
    expect(report).toMatchObject({ upgraded: 4, late: 1, kept: [] });
    const behind = a.ref(Two, "n1").add("behind", LONG);
    expect(await cluster.ends(a.ref(Two, "n2").code())).toBe("two");
    await cluster.clock.advance(1_000);
    gate.resolve();
    expect(await cluster.ends(Promise.all([held, behind]))).toEqual([2, 3]);
    expect(await cluster.ends(a.ref(Two, "n1").read())).toEqual(["first", "held", "behind"]);
    expect(await cluster.ends(a.ref(Two, "n1").upgrades())).toBe(1);
    expect(cluster.seen("actor-recovered")).toEqual([]);
  });

  test("keeps timers with their time; one whose message is gone waits for code that has it again", async () => {
    const a = await startOne("a");
    await cluster.ends(a.ref(One, "n1").later({ message: "note", word: "kept", afterMs: 5_000 }));
    await cluster.ends(a.ref(One, "n1").later({ message: "vanish", word: "gone", afterMs: 3_000 }));
    await cluster.clock.advance(1_000);
    const report = await cluster.ends(a.upgrade([hostTwo(steered)]));
    expect(report.timers).toEqual([
      { kind: "words", shard: expect.any(Number), actor: "n1", timer: "gone", message: "vanish" },
    ]);
    expect(cluster.seen("timer-undeclared")).toMatchObject([
      { kind: "words", name: "n1", message: "vanish", timer: "gone" },
    ]);
    await cluster.clock.advance(3_900);
    expect(await cluster.ends(a.ref(Two, "n1").read())).toEqual([]);
    await cluster.clock.advance(200);
    expect(await cluster.ends(a.ref(Two, "n1").read())).toEqual(["kept"]);
    await cluster.clock.advance(10_000);
    expect(await cluster.ends(a.ref(Two, "n1").read())).toEqual(["kept"]);
    expect(cluster.seen("handler-failed")).toEqual([]);
  });

  test("makes new messages callable, and answers unknown-message to those that are gone, also to those that wait", async () => {
    const a = await startOne("a");
    const gate = signalled();
    steered.gates.set("n1", gate.promise);
    expect(await cluster.outcome(a.ref(Two, "n2").upgrades())).toMatchObject({
      error: { code: "unknown-message" },
    });
    const held = a.ref(One, "n1").hold("held", LONG);
    await cluster.until("a handler that runs", () => steered.log.includes("one n1 holds"));
    await cluster.ends(a.ref(One, "n1").vanish("waits"));
    const upgrades = a.ref(Two, "n1").upgrades(undefined, LONG);
    expect(await cluster.ends(a.upgrade([hostTwo(steered)]))).toMatchObject({ late: 1 });
    gate.resolve();
    await cluster.ends(held);
    expect(await cluster.ends(upgrades)).toBe(1);
    expect(await cluster.ends(a.ref(Two, "n1").read())).toEqual(["held"]);
    expect(cluster.seen("dead-letter")).toMatchObject([
      { name: "n1", message: "vanish", reason: expect.stringContaining("declares no message of that name") },
    ]);
    await cluster.ends(a.ref(One, "n1").vanish("later")); // admitted: its sender knows no better
    expect(await cluster.ends(a.ref(Two, "n1").read())).toEqual(["held"]);
    expect(await cluster.outcome(a.call("words", "n1", "vanish", "x"))).toMatchObject({
      error: { code: "unknown-message" },
    });
    expect(await cluster.ends(a.call("words", "n1", "upgrades", undefined))).toBe(1);
  });

  test("keeps a shard in its code if one of its actors does not pass, and says which; another upgrade tries it again", async () => {
    const a = await startOne("a");
    await filled(a);
    await cluster.ends(a.ref(One, "n5").add("bad"));
    steered.refuses = (words) => words.includes("bad");
    const before = epochs(a);
    const report = await cluster.ends(a.upgrade([hostTwo(steered)]));
    expect(report).toMatchObject({ upgraded: 3, quarantined: [] });
    expect(report.kept).toEqual([
      {
        kind: "words",
        shard: expect.any(Number),
        actor: "n5",
        reason: expect.stringContaining("these words are refused"),
      },
    ]);
    expect(cluster.seen("upgrade-kept")).toMatchObject([{ actor: "n5" }]);
    const { shard } = report.kept[0] as { shard: number };
    expect(epochs(a)).toEqual(before.map((epoch, i) => (i === shard ? epoch : epoch + 1)));
    expect(await cluster.ends(a.ref(One, "n5").code())).toBe("one");
    expect(await cluster.ends(a.ref(One, "n5").add("more"))).toBe(3);
    await cluster.clock.advance(5_000);
    expect(cluster.seen("upgrade-kept").length).toBe(1);
    steered.refuses = () => false;
    expect(await cluster.ends(a.upgrade([hostTwo(steered)]))).toMatchObject({ upgraded: 4, kept: [] });
    expect(await cluster.ends(a.ref(Two, "n5").read())).toEqual(["first", "bad", "more"]);
  });

  test("sets aside who does not pass, and nobody else, if told to", async () => {
    const a = await startOne("a");
    await filled(a);
    steered.refuses = (words) => words.includes("bad");
    await cluster.ends(a.ref(One, "n5").add("bad"));
    const report = await cluster.ends(a.upgrade([hostTwo(steered)], { force: "quarantine" }));
    expect(report).toMatchObject({ upgraded: 4, kept: [], quarantined: [{ kind: "words", actor: "n5" }] });
    expect(await cluster.outcome(a.ref(Two, "n5").read())).toMatchObject({
      error: { code: "invalid-state" },
    });
    expect(await cluster.ends(a.ref(Two, "n4").read())).toEqual(["first"]);
    steered.refuses = () => false; // another upgrade is another chance
    expect(await cluster.ends(a.upgrade([hostTwo(steered)]))).toMatchObject({ upgraded: 4, kept: [] });
    expect(await cluster.ends(a.ref(Two, "n5").read())).toEqual(["first", "bad"]);
    expect(await cluster.ends(a.ref(Two, "n4").upgrades())).toBe(1);
  });

  test("upgrades who sleeps, and finds who sleeps and does not pass", async () => {
    const [one, two] = [wordsOne({ idleMs: 1_000 }), wordsTwo({ idleMs: 1_000 })];
    const a = await startOne("a", { hosts: [hostOne(steered, one)] });
    await filled(a);
    await cluster.until("all asleep", () => a.inspect().actors.every(({ status }) => status === "passive"));
    steered.refuses = (words) => words.includes("first");
    const { kept } = await cluster.ends(a.upgrade([hostTwo(steered, two)]));
    expect(kept.length).toBe(3); // nobody is in the fourth
    steered.refuses = () => false;
    expect(await cluster.ends(a.upgrade([hostTwo(steered, two)]))).toMatchObject({
      upgraded: 4,
      actors: 12,
      kept: [],
    });
    expect(a.inspect().actors.map(({ status }) => status)).toEqual(NAMES.map(() => "passive"));
    steered.refuses = () => true; // it was done already
    for (const name of NAMES) expect(await cluster.ends(a.ref(two, name).upgrades())).toBe(1);
  });

  test("of a stored kind writes nothing, loads nothing, and comes back upgraded from what is stored", async () => {
    const [one, two] = [wordsOne({ durability: "stored" }), wordsTwo({ durability: "stored" })];
    const a = await startOne("a", { hosts: [hostOne(steered, one)] });
    await filled(a);
    const commits = a.inspect().counters.commits;
    expect(await cluster.ends(a.upgrade([hostTwo(steered, two)]))).toMatchObject({ upgraded: 4, actors: 12 });
    expect(a.inspect().counters.commits).toBe(commits);
    expect(await cluster.ends(a.ref(two, "n1").add("second"))).toBe(2);
    await cluster.ends(a.kill());
    const b = await cluster.start("b", { hosts: [hostTwo(steered, two)] });
    await cluster.settled("words", "b");
    expect(await cluster.ends(b.ref(two, "n1").read(), 30_000)).toEqual(["first", "second"]);
    expect(await cluster.ends(b.ref(two, "n2").upgrades())).toBe(1);
  });

  test("calls a shard off whose onDrain throws, and says so", async () => {
    const a = await startOne("a");
    await filled(a);
    steered.onDrain = (name) => {
      if (name === "n2") throw new Error("not now");
    };
    const { kept, upgraded } = await cluster.ends(a.upgrade([hostTwo(steered)]));
    expect([upgraded, kept]).toEqual([
      3,
      [{ kind: "words", shard: expect.any(Number), reason: "onDrain of words/n2 threw: not now" }],
    ]);
    expect(await cluster.ends(a.ref(One, "n2").add("on"))).toBe(2);
  });
});

describe("a node that was upgraded", () => {
  test("gives nothing to nodes with the former code, and takes over what they give away", async () => {
    const a = await startOne("a");
    await filled(a);
    await cluster.ends(a.upgrade([hostTwo(steered)]));
    const b = await cluster.start("b", { hosts: [hostOne(steered)] });
    await cluster.clock.advance(10_000);
    expect(new Set(a.inspect().shards.map(({ owner }) => owner))).toEqual(new Set(["a"]));
    expect(b.inspect().shards.length).toBe(4);
    const report = await cluster.ends(a.leave());
    expect(report).toMatchObject({ moved: 0, parked: 4 });
  });

  test("does not even offer what it was about to give to a node with the former code", async () => {
    const a = await startOne("a");
    await filled(a);
    await cluster.start("b", { hosts: [hostOne(steered)] });
    expect(await cluster.ends(a.upgrade([hostTwo(steered)]))).toMatchObject({ upgraded: 4 });
    await cluster.clock.advance(10_000);
    expect(cluster.seen("move-aborted")).toEqual([]);
    expect(new Set(a.inspect().shards.map(({ owner }) => owner))).toEqual(new Set(["a"]));
  });

  test("takes shards of nodes with the former code, upgraded, while it is one among them", async () => {
    const a = await startOne("a");
    await filled(a);
    const b = await cluster.start("b", { hosts: [hostOne(steered)] });
    await cluster.settled("words", "a", "b");
    expect(await cluster.ends(b.upgrade([hostTwo(steered)]))).toMatchObject({ kept: [] });
    expect(await cluster.ends(a.leave())).toMatchObject({ leftOver: 0, parked: 0 });
    for (const name of NAMES) expect(await cluster.ends(b.ref(Two, name).read())).toEqual(["first"]);
    for (const name of NAMES) expect(await cluster.ends(b.ref(Two, name).upgrades())).toBe(1);
  });

  test("hosts the new code in its next life as well", async () => {
    const a = await startOne("a");
    await startCaller();
    await cluster.ends(a.upgrade([hostTwo(steered)]));
    const first = a.incarnation;
    cluster.network.cut("a");
    await cluster.clock.advance(40_000);
    cluster.network.heal("a");
    await cluster.until("another life of a", () => a.incarnation !== first && a.health().ready);
    expect(await cluster.ends(a.ref(Two, "n1").code(), 60_000)).toBe("two");
    expect(a.contract("words")?.stateVersion).toBe(2);
  });

  async function startCaller(): Promise<ActorNode> {
    return await cluster.start("caller");
  }
});

describe("upgrade() while others happen", () => {
  test("is refused for what cannot follow, and nothing has changed", async () => {
    const a = await startOne("a");
    const before = epochs(a);
    const cases = [
      [[], "no kind is given"],
      [
        [hostTwo(steered, wordsTwo({ shards: 8 }))],
        'Cannot upgrade kind "words" with shards 8: it is 4, and cannot change in place',
      ],
      [[hostTwo(steered, wordsTwo({ durability: "stored" }))], 'with durability "stored": it is "memory"'],
      [[hostTwo(steered, wordsTwo({ onMove: "restart" }))], 'with onMove "restart": it is "carry"'],
      [
        [hostTwo(steered, { ...Two, kind: "others" } as unknown as typeof Two)],
        'Cannot upgrade kind "others": this node does not host it',
      ],
      [[hostTwo(steered), hostTwo(steered)], 'Cannot host kind "words" twice'],
    ] as const;
    for (const [hosts, words] of cases) {
      const { error } = await cluster.outcome(a.upgrade([...hosts]));
      expect(error).toMatchObject({ code: "invalid-configuration", message: expect.stringContaining(words) });
    }
    expect(epochs(a)).toEqual(before);
    expect(a.contract("words")?.stateVersion).toBe(1);
    await cluster.ends(a.upgrade([hostTwo(steered)]));
    const { error } = await cluster.outcome(a.upgrade([hostOne(steered)]));
    expect(error).toMatchObject({
      code: "invalid-configuration",
      message: 'Cannot upgrade kind "words" to stateVersion 1: it is 2 here, and never goes back',
    });
  });

  test("is refused while another one is under way, and while the node leaves", async () => {
    const a = await startOne("a");
    await filled(a);
    const first = a.upgrade([hostTwo(steered)]);
    const second = a.upgrade([hostTwo(steered)]);
    expect(await cluster.outcome(second)).toMatchObject({ error: { code: "busy", retryable: true } });
    expect(await cluster.ends(first)).toMatchObject({ upgraded: 4 });
    const leaving = a.leave();
    expect(await cluster.outcome(a.upgrade([hostTwo(steered)]))).toMatchObject({
      error: { code: "unavailable" },
    });
    await cluster.ends(leaving);
    expect(await cluster.outcome(a.upgrade([hostTwo(steered)]))).toMatchObject({
      error: { code: "node-stopped" },
    });
  });

  test("lets a leave take away what has not had its turn", async () => {
    const a = await startOne("a");
    await filled(a);
    await cluster.start("b", { hosts: [hostTwo(steered)], weight: 0 });
    const b = await cluster.start("c", { hosts: [hostTwo(steered)] });
    const upgrading = a.upgrade([hostTwo(steered)]);
    const leaving = a.leave();
    const report = await cluster.ends(leaving);
    expect(report).toMatchObject({ leftOver: 0, recovered: 0 });
    const outcome = await cluster.outcome(upgrading);
    expect(outcome.error === undefined || (outcome.error as { code: string }).code === "node-stopped").toBe(
      true,
    );
    await cluster.settled("words", "c");
    for (const name of NAMES) expect(await cluster.ends(b.ref(Two, name).read())).toEqual(["first"]);
    for (const name of NAMES) expect(await cluster.ends(b.ref(Two, name).upgrades())).toBe(1);
  });

  test("keeps what has not had its turn when the time is up, or when it is aborted", async () => {
    const a = await startOne("a");
    await filled(a);
    const gate = signalled();
    for (const name of NAMES) steered.gates.set(name, gate.promise);
    const held = NAMES.map((name) => a.ref(One, name).hold("held", LONG));
    await cluster.until(
      "handlers that run",
      () => steered.log.filter((line) => line.endsWith("holds")).length === 12,
    );
    const { kept } = await cluster.ends(a.upgrade([hostTwo(steered)], { timeoutMs: 20 }));
    expect(kept.length).toBeGreaterThanOrEqual(2); // one stands still for longer than that
    expect(kept.map(({ reason }) => reason)).toContain("it did not have its turn within 20 ms");
    gate.resolve();
    await cluster.ends(Promise.all(held));
    const aborted = await cluster.outcome(a.upgrade([hostTwo(steered)], { signal: AbortSignal.abort() }));
    expect(aborted).toMatchObject({ error: { code: "aborted" } });
    expect((await cluster.ends(a.upgrade([hostTwo(steered)]))).kept).toEqual([]);
    for (const name of NAMES) expect(await cluster.ends(a.ref(Two, name).read())).toEqual(["first", "held"]);
  });

  test("says no, and has changed nothing, if the node's record cannot be written in time", async () => {
    const a = await startOne("a");
    await filled(a);
    cluster.network.loseRecords("a");
    const { error } = await cluster.outcome(a.upgrade([hostTwo(steered)], { timeoutMs: 2_000 }));
    expect(error).toMatchObject({ code: "records-unavailable" });
    cluster.network.returnRecords("a");
    await cluster.clock.advance(3_000);
    expect(a.contract("words")?.stateVersion).toBe(1);
    expect(await cluster.ends(a.ref(One, "n1").code())).toBe("one");
    expect(await cluster.ends(a.upgrade([hostTwo(steered)]))).toMatchObject({ upgraded: 4 });
  });
});
