// Compares what the servers acknowledged to the nodes with what they hold now; they have to be up.
import type { Held, Ledger } from "./ledger.ts";
import { PATIENCE, type Patience, patientAnswer } from "./patience.ts";

/** Who can be asked what a bucket holds. */
export interface Shelf {
  revisions(bucket: string, keys: Iterable<string>): Promise<Held>;
}

/** @returns in words, what was lost since the last audit */
export async function audit(ledger: Ledger, shelf: Shelf, patience: Patience = PATIENCE): Promise<string[]> {
  const whats = [...ledger.doubles()];
  for (const bucket of ledger.buckets) whats.push(...(await auditBucket(ledger, bucket, shelf, patience)));
  return whats;
}

async function auditBucket(
  ledger: Ledger,
  bucket: string,
  shelf: Shelf,
  patience: Patience,
): Promise<readonly string[]> {
  let behind = ledger.newest(bucket);
  const ask = () => shelf.revisions(bucket, behind.keys()).catch(() => undefined);
  const isGood = (held: Held) => {
    behind = new Map([...behind].filter(([key, revision]) => (held.get(key) ?? 0) < revision));
    return behind.size === 0;
  };
  const held = await patientAnswer(ask, isGood, patience);
  return held
    ? ledger.missing(bucket, behind, held)
    : [`nobody answered for ${bucket} within ${patience.answerMs} ms`];
}
