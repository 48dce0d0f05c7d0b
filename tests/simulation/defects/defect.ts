/**
 * A rule of the protocol, broken on purpose: a patch of the product's text, and where the simulation finds that out.
 *
 * @module
 */
import type { Profile } from "../world/profiles.ts";

/** One place that changes. */
export interface Change {
  /** From the project's folder, `/` between names. */
  readonly file: string;
  /** What stands there, once only in that file. Any white space in it stands for any other, so line breaks do not matter. */
  readonly find: string;
  /** What stands there instead. */
  readonly replace: string;
}

/** Under which profile and seed the simulation finds it: the first seed, from 1 on, when it was last looked for. */
export interface FoundBySeed {
  readonly profile: Profile;
  readonly seed: number;
}

/** One way to break a rule. */
export interface Defect {
  readonly name: string;
  /** What the cluster does then. */
  readonly what: string;
  readonly changes: readonly Change[];
  readonly found: FoundBySeed;
}

/** A rule, and the defects that break it. */
export interface Rule {
  readonly rule: string;
  readonly defects: readonly Defect[];
}

/** A defect that no promise shows. */
export interface Unseen extends Pick<Defect, "name" | "what" | "changes"> {
  /** Why no promise can show it, or hardly ever. */
  readonly why: string;
  /** The test that fails with it, if there is one: its file, and its name. */
  readonly test?: { readonly file: string; readonly name: string };
}

/** @throws {Error} if a change does not fit the text: which, and what to do */
export function patched(text: string, { file, find, replace }: Change, defect: string): string {
  const words = find.trim().split(/\s+/).map(escaped);
  const places = [...text.matchAll(new RegExp(words.join("\\s+"), "g"))];
  const [place] = places;
  if (place === undefined || places.length > 1)
    throw new Error(
      `Cannot break ${file} by "${defect}": it has ${places.length} places, not 1, that read\n  ${find}\n` +
        "Write the patch anew in tests/simulation/defects/, so that it breaks the same rule",
    );
  return text.slice(0, place.index) + replace + text.slice(place.index + place[0].length);
}

function escaped(word: string): string {
  return word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
