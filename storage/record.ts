/**
 * What is stored of one actor, and its bytes.
 *
 * Timers stand in it by the wall clock: no process that could count the time that is left needs to live on.
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
}

const VERSION = 1;

export function encodeRecord({
  name,
  epoch,
  writer: { node, incarnation },
  state,
  timers,
}: StoredRecord): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(VERSION);
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
  return writer.finish();
}

/** @throws {DecodeError} also if it is of another actor than `of` */
export function decodeRecord(bytes: Uint8Array, of: string): StoredRecord {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== VERSION) throw new DecodeError(`Cannot read a stored actor: current version is ${version}`);
  const [name, node, incarnation] = [reader.string(), reader.string(), reader.string()];
  if (name !== of) throw new DecodeError("Cannot read a stored actor: current record is of another name");
  const epoch = reader.varint();
  const state =
    reader.u8() === 1 ? { stateVersion: reader.varint(), bytes: reader.bytes().slice() } : undefined;
  const length = reader.varint();
  if (length > reader.left) throw new DecodeError(`Cannot read a stored actor: current timers are ${length}`);
  const timers = Array.from({ length }, () => readTimer(reader));
  reader.expectEnd();
  return { name, epoch, writer: { node, incarnation }, state, timers };
}

function readTimer(reader: ByteReader): StoredTimer {
  const [id, message, dueWallMs, everyMs] = [reader.string(), reader.string(), reader.f64(), reader.f64()];
  if (!Number.isFinite(dueWallMs) || !(everyMs >= 0 && everyMs < Infinity))
    throw new DecodeError("Cannot read a stored timer: current times are not times");
  return { id, message, dueWallMs, everyMs: everyMs || undefined, argument: reader.bytes().slice() };
}
