/** Keys of a cluster's records as they are in its bucket: behind the name of the generation. */
import { prefixOf } from "../../cluster/records/generation.ts";
import { recordCodec } from "../../cluster/records/schemas.ts";
import type { MemoryBucket } from "../../transport/memory/bucket.ts";
import { keys } from "../../transport/subjects.ts";

/** That key in a bucket, of the generation that it is of. */
export function keyIn(bucket: MemoryBucket, key: string): string {
  const value = bucket.entry(keys.generation)?.value;
  if (value === undefined) throw new Error(`expected a generation, before "${key}"; seen: an empty bucket`);
  return prefixOf(recordCodec().decodeGeneration(value).generation) + key;
}

/** What such a key is called within its generation. */
export function bareKey(key: string): string {
  return key.slice(key.indexOf(".") + 1);
}
