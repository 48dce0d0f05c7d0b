/**
 * A sealed shard as bytes: its link table, the replies that nobody has confirmed, and its actors. The counts come
 * first and the end is checked, so a batch is taken whole or not at all.
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

const BATCH_VERSION = 1;

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

const STATUSES = ["active", "passive", "late", "quarantined"] as const;

export function encodeBatch(batch: Batch): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(BATCH_VERSION);
  writeAll(writer, batch.links, ({ from, expected }) => {
    writePlace(writer, from);
    writer.varint(expected);
  });
  writeAll(writer, batch.replies, (reply) => {
    writePlace(writer, reply.to);
    writer.varint(reply.epoch);
    writer.varint(reply.seq);
    writer.u8((reply.ok ? 1 : 0) | (reply.refusesTell ? 2 : 0));
    writer.bytes(reply.body);
  });
  writeAll(writer, batch.actors, (actor) => writeActor(writer, actor));
  return writer.finish();
}

/** @throws {DecodeError} */
export function decodeBatch(bytes: Uint8Array): Batch {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== BATCH_VERSION)
    throw new DecodeError(`Cannot read a batch: its version ${version} is unknown`);
  const links = readAll(reader, () => ({ from: readPlace(reader), expected: reader.varint() }));
  const replies = readAll(reader, () => readReply(reader));
  const actors = readAll(reader, () => readActor(reader));
  reader.expectEnd();
  return { links, replies, actors };
}

/** One late actor by itself. */
export function encodeActor(actor: BatchActor): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(BATCH_VERSION);
  writeActor(writer, actor);
  return writer.finish();
}

/** @throws {DecodeError} */
export function decodeActor(bytes: Uint8Array): BatchActor {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== BATCH_VERSION)
    throw new DecodeError(`Cannot read an actor: its version ${version} is unknown`);
  const actor = readActor(reader);
  reader.expectEnd();
  return actor;
}

function writeActor(writer: ByteWriter, actor: BatchActor): void {
  writer.string(actor.name);
  writer.u8(STATUSES.indexOf(actor.status));
  writeSnapshot(writer, actor.snapshot);
  writePlace(writer, actor.at ?? NOWHERE);
  writer.string(actor.reason ?? "");
  writeAll(writer, actor.timers, (timer) => {
    writer.string(timer.id);
    writer.string(timer.message);
    writer.f64(timer.remainingMs);
    writer.f64(timer.everyMs ?? 0);
    writer.bytes(timer.argument);
  });
  writeAll(writer, actor.backlog, (mail) => writeMail(writer, mail));
}

function readActor(reader: ByteReader): BatchActor {
  const name = reader.string();
  const status = STATUSES[reader.u8()];
  if (status === undefined) throw new DecodeError("Cannot read an actor: its status is unknown");
  const snapshot = readSnapshot(reader);
  const at = readPlace(reader);
  const reason = reader.string();
  const timers = readAll(reader, () => readTimer(reader));
  const backlog = readAll(reader, () => readMail(reader));
  return {
    name,
    status,
    snapshot,
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

function readTimer(reader: ByteReader): TimerData {
  const [id, message, remainingMs, everyMs] = [reader.string(), reader.string(), reader.f64(), reader.f64()];
  if (!(remainingMs >= 0) || !(everyMs >= 0))
    throw new DecodeError("Cannot read a timer: its times are not times");
  return { id, message, remainingMs, everyMs: everyMs || undefined, argument: reader.bytes().slice() };
}

function writeMail(writer: ByteWriter, mail: PackedMail): void {
  writePlace(writer, mail.from);
  writer.varint(mail.seq);
  writer.u8(mail.type === "ask" ? 1 : 2);
  writer.string(mail.name);
  writer.string(mail.message);
  writer.varint(mail.remainingMs);
  writeAll(writer, mail.chain, (address) => writer.string(address));
  writer.bytes(mail.argument);
}

function readMail(reader: ByteReader): PackedMail {
  const from = readPlace(reader);
  const seq = reader.varint();
  const type = reader.u8() === 1 ? "ask" : "tell";
  const [name, message, remainingMs] = [reader.string(), reader.string(), reader.varint()];
  const chain = readAll(reader, () => reader.string());
  return { from, seq, type, name, message, remainingMs, chain, argument: reader.bytes().slice() };
}

function readReply(reader: ByteReader): BatchReply {
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

const NOWHERE: Place = { node: "", incarnation: "" };

function writePlace(writer: ByteWriter, { node, incarnation }: Place): void {
  writer.string(node);
  writer.string(incarnation);
}

function readPlace(reader: ByteReader): Place {
  return { node: reader.string(), incarnation: reader.string() };
}

function writeAll<T>(writer: ByteWriter, items: readonly T[], write: (item: T) => void): void {
  writer.varint(items.length);
  for (const item of items) write(item);
}

function readAll<T>(reader: ByteReader, read: () => T): T[] {
  const length = reader.varint();
  // each takes a byte at least, so a forged count cannot ask for more memory than was sent
  if (length > reader.left)
    throw new DecodeError(`Cannot read a list: its length is ${length}, with ${reader.left} bytes left`);
  return Array.from({ length }, read);
}
