/**
 * Carries what is said about watches to whoever owns the actor: as a tell, by the link that every message takes, so it is
 * repeated over losses and moves, and shares its frame with all else that goes to that node.
 *
 * @module
 */
import type { CallingActor } from "../../actors/activation/activation_host.ts";
import type { TellMessage } from "../../actors/contract.ts";
import type { Address } from "../../actors/ref.ts";
import type { WatchWord } from "../../actors/watch/words.ts";
import { type ErrorData, toErrorData } from "../../errors.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import type { Request } from "../calls/pending_call.ts";

/** Sends a request of this node. */
export type Send = (request: Request) => Promise<unknown>;

/** What is said in vain is said again after so many milliseconds, and every time later, up to the longest pause. */
export const AGAIN_MIN_MS = 1_000;
export const AGAIN_MAX_MS = 30_000;
/** Most words that wait to be said again. Those that are dropped are asked for when the shard of the watched actor moves. */
const INSISTENT_MAX = 100_000;

/** No schema: who reads it reads with care. Twice is as good as once. */
const DECLARED: TellMessage = Object.freeze<TellMessage>({
  type: "tell",
  input: Object.freeze({
    "~standard": Object.freeze({
      version: 1 as const,
      vendor: "baton",
      validate: (value: unknown) => ({ value }),
    }),
  }),
  idempotent: true,
});

/** The node itself: it speaks as long as it has actors, also while it leaves. */
const NODE: CallingActor = Object.freeze<CallingActor>({
  chain: Object.freeze<string[]>([]),
  deadlineAt: Infinity,
  askHeaders: undefined,
  tellHeaders: undefined,
  sent: () => {},
  settled: () => {},
});

/** Ends in which it would be said in vain again. */
const FINAL: ReadonlySet<string> = new Set(["invalid-state", "unknown-kind", "node-stopped", "invalid-name"]);

/** See the module's text. */
export class Messenger {
  readonly #clock: Clock;
  readonly #send: Send;
  readonly #waiting = new Set<Timer>();
  #insisting = 0;
  #isOver = false;

  constructor(clock: Clock, send: Send) {
    this.#clock = clock;
    this.#send = send;
  }

  /** Says something once. @param refused told why it was not admitted */
  say({ kind, name }: Address, says: WatchWord, refused: (error: ErrorData) => void = () => {}): void {
    if (this.#isOver) return;
    const { word: message, ...argument } = says;
    const request = { kind, name, type: "tell" as const, message, declared: DECLARED, argument };
    this.#send({ ...request, options: undefined, caller: NODE }).then(undefined, (error: unknown) => {
      if (!this.#isOver) refused(toErrorData(error));
    });
  }

  /** Says something until it was admitted. */
  insist(to: Address, says: WatchWord): void {
    if (this.#insisting >= INSISTENT_MAX) return this.say(to, says);
    this.#insisting++;
    this.#again(to, says, AGAIN_MIN_MS);
  }

  #again(to: Address, says: WatchWord, pauseMs: number): void {
    const { word: message, ...argument } = says;
    const { kind, name } = to;
    const request = { kind, name, type: "tell" as const, message, declared: DECLARED, argument };
    this.#send({ ...request, options: undefined, caller: NODE }).then(
      () => void this.#insisting--,
      (error: unknown) => {
        if (this.#isOver || FINAL.has(toErrorData(error).code)) return void this.#insisting--;
        const timer = this.#clock.after(pauseMs, () => {
          this.#waiting.delete(timer);
          this.#again(to, says, Math.min(pauseMs * 2, AGAIN_MAX_MS));
        });
        this.#waiting.add(timer);
      },
    );
  }

  stop(): void {
    this.#isOver = true;
    for (const timer of this.#waiting) timer.cancel();
    this.#waiting.clear();
  }
}
