import { describe, expect, test } from "bun:test";
import {
  type Standing,
  type StandingEvent,
  step,
  WindowEntry,
} from "../../../delivery/sending/window_entry.ts";
import { callOf, mortalPeer, peerNamed } from "./links_support.ts";

const STANDINGS: readonly Standing[] = ["sent", "announced", "taken", "waiting", "void", "gone"];
const EVENTS: readonly StandingEvent[] = ["acknowledged", "waits", "left"];

/** Every legal row: standing, event, next standing. */
const ROWS: readonly (readonly [Standing, StandingEvent, Standing])[] = [
  ["sent", "acknowledged", "taken"],
  ["sent", "waits", "announced"],
  ["sent", "left", "void"],
  ["announced", "acknowledged", "waiting"],
  ["announced", "left", "void"],
  ["taken", "left", "void"],
  ["waiting", "left", "void"],
  ["void", "acknowledged", "gone"],
];

/** What is true of an entry of an open call, by its standing. */
const FACTS: Readonly<Record<Standing, string>> = {
  sent: "",
  announced: "",
  taken: "acknowledged taken skip",
  waiting: "acknowledged taken skip waits-for-room",
  void: "void skip",
  gone: "void acknowledged skip",
};

function factsOf(entry: WindowEntry): string[] {
  return [
    ...(entry.isVoid ? ["void"] : []),
    ...(entry.isAcknowledged ? ["acknowledged"] : []),
    ...(entry.isTaken ? ["taken"] : []),
    ...(entry.isSkip ? ["skip"] : []),
    ...(entry.waitsForRoom ? ["waits-for-room"] : []),
  ];
}

function entryOf(given: Parameters<typeof callOf>[0] = {}) {
  const { call, heard } = callOf(given);
  const entry = new WindowEntry(call, 1);
  call.place = entry;
  return { call, heard, entry };
}

/** An entry of a tell that has come to that standing by legal moves. */
function entryAt(standing: Standing) {
  const made = entryOf({ type: "tell", idempotent: true });
  const { entry } = made;
  if (standing === "announced" || standing === "waiting") entry.announce();
  if (standing === "taken" || standing === "waiting") entry.acknowledge();
  if (standing === "void" || standing === "gone") entry.leave();
  if (standing === "gone") entry.acknowledge();
  return made;
}

describe("a window entry", () => {
  test("follows the table, and any other pair changes nothing", () => {
    for (const standing of STANDINGS)
      for (const event of EVENTS) {
        const row = ROWS.find(([from, by]) => from === standing && by === event);
        expect([standing, event, step(standing, event)]).toEqual([standing, event, row?.[2] ?? standing]);
      }
  });

  test.each(STANDINGS.map((standing) => [standing]))("that is %s says what is true of it", (standing) => {
    const { entry } = entryAt(standing);
    expect(entry.standing).toBe(standing);
    expect(factsOf(entry).sort()).toEqual(FACTS[standing].split(" ").filter(Boolean).sort());
  });

  test("tells whether an acknowledgement is news", () => {
    const { entry } = entryOf();
    expect([entry.acknowledge(), entry.acknowledge()]).toEqual([true, false]);
  });

  test("of an ask never waits for room", () => {
    const { entry } = entryOf({ type: "ask" });
    entry.announce();
    expect(entry.standing).toBe("sent");
  });

  test("may have been admitted as long as a copy has not been refuted, by whom it was sent to", () => {
    const { entry } = entryOf();
    const [a, b] = [peerNamed("a"), peerNamed("b")];
    expect([entry.maybeAdmitted, entry.oldestEpoch]).toEqual([false, Infinity]);
    entry.sentTo(a, 3, 10);
    entry.sentTo(b, 4, 20);
    expect([entry.copies, entry.sentAt, entry.oldestEpoch, entry.maybeAdmitted]).toEqual([2, 20, 3, true]);
    entry.refute(b, 1); // that one went to another
    entry.refute(a, 1);
    expect([entry.maybeAdmitted, entry.oldestEpoch]).toEqual([true, 3]);
    entry.refute(b, 2);
    expect([entry.maybeAdmitted, entry.oldestEpoch]).toEqual([false, Infinity]);
  });

  test("may have been admitted once it is taken, whatever is said of copies", () => {
    const { entry } = entryOf();
    entry.sentTo(peerNamed("a"), 3, 10);
    entry.acknowledge();
    entry.refute(peerNamed("a"), 1);
    expect([entry.maybeAdmitted, entry.oldestEpoch]).toEqual([true, 3]);
  });

  test("does not concern its call any more when it is void, and forgets its copies", () => {
    const { call, entry } = entryOf({ idempotent: true });
    entry.sentTo(peerNamed("a"), 3, 10);
    call.lost();
    expect([entry.standing, entry.copies, call.losses]).toEqual(["void", 0, 1]);
    expect(call.maybeAdmitted).toBe(true); // the lost owner may have
  });
});

describe("the sender of a call that has ended", () => {
  interface Ended {
    readonly heard: { readonly settled: number };
    readonly entry: WindowEntry;
    readonly mortal: ReturnType<typeof mortalPeer>;
  }
  function ended(): Ended {
    const { call, heard, entry } = entryOf();
    const mortal = mortalPeer("a");
    entry.sentTo(mortal.peer, 3, 10);
    call.endBadly(new Error("its time is over"));
    return { heard, entry, mortal };
  }

  test("is not done with it while a copy may still arrive", () => {
    const { heard, entry } = ended();
    entry.recheck();
    entry.closedBelow(3); // the epoch under which it was sent goes on
    expect(heard.settled).toBe(0);
  });

  test.each<readonly [string, (given: Ended) => void]>([
    [
      "it is acknowledged",
      ({ entry }: Ended) => {
        entry.acknowledge();
      },
    ],
    [
      "its copy is refuted",
      ({ entry, mortal }: Ended) => {
        entry.refute(mortal.peer, 1);
      },
    ],
    [
      "the shard has gone on",
      ({ entry }: Ended) => {
        entry.closedBelow(4);
      },
    ],
    [
      "the peer's life has ended",
      ({ entry, mortal }: Ended) => {
        mortal.end();
        entry.recheck();
      },
    ],
  ])("is done with it once %s, and once only", (_, happen) => {
    const given = ended();
    happen(given);
    happen(given);
    expect(given.heard.settled).toBe(1);
  });
});
