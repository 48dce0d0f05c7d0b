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
  while (!reader.done) {
    const number = reader.varint();
    const outer = reader.enter();
    if (!read(number)) unknown++;
    reader.leave(outer);
  }
  return unknown;
}
