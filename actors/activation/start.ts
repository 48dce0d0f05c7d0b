/**
 * The start of an activation: its state, its instance, `onActivate`. A start that fails changes nothing.
 *
 * @module
 */
import { toErrorData } from "../../errors.ts";
import type { ActorRuntime } from "./activation_host.ts";
import { type ContextSource, LentContext } from "./context.ts";
import type { Registration } from "../host.ts";
import type { ActivationReason } from "../lifecycle.ts";
import { reportFailure } from "../actor_events.ts";
import type { StateCell } from "../state/state_cell.ts";
import type { ActorTimer } from "../state/timers.ts";
import type { UserCode } from "./user_code.ts";

/** Who starts. */
export interface StartOwner extends ContextSource {
  readonly why: ActivationReason;
  /** What the hook has asked for takes effect. */
  carryOut(): void;
  giveUpWish(): void;
  onStarted(): void;
  onFailedStart(error: unknown): void;
}

/** What a start works with. */
export interface StartDeps {
  readonly hosted: Registration;
  readonly runtime: ActorRuntime;
  readonly state: StateCell;
  readonly code: UserCode;
}

/** See the module's text. */
export class Start {
  readonly #owner: StartOwner;
  readonly #deps: StartDeps;
  #timersBefore: readonly ActorTimer[] | undefined;
  #isDone = false;

  constructor(owner: StartOwner, deps: StartDeps) {
    this.#owner = owner;
    this.#deps = deps;
  }

  /** Whether `onActivate` has ended well. */
  get isDone(): boolean {
    return this.#isDone;
  }

  run(): void {
    const { hosted, runtime, state, code } = this.#deps;
    const { kind, name, why, timers, outputs } = this.#owner;
    const failed = (error: unknown) => this.#failed(error);
    try {
      state.begin();
      outputs.begin();
      this.#timersBefore = timers.mark();
      code.create(hosted, new LentContext(hosted, runtime, this.#owner, state));
    } catch (error) {
      return failed(error);
    }
    runtime.events.emit({ type: "actor-activated", kind, name, why });
    code.onActivate(why, () => this.#ended(), failed);
  }

  #ended(): void {
    try {
      this.#deps.state.settle();
      this.#owner.carryOut();
      this.#owner.outputs.hookEnded();
    } catch (error) {
      return this.#failed(error);
    }
    this.#timersBefore = undefined;
    this.#isDone = true;
    this.#owner.onStarted();
  }

  /** Back to the state that it was to begin with. */
  #failed(error: unknown): void {
    const { state, code, runtime } = this.#deps;
    this.#owner.giveUpWish();
    state.undo();
    if (this.#timersBefore) this.#owner.timers.undo(this.#timersBefore);
    code.discard();
    reportFailure(runtime.events, this.#owner, "onActivate", toErrorData(error));
    this.#owner.onFailedStart(error);
  }
}
