/**
 * Notices another living cluster of the same name: nodes that hear one another and use other records, as a hub and a
 * leafnode do that each have JetStream of their own.
 *
 * To hear another generation proves nothing: when records are replaced, nodes of the former one speak until they notice.
 * So both sides look. Whoever hears another generation reads his own record of it, and only if that still stands says
 * hello in return, confirming that he was there after the other was. Nobody of a former generation ever confirms: what he
 * reads fences him. A confirmation of one's own generation, and one's own record that still stands, are two at once.
 *
 * ```
 *   a (of G): hello ──► b (of H): reads H ──► hello, confirms G ──► a: reads G. Two are alive.
 *   b: two are alive, too ◄── hello, confirms H ◄── a
 * ```
 *
 * One node of each cluster speaks every few seconds, and its mates stay silent then.
 *
 * @module
 */
import { z } from "zod";
import { DecodeError, ProtocolError } from "../errors.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import type { Codec } from "../codec/codec.ts";
import type { Subjects } from "../transport/subjects.ts";
import type { Subscription, Transport } from "../transport/transport.ts";
import type { Gate } from "./gate.ts";
import { type ClusterId, type NodeId, nodeId } from "./records/schemas.ts";

/** The version of a hello that is spoken here. */
export const HELLO_VERSION = 1;

/** What a node says to all that hear the cluster's name. */
export interface Hello extends ClusterId {
  readonly from: NodeId;
  /** The generation that its sender has heard, before it found its own to stand. */
  readonly confirms?: string | undefined;
}

/** A node of the other cluster. */
export interface Namesake extends NodeId {
  /** In the short form. */
  readonly generation: string;
}

/** What it works with. */
export interface NamesakesDeps {
  readonly of: ClusterId;
  readonly self: NodeId;
  readonly transport: Transport;
  readonly subjects: Subjects;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: Random;
  readonly gate: Gate;
  /** Whether the records are still of this generation, by reading them now. */
  stands(): Promise<boolean>;
  /** Another cluster of this name is alive. Told of each once in `TELL_EVERY_MS` at most. */
  onMet(namesake: Namesake): void;
}

/** Between two hellos of one cluster, at least; twice that at most. */
const HELLO_MS = 2_000;
/** Up to so long a node waits whether a mate answers first. */
const ANSWER_MS = 300;
const TELL_EVERY_MS = 30_000;
/** Generations that are kept in mind. */
const MET_MAX = 64;

const Word = z.string().min(1).max(64);
const Message = z.object({
  cluster: Word,
  generation: Word,
  from: z.object({ node: Word, incarnation: Word }),
  confirms: Word.optional(),
});

/** What is known of another generation. */
interface Met {
  /** When one of ours last confirmed it, and when this node last told of it. */
  confirmedAt: number;
  toldAt: number;
  /** Whether it has confirmed ours since this node last looked. */
  confirmsUs: boolean;
  answer: Timer | undefined;
}

