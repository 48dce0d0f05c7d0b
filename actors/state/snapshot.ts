/**
 * State ⇄ bytes with its version. What the schema refuses does not pass in either direction, and an older state is
 * upgraded before anything else sees it.
 *
 * @module
 */
import { InvalidStateError, isActorError, toErrorData, wordsOf } from "../../errors.ts";
import type { Codec } from "../../codec/codec.ts";
import { firstDifference } from "../../codec/difference.ts";
import { copyValue } from "../../codec/value.ts";
import { Annex } from "../annex/annex.ts";
import { ANNEX_PARTS } from "../annex/parts.ts";
import type { Registration } from "../host.ts";
import { NO } from "../check.ts";
import { firstIssue } from "../schema.ts";

/** Which entry of the store a state is equal to. */
export interface StoredMark {
  /** 0 if there is none. */
  readonly revision: number;
  /** Length of the entry. */
  readonly bytes: number;
  /** Whether it holds timers, or something else for which who owns it next must load it without being asked. */
  readonly timers: boolean;
}

/** A state as it travels or sleeps: its version, and CBOR bytes. */
export interface Snapshot {
  readonly stateVersion: number;
  readonly bytes: Uint8Array;
  /** What it has beside its state, by {@link Annex.bytes}; absent if nothing. */
  readonly annex?: Uint8Array | undefined;
  /** Of a stored actor: the store's entry that this is equal to. */
  readonly stored?: StoredMark | undefined;
}

/** What an activation begins with that does not begin afresh. */
export interface Content {
  /** Checked. */
  readonly state: unknown;
  readonly annex: Annex;
}

/** Bytes of a snapshot, as far as they grow with what the actor has. */
export function lengthOf({ bytes, annex }: Snapshot): number {
  return bytes.byteLength + (annex?.byteLength ?? 0);
}

/**
 * A deep copy of a state that fits its schema.
 * @throws {InvalidStateError} if it does not fit, holds what cannot travel, or would lose a field in validation
 */
export function copyState(hosted: Registration, state: unknown): unknown {
  const kept = hosted.state.keep(NO, state);
  return kept === NO ? copyByLibrary(hosted, state) : kept;
}

/** The same, and the longer way: for a state of which its pattern cannot say that it fits. */
export function copyByLibrary(hosted: Registration, state: unknown): unknown {
  const { kind } = hosted.contract;
  const copy = copyOf(kind, state);
  const result = hosted.state.askLibrary(state);
  if (result.issues) {
    const { path, words } = firstIssue("value", result.issues);
    throw new InvalidStateError(`Cannot keep a state of kind "${kind}": ${words}`, { path });
  }
  const path = firstDifference(result.value, copy);
  if (path !== undefined) {
    const words = `Cannot keep a state of kind "${kind}": its schema would change or drop "${path}"`;
    throw new InvalidStateError(words, { path });
  }
  return copy;
}

/** As bytes: a state that was checked, and what the actor has beside it. */
export function pack(hosted: Registration, { state, annex }: Content, codec: Codec): Snapshot {
  const { stateVersion, kind } = hosted.contract;
  const snapshot = { stateVersion, bytes: guarded(kind, () => codec.encode(state)) };
  return annex.isEmpty ? snapshot : { ...snapshot, annex: annex.bytes };
}

/**
 * What a snapshot holds, its state upgraded and checked.
 *
 * @throws {InvalidStateError} if the state is of a newer version, does not decode, upgrade or fit
 * @throws {DecodeError} if the annex cannot be read
 */
export function unpack(hosted: Registration, snapshot: Snapshot, codec: Codec): Content {
  return { state: unpackState(hosted, snapshot, codec), annex: readAnnex(snapshot) };
}

/** @throws {DecodeError} */
export function readAnnex({ annex }: Snapshot): Annex {
  return annex ? Annex.read(annex, ANNEX_PARTS) : Annex.EMPTY;
}

function unpackState(hosted: Registration, snapshot: Snapshot, codec: Codec): unknown {
  const { kind, stateVersion } = hosted.contract;
  if (snapshot.stateVersion > stateVersion) {
    const found = `its version is ${snapshot.stateVersion}, and this node reads up to ${stateVersion}`;
    throw new InvalidStateError(`Cannot read a state of kind "${kind}" that is too new: ${found}`);
  }
  const old = guarded(kind, () => codec.decode(snapshot.bytes));
  const state = snapshot.stateVersion < stateVersion ? upgraded(hosted, snapshot.stateVersion, old) : old;
  return copyState(hosted, state);
}

function upgraded(hosted: Registration, fromVersion: number, old: unknown): unknown {
  const { kind } = hosted.contract;
  try {
    const state = hosted.upgrade(fromVersion, old);
    if (!(state instanceof Promise)) return state;
  } catch (cause) {
    const words = `Cannot upgrade a state of kind "${kind}" from version ${fromVersion}`;
    throw new InvalidStateError(`${words}: upgrade() threw "${wordsOf(cause, "?")}"`, { cause });
  }
  throw new InvalidStateError(
    `Cannot upgrade a state of kind "${kind}": upgrade() is asynchronous; it must return the state at once`,
  );
}

function copyOf(kind: string, state: unknown): unknown {
  try {
    return copyValue(state);
  } catch (error) {
    throw uncarriable(kind, error);
  }
}

function guarded<T>(kind: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw uncarriable(kind, error);
  }
}

function uncarriable(kind: string, cause: unknown): unknown {
  if (!isActorError(cause)) return cause;
  const { message, path } = toErrorData(cause);
  const detail = path === undefined ? { cause } : { cause, path };
  return new InvalidStateError(`Cannot carry a state of kind "${kind}": ${message}`, detail);
}
