// Stored actors in one file: a process that starts again, with a cluster that knows nothing of the former.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { type ActorNode, type Store, sqliteStore } from "../../../mod.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";
import { hostTally, type Steering, Tally } from "../../support/tally.ts";

let folder: string;
let store: Store;
let cluster: MemoryCluster;
let steering: Steering & { log: string[] };

/** A process that starts: an empty memory network, and the file. */
async function start(): Promise<ActorNode> {
  store = await sqliteStore({ path: path.join(folder, "actors.db") });
  cluster = new MemoryCluster();
  const node = await cluster.start("a", { hosts: [hostTally(steering)], store });
  await cluster.settled("tally", "a");
  return node;
}

/** It is killed: nothing is handed over. */
async function kill(): Promise<void> {
  await cluster.close();
  await store.close();
}

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "baton-stored-"));
  steering = { log: [] };
});
afterEach(async () => {
  await kill();
  fs.rmSync(folder, { recursive: true });
});

describe("stored actors in a file", () => {
  test("are there after each restart, under epochs that grow although the cluster's begin at 1", async () => {
    const epochs: number[] = [];
    steering.run = (actor) => actor.epoch;
    for (let life = 1; life <= 4; life++) {
      const node = await start();
      expect(await cluster.ends(node.ref(Tally, "x").add(10))).toBe(life * 10);
      epochs.push((await cluster.ends(node.ref(Tally, "x").run(0))) as number);
      if (life < 4) await kill();
    }
    expect(epochs).toEqual([1, 2, 3, 4]);
    expect(steering.log).toEqual(["x first 0", "x recovered 10", "x recovered 20", "x recovered 30"]);
  });

  test("go on with their timers, and those that came due meanwhile come at once", async () => {
    let node = await start();
    steering.run = (actor) => void actor.schedule("note", 3, { afterMs: 5_000 });
    await cluster.ends(node.ref(Tally, "x").run(0));
    await kill();
    node = await start();
    await cluster.until("the timer", () => steering.log.includes("x note 3"));
    expect(await cluster.ends(node.ref(Tally, "x").read())).toBe(3);
    await kill();
    node = await start();
    await cluster.clock.advance(10_000);
    expect(steering.log.filter((line) => line === "x note 3").length).toBe(1);
  });

  test("cannot be changed by what a former process was about to write, once the next one has begun them", async () => {
    let node = await start();
    await cluster.ends(node.ref(Tally, "x").add(1));
    const { shard } = node.inspect().actors.find(({ name }) => name === "x") ?? { shard: 0 };
    const key = { kind: "tally", shard, name: "x" };
    const before = await store.load(key);
    await kill();
    node = await start();
    expect(await cluster.ends(node.ref(Tally, "x").read())).toBe(1);
    const rest = { nonce: "n", epoch: 1, replacesBytes: 0, timers: false, hadTimers: false };
    const late = {
      ...key,
      revision: before?.revision ?? 0,
      bytes: before?.bytes ?? new Uint8Array(),
      ...rest,
    };
    expect(await Promise.all(store.commit([late]))).toEqual([{ ok: false }]);
    expect(await cluster.ends(node.ref(Tally, "x").add(1))).toBe(2);
    expect(node.inspect().counters.commitsRefused).toBe(0);
  });

  test("are raised above an epoch that only their entries know of", async () => {
    let node = await start();
    await cluster.ends(node.ref(Tally, "x").add(1));
    const { shard } = node.inspect().actors.find(({ name }) => name === "x") ?? { shard: 0 };
    const key = { kind: "tally", shard, name: "x" };
    const entry = await store.load(key);
    await kill();
    store = await sqliteStore({ path: path.join(folder, "actors.db") });
    const { decodeRecord, encodeRecord } = await import("../../../storage/record.ts");
    const record = decodeRecord(entry?.bytes ?? new Uint8Array(), "x");
    const bytes = encodeRecord({ ...record, epoch: 40, writer: { node: "z", incarnation: "1-z" } });
    const rest = { epoch: 1, replacesBytes: 0, timers: false, hadTimers: false, nonce: "n" };
    await Promise.all(store.commit([{ ...key, revision: entry?.revision ?? 0, bytes, ...rest }]));
    await store.close();
    node = await start();
    const early = await cluster.outcome(node.ref(Tally, "x").read());
    expect(early.error?.code ?? early.value).toBe("outcome-unknown");
    expect(await cluster.ends(node.ref(Tally, "x").add(1))).toBe(2);
    steering.run = (actor) => actor.epoch;
    expect(await cluster.ends(node.ref(Tally, "x").run(0))).toBe(41);
    expect(node.inspect().shards.find((each) => each.shard === shard)).toMatchObject({
      epoch: 41,
      floor: 41,
    });
  });

  test("whose page is damaged are set aside with the reason, and the others go on", async () => {
    const names = Array.from({ length: 60 }, (_, i) => `n${i}`);
    let node = await start();
    for (const name of names) await cluster.ends(node.ref(Tally, name).fill(3_000));
    await kill();
    spoilLastLeaf(path.join(folder, "actors.db"));
    node = await start();
    const codes = new Map<string, number>();
    for (const name of names) {
      const { error } = await cluster.outcome(node.ref(Tally, name).read());
      const code = error?.code ?? "value";
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    const damaged = codes.get("invalid-state") ?? 0;
    expect(damaged).toBeGreaterThan(0);
    expect([...codes].toSorted()).toEqual([
      ["invalid-state", damaged],
      ["value", names.length - damaged],
    ]);
    const told = cluster.seen("actor-quarantined");
    expect(told.length).toBe(damaged);
    expect(told[0]?.reason).toContain("malformed");
  });
});

/** As by a failing disk: the head of the last page that holds entries. */
function spoilLastLeaf(file: string): void {
  const [pageBytes, leafOfTable] = [4_096, 0x0d];
  const pages = fs.readFileSync(file);
  let at = pages.byteLength - pageBytes;
  while (at > 0 && pages[at] !== leafOfTable) at -= pageBytes;
  pages.set([0x77, 0xff, 0xff, 0xff], at);
  fs.writeFileSync(file, pages);
}
