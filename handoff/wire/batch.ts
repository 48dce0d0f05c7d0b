/**
 * A sealed shard as bytes: its link table, the replies that nobody has confirmed, and its actors. The counts come
 * first and the end is checked, so a batch is taken whole or not at all.
 *
 * ```
 *   version 1: 1 · links · replies · actors                      each a count, and so many parts
 *   version 2: 2 · count · (number · block)…                     1 links, 2 replies, 3 actors; others are passed over
 *   a part   = fields                                            version 1
 *            = block of (fields · section…)                      version 2: link, reply, actor, timer, mail
 *   sections: 1 headers, of a timer and of mail; 1 annex, of an actor with a state
 * ```
 *
 * A part may have sections of a newer release, which are passed over; so only what may be missing stands in one. A newer
 * version is refused, and what it was in stays where it is.
 *
 * @module
 */
import { DecodeError } from "../../errors.ts";
import type { Place, SealedActor } from "../../actors/shard/sealed.ts";
import type { Snapshot } from "../../actors/state/snapshot.ts";
import type { TimerData } from "../../actors/state/timers.ts";
import type { NodeId } from "../../cluster/records/schemas.ts";
import type { PackedMail } from "../../delivery/receiving/remote_mail.ts";
import type { LinkRow } from "../../delivery/receiving/shard.ts";
import { ByteReader, ByteWriter } from "../../codec/bytes.ts";
import { HeaderMap } from "../../codec/header_map.ts";
import { readCountedSections, readSections, writeSection } from "../../codec/sections.ts";

/** Which form: with or without sections. Each has the number of the protocol that brought it. */
export type BatchVersion = 1 | 2;

/** An actor of a batch: its mail is data. */
export type BatchActor = Omit<SealedActor, "backlog"> & { readonly backlog: readonly PackedMail[] };

/** A reply of a batch. */
export interface BatchReply {
  readonly to: NodeId;
  readonly epoch: number;
  readonly seq: number;
  readonly ok: boolean;
  readonly refusesTell: boolean;
  readonly body: Uint8Array;
}

/** A sealed shard. */
export interface Batch {
  readonly links: readonly LinkRow[];
  readonly replies: readonly BatchReply[];
  readonly actors: readonly BatchActor[];
}

/** Sections of a batch of version 2. */
const LINKS = 1;
const REPLIES = 2;
const ACTORS = 3;
/** A section of a timer and of a message. */
const HEADERS = 1;
/** A section of an actor: what it has beside its state. */
const ANNEX = 1;

const STATUSES = ["active", "passive", "late", "quarantined"] as const;

/** The form that a node of that protocol reads. What the form does not hold is left out: headers and annexes, in version 1. */
export function versionFor(protocol: number | undefined): BatchVersion {
  return protocol === undefined || protocol < 2 ? 1 : 2;
}

/** The oldest form that holds all of it: for what lies until somebody takes it, who may be of the release before. */
export function leastVersion({ actors }: Pick<Batch, "actors">): BatchVersion {
  const hasSections = ({ snapshot, timers, backlog }: BatchActor) =>
    snapshot?.annex !== undefined || [...timers, ...backlog].some(({ headers }) => headers);
  return actors.some(hasSections) ? 2 : 1;
}

export function encodeBatch(batch: Batch, version: BatchVersion): Uint8Array {
  const writer = new BatchWriter(version);
  writer.u8(version);
  const { links, replies, actors } = batch;
  if (version === 2) writer.varint(3);
  writer.section(LINKS, () => writer.all(links, writeLink));
  writer.section(REPLIES, () => writer.all(replies, writeReply));
  writer.section(ACTORS, () => writer.all(actors, writeActor));
  return writer.finish();
}

/** @throws {DecodeError} */
export function decodeBatch(bytes: Uint8Array): Batch {
  const reader = new BatchReader(bytes, "batch");
  if (reader.version === 1) {
    const links = reader.all(readLink);
    const replies = reader.all(readReply);
    const actors = reader.all(readActor);
    reader.expectEnd();
    return { links, replies, actors };
  }
  const batch = readBatchSections(reader);
  reader.expectEnd();
  return batch;
}

function readBatchSections(reader: BatchReader): Batch {
  let links: LinkRow[] | undefined;
  let replies: BatchReply[] | undefined;
  let actors: BatchActor[] | undefined;
  readCountedSections(reader, (number) => {
    if (number === LINKS) links = reader.all(readLink);
    else if (number === REPLIES) replies = reader.all(readReply);
    else if (number === ACTORS) actors = reader.all(readActor);
    else return false;
    return true;
  });
  if (!links || !replies || !actors)
    throw new DecodeError("Cannot read a batch: its sections lack links, replies or actors");
  return { links, replies, actors };
}

