/**
 * How many shards each node should have: its fair share, in whole shards. Pure.
 *
 * @module
 */

/** Who has a share. */
export interface Sharer {
  /** Relative share; above 0. */
  readonly weight: number;
  /** Sharers are spread over these first, each of which gets the same; one and the same for all if that is not wanted. */
  readonly zone: string;
  /** What it has already. */
  readonly holds: number;
  /** Decides between equals. No two have the same. */
  readonly rank: number;
}

/** What having it already counts for, when it is decided who gets what the fractions leave over. */
const HELD = 0.5;

/**
 * Cuts `total` into whole shares, in the order of the sharers, so that they add up to it and none is a whole one away from its
 * fair share. What the fractions leave over goes to the largest of them; but who has that much already keeps it, so that nothing
 * need move, unless somebody else has half a share more claim to it.
 */
export function apportion(total: number, sharers: readonly Sharer[]): number[] {
  const weights = new Map<string, number>();
  for (const { zone, weight } of sharers) weights.set(zone, (weights.get(zone) ?? 0) + weight);
  const fair = sharers.map(
    ({ zone, weight }) => ((total / weights.size) * weight) / (weights.get(zone) ?? 1),
  );
  const shares = fair.map(Math.floor);
  const left = total - shares.reduce((sum, share) => sum + share, 0);
  const claims = sharers.map(({ holds, rank }, at) => {
    const share = shares[at] as number;
    return { at, claim: (fair[at] as number) - share + (holds > share ? HELD : 0), rank };
  });
  claims.sort((a, b) => b.claim - a.claim || a.rank - b.rank);
  for (const { at } of claims.slice(0, left)) shares[at] = (shares[at] as number) + 1;
  return shares;
}
