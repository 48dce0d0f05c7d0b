/**
 * Which groups an actor is a member of, and with which small value in each.
 *
 * @module
 */
import { DecodeError, InvalidArgumentError, toErrorData } from "../../errors.ts";
import type { Codec } from "../../codec/codec.ts";
import { splitGroupKey } from "../group/group.ts";
import type { AnnexPart } from "./annex.ts";

/** Groups that one actor may be in. */
export const MEMBERSHIPS_MAX = 256;
/** Longest value of one membership, as CBOR, in bytes. */
export const MEMBER_META_BYTES_MAX = 256;

/** By {@link groupKey}: what the member says of itself, as CBOR; empty for nothing. Nobody changes it. */
export type Memberships = ReadonlyMap<string, Uint8Array>;

/** Its number stands in stored records. A stored member stays loaded: its owner has to know it before it hears anything. */
export const MEMBERSHIPS: AnnexPart<Memberships> = Object.freeze<AnnexPart<Memberships>>({
  number: 2,
  staysLoaded: true,
  write: (writer, memberships) => {
    writer.varint(memberships.size);
    for (const [key, meta] of [...memberships].sort(([a], [b]) => (a < b ? -1 : 1))) {
      writer.string(key);
      writer.bytes(meta);
    }
  },
  read: (reader) => {
    const memberships = new Map<string, Uint8Array>();
    for (let left = reader.varint(); left > 0; left--) {
      const key = reader.string();
      if (splitGroupKey(key) === undefined || memberships.size === MEMBERSHIPS_MAX)
        throw new DecodeError("Cannot read the groups of an actor: they are not those of one");
      memberships.set(key, reader.bytes().slice());
    }
    return memberships;
  },
});

/**
 * The memberships with another one, which takes the place of that of the same group.
 *
 * @throws {InvalidArgumentError} if there are too many
 */
export function joined(memberships: Memberships | undefined, key: string, meta: Uint8Array): Memberships {
  const next = new Map(memberships);
  next.set(key, meta);
  if (next.size <= MEMBERSHIPS_MAX) return next;
  throw new InvalidArgumentError(
    `Cannot join another group: this actor is in ${MEMBERSHIPS_MAX}, and more are not allowed; leave one first`,
  );
}

/** The memberships without that one; `undefined` for none. */
export function left(memberships: Memberships, key: string): Memberships | undefined {
  const next = new Map(memberships);
  next.delete(key);
  return next.size === 0 ? undefined : next;
}

/**
 * What a member says of itself, as bytes.
 *
 * @throws {InvalidArgumentError} if it cannot travel, or is too long
 */
export function packMemberMeta(meta: unknown, codec: Codec): Uint8Array {
  if (meta === undefined) return NOTHING;
  let bytes: Uint8Array;
  try {
    bytes = codec.encode(meta).slice();
  } catch (cause) {
    const { message, path = "" } = toErrorData(cause);
    throw new InvalidArgumentError(`Cannot join a group with such a "meta": ${message}`, { path, cause });
  }
  if (bytes.byteLength <= MEMBER_META_BYTES_MAX) return bytes;
  throw new InvalidArgumentError(
    `Cannot join a group with such a "meta": it has ${bytes.byteLength} bytes, and ${MEMBER_META_BYTES_MAX} are the most`,
  );
}

/** See {@link packMemberMeta}. */
export function unpackMemberMeta(bytes: Uint8Array, codec: Codec): unknown {
  return bytes.byteLength === 0 ? undefined : codec.decode(bytes);
}

const NOTHING: Uint8Array = new Uint8Array();
