/**
 * Everything two nodes say about one move, or about one late actor. Unknown fields are dropped, and a message of an unknown
 * type is passed over; a changed meaning needs a new version. Each message may be lost, doubled or late: the record decides, these only inform.
 *
 * @module
 */
import { z } from "zod";
import { DecodeError, ProtocolError } from "../../errors.ts";
import type { ClusterId, NodeId } from "../../cluster/records/schemas.ts";
import type { Codec } from "../../codec/codec.ts";

/** The version of these messages that is spoken here. */
export const HANDOFF_VERSION = 2;

/** Which shard a message is about, and the epoch under which it is served. */
interface OfShard {
  readonly kind: string;
  readonly shard: number;
  readonly epoch: number;
}

/** How much is to be transferred. */
interface OfSize {
  readonly bytes: number;
  readonly chunks: number;
  /** SHA-256, 64 hexadecimal digits. */
  readonly hash: string;
}

/** When something was sealed, and what time it is, both by the wall clock of whoever says it. Releases before say neither. */
interface OfTime {
  readonly sealedWallMs?: number | undefined;
  readonly wallMs?: number | undefined;
}

/** What is said, by type. */
export type MoveBody =
  /** Source → target: will you take it? Nothing has stopped yet. */
  | (OfShard & { readonly type: "offer"; readonly actors: number; readonly stateVersion: number })
  /** Target → source. */
  | { readonly type: "accept" }
  /** Target → source: no. The source keeps the shard; nothing was lost. */
  | { readonly type: "decline"; readonly reason: string }
  /** Source → target: it is sealed, under the record of `revision`. What fits one chunk comes along as `data`. */
  | (OfShard &
      OfSize &
      OfTime & { readonly type: "sealed"; readonly revision: number; readonly data?: Uint8Array | undefined })
  /** Target → source: send me these chunks. */
  | { readonly type: "pull"; readonly chunks: readonly number[] }
  /** Source → target. */
  | { readonly type: "chunk"; readonly index: number; readonly data: Uint8Array }
  /** Target → source: still at it. */
  | { readonly type: "progress" }
  /** Late node → owner: the actor has come to rest; come and get it. */
  | (OfShard & OfSize & OfTime & { readonly type: "late"; readonly name: string });

/** What every message has: who says it, and which transfer it is about, of a shard or of one late actor. */
export interface MoveHead extends ClusterId {
  readonly v: number;
  readonly moveId: string;
  readonly from: NodeId;
}

/** One message. */
export type MoveMessage = MoveHead & MoveBody;
/** One of a type that a newer release has brought. */
export type UnknownMove = MoveHead & { readonly type: "unknown" };
/** The message of one type. */
export type MoveMessageOf<T extends MoveBody["type"]> = Extract<MoveMessage, { readonly type: T }>;

const Count = z.number().int().nonnegative();
const Bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const Head = {
  v: z.literal(HANDOFF_VERSION),
  cluster: z.string(),
  generation: z.string().max(64),
  moveId: z.string().min(1).max(64),
  from: z.object({ node: z.string().max(64), incarnation: z.string().max(64) }),
};
const Shard = { kind: z.string().max(64), shard: Count.max(4_095), epoch: Count };
const Time = { sealedWallMs: z.number().optional(), wallMs: z.number().optional() };
const Size = { bytes: Count, chunks: Count, hash: z.string().max(64) };

const Unknown: z.ZodType<UnknownMove> = z.object({
  ...Head,
  type: z.string().transform(() => "unknown" as const),
});
const Message = z.discriminatedUnion("type", [
  z.object({ ...Head, ...Shard, type: z.literal("offer"), actors: Count, stateVersion: Count }),
  z.object({ ...Head, type: z.literal("accept") }),
  z.object({ ...Head, type: z.literal("decline"), reason: z.string().max(200) }),
  z.object({
    ...Head,
    ...Shard,
    ...Size,
    ...Time,
    type: z.literal("sealed"),
    revision: Count,
    data: Bytes.optional(),
  }),
  z.object({ ...Head, type: z.literal("pull"), chunks: z.array(Count).max(64) }),
  z.object({ ...Head, type: z.literal("chunk"), index: Count, data: Bytes }),
  z.object({ ...Head, type: z.literal("progress") }),
  z.object({ ...Head, ...Shard, ...Size, ...Time, type: z.literal("late"), name: z.string().max(4_096) }),
]);

/** Types of this release. */
const TYPES: ReadonlySet<unknown> = new Set(Message.options.map(({ shape }) => shape.type.value));

/** Writes a message. */
export function encodeMove(
  codec: Codec,
  { cluster, generation }: ClusterId,
  from: NodeId,
  moveId: string,
  body: MoveBody,
): Uint8Array {
  return codec.encode({
    ...body,
    v: HANDOFF_VERSION,
    cluster,
    generation,
    from: { node: from.node, incarnation: from.incarnation },
    moveId,
  });
}

/**
 * Reads a message.
 * @throws {ProtocolError} for another version or cluster
 * @throws {DecodeError} for anything else that is not such a message
 */
export function decodeMove(codec: Codec, cluster: string, bytes: Uint8Array): MoveMessage | UnknownMove {
  const value = codec.decode(bytes);
  const head = value as { v?: unknown; type?: unknown } | null;
  if (typeof head === "object" && head !== null && typeof head.v === "number" && head.v !== HANDOFF_VERSION) {
    throw new ProtocolError(
      `Cannot read a message about a move of version ${head.v}: this node speaks ${HANDOFF_VERSION}`,
    );
  }
  const isUnknown = typeof head?.type === "string" && !TYPES.has(head.type);
  const result: z.ZodSafeParseResult<MoveMessage | UnknownMove> = (isUnknown ? Unknown : Message).safeParse(
    value,
  );
  if (!result.success)
    throw new DecodeError("Cannot read a message about a move: its fields are not those of one");
  if (result.data.cluster !== cluster) {
    throw new ProtocolError(
      `Cannot read a message about a move in another cluster: this node is in cluster "${cluster}"`,
    );
  }
  return result.data;
}
