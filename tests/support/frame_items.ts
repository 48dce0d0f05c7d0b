// Items of frames as tests write them.
import { numbers, writeEnvelope, writeReply } from "../../delivery/wire/frame.ts";
import type { Item, Reply } from "../../delivery/wire/frame_items.ts";
import type { FrameWriter } from "../../delivery/wire/frame_writer.ts";

/** An item as it is written, a reply with a body of its own, or as it was read. */
export type WrittenItem = Item | Reply;

/** Writes them into the frame that was begun. */
export function writeItems(writer: FrameWriter, items: readonly WrittenItem[]): void {
  for (const item of items) {
    if (item.item === "envelope") writeEnvelope(writer, item);
    else if (item.item === "reply") writeReply(writer, ownReply(item));
    else numbers(item).write(writer);
  }
}

/** A reply with a body of its own. */
export function ownReply(reply: Extract<WrittenItem, { item: "reply" }>): Reply {
  if (!("frame" in reply)) return reply;
  const { frame, from, to, ...rest } = reply;
  return { ...rest, body: frame.slice(from, to) };
}
