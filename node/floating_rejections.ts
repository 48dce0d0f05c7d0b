/**
 * Promises that are rejected and that nobody handles, such as one that a handler forgot to await. They end the process,
 * so this is told before: whose it was is known to nobody, for neither runtime says it (ADR 0015). What is known is the
 * error, whose stack leads to the code, and which handlers had not ended at that moment.
 *
 * @module
 */
import type { ShardTable } from "../delivery/receiving/shard_table.ts";
import { toErrorData } from "../errors.ts";
import type { EventBus } from "../events.ts";
import type { Log } from "../platform/log.ts";
import { hearUnhandled } from "../platform/process/unhandled.ts";

/** Actors that are named; more would help nobody. */
const RUNNING_MAX = 16;

/** What it works with. */
export interface FloatingDeps {
  readonly node: string;
  readonly table: ShardTable;
  readonly events: EventBus;
  readonly log: Log;
}

/** Tells each by an event and in the log. @returns a function that stops it */
export function tellFloating({ node, table, events, log }: FloatingDeps): () => void {
  return hearUnhandled((reason) => {
    const running = handling(table);
    // the log has the error itself, with its stack; and first, for the process may end before anybody has his turn
    log.error("A promise was rejected and nobody handles it", { node, running, error: reason });
    events.emit({ type: "floating-rejection", running, error: toErrorData(reason) });
  });
}

function handling(table: ShardTable): { readonly kind: string; readonly name: string }[] {
  const found: { readonly kind: string; readonly name: string }[] = [];
  for (const { kind, catalog } of table)
    for (const { name, isHandling } of catalog.residents.active.values()) {
      if (isHandling) found.push({ kind, name });
      if (found.length === RUNNING_MAX) return found;
    }
  return found;
}
