// Compares what the servers acknowledged to the nodes with what they hold now; they have to be up.
import { pause } from "./faults.ts";
import type { Held, Ledger } from "./ledger.ts";

/** Who can be asked what a bucket holds. */
export interface Shelf {
  revisions(bucket: string, keys: Iterable<string>): Promise<Held>;
}

export interface AuditOptions {
  /** How long the servers may say that a write is missing before it is lost, in milliseconds. Default 5,000. */
  readonly confirmMs?: number;
  /** How long they may be silent, in milliseconds. Default 15,000. */
  readonly answerMs?: number;
}

const AGAIN_MS = 250;

/** @returns in words, what was lost since the last audit */
export async function audit(ledger: Ledger, shelf: Shelf, options: AuditOptions = {}): Promise<string[]> {
  const whats = [...ledger.doubles()];
  for (const bucket of ledger.buckets) whats.push(...(await auditBucket(ledger, bucket, shelf, options)));
  return whats;
}

/** A server that leads no more may still answer for a while: what seems to be missing is looked at again. */
async function auditBucket(
  ledger: Ledger,
  bucket: string,
  shelf: Shelf,
  { confirmMs = 5_000, answerMs = 15_000 }: AuditOptions,
): Promise<readonly string[]> {
  const acknowledged = ledger.newest(bucket);
  const beganAt = performance.now();
  let answeredAt: number | undefined;
  let behind: ReadonlyMap<string, number> = acknowledged;
  for (;;) {
    const held = await shelf.revisions(bucket, behind.keys()).catch(() => undefined);
    const now = performance.now();
    if (held) {
      answeredAt ??= now;
      behind = new Map([...behind].filter(([key, revision]) => (held.get(key) ?? 0) < revision));
      if (behind.size === 0 || now - answeredAt >= confirmMs) return ledger.missing(bucket, behind, held);
    } else if (now - beganAt >= answerMs) return [`nobody answered for ${bucket} within ${answerMs} ms`];
    await pause(AGAIN_MS, new AbortController().signal);
  }
}
