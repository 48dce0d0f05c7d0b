/**
 * Short texts that come again and again in what is read: kinds, names and messages. One that is kept costs no call of the
 * platform. As many are kept as there are places; each text has one place, and takes it from whichever had it before.
 *
 * @module
 */
/** Up to this length a loop over the characters is faster than a call of the platform's decoder. */
export const SHORT_READ = 16;
/** A power of two. */
const PLACES = 1_024;

/** See the module's text. */
export class ShortTexts {
  readonly #bytes = new Uint8Array(PLACES * SHORT_READ);
  readonly #texts: (string | undefined)[] = new Array<string | undefined>(PLACES).fill(undefined);

  /** The text of those bytes, at most `SHORT_READ`; `undefined` if they are not all ASCII. */
  of(bytes: Uint8Array, start: number, length: number): string | undefined {
    const end = start + length;
    let hash = length;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0;
    const place = (hash ^ (hash >>> 11)) & (PLACES - 1);
    const base = place * SHORT_READ;
    const kept = this.#texts[place];
    if (kept?.length === length) {
      let i = 0;
      while (i < length && this.#bytes[base + i] === bytes[start + i]) i++;
      if (i === length) return kept;
    }
    const text = shortAscii(bytes, start, end);
    if (text === undefined) return undefined;
    for (let i = 0; i < length; i++) this.#bytes[base + i] = bytes[start + i] as number;
    this.#texts[place] = text;
    return text;
  }
}

/** The text of bytes that are all ASCII, else `undefined`. Four at a time: each call of the platform costs. */
export function shortAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = "";
  let at = start;
  for (; end - at >= 4; at += 4) {
    const a = bytes[at] as number;
    const b = bytes[at + 1] as number;
    const c = bytes[at + 2] as number;
    const d = bytes[at + 3] as number;
    if ((a | b | c | d) >= 0x80) return undefined;
    text += String.fromCharCode(a, b, c, d);
  }
  for (; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte >= 0x80) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}