/** One late actor by itself. */
export function encodeActor(actor: BatchActor, version: BatchVersion): Uint8Array {
  const writer = new BatchWriter(version);
  writer.u8(version);
  writer.part(actor, writeActor);
  return writer.finish();
}

/** @throws {DecodeError} */
export function decodeActor(bytes: Uint8Array): BatchActor {
  const reader = new BatchReader(bytes, "actor");
  const actor = reader.part(readActor);
  reader.expectEnd();
  return actor;
}

/** Bytes of a part, about: what is longer costs a copy. */
const PART_BYTES = 1_000;

class BatchWriter extends ByteWriter {
  readonly version: BatchVersion;

  constructor(version: BatchVersion) {
    super();
    this.version = version;
  }

  /** A part of the whole. */
  section(number: number, write: () => void): void {
    if (this.version === 1) return write();
    writeSection(this, number, PART_BYTES, write);
  }

  part<T>(item: T, write: (writer: BatchWriter, item: T) => void): void {
    if (this.version === 1) return write(this, item);
    const opened = this.open(PART_BYTES);
    write(this, item);
    this.close(opened, PART_BYTES);
  }

  all<T>(items: readonly T[], write: (writer: BatchWriter, item: T) => void): void {
    this.varint(items.length);
    for (const item of items) this.part(item, write);
  }

  /** At the end of a part. */
  headers(headers: HeaderMap | undefined): void {
    if (headers && this.version !== 1) writeSection(this, HEADERS, headers.bytes, () => headers.write(this));
  }

  annex(annex: Uint8Array | undefined): void {
    if (annex && this.version !== 1) writeSection(this, ANNEX, annex.byteLength, () => this.raw(annex));
  }
}

class BatchReader extends ByteReader {
  readonly version: number;

  /** @throws {DecodeError} for a version that is not known here */
  constructor(bytes: Uint8Array, what: "batch" | "actor") {
    super(bytes);
    this.version = this.u8();
    if (this.version === 1 || this.version === 2) return;
    const article = what === "batch" ? "a" : "an";
    const words = `its version is ${this.version}, and this node reads 1 and 2`;
    throw new DecodeError(`Cannot read ${article} ${what}: ${words}`);
  }

  /** What is left of a part belongs to a newer release. */
  part<T>(read: (reader: BatchReader) => T): T {
    if (this.version === 1) return read(this);
    const outer = this.enter();
    const item = read(this);
    if (!this.done) readSections(this, NONE_KNOWN);
    this.leave(outer);
    return item;
  }

  all<T>(read: (reader: BatchReader) => T): T[] {
    const length = this.varint();
    // each takes a byte at least, so a forged count cannot ask for more memory than was sent
    if (length > this.left)
      throw new DecodeError(`Cannot read a list: its length is ${length}, with ${this.left} bytes left`);
    return Array.from({ length }, () => this.part(read));
  }

  texts(): string[] {
    const length = this.varint();
    if (length > this.left)
      throw new DecodeError(`Cannot read a list: its length is ${length}, with ${this.left} bytes left`);
    return Array.from({ length }, () => this.string());
  }

  annex(): Uint8Array | undefined {
    if (this.version === 1 || this.done) return undefined;
    let annex: Uint8Array | undefined;
    readSections(this, (number) => {
      if (number !== ANNEX) return false;
      annex = this.raw(this.left).slice();
      return true;
    });
    return annex;
  }

  headers(): HeaderMap | undefined {
    if (this.version === 1 || this.done) return undefined;
    let headers: HeaderMap | undefined;
    readSections(this, (number) => {
      if (number !== HEADERS) return false;
      headers = HeaderMap.read(this);
      return true;
    });
    return headers;
  }
}

const NONE_KNOWN = (): boolean => false;

function writeLink(writer: BatchWriter, { from, expected }: LinkRow): void {
  writePlace(writer, from);
  writer.varint(expected);
}

function readLink(reader: BatchReader): LinkRow {
  return { from: readPlace(reader), expected: reader.varint() };
}

function writeReply(writer: BatchWriter, reply: BatchReply): void {
  writePlace(writer, reply.to);
  writer.varint(reply.epoch);
  writer.varint(reply.seq);
  writer.u8((reply.ok ? 1 : 0) | (reply.refusesTell ? 2 : 0));
  writer.bytes(reply.body);
}

