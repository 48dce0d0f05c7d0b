/**
 * Reads CBOR without building anything, before the decoder may touch it: a few hundred hostile bytes can otherwise cost
 * seconds of a blocked loop or gigabytes. What passes is small, shallow, complete, and made only of what `encode` writes
 * (and of the plain numbers that other languages write).
 *
 * @module
 */
import { DecodeError } from "../errors.ts";
import { VALUE_LIMITS, type ValueLimits } from "./value.ts";

const MAJOR_UNSIGNED = 0;
const MAJOR_NEGATIVE = 1;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_MAP = 5;
const MAJOR_TAG = 6;

const TAG_DATE = 1;
const TAG_BIGNUM = 2;
const TAG_NEGATIVE_BIGNUM = 3;
const TAG_SET = 258;
const TAG_MAP = 259;

const BIGNUM_BYTES_MAX = 64;
const DATE_SECONDS_MAX = 2 ** 42;
/** Up to this length a loop over the bytes is faster than a call of the decoder. */
const SHORT_TEXT_BYTES = 64;
const DECODER: TextDecoder = new TextDecoder("utf-8", { fatal: true });
/** U+FEFF in UTF-8. */
export const MARK: readonly number[] = [0xef, 0xbb, 0xbf];
const PROTO: Uint8Array = new TextEncoder().encode("__proto__");

/** Where a text stands in bytes: its head, its body, and what comes behind. */
export interface TextPlace {
  readonly head: number;
  readonly body: number;
  readonly end: number;
}

/**
 * Refuses bytes that are not exactly one value in the form described above.
 *
 * @returns the long texts that begin with a byte order mark, which decoders leave out; `undefined` if there is none
 * @throws {DecodeError}
 */
export function scan(bytes: Uint8Array, limits: ValueLimits = VALUE_LIMITS): TextPlace[] | undefined {
  const scanner = new Scanner(bytes, limits);
  scanner.item(0);
  if (scanner.position !== bytes.length) throw refusal("it is followed by other bytes", scanner.position);
  return scanner.marked;
}

function refusal(what: string, position: number): DecodeError {
  return new DecodeError(`Cannot decode a value: ${what}, at byte ${position}`);
}

class Scanner {
  position = 0;
  marked: TextPlace[] | undefined;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #limits: ValueLimits;
  #itemsLeft: number;

