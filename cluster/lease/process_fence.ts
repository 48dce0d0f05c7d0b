/**
 * The death of a node whose process has been seen to end: written at once, and not when its lease has run out.
 *
 * It is a compare-and-set on the node's own record as any death, and only for an incarnation that the process itself
 * has had: its name may be another's by now.
 *
 * @module
 */
import { RecordsUnavailableError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { keys } from "../../transport/subjects.ts";
import type { ClusterRecords } from "../records/cluster_records.ts";
import { type NodeId, nodeId } from "../records/schemas.ts";
import { pause } from "../../platform/pause.ts";
import type { Patience } from "../records/patience.ts";
import { isFinal } from "../view.ts";

/** How it ended: fenced now, over before (it had left, or others were faster), or nothing of it is there. */
export type ProcessFence =
  | { readonly end: "fenced"; readonly id: NodeId }
  | { readonly end: "over"; readonly id: NodeId }
  | { readonly end: "not-there" };

const RETRY_MS = 100;

/**
 * Fences the incarnation that an ended process has left behind under `name`, if it is tagged with `tag`. Asks until
 * the store has answered.
 *
 * @throws {RecordsUnavailableError} if `patience` ends before that
 */
export async function fenceExited(
  name: string,
  tag: string,
  { bucket, clock, patience }: { bucket: ClusterRecords; clock: Clock; patience: Patience },
): Promise<ProcessFence> {
  const key = keys.node(name);
  for (;;) {
    try {
      const known = await bucket.generation.refresh(keys.generation);
      if (known) bucket.enter(known.record.generation);
      const entry = known && (await bucket.nodes.refresh(key));
      if (!entry || !isTagged(entry.record, tag)) return { end: "not-there" };
      const id = nodeId(entry.record);
      if (isFinal(entry.record)) return { end: "over", id };
      const change = await bucket.nodes.change(key, entry, { ...entry.record, state: "dead" }, patience);
      if (change.won) return { end: "fenced", id };
    } catch (error) {
      if (!(error instanceof RecordsUnavailableError) || patience.signal?.aborted || patience.giveUp?.())
        throw error;
      await pause(clock, RETRY_MS, patience.signal);
    }
  }
}

/**
 * Fences all nodes that have not left, for records that only one node at a time can have: whoever is found in them is over. So nobody
 * waits for a lease.
 *
 * @throws {RecordsUnavailableError} if `patience` ends before that is written
 */
export async function fenceFormer(bucket: ClusterRecords, patience: Patience): Promise<void> {
  for (const [key, entry] of [...bucket.nodes.entries()])
    if (!isFinal(entry.record))
      await bucket.nodes.change(key, entry, { ...entry.record, state: "dead" }, patience);
}

/** Whether the random part of an incarnation begins with the tag. */
function isTagged({ incarnation }: NodeId, tag: string): boolean {
  return incarnation.slice(incarnation.indexOf("-") + 1).startsWith(tag);
}
