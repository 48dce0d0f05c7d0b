/**
 * The state of one activation: the value that handlers change, and beside it a copy as it was when it last fitted. What
 * the actor has beside its state goes with it.
 *
 * A handler that leaves a state which does not fit is undone from that copy, so nothing is ever sealed that the
 * schema refuses, and the caller hears it at the write and not at the next move.
 *
 * @module
 */
import { sameBytes } from "../../codec/bytes.ts";
import { copyValue } from "../../codec/value.ts";
import type { Codec } from "../../codec/codec.ts";
import { NO } from "../check.ts";
import type { Registration } from "../host.ts";
import { type FrozenView, frozenView } from "./frozen_view.ts";
import { Annex } from "../annex/annex.ts";
import { type Content, copyByLibrary, copyState, lengthOf, pack, type Snapshot } from "./snapshot.ts";
import { stateTooLong } from "../actor_errors.ts";

/** How a stored actor's state becomes bytes after each handler. */
export interface Packing {
  readonly codec: Codec;
  /** Longest state in bytes. */
  readonly bytesMax: number;
}

/** See the module's text. */
export class StateCell {
  readonly #hosted: Registration;
  readonly #name: string;
  #state: unknown;
  /** Nobody changes it, and it shares with the one before it what has not changed. */
  #checked: unknown;
  /** The latest copy that the pattern of the state has given: what is compared with. */
  #known: unknown = NO;
  #last: unknown;
  /** Whether what is lent now is to be read only. */
  #isReading = false;
  /** The view of the state that last fitted, and of which one it is. */
  #view: (FrozenView & { readonly of: unknown }) | undefined;
  #exists: boolean;
  #touched = false;
  #kept: boolean;
  readonly #packing: Packing | undefined;
  #settled: Snapshot | undefined;
  /** Whether a class may hold on to a part of the state, and change it without asking for it. */
  #lent = false;
  #erased = false;
  /** What handlers change, and what it was when the state last fitted. */
  #annex: Annex = Annex.EMPTY;
  #checkedAnnex: Annex = Annex.EMPTY;

  /** @param content `undefined` for the initial state, made by `begin` @param packing of a stored actor */
  constructor(hosted: Registration, name: string, content: Content | undefined, packing?: Packing) {
    this.#hosted = hosted;
    this.#packing = packing;
    this.#name = name;
    this.#exists = content !== undefined;
    this.#kept = this.#exists;
    if (content) this.install(content);
  }

  /** Makes the initial state if there is none. @throws whatever `initialState` throws, or InvalidStateError */
  begin(): void {
    const state = this.#exists ? this.#state : this.#hosted.initialState(this.#name);
    const checked = this.#copyOf(state);
    this.#pack(checked);
    this.#checked = checked;
    this.#state = copyValue(checked);
    this.#exists = true;
  }

  /** Takes what it is to begin with, before `begin`. */
  install({ state, annex }: Content): void {
    this.#exists = true;
    this.#kept = true;
    this.#state = state;
    this.#checked = state;
    this.#annex = annex;
    this.#checkedAnnex = annex;
  }

  /** It is not to be relied on any more: nothing is left to be carried. */
  forget(): void {
    this.#exists = false;
    this.#settled = undefined;
  }

  /** There is no state any more, and will be none in this activation; `last` still tells what it was. */
  erase(): void {
    this.last();
    this.forget();
    this.#erased = true;
    this.#touched = false;
    this.#kept = false;
    this.#state = undefined;
    this.#checked = undefined;
    this.#view = undefined;
    this.#known = NO;
    this.#annex = Annex.EMPTY;
    this.#checkedAnnex = Annex.EMPTY;
  }

  /** See {@link StateCell.erase}. */
  get isErased(): boolean {
    return this.#erased;
  }

  /** Of a stored actor: the state that last fitted, another object after each change; `undefined` before `begin`. */
  get settled(): Snapshot | undefined {
    return this.#settled;
  }

