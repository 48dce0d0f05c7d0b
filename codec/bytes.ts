/**
 * Writing and reading of hand-made binary frames: the hot path of every message between nodes.
 *
 * @module
 */
import { DecodeError, EncodeError } from "../errors.ts";
import { SHORT_READ, shortAscii, type ShortTexts } from "./short_texts.ts";

/** Frames are written one behind the other into blocks of this size: a block for each would cost more than its filling. */
const BLOCK_BYTES = 8192;
/** Up to this length a loop over the characters is faster than a call of the platform's coder. */
const SHORT_WRITE = 48;
const DECODER: TextDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Appends to a growing array of bytes. One writer serves for many frames; what it gave away it never touches again.
 */
export class ByteWriter {
  #bytes: Uint8Array = new Uint8Array(BLOCK_BYTES);
  #view: DataView = new DataView(this.#bytes.buffer);
  /** Where the frame begins, and where its next byte goes. */
  #start = 0;
  #at = 0;
  readonly #encoder: TextEncoder = new TextEncoder();

  /** Bytes written since the start or the last `finish`. */
  get length(): number {
    return this.#at - this.#start;
  }

  u8(value: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = value;
  }

  u16(value: number): void {
    this.#room(2);
    this.#view.setUint16(this.#at, value);
    this.#at += 2;
  }

  u32(value: number): void {
    this.#room(4);
    this.#view.setUint32(this.#at, value);
    this.#at += 4;
  }

  f64(value: number): void {
    this.#room(8);
    this.#view.setFloat64(this.#at, value);
    this.#at += 8;
  }

  /**
   * A whole number from 0 to 2^53 - 1 in one to eight bytes, seven bits in each, lowest first.
   *
   * @throws {EncodeError} for any other number
   */
  varint(value: number): void {
    this.#room(8);
    if (value >= 0 && value < 0x80 && Number.isInteger(value)) {
      this.#bytes[this.#at++] = value;
      return;
    }
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new EncodeError(`Cannot write a count: ${value} is not a whole number from 0`);
    }
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
  }

  /**
   * A string as UTF-8 behind its length in bytes.
   *
   * @throws {EncodeError} for a lone surrogate
   */
  string(text: string): void {
    if (text.length > SHORT_WRITE || !this.#ascii(text)) this.#unicode(text);
  }

  /** Bytes behind their length. */
  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /**
   * Begins a block, which stands behind its length. About so many bytes will follow: a wrong guess costs time, and nothing
   * else. @returns for `close`
   */
  open(about: number): number {
    const at = this.length;
    const width = widthOf(about);
    this.#room(width);
    this.#at += width;
    return at;
  }

  /** Ends the block that `open` began, with the same guess. */
  close(opened: number, about: number): void {
    const width = widthOf(about);
    const at = this.#start + opened;
    const length = this.#at - at - width;
    if (widthOf(length) !== width) return this.#shift(at, width, length);
    const bytes = this.#bytes;
    if (width === 1) bytes[at] = length;
    else if (width === 2) {
      bytes[at] = length | 0x80;
      bytes[at + 1] = length >> 7;
    } else this.#lengthAt(at, length);
  }

  /** The guess was wrong: what is in the block makes way. */
  #shift(at: number, guessed: number, length: number): void {
    const by = widthOf(length) - guessed;
    const opened = at - this.#start;
    if (by > 0) this.#room(by);
    const from = this.#start + opened + guessed;
    this.#bytes.copyWithin(from + by, from, this.#at);
    this.#at += by;
    this.#lengthAt(this.#start + opened, length);
  }

  #lengthAt(at: number, length: number): void {
    const end = this.#at;
    this.#at = at;
    this.varint(length);
    this.#at = end;
  }

  /** A copy of what was written behind the first `from` bytes. */
  copy(from: number): Uint8Array {
    return this.#bytes.slice(this.#start + from, this.#at);
  }

  /** What was written. The bytes share a block of memory with other frames, but nobody writes to them again. */
  finish(): Uint8Array {
    const frame = this.#bytes.subarray(this.#start, this.#at);
    this.#start = this.#at;
    return frame;
  }

  /** Drops what was written. */
  reset(): void {
    this.#at = this.#start;
  }

  /** Drops what was written behind the first `length` bytes. */
  cut(length: number): void {
    this.#at = Math.min(this.#at, this.#start + length);
  }

  #ascii(text: string): boolean {
    this.#room(text.length + 1);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = text.length;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) return false;
      bytes[at++] = unit;
    }
    this.#at = at;
    return true;
  }

  #unicode(text: string): void {
    if (!text.isWellFormed()) {
      throw new EncodeError("Cannot write a string: it has a lone surrogate");
    }
    this.bytes(this.#encoder.encode(text));
  }

  #room(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const written = this.#bytes.subarray(this.#start, this.#at);
    this.#bytes = new Uint8Array(Math.max(BLOCK_BYTES, (written.length + count) * 2));
    this.#bytes.set(written);
    this.#view = new DataView(this.#bytes.buffer);
    this.#start = 0;
    this.#at = written.length;
  }
}

