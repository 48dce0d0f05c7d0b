/**
 * The headers by which a client outside gives a context: only those that the gateway is told to let in.
 *
 * @module
 */
import { CONTEXT_MAX, type ContextEntries, unfitKey } from "./context_layer.ts";

/**
 * The headers of a client's request that enter as a context: no others do.
 *
 * @param names of those that are let in, found to be fit
 * @param header the value of one, `undefined` if the request has none
 */
export function declaredContext(
  names: readonly string[],
  header: (name: string) => string | undefined,
): ContextEntries {
  return Object.fromEntries(names.map((name) => [name, header(name)]));
}

/** Why these cannot be names of headers that enter as a context, for people; `undefined` if they can. */
export function unfitContextHeaders(names: unknown): string | undefined {
  if (!Array.isArray(names)) return "give a list of names";
  if (names.length > CONTEXT_MAX) return `it has ${names.length} names, and may have ${CONTEXT_MAX}`;
  for (const name of names as readonly unknown[]) {
    const fault = typeof name === "string" ? unfitKey(name) : "each name is a text";
    if (fault !== undefined) return `one of its names is ${JSON.stringify(name)}; ${fault}`;
  }
  return undefined;
}
