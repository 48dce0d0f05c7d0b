// A plain client beside the nodes that counts in a bucket of its own by compare-and-set, and knows what was acknowledged.
// What the servers themselves lose shows here, whatever the nodes do.
import type { Records } from "../../transport/records.ts";
import { natsTransport } from "../../transport/nats/connection.ts";
import { pause } from "../faults.ts";
import { PATIENCE, type Patience, patientAnswer } from "./patience.ts";
import { type Mark, UNWRITTEN, Witnessed } from "./witnessed.ts";

export interface WitnessOptions extends Partial<Patience> {
  readonly records: Records;
  /** Between two writes, in milliseconds; one at a time. Default 150. */
  readonly pauseMs?: number;
}

/** What the servers have lost, if they have. */
export interface Testimony {
  /** Acknowledged writes that are missing. */
  readonly lost: number;
  /** In words, one for each key that lacks any or could not be read. */
  readonly whats: readonly string[];
}

const KEYS = ["a", "b", "c", "d", "e"] as const;
const DEFAULTS = { pauseMs: 150, ...PATIENCE } as const;

export class Witness {
  readonly #keys: ReadonlyMap<string, Witnessed> = new Map(KEYS.map((key) => [key, new Witnessed()]));
  readonly #options: Required<WitnessOptions>;
  #stopping = new AbortController();
  #writing: Promise<void> = Promise.resolve();

  constructor(options: WitnessOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#goOn();
  }

  /** The last acknowledged write of each key. */
  get last(): readonly Mark[] {
    return [...this.#keys.values()].map(({ last }) => last);
  }

  /** Compares what all servers together hold with what was acknowledged; they have to be up. Then goes on writing. */
  async testify(): Promise<Testimony> {
    await this.stop();
    const all = await Promise.all([...this.#keys].map(([key, known]) => this.#judge(key, known)));
    this.#goOn();
    return {
      lost: all.reduce((sum, { lost }) => sum + lost, 0),
      whats: all.flatMap(({ whats }) => whats),
    };
  }

  /** Resolves when the write under way has ended; there is no other. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#writing;
  }

  #goOn(): void {
    this.#stopping = new AbortController();
    this.#writing = this.#write(this.#stopping.signal);
  }

  async #write(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const [key, known] of this.#keys) {
        if (signal.aborted) return;
        await this.#step(key, known);
        await pause(this.#options.pauseMs, signal);
      }
    }
  }

  /** One write, or the reading that has to come before it. */
  async #step(key: string, known: Witnessed): Promise<void> {
    try {
      const next = known.next();
      if (next === undefined) return known.settled(await this.#read(key));
      known.doubted();
      const { value, revision } = next;
      const result = await this.#put(key, value, revision);
      if (result.ok) known.acknowledged({ value, revision: result.revision });
    } catch {
      // No answer in time: it stays in doubt.
    }
  }

  #put(key: string, value: number, revision: number): ReturnType<Records["update"]> {
    const { records } = this.#options;
    const bytes = new TextEncoder().encode(String(value));
    return revision === 0 ? records.create(key, bytes) : records.update(key, bytes, revision);
  }

  async #read(key: string): Promise<Mark> {
    const entry = await this.#options.records.get(key);
    if (entry?.value === undefined) return UNWRITTEN;
    return { value: Number(new TextDecoder().decode(entry.value)), revision: entry.revision };
  }

  async #judge(key: string, known: Witnessed): Promise<Testimony> {
    const found = await patientAnswer(
      () => this.#found(key),
      (mark) => !known.lacks(mark),
      this.#options,
    );
    if (found !== undefined) return told(key, known, found);
    return { lost: 0, whats: [`nobody answered for key ${key} within ${this.#options.answerMs} ms`] };
  }

  /** @returns `undefined` if nobody answers. A bucket that is no more holds nothing. */
  async #found(key: string): Promise<Mark | undefined> {
    try {
      return await this.#read(key);
    } catch {
      const condition = await this.#options.records.condition().catch(() => undefined);
      return condition?.is === "gone" ? UNWRITTEN : undefined;
    }
  }
}

function told(key: string, known: Witnessed, found: Mark): Testimony {
  const { last } = known;
  const lost = known.verdict(found);
  if (lost === 0) return { lost, whats: [] };
  const what = `key ${key} holds ${found.value} at revision ${found.revision}, after ${last.value} at ${last.revision} was acknowledged`;
  return { lost, whats: [`the servers lost ${lost} acknowledged writes: ${what}`] };
}

/** A witness with a connection of its own to all servers. @returns it, and what ends both */
export async function startWitness(
  ports: readonly number[],
  bucket: string,
): Promise<{ readonly witness: Witness; readonly close: () => Promise<void> }> {
  const servers = ports.map((port) => `127.0.0.1:${port}`);
  const connection = await natsTransport({ servers, name: "witness", replicas: ports.length });
  try {
    const witness = new Witness({ records: await connection.records(bucket) });
    return { witness, close: () => witness.stop().finally(() => connection.close()) };
  } catch (error) {
    await connection.close();
    throw error;
  }
}
