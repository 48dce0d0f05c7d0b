/**
 * A message as JetStream delivers it. Where it stands is said by its reply subject, to which also goes what becomes of it.
 *
 * @module
 */
import { type Msg, nanos } from "@nats-io/nats-core";
import { DecodeError } from "../../../errors.ts";
import type { StreamMessage } from "../../streams.ts";

const ENCODER: TextEncoder = new TextEncoder();
const ACK: Uint8Array = ENCODER.encode("+ACK");
const NAK = "-NAK";
const WORKING: Uint8Array = ENCODER.encode("+WPI");

/** See the module's text. */
export class DeliveredMessage implements StreamMessage {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly sequence: number;
  readonly delivery: number;
  readonly deliveries: number;
  readonly #message: Msg;
  readonly #backMs: () => number;

  /**
   * @param backMs milliseconds that must pass now before it may be delivered again
   * @throws {DecodeError} for what JetStream has not delivered
   */
  constructor(message: Msg, backMs: () => number) {
    const [deliveries, sequence, delivery] = standing(message.reply ?? "");
    this.#message = message;
    this.#backMs = backMs;
    this.subject = message.subject;
    this.payload = message.data.slice(); // a view into what was read
    this.deliveries = deliveries;
    this.sequence = sequence;
    this.delivery = delivery;
  }

  header(name: string): string | undefined {
    const all = this.#message.headers;
    return all?.has(name) ? all.get(name) : undefined;
  }

  settle(): void {
    this.#message.respond(ACK);
  }

  release(): void {
    const delay = nanos(this.#backMs());
    this.#message.respond(ENCODER.encode(delay > 0 ? `${NAK} ${JSON.stringify({ delay })}` : NAK));
  }

  hold(): void {
    this.#message.respond(WORKING);
  }
}

/**
 * The numbers in `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<delivery>.<time>.<pending>`; newer servers have a domain and a hash
 * behind `ACK`.
 */
function standing(reply: string): [number, number, number] {
  const tokens = reply.split(".");
  const at = tokens.length === 9 ? 4 : 6;
  const [deliveries = 0, sequence = 0, delivery = 0] = tokens.slice(at, at + 3).map(Number);
  const isIt = reply.startsWith("$JS.ACK.") && (tokens.length === 9 || tokens.length >= 11);
  if (isIt && [deliveries, sequence, delivery].every((each) => Number.isSafeInteger(each) && each > 0))
    return [deliveries, sequence, delivery];
  throw new DecodeError(
    "Cannot read where a message of a stream stands: its reply subject is not JetStream's",
  );
}
