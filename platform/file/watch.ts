/**
 * Tells when files of a folder change, with all folders below it.
 *
 * The system tells that something has happened in a folder, and not reliably what: some editors write beside a file and rename, one save
 * may be three events, and reading may be one. So each event is a reason to look, and what counts is that a file's time or length is
 * another. Folders are watched one by one, which leaves out those that are not wanted: `node_modules` may have thousands.
 *
 * @module
 */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Clock, Timer } from "../clock.ts";

/** What is watched. */
export interface WatchedTree {
  /** Folders, or single files. */
  readonly roots: readonly string[];
  /** Whether a file counts, by its full path. */
  wants(file: string): boolean;
  /** Whether a folder counts, by its full path. */
  enters(folder: string): boolean;
}

/** A watch at work. */
export interface TreeWatch {
  /** Files that count, as they were at the latest look. */
  readonly size: number;
  stop(): void;
}

/** Milliseconds without a further event before it looks: one save is often several. */
const QUIET_MS = 80;
/** Milliseconds between two looks where the system cannot watch, as on some network drives and in some containers. */
const POLL_MS = 500;

/** Begins to watch; `changed` is told the files that are new, other than they were, or gone, sorted. */
export function watchTree(tree: WatchedTree, clock: Clock, changed: (files: string[]) => void): TreeWatch {
  return new Watching(tree, clock, changed);
}

class Watching implements TreeWatch {
  readonly #tree: WatchedTree;
  readonly #clock: Clock;
  readonly #changed: (files: string[]) => void;
  readonly #watchers = new Map<string, fs.FSWatcher>();
  #files = new Map<string, string>();
  #timer: Timer | undefined;
  #polls = false;
  #isOver = false;

  constructor(tree: WatchedTree, clock: Clock, changed: (files: string[]) => void) {
    this.#tree = tree;
    this.#clock = clock;
    this.#changed = changed;
    this.#files = this.#look();
    this.#pollIfNeeded();
  }

  get size(): number {
    return this.#files.size;
  }

  stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #lookIn(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#isOver ? undefined : this.#clock.after(delayMs, () => this.#compare());
  }

  #compare(): void {
    const before = this.#files;
    this.#files = this.#look();
    const all = new Set([...before.keys(), ...this.#files.keys()]);
    const changed = [...all].filter((file) => before.get(file) !== this.#files.get(file)).sort();
    this.#timer = undefined;
    this.#pollIfNeeded();
    if (changed.length > 0) this.#changed(changed);
  }

  #pollIfNeeded(): void {
    if (this.#polls) this.#lookIn(POLL_MS);
  }

  /** A folder is watched before it is read: what comes in between is an event, and a reason to look again. */
  #look(): Map<string, string> {
    const files = new Map<string, string>();
    const folders = new Set<string>();
    for (const root of this.#tree.roots) {
      if (stateOf(root)?.isDirectory()) this.#enter(root, files, folders);
      else {
        note(root, files);
        this.#watch(path.dirname(root), folders);
      }
    }
    for (const [folder, watcher] of this.#watchers)
      if (!folders.has(folder)) {
        watcher.close();
        this.#watchers.delete(folder);
      }
    return files;
  }

  #enter(folder: string, files: Map<string, string>, folders: Set<string>): void {
    if (folders.has(folder)) return;
    this.#watch(folder, folders);
    for (const entry of listed(folder)) {
      const full = path.join(folder, entry.name);
      if (entry.isDirectory()) {
        if (this.#tree.enters(full)) this.#enter(full, files, folders);
      } else if (this.#tree.wants(full)) note(full, files);
    }
  }

  #watch(folder: string, folders: Set<string>): void {
    folders.add(folder);
    if (this.#watchers.has(folder) || this.#polls) return;
    try {
      const watcher = fs.watch(folder, () => this.#lookIn(QUIET_MS));
      watcher.on("error", () => this.#lookIn(QUIET_MS)); // the folder is gone
      this.#watchers.set(folder, watcher);
    } catch {
      this.#polls = true;
    }
  }
}

function note(file: string, files: Map<string, string>): void {
  const state = stateOf(file);
  if (state?.isFile()) files.set(file, `${state.mtimeMs} ${state.size} ${state.ino}`);
}

function stateOf(file: string): fs.Stats | undefined {
  try {
    return fs.statSync(file);
  } catch {
    return undefined;
  }
}

function listed(folder: string): fs.Dirent[] {
  try {
    return fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
