/**
 * Words that accompany a message without being part of its argument: call context, trace ids, keys. Text → text, bounded in
 * number and in bytes. Where there are none there is no map, and nothing is written.
 *
 * @module
 */
import { DecodeError, InvalidArgumentError } from "../errors.ts";
import type { ByteReader, ByteWriter } from "./bytes.ts";

/** Most entries of one map. */
export const HEADERS_MAX = 32;
/** Most bytes of one map: names and values as UTF-8. */
export const HEADERS_BYTES_MAX = 8_192;

const ENCODER: TextEncoder = new TextEncoder();

/** An immutable map of headers, in the order in which they were given. */
export class HeaderMap {
  /** Bytes of all names and values as UTF-8. */
  readonly bytes: number;
  readonly #entries: ReadonlyMap<string, string>;
  /** As it was written; kept by a map that is written more than once, as that of an actor's tells is. */
  #written: Uint8Array | undefined;
  #isWritten = false;

  private constructor(entries: ReadonlyMap<string, string>, bytes: number) {
    this.#entries = entries;
    this.bytes = bytes;
  }

  /**
   * The map of these entries; `undefined` if there are none. Of two with one name the last counts.
   *
   * @throws {InvalidArgumentError} for more than 32 entries or 8,192 bytes, an empty name, or a lone surrogate
   */
  static of(given: Iterable<readonly [string, string]>): HeaderMap | undefined {
    const entries = new Map(given);
    let bytes = 0;
    for (const [name, value] of entries) {
      if (name === "") throw refused("one has no name");
      if (!name.isWellFormed() || !value.isWellFormed()) throw refused("one has a lone surrogate");
      bytes += ENCODER.encode(name).length + ENCODER.encode(value).length;
    }
    if (entries.size > HEADERS_MAX)
      throw refused(`there are ${entries.size}, and ${HEADERS_MAX} at most are allowed`);
    if (bytes > HEADERS_BYTES_MAX)
      throw refused(`they have ${bytes} bytes, and ${HEADERS_BYTES_MAX} at most are allowed`);
    return entries.size === 0 ? undefined : new HeaderMap(entries, bytes);
  }

  /** Reads what `write` wrote. @throws {DecodeError} also above the bounds */
  static read(reader: ByteReader): HeaderMap | undefined {
    const count = reader.varint();
    if (count > HEADERS_MAX)
      throw new DecodeError(
        `Cannot read headers: there are ${count}, and ${HEADERS_MAX} at most are allowed`,
      );
    const entries = new Map<string, string>();
    let bytes = 0;
    const text = () => {
      const before = reader.left;
      const read = reader.string(HEADERS_BYTES_MAX);
      const written = before - reader.left;
      bytes += written - (written > 0x80 ? 2 : 1); // without its length
      return read;
    };
    for (let i = 0; i < count; i++) {
      const name = text();
      if (name === "" || entries.has(name))
        throw new DecodeError("Cannot read headers: their names are not all different texts");
      entries.set(name, text());
    }
    if (bytes > HEADERS_BYTES_MAX)
      throw new DecodeError(
        `Cannot read headers: they have ${bytes} bytes, and ${HEADERS_BYTES_MAX} at most are allowed`,
      );
    return count === 0 ? undefined : new HeaderMap(entries, bytes);
  }

  write(writer: ByteWriter): void {
    if (this.#written !== undefined) return writer.raw(this.#written);
    const from = writer.length;
    writer.varint(this.#entries.size);
    for (const [name, value] of this.#entries) {
      writer.string(name);
      writer.string(value);
    }
    if (this.#isWritten) this.#written = writer.copy(from);
    this.#isWritten = true;
  }

  /** Entries. */
  get size(): number {
    return this.#entries.size;
  }

  get(name: string): string | undefined {
    return this.#entries.get(name);
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.#entries.entries();
  }
}

function refused(what: string): InvalidArgumentError {
  return new InvalidArgumentError(`Cannot send headers: ${what}`);
}