/** See the module's text. */
export class Namesakes {
  /** Hellos that were none of this cluster's name. */
  rejected = 0;
  readonly #deps: NamesakesDeps;
  readonly #met = new Map<string, Met>();
  #subscription: Subscription | undefined;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(deps: NamesakesDeps) {
    this.#deps = deps;
  }

  start(): void {
    const { transport, subjects } = this.#deps;
    this.#subscription = transport.subscribe(subjects.hello(), ({ payload }) => this.#hear(payload));
    this.#say(undefined);
    this.#arm();
  }

  stop(): void {
    this.#isOver = true;
    this.#subscription?.unsubscribe();
    this.#timer?.cancel();
    for (const { answer } of this.#met.values()) answer?.cancel();
  }

  /** Something was heard from another generation; maybe a former one. */
  heard({ generation, ...from }: Namesake, confirmsUs = false): void {
    if (this.#isOver) return;
    const met = this.#metOf(generation);
    if (met === undefined) return;
    if (confirmsUs) met.confirmsUs = true;
    const { clock, random } = this.#deps;
    met.answer ??= clock.after(
      random.next() * ANSWER_MS,
      () => void this.#answer(met, { generation, ...from }),
    );
  }

  #metOf(generation: string): Met | undefined {
    const known = this.#met.get(generation);
    if (known || this.#met.size >= MET_MAX) return known;
    const met = { confirmedAt: -Infinity, toldAt: -Infinity, confirmsUs: false, answer: undefined };
    this.#met.set(generation, met);
    return met;
  }

  #hear(payload: Uint8Array): void {
    const { of, self } = this.#deps;
    let hello: Hello;
    try {
      hello = decodeHello(this.#deps.codec, payload, of.cluster);
    } catch {
      this.rejected++;
      return;
    }
    const { generation, from, confirms } = hello;
    if (generation !== of.generation) return this.heard({ generation, ...from }, confirms === of.generation);
    if (from.node === self.node && from.incarnation === self.incarnation) return;
    if (confirms !== undefined) this.#mateConfirmed(confirms);
    else this.#arm();
  }

  #mateConfirmed(generation: string): void {
    const met = this.#metOf(generation);
    if (met) met.confirmedAt = this.#deps.clock.now();
  }

  async #answer(met: Met, namesake: Namesake): Promise<void> {
    const { clock, gate, onMet } = this.#deps;
    const { generation } = namesake;
    const { confirmsUs } = met;
    const mayTell = confirmsUs && clock.now() - met.toldAt >= TELL_EVERY_MS;
    const mayConfirm = () => clock.now() - met.confirmedAt >= HELLO_MS;
    try {
      if (!gate.isOpen || (!mayTell && !mayConfirm())) return;
      met.confirmsUs = false;
      if (!(await this.#stands()) || this.#isOver) return;
      if (mayConfirm()) {
        met.confirmedAt = clock.now();
        this.#say(generation);
      }
      if (!mayTell) return;
      met.toldAt = clock.now();
      onMet(namesake);
    } finally {
      met.answer = undefined;
    }
  }

  /** No answer of the records says nothing. */
  async #stands(): Promise<boolean> {
    try {
      return await this.#deps.stands();
    } catch {
      return false;
    }
  }

  #arm(): void {
    const { clock, random } = this.#deps;
    this.#timer?.cancel();
    if (this.#isOver) return;
    this.#timer = clock.after(HELLO_MS * (1 + random.next()), () => {
      this.#say(undefined);
      this.#arm();
    });
  }

  #say(confirms: string | undefined): void {
    const { of, self, gate, transport, subjects, codec } = this.#deps;
    if (gate.isOpen) transport.publish(subjects.hello(), encodeHello(codec, { ...of, from: self, confirms }));
  }
}

/** Writes a hello. */
export function encodeHello(codec: Codec, { cluster, generation, from, confirms }: Hello): Uint8Array {
  const said = { v: HELLO_VERSION, cluster, generation, from: nodeId(from) };
  return codec.encode(confirms === undefined ? said : { ...said, confirms });
}

/**
 * Reads a hello.
 * @throws {ProtocolError} for another version or cluster
 * @throws {DecodeError} for anything else that is none
 */
export function decodeHello(codec: Codec, bytes: Uint8Array, cluster: string): Hello {
  const value = codec.decode(bytes);
  const v = (value as { v?: unknown } | null)?.v;
  if (typeof v === "number" && v !== HELLO_VERSION)
    throw new ProtocolError(`Cannot read a hello of version ${v}: this node speaks ${HELLO_VERSION}`);
  const result = Message.safeParse(value);
  if (!result.success || v !== HELLO_VERSION)
    throw new DecodeError("Cannot read a hello: its fields are not those of one");
  if (result.data.cluster !== cluster)
    throw new ProtocolError(`Cannot read a hello of another cluster: this node is in cluster "${cluster}"`);
  return result.data;
}
