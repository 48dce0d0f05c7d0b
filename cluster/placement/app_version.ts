/**
 * Versions of the application that nodes run, as they are compared when shards are placed.
 *
 * @module
 */

const VERSION = /^\d{1,15}(\.\d{1,15}){0,3}$/;

/** Whether it can be compared: one to four whole numbers with dots between, such as "2.14.0" or "20261130.2". */
export function isAppVersion(text: string): boolean {
  return VERSION.test(text);
}

/** Below 0 if `a` is older than `b`, above 0 if it is newer. Numbers that are missing count as 0, and no version is the oldest. */
export function compareAppVersions(a: string | undefined, b: string | undefined): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (let at = 0; at < 4; at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length === 0 || right.length === 0 ? left.length - right.length : 0;
}

function numbersOf(version: string | undefined): number[] {
  return version === undefined ? [] : version.split(".").map(Number);
}
