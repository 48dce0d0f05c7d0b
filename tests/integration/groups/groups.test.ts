import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ActorNode } from "../../../mod.ts";
import { guest, Guest, type GuestContract, hostGuest, type ChatSteering, Room } from "./chat.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";

const NAMES = Array.from({ length: 12 }, (_, i) => `g${i}`);

let cluster: MemoryCluster;
/** Frames of messages, and messages about actors, as "from>to". */
let frames: string[];
let talk: string[];

beforeEach(() => {
  frames = [];
  talk = [];
  cluster = new MemoryCluster({
    filter: (from, to, subject) => {
      if (subject.endsWith(".batch") || subject.endsWith(".actor")) frames.push(`${from}>${to}`);
      if (subject.endsWith(".registry")) talk.push(`${from}>${to}`);
      return "deliver";
    },
  });
});
afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

const start = (name: string, contract: GuestContract = Guest, steering?: ChatSteering): Promise<ActorNode> =>
  cluster.start(name, { hosts: [hostGuest(contract, steering)] });

const enter = (node: ActorNode, name: string, room = "7", meta?: unknown) =>
  cluster.ends(node.ref(Guest, name).enter({ room, meta }));
const heard = (node: ActorNode, name: string) => cluster.ends(node.ref(Guest, name).heard());
const publish = (node: ActorNode, words: string, room = "7") =>
  cluster.ends(node.group(Room, room).publish("said", words));
const names = async (node: ActorNode, room = "7") =>
  (await cluster.ends(node.group(Room, room).members())).members.map(({ name }) => name).toSorted();

/** Two nodes with all guests in room 7, and a third one that hosts nothing. */
async function chat(contract: GuestContract = Guest): Promise<[ActorNode, ActorNode, ActorNode]> {
  const nodes: [ActorNode, ActorNode, ActorNode] = [
    await start("a", contract),
    await start("b", contract),
    await cluster.start("c"),
  ];
  await cluster.settled("guest", "a", "b");
  for (const name of NAMES) await enter(nodes[0], name);
  return nodes;
}

describe("the members of a group", () => {
  test("are those that have joined and not left, seen from every node", async () => {
    const [a, b, c] = await chat();
    for (const node of [a, b, c]) expect(await names(node)).toEqual(NAMES.toSorted());
    await cluster.ends(a.ref(Guest, "g3").exit("7"));
    await cluster.ends(a.ref(Guest, "g4").end());
    await enter(b, "g5", "7", { nick: "five" });
    await cluster.clock.advance(100);
    for (const node of [a, b, c]) {
      const { members, silent } = await cluster.ends(node.group(Room, "7").members());
      expect(members.map(({ name }) => name).toSorted()).toEqual(
        NAMES.filter((name) => name !== "g3" && name !== "g4").toSorted(),
      );
      expect(members.find(({ name }) => name === "g5")?.meta).toEqual({ nick: "five" });
      expect(silent).toEqual([]);
      expect(await cluster.ends(node.group(Room, "7").count())).toEqual({
        count: 10,
        silent: [],
        unserved: 0,
      });
    }
    expect(await names(c, "8")).toEqual([]);
  });

  test("do not have one whose handler threw", async () => {
    const [a] = await chat(guest({ onError: "restart" }));
    await cluster.outcome(a.ref(Guest, "late").enterAndFail("8"));
    expect(await names(a, "8")).toEqual([]);
  });

  test("stay while their shards move, and leave with a node that is lost", async () => {
    const [a, b, c] = await chat();
    expect(await names(c)).toEqual(NAMES.toSorted());
    await cluster.ends(a.leave());
    await cluster.clock.advance(20_000);
    expect(await names(c)).toEqual(NAMES.toSorted());
    await cluster.ends(b.kill());
    await cluster.clock.advance(60_000);
    expect(await names(c)).toEqual([]);
  });

  test("cost nothing as long as nobody asks", async () => {
    const [a, , c] = await chat();
    await cluster.clock.advance(10_000);
    expect(talk).toEqual([]);
    expect(await names(c)).toEqual(NAMES.toSorted());
    expect(talk.length).toBeGreaterThan(0);
    await cluster.clock.advance(400_000); // it is not read any more
    talk.length = 0;
    await enter(a, "another");
    await cluster.clock.advance(60_000);
    expect(talk).toEqual([]);
  });
});

