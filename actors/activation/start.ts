/**
 * The start of an activation: its state, its instance, `onActivate`. A start that fails changes nothing.
 *
 * @module
 */
import { type ErrorData, toErrorData } from "../../errors.ts";
import type { ActorRuntime } from "./activation_host.ts";
import { type ContextSource, LentContext } from "./context.ts";
import type { Registration } from "../host.ts";
import type { ActivationReason } from "../lifecycle.ts";
import { reportFailure } from "../actor_events.ts";
import type { OutputSink } from "../durable/output_sink.ts";
import type { StateCell } from "../state/state_cell.ts";
import type { ActorTimer, ActorTimers } from "../state/timers.ts";
import type { UserCode } from "./user_code.ts";

/** Who starts. */
export interface StartOwner extends ContextSource {
  readonly why: ActivationReason;
  /** What the hook has asked for takes effect. */
  carryOut(): void;
  onStart(event: StartEvent): void;
}

/** How a start ends. */
export type StartEvent =
  | { readonly type: "started" }
  | { readonly type: "start-failed"; readonly error: ErrorData };

/** What a start works with. */
export interface StartDeps {
  readonly hosted: Registration;
  readonly runtime: ActorRuntime;
  readonly state: StateCell;
  readonly timers: ActorTimers;
  readonly outputs: OutputSink;
  readonly code: UserCode;
}

/** See the module's text. */
export class Start {
  readonly #owner: StartOwner;
  readonly #deps: StartDeps;
  #timersBefore: readonly ActorTimer[] | undefined;

  constructor(owner: StartOwner, deps: StartDeps) {
    this.#owner = owner;
    this.#deps = deps;
  }

  run(): void {
    const { hosted, runtime, state, timers, outputs, code } = this.#deps;
    const { kind, name, why } = this.#owner;
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
      this.#deps.outputs.hookEnded();
    } catch (error) {
      return this.#failed(error);
    }
    this.#timersBefore = undefined;
    this.#owner.onStart({ type: "started" });
  }

  /** Back to the state that it was to begin with. */
  #failed(error: unknown): void {
    const { state, timers, code, runtime } = this.#deps;
    state.undo();
    if (this.#timersBefore) timers.undo(this.#timersBefore);
    code.discard();
    const data = toErrorData(error);
    reportFailure(runtime.events, this.#owner, "onActivate", data);
    this.#owner.onStart({ type: "start-failed", error: data });
  }
}
