// Words, values and floods that have broken others: each has its stated answer, and the next honest message is handled.
import { afterEach, describe, expect, test } from "bun:test";
import { firstDifference } from "../../codec/difference.ts";
import { hostLedger, Ledger, type LedgerActor, ledger, steering } from "../support/ledger.ts";
import { startOwner } from "../support/ledger_cluster.ts";
import { MemoryCluster } from "../support/memory_cluster.ts";

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster?.close();
  expect(cluster?.thrown ?? []).toEqual([]);
});

const WORDS = [
  ...["constructor", "__proto__", "toString", "hasOwnProperty", "valueOf", "then", "_x", "#x", "prototype"],
  ...["steering", "state", "ref", "onActivate", "onDrain", "onDeactivate", "initialState", "nothing", ""],
];

describe("a message", () => {
  test.each(WORDS)('called "%s" is unknown, as any that was never declared', async (word) => {
    cluster = new MemoryCluster();
    const a = await startOwner(cluster, "a");
    const b = await cluster.start("b");
    for (const node of [a, b]) {
      const { error } = await cluster.outcome(node.call("ledger", "x", word, undefined));
      const { error: usual } = await cluster.outcome(node.call("ledger", "x", "neverDeclared", undefined));
      const words = usual?.message.replace('"neverDeclared"', `"${word}"`);
      expect([error?.code, error?.message]).toEqual(["unknown-message", words]);
    }
    expect(await cluster.ends(b.ref(Ledger, "x").add("one"))).toBe(1);
  });
});

const TRAVELLING: Readonly<Record<string, unknown>> = {
  zero: -0,
  nothing: Number.NaN,
  endless: Number.NEGATIVE_INFINITY,
  large: 2 ** 53 + 2,
  big: 2n ** 200n,
  none: undefined,
  date: new Date(1_700_000_000_123),
  map: new Map<unknown, unknown>([[{ a: 1 }, new Set([1n])]]),
  bytes: Uint8Array.of(0, 255),
  keys: JSON.parse('{"constructor":1,"then":2,"toString":3}'),
};

class Money {
  amount = 1;
}

function cycle(): unknown {
  const one: Record<string, unknown> = {};
  one.self = one;
  return one;
}

const REFUSED: Readonly<Record<string, () => unknown>> = {
  "an instance of a class": () => new Money(),
  "a cycle": cycle,
  "an invalid date": () => new Date(Number.NaN),
  "a function": () => () => 1,
  "a lone surrogate": () => "\ud800",
  "a key __proto__": () => JSON.parse('{"__proto__":1}'),
};

describe("a state", () => {
  test("is the same before and after a move, whatever of what may travel is in it", async () => {
    cluster = new MemoryCluster();
    const steered = steering({
      run: (actor: LedgerActor, put) => {
        if (put === true) actor.state.extra = TRAVELLING;
        return actor.state.extra;
      },
    });
    const a = await startOwner(cluster, "a", steered);
    const caller = await cluster.start("caller");
    const before = await cluster.ends(caller.ref(Ledger, "x").run(true));
    await cluster.start("b", { hosts: [hostLedger(steered)] });
    expect(await cluster.ends(a.leave())).toMatchObject({ leftOver: 0, recovered: 0 });
    const after = await cluster.ends(caller.ref(Ledger, "x").run(false));
    expect(firstDifference(after, before)).toBeUndefined();
    expect(Object.is((after as { zero: number }).zero, 0)).toBe(true); // the documented result of -0
  });

  test.each(Object.entries(REFUSED))(
    "with %s is refused when it is written, and the actor goes on",
    async (_what, make) => {
      cluster = new MemoryCluster();
      const steered = steering({ run: (actor: LedgerActor) => void (actor.state.extra = make()) });
      const a = await startOwner(cluster, "a", steered);
      await cluster.ends(a.ref(Ledger, "x").add("one"));
      expect((await cluster.outcome(a.ref(Ledger, "x").run(0))).error?.code).toBe("invalid-state");
      expect(await cluster.ends(a.ref(Ledger, "x").add("two"))).toBe(2);
    },
  );
});

describe("a flood", () => {
  test("of 30,000 messages to one actor: each is handled or refused as busy, and the node serves others", async () => {
    cluster = new MemoryCluster();
    const contract = ledger({ mailboxMax: 64 });
    const a = await cluster.start("a", { hosts: [hostLedger(steering(), contract)] });
    await cluster.settled("ledger", "a");
    const caller = await cluster.start("caller");
    const ends = { handled: 0, busy: 0, other: 0 };
    const calls = Array.from({ length: 30_000 }, () =>
      caller
        .ref(Ledger, "x")
        .add("w")
        .then(
          () => ends.handled++,
          ({ code, retryable }: { code: string; retryable: boolean }) =>
            code === "busy" && retryable ? ends.busy++ : ends.other++,
        ),
    );
    const other = a.ref(Ledger, "y").add("one");
    expect(await cluster.ends(other)).toBe(1);
    await cluster.ends(Promise.all(calls));
    expect(ends.handled + ends.busy).toBe(30_000);
    expect(ends.busy).toBeGreaterThan(0);
    expect((await cluster.ends(a.ref(Ledger, "x").read())).length).toBe(ends.handled);
  });

  test("of 5,000 new names: those above the bound are refused as busy, and known ones are served", async () => {
    cluster = new MemoryCluster();
    const a = await startOwner(cluster, "a", steering(), { settings: { activationsMax: 100 } });
    expect(await cluster.ends(a.ref(Ledger, "known").add("one"))).toBe(1);
    const codes = Array.from({ length: 5_000 }, (_, i) =>
      a
        .ref(Ledger, `n${i}`)
        .add("x")
        .then(
          () => "handled",
          ({ code }: { code: string }) => code,
        ),
    );
    const seen = await cluster.ends(Promise.all(codes));
    expect(seen.filter((code) => code === "handled").length).toBe(99);
    expect(seen.filter((code) => code === "busy").length).toBe(4_901);
    expect(a.inspect().counters.activations).toBe(100);
    expect(await cluster.ends(a.ref(Ledger, "known").add("two"))).toBe(2);
  });
});