describe("a publish", () => {
  test("reaches each member once, in the order of its publisher, from a node and from an actor", async () => {
    const [a, b, c] = await chat();
    for (const words of ["one", "two", "three"]) await publish(c, words);
    await cluster.ends(a.ref(Guest, "g0").say({ room: "7", words: "four" }));
    await publish(b, "elsewhere", "8");
    await cluster.clock.advance(100);
    for (const name of NAMES) expect(await heard(a, name)).toEqual(["one", "two", "three", "four"]);
  });

  test("reaches members that are all in one shard on another node", async () => {
    const a = await start("a", guest({ shards: 1 }));
    const c = await cluster.start("c");
    for (const name of ["g0", "g1"]) await enter(a, name);
    for (const words of ["one", "two"]) await publish(c, words);
    expect(await heard(a, "g0")).toEqual(["one", "two"]);
  });

  test("gives each member an argument of its own", async () => {
    const [a, , c] = await chat();
    const what = { words: "as it was" };
    const publishing = c.group(Room, "7").publish("shown", what);
    what.words = "changed by its sender";
    await cluster.ends(publishing);
    await cluster.ends(a.group(Room, "7").publish("shown", { words: "again" }));
    for (const name of NAMES) expect(await heard(a, name)).toEqual(["as it was", "again"]);
  });

  test("is one frame to each node that has members", async () => {
    const [, , c] = await chat();
    await publish(c, "first");
    await cluster.clock.advance(1_000);
    frames.length = 0;
    await publish(c, "second");
    expect(frames.filter((frame) => frame.startsWith("c>")).toSorted()).toEqual(["c>a", "c>b"]);
  });

  test("is four frames to 100,000 members on four nodes", async () => {
    const contract = guest({ shards: 256, idleMs: Number.POSITIVE_INFINITY });
    const hosts = [];
    for (const name of ["w", "x", "y", "z"]) hosts.push(await start(name, contract));
    const c = await cluster.start("c");
    await cluster.settled("guest", "w", "x", "y", "z");
    const [w] = hosts as [ActorNode];
    for (let from = 0; from < 100_000; from += 4_000) {
      const entering = Array.from({ length: 4_000 }, (_, i) =>
        w.ref(contract, `g${from + i}`).enter({ room: "7", meta: undefined }, { timeoutMs: 60_000 }),
      );
      await cluster.ends(Promise.all(entering));
    }
    expect(await cluster.ends(c.group(Room, "7").count())).toEqual({
      count: 100_000,
      silent: [],
      unserved: 0,
    });
    await publish(c, "first");
    await cluster.clock.advance(2_000);
    frames.length = 0;
    await publish(c, "second");
    expect(frames.filter((frame) => frame.startsWith("c>")).toSorted()).toEqual(["c>w", "c>x", "c>y", "c>z"]);
    for (const name of ["g0", "g31415", "g99999"]) expect(await heard(c, name)).toEqual(["first", "second"]);
  }, 120_000);

  test("reaches each member once that moves meanwhile, also one whose handler runs on", async () => {
    let free = () => {};
    const busy = new Promise<void>((resolve) => {
      free = resolve;
    });
    const contract = guest();
    const steering = { said: (name: string) => (name === "g1" ? busy : undefined) };
    const a = await start("a", contract, steering);
    const c = await cluster.start("c");
    for (const name of NAMES) await enter(a, name);
    await publish(c, "0");
    await start("b", contract, steering);
    const said: string[] = ["0"];
    const publishing: Promise<void>[] = [];
    for (let i = 1; i <= 200; i++) {
      said.push(`${i}`);
      publishing.push(c.group(Room, "7").publish("said", `${i}`));
      await cluster.clock.advance(5);
    }
    await cluster.settled("guest", "a", "b");
    await cluster.ends(a.leave({ deadlineMs: 2_000 }).then(() => {}));
    free();
    await cluster.ends(Promise.all(publishing));
    for (const name of NAMES.filter((name) => name !== "g1")) expect(await heard(c, name)).toEqual(said);
    expect(cluster.seen("shard-moved").length).toBeGreaterThan(0);
  });

  test("wakes members that sleep, also after they have moved", async () => {
    const [a, b, c] = await chat();
    for (const name of NAMES) await cluster.ends(a.ref(Guest, name).sleep());
    await cluster.until("all sleep", () =>
      [a, b].every((node) => node.inspect().actors.every(({ status }) => status === "passive")),
    );
    await publish(c, "one");
    for (const name of NAMES) await cluster.ends(a.ref(Guest, name).sleep());
    await cluster.ends(a.leave());
    await publish(c, "two");
    for (const name of NAMES) expect(await heard(b, name)).toEqual(["one", "two"]);
  });

  test("reaches stored members after their node was lost", async () => {
    const contract = guest({ durability: "stored" });
    const [a, b, c] = await chat(contract);
    await publish(c, "one");
    await cluster.ends(a.kill());
    await cluster.settled("guest", "b");
    await cluster.until("all are members again", () => b.inspect().actors.length === NAMES.length);
    await cluster.clock.advance(2_000);
    expect(await names(c)).toEqual(NAMES.toSorted());
    await publish(c, "two");
    for (const name of NAMES) expect((await heard(b, name)).at(-1)).toBe("two");
  });

  test("is refused as a whole for what the group does not have, or what does not fit", async () => {
    const [a, , c] = await chat();
    const group = c.group(Room, "7");
    const wrong = group as unknown as { publish(message: string, argument: unknown): Promise<void> };
    for (const [message, argument] of [
      ["unheard", 1],
      ["mood", "x"],
      ["said", 5],
    ] as const) {
      const outcome = await cluster.outcome(wrong.publish(message, argument));
      expect(outcome).toMatchObject({ error: { code: "invalid-argument" } });
    }
    expect(await heard(a, "g0")).toEqual([]);
  });
});

