/**
 * One durable pull consumer of JetStream, as one connection reads by it.
 *
 * ```
 *   burst ──some came──► burst        as many as there are, which ends at once
 *     └────none came───► poll ──one came──► burst
 * ```
 *
 * It asks by itself and does not use the client's `consume()`. That leaves a request open for many messages, and lets go of its inbox at once
 * when it is closed: what the server sends there is missed by everybody until the time of its delivery is over. Here nothing but one
 * message can be on its way without an end in sight, and the inbox is kept until that has come.
 *
 * @module
 */
import type { ConsumerInfo, JetStreamManager } from "@nats-io/jetstream";
import { createInbox, type Msg, nanos, type NatsConnection, type Subscription } from "@nats-io/nats-core";
import { StreamUnavailableError } from "../../../errors.ts";
import { inCleanContext } from "../../../platform/async_context.ts";
import type { Clock, Timer } from "../../../platform/clock.ts";
import { MISSING, type ReaderStatus, type StreamMessage, type StreamReader } from "../../streams.ts";
import { DeliveredMessage } from "./delivered.ts";
import { streamError } from "./errors.ts";

/** What it works with. */
export interface NatsReaderDeps {
  readonly client: NatsConnection;
  readonly clock: Clock;
  readonly manager: JetStreamManager;
  readonly info: ConsumerInfo;
  /** What requests to JetStream begin with, as `$JS.API`. */
  readonly prefix: string;
  readonly inboxPrefix: string | undefined;
  /** Told what the client complains about, and what a callback threw. */
  readonly onError: (error: unknown) => void;
}

/** How long a request for many stands at most, where no more may be delivered until something is settled. */
const BURST_MS = 500;
/** How long a request for one stands. */
const POLL_MS = 5_000;
/** So long after its end nothing more can come of it. */
const LATE_MS = 1_000;
/** Before it is asked again what was refused. */
const AGAIN_MS = 250;
const NO_MESSAGES = 404;
const TIMED_OUT = 408;

/** What was asked for, and has not ended. */
interface Request {
  readonly isBurst: boolean;
  /** Messages that may still come of it. */
  left: number;
  /** Whether something has come of it. */
  hasCome: boolean;
  readonly endsAt: number;
}

/** See the module's text. */
export class NatsReader implements StreamReader {
  readonly made: number;
  readonly #deps: NatsReaderDeps;
  readonly #batch: number;
  #subscription: Subscription | undefined;
  #request: Request | undefined;
  #timer: Timer | undefined;
  #hasStopped = false;

  constructor(deps: NatsReaderDeps, made: number) {
    this.#deps = deps;
    this.made = made;
    this.#batch = Math.max(1, deps.info.config.max_ack_pending ?? 1);
  }

  start(onMessage: (message: StreamMessage) => void): void {
    const { client, inboxPrefix, onError } = this.#deps;
    const callback = (error: Error | null, message: Msg) => {
      try {
        if (error) onError(error);
        else if (isNotice(message)) this.#noticed(message.headers?.code ?? 0);
        else this.#received(message, onMessage);
      } catch (thrown) {
        onError(thrown); // the client would stop reading
      }
    };
    inCleanContext(() => {
      this.#subscription = client.subscribe(createInbox(inboxPrefix), { callback });
      this.#ask(true);
      void client.closed().then(() => this.#over());
    });
  }

  #received(message: Msg, onMessage: (message: StreamMessage) => void): void {
    const request = this.#request;
    if (request) {
      request.hasCome = true;
      if (--request.left <= 0) this.#ended(true);
    }
    onMessage(new DeliveredMessage(message, () => this.#backMs));
  }

  /** A request has ended. */
  #noticed(code: number): void {
    const hasCome = this.#request?.hasCome ?? false;
    if (code === NO_MESSAGES || code === TIMED_OUT) return this.#ended(hasCome);
    this.#request = undefined; // nobody is there to ask, or it may not be asked now
    if (this.#hasStopped) this.#close();
    else this.#askIn(AGAIN_MS);
  }

  #ended(hasCome: boolean): void {
    this.#request = undefined;
    if (this.#hasStopped) this.#close();
    else this.#ask(hasCome);
  }

  #ask(isBurst: boolean): void {
    const { client, clock, info, prefix, onError } = this.#deps;
    if (client.isClosed()) return;
    const [batch, ms] = isBurst ? [this.#batch, BURST_MS] : [1, POLL_MS];
    this.#request = { isBurst, left: batch, hasCome: false, endsAt: clock.now() + ms };
    const wanted = { batch, expires: nanos(ms), ...(isBurst ? { no_wait: true } : {}) };
    const subject = `${prefix}.CONSUMER.MSG.NEXT.${info.stream_name}.${info.name}`;
    try {
      client.publish(subject, JSON.stringify(wanted), { reply: this.#subscription?.getSubject() ?? "" });
    } catch (error) {
      onError(error);
    }
    this.#askIn(ms + LATE_MS);
  }

  /** If nothing is heard until then. */
  #askIn(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#deps.clock.after(ms, () => this.#ended(true));
  }

  /** So long must pass before what is given back may be delivered: else it comes to who has stopped. */
  get #backMs(): number {
    const request = this.#request;
    return request?.isBurst ? Math.max(0, request.endsAt - this.#deps.clock.now()) : 0;
  }

  stop(): void {
    if (this.#hasStopped) return;
    this.#hasStopped = true;
    if (this.#request === undefined) this.#close();
  }

  #close(): void {
    const { client, onError } = this.#deps;
    this.#timer?.cancel();
    this.#subscription?.drain().catch((error: unknown) => void (client.isClosed() || onError(error)));
    this.#subscription = undefined;
  }

  /** The connection is. */
  #over(): void {
    this.#hasStopped = true;
    this.#timer?.cancel();
    this.#subscription = undefined;
  }

  async status(): Promise<ReaderStatus> {
    const { stream_name: stream, name, created } = this.#deps.info;
    const what = `Cannot read the stream "${stream}" by the consumer "${name}"`;
    let info: ConsumerInfo;
    try {
      info = await this.#deps.manager.consumers.info(stream, name);
    } catch (cause) {
      throw streamError(what, cause);
    }
    if (info.created !== created)
      throw new StreamUnavailableError(`${what}: somebody has made another one`, { reason: MISSING });
    return {
      unsettled: info.num_ack_pending,
      lastDelivery: info.delivered.consumer_seq,
      waiting: info.num_pending,
    };
  }
}

/** Whether it is said by the server about what was asked for. */
function isNotice({ headers, data, reply }: Msg): boolean {
  return data.length === 0 && !reply?.startsWith("$JS.ACK.") && headers !== undefined && headers.code > 0;
}
