/**
 * One reader of a stream in use: gives each message to its actor, and settles it when that has it, or when it is set aside.
 *
 * ```
 *   message ──► tried ──admitted, or stored──► settled
 *                 │ └──refused──► rests ──► tried …
 *                 └──refused too often──► dead letter ──► settled
 * ```
 *
 * @module
 */
import {
  type ErrorData,
  OutcomeUnknownError,
  StreamUnavailableError,
  toErrorData,
  TooLargeError,
} from "../errors.ts";
import type { EventBus } from "../events.ts";
import { FROM } from "../actors/caller/caller.ts";
import type { Registration } from "../actors/host.ts";
import type { StreamSubscription } from "../actors/subscription/declared.ts";
import { POSITION, writtenPosition } from "../actors/subscription/position.ts";
import type { Gate } from "../cluster/gate.ts";
import type { ClusterId } from "../cluster/records/schemas.ts";
import type { Codec } from "../codec/codec.ts";
import { HeaderMap } from "../codec/header_map.ts";
import type { Router } from "../delivery/router.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { pause, pauseAfter, type Pauses } from "../platform/pause.ts";
import type { Random } from "../platform/random.ts";
import {
  MISSING,
  type ReaderStatus,
  type StreamMessage,
  type StreamReader,
  type Streams,
  type Written,
} from "../transport/streams.ts";
import { deadLetterHeaders } from "./dead_letter.ts";
import { type Held, InFlight } from "./in_flight.ts";
import { type Letter, readLetter } from "./letter.ts";
import { type RefusedHow, verdictOn } from "./verdict.ts";

/** What it works with. */
export interface SessionDeps {
  readonly of: ClusterId;
  readonly clock: Clock;
  readonly random: Random;
  readonly gate: Pick<Gate, "isOpen">;
  readonly codec: Codec;
  readonly streams: Streams;
  readonly router: Pick<Router, "send">;
  readonly events: EventBus;
  /** Milliseconds that one try may take. */
  readonly tryMs: number;
}

/** Which subscription it is of. */
export interface SessionOf {
  readonly hosted: Registration;
  readonly subscription: StreamSubscription;
  readonly durable: string;
  /** What has happened since this node reads. */
  readonly counts: SubscriptionCounts;
}

/** Of the messages that one node has had in hands. */
export interface SubscriptionCounts {
  /** Done with: those that their actors have, and those that were set aside. */
  settled: number;
  buried: number;
  /** Tries that were refused. */
  refused: number;
}

/** A message with what it was found to say. */
type Message = StreamMessage & { letter?: Letter };

const TRY_PAUSES: Pauses = { firstMs: 100, longestMs: 10_000 };
/** Between two looks whether all is here, and whether the reader is still there. */
const GATHER_PAUSES: Pauses = { firstMs: 20, longestMs: 500 };
const LOOK_MS = 5_000;
/** A message is held so often within the time after which it would be delivered again. */
const HOLDS = 3;
/** A message that was delivered so often for each of its tries, and never ended, may be what ends nodes. */
const DELIVERIES_PER_TRY = 4;
/** How often a dead letter is written that nobody hears, before it is only told. */
const BURIALS = 4;
/** What waits so long is told, and no other one as long after that. */
const DELAYED_MS = 10_000;

/** See the module's text. */
export class Session {
  readonly #deps: SessionDeps;
  readonly #of: SessionOf;
  readonly #reader: StreamReader;
  readonly #onMissing: (error: StreamUnavailableError) => void;
  readonly #inFlight = new InFlight<Message>();
  /** Those that will be tried again. */
  readonly #resting = new Map<Held<Message>, Timer>();
  /** Of those that wait for what passes by itself: since when, and how often they were tried. */
  readonly #delayed = new Map<Held<Message>, { readonly since: number; readonly times: number }>();
  /** What is to be settled as soon as this node may have effects again. */
  #owed: Message[] = [];
  #look: Timer | undefined;
  #beat: Timer | undefined;
  #isGathering = false;
  #hasLeft = false;
  #hasStopped = false;
  #toldAt = Number.NEGATIVE_INFINITY;
  /** Messages of the stream that nobody had yet when that was last asked. */
  waiting = 0;
  /** With what the latest try was refused that will be made again. */
  error: ErrorData | undefined;

  constructor(
    deps: SessionDeps,
    of: SessionOf,
    reader: StreamReader,
    onMissing: (error: StreamUnavailableError) => void,
  ) {
    this.#deps = deps;
    this.#of = of;
    this.#reader = reader;
    this.#onMissing = onMissing;
  }

  /** Whether nobody else has any of its messages, so that they may begin. */
  get isWhole(): boolean {
    return this.#inFlight.isWhole;
  }

