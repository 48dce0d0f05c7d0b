/**
 * What the records say: their shapes, their rules, and their bytes.
 *
 * Unknown fields are dropped, so that a newer node may add some; a changed meaning needs a new protocol version. Of what others
 * change, `keep` survives: each change hands it on, also by who knows nothing of what is in it.
 *
 * @module
 */
import { z } from "zod";
import { DecodeError } from "../../errors.ts";
import type { ProcessIdentity } from "../../platform/process/process_identity.ts";
import { isAppVersion } from "../placement/app_version.ts";
import { type Codec, createCodec } from "../../codec/codec.ts";

/** Most shards that a kind may have. */
export const SHARDS_MAX = 4_096;
/** Most late actors that one shard may have. */
export const LATE_MAX = 10_000;

/** Most entries of `keep`, and most characters of one. */
const KEEP_MAX = 32;
const KEEP_TEXT_MAX = 1_024;

/** Most nodes that one that goes tells to have heard. */
export const HEARD_MAX = 256;

/** A node as owners, links and subjects name it: one that restarts under its name is somebody else. */
export interface NodeId {
  readonly node: string;
  /** `<counter>-<random>`; see {@link incarnationAfter}. */
  readonly incarnation: string;
}

/** Which cluster something is of: its name, and by the generation of its records which of those that had it. */
export interface ClusterId {
  readonly cluster: string;
  /** In the short form; see `generation.ts`. */
  readonly generation: string;
}

/** Largest weight of a node. */
export const WEIGHT_MAX = 1_000_000;

/** Most labels of a node, or in a rule. */
export const LABELS_MAX = 32;
/** What a node is, for placement: `{ zone: "a", gpu: "yes" }`. */
export type Labels = Readonly<Record<string, string>>;

/** Which nodes may have shards of a kind, by their labels. */
export interface PlacementRule {
  /** Only nodes that have all of these. If none has, the shards have no owner. */
  readonly require?: Labels;
  /** Of those, nodes that have all of these, if there are any; else all but the last, and so on. */
  readonly prefer?: Labels;
  /** A label: each of its values gets the same number of shards. */
  readonly spread?: string;
}

/** Where the states of a kind live. */
export type KindDurability = "memory" | "stored";

/** A kind that a node hosts. */
export interface HostedKind {
  readonly kind: string;
  readonly shards: number;
  readonly stateVersion: number;
  /** Absent in the record of a node of the release before. */
  readonly durability?: KindDurability;
  /** Absent if it may be anywhere. */
  readonly placement?: PlacementRule;
  /** Which actors the node keeps alive, as a text to be compared. Absent if none, and in the record of a node of a release before. */
  readonly kept?: string;
}

/** Where a node is in its life. "gone" left in order; "dead" was declared so by another. Both are final. */
export type NodeState = "up" | "leaving" | "gone" | "dead";

/** "cordoned": it gets no shards and keeps what it has. "draining": it also gives away what it has. It goes on serving. */
export type Cordon = "cordoned" | "draining";

/** How many actors of each kind a node has: active, asleep, quarantined. A newer release may count more. */
export type KindCounts = Readonly<Record<string, readonly number[]>>;

/** Who a node is. Its change, every renewal, is the sign of life. */
export interface NodeRecord extends NodeId {
  readonly state: NodeState;
  readonly kinds: readonly HostedKind[];
  /** Share of shards that it takes, relative to others. At least 0; 0 takes none. */
  readonly weight: number;
  /** Absent if it has none. */
  readonly labels?: Labels;
  /** Of the application that it runs; see `placement/app_version.ts`. Absent: older than any. */
  readonly version?: string;
  /** Whether it is given nothing more, or also gives away what it has. Absent: neither. */
  readonly cordon?: Cordon;
  readonly protocol: readonly number[];
  /** For people: "bun 1.4", "deno 2.9". */
  readonly runtime: string;
  /** In which process it runs, if that is known: who starts under its name on the same machine can see that it has ended. */
  readonly process?: ProcessIdentity;
  /** As of this write. Absent from a node of a release that answers no questions about its actors. */
  readonly counts?: KindCounts;
  /** Grows with each write by the node itself. */
  readonly renewal: number;
  /** What its wall clock showed when it wrote that, in milliseconds since 1970. Absent in a first record. */
  readonly wallMs?: number;
  /**
   * Only of one that has gone: whose probes it has heard within the last grace. Afterwards it answered none. At most
   * {@link HEARD_MAX}; missing if that is not known.
   */
  readonly heard?: readonly Heard[];
  readonly nonce: string;
}

