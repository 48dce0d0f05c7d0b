/**
 * The state of one activation: the value that handlers change, and beside it a copy as it was when it last fitted.
 *
 * A handler that leaves a state which does not fit is undone from that copy, so nothing is ever sealed that the
 * schema refuses, and the caller hears it at the write and not at the next move.
 *
 * @module
 */
import { copyValue } from "../transport/value.ts";
import type { Codec } from "../transport/codec.ts";
import type { Hosted } from "./host.ts";
import { copyState, packState, type Snapshot } from "./snapshot.ts";

/** See the module's text. */
export class StateCell {
  readonly #hosted: Hosted;
  readonly #name: string;
  #state: unknown;
  #checked: unknown;
  #last: unknown;
  #exists: boolean;
  #touched = false;
  #kept: boolean;

  /** @param state one that was checked, or `undefined` for the initial one, made by `begin` */
  constructor(hosted: Hosted, name: string, state: unknown) {
    this.#hosted = hosted;
    this.#name = name;
    this.#exists = state !== undefined;
    this.#kept = this.#exists;
    this.#state = state;
    this.#checked = state;
  }

  /** Makes the initial state if there is none. @throws whatever `initialState` throws, or InvalidStateError */
  begin(): void {
    const state = this.#exists ? this.#state : this.#hosted.initialState(this.#name);
    this.#checked = copyState(this.#hosted, state);
    this.#state = copyValue(this.#checked);
    this.#exists = true;
  }

  get(): unknown {
    this.#touched = true;
    return this.#state;
  }

  /** The state as it was at the end, to be read only. */
  last(): unknown {
    this.#last ??= frozen(this.#copy());
    return this.#last;
  }

  #copy(): unknown {
    try {
      return copyValue(this.#state);
    } catch {
      return copyValue(this.#checked);
    }
  }

  set(value: unknown): void {
    this.#touched = true;
    this.#state = value;
  }

  /** Whether it must be kept: it came from elsewhere, or a handler or hook reached for it. */
  get mustKeep(): boolean {
    return this.#kept || this.#touched;
  }

  /** After a handler or hook. @throws {InvalidStateError} if the state does not fit; it is then what it was before */
  settle(): void {
    if (!this.#touched) return;
    try {
      if (this.#hosted.contract.stateCheck === "handler")
        this.#checked = copyState(this.#hosted, this.#state);
    } catch (error) {
      this.undo();
      throw error;
    }
    this.#touched = false;
    this.#kept = true;
  }

  /** Back to the state that last fitted. */
  undo(): void {
    this.#touched = false;
    this.#state = copyValue(this.#checked);
  }

  /** The state as bytes; `undefined` if there is none yet. @throws {InvalidStateError} */
  snapshot(codec: Codec): Snapshot | undefined {
    if (!this.#exists) return undefined;
    const unchecked = this.#touched || this.#hosted.contract.stateCheck === "seal";
    // not what was checked, even if nobody has reached for it since: a class may hold on to a part and change that
    return packState(this.#hosted, unchecked ? copyState(this.#hosted, this.#state) : this.#state, codec);
  }

  /** The state as it is, whether it fits or not; `undefined` if there is none, or nothing that can travel. */
  raw(codec: Codec): Snapshot | undefined {
    try {
      return this.#exists ? packState(this.#hosted, this.#state, codec) : undefined;
    } catch {
      return undefined;
    }
  }
}

/** Objects and lists of a copy throw when they are changed; a change of anything else in it has no effect. */
function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
}
