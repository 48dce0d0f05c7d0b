// The plain count that the actors are compared with: one loop, no actors, no messages.
import type { FileChange } from "./git_log.ts";

/** What one file or one author must have counted. */
export interface Total {
  changes: number;
  added: number;
  deleted: number;
  binaries: number;
}

/** Totals by name, of files and of authors. */
export interface Totals {
  readonly file: ReadonlyMap<string, Total>;
  readonly author: ReadonlyMap<string, Total>;
}

/** Counts the first `length` changes of a history that begins anew whenever it ends. */
export function countPlainly(history: readonly FileChange[], length: number): Totals {
  const file = new Map<string, Total>();
  const author = new Map<string, Total>();
  for (let index = 0; index < length; index++) {
    const change = history[index % history.length];
    if (change === undefined) break;
    add(file, change.file, change);
    add(author, change.author, change);
  }
  return { file, author };
}

function add(totals: Map<string, Total>, name: string, change: FileChange): void {
  const total = totals.get(name) ?? { changes: 0, added: 0, deleted: 0, binaries: 0 };
  total.changes++;
  total.added += change.added;
  total.deleted += change.deleted;
  if (change.binary) total.binaries++;
  totals.set(name, total);
}
