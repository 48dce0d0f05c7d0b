import { describe, expect, test } from "bun:test";
import { recordCodec } from "../../cluster/records/schemas.ts";
import { ConfigurationError, FencedError, NodeStoppedError, RecordsUnavailableError } from "../../errors.ts";
import { keys } from "../../transport/subjects.ts";
import { BUCKET, id, infoOf, nodeRecord, shardRecord, TestCluster, type TestNode } from "./support.ts";
import { bareKey, keyIn } from "../support/keys_inside.ts";

const codec = recordCodec();

async function cluster3(): Promise<{ cluster: TestCluster; a: TestNode; b: TestNode; c: TestNode }> {
  const cluster = new TestCluster();
  const [a, b, c] = [await cluster.up("a"), await cluster.up("b"), await cluster.up("c")];
  await cluster.clock.advance(100);
  return { cluster, a, b, c };
}

function upNames({ membership }: TestNode): string[] {
  return membership.view.upNodes.map(({ node }) => node);
}

function stored(cluster: TestCluster, node: string) {
  const bucket = cluster.network.bucket(BUCKET);
  const value = bucket.entry(keyIn(bucket, keys.node(node)))?.value;
  return value && codec.decodeNode(value);
}

describe("Membership start()", () => {
  test("shows every node to every other, with an open gate, when several start", async () => {
    const { a, b, c } = await cluster3();
    for (const node of [a, b, c]) {
      expect(upNames(node)).toEqual(["a", "b", "c"]);
      expect(node.membership.gate.isOpen).toBe(true);
    }
    expect(a.membership.self.incarnation).toMatch(/^1-/);
    expect(a.events.map(({ type, node }) => `${type} ${node}`)).toEqual([
      "node-joined a",
      "node-joined b",
      "node-joined c",
    ]);
    expect([a.ownership.shards("cart"), a.ownership.shards("none"), a.ownership.knownKinds()]).toEqual([
      16,
      undefined,
      ["cart"],
    ]);
  });

  test("lets ten nodes start at the same moment, and they agree on one generation", async () => {
    const cluster = new TestCluster();
    const nodes = await Promise.all(Array.from({ length: 10 }, (_, i) => cluster.node(`n${i}`)));
    await cluster.ends(
      Promise.all(nodes.map(({ name, membership }) => membership.start(infoOf(name)))),
      1_000,
    );
    await cluster.clock.advance(50);
    for (const node of nodes) expect(upNames(node).length).toBe(10);
    expect(
      new Set(nodes.map(({ bucket }) => bucket.generation.get(keys.generation)?.record.generation)).size,
    ).toBe(1);
  });

  test("refuses with both numbers when the shard counts disagree, and leaves nothing running", async () => {
    const cluster = new TestCluster();
    await cluster.up("a");
    const b = await cluster.node("b");
    const start = cluster.ends(b.membership.start(infoOf("b", 32)));
    await expect(start).rejects.toThrow('Cannot host kind "cart" with 32 shards: in the cluster it is 16');
    expect(stored(cluster, "b")).toBe(undefined);
    const odd = cluster.ends((await cluster.node("c")).membership.start(infoOf("c", 12)));
    await expect(odd).rejects.toThrow(ConfigurationError);
  });

  test("refuses within two renewals when a living node has the name", async () => {
    const cluster = new TestCluster();
    await cluster.up("a");
    const other = await cluster.node("a", "another connection");
    const start = cluster.ends(other.membership.start(infoOf("a")), 5_000);
    await expect(start).rejects.toThrow('Cannot take the name "a": it is held by incarnation "1-');
  });

  test("takes the name at once when the former holder has gone", async () => {
    const cluster = new TestCluster();
    const a = await cluster.up("a");
    await cluster.ends(a.membership.setState("gone"));
    a.membership.stop();
    const again = await cluster.up("a");
    expect(again.membership.self.incarnation).toMatch(/^2-/);
    expect(again.membership.isOver(a.membership.self)).toBe(true);
  });

  test("waits for the lease when the former holder was killed, and declares it dead before it takes the name", async () => {
    const cluster = new TestCluster();
    const [a, b] = [await cluster.up("a"), await cluster.up("b")];
    cluster.network.crash("a");
    a.membership.stop();
    const startedAt = cluster.clock.now();
    const again = await cluster.node("a", "a again");
    await cluster.ends(again.membership.start(infoOf("a")), 20_000);
    expect(cluster.clock.now() - startedAt).toBeGreaterThanOrEqual(14_000);
    await cluster.clock.advance(50);
    expect(b.membership.isOver(a.membership.self)).toBe(true);
    expect(b.membership.isUp(again.membership.self)).toBe(true);
    expect(b.events.map(({ type, node }) => `${type} ${node}`).slice(-2)).toEqual([
      "node-lost a",
      "node-joined a",
    ]);
  });

  test.each([
    ["while it begins to watch", "watch", "", "records are of another generation"],
    [
      "while it looks whether its name is free",
      "create",
      keys.node("c"),
      "records went back to an older copy",
    ],
  ])(
    "does not join a bucket that was made anew %s: what it knows is of the former",
    async (_, what, at, why) => {
      const cluster = new TestCluster();
      const a = await cluster.up("a");
      await cluster.ends(
        a.ownership.change("cart", 0, undefined, { ...shardRecord({ owner: a.membership.self }) }),
      );
      cluster.fault = (client, operation, key) => {
        if (client !== "c" || operation !== what || bareKey(key) !== at) return undefined;
        cluster.fault = () => undefined;
        const bucket = cluster.network.bucket(BUCKET);
        bucket.remove();
        const generation = codec.encodeGeneration({ generation: "other", nonce: "n" });
        bucket.made().write(keys.generation, generation, () => true);
        return undefined;
      };
      const c = await cluster.node("c");
      const start = cluster.ends(c.membership.start(infoOf("c")), 5_000);
      await expect(start).rejects.toThrow(why);
      expect(c.membership.gate.isOpen).toBe(false);
      const again = await cluster.node("c", "c again");
      await cluster.ends(again.membership.start(infoOf("c")), 20_000);
      expect(again.ownership.entry("cart", 0)).toBe(undefined);
    },
  );

  test("outlasts a dead write under its name that is applied just before its own", async () => {
    const cluster = new TestCluster();
    const first = await cluster.up("a");
    await cluster.ends(first.membership.setState("gone"));
    first.membership.stop();
    const lost = { ...nodeRecord({ node: "a", incarnation: "2-late" }), nonce: "late" };
    cluster.fault = (client, operation, key) => {
      if (client !== "again" || operation !== "update" || bareKey(key) !== keys.node("a")) return undefined;
      cluster.fault = () => undefined;
      cluster.network.bucket(BUCKET).write(key, codec.encodeNode(lost), () => true);
      return undefined;
    };
    const again = await cluster.node("a", "again");
    await cluster.ends(again.membership.start(infoOf("a")), 16_000);
    expect(again.membership.self.incarnation).toMatch(/^3-/);
    expect(stored(cluster, "a")?.incarnation).toBe(again.membership.self.incarnation);
  });

  test("gives way when two take a free name at the same moment: one joins, the other hears who did", async () => {
    const cluster = new TestCluster();
    const both = [await cluster.node("a", "one"), await cluster.node("a", "two")];
    const starts = both.map(({ membership }) => membership.start(infoOf("a")));
    const ends = await cluster.ends(Promise.allSettled(starts), 10_000);
    expect(ends.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const [refused] = ends.flatMap((end) => (end.status === "rejected" ? [String(end.reason)] : []));
    expect(refused).toContain('Cannot take the name "a": it is held by incarnation "1-');
  });

  test("does not wait for a former life of its own, and counts on from it, whatever the record says", async () => {
    const cluster = new TestCluster();
    const a = await cluster.up("a");
    a.membership.stop();
    const former = a.membership.self.incarnation;
    const next = await cluster.up("a", { former });
    expect(next.membership.self.incarnation).toMatch(/^2-/);
    next.membership.stop();
    const bucket = cluster.network.bucket(BUCKET);
    bucket.write(keyIn(bucket, keys.node("a")), undefined, () => true);
    const third = await cluster.up("a", { former: next.membership.self.incarnation, tag: "tag" });
    expect(third.membership.self.incarnation).toMatch(/^3-tag/);
  });

  test("does not wait for a former holder whose process has certainly ended, and waits for any other", async () => {
    const cluster = new TestCluster();
    const process = { boot: "b", space: "s", pid: 1, startedAt: "1", image: "i" };
    const a = await cluster.up("a", { process });
    a.membership.stop();
    const seen: unknown[] = [];
    const heir = (name: string, ended: boolean) =>
      cluster.node("a", name, (record) => {
        seen.push(record.process);
        return ended;
      });
    const waiting = await heir("waits", false);
    const starting = waiting.membership.start(infoOf("a"));
    await cluster.clock.advance(10_000);
    waiting.membership.giveUpJoining();
    await expect(cluster.ends(starting, 1_000)).rejects.toMatchObject({ code: "records-unavailable" });
    const next = await heir("next", true);
    await cluster.ends(next.membership.start(infoOf("a")), 100);
    expect(next.membership.self.incarnation).toMatch(/^2-/);
    expect(new Set(seen.map((each) => JSON.stringify(each)))).toEqual(new Set([JSON.stringify(process)]));
  });

  test("leaves nothing running when it is stopped at any moment of it", async () => {
    for (let atMs = 0; atMs <= 24; atMs++) {
      const cluster = new TestCluster();
      const a = await cluster.node("a");
      const starting = a.membership.start(infoOf("a")).then(
        () => "joined",
        (error: Error) => error.name,
      );
      await cluster.clock.advance(atMs);
      a.membership.stop();
      const ended = await cluster.ends(starting);
      await cluster.clock.advance(60_000);
      expect([atMs, cluster.clock.nextInMs]).toEqual([atMs, undefined]);
      if (ended === "joined") expect(atMs).toBeGreaterThan(5);
    }
  });

  test("lets only one have the name when two wait for the same former holder", async () => {
    const cluster = new TestCluster();
    const a = await cluster.up("a");
    cluster.network.crash("a");
    a.membership.stop();
    const heirs = [await cluster.node("a", "first"), await cluster.node("a", "second")];
    const starts = await cluster.ends(
      Promise.allSettled(heirs.map(({ membership }) => membership.start(infoOf("a")))),
    );
    expect(starts.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(starts.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { code: "invalid-configuration" },
    });
  });

  test("gets through when a store that was made this moment does not answer its first questions", async () => {
    const cluster = new TestCluster();
    const asked = new Map<string, number>();
    cluster.fault = (_, operation) => {
      if (operation === "watch") return undefined;
      const count = (asked.get(operation) ?? 0) + 1;
      asked.set(operation, count);
      return count <= 2 ? "lose-request" : undefined;
    };
    const a = await cluster.node("a");
    await cluster.ends(a.membership.start(infoOf("a")), 10_000);
    expect(a.membership.gate.isOpen).toBe(true);
  });

  test("throws within four leases when the store does not answer", async () => {
    const cluster = new TestCluster();
    cluster.fault = (_, operation) => (operation === "watch" ? undefined : "lose-request");
    const a = await cluster.node("a");
    await expect(cluster.ends(a.membership.start(infoOf("a")), 62_000, 100)).rejects.toThrow(
      RecordsUnavailableError,
    );
    await cluster.clock.advance(5_000);
    expect(cluster.clock.nextInMs).toBe(undefined);
  });
});

describe("Membership lease", () => {
  test("declares a node dead when its lease runs out, at every node, between 15 and 16 s after the crash", async () => {
    const { cluster, a, b, c } = await cluster3();
    cluster.network.crash("c");
    c.membership.stop();
    const tookMs = await cluster.until("c is over", () =>
      [a, b].every(({ membership }) => membership.isOver(c.membership.self)),
    );
    expect(tookMs).toBeGreaterThan(13_000);
    expect(tookMs).toBeLessThan(16_000);
    expect(stored(cluster, "c")?.state).toBe("dead");
    expect(a.events.at(-1)).toEqual({ type: "node-lost", ...c.membership.self });
    expect(upNames(a)).toEqual(["a", "b"]);
  });

  test("keeps the gate open when an acknowledgement is lost now and then", async () => {
    const { cluster, a } = await cluster3();
    let writes = 0;
    cluster.fault = (client, operation) =>
      client === "a" && operation === "update" && ++writes % 2 === 1 ? "lose-answer" : undefined;
    for (let i = 0; i < 300; i++) {
      await cluster.clock.advance(100);
      expect(a.membership.gate.isOpen).toBe(true);
    }
    expect(writes).toBeGreaterThan(20);
    expect(a.membership.fencedFor).toBe(undefined);
    expect(cluster.clock.now() - a.membership.lastAckedSentAt).toBeLessThan(4_000);
  });

  test("closes the gate of a node that is cut off at once, and opens it with the first renewal after", async () => {
    const { cluster, a, b } = await cluster3();
    cluster.network.cut("c");
    cluster.network.cut("a");
    expect(a.membership.gate.isOpen).toBe(false);
    await cluster.clock.advance(5_000);
    cluster.network.heal("a");
    expect(a.membership.gate.isOpen).toBe(false);
    const tookMs = await cluster.until("the gate of a is open", () => a.membership.gate.isOpen, 1_000, 1);
    expect(tookMs).toBeLessThan(50);
    expect(b.membership.isUp(a.membership.self)).toBe(true);
  });

  test("closes every gate after 12 s without the store, fences nobody when it returns, and goes on", async () => {
    const { cluster, a, b, c } = await cluster3();
    cluster.fault = () => "lose-request";
    await cluster.clock.advance(12_100);
    for (const { membership } of [a, b, c]) expect(membership.gate.isOpen).toBe(false);
    await cluster.clock.advance(20_000);
    // For one it returns a little sooner, so that one judges while the others cannot yet write.
    cluster.fault = (client) => (client === "a" ? undefined : "lose-request");
    await cluster.clock.advance(2_000);
    cluster.fault = () => undefined;
    await cluster.clock.advance(2_500);
    for (const { membership } of [a, b, c]) expect(membership.gate.isOpen).toBe(true);
    await cluster.clock.advance(30_000);
    for (const node of [a, b, c]) {
      expect(upNames(node)).toEqual(["a", "b", "c"]);
      expect(node.membership.fencedFor).toBe(undefined);
    }
  });

  test("an observer that was cut off fences nobody, and finds the dead after one lease", async () => {
    const { cluster, a, b, c } = await cluster3();
    cluster.network.cut("a");
    cluster.network.cut("b");
    await cluster.clock.advance(5_000);
    cluster.network.crash("c");
    c.membership.stop();
    await cluster.clock.advance(25_000);
    cluster.network.heal("a");
    cluster.network.heal("b");
    await cluster.clock.advance(14_000);
    for (const { membership } of [a, b]) expect(membership.isOver(c.membership.self)).toBe(false);
    await cluster.clock.advance(2_500);
    for (const { membership } of [a, b]) {
      expect(membership.isOver(c.membership.self)).toBe(true);
      expect(membership.gate.isOpen).toBe(true);
    }
  });

  test("is fenced when it comes back after the others declared it dead, and its gate stays closed", async () => {
    const { cluster, a, c } = await cluster3();
    const reasons: string[] = [];
    c.membership.onFenced((reason) => reasons.push(reason));
    cluster.network.cut("c");
    await cluster.until("c is over", () => a.membership.isOver(c.membership.self));
    expect(c.membership.gate.isOpen).toBe(false);
    cluster.network.heal("c");
    await cluster.until("c knows", () => reasons.length > 0, 1_000);
    await cluster.clock.advance(5_000);
    expect(reasons).toEqual(["declared dead by another node"]);
    expect([c.membership.gate.isOpen, c.membership.fencedFor]).toEqual([false, reasons[0] as string]);
    expect(stored(cluster, "c")?.state).toBe("dead");
    await expect(cluster.ends(c.membership.setState("gone"))).rejects.toThrow(NodeStoppedError);
  });

  test("is fenced when the records are of another generation", async () => {
    const { cluster, a } = await cluster3();
    const reasons: string[] = [];
    a.membership.onFenced((reason) => reasons.push(reason));
    const other = codec.encodeGeneration({ generation: "other", nonce: "n" });
    cluster.network.bucket(BUCKET).write(keys.generation, other, () => true);
    await cluster.clock.advance(10);
    expect(reasons).toEqual(["the records are of another generation"]);
    expect(a.membership.gate.isOpen).toBe(false);
  });

  test("is fenced when the bucket is gone for longer than a lease, and not while nobody can tell", async () => {
    const { cluster, a } = await cluster3();
    const reasons: string[] = [];
    a.membership.onFenced((reason) => reasons.push(reason));
    cluster.network.loseRecords("*");
    await cluster.clock.advance(120_000);
    cluster.network.bucket(BUCKET).remove();
    await cluster.clock.advance(120_000);
    expect(reasons).toEqual([]);
    cluster.network.returnRecords("*");
    await cluster.clock.advance(4_000);
    expect(reasons).toEqual([]);
    await cluster.clock.advance(3_000);
    expect(reasons).toEqual(["the bucket of the records is gone"]);
  });

  test("goes on when the bucket was missing for a moment only, however often", async () => {
    const { cluster, a } = await cluster3();
    cluster.fault = (_, operation) => (operation === "update" ? "lose-request" : undefined);
    const bucket = cluster.network.bucket(BUCKET);
    await cluster.clock.advance(20_000);
    for (let round = 0; round < 10; round++) {
      bucket.isThere = false;
      await cluster.clock.advance(4_000);
      bucket.isThere = true;
      await cluster.clock.advance(2_000);
    }
    expect(a.membership.fencedFor).toBe(undefined);
  });

  test("writes its record anew when it was removed, since absence is not death", async () => {
    const { cluster, a, b } = await cluster3();
    const bucket = cluster.network.bucket(BUCKET);
    bucket.write(keyIn(bucket, keys.node("a")), undefined, () => true);
    await cluster.clock.advance(3_000);
    expect(stored(cluster, "a")).toMatchObject({ ...a.membership.self, state: "up" });
    expect(b.membership.isUp(a.membership.self)).toBe(true);
    expect(a.membership.fencedFor).toBe(undefined);
  });

  test("opens the gate after a reconnect only with a renewal sent afterwards, not with one found to be applied", async () => {
    const { cluster, a } = await cluster3();
    let lost = false;
    cluster.fault = (client, operation) => {
      if (client !== "a" || operation !== "update" || lost) return undefined;
      lost = true;
      return "lose-answer";
    };
    await cluster.until("a renewal without an answer", () => lost, 2_000, 1);
    await cluster.clock.advance(2);
    const unanswered = stored(cluster, "a")?.renewal ?? 0;
    cluster.network.cut("a");
    await cluster.clock.advance(10);
    cluster.network.heal("a");
    await cluster.until("the gate is open", () => a.membership.gate.isOpen, 1_000, 1);
    expect(stored(cluster, "a")?.renewal).toBeGreaterThan(unanswered + 1);
  });

  test("stops trying to write a death when it is stopped itself", async () => {
    const { cluster, a, b, c } = await cluster3();
    cluster.network.crash("c");
    let tries = 0;
    cluster.fault = (client, operation, key) => {
      if (client === "c" || bareKey(key) !== keys.node("c") || operation !== "update") return undefined;
      tries++;
      return "lose-request";
    };
    await cluster.until("a death is being written", () => tries > 2);
    for (const { membership } of [a, b, c]) membership.stop();
    await cluster.clock.advance(5_000);
    const before = tries;
    await cluster.clock.advance(20_000);
    expect(tries).toBe(before);
    expect(cluster.clock.nextInMs).toBe(undefined);
  });

  test("renews at once after a suspension, with a closed gate until then", async () => {
    const { cluster, a } = await cluster3();
    cluster.clock.shiftWall(60_000);
    expect(a.membership.gate.isOpen).toBe(false);
    // it looks at the clocks every 250 ms
    expect(await cluster.until("the gate is open", () => a.membership.gate.isOpen, 300, 1)).toBeLessThan(260);
  });

  test("declares dead an owner that has no record, after one lease", async () => {
    const { cluster, a } = await cluster3();
    const ghost = id("ghost", 4);
    const bytes = codec.encodeShard(shardRecord({ owner: ghost }));
    const bucket = cluster.network.bucket(BUCKET);
    bucket.write(keyIn(bucket, keys.shard("cart", 1)), bytes, () => true);
    await cluster.clock.advance(14_000);
    expect(a.membership.isOver(ghost)).toBe(false);
    await cluster.clock.advance(2_500);
    expect(a.membership.isOver(ghost)).toBe(true);
  });

  test("takes a life for over, a lease after another of the same count is known in its place", async () => {
    const { cluster, a } = await cluster3();
    const [present, former] = [
      { node: "d", incarnation: "3-present" },
      { node: "d", incarnation: "3-former" },
    ];
    const bucket = cluster.network.bucket(BUCKET);
    const write = (renewal: number) =>
      bucket.write(
        keyIn(bucket, keys.node("d")),
        codec.encodeNode({ ...nodeRecord(present), renewal }),
        () => true,
      );
    write(0);
    await cluster.clock.advance(10);
    const from = cluster.clock.now();
    let renewal = 0;
    while (!a.membership.isOver(former)) {
      expect(cluster.clock.now() - from).toBeLessThan(16_000);
      write(++renewal); // the present one goes on, so that its own lease does not run out
      await cluster.clock.advance(1_000);
    }
    expect(cluster.clock.now() - from).toBeGreaterThanOrEqual(14_900); // less what the watch took to tell of it
    const another = (incarnation: string) => a.membership.isOver({ node: "d", incarnation });
    // that one was there before the records went back, and nothing is known of one that came after
    expect([another("2-before"), another("3-present"), another("4-after")]).toEqual([true, false, false]);
  });
});

describe("Membership setState()", () => {
  test("tells the others that a node leaves, and that it has gone", async () => {
    const { cluster, a, b } = await cluster3();
    await cluster.ends(a.membership.setState("leaving"), 100);
    await cluster.clock.advance(10);
    expect(upNames(b)).toEqual(["b", "c"]);
    expect(b.membership.isOver(a.membership.self)).toBe(false);
    expect(a.membership.gate.isOpen).toBe(true);
    await cluster.clock.advance(5_000);
    await cluster.ends(a.membership.setState("gone"), 100);
    await cluster.clock.advance(10);
    expect(b.membership.isOver(a.membership.self)).toBe(true);
    expect(b.events.at(-1)).toEqual({ type: "node-left", ...a.membership.self });
    expect(a.membership.gate.isOpen).toBe(false);
  });

  test("gets through when the first answers are lost", async () => {
    const { cluster, a } = await cluster3();
    let lost = 0;
    cluster.fault = (client, operation) =>
      client === "a" && operation === "update" && lost++ < 3 ? "lose-answer" : undefined;
    await cluster.ends(a.membership.setState("leaving"));
    expect(stored(cluster, "a")?.state).toBe("leaving");
    expect(a.membership.fencedFor).toBe(undefined);
  });

  test("throws FencedError when the node is declared dead before it is written", async () => {
    const { cluster, a, c } = await cluster3();
    cluster.network.cut("c");
    const leaving = c.membership.setState("leaving");
    leaving.catch(() => {});
    await cluster.until("c is over", () => a.membership.isOver(c.membership.self));
    cluster.network.heal("c");
    await expect(cluster.ends(leaving)).rejects.toThrow(FencedError);
  });

  test("stop() ends everything without a write, and what is waited for", async () => {
    const { cluster, a, b, c } = await cluster3();
    cluster.network.cut("a");
    const leaving = a.membership.setState("leaving");
    for (const { membership } of [a, b, c]) membership.stop();
    await expect(cluster.ends(leaving)).rejects.toThrow(NodeStoppedError);
    const before = cluster.network.bucket(BUCKET).entries();
    await cluster.clock.advance(20_000);
    expect(cluster.network.bucket(BUCKET).entries()).toEqual(before);
    expect(cluster.clock.nextInMs).toBe(undefined);
  });
});

describe("Membership setKinds()", () => {
  const kinds = (version: number) => [{ kind: "cart", shards: 4, stateVersion: version }];

  test("tells the others, also when the first answers are lost", async () => {
    const { cluster, a, b } = await cluster3();
    const before = a.membership.view.version;
    let lost = 0;
    cluster.fault = (client, operation) =>
      client === "a" && operation === "update" && lost++ < 3 ? "lose-answer" : undefined;
    await cluster.ends(a.membership.setKinds(kinds(2)));
    await cluster.clock.advance(10);
    expect(stored(cluster, "a")?.kinds).toEqual(kinds(2));
    expect(b.membership.view.get("a")?.kinds).toEqual(kinds(2));
    expect(a.membership.view.version).toBeGreaterThan(before);
    await cluster.clock.advance(5_000); // renewals go on saying so
    expect(stored(cluster, "a")?.kinds).toEqual(kinds(2));
    expect(a.membership.fencedFor).toBe(undefined);
  });

  test("keeps the last of two that follow one another, and rejects when the node ends before", async () => {
    const { cluster, a, c } = await cluster3();
    const both = [a.membership.setKinds(kinds(2)), a.membership.setKinds(kinds(3))];
    await cluster.ends(Promise.all(both));
    expect(stored(cluster, "a")?.kinds).toEqual(kinds(3));
    cluster.network.cut("c");
    const never = c.membership.setKinds(kinds(2));
    c.membership.stop();
    await expect(cluster.ends(never)).rejects.toThrow(NodeStoppedError);
  });
});
