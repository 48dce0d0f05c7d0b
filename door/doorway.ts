/**
 * What all requests of plain NATS clients have in common: whom an answer may go to, for which cluster they are, how many are served at
 * once, how an argument is read and an end is written.
 *
 * @module
 */
import {
  ActorError,
  BusyError,
  type ErrorData,
  InvalidNameError,
  OtherClusterError,
  publicErrorData,
  statusOf,
  toErrorData,
} from "../errors.ts";
import type { EventBus } from "../events.ts";
import { ContextLayer } from "../actors/caller/context_layer.ts";
import { declaredContext } from "../actors/caller/context_headers.ts";
import type { ClusterId } from "../cluster/records/schemas.ts";
import type { Codec } from "../codec/codec.ts";
import { toJsonText } from "../codec/json.ts";
import { type DoorAddress, encodeToken, isPublishable, unescaped } from "../transport/subjects.ts";
import type { Incoming, Subscription, Transport } from "../transport/transport.ts";
import type { DoorSettings } from "./options.ts";
import { CBOR, GENERATION, NAME, readArgument } from "./payload.ts";

/** What it works with. */
export interface DoorwayDeps {
  readonly of: ClusterId;
  readonly transport: Transport;
  readonly codec: Codec;
  readonly events: EventBus;
}

/** What a client wants. */
export interface DoorRequest {
  readonly subject: string;
  /** How long it may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Goes along with what comes of it: the headers that are let in, and that it came by the door. */
  readonly context: ContextLayer;
  /**
   * The name that the subject addresses, or a header where it is too long for that.
   *
   * @throws {InvalidNameError}
   */
  name(address: DoorAddress): string;
  /**
   * @param fit for CBOR: makes the integers those of a schema
   * @throws {InvalidArgumentError | DecodeError}
   */
  argument(fit: (value: unknown) => unknown): unknown;
}

/** One of all nodes that are up gets each request. */
const QUEUE = "door";

/** See the module's text. */
export class Doorway {
  readonly #deps: DoorwayDeps;
  readonly #options: DoorSettings;
  /** Goes along with every call that comes in here. */
  readonly #from: ContextLayer = ContextLayer.of({}, undefined, "door");
  #underWay = 0;
  /** Requests without an answer: their reply subject was not to be trusted, or the server takes none of that length. */
  dropped = 0;
  /** Messages that were refused, and of which nobody wanted to hear an end. */
  unheard = 0;

  constructor(deps: DoorwayDeps, options: DoorSettings) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Serves what is sent to a subject, as one of all nodes that do. */
  serve(subject: string, serve: (request: DoorRequest) => Promise<unknown>): Subscription {
    const { transport } = this.#deps;
    return transport.subscribe(subject, (message) => this.#incoming(message, serve), { queue: QUEUE });
  }

  #incoming(message: Incoming, serve: (request: DoorRequest) => Promise<unknown>): void {
    const { reply } = message;
    const trusted =
      reply === undefined ||
      (isPublishable(reply) && this.#options.replyPrefixes.some((prefix) => reply.startsWith(prefix)));
    if (!trusted) {
      this.dropped++;
      return;
    }
    const cbor = message.header("Content-Type") === CBOR;
    const asked = message.header(GENERATION);
    if (asked !== undefined && asked !== this.#deps.of.generation) return this.#isOther(message, asked, cbor);
    this.#served(message, cbor, serve).then(
      (result) => this.#answer(reply, cbor, result),
      (error: unknown) => this.#answerError(reply, cbor, error),
    );
  }

  /** Told of another cluster of this name, or of a former one. */
  #isOther({ subject, reply }: Incoming, asked: string, cbor: boolean): void {
    const { of, events } = this.#deps;
    const words = `the generation of cluster "${of.cluster}" is "${of.generation}"`;
    const error = new OtherClusterError(
      `Cannot take a call for generation "${asked.slice(0, 64)}": ${words}`,
    );
    events.emit({ type: "rejected-input", subject, error: toErrorData(error) });
    this.#answerError(reply, cbor, error);
  }

