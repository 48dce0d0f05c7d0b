/**
 * The base class of actors.
 *
 * @module
 */
import { ConfigurationError, DeclaredError } from "../errors.ts";
import type { Caller } from "./caller/caller.ts";
import type { ContextEntries } from "./caller/context_layer.ts";
import type { ArgumentOf, Contract, ErrorCodeOf, ErrorInputOf, MetaOf, StateOf } from "./contract.ts";
import type { Group, Joins } from "./group/group.ts";
import type { GroupRef } from "./group/group_ref.ts";
import type { ActivationReason, DeactivationReason } from "./lifecycle.ts";
import type { Address, Ref, RefOptions } from "./ref.ts";
import type { NoticeMessageOf, ActorWatchOptions } from "./watch/notice.ts";

/**
 * When a scheduled message comes. Times are milliseconds from now; an interval keeps its beat across moves. `context` goes
 * along with the message, each time that it comes; without it none does, whatever context the timer was set in.
 */
export type Schedule = (
  | { readonly afterMs: number; readonly everyMs?: undefined }
  | { readonly everyMs: number; readonly afterMs?: number }
) & { readonly context?: ContextEntries | undefined };

/** Any actor, by its address or by a ref. */
export type AnyActor = Address | { readonly with: (options: RefOptions) => unknown };

/** What an activation lends to the instance of its class. */
export interface ActorContext {
  readonly kind: string;
  readonly name: string;
  readonly epoch: number;
  readonly signal: AbortSignal;
  readonly caller: Caller | undefined;
  getState(): unknown;
  setState(value: unknown): void;
  getMeta(): unknown;
  setMeta(value: unknown): void;
  now(): number;
  random(): number;
  ref<C extends Contract>(contract: C, actor: string | Address<C["kind"]>): Ref<C>;
  schedule(message: string, argument: unknown, when: Schedule, id: string | undefined): string;
  unschedule(id: string): boolean;
  join(group: Group, name: string, meta: unknown): void;
  leave(group: Group, name: string): boolean;
  group<G extends Group>(group: G, name: string): GroupRef<G>;
  destroy(): void;
  passivate(): void;
  watch(target: AnyActor, message: string, options: ActorWatchOptions | undefined): void;
  unwatch(target: AnyActor): void;
}

/**
 * Extend it by a class with one method for each message of the contract.
 *
 * One message is handled at a time. `state` is what moves with the actor; other fields are caches that stay behind.
 * Once the activation is sealed, given up or fenced, everything here throws `FencedError`.
 *
 * A class also has two static members: `initialState(name)`, and `upgrade(fromVersion, old)` once `stateVersion` is
 * above 1. Both are plain synchronous functions.
 *
 * @example
 * import { Actor, ask, defineActor, host, startNode, type HandlersOf } from "@baton/actors";
 * import { z } from "zod";
 *
 * const Counter = defineActor("counter", {
 *   state: z.strictObject({ count: z.number().int() }),
 *   stateVersion: 1,
 *   messages: { add: ask(z.number().int(), z.number().int()) },
 * });
 *
 * class CounterActor extends Actor<typeof Counter> implements HandlersOf<typeof Counter> {
 *   static initialState() {
 *     return { count: 0 };
 *   }
 *   add(by: number) {
 *     this.state.count += by;
 *     return this.state.count;
 *   }
 * }
 *
 * await using node = await startNode({ name: "a", hosts: [host(Counter, CounterActor)] });
 * const total = await node.ref(Counter, "visits").add(1);
 */
export abstract class Actor<C extends Contract> {
  #context: ActorContext | undefined;

  /** Binds an instance to its activation. Only the framework calls it, once. @internal */
  static attach(actor: Actor<Contract>, context: ActorContext): void {
    if (actor.#context !== undefined)
      throw new ConfigurationError("Cannot attach an actor twice: this instance has an activation already");
    actor.#context = context;
  }

  get #bound(): ActorContext {
    if (this.#context === undefined) {
      throw new ConfigurationError(
        "Cannot use an actor in its constructor: it has no state yet; use onActivate",
      );
    }
    return this.#context;
  }

