/**
 * Everything two nodes say about one move, or about one late actor. Unknown fields are dropped; a changed meaning
 * needs a new version. Each message may be lost, doubled or late: the record decides, these only inform.
 *
 * @module
 */
import { z } from "zod";
import { DecodeError, ProtocolError } from "../errors.ts";
import type { NodeId } from "../cluster/protocol.ts";
import type { Codec } from "../transport/codec.ts";

/** The version of these messages that is spoken here. */
export const HANDOFF_VERSION = 1;

const Count = z.number().int().nonnegative();
const Head = {
  v: z.literal(HANDOFF_VERSION),
  cluster: z.string(),
  /** Names the transfer: of a shard, or of one late actor. */
  moveId: z.string().min(1).max(64),
  from: z.object({ node: z.string().max(64), incarnation: z.string().max(64) }),
};
const OfShard = { kind: z.string().max(64), shard: Count.max(4_095), epoch: Count };
const Bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const Size = { bytes: Count, chunks: Count, hash: z.string().max(64) };

/** The messages by type. */
export const MoveMessage = z.discriminatedUnion("type", [
  /** Source → target: will you take it? Nothing has stopped yet. */
  z.object({ ...Head, ...OfShard, type: z.literal("offer"), actors: Count, stateVersion: Count }),
  /** Target → source. */
  z.object({ ...Head, type: z.literal("accept") }),
  /** Target → source: no. The source keeps the shard; nothing was lost. */
  z.object({ ...Head, type: z.literal("decline"), reason: z.string().max(200) }),
  /** Source → target: it is sealed, under the record of `revision`; come and get it. What fits one chunk comes along. */
  z.object({
    ...Head,
    ...OfShard,
    ...Size,
    type: z.literal("sealed"),
    revision: Count,
    data: Bytes.optional(),
  }),
  /** Target → source: send me these chunks. */
  z.object({ ...Head, type: z.literal("pull"), chunks: z.array(Count).max(64) }),
  /** Source → target. */
  z.object({
    ...Head,
    type: z.literal("chunk"),
    index: Count,
    data: Bytes,
  }),
  /** Target → source: still at it. */
  z.object({ ...Head, type: z.literal("progress") }),
  /** Late node → owner: the actor has come to rest; come and get it. */
  z.object({ ...Head, ...OfShard, ...Size, type: z.literal("late"), name: z.string().max(4_096) }),
]);

/** One message. */
export type MoveMessage = z.infer<typeof MoveMessage>;
/** One message without what every message has. */
export type MoveBody = MoveMessage extends infer M
  ? M extends MoveMessage
    ? Omit<M, "v" | "cluster" | "from" | "moveId">
    : never
  : never;
/** The message of one type. */
export type MoveMessageOf<T extends MoveMessage["type"]> = Extract<MoveMessage, { type: T }>;

/** Writes a message. */
export function encodeMove(
  codec: Codec,
  cluster: string,
  from: NodeId,
  moveId: string,
  body: MoveBody,
): Uint8Array {
  return codec.encode({
    ...body,
    v: HANDOFF_VERSION,
    cluster,
    from: { node: from.node, incarnation: from.incarnation },
    moveId,
  });
}

/**
 * Reads a message.
 * @throws {ProtocolError} for another version or cluster
 * @throws {DecodeError} for anything else that is not such a message
 */
export function decodeMove(codec: Codec, cluster: string, bytes: Uint8Array): MoveMessage {
  const value = codec.decode(bytes);
  const head = value as { v?: unknown; cluster?: unknown } | null;
  if (typeof head === "object" && head !== null && typeof head.v === "number" && head.v !== HANDOFF_VERSION) {
    throw new ProtocolError(
      `Cannot read talk about a move of version ${head.v}: current version spoken here is ${HANDOFF_VERSION}`,
    );
  }
  const result = MoveMessage.safeParse(value);
  if (!result.success)
    throw new DecodeError("Cannot read talk about a move: current value is not such a message");
  if (result.data.cluster !== cluster) {
    throw new ProtocolError(
      `Cannot read talk about a move in another cluster: current cluster is "${cluster}"`,
    );
  }
  return result.data;
}
