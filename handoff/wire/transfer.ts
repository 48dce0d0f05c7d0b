/**
 * Bytes from one node to another, in chunks that the taker asks for: it can be slow without becoming a slow consumer,
 * and a lost chunk is asked for again.
 *
 * @module
 */
import { UnavailableError } from "../../errors.ts";
import type { NodeId } from "../../cluster/records/schemas.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import { ChunkedBytes, type ChunkSum, joinChunks } from "../../transport/chunks.ts";
import type { HandoffDeps } from "../deps.ts";
import type { MoveMessageOf } from "./messages.ts";
import type { HandoffSettings } from "../settings.ts";
import type { MoveChannel } from "./move_channel.ts";

/** Length of the chunks that are cut now: within the setting, and within what the server allows. */
export function chunkBytesOf({ settings, scale }: Pick<HandoffDeps, "settings" | "scale">): number {
  return Math.min(settings.chunkBytes, scale.bytesMax);
}

/** The sending end. Its chunks keep the length with which they were announced. */
export class ChunkSender extends ChunkedBytes {
  #announced = false;

  /** The size; the first time with the chunk, if there is only one. A taker that missed it asks for it. */
  announcement(): ChunkSum & { readonly data?: Uint8Array } {
    const data = this.size.chunks === 1 && !this.#announced ? this.chunk(0) : undefined;
    this.#announced = true;
    return data ? { ...this.size, data } : this.size;
  }

  /** Answers a request for chunks. @returns false if they are longer than a message may be by now */
  answer(channel: MoveChannel, to: NodeId, request: MoveMessageOf<"pull">): boolean {
    return request.chunks.every((index) => {
      const data = this.chunk(index);
      return data === undefined || channel.say(to, request.moveId, { type: "chunk", index, data });
    });
  }
}

/** What a receiving end works with. */
export interface ReceiverDeps {
  readonly channel: MoveChannel;
  readonly clock: Clock;
  readonly settings: HandoffSettings;
}

/** The receiving end. It ends by `onDone` or `onFailed`, once, or by `stop`. */
export class ChunkReceiver {
  readonly #deps: ReceiverDeps;
  readonly #from: NodeId;
  readonly #moveId: string;
  readonly #size: ChunkSum;
  readonly #onDone: (bytes: Uint8Array) => void;
  readonly #onFailed: (error: Error) => void;
  /** By number: what was announced asks for no memory before it has come. */
  readonly #chunks = new Map<number, Uint8Array>();
  readonly #asked = new Set<number>();
  #next = 0;
  #received = 0;
  #missing: number;
  #heardAt: number;
  #timer: Timer | undefined;

  constructor(
    deps: ReceiverDeps,
    from: NodeId,
    moveId: string,
    size: ChunkSum,
    onDone: (bytes: Uint8Array) => void,
    onFailed: (error: Error) => void,
  ) {
    this.#deps = deps;
    this.#from = from;
    this.#moveId = moveId;
    this.#size = size;
    this.#onDone = onDone;
    this.#onFailed = onFailed;
    this.#missing = size.chunks;
    this.#heardAt = deps.clock.now();
  }

  /** @param first the first chunk, if it came with the announcement */
  start(first?: Uint8Array): void {
    if (first && this.#missing > 0) this.#place(0, first);
    if (this.#missing === 0) return this.#finish();
    this.#next = first ? 1 : 0;
    this.#ask();
    this.#arm();
  }

  /** Takes a chunk; a second copy changes nothing. */
  take({ index, data }: MoveMessageOf<"chunk">): void {
    if (this.#missing === 0 || !this.#asked.has(index)) return;
    this.#place(index, data);
    if (this.#received > this.#size.bytes) return this.#fail(damaged());
    if (this.#missing === 0) this.#finish();
    else this.#ask();
  }

  #place(index: number, data: Uint8Array): void {
    this.#chunks.set(index, data);
    this.#received += data.byteLength;
    this.#asked.delete(index);
    this.#heardAt = this.#deps.clock.now();
    this.#missing--;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#missing = 0;
  }

  #ask(): void {
    const chunks: number[] = [];
    while (this.#asked.size < this.#deps.settings.chunksAtOnce && this.#next < this.#size.chunks) {
      this.#asked.add(this.#next);
      chunks.push(this.#next++);
    }
    if (chunks.length > 0) this.#say(chunks);
  }

  #say(chunks: number[]): void {
    this.#deps.channel.say(this.#from, this.#moveId, { type: "pull", chunks });
  }

  #arm(): void {
    const { clock, settings } = this.#deps;
    this.#timer = clock.after(settings.repeatMs, () => {
      if (clock.now() - this.#heardAt >= settings.silenceMs) {
        return this.#fail(
          new UnavailableError(`Cannot pull the bytes of a move: its source ${this.#from.node} is silent`),
        );
      }
      this.#say([...this.#asked]);
      this.#arm();
    });
  }

  #fail(error: Error): void {
    this.stop();
    this.#chunks.clear();
    this.#onFailed(error);
  }

  #finish(): void {
    this.#timer?.cancel();
    const chunks = Array.from({ length: this.#size.chunks }, (_, i) => this.#chunks.get(i) as Uint8Array);
    const bytes = joinChunks(this.#size, chunks);
    if (bytes === undefined) return this.#fail(damaged());
    this.#onDone(bytes);
  }
}

function damaged(): Error {
  return new UnavailableError("Cannot take the bytes of a move: they differ from what was announced");
}