describe("an ask of a group", () => {
  test("tells what came of each member, whatever becomes of one", async () => {
    let free = () => {};
    const held = new Promise<void>((resolve) => {
      free = resolve;
    });
    const steering: ChatSteering = {
      mood: async (name) => {
        if (name === "g1") throw new Error("on purpose");
        if (name === "g2") await held;
        return `${name} is fine`;
      },
    };
    const a = await start("a", Guest, steering);
    const c = await cluster.start("c");
    for (const name of ["g0", "g1", "g2"]) await enter(a, name);
    const answers = await cluster.ends(c.group(Room, "7").ask("mood", "?", { timeoutMs: 500 }));
    free();
    const byName = answers.toSorted((x, y) => (x.address.name < y.address.name ? -1 : 1));
    expect(byName.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "timed-out"]);
    expect(byName[0]).toMatchObject({ value: "g0 is fine" });
  });
});

describe("a group whose shards are parked", () => {
  test("says so, has its asks time out, and has all members for the first who asks after the next start", async () => {
    const [a, b, c] = await chat();
    expect(await names(c)).toEqual(NAMES.toSorted());
    await cluster.ends(a.leave());
    await cluster.ends(b.leave());
    const { unserved } = await cluster.ends(c.group(Room, "7").count());
    expect(unserved).toBeGreaterThan(0);
    const answers = await cluster.ends(c.group(Room, "7").ask("mood", "?", { timeoutMs: 300 }));
    expect(answers.map(({ status }) => status)).toEqual(NAMES.map(() => "timed-out"));
    expect(answers[0]).toMatchObject({ error: { code: "deadline-exceeded" } });

    const next = await start("d");
    await publish(next, "again");
    for (const name of NAMES) expect(await heard(next, name)).toEqual(["again"]);
    expect(await cluster.ends(next.group(Room, "7").count())).toEqual({ count: 12, silent: [], unserved: 0 });
  });
});

describe("changes of a group", () => {
  test("begin with a snapshot, and a slow reader gets another one", async () => {
    const [a, , c] = await chat();
    const changes = c.group(Room, "7").changes();
    const first = await cluster.ends(changes.next());
    expect(first.value?.type === "snapshot" && first.value.members.length).toBe(NAMES.length);
    await enter(a, "new", "7", "hello");
    const second = await cluster.ends(changes.next());
    expect(second.value).toEqual({ type: "joined", member: { kind: "guest", name: "new", meta: "hello" } });
    await cluster.ends(a.ref(Guest, "g0").exit("7"));
    expect((await cluster.ends(changes.next())).value).toMatchObject({
      type: "left",
      member: { name: "g0" },
    });
    for (let i = 0; i < 1_100; i++) await enter(a, "new", "7", i);
    await cluster.clock.advance(100);
    expect((await cluster.ends(changes.next())).value?.type).toBe("snapshot");
    await changes.return?.();
    expect((await changes.next()).done).toBe(true);
  });
});
