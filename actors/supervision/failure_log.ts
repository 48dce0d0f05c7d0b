/**
 * The failures of one actor that begins anew, as they stand beside its state.
 *
 * @module
 */
import type { ErrorData } from "../../errors.ts";
import type { EventBus } from "../../events.ts";
import type { Clock } from "../../platform/clock.ts";
import { hash32 } from "../../platform/hash.ts";
import type { StateCell } from "../state/state_cell.ts";
import {
  afterFailure,
  countOf,
  FAILURES,
  type Failures,
  type FailureStanding,
  hasFailedLately,
  standingOf,
  type StopError,
} from "./failures.ts";
import type { RestartRules } from "./restart.ts";

/** What a log works with. */
export interface FailureLogDeps {
  readonly rules: RestartRules;
  readonly state: StateCell;
  readonly clock: Clock;
  readonly events: EventBus;
}

/** See the module's text. */
export class FailureLog {
  readonly #actor: { readonly kind: string; readonly name: string };
  readonly #deps: FailureLogDeps;

  constructor(actor: { readonly kind: string; readonly name: string }, deps: FailureLogDeps) {
    this.#actor = actor;
    this.#deps = deps;
  }

  get #failures(): Failures | undefined {
    return this.#deps.state.settledAnnex.get(FAILURES);
  }

  get #now(): number {
    return this.#deps.clock.wall();
  }

  /** How the actor stands after its failures; `undefined` if it has none. */
  get standing(): FailureStanding | undefined {
    const failures = this.#failures;
    const { kind, name } = this.#actor;
    return failures && standingOf(failures, this.#deps.rules, this.#now, hash32(`${kind}/${name}`) / 2 ** 32);
  }

  /** Those that count now. */
  get count(): number {
    const failures = this.#failures;
    return failures === undefined ? 0 : countOf(failures, this.#deps.rules, this.#now);
  }

  /** The one that was too many, of an actor that is stopped. */
  get last(): StopError | undefined {
    return this.#failures?.stopped?.error;
  }

  /** One more. @returns whether it was one too many */
  add(error: ErrorData): boolean {
    const { rules, state, events } = this.#deps;
    const failures = afterFailure(this.#failures, rules, this.#now, error);
    try {
      state.amend((annex) => annex.with(FAILURES, failures));
    } catch {
      return false; // there is no room for it beside what is stored: it begins anew as if there had been none
    }
    if (failures.stopped === undefined) return false;
    events.emit({ type: "actor-stopped", ...this.#actor, error, retryAfterMs: rules.backoff.maxMs });
    return true;
  }

  /** The actor could not begin. @returns whether that is one failure more, and not the end of what waits for it */
  addStart(error: ErrorData): boolean {
    const before = this.#failures;
    if (!hasFailedLately(before, this.#deps.rules, this.#now)) return false;
    this.add(error);
    return this.#failures !== before; // what is not noted would begin anew without end
  }
}
