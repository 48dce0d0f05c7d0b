// A message that ends its node whenever it is handled does not take node after node.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { z } from "zod";
import { Actor, type ActorNode, ask, defineActor, type Hosted, host, tell } from "../../../mod.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";

const Bill = defineActor("bill", {
  state: z.strictObject({ sent: z.number(), reminded: z.number() }),
  stateVersion: 1,
  shards: 1,
  durability: "stored",
  messages: {
    arm: ask(z.object({ afterMs: z.number(), everyMs: z.number().optional() }), z.null()),
    remindEvery: ask(z.number(), z.null()),
    disarm: ask(z.undefined(), z.boolean()),
    read: ask(z.undefined(), z.object({ sent: z.number(), reminded: z.number() })),
    pay: ask(z.undefined(), z.null(), { idempotent: true }),
    send: tell(z.undefined()),
    remind: tell(z.undefined()),
  },
});

/** What ends a node: at once, in the middle of the handler, or a while after that. */
type Deadly = (die: (afterMs?: number) => void, actor: Actor<typeof Bill>) => void;

let cluster: MemoryCluster;
let deadly: Deadly;
let attempts: string[];
let dead: Set<string>;

beforeEach(() => {
  cluster = new MemoryCluster();
  deadly = () => {};
  attempts = [];
  dead = new Set();
});
afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

function hosts(node: string): Hosted[] {
  const kill = () => {
    dead.add(node);
    cluster.network.crash(node);
  };
  const die = (afterMs?: number) =>
    afterMs === undefined ? kill() : void cluster.clock.after(afterMs, kill);
  class BillActor extends Actor<typeof Bill> {
    static initialState() {
      return { sent: 0, reminded: 0 };
    }
    arm(when: { afterMs: number; everyMs?: number | undefined }): null {
      this.schedule("send", undefined, when, "send");
      return null;
    }
    remindEvery(everyMs: number): null {
      this.schedule("remind", undefined, { everyMs });
      return null;
    }
    disarm(): boolean {
      return this.unschedule("send");
    }
    read() {
      return this.state;
    }
    pay(): null {
      this.#danger("pay");
      return null;
    }
    send(): void {
      this.state.sent++;
      this.#danger("send");
    }
    remind(): void {
      this.state.reminded++;
    }
    #danger(message: string): void {
      if (dead.has(node)) return; // what is left of it has no effect
      attempts.push(`${message} at ${node}`);
      deadly(die, this);
    }
  }
  return [host(Bill, BillActor)];
}

const settings = { settleMs: 50, deathsMax: 3, trialHoldMs: 5_000, trialMs: 1_000 };

async function start(...names: string[]): Promise<ActorNode> {
  for (const name of names) await cluster.start(name, { hosts: hosts(name), settings });
  return await cluster.start("caller", { hosts: [], settings });
}

/** Names of the nodes where something was tried, without those where it did no harm. */
const triedAt = (message: string) =>
  attempts
    .filter((attempt) => attempt.startsWith(`${message} at `))
    .map((attempt) => attempt.split(" ").pop());

const DEADLY: Record<string, Deadly> = {
  "at once": (die) => die(),
  "a while after its handler": (die) => die(20),
  "a while after its handler, which has set it again": (die, actor) => {
    actor.schedule("send", undefined, { afterMs: 2_000 }, "send");
    die(20);
  },
  "a while after its handler, which has set it again under another name": (die, actor) => {
    actor.schedule("send", undefined, { afterMs: 2_000 });
    die(20);
  },
};

