/**
 * What all nodes of a cluster must agree on before one of them takes part: made by the first, checked by all others.
 *
 * @module
 */
import { ConfigurationError, FencedError } from "../../errors.ts";
import type { Random } from "../../platform/random.ts";
import { keys } from "../../transport/subjects.ts";
import type { ClusterRecords } from "./cluster_records.ts";
import { agreeing, type OfferedKind } from "../kind_agreement.ts";
import { type GenerationRecord, isShardCount, type KindRecord, SHARDS_MAX } from "./schemas.ts";
import type { Change } from "./table.ts";
import type { Patience } from "./patience.ts";

/**
 * The generation of the bucket; chosen now if the bucket is new. A bucket that was made this moment may not answer yet,
 * so even the question is one that is repeated.
 */
export async function agreeOnGeneration(
  bucket: ClusterRecords,
  random: Random,
  patience: Patience,
): Promise<string> {
  const chosen = { generation: random.id() };
  const { entry } = await bucket.generation.make(keys.generation, chosen, patience);
  return entry.record.generation;
}

/**
 * Ends a generation whose records have gone back to an older copy: there is another one afterwards. All nodes of it are
 * fenced then, for what they know of the records may be newer than what is there.
 *
 * @throws {RecordsUnavailableError} if `patience` ends before that
 */
export async function endGeneration(
  generation: string,
  bucket: ClusterRecords,
  random: Random,
  patience: Patience,
): Promise<void> {
  const next = { generation: random.id() };
  let change: Change<GenerationRecord> = await bucket.generation.make(keys.generation, next, patience);
  while (!change.won && change.entry?.record.generation === generation)
    change = await bucket.generation.change(keys.generation, change.entry, next, patience);
}

/**
 * Whether the bucket is still of that generation, and all that is known of it too: one that was made anew since the watch
 * began has smaller revisions, so what is known of the former would never give way.
 *
 * @throws {FencedError} if not
 */
export async function confirmGeneration(
  generation: string,
  bucket: ClusterRecords,
  random: Random,
  patience: Patience,
): Promise<void> {
  const now = await agreeOnGeneration(bucket, random, patience);
  if (now === generation && bucket.generation.get(keys.generation)?.record.generation === now) return;
  throw new FencedError("Cannot join the cluster: its records were replaced meanwhile");
}

/**
 * The counter that a new incarnation must be above; see `cleaner.ts`. Ask after the name's own record was looked at: one
 * that was missing may have been removed just before.
 */
export async function retiredCount(bucket: ClusterRecords, patience: Patience): Promise<number> {
  return (await bucket.retired.make(keys.retired, { count: 0 }, patience)).entry.record.count;
}

/**
 * Fixes what a kind is to the cluster, or checks that it is that: see `cluster/kind_agreement.ts`.
 *
 * @throws {ConfigurationError} with both values if they differ, or for a number of shards that cannot be
 */
export async function agreeOnKind(
  bucket: ClusterRecords,
  offer: OfferedKind,
  patience: Patience,
): Promise<void> {
  const { kind, shards } = offer;
  if (!isShardCount(shards)) {
    const rule = `a power of two from 1 to ${SHARDS_MAX}`;
    throw new ConfigurationError(`Cannot host kind "${kind}" with ${shards} shards: it must have ${rule}`);
  }
  const key = keys.kind(kind);
  let change: Change<KindRecord> = await bucket.kinds.make(key, agreeing(offer, undefined), patience);
  while (!change.won) {
    const { entry } = change;
    const next = agreeing(offer, entry?.record);
    const { durability, store } = entry?.record ?? {};
    if (entry && durability === next.durability && store === next.store) return;
    change = entry
      ? await bucket.kinds.change(key, entry, next, patience)
      : await bucket.kinds.make(key, next, patience);
  }
}
