// Whole nodes whose records are wiped, replaced, or out of reach, again and again, also while they join again.
import { expect, test } from "bun:test";
import { recordCodec } from "../../../cluster/records/schemas.ts";
import type { ActorNode } from "../../../mod.ts";
import { type Random, seededRandom } from "../../../platform/random.ts";
import { bucketOf, keys } from "../../../transport/subjects.ts";
import { hostLedger, ledger, steering } from "../../support/ledger.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";
import { keyIn } from "../../support/keys_inside.ts";

const NAMES = ["a", "b", "c"] as const;
const ACTORS = Array.from({ length: 12 }, (_, i) => `x${i}`);
const TROUBLES = 6;
const SHARDS = 8;
const contract = ledger({ shards: SHARDS });
const codec = recordCodec();

function declareDead({ network }: MemoryCluster, name: string): void {
  const bucket = network.bucket(bucketOf("test"));
  if (!bucket.entry(keys.generation)) return;
  const key = keyIn(bucket, keys.node(name));
  const value = bucket.entry(key)?.value;
  if (value === undefined) return;
  const dead = { ...codec.decodeNode(value), state: "dead" as const };
  bucket.write(key, codec.encodeNode({ ...dead, nonce: `dead-${dead.incarnation}` }), () => true);
}

/** Something that lasts less than some seconds beyond the lease. */
function trouble(cluster: MemoryCluster, random: Random): string {
  const { network, clock } = cluster;
  const name = NAMES[Math.floor(random.next() * NAMES.length)] as string;
  const later = (run: () => void) => void clock.after(random.next() * 20_000, run);
  const chance = random.next();
  if (chance < 0.25) {
    declareDead(cluster, name);
    return `${name} is declared dead`;
  }
  if (chance < 0.45) {
    network.cut(name);
    later(() => network.heal(name));
    return `${name} is cut off`;
  }
  if (chance < 0.7) {
    const who = chance < 0.6 ? name : "*";
    network.loseRecords(who);
    later(() => network.returnRecords(who));
    return `records are away for ${who}`;
  }
  if (chance < 0.85) {
    for (const bucket of [bucketOf("test"), `${bucketOf("test")}-parked`]) network.bucket(bucket).remove();
    return "the records are wiped";
  }
  const generation = codec.encodeGeneration({ generation: random.id(), nonce: "n" });
  network.bucket(bucketOf("test")).write(keys.generation, generation, () => true);
  return "another generation";
}

function endAll({ network }: MemoryCluster): void {
  for (const name of NAMES) network.heal(name);
  for (const name of [...NAMES, "*"]) network.returnRecords(name);
}

/** The shards that somebody says are his own, one entry for each who says so. */
function ownShards(nodes: readonly ActorNode[]): number[] {
  return nodes
    .flatMap((node) => node.inspect().shards.filter(({ owner }) => owner === node.name))
    .map(({ shard }) => shard)
    .sort((a, b) => a - b);
}

async function simulated(seed: number): Promise<void> {
  const random = seededRandom(seed);
  let faulty = false;
  const cluster = new MemoryCluster({
    latencyMs: () => 0.5 + random.next() * 5,
    recordLatencyMs: () => 1 + random.next() * 10,
    watchDelayMs: () => random.next() * 20,
    recordFilter: () =>
      !faulty || random.next() >= 0.05 ? "answer" : random.next() < 0.5 ? "lose-answer" : "apply-late",
  });
  const nodes: ActorNode[] = [];
  for (const name of NAMES)
    nodes.push(await cluster.start(name, { hosts: [hostLedger(steering(), contract)] }));
  await cluster.settled("ledger", ...NAMES);
  const ended: string[] = [];
  for (const { name, whenStopped } of nodes) void whenStopped.then(() => ended.push(name));

  faulty = true;
  const history: string[] = [];
  for (let i = 0; i < TROUBLES; i++) {
    history.push(`${Math.round(cluster.clock.now())} ms: ${trouble(cluster, random)}`);
    for (const node of nodes)
      for (const actor of ACTORS)
        void node
          .ref(contract, actor)
          .add("word")
          .catch(() => {});
    await cluster.clock.advance(random.next() * 8_000);
  }
  await cluster.clock.advance(20_000);
  faulty = false;
  endAll(cluster);
  await cluster.clock.advance(35_000);

  const answers: unknown[] = [];
  for (const node of nodes)
    for (const actor of ACTORS) {
      const { error } = await cluster.outcome(node.ref(contract, actor).add("word"));
      if (error) answers.push(`${node.name} about ${actor}: ${error.message}`);
    }
  const own = ownShards(nodes);
  const everyShard = Array.from({ length: SHARDS }, (_, i) => i);
  expect({ history, ended, answers, own }).toEqual({ history, ended: [], answers: [], own: everyShard });
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
}

// 3 and 27 once joined a bucket that was made anew meanwhile, with what they knew of the former
test.each([1, 2, 3, 4, 5, 6, 7, 8, 27])(
  "nodes that lose their records, in any way, serve every name again: seed %d",
  async (seed) => {
    await simulated(seed);
  },
);
