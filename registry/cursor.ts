/**
 * Where a listing goes on: behind a name of a shard. Shards and names have an order that no move changes, so a cursor holds on
 * every node, for as long as the kind has its shards.
 *
 * @module
 */
import { InvalidArgumentError } from "../errors.ts";
import { decodeToken, encodeToken, nameFault } from "../transport/subjects.ts";

/** See the module's text. */
export interface ListPosition {
  readonly shard: number;
  /** `undefined` for the first name of the shard. */
  readonly after: string | undefined;
}

const FORM = /^([0-9]{1,4})(?:\.(.+))?$/su;
/** What stands before a name that is too long for a token, as it is. */
const PLAIN = "~";

/** "17" for the beginning of a shard, "17.alice" for what is behind a name. */
export function encodeCursor({ shard, after }: ListPosition): string {
  if (after === undefined || after === "") return `${shard}`;
  const token = encodeToken(after);
  return `${shard}.${decodeToken(token) === undefined ? PLAIN + after : token}`;
}

/** @throws {InvalidArgumentError} for what {@link encodeCursor} gives for no shard of so many */
export function decodeCursor(cursor: unknown, shards: number): ListPosition {
  const [, number, rest] = (typeof cursor === "string" && FORM.exec(cursor)) || [];
  const shard = Number(number);
  if (number === undefined || shard >= shards) throw noCursor();
  if (rest === undefined) return { shard, after: undefined };
  const after = rest.startsWith(PLAIN) ? rest.slice(PLAIN.length) : decodeToken(rest);
  if (after === undefined || nameFault(after) !== undefined) throw noCursor();
  return { shard, after };
}

function noCursor(): InvalidArgumentError {
  return new InvalidArgumentError(
    "Cannot list actors: `cursor` is none of this kind; give the one that the page before came with, as it is",
    { path: "cursor" },
  );
}
