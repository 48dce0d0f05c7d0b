/**
 * What the owners of a watching and of a watched actor say to each other. It goes by the way of every tell, numbered and in
 * order, to whoever owns the actor; no contract can declare messages of these names, and no caller send them.
 *
 * ```
 *   watcher ── $watch ──► watched        "tell me of your end", or "do you still know that I watch you?"
 *           ◄─ $watched ─                 it is written beside its state
 *           ◄─ $ended ───                 it has ended, or knows nothing of such a watch
 *           ── $unwatch ─►                not any more
 *           ◄─ $unwatched ─
 * ```
 *
 * @module
 */
import { z } from "zod";
import { DecodeError } from "../../errors.ts";
import type { Mail } from "../activation/mail.ts";
import type { Address } from "../ref.ts";
import type { WatchEnd } from "./notice.ts";

/** Something that is said. `id` is that of the watch. */
export type WatchWord =
  | {
      readonly word: "$watch";
      readonly id: string;
      readonly by: Address;
      /** Of the watcher's shard. */
      readonly epoch: number;
      /** Whether the watched actor's owner has said before that it knows of it. */
      readonly again: boolean;
      readonly tellsAbsence: boolean;
    }
  /** Without `by` nobody waits for an answer: the watcher has ended. */
  | { readonly word: "$unwatch"; readonly id: string; readonly by?: Address | undefined }
  /** `epoch` is that of the watched actor's shard, here and below. */
  | { readonly word: "$watched"; readonly id: string; readonly of: Address; readonly epoch: number }
  | { readonly word: "$unwatched"; readonly id: string }
  | { readonly word: "$ended"; readonly id: string; readonly reason: WatchEnd; readonly epoch: number };

const id = z.string().max(64);
const epoch = z.number().int().nonnegative();
const address = z.object({ kind: z.string(), name: z.string() });

const SCHEMAS: { readonly [W in WatchWord["word"]]: z.ZodType<Omit<WatchWord, "word">> } = Object.freeze({
  $watch: z.object({ id, by: address, epoch, again: z.boolean(), tellsAbsence: z.boolean() }),
  $unwatch: z.object({ id, by: address.optional() }),
  $watched: z.object({ id, of: address, epoch }),
  $unwatched: z.object({ id }),
  // what a newer release says and this one has no word for is an end all the same
  $ended: z.object({
    id,
    reason: z.enum(["stopped", "failed", "lost", "quarantined", "absent", "refused"]).catch("stopped"),
    epoch,
  }),
});

/** Whether that message is one of these words. */
export function isWatchWord({ type, message }: Pick<Mail, "type" | "message">): boolean {
  return type === "tell" && Object.hasOwn(SCHEMAS, message);
}

/** Whether such a word is said to an actor that watches, and not to one that is watched. */
export function isForWatcher({ message }: Pick<Mail, "message">): boolean {
  return message !== "$watch" && message !== "$unwatch";
}

/** What a mail of such a name says. @throws {DecodeError} */
export function readWatchWord(mail: Pick<Mail, "message" | "argument">): WatchWord {
  const word = mail.message as WatchWord["word"];
  const read = SCHEMAS[word].safeParse(mail.argument());
  if (read.success) return { word, ...read.data } as WatchWord;
  throw new DecodeError(`Cannot read "${word}": ${read.error.issues[0]?.message ?? "it is something else"}`);
}
