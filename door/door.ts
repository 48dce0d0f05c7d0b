/**
 * The door: `<cluster>.call.<kind>.<name>.<message>` is an actor's address for any NATS client in any language. The
 * payload is the argument, as JSON, or as CBOR with the header `Content-Type: application/cbor`; the answer has the
 * same form. An error comes by the convention of NATS services, with a body `{code, message, retryable}`.
 *
 * No order and no repetition is promised here: a client that tries again may be handled twice.
 *
 * @module
 */
import {
  ActorError,
  BusyError,
  type ErrorData,
  InvalidArgumentError,
  InvalidNameError,
  OtherClusterError,
  publicErrorData,
  statusOf,
  toErrorData,
  UnknownKindError,
} from "../errors.ts";
import type { EventBus } from "../events.ts";
import type { Contract } from "../actors/contract.ts";
import { ContextLayer } from "../actors/caller/context_layer.ts";
import { declaredContext } from "../actors/caller/context_headers.ts";
import type { Registration } from "../actors/host.ts";
import type { ClusterId } from "../cluster/records/schemas.ts";
import type { Codec } from "../codec/codec.ts";
import type { HeaderMap } from "../codec/header_map.ts";
import { toJsonText } from "../codec/json.ts";
import {
  type DoorAddress,
  encodeToken,
  isPublishable,
  type Subjects,
  unescaped,
} from "../transport/subjects.ts";
import type { Incoming, Subscription, Transport } from "../transport/transport.ts";
import { fitIntegers, numbersOnly } from "./integers.ts";
import { type DoorOptions, doorOptions, type DoorSettings } from "./options.ts";
import type { Router } from "../delivery/router.ts";
import type { DeliverySettings } from "../delivery/settings.ts";

export type { DoorOptions } from "./options.ts";

/** What it works with. */
export interface DoorDeps {
  readonly of: ClusterId;
  readonly transport: Transport;
  readonly subjects: Subjects;
  readonly router: Router;
  readonly hosts: ReadonlyMap<string, Registration>;
  readonly codec: Codec;
  readonly events: EventBus;
  readonly settings: DeliverySettings;
}

/** One of all nodes that are up gets each request. */
const QUEUE = "door";
const CBOR = "application/cbor";
/** Of every answer; a request that has it is for no other cluster of that name. */
const GENERATION = "Baton-Generation";

/** See the module's text. */
export class Door {
  readonly #deps: DoorDeps;
  readonly #options: DoorSettings;
  /** Goes along with every call that comes in here. */
  readonly #from: ContextLayer = ContextLayer.of({}, undefined, "door");
  #subscription: Subscription | undefined;
  #calls = 0;
  /** Requests without an answer: their reply subject was not to be trusted, or the server takes none of that length. */
  dropped = 0;

  constructor(deps: DoorDeps, options: DoorOptions) {
    this.#deps = deps;
    this.#options = doorOptions(options, deps.settings.callTimeoutMs);
  }

  open(): void {
    const { transport, subjects } = this.#deps;
    this.#subscription = transport.subscribe(subjects.doorAll(), (message) => this.#incoming(message), {
      queue: QUEUE,
    });
  }

  /** Takes no new requests; those under way are answered. */
  leave(): void {
    this.#subscription?.drain();
  }

  close(): void {
    this.#subscription?.unsubscribe();
  }

  #incoming(message: Incoming): void {
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
    this.#call(message, cbor).then(
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

  async #call(message: Incoming, cbor: boolean): Promise<unknown> {
    const { subjects, router, hosts } = this.#deps;
    const address = subjects.parseDoor(message.subject);
    if (address === undefined)
      throw new InvalidNameError(
        "Cannot call an actor: the subject is not <cluster>.call.<kind>.<name>.<message>",
      );
    const { kind, message: word } = address;
    if (this.#options.expose && !this.#options.expose.includes(kind)) {
      throw new UnknownKindError("Cannot call an actor: the door is not open to its kind");
    }
    if (this.#calls >= this.#options.callsMax) {
      throw new BusyError(`Cannot take another call: ${this.#calls} calls are under way at the door`, {
        retryAfterMs: 100,
      });
    }
    const name = this.#nameOf(address, message);
    const contract = hosts.get(kind)?.contract;
    const argument = this.#argument(
      message.payload,
      cbor ? (value) => fitted(contract, word, value) : undefined,
    );
    const headers = this.#context(message);
    this.#calls++;
    try {
      const timeoutMs = this.#timeoutMs(message.header("Baton-Timeout-Ms"));
      return await router.call(contract, kind, name, word, argument, { timeoutMs }, headers);
    } finally {
      this.#calls--;
    }
  }

  /** What goes along: the headers that are let in, and that it came by the door. @throws {InvalidArgumentError} above the bounds */
  #context(message: Incoming): HeaderMap | undefined {
    const { contextHeaders } = this.#options;
    if (contextHeaders.length === 0) return this.#from.over(undefined);
    const context = declaredContext(contextHeaders, (name) => message.header(name));
    return ContextLayer.of(context, this.#from).over(undefined);
  }

  /**
   * A long name does not fit into a subject: a hash stands there, and the name in a header. It may be escaped there as
   * in a subject, since a header's value neither begins nor ends with a space, and has one line.
   */
  #nameOf({ name, token }: DoorAddress, message: Incoming): string {
    if (name !== undefined) return name;
    const written = message.header("Baton-Name");
    for (const long of written === undefined ? [] : [unescaped(written), written])
      if (long && encodeToken(long) === token) return long;
    throw new InvalidNameError(
      "Cannot call an actor: the subject has no name that can be read, and no Baton-Name header has one",
    );
  }

  /** @param fit for CBOR: makes the integers those of the schema */
  #argument(payload: Uint8Array, fit: ((value: unknown) => unknown) | undefined): unknown {
    if (payload.byteLength === 0) return undefined;
    if (fit) return fit(this.#deps.codec.decode(payload));
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
    } catch (cause) {
      throw new InvalidArgumentError("Cannot read the argument: the payload is not JSON", { cause });
    }
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
    if (reply === undefined) return;
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

/** The schema says what an integer is; without one, a number, if it can be. */
function fitted(contract: Contract | undefined, message: string, argument: unknown): unknown {
  if (contract === undefined) return numbersOnly(argument);
  const declared = Object.hasOwn(contract.messages, message) ? contract.messages[message] : undefined;
  return declared === undefined ? argument : fitIntegers(declared.input, argument);
}
