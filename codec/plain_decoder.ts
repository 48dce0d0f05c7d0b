/**
 * The short way from bytes for what `plain_encoder.ts` writes: one pass that builds the value and checks what `scan.ts` checks. Whatever
 * else there is, or is wrong, is left to the long way, which says what is wrong.
 *
 * It reads a part of what it is given without a view of that part: a view costs more than a small value.
 *
 * @module
 */
import { asciiText } from "../platform/latin1.ts";
import { SHORT_READ, shortAscii, ShortTexts } from "./short_texts.ts";
import type { ValueLimits } from "./value.ts";

/** Only the long way can tell. No value is this one. */
export const LONG_WAY: unique symbol = Symbol("long way");

const MAJOR_UNSIGNED = 0;
const MAJOR_NEGATIVE = 1;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_MAP = 5;
const MAJOR_SIMPLE = 7;
/** What is longer is left to the long way, which refuses hostile bytes before it builds anything of them. */
const PLAIN_BYTES_MAX = 8_192;
/** Up to this length a look at each byte, whether it is ASCII, costs less than the platform's decoder. */
const LOOKED_AT_MAX = 256;
/** Up to this length a text is put together faster than it is asked for. */
const JOINED_MAX = 8;
/** No count: of another form, or cut off. */
const NONE = -1;

const DECODER: TextDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** See the module's text. */
export class PlainDecoder {
  readonly #limits: ValueLimits;
  /** Keys come again and again. */
  readonly #keys = new ShortTexts();
  readonly #float = new DataView(new ArrayBuffer(8));
  #bytes: Uint8Array = new Uint8Array();
  #at = 0;
  #end = 0;
  #itemsLeft = 0;

  constructor(limits: ValueLimits) {
    this.#limits = limits;
  }

  /** The value of the bytes from `start` to `end`, which are exactly one; or {@link LONG_WAY}. */
  decode(bytes: Uint8Array, start: number, end: number): unknown {
    if (end - start > PLAIN_BYTES_MAX) return LONG_WAY;
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#itemsLeft = this.#limits.itemsMax;
    const value = this.#any(0);
    return this.#at === end ? value : LONG_WAY;
  }

  #any(depth: number): unknown {
    if (--this.#itemsLeft < 0 || this.#at >= this.#end) return LONG_WAY;
    const initial = this.#bytes[this.#at++] as number;
    const low = initial & 0x1f;
    switch (initial >> 5) {
      case MAJOR_UNSIGNED: {
        const count = this.#count(low);
        return count === NONE ? LONG_WAY : count;
      }
      case MAJOR_NEGATIVE: {
        const count = this.#count(low);
        return count === NONE ? LONG_WAY : -1 - count;
      }
      case MAJOR_TEXT:
        return this.#text(this.#count(low));
      case MAJOR_ARRAY:
        return this.#array(this.#count(low), depth + 1);
      case MAJOR_MAP:
        return this.#object(this.#count(low), depth + 1);
      case MAJOR_SIMPLE:
        return this.#simple(low);
      default:
        return LONG_WAY;
    }
  }

  /** The argument of a head, up to 32 bits. */
  #count(low: number): number {
    if (low < 24) return low;
    const bytes = this.#bytes;
    const at = this.#at;
    if (low === 24 && at < this.#end) {
      this.#at = at + 1;
      return bytes[at] as number;
    }
    if (low === 25 && at + 1 < this.#end) {
      this.#at = at + 2;
      return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    }
    if (low !== 26 || at + 3 >= this.#end) return NONE;
    this.#at = at + 4;
    const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    return high * 0x10000 + (((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number));
  }

  #text(length: number): unknown {
    if (length === NONE || length > this.#end - this.#at) return LONG_WAY;
    const bytes = this.#bytes;
    const start = this.#at;
    const end = start + length;
    this.#at = end;
    if (length <= LOOKED_AT_MAX && isAscii(bytes, start, end))
      return length > JOINED_MAX ? asciiText(bytes, start, end) : shortAscii(bytes, start, end);
    try {
      return DECODER.decode(bytes.subarray(start, end));
    } catch {
      return LONG_WAY;
    }
  }

  #array(count: number, depth: number): unknown {
    if (count === NONE || count > this.#end - this.#at || depth > this.#limits.depthMax) return LONG_WAY;
    const values: unknown[] = [];
    for (let i = 0; i < count; i++) {
      const value = this.#any(depth);
      if (value === LONG_WAY) return LONG_WAY;
      values.push(value);
    }
    return values;
  }

  #object(count: number, depth: number): unknown {
    if (count === NONE || count * 2 > this.#end - this.#at || depth > this.#limits.depthMax) return LONG_WAY;
    const object: Record<string, unknown> = {};
    for (let i = 0; i < count; i++) {
      const key = this.#key();
      if (key === undefined) return LONG_WAY;
      const value = this.#any(depth);
      if (value === LONG_WAY) return LONG_WAY;
      object[key] = value;
    }
    return object;
  }

  /** A short key of ASCII. */
  #key(): string | undefined {
    if (--this.#itemsLeft < 0 || this.#at >= this.#end) return undefined;
    const length = (this.#bytes[this.#at] as number) - (MAJOR_TEXT << 5);
    const start = this.#at + 1;
    if (length < 0 || length > SHORT_READ || length > this.#end - start) return undefined;
    this.#at = start + length;
    const key = this.#keys.of(this.#bytes, start, length);
    return key === "__proto__" ? undefined : key;
  }

  #simple(low: number): unknown {
    switch (low) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
      case 23:
        return undefined;
      case 27:
        return this.#float64();
      default:
        return LONG_WAY;
    }
  }

  #float64(): unknown {
    if (this.#end - this.#at < 8) return LONG_WAY;
    for (let i = 0; i < 8; i++) this.#float.setUint8(i, this.#bytes[this.#at + i] as number);
    this.#at += 8;
    return this.#float.getFloat64(0);
  }
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((bytes[at] as number) >= 0x80) return false;
  return true;
}
