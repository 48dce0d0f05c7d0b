// Sends a history to the actors: several senders at once, each keeping its order, with a bounded number under way.
import { ActorError, type ActorNode, type Ref } from "../../mod.ts";
import { Author, type Change, File } from "./contract.ts";
import type { FileChange } from "./git_log.ts";

/** How the stream is sent. */
export interface StreamOptions {
  /** Nodes that only call: each is a sender with an order of its own. */
  readonly senders: readonly ActorNode[];
  readonly history: readonly FileChange[];
  /** Changes a second, of all senders together. */
  readonly rate: number;
  /** Messages a sender may have under way. */
  readonly inFlightMax: number;
  readonly timeoutMs: number;
  /** Asked before each change beyond the first round: whether it shall go on. */
  readonly goOn: () => boolean;
  /** Ends the stream early. */
  readonly signal: AbortSignal;
}

/** What has been sent so far; the stream keeps it up to date. */
export interface Progress {
  /** Changes sent. They are the first ones of the history, replayed as often as need be. */
  changes: number;
  messagesEnded: number;
  readonly failures: Map<string, number>;
  readonly examples: string[];
  /** Milliseconds of each ask. */
  readonly askMs: number[];
  /** How many messages each sender sent to each actor, by `kind name` and sender. */
  readonly sent: Map<string, Map<string, number>>;
}

const EXAMPLES_MAX = 5;
const PAUSE_MS = 4;

/** Nothing sent. */
export function noProgress(): Progress {
  return { changes: 0, messagesEnded: 0, failures: new Map(), examples: [], askMs: [], sent: new Map() };
}

/** Notes a failed call by its code. */
export function noteFailure(progress: Progress, error: unknown): void {
  const code = error instanceof ActorError ? error.code : "unexpected";
  progress.failures.set(code, (progress.failures.get(code) ?? 0) + 1);
  if (progress.examples.length < EXAMPLES_MAX) progress.examples.push(String(error));
}

/** Sends until the history has been sent once and `goOn` says no; resolves when every message has ended. */
export async function streamHistory(options: StreamOptions, progress: Progress): Promise<void> {
  const beganAt = performance.now();
  const due = () => ((performance.now() - beganAt) * options.rate) / 1_000;
  const stream = { options, progress, due, next: 0 };
  await Promise.all(options.senders.map((sender) => new Sender(sender, stream).run()));
}

/** What the senders share: whoever is ready takes the next change. */
interface Stream {
  readonly options: StreamOptions;
  readonly progress: Progress;
  readonly due: () => number;
  next: number;
}

class Sender {
  readonly #node: ActorNode;
  readonly #stream: Stream;
  readonly #files = new Map<string, Ref<typeof File>>();
  readonly #authors = new Map<string, Ref<typeof Author>>();
  readonly #inFlight = new Set<Promise<void>>();

  constructor(node: ActorNode, stream: Stream) {
    this.#node = node;
    this.#stream = stream;
  }

  async run(): Promise<void> {
    const { options, progress } = this.#stream;
    while (!options.signal.aborted && (this.#stream.next < options.history.length || options.goOn())) {
      if (this.#stream.next >= this.#stream.due()) {
        await pause(PAUSE_MS);
        continue;
      }
      const change = options.history[this.#stream.next++ % options.history.length];
      if (change === undefined) break;
      this.#send(change);
      progress.changes++;
      while (this.#inFlight.size >= options.inFlightMax) await Promise.race(this.#inFlight);
    }
    await Promise.all(this.#inFlight);
  }

  /** Both messages leave now, one after the other, so the order of the numbers is the order of sending. */
  #send({ file, author, added, deleted, binary }: FileChange): void {
    const { options } = this.#stream;
    const counts = { sender: this.#node.name, added, deleted, binary };
    const fileRef = cached(this.#files, file, () => this.#node.ref(File, file));
    const told: Change = { ...counts, sequence: this.#number("file", file) };
    this.#watch(fileRef.changed(told, { timeoutMs: options.timeoutMs }), undefined);
    const authorRef = cached(this.#authors, author, () => this.#node.ref(Author, author));
    const asked: Change = { ...counts, sequence: this.#number("author", author) };
    this.#watch(authorRef.changed(asked, { timeoutMs: options.timeoutMs }), performance.now());
  }

  #number(kind: string, name: string): number {
    const senders = cached(this.#stream.progress.sent, `${kind} ${name}`, () => new Map<string, number>());
    const sequence = (senders.get(this.#node.name) ?? 0) + 1;
    senders.set(this.#node.name, sequence);
    return sequence;
  }

  #watch(call: Promise<unknown>, askedAt: number | undefined): void {
    const { progress } = this.#stream;
    const ended = call
      .then(
        () => {
          if (askedAt !== undefined) progress.askMs.push(performance.now() - askedAt);
        },
        (error) => noteFailure(progress, error),
      )
      .finally(() => {
        progress.messagesEnded++;
        this.#inFlight.delete(ended);
      });
    this.#inFlight.add(ended);
  }
}

function cached<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
