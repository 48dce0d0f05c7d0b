/**
 * Sends and sorts what nodes say about moves. A closed gate says nothing.
 *
 * @module
 */
import type { Gate } from "../../cluster/gate.ts";
import type { Membership } from "../../cluster/membership.ts";
import type { Namesake } from "../../cluster/namesakes.ts";
import type { ClusterId, NodeId } from "../../cluster/records/schemas.ts";
import type { Codec } from "../../codec/codec.ts";
import type { Subjects } from "../../transport/subjects.ts";
import type { Transport } from "../../transport/transport.ts";
import { decodeMove, encodeMove, type MoveBody, type MoveMessage } from "./messages.ts";

/** What it works with. */
export interface TalkDeps {
  readonly of: ClusterId;
  readonly self: NodeId;
  readonly codec: Codec;
  readonly gate: Gate;
  readonly membership: Pick<Membership, "isMember">;
  readonly transport: Transport;
  readonly subjects: Subjects;
  /** Told who speaks of another generation; its words have no effect. */
  onOther(who: Namesake): void;
}

/** See the module's text. */
export class MoveChannel {
  readonly #deps: TalkDeps;
  readonly #byMove = new Map<string, (message: MoveMessage) => void>();
  /** Hears what belongs to no move that is known here. */
  onNew: ((message: MoveMessage) => void) | undefined;
  /** Messages of a newer release that were passed over. */
  unknown = 0;

  constructor(deps: TalkDeps) {
    this.#deps = deps;
  }

  /**
   * Says something about a move to a node. It may be lost.
   *
   * @returns false if it is longer than a message of the server may be by now, so that saying it again does not help
   */
  say(to: NodeId, moveId: string, body: MoveBody): boolean {
    const { of, self, codec, gate, transport, subjects } = this.#deps;
    if (!gate.isOpen) return true;
    const message = encodeMove(codec, of, self, moveId, body);
    if (message.byteLength > transport.maxPayloadBytes) return false;
    transport.publish(subjects.move(to.node, to.incarnation, moveId), message);
    return true;
  }

  /** Hears everything about one move, until the returned function is called. */
  listen(moveId: string, hear: (message: MoveMessage) => void): () => void {
    this.#byMove.set(moveId, hear);
    return () => {
      if (this.#byMove.get(moveId) === hear) this.#byMove.delete(moveId);
    };
  }

  /**
   * Takes a message off the wire.
   *
   * Only members are heard: an answer goes to who asked, and a name that nobody has checked must not become a subject.
   * A member that is not known yet says it again.
   *
   * @returns whether it is a member's
   * @throws {DecodeError | ProtocolError}
   */
  incoming(moveId: string, payload: Uint8Array): boolean {
    const { codec, of, membership, gate, onOther } = this.#deps;
    const message = decodeMove(codec, of.cluster, payload);
    if (message.generation !== of.generation) {
      onOther({ generation: message.generation, ...message.from });
      return false;
    }
    if (!membership.isMember(message.from)) return false;
    if (message.type === "unknown") this.unknown++;
    if (message.type === "unknown" || message.moveId !== moveId || !gate.isOpen) return true;
    const hear = this.#byMove.get(moveId) ?? this.onNew;
    hear?.(message);
    return true;
  }
}
