// What files and authors do with a change: count it, and check its place in the sender's order.
import { Actor, type HandlersOf, type Hosted, host } from "../../mod.ts";
import {
  type Activity,
  Author,
  type Change,
  CountedAuthor,
  type CountedActivity,
  CountedFile,
  File,
  noActivity,
} from "./contract.ts";
import { note, nothingReceived } from "./order.ts";

const VIOLATIONS_MAX = 20;

/** Of the code of both kinds. */
export type Release = 1 | 2;

/** Both kinds, ready to be given to a node: to `startNode()`, or to `node.upgrade()`. */
export function activityHosts(release: Release): readonly Hosted[] {
  return release === 1
    ? [host(File, FileActor), host(Author, AuthorActor)]
    : [host(CountedFile, CountedFileActor), host(CountedAuthor, CountedAuthorActor)];
}

class FileActor extends Actor<typeof File> implements HandlersOf<typeof File> {
  static initialState(): Activity {
    return noActivity();
  }

  changed(change: Change): void {
    record(this.state, change);
  }

  report(): Activity {
    return this.state;
  }
}

class AuthorActor extends Actor<typeof Author> implements HandlersOf<typeof Author> {
  static initialState(): Activity {
    return noActivity();
  }

  changed(change: Change): number {
    record(this.state, change);
    return this.state.changes;
  }

  report(): Activity {
    return this.state;
  }
}

class CountedFileActor extends Actor<typeof CountedFile> implements HandlersOf<typeof CountedFile> {
  static initialState(): CountedActivity {
    return { ...noActivity(), upgrades: 0 };
  }

  static upgrade(_from: number, old: unknown): CountedActivity {
    return upgraded(old as Activity);
  }

  changed(change: Change): void {
    record(this.state, change);
  }

  report(): Activity {
    return this.state;
  }
}

class CountedAuthorActor extends Actor<typeof CountedAuthor> implements HandlersOf<typeof CountedAuthor> {
  static initialState(): CountedActivity {
    return { ...noActivity(), upgrades: 0 };
  }

  static upgrade(_from: number, old: unknown): CountedActivity {
    return upgraded(old as Activity);
  }

  changed(change: Change): number {
    record(this.state, change);
    return this.state.changes;
  }

  report(): Activity {
    return this.state;
  }
}

function upgraded(old: Activity): CountedActivity {
  return { ...old, upgrades: (old.upgrades ?? 0) + 1 };
}

function record(activity: Activity, { sender, sequence, added, deleted, binary }: Change): void {
  activity.changes++;
  activity.added += added;
  activity.deleted += deleted;
  activity.binaries += binary ? 1 : 0;
  activity.received[sender] ??= nothingReceived();
  const violation = note(activity.received[sender], sequence);
  if (violation !== undefined && activity.violations.length < VIOLATIONS_MAX) {
    activity.violations.push(`${sender}: ${violation}`);
  }
}
