/**
 * The names of all actors of a shard of which something is stored, page by page; gone on with until they are all known.
 *
 * @module
 */
import { RecordsRefusedError, toErrorData } from "../errors.ts";
import type { EventBus } from "../events.ts";
import type { Clock } from "../platform/clock.ts";
import { type Pauses, pause, pauseAfter } from "../platform/pause.ts";
import type { Random } from "../platform/random.ts";
import type { Store } from "../storage/store.ts";

/** What a listing works with. */
export interface StoredNamesDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventBus;
  /** Whose actors are listed. */
  readonly store: { readonly lists: boolean; names: NonNullable<Store["names"]> };
}

/** Names that are asked for at once. */
const PAGE = 1_000;
/** After an answer that did not come. */
const PAUSES: Pauses = { firstMs: 250, longestMs: 10_000 };

/** @param isWanted whether anybody still wants to know */
export async function* storedNames(
  { clock, random, events, store }: StoredNamesDeps,
  kind: string,
  shard: number,
  isWanted: () => boolean,
): AsyncGenerator<readonly string[], void, undefined> {
  let after: string | undefined;
  let failures = 0;
  while (isWanted()) {
    try {
      if (!store.lists) throw unlisted(kind);
      const names = await store.names(kind, shard, { prefix: "", after, limit: PAGE });
      failures = 0;
      yield names;
      if (names.length < PAGE) return;
      after = names.at(-1);
    } catch (error) {
      failures++;
      events.emit({ type: "keep-delayed", kind, shard, error: toErrorData(error) });
      await pause(clock, pauseAfter(failures, PAUSES, random));
    }
  }
}

function unlisted(kind: string): RecordsRefusedError {
  return new RecordsRefusedError(
    `Cannot keep all actors of kind "${kind}" alive: its store does not list names; give names instead, or another store`,
  );
}
