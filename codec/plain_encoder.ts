/**
 * The short way to bytes for the values that most messages are made of: numbers, texts, true, false, null, undefined, and arrays
 * and plain objects of them. The form is that of `codec.ts`, byte for byte. Whatever else there is, is wrong, or is large,
 * is left to the long way, which says what is wrong.
 *
 * It writes one value behind the other into one block: a buffer for each costs more than what is in it.
 *
 * @module
 */
import type { ValueLimits } from "./value.ts";

const BLOCK_BYTES = 8_192;
/** With less room than this a new block is begun. */
const ROOM_MIN = 512;
/** Up to this length a loop over the characters is faster than a call of the platform's coder. */
const SHORT_TEXT = 48;
/** Bytes of a head, or of a number, at most. */
const HEAD_BYTES = 9;

const UNSIGNED = 0x00;
const NEGATIVE = 0x20;
const TEXT = 0x60;
const ARRAY = 0x80;
const MAP = 0xa0;
const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;
const UNDEFINED = 0xf7;
const FLOAT = 0xfb;

const NEGATIVE_MIN = -0x100000000;

/** See the module's text. */
export class PlainEncoder {
  readonly #limits: ValueLimits;
  readonly #encoder: TextEncoder = new TextEncoder();
  #bytes: Uint8Array = new Uint8Array(BLOCK_BYTES);
  #view: DataView = new DataView(this.#bytes.buffer);
  #at = 0;
  #itemsLeft = 0;

  constructor(limits: ValueLimits) {
    this.#limits = limits;
  }

  /** The bytes of a value, in a block that others share; `undefined`: take the long way. */
  encode(value: unknown): Uint8Array | undefined {
    if (BLOCK_BYTES - this.#at < ROOM_MIN) this.#begin();
    const start = this.#at;
    this.#itemsLeft = this.#limits.itemsMax;
    if (this.#any(value, 0)) return this.#bytes.subarray(start, this.#at);
    this.#at = start;
    return undefined;
  }

  #begin(): void {
    this.#bytes = new Uint8Array(BLOCK_BYTES);
    this.#view = new DataView(this.#bytes.buffer);
    this.#at = 0;
  }

  /** @returns false: take the long way */
  #any(value: unknown, depth: number): boolean {
    if (--this.#itemsLeft < 0 || this.#at + HEAD_BYTES > BLOCK_BYTES) return false;
    switch (typeof value) {
      case "number":
        return this.#number(value);
      case "string":
        return this.#text(value);
      case "boolean":
        return this.#byte(value ? TRUE : FALSE);
      case "undefined":
        return this.#byte(UNDEFINED);
      case "object":
        return value === null ? this.#byte(NULL) : this.#object(value, depth + 1);
      default:
        return false;
    }
  }

  #byte(byte: number): true {
    this.#bytes[this.#at++] = byte;
    return true;
  }

  #number(value: number): true {
    if (value >>> 0 === value) return this.#head(UNSIGNED, value);
    if (value < 0 && value >= NEGATIVE_MIN && Number.isInteger(value))
      return this.#head(NEGATIVE, -1 - value);
    this.#bytes[this.#at] = FLOAT;
    this.#view.setFloat64(this.#at + 1, value);
    this.#at += HEAD_BYTES;
    return true;
  }

  #head(major: number, count: number): true {
    const bytes = this.#bytes;
    if (count < 24) bytes[this.#at++] = major | count;
    else if (count < 0x100) {
      bytes[this.#at++] = major | 24;
      bytes[this.#at++] = count;
    } else if (count < 0x10000) {
      bytes[this.#at++] = major | 25;
      bytes[this.#at++] = count >> 8;
      bytes[this.#at++] = count & 0xff;
    } else {
      bytes[this.#at] = major | 26;
      this.#view.setUint32(this.#at + 1, count);
      this.#at += 5;
    }
    return true;
  }

  #text(text: string): boolean {
    const { length } = text;
    if (this.#at + HEAD_BYTES + length * 3 > BLOCK_BYTES) return false;
    return (length <= SHORT_TEXT && this.#ascii(text)) || this.#unicode(text);
  }

  #ascii(text: string): boolean {
    const { length } = text;
    const before = this.#at;
    this.#head(TEXT, length);
    const bytes = this.#bytes;
    let at = this.#at;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) {
        this.#at = before;
        return false;
      }
      bytes[at++] = unit;
    }
    this.#at = at;
    return true;
  }

  /** The head is as long as the bytes want it, which are mostly as many as the characters: if not, they make way. */
  #unicode(text: string): boolean {
    if (!text.isWellFormed()) return false;
    const from = this.#at + widthOf(text.length);
    const { written } = this.#encoder.encodeInto(text, this.#bytes.subarray(from));
    const body = this.#at + widthOf(written);
    if (body !== from) this.#bytes.copyWithin(body, from, from + written);
    this.#head(TEXT, written);
    this.#at += written;
    return true;
  }

  #object(value: object, depth: number): boolean {
    if (depth > this.#limits.depthMax) return false;
    const prototype = Object.getPrototypeOf(value);
    if (prototype === Array.prototype) return this.#array(value as unknown[], depth);
    if (prototype !== Object.prototype && prototype !== null) return false;
    const keys = Object.keys(value);
    this.#head(MAP, keys.length);
    for (const key of keys) {
      if (--this.#itemsLeft < 0 || key === "__proto__" || !this.#text(key)) return false;
      if (!this.#any((value as Record<string, unknown>)[key], depth)) return false;
    }
    return true;
  }

  #array(values: readonly unknown[], depth: number): boolean {
    this.#head(ARRAY, values.length);
    for (let i = 0; i < values.length; i++) if (!this.#any(values[i], depth)) return false;
    return true;
  }
}

/** Bytes of the head of a text that has so many. */
function widthOf(count: number): number {
  if (count < 24) return 1;
  if (count < 0x100) return 2;
  return count < 0x10000 ? 3 : 5;
}
