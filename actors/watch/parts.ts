/**
 * What actors have beside their states because they watch others, or are watched.
 *
 * @module
 */
import { DecodeError } from "../../errors.ts";
import type { ByteReader, ByteWriter } from "../../codec/bytes.ts";
import type { AnnexPart } from "../annex/annex.ts";

/** Actors that one actor may watch. */
export const WATCHES_MAX = 1_000;
/** Actors that may watch one actor. */
export const WATCHERS_MAX = 1_000;

/** Where a watch stands with the actor that watches. */
export type WatchStage =
  /** It has been asked for, and the watched actor's owner has not said yet that it knows. */
  | "asked"
  /** That has been said. */
  | "standing"
  /** It is not wanted any more, and the watched actor's owner has not said yet that it knows. */
  | "leaving";

/** One watch of an actor: stands beside the state of the one that watches. */
export interface WatchEntry {
  /** Of this watch alone: another watch of the same actor has another. */
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  /** The tell that is sent when the other ends. */
  readonly message: string;
  readonly stage: WatchStage;
  /** Whether it ends at once if the other is not there. */
  readonly tellsAbsence: boolean;
}

/** Who watches an actor: stands beside the state of the one that is watched. */
export interface Watcher {
  /** Of the watch. */
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  /** Of the watcher's shard when the watch came. */
  readonly epoch: number;
}

const STAGES: readonly WatchStage[] = Object.freeze<WatchStage[]>(["asked", "standing", "leaving"]);
/** Of a watch as bytes: the lowest two bits are its stage. */
const TELLS_ABSENCE = 4;
const STAGE_BITS = 3;

/** What an actor watches. It stays loaded: nobody else remembers that something is to be heard for it. */
export const WATCHES: AnnexPart<readonly WatchEntry[]> = Object.freeze({
  number: 3,
  staysLoaded: true,
  write: (writer: ByteWriter, watches: readonly WatchEntry[]) => {
    for (const { id, kind, name, message, stage, tellsAbsence } of watches) {
      for (const text of [id, kind, name, message]) writer.string(text);
      writer.u8(STAGES.indexOf(stage) | (tellsAbsence ? TELLS_ABSENCE : 0));
    }
  },
  read: (reader: ByteReader) =>
    entries(reader, () => {
      const [id, kind, name, message] = [reader.string(), reader.string(), reader.string(), reader.string()];
      const bits = reader.u8();
      const stage = STAGES[bits & STAGE_BITS];
      if (stage === undefined)
        throw new DecodeError(`Cannot read a watch: its stage is ${bits & STAGE_BITS}`);
      return { id, kind, name, message, stage, tellsAbsence: (bits & TELLS_ABSENCE) !== 0 };
    }),
});

/** Who watches an actor. A stored one may sleep all the same: it ends only when it is awake. */
export const WATCHERS: AnnexPart<readonly Watcher[]> = Object.freeze({
  number: 4,
  staysLoaded: false,
  write: (writer: ByteWriter, watchers: readonly Watcher[]) => {
    for (const { id, kind, name, epoch } of watchers) {
      for (const text of [id, kind, name]) writer.string(text);
      writer.varint(epoch);
    }
  },
  read: (reader: ByteReader) =>
    entries(reader, () => {
      const [id, kind, name] = [reader.string(), reader.string(), reader.string()];
      return { id, kind, name, epoch: reader.varint() };
    }),
});

function entries<T>(reader: ByteReader, read: () => T): T[] {
  const all: T[] = [];
  while (!reader.done) all.push(read());
  return all;
}
