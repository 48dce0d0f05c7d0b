// A memory cluster with stored actors, whose requests to the store a test may lose.
import type { ActorNode, Hosted } from "../../mod.ts";
import type { RecordFate, RecordOperation } from "../../transport/memory_records.ts";
import { MemoryCluster } from "./memory_cluster.ts";
import { hostTally, type Steering } from "./tally.ts";

const BUCKET = "baton-test-stored";
const HEAD = /^state\./;

/** What becomes of a request to the bucket of stored actors. */
export type StoreFate = (operation: RecordOperation, key: string, client: string) => RecordFate;

/** An entry's key and value. */
export interface Head {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

export class StoredWorld {
  fate: StoreFate = () => "answer";
  readonly steering: Steering & { log: string[] } = { log: [] };
  readonly cluster: MemoryCluster;

  constructor(lateMs: () => number = () => 3_000) {
    this.cluster = new MemoryCluster({
      lateMs,
      recordFilter: (client, operation, bucket, key) =>
        bucket === BUCKET ? this.fate(operation, key, client) : "answer",
    });
  }

  async start(name: string, hosts: readonly Hosted[] = [hostTally(this.steering)]): Promise<ActorNode> {
    return await this.cluster.start(name, { hosts });
  }

  /** One node that owns everything. */
  async alone(hosts?: readonly Hosted[]): Promise<ActorNode> {
    const node = await this.start("a", hosts);
    await this.cluster.settled("tally", "a");
    return node;
  }

  /** It is as if the process of node "a" had been killed: another one takes everything over. */
  async succeed(hosts?: readonly Hosted[]): Promise<ActorNode> {
    const node = await this.start("b", hosts);
    this.cluster.network.crash("a");
    await this.cluster.settled("tally", "b");
    return node;
  }

  /** Commits of one actor get no answer and are not applied. */
  loseCommits(name: string): void {
    this.fate = (operation, key) =>
      HEAD.test(key) && operation !== "get" && key.endsWith(`.${name}`) ? "lose-request" : "answer";
  }

  answerAll(): void {
    this.fate = () => "answer";
  }

  /** The line was logged so many times. */
  count(line: string): number {
    return this.steering.log.filter((each) => each === line).length;
  }

  /** Keys of the bucket that begin so. */
  keys(prefix: string): string[] {
    const entries = this.cluster.network.bucket(BUCKET).entries();
    return entries.flatMap(({ key, value }) => (value && key.startsWith(`${prefix}.`) ? [key] : []));
  }

  async end(): Promise<void> {
    this.answerAll();
    await this.cluster.close();
    if (this.cluster.thrown.length > 0) throw this.cluster.thrown[0];
  }
}

/** How a promise ends, watched from now on: its value, or its error's code. */
export function watched<T>(promise: Promise<T>): { readonly outcome: string | undefined } {
  const seen: { outcome: string | undefined } = { outcome: undefined };
  promise.then(
    (value) => (seen.outcome = `value ${String(value)}`),
    (error: { code?: string }) => (seen.outcome = error.code ?? "error"),
  );
  return seen;
}
