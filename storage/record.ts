/**
 * What is stored of one actor, and its bytes.
 *
 * Timers stand in it by the wall clock: no process that could count the time that is left needs to live on. With them it
 * says when it was written, so that what was left then is known as well, should clocks disagree.
 *
 * @module
 */
import { DecodeError } from "../errors.ts";
import { ByteReader, ByteWriter } from "../codec/bytes.ts";
import { HeaderMap } from "../codec/header_map.ts";
import { readCountedSections, writeSection } from "../codec/sections.ts";
import type { Suspicion } from "./suspicion.ts";

/** A timer as it is stored. */
export interface StoredTimer {
  readonly id: string;
  readonly message: string;
  /** The argument as CBOR. */
  readonly argument: Uint8Array;
  /** Milliseconds since 1970. */
  readonly dueWallMs: number;
  readonly everyMs: number | undefined;
  /** What accompanies its message. */
  readonly headers?: HeaderMap | undefined;
  /** Absent if no owner was lost near its time. */
  readonly suspicion?: Suspicion | undefined;
}

/** A state as it is stored. */
export interface StoredState {
  readonly stateVersion: number;
  readonly bytes: Uint8Array;
  /** What the actor has beside it; absent if nothing. */
  readonly annex?: Uint8Array | undefined;
}

/** Whether who owns that actor next must load it without being asked. */
export function wantsLoading({ timers, staysLoaded }: Pick<StoredRecord, "timers" | "staysLoaded">): boolean {
  return timers.length > 0 || staysLoaded === true;
}

/** What is stored of one actor. */
export interface StoredRecord {
  readonly name: string;
  /** Of the ownership under which it was written. */
  readonly epoch: number;
  readonly writer: { readonly node: string; readonly incarnation: string };
  /** Absent if only the epoch was written, to fence a former owner of an actor without a state. */
  readonly state: StoredState | undefined;
  readonly timers: readonly StoredTimer[];
  /** Whether who owns it next must load it without being asked, also if it has no timers. */
  readonly staysLoaded?: boolean | undefined;
  /** Milliseconds since 1970 by the writer's clock. Only with timers; absent in a record of the release before. */
  readonly writtenWallMs?: number | undefined;
}

/** Without a time of its own: as releases before write it, and this one where there are no timers. */
const VERSION = 1;
/** It ends with the time when it was written. */
const VERSION_TIMED = 2;
/** It ends with sections, each with a number and a length, of which those with an unknown number are skipped. */
const VERSION_SECTIONS = 3;
/** The time when it was written. */
const WRITTEN = 1;
/** Suspicions: of each the place of its timer, the deaths, and flags. */
const SUSPICIONS = 2;
/** Headers: of each timer that has some its place, and they. */
const HEADERS = 3;
/** What the actor has beside its state. */
const ANNEX = 4;
/** Nothing: it stands there if the actor is to be loaded by whoever owns it next. */
const STAYS_LOADED = 5;
/** Bytes of a section, about. */
const SECTION_BYTES = 100;
const ON_TRIAL = 1;
const SET_ASIDE = 2;

export function encodeRecord({
  name,
  epoch,
  writer: { node, incarnation },
  state,
  timers,
  staysLoaded,
  writtenWallMs,
}: StoredRecord): Uint8Array {
  const writer = new ByteWriter();
  const hasSections =
    timers.some(({ suspicion, headers }) => suspicion ?? headers) ||
    staysLoaded ||
    state?.annex !== undefined;
  const timed = timers.length > 0 && writtenWallMs !== undefined;
  writer.u8(hasSections ? VERSION_SECTIONS : timed ? VERSION_TIMED : VERSION);
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
  if (hasSections) writeSections(writer, { timers, staysLoaded, writtenWallMs, state });
  else if (timed) writer.f64(writtenWallMs);
  return writer.finish();
}

function writeSections(
  writer: ByteWriter,
  {
    timers,
    staysLoaded,
    writtenWallMs,
    state,
  }: Pick<StoredRecord, "timers" | "staysLoaded" | "writtenWallMs" | "state">,
): void {
  const annex = state?.annex;
  const sections: (readonly [number, () => void])[] = [];
  if (writtenWallMs !== undefined) sections.push([WRITTEN, () => writer.f64(writtenWallMs)]);
  if (timers.some(({ suspicion }) => suspicion))
    sections.push([SUSPICIONS, () => writeSuspicions(writer, timers)]);
  if (timers.some(({ headers }) => headers)) sections.push([HEADERS, () => writeHeaders(writer, timers)]);
  if (annex) sections.push([ANNEX, () => writer.raw(annex)]);
  if (staysLoaded) sections.push([STAYS_LOADED, () => {}]);
  writer.varint(sections.length);
  for (const [number, write] of sections) writeSection(writer, number, SECTION_BYTES, write);
}