  constructor(bytes: Uint8Array, limits: ValueLimits) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#limits = limits;
    this.#itemsLeft = limits.itemsMax;
  }

  /** Passes one item. `depth` counts the containers around it. */
  item(depth: number): void {
    if (--this.#itemsLeft < 0) {
      throw refusal(`it is made of more than ${this.#limits.itemsMax} values and keys`, this.position);
    }
    const head = this.position;
    const initial = this.#initial();
    const low = initial & 0x1f;
    switch (initial >> 5) {
      case MAJOR_UNSIGNED:
      case MAJOR_NEGATIVE:
        this.#integer(low);
        break;
      case MAJOR_BYTES:
        this.#skip(this.#length(low));
        break;
      case MAJOR_TEXT:
        this.#text(head, this.#length(low));
        break;
      case MAJOR_ARRAY:
        this.#array(this.#length(low), depth + 1);
        break;
      case MAJOR_MAP:
        this.#object(this.#length(low), depth + 1);
        break;
      case MAJOR_TAG:
        this.#tagged(this.#length(low), depth);
        break;
      default:
        this.#simple(low);
    }
  }

  #initial(): number {
    const initial = this.#bytes[this.position];
    if (initial === undefined) throw refusal("it is cut off", this.position);
    this.position++;
    return initial;
  }

  #skip(count: number): void {
    if (count > this.#bytes.length - this.position) throw refusal("it is cut off", this.position);
    this.position += count;
  }

  #integer(low: number): void {
    if (low < 24) return;
    if (low > 27) throw refusal("there is an integer of no known form", this.position);
    this.#skip(1 << (low - 24));
  }

  /** The argument of a head: a length, a count or a tag number. */
  #length(low: number): number {
    if (low < 24) return low;
    if (low > 27) throw refusal("a part is of indefinite length", this.position);
    const at = this.position;
    this.#skip(1 << (low - 24));
    switch (low) {
      case 24:
        return this.#view.getUint8(at);
      case 25:
        return this.#view.getUint16(at);
      case 26:
        return this.#view.getUint32(at);
      default:
        return this.#view.getUint32(at) * 0x100000000 + this.#view.getUint32(at + 4);
    }
  }

  #text(head: number, length: number): void {
    const start = this.position;
    this.#skip(length);
    if (length <= SHORT_TEXT_BYTES) {
      let i = start;
      while (i < this.position && (this.#bytes[i] as number) < 0x80) i++;
      if (i === this.position) return;
    }
    if (!isUtf8(this.#bytes.subarray(start, this.position)))
      throw refusal("there is text that is not UTF-8", start);
    if (length <= SHORT_TEXT_BYTES || !MARK.every((byte, i) => byte === this.#bytes[start + i])) return;
    this.marked ??= [];
    this.marked.push({ head, body: start, end: this.position });
  }

  #enter(count: number, depth: number): void {
    if (depth > this.#limits.depthMax) {
      throw refusal(`it is nested deeper than ${this.#limits.depthMax} levels`, this.position);
    }
    if (count > this.#bytes.length - this.position) throw refusal("it is cut off", this.position);
  }

  #array(count: number, depth: number): void {
    this.#enter(count, depth);
    for (let i = 0; i < count; i++) this.item(depth);
  }

  #object(count: number, depth: number): void {
    this.#enter(count * 2, depth);
    for (let i = 0; i < count; i++) {
      this.#key(depth);
      this.item(depth);
    }
  }

  /** Keys of an object are text or integers. `__proto__` is refused: a decoder would rename or, worse, obey it. */
  #key(depth: number): void {
    const start = this.position;
    const initial = this.#bytes[start] ?? 0;
    if (initial >> 5 > MAJOR_NEGATIVE && initial >> 5 !== MAJOR_TEXT) {
      throw refusal("there is an object with a key that is neither text nor an integer", start);
    }
    this.item(depth);
    if (initial >> 5 !== MAJOR_TEXT || this.position - start < PROTO.length) return;
    const from = this.position - PROTO.length;
    if (PROTO.every((byte, i) => byte === this.#bytes[from + i]) && this.#headEndsAt(start) === from) {
      throw refusal('there is an object with a key "__proto__"', start);
    }
  }

  #headEndsAt(start: number): number {
    const low = (this.#bytes[start] as number) & 0x1f;
    return start + 1 + (low < 24 ? 0 : 1 << (low - 24));
  }

  #map(depth: number): void {
    const initial = this.#initial();
    if (initial >> 5 !== MAJOR_MAP) throw refusal("there is a tagged map without entries", this.position);
    const count = this.#length(initial & 0x1f);
    this.#enter(count * 2, depth);
    for (let i = 0; i < count * 2; i++) this.item(depth);
  }

  #tagged(tag: number, depth: number): void {
    switch (tag) {
      case TAG_DATE:
        this.#date();
        break;
      case TAG_BIGNUM:
      case TAG_NEGATIVE_BIGNUM:
        this.#bignum();
        break;
      case TAG_MAP:
        this.#map(depth + 1);
        break;
      case TAG_SET: {
        const initial = this.#initial();
        if (initial >> 5 !== MAJOR_ARRAY)
          throw refusal("there is a tagged set without an array", this.position);
        this.#array(this.#length(initial & 0x1f), depth + 1);
        break;
      }
      default:
        throw refusal(`a part is under the tag ${tag}, which is not used here`, this.position);
    }
  }

  /** Seconds since 1970, as a small unsigned integer or a float of eight bytes in the range that travels. */
  #date(): void {
    const initial = this.#initial();
    if (initial <= 0x1a) {
      this.#integer(initial);
      return;
    }
    if (initial !== 0xfb) throw refusal("there is a date of no known form", this.position);
    const at = this.position;
    this.#skip(8);
    const seconds = this.#view.getFloat64(at);
    if (!(Math.abs(seconds) <= DATE_SECONDS_MAX))
      throw refusal("there is an invalid or too distant date", at);
  }

  #bignum(): void {
    const initial = this.#initial();
    if (initial >> 5 !== MAJOR_BYTES) throw refusal("there is a bignum without bytes", this.position);
    const length = this.#length(initial & 0x1f);
    if (length > BIGNUM_BYTES_MAX)
      throw refusal(`there is a bignum of more than ${BIGNUM_BYTES_MAX} bytes`, this.position);
    this.#skip(length);
  }

  /** false, true, null, undefined, and floats of two, four and eight bytes. */
  #simple(low: number): void {
    if (low >= 20 && low <= 23) return;
    if (low < 25 || low > 27) throw refusal("there is a simple value that is not used here", this.position);
    this.#skip(1 << (low - 24));
  }
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    DECODER.decode(bytes);
    return true;
  } catch {
    return false;
  }
}
