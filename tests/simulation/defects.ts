/**
 * The rules of the protocol that can be switched off, each by a name, and where the simulation finds that out.
 *
 * A rule that nothing finds missing is either no rule or a hole in the simulation. `UNSEEN` has what is left: a check that
 * stands behind another one.
 */
import type { Profile } from "./world/profiles.ts";

/** A rule, and what the cluster does without it. */
export interface Defect {
  /** The rule that is off. */
  readonly rule: string;
  /** What is done instead. */
  readonly words: string;
  /** Under which it is looked for. */
  readonly profile: Profile;
  /** The first seed, from 1 on, that found it when it was last looked for: where to look first. */
  readonly seed: number;
}

type Row = readonly [name: string, profile: Profile, seed: number, words: string];

/** Rules, each with the defects that break it. */
const TABLE: readonly (readonly [rule: string, ...rows: Row[]])[] = [
  [
    "only a compare-and-set that was won makes an owner",
    ["claim-by-view", "crash", 53, "a node that lost the claim of a shard serves it all the same"],
    ["resume-before-commit", "planned", 1, "the target serves the shard before its commit has won"],
    ["reclaim-by-read", "aimed", 35, "the source takes the shard back because nobody seems to have it"],
  ],
  [
    "an unknown outcome is settled by the record",
    ["conflict-is-lost", "planned", 4, "a change counts as lost when its repetition conflicts with itself"],
    ["silence-is-success", "planned", 2, "a change without an answer counts as made"],
    ["silence-is-failure", "planned", 4, "a change without an answer counts as not made"],
  ],
  [
    "the floor tells a handover from a crash",
    ["floor-not-raised", "crash", 1, "a claim after a crash looks like a handover"],
    ["floor-raised-by-move", "planned", 1, "a handover looks like a crash"],
  ],
  [
    "links belong to one incarnation of a node",
    [
      "links-by-name",
      "crash",
      37,
      "a restarted node's messages are counted on from those of its former life",
    ],
  ],
  [
    "a node has effects only while its gate is open",
    ["closed-gate-starts", "freeze", 1, "handlers start although the gate is closed"],
    ["gate-by-lease-only", "half", 8, "the gate stays open although nothing comes back any more"],
    ["gate-forgives", "half", 39, "after a disturbance a renewal from before it opens the gate"],
    ["suspension-unseen", "freeze", 5, "a machine that slept does not notice"],
    ["gate-counts-from-ack", "verge", 5, "a renewal counts from its acknowledgement"],
    ["closed-gate-speaks", "verge", 58, "what a closed gate holds back gets out"],
  ],
  [
    "each activation has a gate of its own",
    ["ended-speaks", "aimed", 1, "an old handler speaks after its actor was sealed or given up"],
  ],
  [
    "nothing is published raw",
    ["raw-publish", "planned", 1, "what was sent once counts as acknowledged"],
    ["gaps-skipped", "planned", 1, "an owner does not ask for what is missing before a message"],
    [
      "starts-at-one",
      "crash",
      3,
      "an owner without an entry waits for the first message, not the lowest kept",
    ],
  ],
  [
    "a refusal is final",
    ["busy-not-final", "planned", 1, "a copy of a refused message is admitted"],
    ["busy-not-kept", "planned", 8, "the refusal of a tell is not kept until its sender has it"],
  ],
  [
    "a tell that waits for room is not admitted yet",
    ["waiting-not-told", "planned", 2, "the acknowledgement of a tell that waits counts as its admission"],
    [
      "waiting-left-at-seal",
      "planned",
      2,
      "what waits for room when its shard is sealed goes on waiting here",
    ],
  ],
  [
    "the link table and the replies move along",
    ["no-link-table", "planned", 14, "what was admitted from each sender does not move along"],
    ["no-replies", "planned", 28, "replies that nobody has confirmed do not move along"],
  ],
  [
    "after a crash only what nobody can have admitted is sent again",
    ["all-sent-again", "crash", 2, "whatever is not acknowledged is sent again"],
  ],
  [
    "only what is idle is sealed",
    ["seal-running", "planned", 1, "an actor is sealed although its handler or hook runs"],
    ["idle-with-sent", "planned", 2, "an actor counts as idle although something it sent is still under way"],
  ],
  [
    "the seal is one step, and takes everything",
    ["seal-in-two-steps", "planned", 2, "the link table is taken at the begin of the drain"],
    ["admit-after-seal", "planned", 2, "a sealed shard goes on admitting messages"],
    ["sleepers-left-behind", "planned", 1, "actors that sleep are not sealed"],
    ["release-before-commit", "planned", 3, "the source ends its actors when they are sealed"],
  ],
  [
    "an actor goes on with its backlog, then with its links",
    ["held-before-backlog", "planned", 7, "messages that waited for the new owner come before the backlog"],
  ],
  [
    "what cannot be read is never started fresh",
    ["fresh-when-unreadable", "planned", 7, "an actor whose state cannot be read begins from nothing"],
  ],
  [
    "only the two ends of a move write its record until one of them is fenced",
    ["moves-redirected", "planned", 1, "a third node that should own the shard writes the record of a move"],
    ["third-node-claims", "aimed", 14, "a third node claims from a dead source, while the target lives"],
  ],
  [
    "a record that is missing gives its shard to nobody",
    ["missing-is-moved", "forgotten-moving", 1, "the source takes a missing record for the target's commit"],
    [
      "marks-unread",
      "forgotten-moving",
      328,
      "one who comes after a removal takes the shard for one that nobody has had",
    ],
  ],
  [
    "what does not go on is found again",
    ["dead-target-awaited", "aimed", 1, "the source waits for its target without end"],
    ["looked-at-once", "aimed", 26, "a shard that could not be claimed is not looked at again"],
  ],
  [
    "to park is a move whose target is the bucket",
    ["parked-before-written", "aimed", 11, "the record says parked before the state is written"],
  ],
  [
    "late actors stand in the record, and their state is waited for",
    ["late-in-memory", "planned", 1, "late actors are known to the target only"],
    ["late-list-of-one-move", "planned", 2, "a further move forgets who was late before it"],
    ["claim-forgets-late", "aimed", 1, "a claim forgets who is late on a node that lives"],
    ["late-dropped-early", "planned", 1, "a late node drops its copy when it has sent it"],
    [
      "late-for-one-move",
      "planned",
      2,
      "a late actor is delivered to the owner after its move, not to that of now",
    ],
    ["late-unlisted", "planned", 2, "a late actor's state counts although the record does not list it"],
    ["late-mail-reversed", "planned", 2, "the mail that waited for a late actor loses its order"],
    ["blank-copy", "planned", 2, "a message to an awaited actor starts it from nothing"],
  ],
  [
    "another generation of the records ends all incarnations",
    ["older-copy-ignored", "restored", 2, "a node trusts a store that has forgotten what it acknowledged"],
    ["generation-unread", "restored", 138, "a node is told of another generation by the watch alone"],
    ["generation-ignored", "wiped", 12, "a node goes on in records that are not those in which it began"],
  ],
  [
    "death is a compare-and-set",
    [
      "death-without-cas",
      "crash",
      1,
      "a node whose lease has run out counts as dead before its record says so",
    ],
    ["absence-is-death", "half", 4, "a node without a record counts as dead"],
  ],
  [
    "a name belongs to who has it until he is known to be over",
    ["predecessor-ignored", "names", 1, "a process takes a name from one who lives, or may wake up"],
  ],
  [
    "who could not renew himself judges nobody",
    ["fence-after-outage", "records", 7, "one who could not renew himself judges the silence of others"],
  ],
  [
    "a stored actor's state is stored before anything tells of it",
    ["reply-before-commit", "stored", 1, "a stored actor answers before its state is stored"],
    ["tells-before-commit", "stored", 1, "a stored actor's tells go out before its state is stored"],
    ["chunks-after-head", "stored", 41, "the head of a long entry is written before its chunks"],
  ],
  [
    "what is stored is fenced by its epoch",
    ["stored-epoch-ignored", "wiped-stored", 3, "an owner does not exceed the epoch that it finds stored"],
    ["conflict-ignored", "wiped-stored", 109, "who meets another's entry goes on as if it were his own"],
    ["commit-not-by-cas", "stored", 2, "a commit overwrites whatever is there"],
    ["refusal-ends-doubt", "refused", 8, "a commit counts as not applied when its repetition is refused"],
    [
      "no-epoch-write",
      "aimed-stored",
      3,
      "an owner after a crash answers from what is stored, and does not fence the owner before it",
    ],
  ],
  [
    "a deadline travels as time left",
    [
      "deadline-by-wall-clock",
      "clocks",
      1,
      "a message carries the time of its caller's wall clock at which it expires",
    ],
  ],
  [
    "what is slow holds up only itself",
    ["drain-waits-for-all", "slow", 1, "a move waits for every running handler, and nobody is late"],
    ["barrier-of-all-nodes", "slow", 3, "a move commits when every node has given a sign of life"],
    ["full-mailbox-waits", "slow", 1, "a message for a full mailbox is not refused, and holds up its link"],
  ],
  [
    "a message that may have ended its owners is not tried for ever",
    [
      "poison-unseen",
      "poison",
      2,
      "a message is repeated at each next owner, however many have been lost by it",
    ],
  ],
  [
    "that NATS knows no connection is weak evidence",
    ["fence-on-one-503", "cut", 4, "one refusal suffices"],
    ["fence-without-confirmation", "half", 63, "the others are not asked"],
    [
      "gone-forgotten",
      "unwitnessed",
      16,
      "what one who has just left may have answered keeps nobody from being given up",
    ],
    [
      "alone-by-echo",
      "unwitnessed",
      11,
      "the echo of a node that knows no other keeps its gate open, although somebody may have come and not found it",
    ],
    [
      "confirmed-by-one-503",
      "doubted",
      8,
      "one whom a node has just answered, so that its gate may be open, is given up by that node all the same",
    ],
  ],
];

