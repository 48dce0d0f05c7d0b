/**
 * Whether a node can serve, at a cost that does not grow with what it hosts.
 *
 * @module
 */
import type { Parts } from "../assemble.ts";

/** What {@link ActorNode.health} gives. */
export interface NodeHealth {
  readonly node: string;
  /**
   * - "up": it serves;
   * - "paused": it has no effects until its lease and its connection are certain again, and goes on then;
   * - "rejoining": it was declared dead, and joins again;
   * - "leaving": it hands over what it has;
   * - "stopped": it is over.
   */
  readonly state: "up" | "paused" | "rejoining" | "leaving" | "stopped";
  /** Whether new work may be sent to it: it is "up". */
  readonly ready: boolean;
  /** Why it is not ready, for people; empty if it is. */
  readonly reason: string;
  /** Actors that run here, those that sleep not counted. */
  readonly activations: number;
  /** Asks of this node that have not ended. */
  readonly pending: number;
  /** Bytes of messages in mailboxes. */
  readonly mailboxBytes: number;
}

/** What is looked at. */
export interface HealthSource {
  readonly name: string;
  /** Of the latest life that has joined. */
  readonly parts: Parts | undefined;
  /** Why nothing can be sent. */
  readonly refusal: Error | undefined;
  readonly isLeaving: boolean;
  readonly hasStopped: boolean;
}

export function healthOf(source: HealthSource): NodeHealth {
  const { name, parts } = source;
  const [state, reason] = stateOf(source);
  return {
    node: name,
    state,
    ready: state === "up",
    reason,
    activations: parts?.budget.activations ?? 0,
    pending: parts?.router.rooms.pending.taken ?? 0,
    mailboxBytes: parts?.budget.mail.bytes ?? 0,
  };
}

function stateOf({ parts, refusal, isLeaving, hasStopped }: HealthSource): [NodeHealth["state"], string] {
  if (hasStopped) return ["stopped", refusal?.message ?? "the node has stopped"];
  if (isLeaving) return ["leaving", "the node is leaving"];
  if (refusal !== undefined) return ["rejoining", refusal.message];
  if (parts === undefined) return ["rejoining", "the node has not joined yet"];
  return parts.gate.isOpen ? ["up", ""] : ["paused", parts.gate.reason];
}
