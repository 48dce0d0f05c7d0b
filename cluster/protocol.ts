/**
 * The versions of what nodes say to one another, and which of them two nodes use.
 *
 * Each release speaks the newest version and the one before. A node's record names those it speaks, for its whole life; who
 * speaks to it uses the newest that both know. So a cluster may run two releases that follow one another, in either
 * direction, and no others: who shares no version with a living node is not let in.
 *
 * | Version | Frames | Sealed shards | Moves |
 * |---|---|---|---|
 * | 1 | items one behind the other; an unknown one spoils the frame | version 1 | `v: 2` |
 * | 2 | items in blocks, with sections | version 2, with sections | `v: 2` |
 *
 * @module
 */

/** Versions of the protocol that this release speaks, oldest first. */
export const PROTOCOL_VERSIONS: readonly number[] = [1, 2];

/** The version to speak to a node of which nothing is known yet. */
export const OLDEST_PROTOCOL: number = PROTOCOL_VERSIONS[0] as number;

/** The newest version that both speak; `undefined` if they share none. */
export function commonProtocol(
  theirs: readonly number[],
  ours: readonly number[] = PROTOCOL_VERSIONS,
): number | undefined {
  const common = ours.filter((version) => theirs.includes(version));
  return common.length === 0 ? undefined : Math.max(...common);
}

/** In words: "1 and 2", "none". */
export function protocolWords(versions: readonly number[]): string {
  return versions.length === 0 ? "none" : [...versions].sort((a, b) => a - b).join(" and ");
}
