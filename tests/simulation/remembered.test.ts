import { describe, expect, test } from "bun:test";
import type { Profile } from "./world/profiles.ts";
import { simulate } from "./simulate.ts";

const TIMEOUT_MS = 60_000;

/** Seeds that found something once, with what it was. */
const REMEMBERED: readonly (readonly [Profile, number, string])[] = [
  ["crash", 59, "the timers of a lost memory went on in the next"],
  ["cut", 43, "the same, by a cut"],
  ["cut", 27, "a leaving heir did not claim, and nobody else might"],
  ["freeze", 22, "a machine that had slept started handlers before it looked at its clocks"],
  ["freeze", 16, "the same, with timers set by those handlers"],
  ["freeze", 92, "the same within a millisecond of a look from before the sleep"],
  ["joins", 58, "a simulated node that was killed between two attempts to join made a third"],
  ["joins", 129, "a fenced node refused asks that had moved on without its knowing"],
  ["slow", 30, "a late actor waited for a question that it had given up, at a node that was frozen"],
  [
    "aimed-stored",
    201657,
    "an idempotent message was called unhandled, of which a lost owner had had a copy",
  ],
  [
    "half",
    203301,
    "a node was declared dead, by all who had just lost it, while answers of before kept its gate open",
  ],
  ["aimed", 203497, "a leaving heir, which alone might claim, was kept from it as from other claims"],
  [
    "names",
    204073,
    "a node that had left told that it was fenced, for its name was taken before its last answer came",
  ],
  ["names", 200308, "an interval that a late handler had set had two beats after a reclaim"],
  ["cut", 138, "a caller doubted because of a loss that a cut had hidden from it until just before"],
  ["slow", 200574, "messages waited for a shard that nobody had had yet, and whose node was frozen"],
  ["slow", 201684, "the same, while the only other node left"],
  [
    "slow",
    300161,
    "messages waited for a shard whose owner was dead, and who should have claimed it was frozen",
  ],
  ["slow", 300399, "the same, with one who was frozen as the death was written"],
  [
    "half",
    201846,
    "a node was declared dead when it was gone for a moment only, and for one of the others for longer",
  ],
  ["doubted", 10, "a node that knew no other was declared dead while its own echo kept its gate open"],
  ["doubted", 59, "a node was declared dead while the answer of one who had just left kept its gate open"],
  [
    "forgotten",
    14,
    "an actor that was loading for a superseded shard raised its successor on the same node, again and again",
  ],
  [
    "restored",
    311,
    "records went back between two lives of a name, which then had the same count: the shard of the first was nobody's to claim",
  ],
  ["missed", 40, "a watch missed who owned a shard, and callers waited for its former owner"],
  [
    "missed",
    734,
    "a watch missed who owned a shard, and a late actor was offered to its former owner for ever",
  ],
  [
    "missed",
    10590,
    "a watch missed that a parked shard was restored, whose owner then died, and its heir looked for the chunks for ever",
  ],
  [
    "verge",
    10959,
    "a node was declared dead before it knew that it had joined, and listened, for its store was slow",
  ],
  ["verge", 18415, "an actor that worked off the mail it had taken was called silent"],
  ["unwitnessed", 372, "a witness without the records, whose gate is closed, was taken for one that answers"],
  [
    "forgotten-moving",
    328,
    "one who came after a record was removed took its shard for one that nobody had had, while its owner was cut off",
  ],
  [
    "forgotten",
    11027,
    "an answer came late from before only mail was lost, and was taken for one from a lost time",
  ],
  [
    "watched",
    152,
    "an actor that arrived late was told of an end before it was in its place, and began twice at one node",
  ],
  ["verge", 5647, "an ask that was held for a gap before it did not grow older meanwhile"],
  ["joins", 10692, "the same, at an owner that had lost its connection"],
];

describe("simulate()", () => {
  test.each(
    REMEMBERED.map(([profile, seed, words]) => [`${profile} ${seed}`, words, profile, seed] as const),
  )(
    "keeps every promise in %s, where once: %s",
    async (_seed, _words, profile, seed) => {
      expect((await simulate({ seed, profile })).violations).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