  async #served(
    message: Incoming,
    cbor: boolean,
    serve: (request: DoorRequest) => Promise<unknown>,
  ): Promise<unknown> {
    if (this.#underWay >= this.#options.callsMax)
      throw new BusyError(`Cannot take another call: ${this.#underWay} calls are under way at the door`, {
        retryAfterMs: 100,
      });
    this.#underWay++;
    try {
      const { codec } = this.#deps;
      return await serve({
        subject: message.subject,
        timeoutMs: this.#timeoutMs(message.header("Baton-Timeout-Ms")),
        context: this.#context(message),
        name: (address) => nameOf(address, message),
        argument: (fit) => readArgument(message.payload, codec, cbor ? fit : undefined),
      });
    } finally {
      this.#underWay--;
    }
  }

  /** @throws {InvalidArgumentError} above the bounds */
  #context(message: Incoming): ContextLayer {
    const { contextHeaders } = this.#options;
    if (contextHeaders.length === 0) return this.#from;
    return ContextLayer.of(
      declaredContext(contextHeaders, (name) => message.header(name)),
      this.#from,
    );
  }

  #timeoutMs(asked: string | undefined): number {
    const ms = Number(asked);
    return ms >= 1 && ms < this.#options.timeoutMs ? ms : this.#options.timeoutMs;
  }

  #answer(reply: string | undefined, cbor: boolean, result: unknown): void {
    if (reply === undefined) return;
    try {
      const payload = cbor
        ? this.#deps.codec.encode(result)
        : new TextEncoder().encode(toJsonText(result) ?? "");
      this.#deps.transport.publish(reply, payload, { headers: this.#headers(cbor) });
    } catch (error) {
      this.#answerError(reply, cbor, error); // too large, or without a form in JSON
    }
  }

  #headers(cbor: boolean): Record<string, string> {
    const { generation } = this.#deps.of;
    return cbor ? { [GENERATION]: generation, "Content-Type": CBOR } : { [GENERATION]: generation };
  }

  /** What may be told to who is not trusted: no stack, no cause, and nothing about what is not an error of this package. */
  #public(error: unknown): ErrorData {
    if (!(error instanceof ActorError))
      return {
        code: "internal-error",
        message: "Cannot answer: something unexpected happened",
        retryable: false,
      };
    const data = publicErrorData(toErrorData(error));
    if (data.code !== "handler-error" || this.#options.showHandlerErrors) return data;
    return { code: data.code, message: "Cannot answer: the handler threw an error", retryable: false };
  }

  #answerError(reply: string | undefined, cbor: boolean, error: unknown): void {
    if (reply === undefined) {
      this.unheard++;
      return;
    }
    const data = this.#public(error);
    const body = cbor ? this.#deps.codec.encode(data) : new TextEncoder().encode(JSON.stringify(data));
    const headers = {
      "Nats-Service-Error-Code": String(data.declared?.status ?? statusOf(data.code)),
      "Nats-Service-Error": data.message.replace(/[^ -~]/g, "?").slice(0, 512), // a header is one line of ASCII
      ...this.#headers(cbor),
    };
    try {
      this.#deps.transport.publish(reply, body, { headers });
    } catch {
      this.dropped++; // not even that fits into a message of this server
    }
  }
}

/**
 * A long name does not fit into a subject: a hash stands there, and the name in a header. It may be escaped there as
 * in a subject, since a header's value neither begins nor ends with a space, and has one line.
 */
function nameOf({ name, token }: DoorAddress, message: Incoming): string {
  if (name !== undefined) return name;
  const written = message.header(NAME);
  for (const long of written === undefined ? [] : [unescaped(written), written])
    if (long && encodeToken(long) === token) return long;
  throw new InvalidNameError(
    "Cannot find out who is meant: the subject has no name that can be read, and no Baton-Name header has one",
  );
}
