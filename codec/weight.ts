/**
 * How large a value may get on the wire, without writing it. A message to an actor on the same node is never written,
 * yet it is bound by the same limit: nobody should find out by a move that an argument is too large to leave the node.
 *
 * @module
 */
import type { Codec } from "./codec.ts";

/** What a value is weighed with. */
export interface Scale {
  readonly codec: Codec;
  /** Largest argument or result, in bytes of CBOR, as the server has it now. */
  readonly bytesMax: number;
}

/** Room that a message needs beside an argument or a result: names, chain, numbers. */
const MESSAGE_ROOM_BYTES = 65_536;

/**
 * The scale of a connection. What a server with a small limit leaves of it is still enough for most. The limit is asked
 * for each time: a server may be restarted with another one, and the next server may have another one.
 */
export function scaleOf(codec: Codec, transport: { readonly maxPayloadBytes: number }): Scale {
  return {
    codec,
    get bytesMax() {
      const most = transport.maxPayloadBytes;
      return most - Math.min(MESSAGE_ROOM_BYTES, Math.floor(most / 4));
    },
  };
}

/** The bytes of a value that is above the bound; `undefined` for one that is not. Only what may be is written. */
export function excess(value: unknown, scale: Scale): number | undefined {
  return excessOf(value, weight(value), scale);
}

/** The same for a value that was weighed. */
export function excessOf(value: unknown, weighed: number, scale: Scale): number | undefined {
  const { codec, bytesMax } = scale;
  if (weighed <= bytesMax) return undefined;
  const bytes = codec.encode(value).byteLength;
  return bytes > bytesMax ? bytes : undefined;
}

/** Bytes of a value that was copied for travelling, at most. */
export function weight(value: unknown): number {
  switch (typeof value) {
    case "string":
      return value.length * 3 + 5;
    case "bigint":
      return 72;
    case "object":
      return value === null ? 1 : objectWeight(value);
    default:
      return 9;
  }
}

function objectWeight(value: object): number {
  if (value instanceof Uint8Array) return value.byteLength + 9;
  let bytes = 12;
  if (Array.isArray(value) || value instanceof Set) for (const item of value) bytes += weight(item);
  else if (value instanceof Map) for (const [key, item] of value) bytes += weight(key) + weight(item);
  else {
    for (const key of Object.keys(value))
      bytes += key.length * 3 + 5 + weight((value as Record<string, unknown>)[key]);
  }
  return bytes;
}
