import { describe, expect, test } from "bun:test";
import { afterLoss, SenderState } from "../../../delivery/sending/sender_state.ts";
import { callOf, peerNamed } from "./links_support.ts";

const NOBODY = { acknowledged: () => {} };

/** A state under epoch 4 and floor 2 with these messages sent to "a". */
function stateWith(...types: readonly ("ask" | "tell")[]) {
  const state = new SenderState();
  state.learn(4, 2, false);
  const entries = types.map((type) => {
    const entry = state.open(callOf({ type, idempotent: true }).call);
    entry.sentTo(peerNamed("a"), 4, 0);
    return entry;
  });
  return { state, entries, standings: () => entries.map(({ standing }) => standing) };
}

describe("a sender's state", () => {
  test("gives consecutive numbers, and keeps from the lowest that is not acknowledged", () => {
    const { state, entries } = stateWith("tell", "ask", "tell");
    expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    state.acknowledged(4, 2, NOBODY);
    state.window.trim();
    expect([state.first, state.last]).toEqual([3, 3]);
    state.acknowledged(4, 3, NOBODY);
    state.window.trim();
    expect([state.first, state.last]).toEqual([4, 3]);
  });

  test("keeps an ask until it has ended, and a tell no longer than its place", () => {
    const { state, entries } = stateWith("tell", "ask");
    state.acknowledged(4, 2, NOBODY);
    state.window.trim();
    expect([...state.pending]).toEqual([entries[1] as never]);
    expect([state.at(1), state.at(2)]).toEqual([undefined, entries[1]]);
  });

  /** What is heard, and what becomes of the tell 1, the ask 2 and the tell 3. */
  const HEARD: readonly (readonly [string, (state: SenderState) => void, readonly string[]])[] = [
    ["acknowledged up to 2", (s) => s.acknowledged(4, 2, NOBODY), ["taken", "taken", "sent"]],
    ["acknowledged under the floor's epoch", (s) => s.acknowledged(2, 1, NOBODY), ["taken", "sent", "sent"]],
    ["acknowledged from below the floor", (s) => s.acknowledged(1, 3, NOBODY), ["sent", "sent", "sent"]],
    [
      "acknowledged beyond the last number",
      (s) => s.acknowledged(4, 99, NOBODY),
      ["taken", "taken", "taken"],
    ],
    ["acknowledged up to none", (s) => s.acknowledged(4, 0, NOBODY), ["sent", "sent", "sent"]],
    ["waits, tells and an ask", (s) => s.announced(4, [1, 2, 3]), ["announced", "sent", "announced"]],
    ["waits from below the floor", (s) => s.announced(1, [1]), ["sent", "sent", "sent"]],
    ["waits of what is not known", (s) => s.announced(4, [0, 7]), ["sent", "sent", "sent"]],
    [
      "waits, and then the acknowledgement",
      (s) => {
        s.announced(4, [3]);
        s.acknowledged(4, 3, NOBODY);
      },
      ["taken", "taken", "waiting"],
    ],
    [
      "waits behind the acknowledgement",
      (s) => {
        s.acknowledged(4, 1, NOBODY);
        s.announced(4, [1]);
      },
      ["taken", "sent", "sent"],
    ],
    ["not here", (s) => s.refuted(peerNamed("a"), 1, 1), ["sent", "sent", "sent"]],
  ];
  test.each(HEARD.map((row) => [...row] as const))("hears: %s", (_, hear, standings) => {
    const given = stateWith("tell", "ask", "tell");
    hear(given.state);
    expect(given.standings()).toEqual([...standings] as never);
  });

  test("tells each newly acknowledged one once", () => {
    const { state } = stateWith("tell", "ask", "tell");
    const told: number[] = [];
    const acknowledged = ({ seq }: { seq: number }) => void told.push(seq);
    expect(state.acknowledged(4, 2, { acknowledged })).toBe(2);
    expect(state.acknowledged(4, 3, { acknowledged })).toBe(1);
    expect(told).toEqual([1, 2, 3]);
  });

  test("takes an end for what has that number, unless it comes from below the floor", () => {
    const { state, entries } = stateWith("tell", "ask");
    expect(state.endOf(4, 2)).toBe(entries[1]);
    expect(state.endOf(2, 1)).toBe(entries[0]); // an owner from before the last planned moves
    expect(state.endOf(1, 2)).toBe(undefined);
    expect(state.endOf(4, 3)).toBe(undefined);
  });

  test("sends again what an owner of the present epoch misses, and has been sent", () => {
    const { state, entries } = stateWith("tell", "ask", "tell");
    expect(state.missing(4, 2, 99)).toEqual(entries.slice(1));
    expect([state.missing(3, 1, 3), state.missing(5, 1, 3)]).toEqual([[], []]);
    state.window.rewind();
    expect(state.missing(4, 1, 3)).toEqual([]); // it is on its way anyhow
  });

  test("never goes back to a lower epoch or floor", () => {
    const { state } = stateWith();
    state.learn(3, 1, false);
    expect([state.epoch, state.floor]).toEqual([4, 2]);
    state.learn(6, 6, false);
    expect([state.epoch, state.floor]).toEqual([6, 6]);
  });

  test.each([
    ["goes on under its epoch", 4, false, 0],
    ["has the next epoch", 5, false, 1],
    ["is parked under its epoch", 4, true, 1],
  ] as const)(
    "lets the sender of an ended call go once the shard %s: %s, %s",
    (_, epoch, isParked, settled) => {
      const state = new SenderState();
      state.learn(4, 2, false);
      const { call, heard } = callOf();
      state.open(call).sentTo(peerNamed("a"), 4, 0);
      call.endBadly(new Error("late"));
      state.learn(epoch, 2, isParked);
      expect(heard.settled).toBe(settled);
    },
  );

  test("leaves a place that goes on as nothing, without room in the window, until it is acknowledged", () => {
    const { state, entries } = stateWith("tell", "tell");
    const [first, second] = entries as [(typeof entries)[0], (typeof entries)[0]];
    const before = state.window.sentBytes;
    state.leave(first as never);
    expect([first.standing, state.window.sentBytes]).toEqual(["void", before - second.weight]);
    expect([...state.sent()]).toEqual([second as never]);
    expect([state.first, first.isSkip]).toEqual([1, true]);
    state.acknowledged(4, 2, NOBODY);
    state.window.trim();
    expect([first.standing, state.window.size, state.window.sentBytes]).toEqual(["gone", 0, 0]);
  });
});

describe("after the loss of an owner, a message", () => {
  const open = { maybeAdmitted: true, idempotent: true, losses: 0 };
  test.each([
    ["that nobody can have admitted stays", { ...open, maybeAdmitted: false }, 3, "stays"],
    ["that went to the new owner only stays", open, 5, "stays"],
    ["that is not idempotent has an unknown outcome", { ...open, idempotent: false }, 3, "unknown"],
    ["that is idempotent is sent anew", open, 3, "anew"],
    ["that has lost its last owner but one is sent anew", { ...open, losses: 1 }, 3, "anew"],
    ["that has lost so many owners is set aside", { ...open, losses: 2 }, 3, "set-aside"],
  ] as const)("%s", (_, call, oldestEpoch, fate) => {
    expect(afterLoss(call, oldestEpoch, 5, 3)).toBe(fate);
  });
});
