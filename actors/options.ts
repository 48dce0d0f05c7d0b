/**
 * Options by their names. A word that is mistyped would be a setting that is silently not made, so each place that takes options
 * refuses what it does not know.
 *
 * @module
 */

/**
 * What is wrong with the names of some options, in words; `undefined` if nothing is.
 *
 * @param of what they are options of
 */
export function unknownOption(given: object, known: readonly string[], of = "it"): string | undefined {
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return undefined;
  return `"${unknown}" is no option of ${of}; those are ${known.map((each) => `"${each}"`).join(", ")}`;
}
