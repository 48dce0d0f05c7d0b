/**
 * One admitted message, as an activation sees it. The layer above decides where it came from and where its end goes.
 *
 * @module
 */
import type { ErrorData } from "../../errors.ts";
import type { HeaderMap } from "../../codec/header_map.ts";
import type { Patient } from "./mailbox.ts";

/** A message on its way through a mailbox. It ends exactly once: by `refuse`, `succeed` or `fail`. */
export interface Mail extends Patient {
  readonly type: "ask" | "tell";
  readonly message: string;
  /** Addresses (`kind/name`) of the actors that wait for the end of this message, the first caller first. */
  readonly chain: readonly string[];
  /** Name of the node that sent it; absent of a timer's. */
  readonly node?: string | undefined;
  /** What its sender gave along; absent if nothing. */
  readonly headers?: HeaderMap | undefined;
  /** On the node's clock, in milliseconds; `Infinity` for none. */
  readonly deadlineAt: number;
  /** Bytes of its argument, about. */
  readonly weight: number;
  /** The declaration by which `checked` was validated here before, if it was. */
  readonly checkedBy?: unknown;
  /** What came out of that validation. */
  readonly checked?: unknown;
  /** Whether who sends it is that actor, or one that it waits for: it makes no room before this is admitted. Nobody else can tell. */
  isFrom(address: string): boolean;
  /** The argument, decoded but not validated. @throws {DecodeError} */
  argument(): unknown;
  /** It was not admitted and will not be handled: also the sender of a tell hears it. */
  refuse(error: ErrorData): void;
  /** @returns the error with which it has ended instead, if that value cannot travel */
  succeed(value: unknown): ErrorData | undefined;
  /** It was admitted and ended badly: only who asked hears it. */
  fail(error: ErrorData): void;
}
