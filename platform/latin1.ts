/**
 * Texts from bytes of one character each.
 *
 * @module
 */
import { Buffer } from "node:buffer";

type Slice = (this: Uint8Array, start: number, end: number) => string;

/** Both runtimes have it and neither documents it; what is documented makes a view of the bytes first, or costs a call of its own on Deno. */
const { latin1Slice } = Buffer.prototype as unknown as { readonly latin1Slice?: Slice };
const DECODER: TextDecoder = new TextDecoder();

/** The text of those bytes, which are all ASCII. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  return latin1Slice ? latin1Slice.call(bytes, start, end) : DECODER.decode(bytes.subarray(start, end));
}
