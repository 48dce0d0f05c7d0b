/**
 * The output gate of a stored actor: what its handlers say goes out when the state that it tells of is stored.
 *
 * ```
 *   handler ends ──► settled state and timers ──► commit ──acknowledged──► outputs up to that state go out
 * ```
 *
 * Handlers run ahead while a commit is under way; there is one at a time, and the next takes along whatever they have
 * changed until then. Nothing is written for a handler that changed nothing.
 *
 * @module
 */
import { BusyError, type ErrorData } from "../../errors.ts";
import type { HeaderMap } from "../../codec/header_map.ts";
import type { EventBus } from "../../events.ts";
import type { OutputQuota, QuotaSeeker } from "../node_limits.ts";
import { Annex } from "../annex/annex.ts";
import type { Contract } from "../contract.ts";
import { validTell } from "../argument.ts";
import { unchanged } from "../caller/context_layer.ts";
import type { Checks } from "../check.ts";
import type { Mail } from "../activation/mail.ts";
import { HeldEnd, HeldTell, type Output } from "./held_output.ts";
import type { OutputSink } from "./output_sink.ts";
import { type Channel, HEADERS, type SendOptions } from "../ref.ts";
import { notStored } from "../actor_errors.ts";
import type { Snapshot, StoredMark } from "../state/snapshot.ts";
import type { StateCell } from "../state/state_cell.ts";
import type { ActorTimers, SettledTimer } from "../state/timers.ts";
import type { RefusedTells } from "../tell_promise.ts";
import { type Kept, NOTHING_STORED, type StateStore } from "./state_store.ts";

/** Whose gate it is. */
export interface GateOwner extends QuotaSeeker {
  readonly kind: string;
  readonly name: string;
  /** Whether a handler or hook of it is running, whose end will be heard. */
  readonly isHandling: boolean;
  /** What goes along with a tell that it sends now. */
  readonly tellHeaders: HeaderMap | undefined;
  /** @throws {FencedError} once it is sealed, given up or fenced */
  assertLive(): void;
  /** Something was stored and went out. */
  onProgress(): void;
  /** The entry is another's: what this activation has not stored never will be. */
  onRefused(): void;
  /** The store has said no: what this activation has not stored is undone. See {@link Kept}. */
  onDenied(kept: Kept): void;
}

/** What a gate works with. */
export interface GateDeps {
  readonly stateStore: StateStore;
  readonly state: StateCell;
  readonly timers: ActorTimers;
  readonly events: EventBus;
  readonly refusedTells: RefusedTells;
  /** Of the arguments of tells. */
  readonly checks: Checks;
  /** What waits behind all gates of the node. */
  readonly scales: OutputQuota;
  /** Told what an output threw on its way out, which none should. */
  readonly onThrow: (error: unknown) => void;
}

/** What a commit writes. */
interface Written {
  readonly state: Snapshot | undefined;
  readonly timers: readonly SettledTimer[];
  readonly annex: Annex;
}

/** Outputs that may wait before no further handler starts. */
const OUTPUTS_MAX = 1_024;
/** Tells that one handler may send. */
const TELLS_MAX = 65_536;

/** See the module's text. */
export class OutputGate implements OutputSink {
  readonly #owner: GateOwner;
  readonly #deps: GateDeps;
  /** Of handlers that have ended, in order. The first `#covered` go out with the commit under way. */
  #queue: Output[] = [];
  #covered = 0;
  /** Of the handler that is running. */
  #tells: Output[] = [];
  #mark: StoredMark = NOTHING_STORED;
  #state: Snapshot | undefined;
  #timers: readonly SettledTimer[] = [];
  #timersSeen = 0;
  #storedState: Snapshot | undefined;
  #storedTimers: readonly SettledTimer[] = this.#timers;
  #annex: Annex = Annex.EMPTY;
  #storedAnnex: Annex = Annex.EMPTY;
  /** What it begins with was never stored: it came from where the kind lived in memory. */
  #isNewer = false;
  /** It has begun with that. */
  #mustStore = false;
  #committing = false;
  /** Outputs go out one after the other: the first may have arrived, and be all that its owner waits for, before the second goes. */
  #isReleasing = false;
  #closed = false;
  #refusal: ErrorData | undefined;