function readReply(reader: BatchReader): BatchReply {
  const to = readPlace(reader);
  const [epoch, seq, flags] = [reader.varint(), reader.varint(), reader.u8()];
  return {
    to,
    epoch,
    seq,
    ok: (flags & 1) !== 0,
    refusesTell: (flags & 2) !== 0,
    body: reader.bytes().slice(),
  };
}

function writeActor(writer: BatchWriter, actor: BatchActor): void {
  writer.string(actor.name);
  writer.u8(STATUSES.indexOf(actor.status));
  writeSnapshot(writer, actor.snapshot);
  writePlace(writer, actor.at ?? NOWHERE);
  writer.string(actor.reason ?? "");
  writer.all(actor.timers, writeTimer);
  writer.all(actor.backlog, writeMail);
  writer.annex(actor.snapshot?.annex);
}

function readActor(reader: BatchReader): BatchActor {
  const name = reader.string();
  const status = STATUSES[reader.u8()];
  if (status === undefined) throw new DecodeError("Cannot read an actor: its status is unknown");
  const snapshot = readSnapshot(reader);
  const at = readPlace(reader);
  const reason = reader.string();
  const timers = reader.all(readTimer);
  const backlog = reader.all(readMail);
  const annex = reader.annex();
  return {
    name,
    status,
    snapshot: snapshot && annex ? { ...snapshot, annex } : snapshot,
    at: at.node === "" ? undefined : at,
    reason: reason || undefined,
    timers,
    backlog,
  };
}

const NO_SNAPSHOT = 0;
const SNAPSHOT = 1;
const STORED_SNAPSHOT = 2;

function writeSnapshot(writer: ByteWriter, snapshot: Snapshot | undefined): void {
  if (snapshot === undefined) return writer.u8(NO_SNAPSHOT);
  const { stateVersion, bytes, stored } = snapshot;
  writer.u8(stored ? STORED_SNAPSHOT : SNAPSHOT);
  writer.varint(stateVersion);
  writer.bytes(bytes);
  if (!stored) return;
  writer.varint(stored.revision);
  writer.varint(stored.bytes);
  writer.u8(stored.timers ? 1 : 0);
}

function readSnapshot(reader: ByteReader): Snapshot | undefined {
  const form = reader.u8();
  if (form === NO_SNAPSHOT) return undefined;
  if (form > STORED_SNAPSHOT) throw new DecodeError(`Cannot read a state: its form ${form} is unknown`);
  const snapshot = { stateVersion: reader.varint(), bytes: reader.bytes().slice() };
  if (form === SNAPSHOT) return snapshot;
  const [revision, bytes, timers] = [reader.varint(), reader.varint(), reader.u8() === 1];
  return { ...snapshot, stored: { revision, bytes, timers } };
}

function writeTimer(writer: BatchWriter, timer: TimerData): void {
  writer.string(timer.id);
  writer.string(timer.message);
  writer.f64(timer.remainingMs);
  writer.f64(timer.everyMs ?? 0);
  writer.bytes(timer.argument);
  writer.headers(timer.headers);
}

function readTimer(reader: BatchReader): TimerData {
  const [id, message, remainingMs, everyMs] = [reader.string(), reader.string(), reader.f64(), reader.f64()];
  if (!(remainingMs >= 0) || !(everyMs >= 0))
    throw new DecodeError("Cannot read a timer: its times are not times");
  const argument = reader.bytes().slice();
  return { id, message, remainingMs, everyMs: everyMs || undefined, argument, headers: reader.headers() };
}

function writeMail(writer: BatchWriter, mail: PackedMail): void {
  writePlace(writer, mail.from);
  writer.varint(mail.seq);
  writer.u8(mail.type === "ask" ? 1 : 2);
  writer.string(mail.name);
  writer.string(mail.message);
  writer.varint(mail.remainingMs);
  writer.varint(mail.chain.length);
  for (const address of mail.chain) writer.string(address);
  writer.bytes(mail.argument);
  writer.headers(mail.headers);
}

function readMail(reader: BatchReader): PackedMail {
  const from = readPlace(reader);
  const seq = reader.varint();
  const type = reader.u8() === 1 ? "ask" : "tell";
  const [name, message, remainingMs] = [reader.string(), reader.string(), reader.varint()];
  const chain = reader.texts();
  const argument = reader.bytes().slice();
  return { from, seq, type, name, message, remainingMs, chain, argument, headers: reader.headers() };
}

const NOWHERE: Place = { node: "", incarnation: "" };

function writePlace(writer: ByteWriter, { node, incarnation }: Place): void {
  writer.string(node);
  writer.string(incarnation);
}

function readPlace(reader: ByteReader): Place {
  return { node: reader.string(), incarnation: reader.string() };
}
