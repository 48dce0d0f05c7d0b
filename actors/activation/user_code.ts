/**
 * The instance of a user's class, and the one call into it that may be running.
 *
 * @module
 */
import { inCleanContext } from "../../platform/async_context.ts";
import { Actor, type ActorContext } from "../actor.ts";
import type { Contract } from "../contract.ts";
import type { Registration, HostedMessage } from "../host.ts";
import type { ActivationReason, DeactivationReason } from "../lifecycle.ts";

/** See the module's text. */
export class UserCode {
  readonly #onRest: () => void;
  readonly #onThrow: (error: unknown) => void;
  #instance: Actor<Contract> | undefined;
  #busy = false;

  /**
   * @param onRest called after each end of a call that was not synchronous
   * @param onThrow told what those who heard such an end threw, which none should
   */
  constructor(onRest: () => void, onThrow: (error: unknown) => void) {
    this.#onRest = onRest;
    this.#onThrow = onThrow;
  }

  /** Whether a handler or hook is running. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Whether the class has been instantiated. */
  get exists(): boolean {
    return this.#instance !== undefined;
  }

  /** @throws whatever the constructor throws */
  create(hosted: Registration, context: ActorContext): void {
    this.#instance = hosted.create();
    Actor.attach(this.#instance, context);
  }

  /** Calls a handler. @returns what it returns, perhaps a promise, for {@link UserCode.wait} */
  call({ handler }: HostedMessage, input: unknown): unknown {
    this.#busy = true;
    try {
      return handler.call(this.#instance, input);
    } finally {
      this.#busy = false;
    }
  }

  /** Something it returned ends later: until then it is busy. */
  wait<T>(result: unknown, done: (value: T) => void, failed: (error: unknown) => void): void {
    this.#busy = true;
    void this.#settle(result, done, failed);
  }

  /** By `await`, which neither calls a `then` of the user's at once nor lets one end twice. */
  async #settle<T>(
    result: unknown,
    done: (value: T) => void,
    failed: (error: unknown) => void,
  ): Promise<void> {
    let end: () => void;
    try {
      const value = (await result) as T;
      end = () => done(value);
    } catch (error) {
      end = () => failed(error);
    }
    this.#busy = false;
    this.#contain(end);
    this.#contain(this.#onRest);
  }

  #contain(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#onThrow(error);
    }
  }

  onActivate(why: ActivationReason, done: () => void, failed: (error: unknown) => void): void {
    this.#run(() => this.#instance?.onActivate(why), done, failed);
  }

  /** Forgets the instance: `create` makes another one. */
  discard(): void {
    this.#instance = undefined;
  }

  /** Runs the hook, if the class has one and nothing else is running. A throw of it or of `settle` rejects the promise. */
  onDrain(signal: AbortSignal, settle: () => void): Promise<void> | undefined {
    const instance = this.#instance;
    if (instance === undefined || this.#busy || !drains(instance)) return undefined;
    return new Promise((resolve, reject) => {
      const end = (tell: () => void) => {
        try {
          settle();
          tell();
        } catch (error) {
          reject(error);
        }
      };
      this.#run(
        () => instance.onDrain(signal),
        () => end(resolve),
        (error) => end(() => reject(error)),
      );
    });
  }

  onDeactivate(why: DeactivationReason, done: () => void, failed: (error: unknown) => void): void {
    this.#run(() => this.#instance?.onDeactivate(why), done, failed);
  }

  /** A hook, whoever asks for it. Its end comes in the same turn if the code is synchronous. */
  #run<T>(work: () => T | Promise<T>, done: (value: T) => void, failed: (error: unknown) => void): void {
    this.#busy = true;
    let result: T | Promise<T>;
    let later: boolean;
    try {
      result = inCleanContext(work);
      later = isThenable(result);
    } catch (error) {
      this.#busy = false;
      return failed(error);
    }
    this.#busy = false;
    if (later) this.wait(result, done, failed);
    else done(result as T);
  }
}

/** Whether its class has the hook; also if to look it up throws, which is then the hook's failure. */
function drains(instance: Actor<Contract>): boolean {
  try {
    return instance.onDrain !== Actor.prototype.onDrain;
  } catch {
    return true;
  }
}

/** Whether a value is a promise, of whatever make. @throws whatever a getter of the value throws */
export function isThenable(value: unknown): boolean {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}
