/**
 * A stream with one durable reader for each name, as a server keeps it: on a connection of its own, so that what is said to it and by it gets
 * lost, late or frozen as all messages do. It behaves as JetStream does as far as `transport/streams.ts` says.
 */
import { StreamUnavailableError } from "../../../errors.ts";
import type { Clock, Timer } from "../../../platform/clock.ts";
import type { Random } from "../../../platform/random.ts";
import type { MemoryNetwork } from "../../../transport/memory/network.ts";
import type {
  ReaderOptions,
  ReaderStatus,
  StreamMessage,
  StreamReader,
  Streams,
  Written,
} from "../../../transport/streams.ts";
import { matcher } from "../../../transport/subjects.ts";
import type { Connection, Transport } from "../../../transport/transport.ts";

const SERVER = "stream-server";
const API = "sim.stream";
/** When the stream was made. */
const MADE = 1;
/** How long a client waits for an answer, and how long a request for messages stands, in milliseconds. */
const ANSWER_MS = 400;
const ASK_MS = 250;
/** Before what was given back is delivered again, so that it does not come to who has stopped. */
const BACK_MS = 300;

type Said = Readonly<Record<string, unknown>>;
const encode = (value: Said) => new TextEncoder().encode(JSON.stringify(value));
const decode = (payload: Uint8Array) =>
  JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>;

interface Kept {
  readonly subject: string;
  readonly payload: string;
}

interface Asked {
  readonly inbox: string;
  left: number;
  readonly endsAt: number;
}

/** A durable reader at the server. */
interface Durable extends Pick<ReaderOptions, "againMs" | "unsettledMax"> {
  readonly matches: (subject: string) => boolean;
  next: number;
  deliveries: number;
  /** By sequence: how often it was delivered, and when it is delivered again. */
  readonly unsettled: Map<number, { times: number; againAt: number }>;
  asked: Asked[];
}

/** See the module's text. */
export class SimulatedStreams {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #server: Transport;
  readonly #kept: Kept[] = [];
  readonly #durables = new Map<string, Durable>();
  #timer: Timer | undefined;
  /** What was written for those whom nobody can give to anybody, as headers. */
  readonly dead: Record<string, string>[] = [];

