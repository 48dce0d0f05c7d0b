/**
 * Which metadata is wanted: the fields that must be equal. Compared as it stands, without its schema, so that every node that has an
 * actor finds the same.
 *
 * @module
 */
import type { Codec } from "../codec/codec.ts";

/** A value of a field that can be looked for. */
export type FieldValue = string | number | boolean | null;

/** Fields of metadata, each with the value that it must have. */
export type MetaFilter = Readonly<Record<string, FieldValue>>;

/** Most fields that can be looked for, and the longest name or text of one, in characters. */
export const FIELDS_MAX = 16;
export const FIELD_LENGTH_MAX = 1_024;

/** Whether metadata has all those fields. What cannot be read has none. */
export function hasFields(bytes: Uint8Array | undefined, filter: MetaFilter, codec: Codec): boolean {
  const meta = bytes && decoded(bytes, codec);
  if (typeof meta !== "object" || meta === null) return false;
  return Object.entries(filter).every(
    ([field, value]) => Object.hasOwn(meta, field) && (meta as Record<string, unknown>)[field] === value,
  );
}

/** `undefined` for what cannot be read. */
export function decoded(bytes: Uint8Array, codec: Codec): unknown {
  try {
    return codec.decode(bytes);
  } catch {
    return undefined;
  }
}
