/** The value below which a share of the values lies, each counted as often as its weight says; 0 without values. */
export function percentile(
  values: readonly (readonly [value: number, weight: number])[],
  share: number,
): number {
  const sorted = [...values].sort(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, weight]) => sum + weight, 0);
  let below = 0;
  for (const [value, weight] of sorted) {
    below += weight;
    if (below >= share * total && weight > 0) return value;
  }
  return 0;
}

/** To a tenth. */
export function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
