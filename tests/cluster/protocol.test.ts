import { describe, expect, test } from "bun:test";
import { givesWayTo, isStranger } from "../../cluster/lease/protocol_agreement.ts";
import { commonProtocol, PROTOCOL_VERSIONS, protocolWords } from "../../cluster/protocol.ts";
import { recordCodec } from "../../cluster/records/schemas.ts";
import { ConfigurationError, RecordsUnavailableError } from "../../errors.ts";
import { keys } from "../../transport/subjects.ts";
import { keyIn } from "../support/keys_inside.ts";
import { BUCKET, id, infoOf, nodeRecord, TestCluster } from "./support.ts";

const codec = recordCodec();
const MANY_MS = 200_000;

/** A node of another release, as far as its record says: it renews it as long as it `lives`. */
async function other(
  cluster: TestCluster,
  name: string,
  protocol: readonly number[],
  state: "up" | "leaving" | "gone" | "dead" = "up",
) {
  const records = await cluster.ends(cluster.network.connect(name).records(BUCKET));
  const bucket = cluster.network.bucket(BUCKET);
  const record = { ...nodeRecord(id(name), state), protocol };
  const key = keyIn(bucket, keys.node(name));
  await cluster.ends(records.create(key, codec.encodeNode(record)));
  return {
    async write(change: Partial<typeof record> = {}): Promise<void> {
      const revision = bucket.entry(key)?.revision ?? 0;
      await cluster.ends(records.update(key, codec.encodeNode({ ...record, ...change }), revision));
    },
  };
}

/** A cluster that one node has begun, and left. */
async function begun(): Promise<TestCluster> {
  const cluster = new TestCluster();
  const first = await cluster.up("first");
  await cluster.ends(first.membership.setState("gone"));
  first.membership.stop();
  return cluster;
}

describe("commonProtocol()", () => {
  test("is the newest that both speak, or none", () => {
    expect(commonProtocol([1, 2], [1, 2])).toBe(2);
    expect(commonProtocol([1], [1, 2])).toBe(1);
    expect(commonProtocol([3, 2], [1, 2])).toBe(2);
    expect(commonProtocol([3, 4], [1, 2])).toBe(undefined);
    expect(commonProtocol([], [1, 2])).toBe(undefined);
    expect(commonProtocol(PROTOCOL_VERSIONS)).toBe(PROTOCOL_VERSIONS.at(-1));
    expect([[2, 1], [7], []].map(protocolWords)).toEqual(["1 and 2", "7", "none"]);
  });
});

describe("givesWayTo()", () => {
  test("lets the newer of two strangers go, and nobody for one that is over", () => {
    const record = (protocol: number[], state: "up" | "dead" = "up") => ({
      ...nodeRecord(id("b"), state),
      protocol,
    });
    expect(givesWayTo(record([1]), [2, 3])).toBe(false); // nothing is known of what 2 and 3 say here: it is no stranger
    expect(givesWayTo(record([7]), [2, 3])).toBe(false);
    expect(givesWayTo(record([7]), [8, 9])).toBe(true);
    expect(givesWayTo(record([7], "dead"), [8, 9])).toBe(false);
    expect([isStranger(record([2, 3])), isStranger(record([3])), isStranger(record([3], "dead"))]).toEqual([
      false,
      true,
      false,
    ]);
  });
});

describe("a node that joins", () => {
  test("is refused with both ranges once it has seen that one lives with which it shares no version", async () => {
    const cluster = await begun();
    const { write } = await other(cluster, "old", [7]);
    const b = await cluster.node("b");
    const start = b.membership.start(infoOf("b"));
    let ended: unknown;
    start.catch((error: unknown) => (ended = error));
    await cluster.clock.advance(5_000);
    expect(ended).toBe(undefined);
    for (let renewal = 1; renewal <= 2; renewal++) {
      await write({ renewal });
      await cluster.clock.advance(1_500);
    }
    expect(ended).toBeInstanceOf(ConfigurationError);
    expect((ended as Error).message).toBe(
      'Cannot join the cluster: no version of the protocol is common to all; node "old", on test, speaks 7, ' +
        "this release 1 and 2. Update over the releases between them",
    );
    expect(
      cluster.network
        .bucket(BUCKET)
        .entries()
        .some(({ key }) => key.endsWith("nodes.b")),
    ).toBe(false);
  });

  test("waits for nobody that is over, nor for its own name, nor for who shares a version", async () => {
    for (const [name, protocol, state] of [
      ["gone", [7], "gone"],
      ["dead", [7], "dead"],
      ["next", [2, 3], "up"],
      ["former", [1], "leaving"],
    ] as const) {
      const cluster = await begun();
      await other(cluster, name, protocol, state);
      const b = await cluster.node("b");
      await cluster.ends(b.membership.start(infoOf("b")), 100);
      b.membership.stop();
    }
  });

  test("waits a lease for one that shows no life, and joins", async () => {
    const cluster = await begun();
    await other(cluster, "old", [7]);
    const b = await cluster.node("b");
    const before = cluster.clock.now();
    await cluster.ends(b.membership.start(infoOf("b")), MANY_MS);
    expect(cluster.clock.now() - before).toBeGreaterThanOrEqual(15_000);
    await cluster.until("the other declared dead", () => b.membership.view.get("old")?.state === "dead");
    expect(b.membership.gate.isOpen).toBe(true);
    b.membership.stop();
  });

  test("waits for one that leaves, however often it renews", async () => {
    const cluster = await begun();
    const { write } = await other(cluster, "old", [7], "leaving");
    const b = await cluster.node("b");
    let ended = false;
    const start = b.membership.start(infoOf("b")).finally(() => (ended = true));
    for (let renewal = 1; renewal <= 6; renewal++) {
      await write({ renewal });
      await cluster.clock.advance(1_500);
    }
    expect(ended).toBe(false);
    await write({ state: "gone" });
    await cluster.ends(start, 5_000);
    b.membership.stop();
  });

  test("gives up with its patience when the records do not answer", async () => {
    const cluster = await begun();
    await other(cluster, "old", [7]);
    const b = await cluster.node("b");
    let ended: unknown;
    b.membership.start(infoOf("b")).catch((error: unknown) => (ended = error));
    await cluster.clock.advance(2_000);
    cluster.fault = (client) => (client === "b" ? "lose-request" : undefined);
    await cluster.until("an end", () => ended !== undefined, MANY_MS);
    expect(ended).toBeInstanceOf(RecordsUnavailableError);
  });
});

describe("two that share no version and join at one moment", () => {
  test("see one another afterwards: the newer is fenced, and the older goes on", async () => {
    const cluster = new TestCluster();
    const a = await cluster.up("a");
    await other(cluster, "newer", [7]);
    await cluster.clock.advance(500);
    expect(a.membership.fencedFor).toBe(undefined);
    await other(cluster, "older", []); // a node that speaks nothing at all is older than any
    await cluster.until("the end of the newer", () => a.membership.fencedFor !== undefined, 1_000);
    expect(a.membership.fencedFor).toBe('node "older", on test, speaks none, this release 1 and 2');
  });
});
