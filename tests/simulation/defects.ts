/** Every rule that the simulation can switch off, and what it is. */
export const DEFECTS: Readonly<Record<string, string>> = {
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
