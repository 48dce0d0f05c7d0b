import * as fs from "node:fs";
import process from "node:process";
import { ConfigurationError } from "../../errors.ts";

/** A file that this process has to itself, until it lets go of it or ends in any way. */
export interface FileHold {
  /** Which file it is, whatever its name: see {@link fileIdentity}. */
  readonly identity: string;
  /** Names that it had then. */
  readonly names: number;
  /** Reads from the byte at `position` on, without opening the file once more. @returns how many bytes; 0 at its end */
  read(into: Uint8Array, position: number): number;
  release(): void;
}

/** An open file and the ways to ask about it, as each runtime has them. */
interface OpenFile {
  /** @returns whether nobody else has it */
  tryLock(): boolean;
  numbers(): FileNumbers;
  read(into: Uint8Array, position: number): number;
  close(): void;
}

interface FileNumbers {
  readonly dev: number;
  readonly ino: number | null;
  readonly nlink: number | null;
}

/**
 * Takes a file, which is made if it is missing.
 *
 * On Linux by `flock`: that lock belongs to this opening of the file, under whatever name, and ends with nothing but it.
 * A lock of `fcntl`, as SQLite takes it, ends as soon as the process closes the file that it has opened in any other way,
 * such as for a copy. On macOS the two kinds exclude each other, and on Windows SQLite's lock is of the better kind, so
 * there is no second one there.
 *
 * @returns `undefined` if somebody else has it
 * @throws {ConfigurationError} if the file cannot be opened, or the runtime has no such lock
 */
export async function holdFile(path: string): Promise<FileHold | undefined> {
  const file = await openFile(path);
  let mine = false;
  try {
    mine = process.platform !== "linux" || file.tryLock();
  } finally {
    if (!mine) file.close();
  }
  if (!mine) return undefined;
  const numbers = file.numbers();
  return {
    identity: identityOf(numbers),
    names: numbers.nlink ?? 1,
    read: (into, position) => file.read(into, position),
    release: () => file.close(),
  };
}

/** Which file a path leads to now: the same for all its names, another for a copy. `undefined` if there is none. */
export function fileIdentity(path: string): string | undefined {
  const numbers = fs.statSync(path, { throwIfNoEntry: false });
  return numbers && identityOf(numbers);
}

function identityOf({ dev, ino }: Pick<FileNumbers, "dev" | "ino">): string {
  return `${dev}:${ino}`;
}

async function openFile(path: string): Promise<OpenFile> {
  try {
    const { Deno: deno } = globalThis as { Deno?: DenoFiles };
    return deno ? openOnDeno(deno, path) : await openElsewhere(path);
  } catch (cause) {
    if (cause instanceof ConfigurationError) throw cause;
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigurationError(`Cannot open the file "${path}": ${words}`, { cause });
  }
}

interface DenoFile {
  tryLockSync(exclusive: boolean): boolean;
  statSync(): FileNumbers;
  seekSync(position: number, from: number): number;
  readSync(into: Uint8Array): number | null;
  close(): void;
}

interface DenoFiles {
  openSync(path: string, options: { read: boolean; write: boolean; create: boolean }): DenoFile;
}

/** Counted from the beginning of the file. */
const SEEK_START = 0;

function openOnDeno(deno: DenoFiles, path: string): OpenFile {
  const file = deno.openSync(path, { read: true, write: true, create: true });
  return {
    tryLock: () => file.tryLockSync(true),
    numbers: () => file.statSync(),
    read: (into, position) => {
      file.seekSync(position, SEEK_START);
      return file.readSync(into) ?? 0;
    },
    close: () => file.close(),
  };
}

/** The C libraries of Linux, by the names under which they are found. */
const C_LIBRARIES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];
/** Exclusive, and without waiting. */
const LOCK_EX_NB = 2 | 4;

type Flock = (descriptor: number, how: number) => number;

async function openElsewhere(path: string): Promise<OpenFile> {
  const flock = process.platform === "linux" ? await flockOfBun() : undefined;
  const { O_RDWR, O_CREAT } = fs.constants;
  const descriptor = fs.openSync(path, O_RDWR | O_CREAT);
  return {
    tryLock: () => flock?.(descriptor, LOCK_EX_NB) === 0,
    numbers: () => fs.fstatSync(descriptor),
    read: (into, position) => fs.readSync(descriptor, into, 0, into.byteLength, position),
    close: () => fs.closeSync(descriptor),
  };
}

interface BunFfi {
  dlopen(name: string, symbols: object): { readonly symbols: { readonly flock: Flock } };
}

/** By a name in a variable, so that no bundler looks for it. */
async function flockOfBun(): Promise<Flock> {
  const module = "bun:ffi";
  let cause: unknown;
  for (const name of C_LIBRARIES) {
    try {
      const { dlopen } = (await import(module as string)) as BunFfi;
      return dlopen(name, { flock: { args: ["i32", "i32"], returns: "i32" } }).symbols.flock;
    } catch (error) {
      cause ??= error;
    }
  }
  throw new ConfigurationError("Cannot lock a file: this runtime gives no access to flock", {
    cause,
  });
}
