/**
 * What happened in a simulation, as somebody saw it who stands outside of all nodes.
 *
 * Callers write down what they send and how it ends, actors what they handle. Checkers judge it afterwards.
 *
 * @module
 */
import { hash32 } from "../platform/hash.ts";
import { Tolerances } from "./tolerances.ts";
import type {
  Activated,
  Call,
  Disturbance,
  Handled,
  Loss,
  Outcome,
  Place,
  Span,
  Started,
  TimerSet,
  Violation,
  Witness,
} from "./history_records.ts";
import type { Fold } from "./digest.ts";
import { StateTree, nextState } from "./state_tree.ts";

export { type Fold, fold, NOTHING } from "./digest.ts";
export type * from "./history_records.ts";

/** See the module's text. */
export class History {
  readonly calls: Call[] = [];
  readonly handled: Handled[] = [];
  readonly activations: Activated[] = [];
  readonly timers: Map<string, TimerSet> = new Map();
  /** Handlers and hooks as they began. */
  readonly starts: Started[] = [];
  /** Losses by actor, oldest first. */
  readonly losses: Map<string, Loss[]> = new Map();
  /** Whether memories may have been lost without being noted in `losses`. */
  lossesUnseen = false;
  /** When lives of nodes were killed: what they still had to say nobody heard. */
  readonly killed: Map<string, number> = new Map();
  /** When lives of nodes ended because the others had declared them dead. */
  readonly fenced: Map<string, number[]> = new Map();
  /** Deaths as they were written, by name of the node, and since when that life of it had a record. */
  readonly deaths: { readonly node: string; readonly since: number; readonly at: number }[] = [];
  readonly disturbances: Disturbance[] = [];
  /** What actors said about themselves, each when so many messages had gone into that memory. */
  readonly told: {
    readonly actor: string;
    readonly memory: number;
    readonly state: Fold;
    readonly handled: number;
  }[] = [];
  /** Times in which a connection was lost for a moment, shorter than any lease: no disturbance, but a caller may miss word. */
  readonly blinks: { readonly node: string; readonly from: number; to: number }[] = [];
  /** When handlers ended well, by `n of sender to actor`. */
  readonly endings: Map<string, number> = new Map();
  /** Times in which a handler or hook of an actor ran, by actor. */
  readonly busy: Map<string, Span[]> = new Map();
  /** Times that handlers of an actor take by themselves, waiting for nobody, by actor. */
  readonly #ownTimes = new Map<string, Span[]>();
  /** Where actors were, oldest first, by actor. */
  readonly places: Map<string, Place[]> = new Map();
  /** Whether nothing is lost or late by chance, so that whoever waits can be asked what for. */
  isCalm = false;
  /** When each generation of the records but the first began: see `generations.ts`. */
  readonly generations: number[] = [];
  /** How long a node may go on after the records it knows are gone, in milliseconds. */
  outlivesMs = 0;
  readonly allowances: Tolerances = new Tolerances();
  /** States of stored actors, by actor. */
  readonly lineages: Map<string, StateTree> = new Map();
  /** What is known of stored actors, oldest first. */
  readonly witnesses: Witness[] = [];
  /** The newest state under the highest epoch, by stored actor. */
  readonly present: Map<string, Witness> = new Map();
  /** Messages that could not be delivered, by actor. */
  readonly deadLetters: Map<string, number> = new Map();
  /** What was found while it happened. */
  readonly violations: Violation[] = [];
  readonly #now: () => number;
  readonly #counts = new Map<string, number>();
  readonly #sent = new Set<string>();
  #hash = 0;
  #trace: ((line: string) => void) | undefined;

  /** @param trace gets every line that goes into the hash */
  constructor(now: () => number, trace?: (line: string) => void) {
    this.#now = now;
    this.#trace = trace;
  }

  /** A number that depends on everything noted so far, in its order. */
  get hash(): number {
    return this.#hash;
  }

  /** The time that what is noted now is of, in milliseconds. */
  get now(): number {
    return this.#now();
  }

  /** Adds a line to what the hash is made of. */
  note(line: string): void {
    this.#hash = hash32(line, this.#hash);
    this.#trace?.(`${this.#now().toFixed(3)} ${line}`);
  }

  /** A message is about to be sent. */
  sent(
    sender: string,
    to: string,
    n: number,
    type: "ask" | "tell",
    timeoutMs: number,
    hasEffect = true,
    origin = "",
  ): Call {
    const sentAt = this.#now();
    const call: Call = {
      ...{ sender, to, n, type, origin, sentAt, deadlineAt: sentAt + timeoutMs, hasEffect },
      ...{ outcome: undefined, code: undefined, endedAt: 0, answerEpoch: undefined },
    };
    this.calls.push(call);
    this.#sent.add(nameOf(call));
    this.note(`sent ${type} ${sender} ${to} ${n}`);
    return call;
  }

