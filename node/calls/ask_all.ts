/**
 * Many asks, a bounded number at once.
 *
 * @module
 */
import { AbortedError, ConfigurationError } from "../../errors.ts";

/** Settings of {@link ActorNode.askAll}. */
export interface AskAllOptions {
  /** Asks that are under way at once; a whole number from 1. Default 64. */
  readonly concurrency?: number;
  /** Lets no further ask begin; those that have not begun are rejected with `AbortedError`. */
  readonly signal?: AbortSignal;
}

/** @throws {ConfigurationError} for a concurrency that is none */
export async function askAll<R, T>(
  refs: Iterable<R>,
  ask: (ref: R, index: number) => Promise<T>,
  { concurrency = 64, signal }: AskAllOptions = {},
): Promise<PromiseSettledResult<T>[]> {
  if (!Number.isSafeInteger(concurrency) || concurrency < 1)
    throw new ConfigurationError(
      `Cannot ask many actors: concurrency is ${String(concurrency)}, and must be a whole number from 1`,
    );
  const all = [...refs];
  const results = new Array<PromiseSettledResult<T>>(all.length);
  let next = 0;
  const lane = async () => {
    while (next < all.length) {
      const index = next++;
      results[index] = await settled(() => {
        if (signal?.aborted) throw new AbortedError("Cannot ask: the signal of askAll is aborted");
        return ask(all[index] as R, index);
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, all.length) }, lane));
  return results;
}

async function settled<T>(work: () => Promise<T>): Promise<PromiseSettledResult<T>> {
  try {
    return { status: "fulfilled", value: await work() };
  } catch (reason) {
    return { status: "rejected", reason };
  }
}