  /** Messages in hands. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  start(): void {
    this.#reader.start((message) => this.#delivered(message));
    this.#armLook();
    void this.#gather();
  }

  /** This node may have effects again. */
  resume(): void {
    if (this.#hasStopped) return;
    for (const message of this.#owed.splice(0)) message.settle();
    for (const held of this.#inFlight.firsts()) this.#begin(held);
  }

  /** Reads no more, and gives back what has not begun. What has begun goes on. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#reader.stop();
    this.#look?.cancel();
    const resting = [...this.#resting.keys()];
    for (const timer of this.#resting.values()) timer.cancel();
    this.#resting.clear();
    for (const held of [...this.#inFlight])
      if (!held.hasBegun || resting.includes(held)) {
        this.#inFlight.end(held);
        held.message.release();
      }
  }

  /** Nothing that it does counts any more. */
  stop(): void {
    this.#hasLeft = true;
    this.#hasStopped = true;
    this.#reader.stop();
    for (const timer of [this.#look, this.#beat, ...this.#resting.values()]) timer?.cancel();
    this.#owed = [];
  }

  // ---- the reader

  /** Until all that is not settled is here. */
  async #gather(): Promise<void> {
    if (this.#isGathering) return;
    this.#isGathering = true;
    for (let looks = 1; ; looks++) {
      const status = await this.#asked();
      if (this.#hasLeft) return;
      const firsts = status ? this.#inFlight.compare(status) : [];
      if (this.isWhole) {
        this.#isGathering = false;
        for (const held of firsts) this.#begin(held);
        return;
      }
      await pause(this.#deps.clock, pauseAfter(looks, GATHER_PAUSES, this.#deps.random));
    }
  }

  async #asked(): Promise<ReaderStatus | undefined> {
    try {
      const status = await this.#reader.status();
      this.waiting = status.waiting;
      return status;
    } catch (error) {
      const isMissing = error instanceof StreamUnavailableError && error.reason === MISSING;
      if (isMissing && !this.#hasLeft) this.#onMissing(error);
      return undefined;
    }
  }

  #armLook(): void {
    this.#look = this.#deps.clock.after(LOOK_MS, () => {
      this.#armLook();
      void this.#asked();
    });
  }

  #delivered(message: Message): void {
    if (this.#hasStopped) return;
    if (this.#hasLeft) return message.release();
    const first = this.#inFlight.deliver(message, (fresh) => this.#nameOf(fresh));
    this.#armBeat();
    if (first) this.#begin(first);
    if (!this.isWhole) void this.#gather();
  }

  /** What takes long is held, so that nobody else gets it. */
  #armBeat(): void {
    if (this.#beat !== undefined) return;
    this.#beat = this.#deps.clock.after(this.#of.subscription.ackWaitMs / HOLDS, () => {
      this.#beat = undefined;
      if (this.#inFlight.size === 0) return;
      if (this.#deps.gate.isOpen) for (const { message } of this.#inFlight) message.hold();
      this.#armBeat();
    });
  }

  // ---- messages

  #letterOf(message: Message): Letter {
    const { hosted, subscription } = this.#of;
    message.letter ??= readLetter(message, hosted, subscription, this.#deps.codec);
    return message.letter;
  }

  #nameOf(message: Message): string | undefined {
    const letter = this.#letterOf(message);
    return "error" in letter ? undefined : letter.name;
  }

  /** One may begin, if this node may have effects. */
  #begin(held: Held<Message>): void {
    if (this.#hasLeft || held.hasBegun || !this.#deps.gate.isOpen) return;
    held.hasBegun = true;
    void this.#try(held);
  }

  async #try(held: Held<Message>): Promise<void> {
    const { message } = held;
    const letter = this.#letterOf(message);
    if ("error" in letter) {
      delete message.letter; // it is read anew if it is tried again
      return this.#refused(held, letter.error, { isFinal: letter.isFinal });
    }
    const { deliveries } = message;
    if (deliveries > this.#of.subscription.tries * DELIVERIES_PER_TRY)
      return this.#refused(held, neverEnded(deliveries - 1), { isFinal: true });
    const { clock, tryMs } = this.#deps;
    const endsAt = clock.now() + tryMs;
    const error = await this.#give(message, letter);
    if (this.#hasStopped) return;
    if (error === undefined) this.#ended(held);
    else this.#refused(held, error, { isLate: clock.now() >= endsAt });
  }

  /** A tell has ended when it is admitted; of a stored actor an ask, when what came of it is stored. @returns the refusal */
  async #give(
    { sequence }: Message,
    { name, argument }: { readonly name: string; readonly argument: unknown },
  ): Promise<ErrorData | undefined> {
    const { router, tryMs } = this.#deps;
    const { hosted, subscription, durable } = this.#of;
    const { contract } = hosted;
    const { message } = subscription;
    const position = { reader: durable, made: this.#reader.made, sequence };
    try {
      await router.send({
        ...{ kind: contract.kind, name, message, declared: contract.messages[message], argument },
        type: contract.durability === "stored" ? "ask" : "tell",
        options: { timeoutMs: tryMs },
        caller: undefined,
        headers: HeaderMap.of([
          [FROM, "stream"],
          [POSITION, writtenPosition(position)],
        ]),
      });
      return undefined;
    } catch (error) {
      return toErrorData(error);
    }
  }

  #refused(held: Held<Message>, error: ErrorData, how: RefusedHow): void {
    const { counts, subscription } = this.#of;
    counts.refused++;
    if (this.#hasLeft) return this.#giveBack(held);
    const verdict = verdictOn(error, how);
    if (verdict !== "later") held.tries++;
    if (verdict === "never" || held.tries >= subscription.tries) return void this.#bury(held, error);
    this.error = error;
    const failures = verdict === "later" ? this.#delays(held, error) : held.tries;
    const { clock, random } = this.#deps;
    const pauseMs = Math.max(error.retryAfterMs ?? 0, pauseAfter(failures, TRY_PAUSES, random));
    const again = () => {
      this.#resting.delete(held);
      held.hasBegun = false;
      this.#begin(held);
    };
    this.#resting.set(held, clock.after(pauseMs, again));
  }

  /** Whoever reads next tries it. */
  #giveBack(held: Held<Message>): void {
    this.#inFlight.end(held);
    if (this.#deps.gate.isOpen) held.message.release();
  }

  /** @returns how often it was delayed */
  #delays(held: Held<Message>, error: ErrorData): number {
    const { clock, events } = this.#deps;
    const now = clock.now();
    const { since, times } = this.#delayed.get(held) ?? { since: now, times: 0 };
    this.#delayed.set(held, { since, times: times + 1 });
    if (now - since >= DELAYED_MS && now - this.#toldAt >= DELAYED_MS) {
      this.#toldAt = now;
      const { sequence } = held.message;
      events.emit({ type: "subscription-delayed", ...this.#about(held), sequence, error });
    }
    return times + 1;
  }

  #about({ lane }: Held<Message>): {
    readonly kind: string;
    readonly name?: string;
    readonly stream: string;
    readonly durable: string;
  } {
    const { hosted, subscription, durable } = this.#of;
    const { kind } = hosted.contract;
    return { kind, ...(lane === undefined ? {} : { name: lane }), stream: subscription.stream, durable };
  }

  async #bury(held: Held<Message>, error: ErrorData): Promise<void> {
    const { of, events } = this.#deps;
    const { subscription, counts, durable } = this.#of;
    const { message, tries } = held;
    const about = this.#about(held);
    const to = subscription.deadLetter ?? `${of.cluster}.dead.${durable}`;
    const written = await this.#write(
      to,
      message,
      deadLetterHeaders(message, { ...about, of, tries, error }),
    );
    if (this.#hasStopped) return;
    counts.buried++;
    const { message: word } = subscription;
    const { sequence } = message;
    events.emit({ type: "message-buried", ...about, message: word, sequence, tries, to, written, error });
    this.#ended(held);
  }

  /** Now and then nobody hears for a moment, as when a stream changes its leader. */
  async #write(to: string, message: Message, headers: Record<string, string>): Promise<Written | "refused"> {
    const { streams, clock, random } = this.#deps;
    const id = `${this.#of.durable}/${this.#reader.made}/${message.sequence}`;
    let { payload } = message;
    let written: Written = "unheard";
    for (let i = 0; i < BURIALS && written === "unheard" && !this.#hasStopped; i++) {
      if (i > 0) await pause(clock, pauseAfter(i, TRY_PAUSES, random));
      while (!this.#deps.gate.isOpen && !this.#hasStopped) await pause(clock, TRY_PAUSES.firstMs);
      if (this.#hasStopped) break;
      try {
        written = await streams.write(to, payload, headers, id);
      } catch (refusal) {
        if (!(refusal instanceof TooLargeError) || payload.byteLength === 0) return "refused";
        payload = new Uint8Array(); // its headers say where it is
        headers["Baton-Payload"] = "left out";
      }
    }
    return written;
  }

  /** It is done with, and whoever waits behind it may begin. */
  #ended(held: Held<Message>): void {
    this.#of.counts.settled++;
    this.#delayed.delete(held);
    if (this.#resting.size === 0) this.error = undefined;
    if (this.#deps.gate.isOpen) held.message.settle();
    else this.#owed.push(held.message);
    const next = this.#inFlight.end(held);
    if (next) this.#begin(next);
  }
}

function neverEnded(deliveries: number): ErrorData {
  const words = `it was delivered ${deliveries} times, and not once was it known how that ended`;
  return toErrorData(new OutcomeUnknownError(`Cannot give a message of a stream to an actor: ${words}`));
}