  /** A copy that fits: the former one if nothing has changed. @throws {InvalidStateError} */
  #copyOf(state: unknown): unknown {
    this.#known = this.#hosted.state.keep(this.#known, state);
    return this.#known === NO ? copyByLibrary(this.#hosted, state) : this.#known;
  }

  #pack(checked: unknown): void {
    if (this.#packing === undefined) return;
    const { codec, bytesMax } = this.#packing;
    const snapshot = pack(this.#hosted, { state: checked, annex: this.#annex }, codec);
    const length = lengthOf(snapshot);
    if (length > bytesMax) throw stateTooLong(this.#hosted.contract.kind, length, bytesMax);
    const { annex, bytes } = snapshot;
    const former = this.#settled;
    if (former === undefined || former.annex !== annex || !sameBytes(former.bytes, bytes))
      this.#settled = { ...snapshot, bytes: bytes.slice() };
  }

  /** What is lent from now on is to be read only, or it is not. */
  set isReading(is: boolean) {
    this.#isReading = is;
  }

  get(): unknown {
    if (this.#isReading) return this.#reading();
    this.#touched = true;
    this.#lent = true;
    return this.#state;
  }

  /** A view of what last fitted, made once for each; of a state that is checked at its end only, of what there is now. */
  #reading(): unknown {
    if (this.#hosted.contract.stateCheck === "seal") return frozenView(this.#copy()).value;
    const of = this.#checked;
    let view = this.#view;
    if (view === undefined || view.of !== of || !view.isSafe) this.#view = view = { of, ...frozenView(of) };
    return view.value;
  }

  /** The state as it was at the end, to be read only. */
  last(): unknown {
    this.#last ??= frozenView(this.#copy()).value;
    return this.#last;
  }

  #copy(): unknown {
    try {
      return copyValue(this.#state);
    } catch {
      return copyValue(this.#checked);
    }
  }

  /** @throws {TypeError} if what is lent now is to be read only */
  set(value: unknown): void {
    if (this.#isReading)
      throw new TypeError("Cannot change a state that is to be read only: its message is declared readonly");
    this.#touched = true;
    this.#lent = true;
    this.#state = value;
  }

  /** What it has beside its state, as a handler that runs now has left it. */
  get annex(): Annex {
    return this.#annex;
  }

  /** @throws {TypeError} if what is lent now is to be read only */
  set annex(annex: Annex) {
    if (this.#isReading)
      throw new TypeError(
        "Cannot change what an actor has beside its state: its message is declared readonly",
      );
    this.#annex = annex;
  }

  /**
   * Changes what stands beside the state for the framework, between handlers: none of them has done it, and none undoes it.
   *
   * @throws {InvalidStateError} if a stored actor would be too long then; nothing has changed
   */
  amend(change: (annex: Annex) => Annex): void {
    if (this.#erased) return;
    const [annex, checked] = [this.#annex, this.#checkedAnnex];
    this.#annex = change(checked);
    try {
      this.#pack(this.#checked);
    } catch (error) {
      this.#annex = annex;
      throw error;
    }
    this.#checkedAnnex = this.#annex;
    if (annex !== checked) this.#annex = change(annex); // code that goes on after its handler has changed it as well
  }

  /** What it had beside its state when that last fitted. */
  get settledAnnex(): Annex {
    return this.#checkedAnnex;
  }

  /** Whether it must be kept: it came from elsewhere, or a handler or hook reached for it. */
  get mustKeep(): boolean {
    return !this.#erased && (this.#kept || this.#touched || !this.#annex.isEmpty);
  }

  /** After a handler or hook. @throws {InvalidStateError} if the state does not fit; it is then what it was before */
  settle(): void {
    const isAnnexed = this.#annex !== this.#checkedAnnex;
    if (this.#erased || (!this.#touched && !isAnnexed && !(this.#lent && this.#packing))) return;
    try {
      if (this.#hosted.contract.stateCheck === "handler") {
        const checked = this.#copyOf(this.#state);
        if (isAnnexed || checked !== this.#checked) this.#pack(checked);
        this.#checked = checked;
      }
      this.#checkedAnnex = this.#annex;
    } catch (error) {
      this.undo();
      throw error;
    }
    this.#touched = false;
    this.#kept = true;
  }

  /** Back to the state that last fitted. */
  undo(): void {
    this.#annex = this.#checkedAnnex;
    this.#touched = false;
    this.#lent = false;
    this.#state = copyValue(this.#checked);
  }

  /** The state as bytes; `undefined` if there is none yet. @throws {InvalidStateError} */
  snapshot(codec: Codec): Snapshot | undefined {
    if (!this.#exists) return undefined;
    if (this.#settled) return this.#settled;
    const unchecked = this.#touched || this.#hosted.contract.stateCheck === "seal";
    // not what was checked, even if nobody has reached for it since: a class may hold on to a part and change that
    const state = unchecked ? copyState(this.#hosted, this.#state) : this.#state;
    return pack(this.#hosted, { state, annex: this.#annex }, codec);
  }

  /** The state as it is, whether it fits or not; `undefined` if there is none, or nothing that can travel. */
  raw(codec: Codec): Snapshot | undefined {
    try {
      const content = { state: this.#state, annex: this.#annex };
      return this.#exists ? pack(this.#hosted, content, codec) : undefined;
    } catch {
      return undefined;
    }
  }
}
