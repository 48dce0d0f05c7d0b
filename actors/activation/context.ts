/**
 * What an activation lends to the instance of its class. Each use asks first whether the activation still lives: an old
 * handler must not act through what came after it.
 *
 * @module
 */
import { sameBytes } from "../../codec/bytes.ts";
import { ConfigurationError, InvalidArgumentError, toErrorData } from "../../errors.ts";
import type { ActorRuntime, CallingActor } from "./activation_host.ts";
import { joined, left, MEMBERSHIPS, packMemberMeta } from "../annex/memberships.ts";
import { META, packMeta, unpackMeta } from "../annex/meta.ts";
import type { ActorContext, AnyActor, Schedule } from "../actor.ts";
import { addressOf, nameAt } from "../address.ts";
import type { Caller } from "../caller/caller.ts";
import { timerHeaders } from "../caller/context_layer.ts";
import type { Contract } from "../contract.ts";
import { fenced } from "../actor_errors.ts";
import type { Wish } from "./machine.ts";
import { validArgument } from "./validation.ts";
import { checkJoins, type Group, groupKey } from "../group/group.ts";
import { type GroupRef, groupRef } from "../group/group_ref.ts";
import type { Registration } from "../host.ts";
import type { OutputSink } from "../durable/output_sink.ts";
import type { Address, Ref } from "../ref.ts";
import type { StateCell } from "../state/state_cell.ts";
import type { ActorTimers } from "../state/timers.ts";
import { checkName } from "../../transport/subjects.ts";
import { WATCH_ENDS, type ActorWatchOptions } from "../watch/notice.ts";
import { notWatching, watching } from "../watch/rules.ts";

/** What a context needs of its activation. */
export interface ContextSource extends CallingActor {
  readonly kind: string;
  readonly name: string;
  readonly epoch: number;
  /** The signal of what is handled now. */
  readonly signal: AbortSignal;
  /** Who has sent what is handled now. */
  readonly caller: Caller | undefined;
  readonly timers: ActorTimers;
  readonly outputs: OutputSink;
  /** Whether it has ended and its last hook runs: it may read its state, and nothing else. */
  readonly isClosing: boolean;
  /** @throws {FencedError} once it is sealed, given up or fenced */
  assertLive(): void;
  /** It shall end when what runs now has ended well. */
  wish(wish: Wish): void;
}

/** See the module's text. */
export class LentContext implements ActorContext {
  readonly #hosted: Registration;
  readonly #runtime: ActorRuntime;
  readonly #activation: ContextSource;
  readonly #state: StateCell;
  /** The latest that was read, by its bytes. */
  #meta: { readonly bytes: Uint8Array; readonly value: unknown } | undefined;

  constructor(hosted: Registration, runtime: ActorRuntime, activation: ContextSource, state: StateCell) {
    this.#hosted = hosted;
    this.#runtime = runtime;
    this.#activation = activation;
    this.#state = state;
  }

  get kind(): string {
    return this.#activation.kind;
  }

  get name(): string {
    return this.#activation.name;
  }

  get epoch(): number {
    return this.#activation.epoch;
  }

  get signal(): AbortSignal {
    this.#activation.assertLive();
    return this.#activation.signal;
  }

  get caller(): Caller | undefined {
    this.#activation.assertLive();
    return this.#activation.caller;
  }