  constructor(owner: GateOwner, deps: GateDeps) {
    this.#owner = owner;
    this.#deps = deps;
  }

  get isQuiet(): boolean {
    if (this.#committing || this.#isReleasing || this.#isDirty) return false;
    return this.#queue.length === 0 && this.#tells.length === 0;
  }

  hasRoom(): boolean {
    return this.#queue.length < OUTPUTS_MAX && this.#deps.scales.hasRoom(this.#owner);
  }

  get mark(): StoredMark | undefined {
    return this.#isNewer ? undefined : this.#mark;
  }

  get isNewer(): boolean {
    return this.#isNewer;
  }

  get refusal(): ErrorData | undefined {
    return this.#refusal;
  }

  get #isDirty(): boolean {
    if (this.#closed) return false;
    const isNothing = this.#state === undefined && this.#timers.length === 0;
    if (isNothing && this.#mark.revision === 0 && !this.#isNewer) return false; // it is destroyed, and never was stored
    return this.#mustStore || this.#state !== this.#storedState || this.#timers !== this.#storedTimers;
  }

  standing(): Annex {
    return this.#storedAnnex;
  }

  know(mark: StoredMark, isNewer = false): void {
    this.#mark = mark;
    this.#isNewer = isNewer;
    if (!isNewer) this.#storedAnnex = this.#deps.state.settledAnnex; // also of one that does not begin yet
  }

  begin(): void {
    this.#settle();
    this.#mustStore = this.#isNewer;
    this.#storedState = this.#state;
    this.#storedTimers = this.#timers;
    if (!this.#isNewer) this.#storedAnnex = this.#annex;
  }

  // ---- what handlers leave

  succeed(mail: Mail, value: unknown): undefined {
    this.#ended(mail, value, undefined);
  }

  fail(mail: Mail, error: ErrorData): void {
    this.#ended(mail, undefined, error);
  }

  hookEnded(): void {
    this.#settle();
    this.#queue.push(...this.#tells.splice(0));
    this.#releaseIfStored();
  }

  whenStored(run: () => void): void {
    this.#settle();
    this.#queue.push({ isTell: false, weight: 0, release: run, drop: () => {} });
    this.#releaseIfStored();
  }

  #ended(mail: Mail, value: unknown, error: ErrorData | undefined): void {
    const end = new HeldEnd(this.#deps.events, this.#owner, mail, value, error);
    if (this.#closed) return end.drop(this.#refusal);
    this.#settle();
    this.#queue.push(...this.#tells.splice(0));
    this.#queue.push(this.#weighed(end));
    this.#releaseIfStored();
  }

  #settle(): void {
    const { state, timers } = this.#deps;
    this.#state = state.settled;
    this.#annex = state.settledAnnex;
    if (timers.changes === this.#timersSeen) return;
    this.#timersSeen = timers.changes;
    this.#timers = timers.settled();
  }

  #releaseIfStored(): void {
    if (!this.#committing && !this.#isDirty) this.#release(this.#queue.splice(0));
  }

  #weighed(output: Output): Output {
    this.#deps.scales.take(output.weight);
    return output;
  }

  #release(outputs: readonly Output[]): void {
    const isFirst = !this.#isReleasing;
    this.#isReleasing = true;
    for (const output of outputs) this.#letGo(output, () => output.release());
    if (isFirst) this.#isReleasing = false;
  }

  /** One that cannot go must not keep the others. */
  #letGo({ weight }: Output, go: () => void): void {
    const { scales, onThrow } = this.#deps;
    try {
      go();
    } catch (error) {
      onThrow(error);
    } finally {
      scales.give(weight);
    }
  }

  // ---- commits

  commit(): void {
    if (this.#committing || !this.#isDirty) return;
    const [state, timers, annex] = [this.#state, this.#timers, this.#annex];
    this.#committing = true;
    this.#covered = this.#queue.length;
    this.#deps.stateStore
      .commit({ name: this.#owner.name, state, timers, staysLoaded: annex.staysLoaded }, this.#mark)
      .then(
        (mark) => this.#settled(mark, { state, timers, annex }),
        (error: unknown) => this.#denied(error),
      )
      .catch(this.#deps.onThrow);
  }

  #settled(mark: StoredMark | undefined, { state, timers, annex }: Written): void {
    if (this.#closed) return;
    if (mark === undefined) return this.#refused();
    this.#committing = false;
    this.#mark = mark;
    this.#isNewer = false;
    this.#mustStore = false;
    this.#storedState = state;
    this.#storedTimers = timers;
    this.#storedAnnex = annex;
    const covered = this.#queue.splice(0, this.#covered);
    this.#covered = 0;
    this.#release(covered);
    this.#releaseIfStored();
    this.commit();
    this.#owner.onProgress();
  }

  #refused(): void {
    if (this.#closed) return;
    this.drop();
    this.#owner.onRefused();
  }

  /** A definite no is no loss: whoever waits hears the store's words, and the actor goes on from what is stored. */
  #denied(refusal: unknown): void {
    if (this.#closed) return;
    const { kind, name } = this.#owner;
    this.#refusal = notStored(kind, name, refusal);
    if (this.#refusal === undefined) return this.#refused();
    this.drop(this.#refusal);
    this.#owner.onDenied({ mark: this.mark, state: this.#storedState, timers: this.#storedTimers });
  }

  drop(error?: ErrorData): void {
    this.#closed = true;
    this.#committing = false;
    const { scales } = this.#deps;
    scales.forget(this.#owner);
    for (const output of [...this.#queue.splice(0), ...this.#tells.splice(0)])
      this.#letGo(output, () => output.drop(error));
  }

  // ---- what handlers send

  channel(contract: Pick<Contract, "kind" | "messages">, name: string, channel: Channel): Channel {
    return {
      send: (type, message, argument, options) => {
        if (type === "tell") return this.#hold(contract, name, channel, message, argument, options);
        this.#letTellsOut();
        return channel.send(type, message, argument, options);
      },
    };
  }

  /** Resolves when it waits here: its handler would otherwise wait for its own end. */
  #hold(
    contract: Pick<Contract, "kind" | "messages">,
    name: string,
    channel: Channel,
    message: string,
    argument: unknown,
    options: SendOptions | undefined,
  ): Promise<unknown> {
    const to = { kind: contract.kind, name };
    try {
      this.#owner.assertLive();
      const copy = validTell(contract, message, argument, this.#deps.checks);
      if (this.#tells.length >= TELLS_MAX || this.#deps.scales.isFull) throw this.#full(message);
      const { tellHeaders } = this.#owner; // when it goes out, something else may be handled
      const headers = unchanged(options?.[HEADERS]?.over(tellHeaders) ?? tellHeaders);
      const held = { ...options, [HEADERS]: headers };
      this.#took(new HeldTell(this.#deps.events, to, channel, message, copy, held));
    } catch (error) {
      return this.#deps.refusedTells.rejected({ ...to, message }, error);
    }
    return Promise.resolve();
  }

  #full(message: string): BusyError {
    const now = `${this.#tells.length} tells of this handler and ${this.#deps.scales.bytes} bytes of the node`;
    return new BusyError(`Cannot send "${message}": ${now} wait to be stored`);
  }

  /** Code that goes on after its handler has no end of its own to wait for: its tells follow what was said last. */
  #took(tell: Output): void {
    if (this.#closed) return tell.drop(this.#refusal);
    if (this.#owner.isHandling) return void this.#tells.push(this.#weighed(tell));
    this.#queue.push(this.#weighed(tell));
    this.#releaseIfStored();
  }

  /** An ask is about to go out: it must not overtake the tells before it. */
  #letTellsOut(): void {
    const isTell = ({ isTell: yes }: Output) => yes;
    const tells = [...this.#queue.filter(isTell), ...this.#tells.splice(0)];
    if (tells.length === 0) return;
    this.#covered -= this.#queue.slice(0, this.#covered).filter(isTell).length;
    this.#queue = this.#queue.filter((output) => !output.isTell);
    this.#release(tells);
  }
}
