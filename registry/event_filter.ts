/**
 * Which events somebody wants to hear.
 *
 * @module
 */
import { InvalidArgumentError } from "../errors.ts";
import type { NodeEvent } from "../events.ts";
import { WORDS_MAX } from "./messages.ts";

/** `undefined`: all. */
export interface EventFilter {
  readonly types: ReadonlySet<string> | undefined;
  /** Only events that are about one of these kinds. */
  readonly kinds: ReadonlySet<string> | undefined;
}

export function passes({ types, kinds }: EventFilter, event: NodeEvent): boolean {
  if (types?.has(event.type) === false) return false;
  return kinds === undefined || ("kind" in event && kinds.has(event.kind));
}

/** @throws {InvalidArgumentError} for what no filter can be */
export function eventFilter({
  types,
  kinds,
  scope,
}: {
  readonly types?: Iterable<string>;
  readonly kinds?: Iterable<string>;
  readonly scope?: string;
}): EventFilter {
  if (scope !== undefined && scope !== "node" && scope !== "cluster")
    throw new InvalidArgumentError('Cannot listen to events: `scope` must be "node" or "cluster"', {
      path: "scope",
    });
  return { types: words("types", types), kinds: words("kinds", kinds) };
}

function words(option: string, given: Iterable<string> | undefined): ReadonlySet<string> | undefined {
  if (given === undefined) return undefined;
  const all = new Set(given);
  const isLegal = [...all].every((word) => typeof word === "string" && word.length <= 64);
  if (isLegal && all.size <= WORDS_MAX && typeof given !== "string") return all;
  throw new InvalidArgumentError(
    `Cannot listen to events: \`${option}\` must be a list of at most ${WORDS_MAX} words`,
    { path: option },
  );
}