  constructor(network: MemoryNetwork, clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    this.#server = network.connect(SERVER).transport;
    this.#server.subscribe(`${API}.>`, ({ subject, payload, reply }) => {
      const [, , verb = ""] = subject.split(".");
      this.#heard(verb, decode(payload), reply);
    });
  }

  /** Whoever fills the stream is on no node. @returns the number of the message */
  add(subject: string, payload: string): number {
    this.#kept.push({ subject, payload });
    this.#deliver();
    return this.#kept.length;
  }

  /** Messages that are not settled, by reader. */
  get left(): string {
    return [...this.#durables]
      .map(([name, each]) => [name, each.unsettled.size, this.#waiting(each)] as const)
      .filter(([, unsettled, waiting]) => unsettled + waiting > 0)
      .map(([name, unsettled, waiting]) => `${name}: ${unsettled} under way, ${waiting} waiting`)
      .join(", ");
  }

  /** A connection through which streams are reached as well. */
  with(connection: Connection, process: string, clock: Clock): Connection {
    const streams = new ClientStreams(connection.transport, process, clock, (headers) => {
      this.dead.push(headers);
    });
    return new Proxy(connection, {
      get: (target, key) => {
        if (key === "streams") return streams;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  // ---- the server

  #heard(verb: string, said: Said, reply: string | undefined): void {
    const { durable } = said as { durable: string };
    const known = this.#durables.get(durable);
    const answer = (what: Said) => reply !== undefined && this.#server.publish(reply, encode(what));
    if (verb === "open") {
      if (known === undefined) this.#durables.set(durable, made(said as unknown as ReaderOptions));
      answer({ made: MADE });
    } else if (known === undefined) answer({ missing: true });
    else if (verb === "status")
      answer({
        unsettled: known.unsettled.size,
        lastDelivery: known.deliveries,
        waiting: this.#waiting(known),
      });
    else if (verb === "ask") {
      const { batch } = said as { batch: number };
      known.asked.push({ inbox: reply ?? "", left: batch, endsAt: this.#clock.now() + ASK_MS });
    } else this.#ended(known, verb, said as unknown as { sequence: number });
    this.#deliver();
  }

  #ended(durable: Durable, verb: string, { sequence }: { sequence: number }): void {
    const known = durable.unsettled.get(sequence);
    if (known === undefined) return;
    if (verb === "settle") durable.unsettled.delete(sequence);
    if (verb === "release") known.againAt = this.#clock.now() + BACK_MS;
    if (verb === "hold") known.againAt = this.#clock.now() + durable.againMs;
  }

  #waiting({ matches, next }: Durable): number {
    return this.#kept.slice(next - 1).filter(({ subject }) => matches(subject)).length;
  }

  #deliver(): void {
    this.#timer?.cancel();
    let dueAt = Infinity;
    for (const durable of this.#durables.values()) {
      const now = this.#clock.now();
      durable.asked = durable.asked.filter((asked) => asked.left > 0 && asked.endsAt > now);
      for (
        let sequence = this.#nextOf(durable, now);
        sequence !== undefined;
        sequence = this.#nextOf(durable, now)
      )
        this.#give(durable, sequence, now);
      for (const { againAt } of durable.unsettled.values())
        if (againAt > now) dueAt = Math.min(dueAt, againAt);
    }
    if (dueAt < Infinity) this.#timer = this.#clock.after(dueAt - this.#clock.now(), () => this.#deliver());
  }

  /** What is to be delivered next, if anybody has asked for it. */
  #nextOf(durable: Durable, now: number): number | undefined {
    if (durable.asked.length === 0) return undefined;
    const due = [...durable.unsettled]
      .filter(([, { againAt }]) => againAt <= now)
      .map(([sequence]) => sequence);
    if (due.length > 0) return Math.min(...due);
    while (durable.next <= this.#kept.length && !durable.matches(this.#kept[durable.next - 1]?.subject ?? ""))
      durable.next++;
    const isRoom = durable.unsettled.size < durable.unsettledMax;
    return isRoom && durable.next <= this.#kept.length ? durable.next++ : undefined;
  }

  #give(durable: Durable, sequence: number, now: number): void {
    const asked = durable.asked[Math.floor(this.#random.next() * durable.asked.length)] as Asked;
    asked.left--;
    durable.asked = durable.asked.filter(({ left }) => left > 0);
    const times = (durable.unsettled.get(sequence)?.times ?? 0) + 1;
    durable.unsettled.set(sequence, { times, againAt: now + durable.againMs });
    const { subject, payload } = this.#kept[sequence - 1] as Kept;
    const delivery = ++durable.deliveries;
    this.#server.publish(asked.inbox, encode({ subject, payload, sequence, delivery, deliveries: times }));
  }
}

function made({ filter, againMs, unsettledMax }: ReaderOptions): Durable {
  const matches = matcher(filter ?? ">");
  return { againMs, unsettledMax, matches, next: 1, deliveries: 0, unsettled: new Map(), asked: [] };
}

/** A message as the server delivers it. */
type Delivered = Pick<StreamMessage, "subject" | "sequence" | "delivery" | "deliveries"> & {
  readonly payload: string;
};

// ---- the client of one node

class ClientStreams implements Streams {
  readonly #transport: Transport;
  readonly #process: string;
  readonly #clock: Clock;
  readonly #onDead: (headers: Record<string, string>) => void;
  #count = 0;

  constructor(
    transport: Transport,
    process: string,
    clock: Clock,
    onDead: (headers: Record<string, string>) => void,
  ) {
    this.#transport = transport;
    this.#process = process;
    this.#clock = clock;
    this.#onDead = onDead;
  }

  async open(options: ReaderOptions): Promise<StreamReader> {
    const { made } = await this.ask("open", options as unknown as Said);
    return new ClientReader(this, this.#transport, this.#clock, options, made as unknown as number);
  }

  write(_: string, __: Uint8Array, headers: Readonly<Record<string, string>>): Promise<Written> {
    this.#onDead({ ...headers });
    return Promise.resolve("recorded");
  }

  inbox(): string {
    return `_SIM.${this.#process}.${++this.#count}`;
  }

  /** @throws {StreamUnavailableError} */
  ask(verb: string, said: Said): Promise<Said> {
    return new Promise((resolve, reject) => {
      const reply = this.inbox();
      const end = (by: () => void) => {
        timer.cancel();
        subscription.unsubscribe();
        by();
      };
      const subscription = this.#transport.subscribe(reply, ({ payload }) => {
        const answer: Said = decode(payload);
        if (answer.missing)
          end(() => reject(new StreamUnavailableError("Cannot read", { reason: "missing" })));
        else end(() => resolve(answer));
      });
      const timer = this.#clock.after(ANSWER_MS, () =>
        end(() => reject(new StreamUnavailableError("Cannot read: no answer"))),
      );
      this.#transport.publish(`${API}.${verb}`, encode(said), { reply });
    });
  }
}

class ClientReader implements StreamReader {
  readonly made: number;
  readonly #streams: ClientStreams;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #options: ReaderOptions;
  #stop: () => void = () => {};

  constructor(
    streams: ClientStreams,
    transport: Transport,
    clock: Clock,
    options: ReaderOptions,
    made: number,
  ) {
    this.#streams = streams;
    this.#transport = transport;
    this.#clock = clock;
    this.#options = options;
    this.made = made;
  }

  start(onMessage: (message: StreamMessage) => void): void {
    const { durable, unsettledMax: batch } = this.#options;
    const inbox = this.#streams.inbox();
    const subscription = this.#transport.subscribe(inbox, ({ payload }) => {
      onMessage(this.#message(decode(payload) as unknown as Delivered));
    });
    let timer: Timer;
    const ask = () => {
      this.#transport.publish(`${API}.ask`, encode({ durable, batch }), { reply: inbox });
      timer = this.#clock.after(ASK_MS, ask);
    };
    ask();
    this.#stop = () => {
      timer.cancel();
      this.#clock.after(ASK_MS, () => subscription.unsubscribe());
    };
  }

  stop(): void {
    this.#stop();
    this.#stop = () => {};
  }

  async status(): Promise<ReaderStatus> {
    return (await this.#streams.ask("status", { durable: this.#options.durable })) as unknown as ReaderStatus;
  }

  #message(said: Delivered): StreamMessage {
    const { durable } = this.#options;
    const { subject, sequence, delivery, deliveries } = said;
    const say = (verb: string) => this.#transport.publish(`${API}.${verb}`, encode({ durable, sequence }));
    return {
      ...{ subject, sequence, delivery, deliveries },
      payload: new TextEncoder().encode(said.payload),
      header: () => undefined,
      settle: () => say("settle"),
      release: () => say("release"),
      hold: () => say("hold"),
    };
  }
}
