/**
 * Ways into a value, written like an access in the language: `items[3].name`.
 *
 * @module
 */

/** One step through an object's key. */
export function keyStep(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/** The text of steps that were collected backwards, from the inside out. "" is the whole value. */
export function pathOf(backwards: readonly string[]): string {
  return backwards.toReversed().join("").replace(/^\./, "");
}