function writeSuspicions(writer: ByteWriter, timers: readonly StoredTimer[]): void {
  writer.varint(timers.filter(({ suspicion }) => suspicion !== undefined).length);
  for (const [place, { suspicion }] of timers.entries()) {
    if (suspicion === undefined) continue;
    writer.varint(place);
    writer.varint(suspicion.deaths);
    writer.u8((suspicion.onTrial ? ON_TRIAL : 0) | (suspicion.setAside ? SET_ASIDE : 0));
  }
}

function writeHeaders(writer: ByteWriter, timers: readonly StoredTimer[]): void {
  writer.varint(timers.filter(({ headers }) => headers !== undefined).length);
  for (const [place, { headers }] of timers.entries()) {
    if (headers === undefined) continue;
    writer.varint(place);
    headers.write(writer);
  }
}

/** @throws {DecodeError} also if it is of another actor than `of` */
export function decodeRecord(bytes: Uint8Array, of: string): StoredRecord {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== VERSION && version !== VERSION_TIMED && version !== VERSION_SECTIONS)
    throw new DecodeError(`Cannot read a stored actor: its version ${version} is unknown`);
  const [name, node, incarnation] = [reader.string(), reader.string(), reader.string()];
  if (name !== of) throw new DecodeError("Cannot read a stored actor: its record is that of another name");
  const epoch = reader.varint();
  const state =
    reader.u8() === 1 ? { stateVersion: reader.varint(), bytes: reader.bytes().slice() } : undefined;
  const length = reader.varint();
  if (length > reader.left)
    throw new DecodeError(`Cannot read a stored actor: it cannot have ${length} timers`);
  const timers = Array.from({ length }, () => readTimer(reader));
  let writtenWallMs = version === VERSION_TIMED ? reader.f64() : undefined;
  let annex: Uint8Array | undefined;
  let staysLoaded = false;
  if (version === VERSION_SECTIONS) ({ writtenWallMs, annex, staysLoaded } = readSections(reader, timers));
  reader.expectEnd();
  const whole = state && annex ? { ...state, annex } : state;
  const base = { name, epoch, writer: { node, incarnation }, state: whole, timers };
  const record = staysLoaded ? { ...base, staysLoaded } : base;
  if (writtenWallMs === undefined) return record;
  if (!Number.isFinite(writtenWallMs))
    throw new DecodeError("Cannot read a stored actor: its time of writing is not a time");
  return { ...record, writtenWallMs };
}

function readTimer(reader: ByteReader): StoredTimer {
  const [id, message, dueWallMs, everyMs] = [reader.string(), reader.string(), reader.f64(), reader.f64()];
  if (!Number.isFinite(dueWallMs) || !(everyMs >= 0 && everyMs < Infinity))
    throw new DecodeError("Cannot read a stored timer: its times are not times");
  return { id, message, dueWallMs, everyMs: everyMs || undefined, argument: reader.bytes().slice() };
}

/** What stands in sections of its own; the others are about timers. */
interface Sections {
  readonly writtenWallMs: number | undefined;
  readonly annex: Uint8Array | undefined;
  readonly staysLoaded: boolean;
}

function readSections(reader: ByteReader, timers: StoredTimer[]): Sections {
  let writtenWallMs: number | undefined;
  let annex: Uint8Array | undefined;
  let staysLoaded = false;
  readCountedSections(reader, (number) => {
    if (number === WRITTEN) writtenWallMs = reader.f64();
    else if (number === SUSPICIONS) readSuspicions(reader, timers);
    else if (number === HEADERS) readHeaders(reader, timers);
    else if (number === ANNEX) annex = reader.raw(reader.left).slice();
    else if (number === STAYS_LOADED) staysLoaded = true;
    else return false;
    return true;
  });
  return { writtenWallMs, annex, staysLoaded };
}

function readSuspicions(reader: ByteReader, timers: StoredTimer[]): void {
  const suspects = reader.varint();
  for (let i = 0; i < suspects; i++) {
    const place = reader.varint();
    const timer = timerAt(timers, place);
    const [deaths, flags] = [reader.varint(), reader.u8()];
    const suspicion = { deaths, onTrial: (flags & ON_TRIAL) !== 0, setAside: (flags & SET_ASIDE) !== 0 };
    timers[place] = { ...timer, suspicion };
  }
}

function readHeaders(reader: ByteReader, timers: StoredTimer[]): void {
  const count = reader.varint();
  for (let i = 0; i < count; i++) {
    const place = reader.varint();
    timers[place] = { ...timerAt(timers, place), headers: HeaderMap.read(reader) };
  }
}

function timerAt(timers: readonly StoredTimer[], place: number): StoredTimer {
  const timer = timers[place];
  if (timer === undefined)
    throw new DecodeError(
      "Cannot read a stored actor: a section of it is about a timer that it does not have",
    );
  return timer;
}
