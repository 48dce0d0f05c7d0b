/**
 * All that this node knows of the cluster's records.
 *
 * There is one watch over the whole bucket, because revisions order changes of *different* records: whoever sees a shard
 * claimed has seen why it could be. Two watches could run apart.
 *
 * @module
 */
import type { Clock } from "../../platform/clock.ts";
import { type Log, silentLog } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";
import type { RecordEntry, Records, Watch } from "../../transport/records.ts";
import { keys } from "../../transport/subjects.ts";
import { GenerationRecords } from "./generation.ts";
import {
  type GenerationRecord,
  type KindRecord,
  type NodeRecord,
  type PinRecord,
  type RecordCodec,
  type RetiredRecord,
  recordCodec,
  type ShardRecord,
} from "./schemas.ts";
import { type Entry, RecordTable, type TableListener, type TableDeps } from "./table.ts";
import { NewestRevision } from "./rollback.ts";

/** What a bucket is made of. */
export interface BucketDeps {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Log;
  readonly codec?: RecordCodec;
}

/** A {@link TableListener} by kind and shard number. */
export type ShardListener = (
  kind: string,
  shard: number,
  entry: Entry<ShardRecord> | undefined,
  previous: Entry<ShardRecord> | undefined,
  revision: number,
) => void;

/** The records of one cluster: one table for each sort, all fed by one watch. Keys are those of `transport/subjects.ts`. */
export class ClusterRecords {
  readonly nodes: RecordTable<NodeRecord>;
  readonly kinds: RecordTable<KindRecord>;
  readonly shards: RecordTable<ShardRecord>;
  readonly pins: RecordTable<PinRecord>;
  readonly generation: RecordTable<GenerationRecord>;
  readonly retired: RecordTable<RetiredRecord>;
  readonly #records: GenerationRecords;
  readonly #onGeneration = new Set<(record: GenerationRecord) => void>();
  readonly #codec: RecordCodec;
  readonly #log: Log;
  readonly #onWentBack = new Set<() => void>();
  #watch: Watch | undefined;
  #stopped = false;

  constructor({ records, clock, random, log = silentLog, codec = recordCodec() }: BucketDeps) {
    const own = (this.#records = new GenerationRecords(records));
    this.#codec = codec;
    this.#log = log;
    const newest = new NewestRevision();
    const common = { records: own, clock, random, log, newest };
    const onWentBack = () => [...this.#onWentBack].forEach((listener) => void listener());
    const table = <T extends { readonly nonce: string }>(
      encode: TableDeps<T>["encode"],
      decode: TableDeps<T>["decode"],
    ) => new RecordTable<T>({ ...common, encode, decode, onWentBack });
    this.nodes = table(codec.encodeNode, codec.decodeNode);
    this.kinds = table(codec.encodeKind, codec.decodeKind);
    this.shards = table(codec.encodeShard, codec.decodeShard);
    this.pins = table(codec.encodePin, codec.decodePin);
    // it is what has to be changed in a store that went back
    this.generation = new RecordTable<GenerationRecord>({
      ...common,
      encode: codec.encodeGeneration,
      decode: codec.decodeGeneration,
      onWentBack: undefined,
    });
    this.retired = table(codec.encodeRetired, codec.decodeRetired);
  }

  /** Names the generation whose records these are: before anything but its own record is read or written. */
  enter(generation: string): void {
    this.#records.enter(generation);
  }

  /**
   * Starts the watch; resolves once all records that exist are known. Once only.
   *
   * @throws {RecordsUnavailableError} if the bucket does not answer
   */
  async start(): Promise<void> {
    const watch = await this.#records.watch("", (entry) => this.#dispatch(entry), { marks: true });
    if (this.#stopped) watch.stop();
    else this.#watch = watch;
  }

  /** Whether there is a bucket at all. @throws {RecordsUnavailableError} if no answer comes */
  async exists(): Promise<boolean> {
    return (await this.#records.condition()).is !== "gone";
  }

  /** Ends the watch. What was known stays readable. */
  stop(): void {
    this.#stopped = true;
    this.#watch?.stop();
  }

  /** Calls back with a node's name at each change of its record. Returns a function that stops it. */
  onNode(listener: TableListener<NodeRecord>): () => void {
    return this.nodes.onChange((key, ...more) => listener(key.slice(keys.node("").length), ...more));
  }

  /** Calls back with a kind at each change of its record. Returns a function that stops it. */
  onKind(listener: TableListener<KindRecord>): () => void {
    return this.kinds.onChange((key, ...more) => listener(key.slice(keys.kind("").length), ...more));
  }

  /** Calls back at each change of a shard's record. Returns a function that stops it. */
  onShard(listener: ShardListener): () => void {
    return this.shards.onChange((key, entry, ...more) => {
      const [, kind = "", index = ""] = key.split(".");
      if (keys.shard(kind, Number(index)) === key) listener(kind, Number(index), entry, ...more);
    });
  }

  /**
   * Calls back with each generation that the watch tells, at whatever revision: revisions of a bucket that was made
   * anew begin anew. Returns a function that stops it.
   */
  onGeneration(listener: (record: GenerationRecord) => void): () => void {
    this.#onGeneration.add(listener);
    return () => void this.#onGeneration.delete(listener);
  }

  /** Calls back when a change has shown that the store went back. Returns a function that stops it. */
  onWentBack(listener: () => void): () => void {
    this.#onWentBack.add(listener);
    return () => void this.#onWentBack.delete(listener);
  }

  #dispatch(entry: RecordEntry): void {
    if (this.#stopped) return;
    if (entry.key === keys.generation) this.#dispatchGeneration(entry);
    else if (entry.key === keys.retired) this.retired.observe(entry);
    else if (entry.key.startsWith(keys.node(""))) this.nodes.observe(entry);
    else if (entry.key.startsWith(keys.kind(""))) this.kinds.observe(entry);
    else if (entry.key.startsWith("shards.")) this.shards.observe(entry);
    else if (entry.key.startsWith("pins.")) this.pins.observe(entry);
    else this.#log.debug("A record of an unknown sort", { key: entry.key });
  }

  #dispatchGeneration(entry: RecordEntry): void {
    this.generation.observe(entry);
    if (entry.value === undefined) return;
    try {
      const record = this.#codec.decodeGeneration(entry.value);
      for (const listener of [...this.#onGeneration]) listener(record);
    } catch (error) {
      this.#log.error("The record of the generation cannot be taken in", { revision: entry.revision, error });
    }
  }
}