  /** The actor's state: change it in place or replace it. It is checked against its schema after every handler. */
  get state(): StateOf<C> {
    return this.#bound.getState() as StateOf<C>;
  }
  set state(value: StateOf<C>) {
    this.#bound.setState(value);
  }

  /**
   * A small value beside the state, of the schema `meta` of the contract: `node.list` shows it, and lists by its fields. It is what was
   * assigned last, or `undefined`; to be read only, so change it by another: `this.meta = { ...this.meta, city: "Oslo" }`. At most 1,024
   * bytes. It goes wherever the state goes: it moves, sleeps and is stored with it, and what undoes the state undoes it too.
   *
   * @throws {InvalidArgumentError} when it is assigned: if it does not fit its schema, is too long, or the contract has none
   */
  get meta(): Readonly<MetaOf<C>> | undefined {
    return this.#bound.getMeta() as Readonly<MetaOf<C>> | undefined;
  }
  set meta(value: Readonly<MetaOf<C>> | undefined) {
    this.#bound.setMeta(value);
  }

  /** The actor's kind. */
  get kind(): string {
    return this.#bound.kind;
  }

  /** The actor's name within its kind. */
  get name(): string {
    return this.#bound.name;
  }

  /** Grows with every change of owner. Give it to databases you write to, and let them refuse a lower one. */
  get epoch(): number {
    return this.#bound.epoch;
  }

  /** Aborts when the running message's deadline has passed, when the node must give up, or when the activation ends. */
  get signal(): AbortSignal {
    return this.#bound.signal;
  }

  /**
   * Who has sent the message that is being handled, and the context that came along; `undefined` in a hook. It stays the same
   * across each `await` of a handler. What a handler sends while it runs has this context too; `ref.with` changes it.
   *
   * Code that goes on after its handler finds the caller of whatever is handled then.
   */
  get caller(): Caller | undefined {
    return this.#bound.caller;
  }

  /** Milliseconds since 1970 by the node's wall clock; in a simulation by its clock. */
  now(): number {
    return this.#bound.now();
  }

  /** A number from 0 up to, but not including, 1; in a simulation it repeats with the seed. Not for secrets. */
  random(): number {
    return this.#bound.random();
  }

  /**
   * A typed reference to another actor, by its name or by an address that came in. Calls in a cycle end in `CallCycleError`.
   * @throws {InvalidNameError} for an empty, overlong or ill-formed name
   * @throws {InvalidArgumentError} for an address of another kind
   */
  ref<T extends Contract>(contract: T, actor: string | Address<T["kind"]>): Ref<T> {
    return this.#bound.ref(contract, actor);
  }

  /**
   * Sends a message to this actor later. Timers are data: they move with the actor, and a waiting timer keeps it
   * from being passivated. The same `id` replaces an earlier timer.
   *
   * @returns the timer's id, for {@link Actor.unschedule}
   * @throws {InvalidArgumentError} if the argument does not fit the message
   */
  schedule<M extends keyof C["messages"] & string>(
    message: M,
    argument: ArgumentOf<C, M>,
    when: Schedule,
    id?: string,
  ): string {
    return this.#bound.schedule(message, argument, when, id);
  }

  /** Stops a timer. @returns whether there was one */
  unschedule(id: string): boolean {
    return this.#bound.unschedule(id);
  }

  /**
   * Makes this actor a member of a group; of one that it is in already, only `meta` is replaced. It stays one until it leaves or is
   * destroyed: a membership goes wherever the state goes. It moves, sleeps and is stored with it, and what undoes the state undoes it too.
   * At most 256 groups for one actor, and 256 bytes of `meta`, which `members()` shows.
   *
   * @throws {InvalidArgumentError} if the contract does not declare the group's messages, or a bound is passed
   * @example
   * enter(room: string) {
   *   this.join(Room, room, { nick: this.name });
   * }
   */
  join<G extends Group>(group: G & Joins<C, G>, name: string, meta?: unknown): void {
    this.#bound.join(group, name, meta);
  }

