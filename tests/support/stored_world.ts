// A memory cluster with stored actors, whose requests to the store a test may lose.
import type { ActorNode, NodeOptions } from "../../mod.ts";
import type { MemoryBucket } from "../../transport/memory/bucket.ts";
import type { RecordFate, RecordOperation } from "../../transport/memory/records.ts";
import { MemoryCluster } from "./memory_cluster.ts";
import { hostTally, type Steering } from "./tally.ts";

const BUCKET = "baton-test-stored";
/** Keys of the entries that hold a state. */
export const HEAD: RegExp = /^state\./;

/** What becomes of a request to the bucket of stored actors. */
export type StoreFate = (operation: RecordOperation, key: string, client: string) => RecordFate;

/** An entry's key and value. */
export interface Head {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

export class StoredWorld {
  fate: StoreFate = () => "answer";
  /** The same for the cluster's own records. */
  recordsFate: StoreFate = () => "answer";
  readonly steering: Steering & { log: string[] } = { log: [] };
  readonly cluster: MemoryCluster;
  /** Changes of states that were asked for, as "node key". */
  readonly writes: string[] = [];

  /** @param recordLatencyMs of each request for a record and of its answer; 0: all are answered in the same moment */
  constructor(lateMs: () => number = () => 3_000, recordLatencyMs = 0) {
    this.cluster = new MemoryCluster({
      lateMs,
      ...(recordLatencyMs > 0 ? { recordLatencyMs: () => recordLatencyMs } : {}),
      recordFilter: (client, operation, bucket, key) =>
        bucket === BUCKET ? this.#fateOf(operation, key, client) : this.recordsFate(operation, key, client),
    });
  }

  #fateOf(operation: RecordOperation, key: string, client: string): RecordFate {
    if (HEAD.test(key) && (operation === "create" || operation === "update"))
      this.writes.push(`${client} ${key}`);
    return this.fate(operation, key, client);
  }

  /** A node that hosts tallies, unless told otherwise. */
  async start(name: string, options: NodeOptions = {}): Promise<ActorNode> {
    return await this.cluster.start(name, { hosts: [hostTally(this.steering)], ...options });
  }

  /** One node that owns everything. */
  async alone(options?: NodeOptions): Promise<ActorNode> {
    const node = await this.start("a", options);
    await this.cluster.settled("tally", "a");
    return node;
  }

  /** It is as if the process of node "a" had been killed: another one takes everything over. */
  async succeed(options?: NodeOptions): Promise<ActorNode> {
    const node = await this.start("b", options);
    this.cluster.network.crash("a");
    await this.cluster.settled("tally", "b");
    return node;
  }

  /** Commits of one actor, or of all, get no answer and are not applied. */
  loseCommits(name?: string): void {
    const isMeant = (key: string) => name === undefined || key.endsWith(`.${name}`);
    this.fate = (operation, key) =>
      HEAD.test(key) && operation !== "get" && isMeant(key) ? "lose-request" : "answer";
  }

  answerAll(): void {
    this.fate = () => "answer";
    this.recordsFate = () => "answer";
  }

  /** The line was logged so many times. */
  count(line: string): number {
    return this.steering.log.filter((each) => each === line).length;
  }

  get bucket(): MemoryBucket {
    return this.cluster.network.bucket(BUCKET);
  }

  /** Keys of the bucket that begin so. */
  keys(prefix: string): string[] {
    const entries = this.bucket.entries();
    return entries.flatMap(({ key, value }) => (value && key.startsWith(`${prefix}.`) ? [key] : []));
  }

  /** What is stored of an actor. */
  headOf(name: string): Head {
    const found = this.bucket.entries().find(({ key }) => HEAD.test(key) && key.endsWith(`.${name}`));
    if (!found) throw new Error(`expected an entry of "${name}"; seen: none`);
    return found;
  }

  /** Somebody else writes an entry, as it was: whoever relies on its revision is refused. */
  overwrite({ key, value }: Head): void {
    this.bucket.write(key, value, () => true);
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
