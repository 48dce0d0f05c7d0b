/**
 * The turn of one message after the other: validate → handle → check the state → answer. One at a time.
 *
 * @module
 */
import { undeclared } from "../argument.ts";
import { ActorHeaders } from "../caller/actor_headers.ts";
import { type Caller, callerOf } from "../caller/caller.ts";
import { type ErrorData, toErrorData } from "../../errors.ts";
import type { EventBus } from "../../events.ts";
import type { HeaderMap } from "../../codec/header_map.ts";
import type { Clock } from "../../platform/clock.ts";
import { declaredErrorData, expired, handledErrorData, validArgument, validResult } from "./validation.ts";
import type { Registration, HostedMessage } from "../host.ts";
import type { Mail } from "./mail.ts";
import type { OutputSink } from "../durable/output_sink.ts";
import { outcomeLost } from "../actor_errors.ts";
import { reportFailure, reportIfTell } from "../actor_events.ts";
import { HandlerSignal } from "./handler_signal.ts";
import type { StateCell } from "../state/state_cell.ts";
import { TimerMail } from "../state/timers.ts";
import { isThenable, type UserCode } from "./user_code.ts";
import { isPast, movedTo, type Position, positionOf } from "../subscription/position.ts";
import { isWatchWord } from "../watch/words.ts";
import { DEACTIVATE, isLifeWord } from "./life_words.ts";

/** Whose turn it is. */
export interface TurnOwner {
  readonly kind: string;
  readonly name: string;
  readonly address: string;
  readonly hasEnded: boolean;
  /** A due timer's message has its turn. @returns whether it is to be handled now */
  beginTimer(mail: TimerMail): boolean;
  /** A handler ended well: what it has asked for takes effect. */
  carryOut(): void;
  /** Something is said about a watch. @returns the message that is due for it, if there is one */
  heed(mail: Mail): Mail | undefined;
  /** Somebody wants this activation to end. */
  deactivate(): void;
  /** A handler threw, and the contract does not let it go on. @param toldToEnd whether its node had told it to give up */
  failed(error: ErrorData, toldToEnd: boolean): void;
  on(event: TurnEvent): void;
}

/** What a handler that has failed means for its actor. */
export type TurnEvent =
  /** What it has asked for does not happen. */
  | { readonly type: "unwished" }
  /** The contract wants the actor ended, or begun `again`. */
  | { readonly type: "broke"; readonly again: boolean };

/** What a turn works with. */
export interface TurnDeps {
  readonly hosted: Registration;
  readonly clock: Clock;
  readonly events: EventBus;
  readonly code: UserCode;
  readonly state: StateCell;
  readonly outputs: OutputSink;
}

/** See the module's text. */
export class Turn {
  readonly #owner: TurnOwner;
  readonly #hosted: Registration;
  readonly #events: EventBus;
  readonly #code: UserCode;
  readonly #state: StateCell;
  readonly #outputs: OutputSink;
  readonly #signal: HandlerSignal;
  #running: Mail | undefined;
  #chain: readonly string[] | undefined;
  #caller: Caller | undefined;
  #headers: ActorHeaders | undefined;
  /** Of what is handled now, if that comes from a stream. */
  #position: Position | undefined;

  constructor(owner: TurnOwner, { hosted, clock, events, code, state, outputs }: TurnDeps) {
    this.#owner = owner;
    this.#hosted = hosted;
    this.#events = events;
    this.#code = code;
    this.#state = state;
    this.#outputs = outputs;
    this.#signal = new HandlerSignal(clock);
  }

  /** The actors that wait for the running message, and its own. */
  get chain(): readonly string[] {
    this.#chain ??= [...(this.#running?.chain ?? []), this.#owner.address];
    return this.#chain;
  }

  /** Who has sent what is handled now; `undefined` if nothing is. */
  get caller(): Caller | undefined {
    if (this.#running !== undefined) this.#caller ??= callerOf(this.#running);
    return this.#caller;
  }

  /** What goes along with an ask that is sent now: the context of what is handled. */
  get askHeaders(): HeaderMap | undefined {
    const handled = this.#running?.headers;
    return handled === undefined ? undefined : this.#ofActor().ofAsks(handled);
  }

  get tellHeaders(): HeaderMap | undefined {
    return this.#ofActor().ofTells(this.#running?.headers);
  }

  #ofActor(): ActorHeaders {
    return (this.#headers ??= new ActorHeaders(this.#owner.address));
  }

  /** Of what is handled now; `Infinity` if nothing is, or nobody waits for it. */
  get deadlineAt(): number {
    return this.#running?.deadlineAt ?? Infinity;
  }

  /** The signal of what is handled now. */
  get signal(): AbortSignal {
    return this.#signal.get(this.deadlineAt);
  }

  abort(reason: () => Error): void {
    this.#signal.abort(reason);
  }

  /** Never throws: whatever comes of a message stays with it. */
  handle(mail: Mail, now: number): void {
    try {
      this.#begin(mail, now);
    } catch (error) {
      this.#broke(mail, error);
    }
  }

  #begin(mail: Mail, now: number): void {
    const hosted = this.#hosted;
    const { kind } = this.#owner;
    if (mail instanceof TimerMail && !this.#owner.beginTimer(mail)) return;
    const message = hosted.messages.get(mail.message);
    if (message === undefined) {
      if (isWatchWord(mail)) return this.#heed(mail, now);
      if (isLifeWord(mail)) return this.#obey(mail);
      return this.#refuse(mail, toErrorData(undeclared("deliver", kind, mail.message)));
    }
    if (mail.deadlineAt <= now) return mail.fail(expired(mail.message));
    this.#position = mail.headers && positionOf(mail.headers);
    if (this.#hasHad()) return void this.#outputs.succeed(mail, undefined);
    let input: unknown;
    try {
      input =
        mail.checkedBy === message.declared ? mail.checked : validArgument(hosted, message, mail.argument());
    } catch (error) {
      return this.#refuse(mail, toErrorData(error));
    }
    this.#running = mail;
    this.#chain = undefined;
    this.#call(mail, message, input);
  }

  /** Whether it comes from a stream, and had its effect when it was delivered before. */
  #hasHad(): boolean {
    const position = this.#position;
    return position !== undefined && isPast(this.#state.settledAnnex, position);
  }

  /** What comes from a stream has had its effect: that is part of it. */
  #noteHad(): void {
    if (this.#position !== undefined) this.#state.annex = movedTo(this.#state.annex, this.#position);
  }

  /** Whether it comes from a stream, and may be delivered again: then nothing is left of a try that failed, where that can be undone. */
  get #isTriedAgain(): boolean {
    return this.#position !== undefined && this.#hosted.contract.stateCheck === "handler";
  }

  #heed(mail: Mail, now: number): void {
    const due = this.#owner.heed(mail);
    if (due) this.#begin(due, now);
    else this.#outputs.succeed(mail, undefined);
  }

