// Whose word about a shard counts: that of its owners, also of those that a sender's watch has skipped.
import { afterEach, describe, expect, test } from "bun:test";
import type { OwnedEntry } from "../../../cluster/ownership.ts";
import type { NodeId } from "../../../cluster/records/schemas.ts";
import { KnownOwners } from "../../../delivery/sending/known_owners.ts";
import { Peer } from "../../../delivery/wire/peer.ts";
import { hostLedger, Ledger, steering } from "../../support/ledger.ts";
import { startOwner } from "../../support/ledger_cluster.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";

function id(node: string): NodeId {
  return { node, incarnation: "1" };
}

function record(owner: string, epoch: number, floor = 1, late: string[] = []): OwnedEntry {
  const listed = late.map((node) => ({ name: "x", at: id(node) }));
  return {
    record: { owner: id(owner), epoch, floor, state: "owned", late: listed, nonce: "" },
    revision: epoch,
  };
}

describe("owners of a shard, as a sender knows them", () => {
  const peer = (node: string) => new Peer(id(node), () => 2);
  const ownersAt = (owners: KnownOwners, epoch: number) =>
    ["a", "b", "late", "c"].filter((node) => owners.has(peer(node), epoch));
  /** In which epochs somebody of whom nothing is known may have been the owner. */
  const mayHaveBeen = (owners: KnownOwners, from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => from + i).filter((epoch) => owners.has(peer("x"), epoch));

  test("are those that were seen since the last claim, and those of late actors", () => {
    const owners = new KnownOwners();
    owners.learn(record("a", 1));
    owners.learn(record("b", 2, 1, ["late"]));
    expect(ownersAt(owners, 1)).toEqual(["a", "b", "late"]);
    owners.learn(record("c", 3, 3, ["late"]));
    expect(ownersAt(owners, 3)).toEqual(["late", "c"]);
    owners.learn(record("c", 3, 3));
    expect(ownersAt(owners, 3)).toEqual(["c"]);
  });

  test("may have been anybody in an epoch that was skipped, above the floor and in no other", () => {
    const owners = new KnownOwners();
    owners.learn(record("a", 5, 2));
    expect(mayHaveBeen(owners, 1, 9)).toEqual([]); // nothing was sent before
    owners.learn(record("d", 8, 2));
    expect(mayHaveBeen(owners, 1, 12)).toEqual([6, 7]);
    owners.learn(record("e", 9, 2));
    expect(mayHaveBeen(owners, 1, 12)).toEqual([6, 7]);
    owners.learn(record("f", 12, 11));
    expect(mayHaveBeen(owners, 1, 14)).toEqual([11]);
  });
});

describe("a reply of an owner that its caller's watch has skipped", () => {
  let cluster: MemoryCluster;

  afterEach(async () => {
    await cluster.close();
    expect(cluster.thrown).toEqual([]);
  });

  test("ends the call, although the shard has gone on and its late actor has arrived", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    const a = await startOwner(cluster, "a", steered);
    const caller = await cluster.start("caller");
    const [first, second] = [signalled(), signalled()];
    steered.gates.set("x", first.promise);
    const at = (node: string, late: number) =>
      cluster.until(`the shard at ${node} with ${late} late actors`, () =>
        a
          .inspect()
          .shards.every(
            ({ owner, state, late: names }) => owner === node && state === "owned" && names.length === late,
          ),
      );
    const before = cluster.outcome(a.ref(Ledger, "x").hold("first", { timeoutMs: 60_000 }));
    await cluster.clock.advance(20);
    const asked = cluster.outcome(caller.ref(Ledger, "x").hold("second", { timeoutMs: 30_000 }), 40_000);
    await cluster.clock.advance(50);
    cluster.network.cut("caller");
    await cluster.start("b", { weight: 100, hosts: [hostLedger(steered)] });
    await at("b", 1);
    steered.gates.set("x", second.promise);
    first.resolve();
    await at("b", 0);
    await cluster.clock.advance(50);
    await cluster.start("c", { weight: 100_000, hosts: [hostLedger(steered)] });
    await at("c", 1);
    second.resolve();
    await at("c", 0);
    cluster.network.heal("caller");
    const healedAt = cluster.clock.now();
    expect(await asked).toEqual({ value: 2 });
    expect(cluster.clock.now() - healedAt).toBeLessThan(5_000);
    expect(await before).toEqual({ value: 1 });
    expect(await cluster.ends(caller.ref(Ledger, "x").read())).toEqual(["first", "second"]);
  });
});
