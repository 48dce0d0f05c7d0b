/**
 * What an actor has beside its state, mail and timers, because it uses a feature: each part is a value of its own sort. An
 * annex is immutable, and goes wherever the state goes: it is undone with it, sealed, stored, and sleeps with it.
 *
 * As bytes each part is a section. A part that this release does not know stays as it is, so an actor that passes
 * through an older node loses nothing there.
 *
 * @module
 */
import { ByteReader, ByteWriter } from "../../codec/bytes.ts";
import { readSections, writeSection } from "../../codec/sections.ts";

/** A sort of part: how a value `T` of it, which nobody may change, is written and read. */
export interface AnnexPart<T> {
  /** Which section: stands in stored records for good, so no two parts ever have the same. See `parts.ts`. */
  readonly number: number;
  /**
   * Whether an actor that has it must be known to the node that owns it. Such a stored actor does not sleep, and who takes its
   * shard over loads it without being asked.
   */
  readonly staysLoaded: boolean;
  write(writer: ByteWriter, value: T): void;
  /** @throws {DecodeError} for what is no such value */
  read(reader: ByteReader): T;
}

/** A part of any sort: what is common to all of them. */
export type AnyPart = Pick<AnnexPart<unknown>, "number" | "staysLoaded"> & {
  read(reader: ByteReader): unknown;
};

interface Entry {
  /** As it is written: lazily, of a value that was set here. */
  bytes: Uint8Array | undefined;
  /** `undefined` of a part that this release does not know. */
  readonly value: unknown;
  readonly write: ((writer: ByteWriter, value: unknown) => void) | undefined;
  readonly staysLoaded: boolean;
}

/** Bytes of a part, about. */
const PART_BYTES = 100;

/** See the module's text. */
export class Annex {
  /** Of an actor that uses no such feature. */
  static readonly EMPTY: Annex = new Annex(new Map());

  readonly #entries: ReadonlyMap<number, Entry>;
  #bytes: Uint8Array | undefined;

  private constructor(entries: ReadonlyMap<number, Entry>) {
    this.#entries = entries;
  }

  /**
   * What {@link Annex.bytes} gave, perhaps in another release.
   *
   * @param known the parts of this release: those are read now
   * @throws {DecodeError} if a section is cut off, or a known part cannot be read
   */
  static read(bytes: Uint8Array, known: readonly AnyPart[]): Annex {
    const entries = new Map<number, Entry>();
    const reader = new ByteReader(bytes);
    readSections(reader, (number) => {
      const part = known.find((each) => each.number === number);
      const own = reader.raw(reader.left).slice();
      const value = part?.read(new ByteReader(own));
      const staysLoaded = part?.staysLoaded ?? false;
      entries.set(number, { bytes: own, value, write: undefined, staysLoaded });
      return true;
    });
    return entries.size === 0 ? Annex.EMPTY : new Annex(entries);
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Whether any part of it wants that: see {@link AnnexPart.staysLoaded}. */
  get staysLoaded(): boolean {
    for (const { staysLoaded } of this.#entries.values()) if (staysLoaded) return true;
    return false;
  }

  get<T>({ number }: AnnexPart<T>): T | undefined {
    return this.#entries.get(number)?.value as T | undefined;
  }

  /** An annex with another value of that part, or without it. */
  with<T>(part: AnnexPart<T>, value: T | undefined): Annex {
    if (value === this.get(part)) return this;
    const entries = new Map(this.#entries);
    const write = part.write as Entry["write"];
    const { staysLoaded } = part;
    if (value === undefined) entries.delete(part.number);
    else entries.set(part.number, { bytes: undefined, value, write, staysLoaded });
    return entries.size === 0 ? Annex.EMPTY : new Annex(entries);
  }

  /** As sections, one for each part; nothing of an empty one. */
  get bytes(): Uint8Array {
    this.#bytes ??= this.#written();
    return this.#bytes;
  }

  #written(): Uint8Array {
    const writer = new ByteWriter();
    for (const [number, entry] of [...this.#entries].sort(([a], [b]) => a - b))
      writeSection(writer, number, PART_BYTES, () => writer.raw(bytesOf(entry)));
    return writer.finish().slice();
  }
}

function bytesOf(entry: Entry): Uint8Array {
  if (entry.bytes === undefined) {
    const writer = new ByteWriter();
    entry.write?.(writer, entry.value);
    entry.bytes = writer.finish().slice();
  }
  return entry.bytes;
}
