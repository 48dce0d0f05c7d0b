/**
 * Access to records in memory: every answer is asynchronous, and may be late or lost on demand.
 *
 * @module
 */
import { RecordsRefusedError, RecordsUnavailableError, TooLargeError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { DelayQueue } from "./delay_queue.ts";
import type { MemoryBucket } from "./bucket.ts";
import type {
  BucketCondition,
  CasResult,
  RecordEntry,
  Records,
  RecordsError,
  Watch,
  WatchOptions,
} from "../records.ts";

/**
 * What becomes of one request for a record. With `lose-answer` it is applied all the same; with `apply-late` too, after
 * `lateMs`, when nobody waits for an answer any more, or when its sender is dead. With `not-now` and `refuse` it is not
 * applied and answered: the store cannot serve for now, or will not.
 */
export type RecordFate = "answer" | "lose-request" | "lose-answer" | "apply-late" | "not-now" | "refuse";

/** The word for what is asked of a bucket. */
export type RecordOperation = "create" | "update" | "remove" | "get" | "keys" | "condition" | "watch";

/** Delays and faults of records. */
export interface RecordFaults {
  /** Way of a request or of an answer in milliseconds, asked for each. Default: none. */
  readonly recordLatencyMs?: (client: string) => number;
  /** Further delay of an answer in milliseconds, asked for each; answers stay in order. Default: none. */
  readonly answerDelayMs?: (client: string, operation: RecordOperation, key: string) => number;
  /** Further delay of a watch's event in milliseconds; events stay in order. Default: none. */
  readonly watchDelayMs?: (client: string) => number;
  /** Whether a watch misses a change and is never told of it, asked for each; what it is told when it begins is whole. Default: none. */
  readonly watchMisses?: (client: string, key: string) => boolean;
  /** Asked for every request. Default: all are answered. */
  readonly recordFilter?: (
    client: string,
    operation: RecordOperation,
    bucket: string,
    key: string,
  ) => RecordFate;
  /** How long a lost request lasts, in milliseconds. Default 1,000. */
  readonly casTimeoutMs?: number;
  /** How late a request of that fate is applied, in milliseconds, asked for each. Default: 3 times `casTimeoutMs`. */
  readonly lateMs?: () => number;
}

const CAS_TIMEOUT_MS = 1000;

/** The part of a connection that its records depend on. */
export interface RecordsClient {
  readonly name: string;
  readonly crashed: boolean;
  /** A record travels in a message. */
  readonly maxPayloadBytes: number;
  readonly recordsConnected: boolean;
  /** Counts disconnections: an answer of an earlier session is lost. */
  readonly recordsSession: number;
  /** Runs what comes in. */
  turn(run: () => void): void;
  report(error: unknown): void;
}

/** One connection's access to a bucket. */
export class MemoryRecords implements Records {
  readonly #bucket: MemoryBucket;
  readonly #name: string;
  readonly #client: RecordsClient;
  readonly #clock: Clock;
  readonly #faults: RecordFaults;
  /** Of the bucket when it was opened. */
  readonly #birth: number;
  readonly #requests: DelayQueue;
  readonly #answers: DelayQueue;
  readonly #watches: Set<MemoryWatch> = new Set();

  constructor(bucket: MemoryBucket, name: string, client: RecordsClient, clock: Clock, faults: RecordFaults) {
    this.#bucket = bucket;
    this.#birth = bucket.birth;
    this.#name = name;
    this.#client = client;
    this.#clock = clock;
    this.#faults = faults;
    this.#requests = new DelayQueue(clock);
    this.#answers = new DelayQueue(clock);
  }

  create(key: string, value: Uint8Array): Promise<CasResult> {
    return this.#write("create", key, value, (now) => now === undefined);
  }

  update(key: string, value: Uint8Array, revision: number): Promise<CasResult> {
    return this.#write("update", key, value, (now) => (now?.revision ?? 0) === revision);
  }

  #write(
    what: "create" | "update",
    key: string,
    value: Uint8Array,
    allows: (now: RecordEntry | undefined) => boolean,
  ): Promise<CasResult> {
    const most = this.#client.maxPayloadBytes;
    if (value.length > most) return Promise.reject(tooLong(key, value.length, most));
    const own = value.slice();
    return this.#ask(what, key, () => this.#bucket.write(key, own, allows));
  }

  remove(key: string, revision?: number): Promise<CasResult> {
    return this.#ask("remove", key, () =>
      this.#bucket.write(key, undefined, (now) => revision === undefined || now?.revision === revision),
    );
  }

  get(key: string): Promise<RecordEntry | undefined> {
    return this.#ask("get", key, () => {
      const entry = this.#bucket.entry(key);
      return entry && copyOf(entry);
    });
  }

  keys(prefix: string): Promise<readonly string[]> {
    return this.#ask("keys", prefix, () =>
      [...this.#bucket.entries()].map(({ key }) => key).filter((key) => covers(prefix, key)),
    );
  }

  condition(): Promise<BucketCondition> {
    return this.#ask("condition", "", () => {
      const { isThere, birth } = this.#bucket;
      return { is: !isThere ? "gone" : birth === this.#birth ? "same" : "another" };
    });
  }

  async watch(
    prefix: string,
    onEntry: (entry: RecordEntry) => void,
    { marks = false }: WatchOptions = {},
  ): Promise<Watch> {
    const watch = new MemoryWatch(
      this.#bucket,
      prefix,
      onEntry,
      this.#client,
      this.#clock,
      this.#faults,
      () => this.#watches.delete(watch),
    );
    try {
      await this.#ask("watch", prefix, () => {
        watch.start(marks);
        this.#watches.add(watch);
      });
      await watch.caughtUp();
    } catch (error) {
      watch.stop();
      throw error;
    }
    return watch;
  }

  /** Whether they are of the bucket that was made then: one that was removed and made anew is another. */
  isOf(birth: number): boolean {
    return this.#birth === birth;
  }

  /** Brings all watches up to date after a disconnection. */
  resume(): void {
    for (const watch of this.#watches) watch.catchUp();
  }

  /** Ends all watches. */
  stop(): void {
    for (const watch of [...this.#watches]) watch.stop();
  }

  #ask<T>(operation: RecordOperation, key: string, apply: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const client = this.#client;
    const timeoutMs = this.#faults.casTimeoutMs ?? CAS_TIMEOUT_MS;
    const giveUp = () =>
      reject(new RecordsUnavailableError(`Cannot ${operation} "${key}": no answer came in time`));
    const timer = this.#clock.after(timeoutMs, () => client.turn(giveUp));
    const session = client.recordsSession;
    const fate = this.#faults.recordFilter?.(client.name, operation, this.#name, key) ?? "answer";
    if (!client.recordsConnected || fate === "lose-request") return promise;
    if (fate === "apply-late") {
      if (operation !== "watch") this.#clock.after(this.#faults.lateMs?.() ?? 3 * timeoutMs, apply);
      return promise;
    }
    this.#requests.push(this.#latencyMs(), () => {
      if (client.crashed || (!this.#bucket.isThere && operation !== "condition")) return;
      const refusal = refusalOf(fate, operation, key);
      const result = refusal ? undefined : apply();
      if (fate === "lose-answer") return;
      const answer = () => {
        if (client.recordsSession !== session) return;
        timer.cancel();
        client.turn(() => (refusal ? reject(refusal) : resolve(result as T)));
      };
      // Without latency the answer needs no turn of its own: it is asynchronous already.
      const delayMs = this.#faults.answerDelayMs?.(client.name, operation, key) ?? 0;
      if (this.#faults.recordLatencyMs || delayMs > 0)
        this.#answers.push(this.#latencyMs() + delayMs, answer);
      else answer();
    });
    return promise;
  }

  #latencyMs(): number {
    return this.#faults.recordLatencyMs?.(this.#client.name) ?? 0;
  }
}

class MemoryWatch implements Watch {
  readonly #bucket: MemoryBucket;
  readonly #prefix: string;
  readonly #onEntry: (entry: RecordEntry) => void;
  readonly #client: RecordsClient;
  readonly #faults: RecordFaults;
  readonly #lane: DelayQueue;
  readonly #onStop: () => void;
  #stopListening: () => void = () => {};
  #seen = 0;
  #stopped = false;

  constructor(
    bucket: MemoryBucket,
    prefix: string,
    onEntry: (entry: RecordEntry) => void,
    client: RecordsClient,
    clock: Clock,
    faults: RecordFaults,
    onStop: () => void,
  ) {
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#onEntry = onEntry;
    this.#client = client;
    this.#faults = faults;
    this.#lane = new DelayQueue(clock);
    this.#onStop = onStop;
  }

  /** With `marks` also what was removed is told. */
  start(marks: boolean): void {
    this.#stopListening = this.#bucket.onChange((entry) => {
      if (!this.#faults.watchMisses?.(this.#client.name, entry.key)) this.#push(entry);
    });
    for (const entry of this.#bucket.entries()) {
      if (marks || entry.value !== undefined) this.#push(entry);
    }
  }

  /** Resolves once everything under way was delivered; rejects if it was lost with the connection. */
  caughtUp(): Promise<void> {
    const session = this.#client.recordsSession;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const lost = () =>
      reject(new RecordsUnavailableError(`Cannot watch "${this.#prefix}": the connection was lost`));
    this.#lane.push(0, () => this.#client.turn(this.#client.recordsSession === session ? resolve : lost));
    return promise;
  }

  /** Delivers again what changed since the last entry that arrived; all, if the bucket has gone back behind that. */
  catchUp(): void {
    if (this.#bucket.revision < this.#seen) this.#seen = 0;
    const seen = this.#seen;
    for (const entry of this.#bucket.entries()) {
      if (entry.revision > seen) this.#push(entry);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#stopListening();
    this.#lane.clear();
    this.#onStop();
  }

  #push(entry: RecordEntry): void {
    if (!this.#client.recordsConnected || !covers(this.#prefix, entry.key)) return;
    const session = this.#client.recordsSession;
    const name = this.#client.name;
    const delayMs = (this.#faults.recordLatencyMs?.(name) ?? 0) + (this.#faults.watchDelayMs?.(name) ?? 0);
    this.#lane.push(delayMs, () => {
      if (!this.#stopped && this.#client.recordsSession === session && entry.revision > this.#seen) {
        this.#seen = entry.revision;
        this.#client.turn(() => this.#deliver(entry));
      }
    });
  }

  #deliver(entry: RecordEntry): void {
    if (this.#stopped) return;
    try {
      this.#onEntry(copyOf(entry));
    } catch (error) {
      this.#client.report(error);
    }
  }
}

/** Whether a watch of `prefix` is told of `key`. */
export function covers(prefix: string, key: string): boolean {
  return prefix === "" || key.startsWith(`${prefix}.`);
}

/** The answer that says no. */
function refusalOf(fate: RecordFate, operation: RecordOperation, key: string): RecordsError | undefined {
  const words = `Cannot ${operation} "${key}": the store`;
  if (fate === "refuse") return new RecordsRefusedError(`${words} refuses it`);
  return fate === "not-now" ? new RecordsUnavailableError(`${words} cannot serve for now`) : undefined;
}

function copyOf(entry: RecordEntry): RecordEntry {
  return { ...entry, value: entry.value?.slice() };
}

function tooLong(key: string, bytes: number, most: number): TooLargeError {
  const words = `it has ${bytes} bytes`;
  return new TooLargeError(`Cannot store "${key}" in a message of at most ${most} bytes: ${words}`);
}