/**
 * Reads what a {@link ByteWriter} wrote. Every method throws {@link DecodeError} instead of reading beyond the end.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #dataView: DataView | undefined;
  readonly #texts: ShortTexts | undefined;
  #at = 0;
  /** Where what is being read ends. */
  #end: number;

  /** @param texts short texts that were read before, perhaps by other readers */
  constructor(bytes: Uint8Array, texts?: ShortTexts) {
    this.#bytes = bytes;
    this.#end = bytes.length;
    this.#texts = texts;
  }

  get #view(): DataView {
    this.#dataView ??= new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    return this.#dataView;
  }

  /** Whether nothing is left, of the block if it is in one. */
  get done(): boolean {
    return this.#at === this.#end;
  }

  /** Bytes not read yet, of the block if it is in one. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** Where the next byte is read, from the beginning. */
  get at(): number {
    return this.#at;
  }

  /** Whether all that is left is the same as the `length` bytes from there, which were read before. Then it is passed over. */
  repeats(from: number, length: number): boolean {
    if (length !== this.left) return false;
    const bytes = this.#bytes;
    const by = this.#at - from;
    for (let i = from; i < from + length; i++) if (bytes[i] !== bytes[i + by]) return false;
    this.#at = this.#end;
    return true;
  }

  /** Goes into a block: until `leave` nothing behind its end is read. @returns for `leave` */
  enter(): number {
    const length = this.#count(Number.POSITIVE_INFINITY);
    const outer = this.#end;
    if (length > outer - this.#at) throw this.#refusal("it is cut off");
    this.#end = this.#at + length;
    return outer;
  }

  /** Goes on behind the block, whatever is left of it. */
  leave(outer: number): void {
    this.#at = this.#end;
    this.#end = outer;
  }

  u8(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8));
  }

  /** A whole number from 0 to 2^53 - 1, in its shortest form. */
  varint(): number {
    const first = this.u8();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    let scale = 0x80;
    for (let i = 1; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 || value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw this.#refusal("it has a number of no known form");
  }

  /** A string of at most `bytesMax` bytes of UTF-8. */
  string(bytesMax: number = Number.POSITIVE_INFINITY): string {
    const length = this.#count(bytesMax);
    const start = this.#take(length);
    if (length <= SHORT_READ) {
      const text = this.#short(start, length);
      if (text !== undefined) return text;
    }
    try {
      return DECODER.decode(this.#bytes.subarray(start, this.#at));
    } catch {
      throw this.#refusal("it has text that is not UTF-8");
    }
  }

  /** At most `bytesMax` bytes, as a view into what is being read. */
  bytes(bytesMax: number = Number.POSITIVE_INFINITY): Uint8Array {
    return this.raw(this.#count(bytesMax));
  }

  /** What is being read. */
  get source(): Uint8Array {
    return this.#bytes;
  }

  /** Passes over `length` bytes. @returns where they begin */
  skip(length: number): number {
    return this.#take(length);
  }

  /** Exactly `length` bytes, as a view into what is being read. */
  raw(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, this.#at);
  }

  #short(start: number, length: number): string | undefined {
    if (length === 0) return "";
    return this.#texts
      ? this.#texts.of(this.#bytes, start, length)
      : shortAscii(this.#bytes, start, start + length);
  }

  /** Refuses what follows the end of a frame. */
  expectEnd(): void {
    if (!this.done) throw this.#refusal("it is followed by other bytes");
  }

  #count(max: number): number {
    const count = this.varint();
    if (count > max) throw this.#refusal(`a part of it is longer than ${max} bytes`);
    return count;
  }

  #take(count: number): number {
    const start = this.#at;
    if (count > this.#end - start) throw this.#refusal("it is cut off");
    this.#at = start + count;
    return start;
  }

  #refusal(what: string): DecodeError {
    return new DecodeError(`Cannot read a frame: ${what}, at byte ${this.#at}`);
  }
}

/** Bytes that a number takes as a varint. */
function widthOf(value: number): number {
  if (value < 0x80) return 1;
  let width = 2;
  for (let rest = value; rest >= 0x4000; rest = Math.floor(rest / 0x80)) width++;
  return width;
}

/** Whether both hold the same. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
}
