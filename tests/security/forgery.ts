import { FrameWriter } from "../../delivery/wire/frame_writer.ts";
import type { ClusterId } from "../../cluster/records/schemas.ts";
import {
  decodeMove,
  encodeMove,
  type MoveBody,
  type MoveMessage,
  type UnknownMove,
} from "../../handoff/wire/messages.ts";
import { type ActorNode, type MemoryNetwork, memoryTransport } from "../../mod.ts";
import { type Answer, encodeRegistry, type EventTalk, type Question } from "../../registry/messages.ts";
import { createCodec } from "../../codec/codec.ts";
import { subjects } from "../../transport/subjects.ts";
import { type WrittenItem, writeItems } from "../support/frame_items.ts";

export interface Who {
  readonly node: string;
  readonly incarnation: string;
}

export const codec = createCodec();
const names = subjects("test");

/** A cluster without a node. */
export const ANYWHERE: ClusterId = { cluster: "test", generation: "3k9x02ab" };

/** The cluster of a node: who forges words of its members knows it. */
export function clusterOf(node: ActorNode): ClusterId {
  const { cluster, generation } = node.inspect();
  return { cluster, generation };
}

/** A frame with these items. */
export function frame(
  from: Who,
  items: readonly WrittenItem[],
  of: ClusterId = ANYWHERE,
  protocol = 2,
): Uint8Array {
  const writer = new FrameWriter();
  writer.begin(protocol, of, from, 0);
  writeItems(writer, items);
  return writer.finish();
}

/** What was said about moves, and to whom. */
export interface Overheard {
  readonly to: string;
  readonly message: MoveMessage | UnknownMove;
}

/** A connection that hears everything and says anything: what permissions would have to prevent. */
export class Forger {
  readonly heard: Overheard[] = [];
  readonly #transport;

  constructor(network: MemoryNetwork) {
    this.#transport = memoryTransport({ network, name: "forger" }).transport;
    this.#transport.subscribe("test.node.*.*.move.*", ({ subject, payload }) => {
      const to = names.parseNode(subject)?.node ?? "";
      this.heard.push({ to, message: decodeMove(codec, "test", payload) });
    });
  }

  says(as: Who, to: ActorNode, ...items: readonly WrittenItem[]): void {
    for (const item of items)
      this.#transport.publish(names.batch(to.name, to.incarnation), frame(as, [item], clusterOf(to)));
  }

  moves(as: Who, to: ActorNode, moveId: string, ...bodies: readonly MoveBody[]): void {
    for (const body of bodies) {
      const subject = names.move(to.name, to.incarnation, moveId);
      this.#transport.publish(subject, encodeMove(codec, clusterOf(to), as, moveId, body));
    }
  }

  /** What is asked or answered about actors. */
  registers(as: Who, to: ActorNode, id: number, body: Question | Answer | EventTalk): void {
    const subject = names.registry(to.name, to.incarnation);
    this.#transport.publish(subject, encodeRegistry(codec, clusterOf(to), as, id, body));
  }

  /** Messages of one type that were said to a node. */
  told(to: string, type: MoveBody["type"]): MoveMessage[] {
    return this.heard.flatMap(({ to: heardBy, message }) =>
      heardBy === to && message.type === type ? [message as MoveMessage] : [],
    );
  }
}

export function idOf({ name, incarnation }: ActorNode): Who {
  return { node: name, incarnation };
}