/** A node whose probe another has heard, and so many milliseconds ago. */
export interface Heard extends NodeId {
  readonly agoMs: number;
}

/** What all nodes that host a kind agree on: see `cluster/kind_agreement.ts`. */
export interface KindRecord {
  readonly kind: string;
  /** For ever. A power of two. */
  readonly shards: number;
  /** From memory to a store, and not back. Absent until a node has said it. */
  readonly durability?: KindDurability;
  /** Id of the store that keeps its actors. Absent in memory, and for a store that has no id. */
  readonly store?: string;
  /** Of newer releases: see {@link ShardRecord.keep}. */
  readonly keep?: Keep;
  readonly nonce: string;
}

/** Made once with the bucket. Another generation is another bucket: all incarnations of the former are over. */
export interface GenerationRecord {
  readonly generation: string;
  readonly nonce: string;
}

/** The highest counter of all incarnations whose records have been removed. It only grows. */
export interface RetiredRecord {
  readonly count: number;
  readonly nonce: string;
}

/** An actor whose handler still ran when its shard moved, and the node on which it runs. */
export interface LateActor {
  readonly name: string;
  readonly at: NodeId;
}

/** What lies in the state bucket for a parked shard. */
export interface ParkedManifest {
  readonly chunks: number;
  readonly bytes: number;
  /** SHA-256 over all chunks, 64 hexadecimal digits. */
  readonly hash: string;
  readonly actors: number;
  /** Of the states in it: a node of an older release leaves it where it is. */
  readonly stateVersion: number;
  /** When it was sealed, by the wall clock of whoever parked it. */
  readonly wallMs?: number;
}

/** Words of newer releases that outlive whatever is changed beside them. At most 32, of at most 1,024 characters each. */
export type Keep = Readonly<Record<string, string>>;

/** Who owns a shard. Changed by compare-and-set only; `cluster/ownership.ts` has the legal changes. */
export interface ShardRecord {
  /** While parked: who parked it. */
  readonly owner: NodeId;
  /** Grows by one with each change of owner. At least 1. */
  readonly epoch: number;
  /** Epoch of the last claim without a handover. At most `epoch`. */
  readonly floor: number;
  readonly state: "owned" | "moving" | "parked";
  /** Only while moving. */
  readonly to?: NodeId | "bucket";
  /** While moving: of this move. While parked: of the move that parked it. */
  readonly moveId?: string;
  /** Only while parked. */
  readonly parked?: ParkedManifest;
  /** Actors of this shard that no owner may start before they have come. At most {@link LATE_MAX}. */
  readonly late: readonly LateActor[];
  /** What must survive each change, whoever makes it. Nothing is in it as yet. */
  readonly keep?: Keep;
  readonly nonce: string;
}

/** Longest reason of a pin, in characters. */
export const PIN_REASON_MAX = 200;

/** A shard that somebody has put on a node by hand: see `placement/pins.ts`. */
export interface PinRecord {
  /** The node's name: one that restarts still has it. */
  readonly to: string;
  /** The node that was told to. */
  readonly by: string;
  /** For people. */
  readonly reason: string;
  /** When it ends, in milliseconds since 1970; absent for never. */
  readonly until?: number;
  readonly nonce: string;
}

/** True if both name the same incarnation of the same node. */
export function sameNode(a: NodeId, b: NodeId): boolean {
  return a.node === b.node && a.incarnation === b.incarnation;
}

/** `node/incarnation`, for maps and logs. */
export function nodeKey(id: NodeId): string {
  return `${id.node}/${id.incarnation}`;
}

/** Only the identity of what may be a whole record. */
export function nodeId({ node, incarnation }: NodeId): NodeId {
  return { node, incarnation };
}

