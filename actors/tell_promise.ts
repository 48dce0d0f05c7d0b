/**
 * The promise of a tell. Nobody need await it: a refusal that nobody hears by the promise is told by an event, and does not
 * end the process as other rejections do.
 *
 * @module
 */
import { ActorError } from "../errors.ts";
import type { EventBus } from "../events.ts";
import type { Clock } from "../platform/clock.ts";

/**
 * A promise that knows whether anybody has attached to it. In all else it is what every promise is.
 *
 * Whatever attaches to a promise, `await` and `then` as well as `Promise.all`, asks first for its constructor. That it is told there to be a
 * plain one spares the turns of the microtask queue that a promise of another class takes.
 */
export class Told extends Promise<unknown> {
  #isHeard = false;

  static {
    Object.defineProperty(Told.prototype, "constructor", {
      configurable: true,
      get(this: object): PromiseConstructor {
        if (#isHeard in this) this.#isHeard = true;
        return Promise;
      },
    });
  }

  /** Whether it was awaited, given to another promise, or caught. */
  get isHeard(): boolean {
    return this.#isHeard;
  }

  /** The runtime takes its rejection for heard, although it is not. */
  mute(): void {
    this.then(undefined, () => undefined);
    this.#isHeard = false;
  }
}

/** Which tell. */
export interface ToldOf {
  readonly kind: string;
  readonly name: string;
  readonly message: string;
}

/** Refused tells of a node. Whoever attaches in the turn in which his tell is refused hears it himself. */
export class RefusedTells {
  readonly #clock: Clock;
  readonly #events: EventBus;
  #refused: { readonly told: Told; readonly of: ToldOf; readonly error: unknown }[] = [];

  constructor(clock: Clock, events: EventBus) {
    this.#clock = clock;
    this.#events = events;
  }

  /** A tell is refused, and its promise is rejected now. */
  add(told: Told, of: ToldOf, error: unknown): void {
    if (told.isHeard) return;
    told.mute();
    this.#refused.push({ told, of, error });
    if (this.#refused.length === 1) this.#clock.soon(() => this.#tell());
  }

  /** The promise of a tell that is refused at once. */
  rejected(of: ToldOf, error: unknown): Promise<unknown> {
    const told = new Told((_, reject) => reject(error));
    this.add(told, of, error);
    return told;
  }

  /** The promise of a tell that ends as another promise does. */
  following(of: ToldOf, end: Promise<unknown>): Promise<unknown> {
    const told: Told = new Told((resolve, reject) => {
      end.then(resolve, (error: unknown) => {
        reject(error);
        this.add(told, of, error);
      });
    });
    return told;
  }

  #tell(): void {
    for (const { told, of, error } of this.#refused.splice(0)) {
      if (told.isHeard) continue;
      const { kind, name, message } = of;
      const code = error instanceof ActorError ? error.code : "internal-error";
      this.#events.emit({ type: "tell-refused", kind, name, message, code });
    }
  }
}