  /** That it has its turn is all that is wanted of the one; after the other nothing has. */
  #obey(mail: Mail): void {
    this.#outputs.succeed(mail, undefined);
    if (mail.message === DEACTIVATE) this.#owner.deactivate();
  }

  /** It cannot be handled. Of a stored actor's timer that is an end as well. */
  #refuse(mail: Mail, error: ErrorData): void {
    reportIfTell(this.#events, this.#owner, mail, error);
    this.#outputs.fail(mail, error);
  }

  #call(mail: Mail, message: HostedMessage, input: unknown): void {
    if (message.isReadonly) this.#state.isReading = true;
    let result: unknown;
    let later: boolean;
    try {
      result = this.#code.call(message, input);
      later = isThenable(result);
    } catch (error) {
      return this.#failed(mail, message, error);
    }
    if (!later) return this.#succeeded(mail, message, result);
    this.#code.wait(
      result,
      (value) => this.#contained(mail, () => this.#succeeded(mail, message, value)),
      (error) => this.#contained(mail, () => this.#failed(mail, message, error)),
    );
  }

  #contained(mail: Mail, end: () => void): void {
    try {
      end();
    } catch (error) {
      this.#broke(mail, error);
    }
  }

  /** What came of it cannot be told as it is: its state is undone, and who asked hears that it failed. */
  #broke(mail: Mail, error: unknown): void {
    this.release();
    this.#state.undo();
    reportFailure(this.#events, this.#owner, mail.message, toErrorData(error));
    mail.fail(handledErrorData(error));
  }

  #succeeded(mail: Mail, message: HostedMessage, value: unknown): void {
    this.release();
    if (this.#owner.hasEnded) return mail.fail(this.#lost());
    try {
      this.#noteHad();
      if (!message.isReadonly) this.#state.settle();
    } catch (error) {
      return this.#doesNotFit(mail, error);
    }
    this.#owner.carryOut();
    this.#answer(mail, message, value);
  }

  #answer(mail: Mail, message: HostedMessage, value: unknown): void {
    let result: unknown;
    try {
      result = mail.type === "tell" ? undefined : validResult(this.#hosted, message, value);
    } catch (error) {
      return this.#doesNotFit(mail, error);
    }
    const error = this.#outputs.succeed(mail, result);
    if (error) reportFailure(this.#events, this.#owner, mail.message, error);
  }

  /** What its handler has left or returned. */
  #doesNotFit(mail: Mail, thrown: unknown): void {
    const error = toErrorData(thrown);
    this.#owner.on({ type: "unwished" });
    reportFailure(this.#events, this.#owner, mail.message, error);
    this.#outputs.fail(mail, error);
  }

  #failed(mail: Mail, message: HostedMessage, thrown: unknown): void {
    const toldToEnd = this.#signal.isAborted;
    this.release();
    if (this.#owner.hasEnded) return mail.fail(this.#lost());
    this.#owner.on({ type: "unwished" });
    let error = thrown;
    let answer: ErrorData | undefined;
    try {
      answer = declaredErrorData(this.#hosted, message, thrown);
    } catch (unfit) {
      error = unfit;
    }
    const { onError } = this.#hosted.contract;
    if (onError !== "keep" || this.#isTriedAgain) this.#state.undo();
    else if (!message.isReadonly) this.#keep();
    if (answer) return this.#outputs.fail(mail, answer);
    const data = toErrorData(error);
    reportFailure(this.#events, this.#owner, mail.message, data);
    if (onError !== "keep") this.#owner.failed(data, toldToEnd);
    this.#outputs.fail(mail, handledErrorData(error));
    if (onError !== "keep") this.#owner.on({ type: "broke", again: onError === "restart" });
  }

  #keep(): void {
    try {
      this.#noteHad(); // what it has left is its effect
      this.#state.settle();
    } catch {
      // undone
    }
  }

  /** What comes next gets a signal and a chain of its own. */
  release(): void {
    this.#running = undefined;
    this.#chain = undefined;
    this.#caller = undefined;
    this.#state.isReading = false;
    this.#signal.release();
  }

  /** It was handled, and what came of it has no effect here: what it asked others may have. */
  #lost(): ErrorData {
    return this.#outputs.refusal ?? toErrorData(outcomeLost(this.#owner.address));
  }
}
