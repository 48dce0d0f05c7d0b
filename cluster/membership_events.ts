/**
 * What a change of a node's record means to others. Pure.
 *
 * @module
 */
import type { NodeId, NodeRecord } from "./records/schemas.ts";
import { isFinal } from "./view.ts";

/** A node came, left in order, or was lost. */
export interface NodeChange extends NodeId {
  readonly type: "node-joined" | "node-left" | "node-lost";
}

/** What a membership tells. */
export type MembershipEvent =
  | NodeChange
  /** The wall clock of a node and the one here disagree; the one here is ahead by so much. */
  | ({ readonly type: "clocks-disagree"; readonly byMs: number } & NodeId);

/** The events of one change, in order. Who is followed by another without having gone was lost. */
export function membershipEvents(previous: NodeRecord | undefined, record: NodeRecord): NodeChange[] {
  const events: NodeChange[] = [];
  const add = (type: NodeChange["type"], { node, incarnation }: NodeId) =>
    void events.push({ type, node, incarnation });
  const isSame = previous?.incarnation === record.incarnation;
  if (previous && !isSame && !isFinal(previous)) add("node-lost", previous);
  if (!isSame && !isFinal(record)) add("node-joined", record);
  if (previous && isSame && !isFinal(previous) && isFinal(record)) {
    add(record.state === "gone" ? "node-left" : "node-lost", record);
  }
  return events;
}
