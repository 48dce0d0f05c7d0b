/**
 * Messages to kinds that no node has hosted as far as is known here. The leader is asked, once for each kind; what is sent
 * meanwhile waits in one line and goes out in order, or ends as every message does: at its deadline, by its caller's
 * signal, with its node.
 *
 * @module
 */
import { UnknownKindError } from "../../errors.ts";
import { copyArgument } from "../../actors/argument.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import { deadlineFor } from "./checks.ts";
import { aborted, kindNotKnown, nodeIsBusy } from "./call_errors.ts";
import type { Request } from "./pending_call.ts";
import type { SendingQuotas } from "../sending/sender_deps.ts";
import type { DeliverySettings } from "../settings.ts";

/** What it works with. */
export interface NewKindsDeps {
  readonly clock: Clock;
  readonly rooms: SendingQuotas;
  readonly settings: Pick<DeliverySettings, "callTimeoutMs">;
  /** How many shards the kind has, from the leader; `undefined` if nobody has ever hosted it. */
  ask(kind: string): Promise<number | undefined>;
  /** Checks an argument and tells what it weighs. @throws {TooLargeError} */
  weigh(request: Request): number;
  /** Sends one whose kind has so many shards. */
  submit(request: Request, shards: number): Promise<unknown>;
}

interface Waiting {
  readonly request: Request;
  readonly weight: number;
  readonly deadlineAt: number;
  readonly timer: Timer;
  readonly abandon: () => void;
  resolve(end: Promise<unknown>): void;
  reject(error: Error): void;
}

/** See the module's text. */
export class KindLookup {
  readonly #deps: NewKindsDeps;
  readonly #lines = new Map<string, Set<Waiting>>();

  constructor(deps: NewKindsDeps) {
    this.#deps = deps;
  }

  /** Whether the leader is being asked about it. */
  has(kind: string): boolean {
    return this.#lines.has(kind);
  }

  /** Messages that wait. */
  get size(): number {
    let size = 0;
    for (const line of this.#lines.values()) size += line.size;
    return size;
  }

  /** Sends one as soon as its kind is known. Whatever it ends by comes through the promise. */
  async send(given: Request): Promise<unknown> {
    const { message, options, caller } = given;
    const { clock, rooms, settings } = this.#deps;
    const now = clock.now();
    const timeoutMs = deadlineFor(given, now, settings.callTimeoutMs) - now;
    const request = { ...given, argument: copyArgument(message, given.argument) };
    const weight = this.#deps.weigh(request);
    if (options?.signal?.aborted) throw aborted(request);
    if (rooms.areFull) throw nodeIsBusy(request, "messages waiting");
    caller?.sent();
    return await new Promise((resolve, reject) =>
      this.#wait({ request, weight, resolve, reject }, timeoutMs),
    );
  }

  #wait(given: Pick<Waiting, "request" | "weight" | "resolve" | "reject">, timeoutMs: number): void {
    const { clock, rooms } = this.#deps;
    const { request } = given;
    const line = this.#lineOf(request.kind);
    const waiting: Waiting = {
      ...given,
      deadlineAt: clock.now() + timeoutMs,
      timer: clock.after(timeoutMs, () => this.#refuse(line, waiting, kindNotKnown(request))),
      abandon: () => this.#refuse(line, waiting, aborted(request)),
    };
    rooms.take(given.weight);
    request.options?.signal?.addEventListener("abort", waiting.abandon, { once: true });
    line.add(waiting);
  }

  #lineOf(kind: string): Set<Waiting> {
    let line = this.#lines.get(kind);
    if (line) return line;
    line = new Set();
    this.#lines.set(kind, line);
    const finish = (end: (waiting: Waiting) => void) => {
      this.#lines.delete(kind); // in one go: whoever sends next finds all of these before it
      for (const waiting of line) end(waiting);
    };
    this.#deps.ask(kind).then(
      (shards) => finish((waiting) => this.#known(line, waiting, shards)),
      (error) => finish((waiting) => this.#refuse(line, waiting, error)),
    );
    return line;
  }

  #known(line: Set<Waiting>, waiting: Waiting, shards: number | undefined): void {
    const { request, deadlineAt } = waiting;
    if (shards === undefined) {
      const words = `Cannot send to an actor of kind "${request.kind}": no node of this cluster has ever hosted it`;
      return this.#refuse(line, waiting, new UnknownKindError(words));
    }
    const timeoutMs = deadlineAt - this.#deps.clock.now();
    if (timeoutMs <= 0) return this.#refuse(line, waiting, kindNotKnown(request));
    // its caller may handle another message by now: the time was set when it was sent
    const options = { ...request.options, timeoutMs, detached: true };
    waiting.resolve(this.#deps.submit({ ...request, options }, shards));
    this.#left(line, waiting);
  }

  #refuse(line: Set<Waiting>, waiting: Waiting, error: Error): void {
    waiting.reject(error);
    this.#left(line, waiting);
  }

  #left(line: Set<Waiting>, waiting: Waiting): void {
    const { request, weight, timer, abandon } = waiting;
    line.delete(waiting);
    timer.cancel();
    request.options?.signal?.removeEventListener("abort", abandon);
    this.#deps.rooms.give(weight);
    request.caller?.settled();
  }

  /** Ends all that wait. */
  stop(error: Error): void {
    for (const line of this.#lines.values()) for (const waiting of line) this.#refuse(line, waiting, error);
  }
}
