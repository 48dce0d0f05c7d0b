/**
 * The last steps of an activation: `onDeactivate`, and of a stored actor what that hook has changed.
 *
 * @module
 */
import { toErrorData } from "../../errors.ts";
import type { ActivationHost } from "./activation_host.ts";
import type { OutstandingSends } from "./outstanding_sends.ts";
import type { ActivationStatus, DeactivationReason } from "../lifecycle.ts";
import type { OutputSink } from "../durable/output_sink.ts";
import { reportFailure } from "../actor_events.ts";
import type { Snapshot } from "../state/snapshot.ts";
import type { StateCell } from "../state/state_cell.ts";
import type { ActorTimers } from "../state/timers.ts";
import type { UserCode } from "./user_code.ts";

/** Who ends. */
export interface DeactivationOwner {
  readonly kind: string;
  readonly name: string;
  readonly status: ActivationStatus;
  readonly timers: ActorTimers;
  readonly outputs: OutputSink;
  readonly mustKeep: boolean;
  /** What the hook has asked for takes effect. */
  carryOut(): void;
  /** @throws {InvalidStateError} */
  snapshot(): Snapshot | undefined;
  end(): void;
  /** The hook has ended: see {@link Deactivation.proceed}. */
  onProgress(): void;
}

/** What an ending works with. */
export interface DeactivationDeps<A> {
  readonly host: ActivationHost<A>;
  readonly state: StateCell;
  readonly code: UserCode;
  readonly conversation: OutstandingSends;
}

/** See the module's text. */
export class Deactivation<A extends DeactivationOwner> {
  readonly #owner: A;
  readonly #host: ActivationHost<A>;
  readonly #state: StateCell;
  readonly #code: UserCode;
  readonly #conversation: OutstandingSends;
  /** Of a `retire` that has not led to the end yet. */
  #hook: "none" | "running" | "ended" = "none";
  #closing = false;
  /** The hook has ended; what is left is to store what it changed. */
  #last: (() => void) | undefined;

  constructor(owner: A, { host, state, code, conversation }: DeactivationDeps<A>) {
    this.#owner = owner;
    this.#host = host;
    this.#state = state;
    this.#code = code;
    this.#conversation = conversation;
  }

  /** Whether it has ended, or has no state any more, and its last hook still runs. */
  get isClosing(): boolean {
    return this.#closing;
  }

  /** Whether its last hook runs, or has run. */
  get hasBegun(): boolean {
    return this.#hook !== "none";
  }

  /** Whether it is about to end. */
  get isRetiring(): boolean {
    return this.#last !== undefined;
  }

  /** Ends it after its hook; the host hears `onRetired`. `again`: it shall begin anew at once. */
  retire(why: DeactivationReason, again: boolean): void {
    this.#hook = "running";
    this.#closing = this.#state.isErased;
    const done = () => {
      this.#hook = "ended";
      this.#closing = false;
      // what it has told last must be there before its successor, here or elsewhere, says anything
      this.#last = () => this.#conversation.whenQuiet(() => this.#retire(again));
      this.#owner.carryOut();
      if (this.#host.stateStore) this.#settle();
      this.#owner.onProgress();
    };
    this.#code.onDeactivate(why, done, (error) => {
      this.#report(error);
      done();
    });
  }

  /** Ends it, if nothing of it waits to be stored any more. */
  proceed(): void {
    if (this.#last === undefined || !this.#owner.outputs.isQuiet) return;
    const last = this.#last;
    this.#last = undefined;
    last();
  }

  #settle(): void {
    try {
      this.#state.settle();
    } catch (error) {
      this.#report(error);
    }
    this.#owner.outputs.hookEnded();
  }

  #retire(again: boolean): void {
    const owner = this.#owner;
    this.#hook = "none";
    if (owner.status !== "active") return; // late meanwhile: it follows its shard instead
    let snapshot: Snapshot | undefined;
    try {
      if (owner.mustKeep) snapshot = owner.snapshot();
    } catch (error) {
      return this.#host.onUnreadable(owner, error);
    }
    const timers = again || owner.timers.size > 0 ? owner.timers.pause() : undefined;
    owner.end();
    this.#host.onRetired(owner, snapshot, timers);
  }

  /** Runs the hook after the end, unless it has begun before: nothing it does has an effect. */
  close(why: DeactivationReason): void {
    this.#closing = this.#hook !== "ended";
    if (this.#hook !== "none") return;
    const done = () => {
      this.#closing = false;
    };
    this.#code.onDeactivate(why, done, (error) => {
      done();
      this.#report(error);
    });
  }

  #report(error: unknown): void {
    reportFailure(this.#host.runtime.events, this.#owner, "onDeactivate", toErrorData(error));
  }
}