  /** Whether a message was sent under that number. */
  hasSent(sender: string, to: string, n: number): boolean {
    return (["ask", "tell"] as const).some((type) => this.#sent.has(nameOf({ type, sender, to, n })));
  }

  /** It has ended. */
  ended(call: Call, outcome: Outcome, code?: string): void {
    this.note(`ended ${call.sender} ${call.to} ${call.n} ${outcome} ${code ?? ""}`);
    if (call.outcome !== undefined) this.violate("I2", `${nameOf(call)} ended twice`);
    call.outcome = outcome;
    call.code = code;
    call.endedAt = this.#now();
  }

  /** A handler begins. */
  started(actor: string, sender: string, n: number, epoch: number, node: string): void {
    this.starts.push({ actor, sender, n, epoch, node, at: this.#now() });
  }

  /** An actor has taken a message into its state. */
  effect(handled: Omit<Handled, "at">): void {
    const { actor, sender, n, epoch, node, memory = 0 } = handled;
    this.note(`handled ${actor} ${sender} ${n} ${epoch} ${node}`);
    this.handled.push({ ...handled, at: this.#now() });
    if (handled.stored) this.#step(handled);
    this.#counts.set(actor, this.countOf(actor) + 1);
    const key = `${actor}#${memory}`;
    this.#counts.set(key, this.countOf(key) + 1);
  }

  #step({ actor, before, sender, n, epoch }: Omit<Handled, "at">): void {
    const lineage = this.lineages.get(actor) ?? new StateTree();
    this.lineages.set(actor, lineage);
    this.kept(actor, before, epoch);
    const state = nextState(before, sender, n, epoch);
    lineage.add(before, state, sender, epoch);
    this.#witness({ actor, state, epoch, at: this.#now(), heard: false });
  }

  /** A stored actor is in that state. */
  kept(actor: string, { count, digest }: Fold, epoch: number): void {
    this.#witness({ actor, state: { count, digest }, epoch, at: this.#now(), heard: false });
  }

  /** Somebody else was told of a stored actor's state: it must not be taken back any more. */
  heard(actor: string, { count, digest }: Fold, epoch: number): void {
    this.note(`heard of ${actor} ${count} ${epoch}`);
    this.#witness({ actor, state: { count, digest }, epoch, at: this.#now(), heard: true });
  }

  #witness(witness: Witness): void {
    this.witnesses.push(witness);
    const { actor, epoch, heard } = witness;
    if (!heard && (this.present.get(actor)?.epoch ?? 0) <= epoch) this.present.set(actor, witness);
  }

  /** A message to that actor could not be delivered. */
  deadLetter(actor: string): void {
    this.deadLetters.set(actor, (this.deadLetters.get(actor) ?? 0) + 1);
  }

  /** An actor tells what it has in its state now. */
  tells(actor: string, memory: number, state: Fold): void {
    this.told.push({ actor, memory, state, handled: this.countOf(`${actor}#${memory}`) });
  }

  /** An actor's memory is lost, at that epoch of its shard; or its mail alone. */
  lost(actor: string, epoch: number, memory = true): void {
    this.note(`lost ${actor} ${epoch}${memory ? "" : ", its mail only"}`);
    if (memory) for (const span of this.busy.get(actor) ?? []) span.to = Math.min(span.to, this.#now());
    if (memory) for (const span of this.#ownTimes.get(actor) ?? []) span.to = Math.min(span.to, this.#now());
    listOf(this.losses, actor).push({ epoch, memory, at: this.#now() });
  }

  /** Whether what an actor had at some time may be gone since. */
  hasLost(actor: string, since: number, until: number = Infinity): boolean {
    if (this.lossesUnseen) return true;
    return this.losses.get(actor)?.some(({ at }) => at >= since && at <= until) ?? false;
  }

  /** A node was declared dead, whose life had a record since then. */
  died(node: string, since: number): void {
    this.deaths.push({ node, since, at: this.#now() });
  }

  /** Something begins to happen to a node. @returns what notes its end */
  disturbed(what: Disturbance["what"], node: string): () => void {
    this.note(`${what} ${node}`);
    const disturbance: Disturbance = { what, node, from: this.#now(), to: Infinity };
    this.disturbances.push(disturbance);
    return () => {
      this.note(`end of ${what} ${node}`);
      disturbance.to = this.#now();
    };
  }

  /** A node loses its connection for a moment. @returns what notes its end */
  blinked(node: string): () => void {
    const blink = { node, from: this.#now(), to: Infinity };
    this.blinks.push(blink);
    return () => {
      blink.to = this.#now();
    };
  }

  /** The handler of a message has ended well. */
  finished(actor: string, sender: string, n: number): void {
    this.endings.set(`${n} of ${sender} to ${actor}`, this.#now());
  }

  /** A handler or hook of an actor begins. @returns what notes its end */
  works(actor: string): () => void {
    const span: Span = { from: this.#now(), to: Infinity };
    listOf(this.busy, actor).push(span);
    return () => {
      span.to = Math.min(span.to, this.#now());
    };
  }

  /** A handler of an actor takes so long from now on, whatever happens around it, in milliseconds. */
  takesTime(actor: string, ms: number): void {
    listOf(this.#ownTimes, actor).push({ from: this.#now(), to: this.#now() + ms });
  }

  /** How much time since then handlers of an actor have taken by themselves, in milliseconds. */
  ownTimeMs(actor: string, since: number): number {
    const now = this.#now();
    const spans = this.#ownTimes.get(actor) ?? [];
    return spans.reduce(
      (sum, { from, to }) => sum + Math.max(0, Math.min(to, now) - Math.max(from, since)),
      0,
    );
  }

  /** The record says from now on where an actor is. */
  placed(actor: string, place: Omit<Place, "at">): void {
    listOf(this.places, actor).push({ ...place, at: this.#now() });
  }

  /** Messages that an actor has handled up to now. */
  countOf(actor: string): number {
    return this.#counts.get(actor) ?? 0;
  }

  /** An activation begins. */
  activated(actor: string, why: string, epoch: number, node: string, memory: number, kept?: Fold): void {
    if (kept) this.kept(actor, kept, epoch);
    this.note(`activated ${actor} ${why} ${epoch} ${node}`);
    this.started(actor, "", 0, epoch, node);
    const handled = this.countOf(actor);
    this.activations.push({ actor, why, epoch, node, memory, at: this.#now(), handled });
  }

  /** An actor has set a timer. */
  timerSet(
    actor: string,
    id: string,
    afterMs: number,
    everyMs: number | undefined,
    fires: number,
    epoch = 0,
    within?: Fold,
  ): void {
    this.note(`timer ${actor} ${id} ${afterMs} ${everyMs ?? ""}`);
    const set = { actor, id, epoch, setAt: this.#now(), afterMs, everyMs, fires, within };
    const timer = { ...set, fired: [], cancelledAt: undefined, cancelledWithin: [], came: [] };
    this.timers.set(`${actor}/${id}`, timer);
  }

  /** A timer's message is about to be handled, by a stored actor in that state. */
  timerFired(actor: string, id: string, kept?: Fold): void {
    const timer = this.timers.get(`${actor}/${id}`);
    if (timer === undefined) return this.violate("I4", `timer ${id} of ${actor} fired and was never set`);
    if (kept) return void timer.came.push({ before: kept, at: this.#now() });
    if (timer.cancelledAt !== undefined)
      this.violate("I4", `timer ${id} of ${actor} fired after it was cancelled`);
    timer.fired.push(this.#now());
  }

  /** An actor has stopped a timer that waited. */
  timerCancelled(actor: string, id: string, kept?: Fold): void {
    const timer = this.timers.get(`${actor}/${id}`);
    if (kept) timer?.cancelledWithin.push(kept);
    else if (timer) timer.cancelledAt = this.#now();
    this.note(`cancelled ${actor} ${id}`);
  }

  /** Notes something that must not be. */
  violate(promise: string, what: string): void {
    this.note(`violation ${promise} ${what}`);
    this.violations.push({ promise, what: `${what}, at ${this.#now()} ms` });
  }
}

function listOf<T>(lists: Map<string, T[]>, key: string): T[] {
  const known = lists.get(key);
  if (known) return known;
  const list: T[] = [];
  lists.set(key, list);
  return list;
}

/** A tell that waits for room at another node is given up so much before its deadline, at most, in milliseconds. */
const WORD_MS = 250;

/** Before that time nobody needs to give it up. */
export function patienceOf({ type, sentAt, deadlineAt, servesUntil = Infinity }: Call): number {
  const until = Math.min(deadlineAt, servesUntil);
  return type === "ask" ? until : until - Math.min(WORD_MS, (until - sentAt) / 4);
}

/** A call in words. */
export function nameOf({ type, sender, to, n }: Pick<Call, "type" | "sender" | "to" | "n">): string {
  return `${type} ${n} of ${sender} to ${to}`;
}