export const DEFECTS: Readonly<Record<string, Defect>> = Object.fromEntries(
  TABLE.flatMap(([rule, ...rows]) =>
    rows.map(([name, profile, seed, words]) => [name, { rule, profile, seed, words }] as const),
  ),
);

/** Rules that have a switch and whose absence no promise shows, each with the proof. */
export const UNSEEN: Readonly<Record<string, string>> = {
  // An owner admits a message only under the epoch under which it was sent, and answers under that one or a later one.
  // So an answer from below the floor is to a call that was sent from below it. In the step in which the floor rises
  // each of those ends, or goes on under a number that no owner below knows, and who was an owner below is forgotten.
  "replies-below-floor":
    "in the step in which the floor rises, every call that an owner below it may have admitted ends, or is given another number: no call waits for its answer any more",
  // The record of a served shard names another in three ways. Its owner is over: then all of that node has ended. Its owner
  // moves it: then the move ends its own service. Or it was removed: then all others leave the owner a lease and a renewal,
  // and every watch that the simulation has is late by less than that, so an owner that lives has made it anew. A hand
  // that writes such a record is left, and tests/cluster/alive.test.ts has that.
  "stale-epoch-serves":
    "a record gives a served shard to another only by its owner's own move, after its death, or a lease and a renewal after a removal of which the owner has heard by then; tests/cluster/alive.test.ts writes such a record by hand",
  "lapsed-vouches":
    "two nodes lose the records one after the other, by more than the lease is longer than the gate is open, and reach each other and nobody else: not once in hundreds of seeds; tests/cluster/alive.test.ts has that case",
};
