/**
 * What nodes ask one another about their actors, and answer. Unknown fields are dropped, and a message of an unknown type is passed
 * over: who asked takes that for silence. A changed meaning needs a new version. Each message may be lost: who gets no answer
 * asks once more, and then says so.
 *
 * @module
 */
import { z } from "zod";
import { DecodeError, ProtocolError } from "../errors.ts";
import type { ClusterId, NodeId } from "../cluster/records/schemas.ts";
import { SHARDS_MAX } from "../cluster/records/schemas.ts";
import { CHANGES_MAX, GROUPS_READ_MAX, type GroupTalk } from "../groups/messages.ts";
import { MEMBER_META_BYTES_MAX } from "../actors/annex/memberships.ts";
import type { Codec } from "../codec/codec.ts";
import { NAME_MAX_BYTES } from "../transport/subjects.ts";
import { FIELD_LENGTH_MAX, FIELDS_MAX, type MetaFilter } from "./meta_filter.ts";
import { PRESENT_STATES, type PresentState } from "./states.ts";

/** The version of these messages that is spoken here. */
export const REGISTRY_VERSION = 1;

/** Most actors in one answer. */
export const ITEMS_MAX = 1_000;

/** One actor in an answer: its name, and in which state it is. */
export interface AnsweredActor {
  readonly name: string;
  readonly state: PresentState;
  /** As CBOR. Absent if it has none, or its state is not with the owner. */
  readonly meta?: Uint8Array | undefined;
}

/** What an owner says of one shard: the actors behind where the question began, in the order of their names. */
export interface ShardPart {
  readonly shard: number;
  readonly epoch: number;
  readonly items: readonly AnsweredActor[];
  /** Up to this name it has looked; `undefined` if it has come to the end. */
  readonly upTo?: string | undefined;
  /** Whether what is only stored was left out: the store cannot be listed, or did not answer. */
  readonly unread?: boolean | undefined;
}

/** Which actors of some shards are wanted. */
export interface ListQuestion {
  readonly kind: string;
  /** Ascending. They are looked at in this order, as far as the answer has room. */
  readonly shards: readonly number[];
  /** Of the first shard: only names behind this one. */
  readonly after?: string | undefined;
  readonly prefix: string;
  /** `undefined` for all. */
  readonly states?: readonly PresentState[] | undefined;
  /** `undefined` for all. */
  readonly where?: MetaFilter | undefined;
  /** Most actors, from 1 to {@link ITEMS_MAX}. */
  readonly limit: number;
}

/** A question, by type. */
export type Question =
  | { readonly type: "where"; readonly kind: string; readonly shard: number; readonly name: string }
  | ({ readonly type: "list" } & ListQuestion);

/** An answer, by type. */
export type Answer =
  /** `state` is absent if there is no such actor. */
  | { readonly type: "here"; readonly epoch: number; readonly state?: PresentState | undefined }
  /** That shard is not served here. */
  | { readonly type: "elsewhere" }
  /** Of the shards that the answer had room for; `elsewhere` are those of the question that are not served here. */
  | {
      readonly type: "page";
      readonly parts: readonly ShardPart[];
      readonly elsewhere: readonly number[];
    }
  /** Not now: too much is asked at once, or what it takes to answer does not answer. */
  | { readonly type: "busy" };

/** Listener → source: tell me what happens, of these types and kinds; said again and again. */
export interface Follow {
  readonly type: "follow";
  /** `undefined` for all. */
  readonly types?: readonly string[] | undefined;
  readonly kinds?: readonly string[] | undefined;
}
/** Listener → source: no more. */
export interface Unfollow {
  readonly type: "unfollow";
}
/** Source → listener: it is heard; `sent` is the number of the latest event that was sent to it. */
export interface Followed {
  readonly type: "followed";
  readonly sent: number;
}
/** Source → listener: events, each as CBOR, numbered one by one from `first`. */
export interface Told {
  readonly type: "told";
  readonly first: number;
  readonly events: readonly Uint8Array[];
}
/** What is said about events. The number of such a message is that of the listener. */
export type EventTalk = Follow | Unfollow | Followed | Told;

/** What every message has: who says it, and under which number it was asked. */
export interface RegistryHead extends ClusterId {
  readonly v: number;
  readonly from: NodeId;
  readonly id: number;
}

/** One message. */
export type RegistryMessage = RegistryHead & (Question | Answer | EventTalk | GroupTalk);
/** One of a type that a newer release has brought. */
export type UnknownMessage = RegistryHead & { readonly type: "unknown" };

/** Most types or kinds of events that can be asked for. */
export const WORDS_MAX = 256;
/** Most events in one message. */
const EVENTS_MAX = 10_000;

const Count = z.number().int().nonnegative();
const Shard = Count.max(SHARDS_MAX - 1);
const Kind = z.string().max(64);
const Name = z.string().max(NAME_MAX_BYTES);
const State = z.enum(PRESENT_STATES);
const Field = z.string().max(FIELD_LENGTH_MAX);
const Filter = z
  .record(Field, z.union([Field, z.number(), z.boolean(), z.null()]))
  .refine((fields) => Object.keys(fields).length <= FIELDS_MAX);
