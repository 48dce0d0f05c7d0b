import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { z } from "zod";
import { Actor, defineActor, host } from "../../mod.ts";
import { StateCell } from "../../actors/state/state_cell.ts";
import { createCodec } from "../../codec/codec.ts";
import { toErrorData } from "../../errors.ts";

interface Item {
  id: number;
  tags: string[];
  note?: unknown;
}
interface State {
  items: Item[];
  counts: Record<string, number>;
  when: Date;
  bytes: Uint8Array;
  prices: Map<string, { cents: number }>;
  seen: Set<string>;
  last: string | null;
}

const schema = z.strictObject({
  items: z
    .array(z.object({ id: z.int(), tags: z.array(z.string().max(3)), note: z.string().optional() }))
    .max(4),
  counts: z.record(z.string(), z.number()),
  when: z.date(),
  bytes: z.instanceof(Uint8Array),
  prices: z.map(z.string(), z.object({ cents: z.int() })),
  seen: z.set(z.string()),
  last: z.string().nullable(),
});

function initialState(): State {
  return {
    items: [{ id: 1, tags: ["a"] }],
    counts: { tea: 1 },
    when: new Date(1_000),
    bytes: new Uint8Array([1, 2]),
    prices: new Map([["tea", { cents: 3 }]]),
    seen: new Set(["a"]),
    last: null,
  };
}

/** What a handler may do to its state, sometimes what it must not. `held` is a part that a class has kept hold of. */
type Change = (state: State, held: Item | undefined) => unknown;

const CHANGES: Readonly<Record<string, Change>> = {
  nothing: () => {},
  "a text": (state) => (state.last = "b"),
  "a text that is none": (state) => (state.last = 7 as never),
  "an item more": ({ items }) => items.push({ id: items.length, tags: [] }),
  "an item less": ({ items }) => items.pop(),
  "an item of another form": ({ items }) => items.push({ ids: 1 } as never),
  "an item with a key too many": ({ items }) => items.push({ id: 1, tags: [], more: 1 } as never),
  "an item with its keys in another order": ({ items }) => items.push({ tags: ["x"], id: 1 }),
  "a tag": ({ items }) => items[0]?.tags.push("b"),
  "a tag that is too long": ({ items }) => items[0]?.tags.push("long"),
  "a hole": ({ items }) => (items.length = 4),
  "a part that was held": (_, held) => held?.tags.push("h"),
  "a part that was held, badly": (_, held) => held && (held.id = 0.5),
  "a note": ({ items }) => items[0] && (items[0].note = "n"),
  "a note that is undefined": ({ items }) => items[0] && (items[0].note = undefined),
  "no note": ({ items }) => delete items[0]?.note,
  "a hidden note": ({ items }) =>
    items[0] && Object.defineProperty(items[0], "note", { value: "n", enumerable: false }),
  "a note that is read": ({ items }) =>
    items[0] &&
    Object.defineProperty(items[0], "note", { get: () => "n", enumerable: true, configurable: true }),
  "a count": ({ counts }) => (counts.tea = (counts.tea ?? 0) + 1),
  "a count that is no number": ({ counts }) => (counts.tea = Number.NaN),
  "another count": ({ counts }) => (counts.milk = -0),
  "a count less": ({ counts }) => delete counts.tea,
  "a count under a symbol": ({ counts }) => Object.assign(counts, { [Symbol.iterator]: 1 }),
  "a count under a lone surrogate": ({ counts }) => (counts["\uD800"] = 1),
  "a count of a toString": ({ counts }) => Object.assign(counts, { toString: 1 }),
  "a date in place": ({ when }) => when.setTime(when.getTime() + 1),
  "a date that is none": ({ when }) => when.setTime(Number.NaN),
  "a byte in place": ({ bytes }) => (bytes[0] = (bytes[0] ?? 0) + 1),
  "other bytes": (state) => (state.bytes = Uint8Array.from([7])),
  "a price in place": ({ prices }) => (prices.get("tea") as { cents: number }).cents++,
  "a price that is none": ({ prices }) => ((prices.get("tea") as { cents: number }).cents = 0.5),
  "another price": ({ prices }) => prices.set("milk", { cents: 1 }),
  "one seen": ({ seen }) => seen.add(`s${seen.size}`),
  "none seen": ({ seen }) => seen.clear(),
  "a function": (state) => Object.assign(state, { last: () => 1 }),
  "a cycle": (state) => Object.assign(state.counts, { state }),
};

/** A cell of the schema, or of one that means the same and that only its library understands. */
function cell(byLibrary: boolean, stored: boolean): StateCell {
  const codec = createCodec();
  const state = byLibrary ? schema.refine(() => true) : schema;
  const contract = defineActor("thing", { state, stateVersion: 1, messages: {} });
  class Thing extends Actor<typeof contract> {
    static initialState = initialState as () => never;
  }
  const made = new StateCell(
    host(contract, Thing).register(undefined),
    "a",
    undefined,
    stored ? { codec, bytesMax: 1_000 } : undefined,
  );
  made.begin();
  return made;
}

/** What can be seen of a cell after a handler that does that. */
function handled(of: StateCell, change: Change, held: Item | undefined): unknown {
  let end: unknown = "fits";
  change(of.get() as State, held);
  try {
    of.settle();
  } catch (error) {
    const { code, path, message } = toErrorData(error);
    end = { code, path, message };
  }
  return { end, bytes: of.snapshot(createCodec())?.bytes, settled: of.settled?.bytes };
}

const changes = fc.array(fc.constantFrom(...Object.keys(CHANGES)), { minLength: 1, maxLength: 25 });

describe("StateCell", () => {
  test.each([
    ["in memory", false],
    ["stored", true],
  ] as const)(
    "of an actor %s sees, keeps and undoes by a pattern what it does by the library",
    (_, stored) => {
      fc.assert(
        fc.property(changes, (names) => {
          const [quick, long] = [cell(false, stored), cell(true, stored)];
          const held = [quick, long].map((each) => (each.get() as State).items[0]);
          for (const name of names) {
            const change = CHANGES[name] as Change;
            const [ours, theirs] = [handled(quick, change, held[0]), handled(long, change, held[1])];
            expect(ours).toEqual(theirs);
            quick.undo();
            long.undo();
            expect(quick.get()).toEqual(long.get());
            held.splice(0, 2, ...[quick, long].map((each) => (each.get() as State).items[0]));
          }
        }),
        { numRuns: 400 },
      );
    },
  );

  test("stores nothing anew that a handler only read", () => {
    const stored = cell(false, true);
    const before = stored.settled;
    stored.get();
    stored.settle();
    expect(stored.settled).toBe(before);
  });
});
