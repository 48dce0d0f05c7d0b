// A move during which one of its two ends is killed, at the moments that matter: around the commit.
import { afterEach, describe, expect, test } from "bun:test";
import type { ActorNode, Ref } from "../../../mod.ts";
import type { RecordFate } from "../../../transport/memory/records.ts";
import { keys } from "../../../transport/subjects.ts";
import { hostLedger, Ledger, steering, type Steering } from "../../support/ledger.ts";
import { startOwner } from "../../support/ledger_cluster.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";
import { bareKey } from "../../support/keys_inside.ts";

const KEY = keys.shard("ledger", 0);
const TIMER_MS = 20_000;
let cluster: MemoryCluster;
let steered: Steering;
/** What becomes of the target's commits. */
let fate: RecordFate;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

/** "a" owns an actor with a state and a timer; "b" takes it, and is at its first commit. */
async function committing(first: RecordFate): Promise<{ caller: ActorNode; x: Ref<typeof Ledger> }> {
  fate = first;
  steered = steering();
  steered.run = (actor) => actor.schedule("note", "timer", { afterMs: TIMER_MS });
  let commits = 0;
  cluster = new MemoryCluster({
    recordLatencyMs: () => 1,
    lateMs: () => 500, // before the others have declared anybody dead
    recordFilter: (client, operation, _bucket, key) => {
      if (client !== "b" || operation !== "update" || bareKey(key) !== KEY) return "answer";
      commits++;
      return fate;
    },
  });
  await startOwner(cluster, "a", steered);
  const caller = await cluster.start("caller");
  const x = caller.ref(Ledger, "x");
  await cluster.ends(x.add("one"));
  await cluster.ends(x.run(undefined));
  await cluster.start("b", { weight: 1_000, hosts: [hostLedger(steered)] });
  await cluster.until("a commit of the target", () => commits > 0);
  return { caller, x };
}

async function at(observer: ActorNode, node: string): Promise<void> {
  await cluster.until(`the shard at ${node}`, () =>
    observer.inspect().shards.every(({ owner, state }) => owner === node && state === "owned"),
  );
}

function activations(): string[] {
  return steered.log.filter((line) => line.startsWith("activate"));
}

describe("a move loses nothing when", () => {
  test("its target is killed before its commit was applied: the source takes the shard back", async () => {
    const { caller, x } = await committing("lose-request");
    const waiting = x.add("two", { timeoutMs: 60_000 });
    await cluster.clock.advance(50);
    cluster.network.crash("b");
    expect(await cluster.ends(waiting)).toBe(2);
    await at(caller, "a");
    await cluster.clock.advance(TIMER_MS);
    expect(await cluster.ends(x.read())).toEqual(["one", "two", "timer"]);
    expect(activations()).toEqual(["activate x first"]);
    expect(caller.inspect().shards[0]).toMatchObject({ epoch: 1, floor: 1 });
  });

  test("its source is killed when all is sealed and staged: the target commits", async () => {
    const { caller, x } = await committing("lose-request");
    const waiting = x.add("two", { timeoutMs: 60_000 });
    await cluster.clock.advance(50);
    cluster.network.crash("a");
    fate = "answer";
    expect(await cluster.ends(waiting)).toBe(2);
    await at(caller, "b");
    await cluster.clock.advance(TIMER_MS);
    expect(await cluster.ends(x.read())).toEqual(["one", "two", "timer"]);
    expect(activations()).toEqual(["activate x first", "activate x handed-off"]);
    expect(caller.inspect().shards[0]).toMatchObject({ epoch: 2, floor: 1 });
  });
});

describe("a move counts as a crash of its target when", () => {
  test("that is killed with its commit on the way, which is applied: the sealed state is gone, and it is said", async () => {
    const { caller, x } = await committing("apply-late");
    cluster.network.crash("b");
    const waiting = cluster.outcome(x.add("two", { timeoutMs: 60_000 }));
    await cluster.until("the commit of the dead", () => caller.inspect().shards[0]?.epoch === 2);
    expect(caller.inspect().shards[0]).toMatchObject({ owner: "b", floor: 1 });
    await at(caller, "a");
    expect(caller.inspect().shards[0]).toMatchObject({ epoch: 3, floor: 3 });
    expect((await waiting).error?.code).toBe("outcome-unknown"); // it was sent to who was the owner by then
    expect(await cluster.ends(x.read())).toEqual([]);
    expect(activations()).toEqual(["activate x first", "activate x recovered"]);
    expect(cluster.seen("node-lost").map(({ node }) => node)).toContain("b");
  });
});
