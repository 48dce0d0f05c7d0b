/** A cluster of memberships in one process: manual clock, memory network, one seed. */
import { ClusterRecords } from "../../cluster/records/cluster_records.ts";
import { Membership, type MembershipEvent, type NodeInfo } from "../../cluster/membership.ts";
import { Ownership } from "../../cluster/ownership.ts";
import type { NodeId, NodeRecord, ShardRecord } from "../../cluster/records/schemas.ts";
import { seededRandom } from "../../platform/random.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { MemoryNetwork } from "../../transport/memory/network.ts";
import type { RecordFate, RecordOperation } from "../../transport/memory/records.ts";

/** Decides about one request for a record; `undefined` leaves it alone. */
export type Fault = (client: string, operation: RecordOperation, key: string) => RecordFate | undefined;

export const BUCKET = "cluster";

export class TestCluster {
  readonly clock = new ManualClock();
  readonly random = seededRandom(7);
  fault: Fault = () => undefined;
  /** How late every watch tells what has changed. */
  watchDelayMs = 0;
  readonly network = new MemoryNetwork({
    clock: this.clock,
    recordLatencyMs: () => 1,
    watchDelayMs: () => this.watchDelayMs,
    recordFilter: (client, operation, _, key) => this.fault(client, operation, key) ?? "answer",
  });

  /** A node that has not started. The name of its connection is its own unless another is given. */
  async node(
    name: string,
    connectionName = name,
    hasEnded: (record: NodeRecord) => boolean = () => false,
  ): Promise<TestNode> {
    const connection = this.network.connect(connectionName);
    const opened = connection.records(BUCKET);
    await this.clock.advance(5);
    const records = await opened;
    const deps = { clock: this.clock, random: this.random };
    const bucket = new ClusterRecords({ ...deps, records });
    const events: MembershipEvent[] = [];
    const membership = new Membership({
      ...deps,
      bucket,
      transport: connection.transport,
      hasEnded,
      onEvent: (event) => void events.push(event),
    });
    return { name, bucket, membership, ownership: new Ownership(bucket, this.clock), events };
  }

  /** A node that is up. */
  async up(name: string, info: Partial<NodeInfo> = {}): Promise<TestNode> {
    const node = await this.node(name);
    await this.ends(node.membership.start({ ...infoOf(name), ...info }), 100);
    return node;
  }

  /** Runs time until the promise ends, at most `withinMs`, in steps of `stepMs`. */
  async ends<T>(promise: Promise<T>, withinMs = 60_000, stepMs = 10): Promise<T> {
    let ended = false;
    promise.then(
      () => (ended = true),
      () => (ended = true),
    );
    for (let passed = 0; !ended && passed <= withinMs; passed += stepMs) await this.clock.advance(stepMs);
    if (!ended)
      throw new Error(`expected an end within ${withinMs} ms; seen: none at ${this.clock.now()} ms`);
    return promise;
  }

  /** Runs time until the condition holds, at most `withinMs`; returns how long it took. */
  async until(what: string, holds: () => boolean, withinMs = 60_000, stepMs = 10): Promise<number> {
    for (let passed = 0; passed <= withinMs; passed += stepMs) {
      if (holds()) return passed;
      await this.clock.advance(stepMs);
    }
    throw new Error(`expected ${what} within ${withinMs} ms; seen: not at ${this.clock.now()} ms`);
  }
}

export interface TestNode {
  readonly name: string;
  readonly bucket: ClusterRecords;
  readonly membership: Membership;
  readonly ownership: Ownership;
  readonly events: MembershipEvent[];
}

export function infoOf(name: string, shards = 16): NodeInfo {
  return { name, kinds: [{ kind: "cart", shards, stateVersion: 1 }], runtime: "test" };
}

export function id(node: string, count = 1): NodeId {
  return { node, incarnation: `${count}-${node}` };
}

export function nodeRecord(of: NodeId, state: NodeRecord["state"] = "up"): NodeRecord {
  const kinds = [{ kind: "cart", shards: 16, stateVersion: 1 }];
  return { ...of, state, kinds, weight: 1, protocol: [1], runtime: "test", renewal: 0, nonce: "n" };
}

export function shardRecord(of: Partial<ShardRecord> = {}): ShardRecord {
  return { owner: id("a"), epoch: 3, floor: 2, state: "owned", late: [], nonce: "n", ...of };
}
