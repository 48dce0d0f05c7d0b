/**
 * What nodes say to each other of their members. Each message may be lost, come twice or too late. How they are written is said where all
 * messages about actors are: `registry/messages.ts`.
 *
 * ```
 *   reader ──members-wanted──► source       again and again, as long as somebody reads; with another stream number if something is lost
 *          ◄─────members────── source       numbered: a snapshot, then changes
 *          ◄────members-at──── source       so far it has come
 * ```
 *
 * @module
 */
import type { MemberChange } from "./member.ts";

/** Most types of groups that one node reads of another. */
export const GROUPS_READ_MAX = 256;
/** Most changes in one message. */
export const CHANGES_MAX = 2_000;

/** What is said about members. The number of such a message is that of the stream, which the reader chooses. */
export type GroupTalk =
  /** Reader → source: tell me of these types of groups; `have` parts of the stream have come. */
  | { readonly type: "members-wanted"; readonly groups: readonly string[]; readonly have: number }
  /** Reader → source: no more. */
  | { readonly type: "members-unwanted" }
  /** Source → reader: a part of a stream. */
  | {
      readonly type: "members";
      readonly number: number;
      readonly changes: readonly MemberChange[];
      readonly synced: boolean;
    }
  /** Source → reader: the number of the latest part; absent if it knows nothing of the stream any more. */
  | { readonly type: "members-at"; readonly number?: number | undefined };
