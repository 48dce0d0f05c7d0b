/**
 * Results as JSON. A message may carry more than JSON knows; this is how each of it is written:
 *
 * | Result | JSON |
 * |---|---|
 * | a date | string, ISO 8601 in UTC |
 * | a bigint | string of decimal digits |
 * | bytes | string, base64url without padding |
 * | a map whose keys are all strings | object |
 * | any other map | array of `[key, value]` pairs |
 * | a set | array |
 * | NaN, Infinity, -Infinity | null |
 * | undefined | left out of an object, null in an array; as the whole result: status 204 |
 *
 * @module
 */
import { InvalidResultError } from "../errors.ts";
import { VALUE_LIMITS } from "./value.ts";

/** The JSON text of a result, or `undefined` for none. @throws {InvalidResultError} for what has no JSON form */
export function toJsonText(result: unknown): string | undefined {
  return result === undefined ? undefined : JSON.stringify(toJsonValue(result, 0));
}

function toJsonValue(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case "bigint":
      return value.toString();
    case "object":
      return value === null ? null : objectToJson(value, depth + 1);
    case "function":
    case "symbol":
      throw new InvalidResultError(`Cannot write a result as JSON: it holds a ${typeof value}`);
    default:
      return value;
  }
}

function objectToJson(value: object, depth: number): unknown {
  if (depth > VALUE_LIMITS.depthMax) {
    throw new InvalidResultError(
      `Cannot write a result as JSON: it is nested deeper than ${VALUE_LIMITS.depthMax} levels`,
    );
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return base64url(value);
  if (value instanceof Map) return mapToJson(value, depth);
  if (Array.isArray(value) || value instanceof Set)
    return Array.from(value, (item) => toJsonValue(item, depth));
  return entriesToJson(Object.entries(value), depth);
}

function mapToJson(map: ReadonlyMap<unknown, unknown>, depth: number): unknown {
  const entries = [...map];
  const named = entries.every((entry): entry is [string, unknown] => typeof entry[0] === "string");
  if (named) return entriesToJson(entries, depth);
  return entries.map(([key, value]) => [toJsonValue(key, depth), toJsonValue(value, depth)]);
}

function entriesToJson(entries: readonly (readonly [string, unknown])[], depth: number): object {
  // Without a prototype, a key "__proto__" is a key like any other.
  const json: Record<string, unknown> = Object.create(null);
  for (const [key, value] of entries) json[key] = toJsonValue(value, depth);
  return json;
}

const CHUNK = 8_192;

function base64url(bytes: Uint8Array): string {
  let binary = "";
  for (let i = 0; i < bytes.length; i += CHUNK)
    binary += String.fromCharCode(...bytes.subarray(i, i + CHUNK));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