/**
 * The incarnation that follows those that are known of the same node name (`undefined`: none), and counts from above
 * `retired`, which stands for those whose records have been removed.
 *
 * It counts, so that whoever sees a higher one knows that the lower is over, also when it has missed what lay between.
 */
export function incarnationAfter(previous: readonly (string | undefined)[], id: string, retired = 0): string {
  const counts = previous.map((incarnation) =>
    incarnation === undefined ? 0 : incarnationCount(incarnation),
  );
  return `${Math.max(retired, ...counts) + 1}-${id}`;
}

/** The counter of an incarnation. */
export function incarnationCount(incarnation: string): number {
  return Number.parseInt(incarnation, 10);
}

/** True if records can name it: what came in with a message may be anything. */
export function isNodeId(given: NodeId): boolean {
  return id.safeParse(given).success;
}

/** True for a shard count that a kind may have: a power of two from 1 to {@link SHARDS_MAX}. */
export function isShardCount(shards: number): boolean {
  return Number.isInteger(shards) && shards >= 1 && shards <= SHARDS_MAX && (shards & (shards - 1)) === 0;
}

/** What is wrong with a shard record although each of its fields is well-formed, or `undefined`. */
export function shardFault(record: ShardRecord): string | undefined {
  if (record.floor > record.epoch) return `floor ${record.floor} above epoch ${record.epoch}`;
  if ((record.state === "moving") !== (record.to !== undefined)) return `"to" in state "${record.state}"`;
  if ((record.state === "owned") === (record.moveId !== undefined))
    return `"moveId" in state "${record.state}"`;
  if ((record.state === "parked") !== (record.parked !== undefined))
    return `"parked" in state "${record.state}"`;
  if (record.late.length > LATE_MAX) return `${record.late.length} late actors, above ${LATE_MAX}`;
  if (new Set(record.late.map((late) => late.name)).size < record.late.length)
    return "a late actor named twice";
  return undefined;
}

const count = z.int().min(0);
const word = z.string().min(1).max(255);
const durability = z.enum(["memory", "stored"]);
const shards = z.int().refine(isShardCount, "not a power of two from 1 to 4,096");
const keep = z
  .record(z.string().min(1).max(64), z.string().max(KEEP_TEXT_MAX))
  .refine((entries) => Object.keys(entries).length <= KEEP_MAX, `more than ${KEEP_MAX} entries`);
const id = z.object({ node: word, incarnation: z.string().regex(/^[1-9][0-9]{0,14}-[0-9A-Za-z]{1,64}$/) });

const labels = z
  .record(z.string().min(1).max(64), z.string().min(1).max(64))
  .refine((given) => Object.keys(given).length <= LABELS_MAX, `more than ${LABELS_MAX} labels`);
const placement = z.object({
  require: labels.exactOptional(),
  prefer: labels.exactOptional(),
  spread: z.string().min(1).max(64).exactOptional(),
});

const nodeSchema = z.object({
  ...id.shape,
  state: z.enum(["up", "leaving", "gone", "dead"]),
  kinds: z
    .array(
      z.object({
        kind: word,
        shards,
        stateVersion: count,
        durability: durability.exactOptional(),
        placement: placement.exactOptional(),
        kept: z.string().max(64).exactOptional(),
      }),
    )
    .max(10_000),
  weight: z.number().min(0).max(WEIGHT_MAX),
  labels: labels.exactOptional(),
  version: z.string().max(64).refine(isAppVersion, "not numbers with dots between").exactOptional(),
  cordon: z.enum(["cordoned", "draining"]).exactOptional(),
  protocol: z.array(z.int().min(1)).max(64),
  runtime: z.string().max(255),
  process: z
    .object({ boot: word, space: word, pid: z.int().min(1), startedAt: word, image: word })
    .exactOptional(),
  counts: z.record(word, z.array(count).min(3).max(16)).exactOptional(),
  renewal: count,
  wallMs: z.number().exactOptional(),
  heard: z
    .array(z.object({ ...id.shape, agoMs: count }))
    .max(HEARD_MAX)
    .exactOptional(),
  nonce: word,
});
const kindSchema = z.object({
  kind: word,
  shards,
  durability: durability.exactOptional(),
  store: word.exactOptional(),
  keep: keep.exactOptional(),
  nonce: word,
});
const retiredSchema = z.object({ count, nonce: word });
const pinSchema = z.object({
  to: word,
  by: word,
  reason: z.string().max(PIN_REASON_MAX),
  until: z.number().exactOptional(),
  nonce: word,
});
const generationSchema = z.object({ generation: word, nonce: word });
/** Late actors travel grouped by node, in runs: thousands of them are of one node, and must fit one message. */
const lateSchema = z
  .array(z.object({ at: id, names: z.array(z.string().min(1)).max(LATE_MAX) }))
  .max(LATE_MAX);
