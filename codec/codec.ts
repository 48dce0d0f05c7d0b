/**
 * Values to bytes and back: plain CBOR (RFC 8949), so that any language can read it.
 *
 * Beside the basic types these tags are written, and no others accepted: 1 (date), 2 and 3 (bigints beyond 64 bits; a
 * smaller bigint is an integer of eight bytes), 258 (set), 259 (map whose keys are any values; an object is an
 * untagged map). Bytes are byte strings. Whole numbers beyond 32 bits and fractions are floats of eight bytes. What other
 * encoders write instead is fitted to its schema at the door (`door/integers.ts`).
 *
 * @module
 */
import { Decoder } from "cbor-x/decode";
import { Encoder } from "cbor-x/encode";
import { DecodeError } from "../errors.ts";
import { withSpareMarks } from "./byte_order_marks.ts";
import { LONG_WAY, PlainDecoder } from "./plain_decoder.ts";
import { PlainEncoder } from "./plain_encoder.ts";
import { scan } from "./scan.ts";
import { checkValue, VALUE_LIMITS, type ValueLimits } from "./value.ts";

/** Both directions, under the same limits. */
export interface Codec {
  /**
   * The bytes of a value. They share a block of memory with others, but nobody writes to them again.
   *
   * @throws {EncodeError} with the path of what cannot travel
   */
  encode(value: unknown): Uint8Array;
  /**
   * The value of bytes; it shares no memory with them.
   *
   * @param from of the first byte, where only a part is the value; default 0
   * @param to behind its last byte; default the end
   * @throws {DecodeError} if they are not exactly one value within the limits
   */
  decode(bytes: Uint8Array, from?: number, to?: number): unknown;
}

/** The only place where the form on the wire is chosen. Golden files in the tests hold it still. */
const FORM: Readonly<Record<string, unknown>> = {
  useRecords: false,
  variableMapSize: true,
  mapsAsObjects: true,
  useTag259ForMaps: true,
  tagUint8Array: false,
  copyBuffers: true,
};

/** A codec with the given limits; those left out are {@link VALUE_LIMITS}. */
export function createCodec(limits: Partial<ValueLimits> = {}): Codec {
  const all: ValueLimits = { ...VALUE_LIMITS, ...limits };
  const encoder = new Encoder({ ...FORM });
  const decoder = new Decoder({ ...FORM });
  const plainEncoder = new PlainEncoder(all);
  const plainDecoder = new PlainDecoder(all);
  return {
    encode: (value) => {
      const plain = plainEncoder.encode(value);
      if (plain !== undefined) return plain;
      checkValue(value, all);
      const { buffer, byteOffset, byteLength } = encoder.encode(value);
      return new Uint8Array(buffer, byteOffset, byteLength);
    },
    decode: (bytes, from = 0, to = bytes.length) => {
      const plain = plainDecoder.decode(bytes, from, to);
      if (plain !== LONG_WAY) return plain;
      // The decoder leaves a property on the array that it is given; it must not be the caller's.
      const own = new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from);
      const marked = scan(own, all);
      try {
        const spare = marked !== undefined && leavesMarksOut(encoder, decoder);
        return decoder.decode(spare ? withSpareMarks(own, marked) : own);
      } catch (cause) {
        throw new DecodeError("Cannot decode a value: its bytes are not CBOR of the expected form", {
          cause,
        });
      }
    },
  };
}

/** Whether the decoder drops them depends on what else the process has loaded: a native part of it does not. */
function leavesMarksOut(encoder: Encoder, decoder: Decoder): boolean {
  const text = `\uFEFF${"x".repeat(100)}`;
  return decoder.decode(encoder.encode(text)) !== text;
}