const Meta = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const Words = z.array(Kind).max(WORDS_MAX);
const Head = {
  v: z.literal(REGISTRY_VERSION),
  cluster: z.string(),
  generation: z.string().max(64),
  from: z.object({ node: z.string().max(64), incarnation: z.string().max(255) }),
  id: Count,
};

const GroupMember = z.object({
  group: Kind,
  name: Name,
  kind: Kind,
  actor: Name,
  shard: Shard,
  epoch: Count,
  meta: z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.byteLength <= MEMBER_META_BYTES_MAX,
  ),
});
const MembersChange = z.discriminatedUnion("type", [
  z.object({ type: z.literal("in"), member: GroupMember }),
  z.object({ type: z.literal("out"), member: GroupMember, moved: z.boolean() }),
]);

const Unknown: z.ZodType<UnknownMessage> = z.object({
  ...Head,
  type: z.string().transform(() => "unknown" as const),
});
const Message = z.discriminatedUnion("type", [
  z.object({ ...Head, type: z.literal("where"), kind: Kind, shard: Shard, name: Name }),
  z.object({
    ...Head,
    type: z.literal("list"),
    kind: Kind,
    shards: z.array(Shard).max(SHARDS_MAX),
    after: Name.optional(),
    prefix: Name,
    states: z.array(State).max(PRESENT_STATES.length).optional(),
    where: Filter.optional(),
    limit: z.number().int().min(1).max(ITEMS_MAX),
  }),
  z.object({ ...Head, type: z.literal("here"), epoch: Count, state: State.optional() }),
  z.object({ ...Head, type: z.literal("elsewhere") }),
  z.object({
    ...Head,
    type: z.literal("page"),
    parts: z
      .array(
        z.object({
          shard: Shard,
          epoch: Count,
          items: z.array(z.object({ name: Name, state: State, meta: Meta.optional() })).max(ITEMS_MAX),
          upTo: Name.optional(),
          unread: z.boolean().optional(),
        }),
      )
      .max(SHARDS_MAX),
    elsewhere: z.array(Shard).max(SHARDS_MAX),
  }),
  z.object({ ...Head, type: z.literal("busy") }),
  z.object({ ...Head, type: z.literal("follow"), types: Words.optional(), kinds: Words.optional() }),
  z.object({ ...Head, type: z.literal("unfollow") }),
  z.object({ ...Head, type: z.literal("followed"), sent: Count }),
  z.object({ ...Head, type: z.literal("told"), first: Count.min(1), events: z.array(Meta).max(EVENTS_MAX) }),
  z.object({
    ...Head,
    type: z.literal("members-wanted"),
    groups: z.array(Kind).max(GROUPS_READ_MAX),
    have: Count,
  }),
  z.object({ ...Head, type: z.literal("members-unwanted") }),
  z.object({
    ...Head,
    type: z.literal("members"),
    number: Count.min(1),
    changes: z.array(MembersChange).max(CHANGES_MAX),
    synced: z.boolean(),
  }),
  z.object({ ...Head, type: z.literal("members-at"), number: Count.optional() }),
]);

/** Types of this release. */
const TYPES: ReadonlySet<unknown> = new Set(Message.options.map(({ shape }) => shape.type.value));

/** Writes a message. */
export function encodeRegistry(
  codec: Codec,
  { cluster, generation }: ClusterId,
  from: NodeId,
  id: number,
  body: Question | Answer | EventTalk | GroupTalk,
): Uint8Array {
  const { node, incarnation } = from;
  return codec.encode({
    ...body,
    v: REGISTRY_VERSION,
    cluster,
    generation,
    from: { node, incarnation },
    id,
  });
}

/**
 * Reads a message.
 * @throws {ProtocolError} for another version or cluster
 * @throws {DecodeError} for anything else that is not such a message
 */
export function decodeRegistry(
  codec: Codec,
  cluster: string,
  bytes: Uint8Array,
): RegistryMessage | UnknownMessage {
  const value = codec.decode(bytes);
  const head = value as { v?: unknown; type?: unknown } | null;
  if (typeof head === "object" && head !== null && typeof head.v === "number" && head.v !== REGISTRY_VERSION)
    throw new ProtocolError(
      `Cannot read a message about actors of version ${head.v}: this node speaks ${REGISTRY_VERSION}`,
    );
  const isUnknown = typeof head?.type === "string" && !TYPES.has(head.type);
  const result: z.ZodSafeParseResult<RegistryMessage | UnknownMessage> = (
    isUnknown ? Unknown : Message
  ).safeParse(value);
  if (!result.success)
    throw new DecodeError("Cannot read a message about actors: its fields are not those of one");
  if (result.data.cluster !== cluster)
    throw new ProtocolError(
      `Cannot read a message about actors in another cluster: this node is in cluster "${cluster}"`,
    );
  return result.data;
}
