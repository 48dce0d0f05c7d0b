/** A cluster of memberships in one process: manual clock, memory network, one seed. */
import { ClusterRecords } from "../../cluster/records/cluster_records.ts";
import { Membership, type MembershipEvent, type NodeInfo } from "../../cluster/membership.ts";
import { Ownership } from "../../cluster/ownership.ts";
import type { NodeId, NodeRecord, ShardRecord } from "../../cluster/records/schemas.ts";
import { seededRandom } from "../../platform/random.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { MemoryNetwork } from "../../transport/memory/network.ts";
import type { RecordFate, RecordOperation } from "../../transport/memory/records.ts";
import { untilTrue, comesTo } from "../support/virtual_time.ts";

/** Decides about one request for a record; `undefined` leaves it alone. */
export type Fault = (client: string, operation: RecordOperation, key: string) => RecordFate | undefined;

export const BUCKET = "cluster";
const STEP_MS = 10;

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

  /** See {@link comesTo}. */
  ends<T>(promise: Promise<T>, withinMs?: number, stepMs = STEP_MS): Promise<T> {
    return comesTo(this.clock, promise, { withinMs, stepMs });
  }

  /** See {@link untilTrue}. */
  until(what: string, holds: () => boolean, withinMs?: number, stepMs = STEP_MS): Promise<number> {
    return untilTrue(this.clock, what, holds, { withinMs, stepMs });
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
