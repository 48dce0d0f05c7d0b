/**
 * Metadata of an actor: a small value that lists of actors show and are filtered by. It stands as CBOR.
 *
 * @module
 */
import { InvalidArgumentError, toErrorData } from "../../errors.ts";
import type { Codec } from "../../codec/codec.ts";
import { NO } from "../check.ts";
import type { Registration } from "../host.ts";
import { firstIssue } from "../schema.ts";
import { frozenView } from "../state/frozen_view.ts";
import type { AnnexPart } from "./annex.ts";

/** Longest metadata of one actor, as CBOR, in bytes. */
export const META_BYTES_MAX = 1_024;

export const META: AnnexPart<Uint8Array> = Object.freeze<AnnexPart<Uint8Array>>({
  number: 1,
  staysLoaded: false,
  write: (writer, bytes) => writer.raw(bytes),
  read: (reader) => reader.raw(reader.left).slice(),
});

/**
 * The bytes of metadata as a class gives it.
 *
 * @throws {InvalidArgumentError} if the contract has none, it does not fit its schema, cannot travel, or is too long
 */
export function packMeta({ contract, meta }: Registration, value: unknown, codec: Codec): Uint8Array {
  const { kind } = contract;
  const refused = (words: string, path: string, cause?: unknown) =>
    new InvalidArgumentError(`Cannot keep metadata of kind "${kind}": ${words}`, { path, cause });
  if (meta === undefined) throw refused("its contract declares none; give it a schema, `meta`", "meta");
  const kept = meta.keep(NO, value);
  let checked = kept;
  if (kept === NO) {
    const result = meta.askLibrary(value);
    if (result.issues) {
      const { path, words } = firstIssue("metadata", result.issues);
      throw refused(words, path);
    }
    checked = result.value;
  }
  let bytes: Uint8Array;
  try {
    bytes = codec.encode(checked).slice();
  } catch (cause) {
    const { message, path = "" } = toErrorData(cause);
    throw refused(message, path, cause);
  }
  if (bytes.byteLength > META_BYTES_MAX)
    throw refused(`it has ${bytes.byteLength} bytes, and ${META_BYTES_MAX} are the most`, "");
  return bytes;
}

/** Metadata to be read only; `undefined` for what the schema does not take by now: it stays until there is another. */
export function unpackMeta({ meta }: Registration, bytes: Uint8Array, codec: Codec): unknown {
  const result = meta?.validate(codec.decode(bytes));
  return result === undefined || result.issues ? undefined : frozenView(result.value).value;
}
