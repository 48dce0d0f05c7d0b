/**
 * Asks other nodes about their actors, and answers them. Over the subject of each node, so whoever may speak to nodes may ask, and
 * only members are heard. A closed gate says nothing: what a node that may be dead for the others knows is no answer.
 *
 * @module
 */
import type { Gate } from "../cluster/gate.ts";
import type { Membership } from "../cluster/membership.ts";
import type { Namesake } from "../cluster/namesakes.ts";
import { type ClusterId, type NodeId, nodeKey } from "../cluster/records/schemas.ts";
import type { Codec } from "../codec/codec.ts";
import type { GroupTalk } from "../groups/messages.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Subjects } from "../transport/subjects.ts";
import type { Transport } from "../transport/transport.ts";
import { type Answer, decodeRegistry, encodeRegistry, type EventTalk, type Question } from "./messages.ts";

/** What it works with. */
export interface RegistryChannelDeps {
  readonly of: ClusterId;
  readonly self: NodeId;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly gate: Gate;
  readonly membership: Pick<Membership, "isMember">;
  readonly transport: Transport;
  readonly subjects: Subjects;
  /** Answers a question of a member. */
  answer(question: Question): Promise<Answer>;
  /** Takes what a member says about events. */
  onEvents(from: NodeId, id: number, talk: EventTalk): void;
  /** Takes what a member says about members of groups. */
  onMembers(from: NodeId, stream: number, talk: GroupTalk): void;
  /** Told who speaks of another generation; its words have no effect. */
  onOther(who: Namesake): void;
  /** Told what an answer threw, which none should. */
  onThrow(error: unknown): void;
}

/** A question that was asked. */
interface Asked {
  readonly to: string;
  end(answer: Answer | undefined): void;
}

/** Questions of others that are answered at once; more are told to come again. */
const ANSWERING_MAX = 64;

/** See the module's text. */
export class RegistryChannel {
  readonly #deps: RegistryChannelDeps;
  readonly #asked = new Map<number, Asked>();
  #latest = 0;
  #answering = 0;
  #isOver = false;
  /** Messages of a newer release that were passed over. */
  unknown = 0;

  constructor(deps: RegistryChannelDeps) {
    this.#deps = deps;
  }

  /**
   * Asks a node, once more at half the time.
   *
   * @returns `undefined` if it does not answer within `withinMs`, or this node may say nothing
   */
  ask(to: NodeId, question: Question, withinMs: number): Promise<Answer | undefined> {
    const { clock, gate } = this.#deps;
    if (!gate.isOpen || this.#isOver) return Promise.resolve(undefined);
    const id = ++this.#latest;
    return new Promise((resolve) => {
      let timer: Timer = clock.after(withinMs / 2, () => {
        timer = clock.after(withinMs / 2, () => end(undefined));
        this.say(to, id, question);
      });
      const end = (answer: Answer | undefined) => {
        timer.cancel();
        this.#asked.delete(id);
        resolve(answer);
      };
      this.#asked.set(id, { to: nodeKey(to), end });
      this.say(to, id, question);
    });
  }

  /** Nobody is asked or answered any more. */
  stop(): void {
    this.#isOver = true;
    for (const { end } of [...this.#asked.values()]) end(undefined);
  }

  /**
   * Takes a message off the wire.
   *
   * @returns whether it is a member's
   * @throws {DecodeError | ProtocolError}
   */
  incoming(payload: Uint8Array): boolean {
    const { codec, of, membership, gate, onOther } = this.#deps;
    const message = decodeRegistry(codec, of.cluster, payload);
    if (message.generation !== of.generation) {
      onOther({ generation: message.generation, ...message.from });
      return false;
    }
    if (!membership.isMember(message.from)) return false;
    if (!gate.isOpen || this.#isOver) return true;
    switch (message.type) {
      case "unknown":
        this.unknown++;
        break;
      case "where":
      case "list":
        void this.#answer(message.from, message.id, message);
        break;
      case "follow":
      case "unfollow":
      case "followed":
      case "told":
        this.#deps.onEvents(message.from, message.id, message);
        break;
      case "members-wanted":
      case "members-unwanted":
      case "members":
      case "members-at":
        this.#deps.onMembers(message.from, message.id, message);
        break;
      default:
        this.#answered(message.from, message.id, message);
    }
    return true;
  }

  /** Nobody answers for another. */
  #answered(from: NodeId, id: number, answer: Answer): void {
    const asked = this.#asked.get(id);
    if (asked?.to === nodeKey(from)) asked.end(answer);
  }

  async #answer(to: NodeId, id: number, question: Question): Promise<void> {
    if (this.#answering >= ANSWERING_MAX) return this.say(to, id, { type: "busy" });
    this.#answering++;
    let answer: Answer = { type: "busy" };
    try {
      answer = await this.#deps.answer(question);
    } catch (error) {
      this.#deps.onThrow(error);
    }
    this.#answering--;
    this.say(to, id, answer);
  }

  /** Says something to a node. It may be lost, and what is longer than a message of the server may be is. */
  say(to: NodeId, id: number, body: Question | Answer | EventTalk | GroupTalk): void {
    const { of, self, codec, gate, transport, subjects } = this.#deps;
    if (!gate.isOpen || this.#isOver) return;
    const message = encodeRegistry(codec, of, self, id, body);
    if (message.byteLength > transport.maxPayloadBytes) return; // who asked hears nothing, and says so
    transport.publish(subjects.registry(to.node, to.incarnation), message);
  }
}