const shardSchema = z.object({
  owner: id,
  epoch: z.int().min(1),
  floor: z.int().min(1),
  state: z.enum(["owned", "moving", "parked"]),
  to: z.union([id, z.literal("bucket")]).exactOptional(),
  moveId: word.exactOptional(),
  parked: z
    .object({
      chunks: count,
      bytes: count,
      hash: z.string().length(64),
      actors: count,
      stateVersion: count,
      wallMs: z.number().exactOptional(),
    })
    .exactOptional(),
  late: lateSchema,
  keep: keep.exactOptional(),
  nonce: word,
});

/** Records to bytes and back. Each decoder throws {@link DecodeError} for what is not such a record. */
export interface RecordCodec {
  encodeNode(record: NodeRecord): Uint8Array;
  decodeNode(bytes: Uint8Array): NodeRecord;
  encodeKind(record: KindRecord): Uint8Array;
  decodeKind(bytes: Uint8Array): KindRecord;
  encodeGeneration(record: GenerationRecord): Uint8Array;
  decodeGeneration(bytes: Uint8Array): GenerationRecord;
  encodeRetired(record: RetiredRecord): Uint8Array;
  decodeRetired(bytes: Uint8Array): RetiredRecord;
  encodePin(record: PinRecord): Uint8Array;
  decodePin(bytes: Uint8Array): PinRecord;
  encodeShard(record: ShardRecord): Uint8Array;
  decodeShard(bytes: Uint8Array): ShardRecord;
}

/** The codec of records over the given codec of values. */
export function recordCodec(codec: Codec = createCodec()): RecordCodec {
  const read = <T>(what: string, schema: z.ZodType<T>, bytes: Uint8Array): T =>
    parsed(what, schema, codec.decode(bytes));
  return {
    encodeNode: (record) => codec.encode(record),
    decodeNode: (bytes) => read("node", nodeSchema, bytes),
    encodeKind: (record) => codec.encode(record),
    decodeKind: (bytes) => read("kind", kindSchema, bytes),
    encodeGeneration: (record) => codec.encode(record),
    decodeGeneration: (bytes) => read("generation", generationSchema, bytes),
    encodeRetired: (record) => codec.encode(record),
    decodeRetired: (bytes) => read("retired", retiredSchema, bytes),
    encodePin: (record) => codec.encode(record),
    decodePin: (bytes) => read("pin", pinSchema, bytes),
    encodeShard: (record) => codec.encode({ ...record, late: lateRuns(record.late) }),
    decodeShard: (bytes) => shardOfWire(read("shard", shardSchema, bytes)),
  };
}

function parsed<T>(what: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.map(String).join(".") ?? "";
  throw new DecodeError(`Cannot decode a ${what} record: at "${path}", ${issue?.message}`, {
    path,
  });
}

function lateRuns(late: readonly LateActor[]): { at: NodeId; names: string[] }[] {
  const runs: { at: NodeId; names: string[] }[] = [];
  for (const { name, at } of late) {
    const last = runs.at(-1);
    if (last && sameNode(last.at, at)) last.names.push(name);
    else runs.push({ at: nodeId(at), names: [name] });
  }
  return runs;
}

function shardOfWire(wire: z.infer<typeof shardSchema>): ShardRecord {
  const late = wire.late.flatMap(({ at, names }) => names.map((name) => ({ name, at })));
  const record: ShardRecord = { ...wire, late };
  const fault = shardFault(record);
  if (fault === undefined) return record;
  throw new DecodeError(`Cannot decode a shard record: it has ${fault}`);
}
