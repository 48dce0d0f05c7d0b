// The two kinds of actors, as data: this is all that a caller has to import.
import { z } from "zod";
import {
  type AskMessage,
  ask,
  type Contract,
  defineActor,
  type Schema,
  type TellMessage,
  tell,
} from "../../mod.ts";

/** One line of `git log --numstat`, as one sender tells it to one actor. */
export interface Change {
  readonly sender: string;
  /** Counts this sender's messages to this actor, from 1. */
  readonly sequence: number;
  readonly added: number;
  readonly deleted: number;
  readonly binary: boolean;
}

/** What an actor has got from one sender. */
export interface Received {
  /** Highest sequence number. */
  last: number;
  /** Lower ones that have not come, as far as they are listed. */
  missing: number[];
  /** How many more have not come. */
  skipped: number;
  duplicated: number;
  reordered: number;
}

/** State of an actor of either kind. */
export interface Activity {
  changes: number;
  added: number;
  deleted: number;
  binaries: number;
  received: Record<string, Received>;
  /** The first violations of order in words. */
  violations: string[];
  /** How often new code has taken the actor over in place. The first release does not count it. */
  upgrades?: number | undefined;
}

/** State of an actor of either kind in the second release. */
export interface CountedActivity extends Activity {
  upgrades: number;
}

const count = z.number().int().nonnegative();

const change = z.strictObject({
  sender: z.string(),
  sequence: z.number().int().positive(),
  added: count,
  deleted: count,
  binary: z.boolean(),
});

const received = z.strictObject({
  last: count,
  missing: z.array(count),
  skipped: count,
  duplicated: count,
  reordered: count,
});

const activity = z.strictObject({
  changes: count,
  added: count,
  deleted: count,
  binaries: count,
  received: z.record(z.string(), received),
  violations: z.array(z.string()),
  upgrades: count.optional(),
});

const countedActivity = activity.extend({ upgrades: count });

/** Messages that a file understands: it is told. */
export type FileMessages = {
  readonly changed: TellMessage<Schema<Change>>;
  readonly report: AskMessage<Schema<undefined>, Schema<Activity>>;
};

/** Messages that an author understands: it is asked, and answers with its number of changes. */
export type AuthorMessages = {
  readonly changed: AskMessage<Schema<Change>, Schema<number>>;
  readonly report: AskMessage<Schema<undefined>, Schema<Activity>>;
};

/** A file of the repository, named by its path. */
export const File: Contract<"file", Schema<Activity>, FileMessages> = defineActor("file", {
  state: activity,
  stateVersion: 1,
  messages: { changed: tell(change), report: ask(z.undefined(), activity) },
});

/** Somebody who changed files, named as in the log. */
export const Author: Contract<"author", Schema<Activity>, AuthorMessages> = defineActor("author", {
  state: activity,
  stateVersion: 1,
  messages: { changed: ask(change, count), report: ask(z.undefined(), activity) },
});

/** The same file in the second release: its state has another form. It understands the same messages. */
export const CountedFile: Contract<"file", Schema<CountedActivity>, FileMessages> = defineActor("file", {
  state: countedActivity,
  stateVersion: 2,
  messages: File.messages,
});

/** The same author in the second release. */
export const CountedAuthor: Contract<"author", Schema<CountedActivity>, AuthorMessages> = defineActor(
  "author",
  { state: countedActivity, stateVersion: 2, messages: Author.messages },
);

/** A state without any change. */
export function noActivity(): Activity {
  return { changes: 0, added: 0, deleted: 0, binaries: 0, received: {}, violations: [] };
}
