/**
 * Every part that an annex can have in this release. A number that was given once is never given again.
 *
 * ```
 *   1 metadata · 2 memberships of groups · 3 watches · 4 watchers · 5 reminders · 6 failures · 7 positions in streams
 * ```
 *
 * @module
 */
import { FAILURES } from "../supervision/failures.ts";
import { WATCHERS, WATCHES } from "../watch/parts.ts";
import type { AnyPart } from "./annex.ts";
import { MEMBERSHIPS } from "./memberships.ts";
import { META } from "./meta.ts";
import { POSITIONS } from "../subscription/position.ts";

/** See the module's text. */
export const ANNEX_PARTS: readonly AnyPart[] = Object.freeze<AnyPart[]>([
  META,
  MEMBERSHIPS,
  WATCHES,
  WATCHERS,
  FAILURES,
  POSITIONS,
]);
