/**
 * Where the ends of messages and the tells of an activation go: at once, or behind a gate until what they tell of is
 * stored. Whoever handles a message does not know which.
 *
 * @module
 */
import type { ErrorData } from "../../errors.ts";
import type { Annex } from "../annex/annex.ts";
import type { Contract } from "../contract.ts";
import type { Mail } from "../activation/mail.ts";
import type { Channel } from "../ref.ts";
import type { StoredMark } from "../state/snapshot.ts";

/** See the module's text. */
export interface OutputSink {
  /** Whether nothing waits to be stored or to go out. */
  readonly isQuiet: boolean;
  /** What the store has said no with; what is still handled has no effect, and ends with that. */
  readonly refusal: ErrorData | undefined;
  /** Whether another handler may start; if not, its owner is woken when it may. */
  hasRoom(): boolean;
  /** The store's entry that the state is equal to; `undefined` if it is not stored. */
  readonly mark: StoredMark | undefined;
  /** What it began with is to be stored over whatever is there: it came from where the kind lived in memory. */
  readonly isNewer: boolean;
  /** Of what an actor has beside its state, as its last handler left it: that which is there for good. */
  standing(settled: Annex): Annex;
  /** That entry is there, and the state that it will begin with is equal to it; or newer, and is to be stored first. */
  know(mark: StoredMark, isNewer?: boolean): void;
  /** It begins: what there is now is what is stored, unless it is newer. */
  begin(): void;
  /** The message was handled, and its state settled. @returns the error with which it has ended instead, if it is known yet */
  succeed(mail: Mail, value: unknown): ErrorData | undefined;
  /** The message ended badly. */
  fail(mail: Mail, error: ErrorData): void;
  /** A hook has ended, and its state is settled. */
  hookEnded(): void;
  /** Runs once what there is now is stored; never if the activation ends before. Not while a handler runs. */
  whenStored(run: () => void): void;
  /** Stores what has changed, if it is time. */
  commit(): void;
  /** The way to another actor, or to a group: its type and messages are given in the place of a contract. */
  channel(contract: Pick<Contract, "kind" | "messages">, name: string, channel: Channel): Channel;
  /** The activation has ended: what has not gone out never will. */
  drop(): void;
}

/** Everything at once: of actors that live in memory. */
export const DIRECT: OutputSink = Object.freeze<OutputSink>({
  isQuiet: true,
  refusal: undefined,
  hasRoom: () => true,
  mark: undefined,
  isNewer: false,
  standing: (settled) => settled,
  know: () => {},
  begin: () => {},
  succeed: (mail, value) => mail.succeed(value),
  fail: (mail, error) => mail.fail(error),
  hookEnded: () => {},
  whenStored: (run) => run(),
  commit: () => {},
  channel: (_contract, _name, channel) => channel,
  drop: () => {},
});
