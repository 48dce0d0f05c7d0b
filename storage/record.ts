/**
 * What is stored of one actor, and its bytes.
 *
 * Timers stand in it by the wall clock: no process that could count the time that is left needs to live on. With them it
 * says when it was written, so that what was left then is known as well, should clocks disagree.
 *
 * @module
 */
import { DecodeError } from "../errors.ts";
import { ByteReader, ByteWriter } from "../transport/bytes.ts";

/** A timer as it is stored. */
export interface StoredTimer {
  readonly id: string;
  readonly message: string;
  /** The argument as CBOR. */
  readonly argument: Uint8Array;
  /** Milliseconds since 1970. */
  readonly dueWallMs: number;
  readonly everyMs: number | undefined;
}

/** What is stored of one actor. */
export interface StoredRecord {
  readonly name: string;
  /** Of the ownership under which it was written. */
  readonly epoch: number;
  readonly writer: { readonly node: string; readonly incarnation: string };
  /** Absent if only the epoch was written, to fence a former owner of an actor without a state. */
  readonly state: { readonly stateVersion: number; readonly bytes: Uint8Array } | undefined;
  readonly timers: readonly StoredTimer[];
  /** Milliseconds since 1970 by the writer's clock. Only with timers; absent in a record of the release before. */
  readonly writtenWallMs?: number | undefined;
}

/** Without a time of its own: as releases before write it, and this one where there are no timers. */
const VERSION = 1;
/** It ends with the time when it was written. */
const VERSION_TIMED = 2;

export function encodeRecord({
  name,
  epoch,
  writer: { node, incarnation },
  state,
  timers,
  writtenWallMs,
}: StoredRecord): Uint8Array {
  const writer = new ByteWriter();
  const timed = timers.length > 0 && writtenWallMs !== undefined;
  writer.u8(timed ? VERSION_TIMED : VERSION);
  for (const word of [name, node, incarnation]) writer.string(word);
  writer.varint(epoch);
  writer.u8(state ? 1 : 0);
  if (state) {
    writer.varint(state.stateVersion);
    writer.bytes(state.bytes);
  }
  writer.varint(timers.length);
  for (const timer of timers) {
    writer.string(timer.id);
    writer.string(timer.message);
    writer.f64(timer.dueWallMs);
    writer.f64(timer.everyMs ?? 0);
    writer.bytes(timer.argument);
  }
  if (timed) writer.f64(writtenWallMs);
  return writer.finish();
}

/** @throws {DecodeError} also if it is of another actor than `of` */
export function decodeRecord(bytes: Uint8Array, of: string): StoredRecord {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== VERSION && version !== VERSION_TIMED)
    throw new DecodeError(`Cannot read a stored actor: current version is ${version}`);
  const [name, node, incarnation] = [reader.string(), reader.string(), reader.string()];
  if (name !== of) throw new DecodeError("Cannot read a stored actor: current record is of another name");
  const epoch = reader.varint();
  const state =
    reader.u8() === 1 ? { stateVersion: reader.varint(), bytes: reader.bytes().slice() } : undefined;
  const length = reader.varint();
  if (length > reader.left) throw new DecodeError(`Cannot read a stored actor: current timers are ${length}`);
  const timers = Array.from({ length }, () => readTimer(reader));
  const record = { name, epoch, writer: { node, incarnation }, state, timers };
  const writtenWallMs = version === VERSION_TIMED ? reader.f64() : undefined;
  reader.expectEnd();
  if (writtenWallMs === undefined) return record;
  if (!Number.isFinite(writtenWallMs))
    throw new DecodeError("Cannot read a stored actor: current time of writing is no time");
  return { ...record, writtenWallMs };
}

function readTimer(reader: ByteReader): StoredTimer {
  const [id, message, dueWallMs, everyMs] = [reader.string(), reader.string(), reader.f64(), reader.f64()];
  if (!Number.isFinite(dueWallMs) || !(everyMs >= 0 && everyMs < Infinity))
    throw new DecodeError("Cannot read a stored timer: current times are not times");
  return { id, message, dueWallMs, everyMs: everyMs || undefined, argument: reader.bytes().slice() };
}