  getState(): unknown {
    if (this.#activation.isClosing) return this.#state.last();
    this.#activation.assertLive();
    return this.#state.get();
  }

  setState(value: unknown): void {
    this.#assertLasts();
    this.#state.set(value);
  }

  getMeta(): unknown {
    if (!this.#activation.isClosing) this.#activation.assertLive();
    const bytes = this.#state.annex.get(META);
    if (bytes === undefined) return undefined;
    if (this.#meta?.bytes !== bytes)
      this.#meta = { bytes, value: unpackMeta(this.#hosted, bytes, this.#runtime.codec) };
    return this.#meta.value;
  }

  setMeta(value: unknown): void {
    this.#assertLasts();
    const state = this.#state;
    const bytes = value === undefined ? undefined : packMeta(this.#hosted, value, this.#runtime.codec);
    const former = state.annex.get(META);
    if (bytes && former && sameBytes(bytes, former)) return; // nothing is written anew
    state.annex = state.annex.with(META, bytes);
  }

  join(group: Group, name: string, meta: unknown): void {
    this.#assertLasts();
    checkJoins(this.#hosted.contract, group);
    const key = groupKey(group, name);
    const bytes = packMemberMeta(meta, this.#runtime.codec);
    const state = this.#state;
    const former = state.annex.get(MEMBERSHIPS);
    const known = former?.get(key);
    if (known && sameBytes(bytes, known)) return; // nothing is written anew
    state.annex = state.annex.with(MEMBERSHIPS, joined(former, key, bytes));
  }

  leave(group: Group, name: string): boolean {
    this.#assertLasts();
    const key = groupKey(group, name);
    const state = this.#state;
    const former = state.annex.get(MEMBERSHIPS);
    if (!former?.has(key)) return false;
    state.annex = state.annex.with(MEMBERSHIPS, left(former, key));
    return true;
  }

  group<G extends Group>(group: G, name: string): GroupRef<G> {
    this.#activation.assertLive();
    const way = this.#runtime.openGroup(group, name, this.#activation);
    const as = { kind: group.group, messages: group.messages };
    return groupRef(group, way, this.#activation.outputs.channel(as, name, way));
  }

  /** What its last hook leaves behind would be its successor's. */
  #assertLasts(): void {
    this.#activation.assertLive();
    const { isClosing, kind, name } = this.#activation;
    if (isClosing) throw fenced(`${kind}/${name}`, "ended");
  }

  destroy(): void {
    this.#assertLasts();
    this.#activation.wish("destroyed");
  }

  passivate(): void {
    this.#assertLasts();
    this.#activation.wish("idle");
  }

  now(): number {
    return this.#runtime.clock.wall();
  }

  random(): number {
    return this.#runtime.random.next();
  }

  ref<C extends Contract>(contract: C, actor: string | Address<C["kind"]>): Ref<C> {
    this.#activation.assertLive();
    const { refs, open } = this.#runtime;
    const name = nameAt(contract, actor);
    const channel = open(contract, name, this.#activation);
    return refs.create(contract, name, this.#activation.outputs.channel(contract, name, channel));
  }

  schedule(message: string, argument: unknown, when: Schedule, id: string | undefined): string {
    this.#assertLasts();
    this.#checkMessage(message, argument);
    const { everyMs } = when;
    const remainingMs = when.afterMs ?? everyMs ?? 0;
    checkTimes(message, remainingMs, everyMs);
    const { timers } = this.#activation;
    const timer = id ?? timers.freshId();
    const bytes = encoded(message, this.#runtime, argument);
    const headers = timerHeaders(when.context);
    timers.set({ id: timer, message, argument: bytes, remainingMs, everyMs, headers });
    return timer;
  }

  unschedule(id: string): boolean {
    this.#activation.assertLive();
    return this.#activation.timers.cancel(id);
  }

  watch(target: AnyActor, message: string, { ifAbsent }: ActorWatchOptions = {}): void {
    this.#assertLasts();
    const { kind, name } = this.#watchable(target);
    this.#checkNotice(message);
    if (ifAbsent !== undefined && ifAbsent !== "tell")
      throw new InvalidArgumentError(
        `Cannot watch: "ifAbsent" is ${String(ifAbsent)}, and can only be "tell"`,
      );
    const watch = { id: this.#runtime.random.id(), kind, name, message, tellsAbsence: ifAbsent === "tell" };
    this.#state.annex = watching(this.#state.annex, watch);
  }

  unwatch(target: AnyActor): void {
    this.#assertLasts();
    const { annex, settledAnnex } = this.#state;
    const next = notWatching(annex, this.#watchable(target), settledAnnex);
    if (next !== annex) this.#state.annex = next;
  }

  #watchable(target: AnyActor): Address {
    const address = addressOf(target);
    if (address === undefined)
      throw new InvalidArgumentError(
        "Cannot watch: neither a ref nor an address, its kind and name, was given",
      );
    const { kind, name } = address;
    checkName(name);
    if (kind === this.kind && name === this.name)
      throw new InvalidArgumentError("Cannot watch: an actor cannot watch itself");
    return { kind, name };
  }

  #checkNotice(message: string): void {
    const { contract, messages } = this.#hosted;
    if (contract.onMove !== "carry")
      throw new ConfigurationError(
        `Cannot watch from kind "${this.kind}": its actors begin anew in each move, by onMove "${contract.onMove}"`,
      );
    const declared = messages.get(message);
    if (declared?.declared.type !== "tell")
      throw new InvalidArgumentError(
        `Cannot watch with "${message}": the contract of kind "${this.kind}" declares no tell of that name`,
      );
    for (const reason of WATCH_ENDS)
      validArgument(this.#hosted, declared, { ref: "kind/name", reason, epoch: 1 });
  }

  #checkMessage(message: string, argument: unknown): void {
    const declared = this.#hosted.messages.get(message);
    if (declared) validArgument(this.#hosted, declared, argument);
    else
      throw new InvalidArgumentError(
        `Cannot schedule "${message}": the contract of kind "${this.kind}" declares no such message`,
      );
  }
}

function encoded(message: string, { codec }: ActorRuntime, argument: unknown): Uint8Array {
  try {
    return codec.encode(argument);
  } catch (cause) {
    const data = toErrorData(cause);
    throw new InvalidArgumentError(`Cannot schedule "${message}": ${data.message}`, { ...data, cause });
  }
}

function checkTimes(message: string, remainingMs: number, everyMs: number | undefined): void {
  const legal = remainingMs >= 0 && Number.isFinite(remainingMs) && (everyMs === undefined || everyMs >= 1);
  if (legal && everyMs !== Infinity) return;
  const words = `"afterMs" is ${remainingMs} and "everyMs" ${everyMs ?? "none"}; they must be finite, from 0 and from 1`;
  throw new InvalidArgumentError(`Cannot schedule "${message}": ${words}`);
}
