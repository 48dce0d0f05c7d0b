/**
 * What may be added to a form later: sections behind its fixed part, each a number and a block. Whoever does not know a
 * number passes the section over, so only what may be missing stands in one. Nothing is written where there are none.
 *
 * @module
 */
import type { ByteReader, ByteWriter } from "./bytes.ts";

/** Writes one section; about so many bytes will be in it. */
export function writeSection(writer: ByteWriter, number: number, about: number, write: () => void): void {
  writer.varint(number);
  const opened = writer.open(about);
  write();
  writer.close(opened, about);
}

/**
 * Reads sections up to the end of the block that the reader is in.
 *
 * @param read reads the section of a number; false if it does not know that number
 * @returns how many were passed over
 * @throws {DecodeError} if one is cut off
 */
export function readSections(reader: ByteReader, read: (number: number) => boolean): number {
  let unknown = 0;
  while (!reader.done) unknown += readSection(reader, read);
  return unknown;
}

/** The same where their count stands before them: something else may follow. */
export function readCountedSections(reader: ByteReader, read: (number: number) => boolean): number {
  let unknown = 0;
  for (let left = reader.varint(); left > 0; left--) unknown += readSection(reader, read);
  return unknown;
}

function readSection(reader: ByteReader, read: (number: number) => boolean): 0 | 1 {
  const number = reader.varint();
  const outer = reader.enter();
  const isKnown = read(number);
  reader.leave(outer);
  return isKnown ? 0 : 1;
}
