/** Every rule that the simulation can switch off, and what it is. */
import type { Profile } from "./profiles.ts";

const PLANNED: Readonly<Record<string, string>> = {
  "seal-running": "an actor is sealed although its handler or hook runs",
  "idle-with-sent": "an actor counts as idle although something it sent is not acknowledged or answered",
  "admit-after-seal": "a sealed shard goes on admitting messages",
  "release-before-commit":
    "the source ends its actors when they are sealed, not when the target has committed",
  "resume-before-commit": "the target serves the shard before its commit has won",
  "reclaim-by-read":
    "the source takes the shard back because nobody seems to have it, without a change of the record",
  "conflict-is-lost": "a change whose answer was lost counts as lost when its repetition conflicts",
  "moves-redirected": "a third node that should own a shard by its view writes the record of a move",
  "no-link-table": "what was admitted from each sender does not move along",
  "no-replies": "replies that nobody has confirmed do not move along",
  "busy-not-final": "a message that was refused as busy is admitted when a copy of it comes",
  "late-in-memory": "late actors are known to the target only, not to the record",
  "late-list-of-one-move": "a further move forgets who was late before it",
  "late-dropped-early":
    "a late node drops its copy when it has sent it, not when the record shows its arrival",
  "late-mail-reversed": "the mail that waited for a late actor loses its order",
  "fresh-when-unreadable": "an actor whose state cannot be read begins from nothing",
};

/** With what goes wrong when they show. */
const TROUBLED: Readonly<Record<string, readonly [Profile, string]>> = {
  "floor-not-raised": ["crash", "a claim after a crash looks like a handover"],
  "all-sent-again": ["crash", "after a crash whatever is not acknowledged is sent again"],
  "starts-at-one": [
    "crash",
    "an owner without a link's entry waits for its first message, not for the lowest kept",
  ],
  "death-without-cas": ["crash", "a node whose lease has run out counts as dead before its record says so"],
  "absence-is-death": ["records", "a node without a record counts as dead"],
  "fence-after-outage": ["records", "one who could not renew himself judges the silence of others"],
  "fence-on-one-503": ["cut", "a node is declared dead when NATS once knows no connection of it"],
  "reply-before-commit": ["stored", "a stored actor answers before its state is stored"],
  "tells-before-commit": ["stored", "a stored actor's tells go out before its state is stored"],
  "chunks-after-head": ["stored", "the head of a long entry is written before its chunks"],
  "suspension-unseen": ["freeze", "a machine that slept does not notice"],
};

/** What a defect is, and under which profile it is looked for. */
export interface Defect {
  readonly profile: Profile;
  readonly words: string;
}

export const DEFECTS: Readonly<Record<string, Defect>> = Object.fromEntries([
  ...Object.entries(PLANNED).map(([name, words]) => [name, { profile: "planned", words }] as const),
  ...Object.entries(TROUBLED).map(([name, [profile, words]]) => [name, { profile, words }] as const),
]);