describe("a stored timer that ends its node", () => {
  for (const [when, how] of Object.entries(DEADLY))
    test(`${when}: is set aside after three, and everything else goes on`, async () => {
      const caller = await start("a", "b", "c", "d", "e", "f");
      deadly = how;
      const bill = caller.ref(Bill, "poison");
      const innocent = caller.ref(Bill, "innocent");
      await cluster.ends(bill.remindEvery(700));
      await cluster.ends(innocent.remindEvery(900));
      await cluster.ends(bill.arm({ afterMs: 500, everyMs: 2_000 }));
      await cluster.until("it is set aside", () => cluster.seen("message-quarantined").length > 0, 180_000);
      await cluster.clock.advance(60_000);
      expect(dead.size).toBe(3);
      expect(new Set(triedAt("send")).size).toBe(3);
      const told = { type: "message-quarantined", kind: "bill", name: "poison", message: "send", deaths: 3 };
      for (const event of cluster.seen("message-quarantined")) expect(event).toMatchObject(told);
      const before = [await cluster.ends(bill.read()), await cluster.ends(innocent.read())];
      await cluster.clock.advance(10_000);
      const after = [await cluster.ends(bill.read()), await cluster.ends(innocent.read())];
      expect(after[0]?.reminded).toBeGreaterThan((before[0]?.reminded ?? 0) + 10);
      expect(after[1]?.reminded).toBeGreaterThan((before[1]?.reminded ?? 0) + 8);
    });

  test("is tried by one node that is started again and again three times", async () => {
    const caller = await start("a");
    deadly = (die) => die(20);
    await cluster.ends(caller.ref(Bill, "poison").arm({ afterMs: 500, everyMs: 1_000 }));
    for (let i = 0; i < 5; i++) {
      const isOver = () => dead.has("a") || cluster.seen("message-quarantined").length > 0;
      await cluster.until("its end, or that of the timer", isOver, 120_000);
      if (!dead.delete("a")) break;
      await cluster.start("a", { hosts: hosts("a"), settings });
    }
    await cluster.clock.advance(60_000);
    expect(triedAt("send")).toEqual(["a", "a", "a"]);
    expect((await cluster.ends(caller.ref(Bill, "poison").read())).sent).toBeGreaterThan(0);
  });

  test("stays set aside over moves, until it is taken away", async () => {
    const caller = await start("a", "b", "c", "d");
    deadly = (die) => die();
    const bill = caller.ref(Bill, "poison");
    await cluster.ends(bill.arm({ afterMs: 500, everyMs: 2_000 }));
    await cluster.until("it is set aside", () => cluster.seen("message-quarantined").length > 0, 180_000);
    const last = cluster.nodes.find(({ name }) => name !== "caller" && !dead.has(name)) as ActorNode;
    await cluster.start("e", { hosts: hosts("e"), settings });
    await cluster.ends(last.leave());
    await cluster.settled("bill", "e");
    await cluster.until("the next owner tells it", () => cluster.seen("message-quarantined").length > 1);
    await cluster.clock.advance(30_000);
    expect(triedAt("send")).toHaveLength(3);
    expect(await cluster.ends(bill.disarm())).toBe(true);
    deadly = () => {};
    await cluster.ends(bill.arm({ afterMs: 100 }));
    await cluster.clock.advance(1_000);
    expect((await cluster.ends(bill.read())).sent).toBe(1);
  });
});

describe("a timer that was near its time when owners were lost, and had nothing to do with it", () => {
  test("is tried alone, is acquitted, and keeps its beat", async () => {
    const caller = await start("a", "b", "c");
    const bill = caller.ref(Bill, "unlucky");
    await cluster.ends(bill.arm({ afterMs: 300, everyMs: 300 }));
    const owner = () => caller.inspect().shards.find(({ kind }) => kind === "bill")?.owner as string;
    for (let i = 0; i < 2; i++) {
      const before = owner();
      dead.add(before);
      cluster.network.crash(before);
      await cluster.until("another owner", () => owner() !== before, 60_000);
      await cluster.ends(bill.read()); // it has loaded the actor
    }
    const heldSince = (await cluster.ends(bill.read())).sent;
    await cluster.clock.advance(4_000);
    expect((await cluster.ends(bill.read())).sent).toBe(heldSince); // it waits for its turn
    await cluster.clock.advance(4_000);
    const goesOn = (await cluster.ends(bill.read())).sent;
    await cluster.clock.advance(3_000);
    expect((await cluster.ends(bill.read())).sent).toBeGreaterThanOrEqual(goesOn + 9);
    expect(cluster.seen("message-quarantined")).toEqual([]);
  });
});

describe("an idempotent message that ends its node", () => {
  test("ends as unknown after three, which an event tells", async () => {
    const caller = await start("a", "b", "c", "d", "e");
    deadly = (die) => die();
    const paid = caller.ref(Bill, "poison").pay(undefined, { timeoutMs: 300_000 });
    const { error } = await cluster.outcome(paid, 200_000);
    expect(error?.code).toBe("outcome-unknown");
    expect(error?.message).toContain("3 owners");
    expect(triedAt("pay")).toHaveLength(3);
    expect(cluster.seen("message-quarantined")).toMatchObject([
      { name: "poison", message: "pay", deaths: 3 },
    ]);
    deadly = () => {};
    expect(await cluster.ends(caller.ref(Bill, "poison").pay())).toBe(null);
  });
});
