/**
 * A context as somebody gives it: entries that are laid over whatever context a message would have anyway. It goes on with every
 * message that follows from the first.
 *
 * @module
 */
import { HeaderMap } from "../../codec/header_map.ts";
import { InvalidArgumentError } from "../../errors.ts";
import { FROM, isWord, type Sender } from "./caller.ts";

/** Entries that are laid over a context; one that is `undefined` is taken out of it. */
export type ContextEntries = Readonly<Record<string, string | undefined>>;

/** Most entries of a context. */
export const CONTEXT_MAX = 16;
/** Most bytes of a context: keys and values as UTF-8. */
export const CONTEXT_BYTES_MAX = 1_024;

const KEY = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const RESERVED = "baton-";
const SHOWN_MAX = 64;
const ENCODER: TextEncoder = new TextEncoder();

/** Why a text cannot be a key of a context, for people; `undefined` if it can. */
export function unfitKey(key: string): string | undefined {
  if (!KEY.test(key))
    return 'a key is up to 64 of a-z, 0-9, ".", "_" and "-", and begins with a letter or digit';
  return key.startsWith(RESERVED) ? `keys that begin with "${RESERVED}" are Baton's own` : undefined;
}

/** The headers of a message, as they follow from those that it would have anyway. */
export interface Accompaniment {
  /** @throws {InvalidArgumentError} above the bounds of a context */
  over(headers: HeaderMap | undefined): HeaderMap | undefined;
}

/** Headers that are final. */
export function unchanged(headers: HeaderMap | undefined): Accompaniment {
  return { over: () => headers };
}

/** Entries that are laid over whatever context a message would have. */
export class ContextLayer implements Accompaniment {
  readonly #entries: ReadonlyMap<string, string | undefined>;
  readonly #from: Sender | undefined;
  /** What was asked for last, for a ref that is used again and again. */
  #base: HeaderMap | undefined;
  #result: HeaderMap | undefined;
  #isKnown = false;

  private constructor(entries: ReadonlyMap<string, string | undefined>, from: Sender | undefined) {
    this.#entries = entries;
    this.#from = from;
  }

  /**
   * @param under a layer below it
   * @throws {InvalidArgumentError} for keys or values that cannot be, or above the bounds
   */
  static of(given: ContextEntries, under?: ContextLayer, from?: Sender): ContextLayer {
    const entries = new Map(under === undefined ? [] : under.#entries);
    for (const [key, value] of Object.entries(given)) {
      check(key, value);
      entries.set(key, value);
    }
    const layer = new ContextLayer(entries, from ?? (under === undefined ? undefined : under.#from));
    layer.over(undefined); // too much is too much over anything
    return layer;
  }

  over(headers: HeaderMap | undefined): HeaderMap | undefined {
    if (!this.#isKnown || headers !== this.#base) {
      this.#result = this.#laidOver(headers);
      this.#base = headers;
      this.#isKnown = true;
    }
    return this.#result;
  }

  #laidOver(headers: HeaderMap | undefined): HeaderMap | undefined {
    const all = new Map(headers);
    for (const [key, value] of this.#entries) {
      if (value === undefined) all.delete(key);
      else all.set(key, value);
    }
    checkBounds(all);
    if (this.#from !== undefined) all.set(FROM, this.#from);
    return HeaderMap.of(all);
  }
}

/** The headers of a timer's message. @throws {InvalidArgumentError} */
export function timerHeaders(context: ContextEntries | undefined): HeaderMap | undefined {
  return context && ContextLayer.of(context).over(undefined);
}

function check(key: string, value: unknown): void {
  const fault = unfitKey(key);
  if (fault !== undefined)
    throw refused(`its key "${key.slice(0, SHOWN_MAX).toWellFormed()}" cannot be used; ${fault}`);
  if (value === undefined) return;
  if (typeof value !== "string")
    throw refused(`the value of "${key}" is of type ${typeof value}; give a text`);
  if (!value.isWellFormed()) throw refused(`the value of "${key}" has a lone surrogate`);
}

function checkBounds(headers: ReadonlyMap<string, string>): void {
  let [count, bytes] = [0, 0];
  for (const [key, value] of headers) {
    if (isWord(key)) continue;
    count++;
    bytes += key.length + ENCODER.encode(value).byteLength;
  }
  if (count > CONTEXT_MAX) throw refused(`it has ${count} entries, and may have ${CONTEXT_MAX}`);
  if (bytes > CONTEXT_BYTES_MAX) throw refused(`it has ${bytes} bytes, and may have ${CONTEXT_BYTES_MAX}`);
}

function refused(what: string): InvalidArgumentError {
  return new InvalidArgumentError(`Cannot send a context: ${what}`);
}
