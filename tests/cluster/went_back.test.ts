import { describe, expect, test } from "bun:test";
import { recordCodec } from "../../cluster/records/schemas.ts";
import { keys } from "../../transport/subjects.ts";
import { BUCKET, infoOf, TestCluster, type TestNode } from "./support.ts";

const codec = recordCodec();
const OLDER = "the records went back to an older copy";
const OTHER = "the records are of another generation";

function generationIn(cluster: TestCluster): string {
  const value = cluster.network.bucket(BUCKET).entry(keys.generation)?.value;
  return codec.decodeGeneration(value ?? new Uint8Array()).generation;
}

/** Three nodes, and an older copy of their records. */
async function aged() {
  const cluster = new TestCluster();
  const nodes = [await cluster.up("a"), await cluster.up("b"), await cluster.up("c")];
  const bucket = cluster.network.bucket(BUCKET);
  const copy = bucket.copy();
  await cluster.clock.advance(10_000);
  return { cluster, bucket, copy, nodes };
}

const reasonsOf = (nodes: readonly TestNode[]) => nodes.map(({ membership }) => membership.fencedFor);

describe("a store that went back", () => {
  test("ends the generation with the first renewal, and every node with it, before any has an effect", async () => {
    const { cluster, bucket, copy, nodes } = await aged();
    const before = generationIn(cluster);
    bucket.restore(copy);
    await cluster.until("all to be fenced", () => !reasonsOf(nodes).includes(undefined), 2_000);
    expect(new Set(reasonsOf(nodes))).toEqual(new Set([OLDER, OTHER]));
    expect(nodes.map(({ membership }) => membership.gate.isOpen)).toEqual([false, false, false]);
    expect(generationIn(cluster)).not.toBe(before);
  });

  test("is noticed by one alone, and he is not fenced before there is another generation", async () => {
    const { cluster, bucket, copy, nodes } = await aged();
    const [a] = nodes as [TestNode];
    const before = generationIn(cluster);
    for (const name of ["b", "c"]) cluster.network.cut(name);
    bucket.restore(copy);
    cluster.fault = (_, operation, key) =>
      operation === "update" && key === keys.generation ? "lose-request" : undefined;
    await cluster.until("a closed gate", () => !a.membership.gate.isOpen, 2_000);
    await cluster.clock.advance(3_000);
    expect([a.membership.fencedFor, generationIn(cluster)]).toEqual([undefined, before]);
    cluster.fault = () => undefined;
    await cluster.until("a to be fenced", () => a.membership.fencedFor !== undefined, 3_000);
    expect([a.membership.fencedFor, generationIn(cluster) === before]).toEqual([OLDER, false]);
  });

  test("fences nobody while the store is away again, and ends the generation when it is back", async () => {
    const { cluster, bucket, copy, nodes } = await aged();
    const [a] = nodes as [TestNode];
    const before = generationIn(cluster);
    for (const name of ["b", "c"]) cluster.network.cut(name);
    bucket.restore(copy);
    await cluster.until("a closed gate", () => !a.membership.gate.isOpen, 2_000, 1);
    cluster.network.loseRecords("*");
    await cluster.clock.advance(60_000);
    expect([a.membership.fencedFor, a.membership.gate.isOpen]).toEqual([undefined, false]);
    cluster.network.returnRecords("*");
    await cluster.until("a to be fenced", () => a.membership.fencedFor !== undefined, 3_000);
    expect([a.membership.fencedFor, generationIn(cluster) === before]).toEqual([OLDER, false]);
  });

  test("lets nobody go on who was away meanwhile and finds his record as he left it, whatever his watch has told", async () => {
    const { cluster, bucket, nodes } = await aged();
    const [a, b, c] = nodes as [TestNode, TestNode, TestNode];
    cluster.network.cut("c");
    const copy = bucket.copy();
    await cluster.clock.advance(5_000);
    bucket.restore(copy);
    await cluster.until("a and b to be fenced", () => !reasonsOf([a, b]).includes(undefined), 2_000);
    const opened: boolean[] = [];
    c.membership.gate.onChange((isOpen) => opened.push(isOpen));
    cluster.watchDelayMs = 1_000;
    cluster.network.heal("c");
    await cluster.until("c to be fenced", () => c.membership.fencedFor !== undefined, 900);
    expect([c.membership.fencedFor, opened]).toEqual([OTHER, []]);
  });

  test("does not let one join who knows more than it", async () => {
    const { cluster, bucket, copy } = await aged();
    const { membership } = await cluster.node("d");
    let isLate = true;
    cluster.fault = (_client, operation, key) => {
      if (operation !== "create" || !key.endsWith(keys.node("d")) || !isLate) return undefined;
      isLate = false;
      bucket.restore(copy);
      return undefined;
    };
    const start = cluster.ends(membership.start(infoOf("d")), 10_000);
    await expect(start).rejects.toThrow("the records went back to an older copy");
  });

  test("is not seen in a reading that finds no generation, or is not answered: who cannot tell pauses", async () => {
    const { cluster, nodes } = await aged();
    const [a] = nodes as [TestNode];
    cluster.fault = (client, operation, key) =>
      client === "a" && operation === "get" && key === keys.generation ? "lose-request" : undefined;
    await cluster.clock.advance(30_000);
    expect([a.membership.gate.isOpen, ...reasonsOf(nodes)]).toEqual([false, undefined, undefined, undefined]);
    cluster.fault = () => undefined;
    await cluster.until("an open gate", () => a.membership.gate.isOpen, 3_000);
    const get = a.bucket.generation.refresh.bind(a.bucket.generation);
    a.bucket.generation.refresh = () => Promise.resolve(undefined);
    await cluster.clock.advance(5_000);
    a.bucket.generation.refresh = get;
    expect(a.membership.fencedFor).toBeUndefined();
  });
});
