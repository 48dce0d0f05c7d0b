// What an actor keeps about the messages it has handled, so that a judge can tell later what its state is made of.
import { z } from "zod";
import { type Fold, fold, type Handled } from "../../testing/history.ts";

const whole = z.number().int();

/** What has come from one sender: first and last number, and those between that have not come. */
const Received = z.strictObject({ last: whole, missing: z.array(whole) });

export const Page = z.strictObject({
  /** An id that is new whenever the actor begins from nothing. */
  birth: z.string(),
  count: whole,
  digest: whole,
  senders: z.record(z.string(), Received),
  /** Numbers of what it has sent itself, by receiver. */
  sent: z.record(z.string(), whole),
});
export type Page = z.infer<typeof Page>;

/** An effect, as the actor tells it: `before` is the fold of everything that this birth had handled until then. */
export type Effect = Omit<Handled, "at"> & { readonly birth: string };

export const EffectSchema = z.strictObject({
  ...{ actor: z.string(), sender: z.string(), n: whole, epoch: whole, node: z.string(), birth: z.string() },
  before: z.strictObject({ count: whole, digest: whole }),
});

const MISSING_MAX = 64;

/** Of an actor that begins. */
export function emptyPage(birth: string): Page {
  return { birth, count: 0, digest: 0, senders: {}, sent: {} };
}

export function foldOf({ count, digest }: Page): Fold {
  return { count, digest };
}

/** What the state is after an effect. */
export function after({ before, sender, n }: Effect): Fold {
  return fold(before, sender, n);
}

/** Takes a message in. @returns what is wrong with its number, if anything */
export function enter(page: Page, sender: string, n: number): string | undefined {
  const next = fold(foldOf(page), sender, n);
  page.count = next.count;
  page.digest = next.digest;
  const received = page.senders[sender];
  if (received === undefined) {
    page.senders[sender] = { last: n, missing: [] };
    return undefined;
  }
  if (n > received.last) {
    for (let missing = received.last + 1; missing < n; missing++) received.missing.push(missing);
    received.missing.splice(0, received.missing.length - MISSING_MAX);
    received.last = n;
    return undefined;
  }
  const at = received.missing.indexOf(n);
  if (at < 0) return `handled ${n} of ${sender} a second time, after ${received.last}`;
  received.missing.splice(at, 1);
  return `handled ${n} of ${sender} after ${received.last}`;
}

/** The number of the next message that the actor itself sends to another. */
export function nextNumber(page: Page, to: string): number {
  const n = (page.sent[to] ?? 0) + 1;
  page.sent[to] = n;
  return n;
}
