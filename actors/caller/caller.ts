/**
 * Who has sent a message, and what came along. Beside the chain of an ask, the headers of a message tell it: under {@link FROM}
 * the actor that a tell comes from, or the gateway by which a client has come in; each entry of its context under its key.
 *
 * @module
 */
import type { HeaderMap } from "../../codec/header_map.ts";

/** Header of the actor that has sent a tell, by its address, or of the gateway that a client has come by. No key of a context begins so. */
export const FROM = ":from";

/** What goes along with a message: keys and texts. */
export type CallContext = Readonly<Record<string, string>>;

/** Who has sent a message, and what came along with it. `node` is the name of the node that it was sent from. */
export type Caller =
  | {
      /** Another actor, or the same one. */
      readonly via: "actor";
      readonly kind: string;
      readonly name: string;
      readonly node: string;
      readonly context: CallContext;
    }
  | {
      /** Code of a node that is no actor; a client outside, by the door or over HTTP; or a stream, by a subscription. */
      readonly via: "node" | "door" | "http" | "stream";
      readonly node: string;
      readonly context: CallContext;
    }
  | {
      /** The actor itself, by `schedule`. */
      readonly via: "timer";
      readonly context: CallContext;
    };

/** For whom a node calls that is not its own caller: clients of a gateway, or an actor, by its address `kind/name`. */
export type Sender = "door" | "http" | "stream" | `${string}/${string}`;

/** Whether a header is a word of the framework, which goes no further than to the message that has it. */
export function isWord(header: string): boolean {
  return header.startsWith(":");
}

/** What a caller is told from. */
export interface Sent {
  /** Of the node that sent it; a timer's has none. */
  readonly node?: string | undefined;
  readonly chain: readonly string[];
  readonly headers?: HeaderMap | undefined;
}

/** Who has sent a message. Frozen. */
export function callerOf({ node, chain, headers }: Sent): Caller {
  const context = contextOf(headers);
  if (node === undefined) return Object.freeze({ via: "timer", context });
  const from = chain.at(-1) ?? headers?.get(FROM);
  if (from === "door" || from === "http" || from === "stream")
    return Object.freeze({ via: from, node, context });
  const slash = from?.indexOf("/") ?? -1;
  if (from === undefined || slash < 1) return Object.freeze({ via: "node", node, context });
  return Object.freeze({
    via: "actor",
    kind: from.slice(0, slash),
    name: from.slice(slash + 1),
    node,
    context,
  });
}

const EMPTY: CallContext = Object.freeze(Object.create(null) as Record<string, string>);

function contextOf(headers: HeaderMap | undefined): CallContext {
  if (headers === undefined) return EMPTY;
  const context = Object.create(null) as Record<string, string>; // so that what is not in it is in nothing above it
  for (const [key, value] of headers) if (!isWord(key)) context[key] = value;
  return Object.freeze(context);
}