  /**
   * All members of a group, to be told and asked at once. What is published has the context of what is handled, as any other message.
   *
   * @throws {InvalidNameError} for an empty, overlong or ill-formed name
   */
  group<G extends Group>(group: G, name: string): GroupRef<G> {
    return this.#bound.group(group, name);
  }

  /** Ends a membership. @returns whether there was one */
  leave(group: Group, name: string): boolean {
    return this.#bound.leave(group, name);
  }

  /**
   * An error that a message of the contract declares, to be thrown by its handler: `throw this.error("no-money", { missing: 3 })`.
   * It is an answer, and no failure: no event tells of it, and the actor goes on. What becomes of the state is what the
   * contract's `onError` says: "keep" keeps what the handler has changed, the others undo it.
   *
   * @param message for people. Default: `The actor has answered "no-money"`
   */
  error<Code extends ErrorCodeOf<C>>(
    code: Code,
    data: ErrorInputOf<C, Code>,
    message?: string,
  ): DeclaredError<Code, ErrorInputOf<C, Code>> {
    return new DeclaredError(code, data, message);
  }

  /**
   * Ends this actor for good when the running handler or hook ends well; if that throws, nothing happens. State and timers are
   * gone then, of a stored actor before anybody hears of it; `onDeactivate("destroyed")` runs and may read the state. Messages
   * that wait, and those that come later, begin a fresh actor of the name.
   *
   * What is stored becomes an empty entry, so that no late write of a former owner brings the state back; it is removed after
   * `keepOverMs`, an hour by default.
   */
  destroy(): void {
    this.#bound.destroy();
  }

  /**
   * Lets this actor sleep when the running handler or hook ends well, as if no message had come for `idleMs`. The next message
   * wakes it. An actor with timers stays, and so does one in memory when there is no room for sleeping states.
   */
  passivate(): void {
    this.#bound.passivate();
  }

  /**
   * Has a message sent to this actor when another one ends: once, whatever nodes come, go and are lost meanwhile. A move of either,
   * sleep and a change of code are no end. To watch an actor twice is one watch; the message that was given last comes.
   *
   * The watch is of the actor that is there now, and lets one begin that is not; see {@link ActorWatchOptions.ifAbsent}. It begins when
   * the running handler or hook has ended well, and stands beside the state: it goes wherever that goes.
   *
   * @param target by ref or address
   * @param message a tell of this contract whose argument is a {@link WatchNotice}: `tell(watchNotice)`
   * @throws {InvalidArgumentError} for a target that is no actor, or is this one, and for a message that is no such tell
   * @throws {ConfigurationError} if this kind begins anew in each move: `onMove: "restart"`
   * @throws {BusyError} above 1,000 watches
   */
  watch(target: AnyActor, message: NoticeMessageOf<C>, options?: ActorWatchOptions): void {
    this.#bound.watch(target, message, options);
  }

  /** Ends the watch of an actor: whatever is on its way of it, no handler sees it. Without such a watch nothing happens. */
  unwatch(target: AnyActor): void {
    this.#bound.unwatch(target);
  }

  /** Runs before the first message. `this.state` is ready. If it throws, waiting messages get the error. */
  onActivate(_why: ActivationReason): void | Promise<void> {}

  /** Runs when the actor is about to move or its node leaves: finish or cancel work outside before `signal` aborts. */
  onDrain(_signal: AbortSignal): void | Promise<void> {}

  /**
   * Runs at the end of this activation, to close what it holds open. For "idle", "stop" and a restart `this.state` may
   * still be changed; after a handoff, a fence or `destroy()` it can be read, and a change throws or has no effect.
   */
  onDeactivate(_why: DeactivationReason): void | Promise<void> {}
}
