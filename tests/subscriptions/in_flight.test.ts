// Which messages of a stream may begin: rule by rule, and against a server that several read by.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Held, InFlight } from "../../subscriptions/in_flight.ts";

interface Message {
  readonly sequence: number;
  readonly delivery: number;
  readonly name?: string;
}
const laneOf = ({ name }: Message) => name;
const at = (sequence: number, delivery = sequence, name = "x"): Message => ({ sequence, delivery, name });

/** One that has all, as a node that reads a new stream. */
function whole(): InFlight<Message> {
  const all = new InFlight<Message>();
  all.compare({ unsettled: 0, lastDelivery: 0, waiting: 0 });
  return all;
}

const begin = (held: Held<Message> | undefined) => {
  if (held) held.hasBegun = true;
  return held?.message.sequence;
};

describe("InFlight", () => {
  test("lets one message of an actor begin when the one before it has ended, and those of others at once", () => {
    const all = whole();
    const first = all.deliver(at(1), laneOf);
    expect(begin(first)).toBe(1);
    expect(all.deliver(at(2), laneOf)).toBeUndefined();
    expect(begin(all.deliver(at(3, 3, "y"), laneOf))).toBe(3);
    expect(begin(all.deliver({ sequence: 4, delivery: 4 }, laneOf))).toBe(4); // nobody knows whose it is
    expect(begin(all.end(first as Held<Message>))).toBe(2);
    expect(all.size).toBe(3);
  });

  test("lets nothing begin before all that is not settled is here", () => {
    const all = new InFlight<Message>();
    expect(all.deliver(at(5, 9), laneOf)).toBeUndefined();
    expect(all.compare({ unsettled: 2, lastDelivery: 9, waiting: 0 })).toEqual([]); // somebody else has one
    expect(all.deliver(at(4, 10), laneOf)).toBeUndefined();
    expect(all.compare({ unsettled: 2, lastDelivery: 9, waiting: 0 })).toEqual([]); // was said before that came
    expect(all.isWhole).toBe(false);
    expect(all.compare({ unsettled: 2, lastDelivery: 10, waiting: 0 }).map(begin)).toEqual([4]);
    expect(all.isWhole).toBe(true);
  });

  test("notices a delivery that is missing, and gathers again", () => {
    const all = whole();
    const first = all.deliver(at(1), laneOf);
    begin(first);
    expect(all.deliver(at(3, 3, "y"), laneOf)).toBeUndefined();
    expect(all.isWhole).toBe(false);
    expect(all.end(first as Held<Message>)).toBeUndefined();
    expect(all.compare({ unsettled: 2, lastDelivery: 3, waiting: 0 })).toEqual([]);
    expect(all.deliver(at(2, 4, "y"), laneOf)).toBeUndefined();
    expect(all.compare({ unsettled: 2, lastDelivery: 4, waiting: 0 }).map(begin)).toEqual([2]);
  });

  test("takes a repetition of what it has for that, and knows the latest delivery", () => {
    const all = whole();
    begin(all.deliver(at(1), laneOf));
    expect(all.deliver(at(1, 2), laneOf)).toBeUndefined();
    expect([all.size, all.isWhole, [...all][0]?.message.delivery]).toEqual([1, true, 2]);
    expect(all.deliver(at(1, 1), laneOf)).toBeUndefined(); // late
    expect([all.isWhole, [...all][0]?.message.delivery]).toEqual([true, 2]);
  });

  test("drops what has not begun when somebody else has settled some of it: it comes again if it is needed", () => {
    const all = new InFlight<Message>();
    for (const n of [1, 2, 3]) all.deliver(at(n), laneOf);
    expect(all.compare({ unsettled: 2, lastDelivery: 3, waiting: 0 })).toEqual([]);
    expect([all.size, all.isWhole]).toEqual([0, false]);
    for (const n of [2, 3]) all.deliver(at(n, n + 2), laneOf);
    expect(all.compare({ unsettled: 2, lastDelivery: 5, waiting: 0 }).map(begin)).toEqual([2]);
  });

  test("gives each actor its messages in order, once each, whoever else reads, dies or loses deliveries", () => {
    const step = fc.record({
      do: fc.constantFrom(
        "add",
        "add",
        "deliver",
        "deliver",
        "lose",
        "expire",
        "end",
        "end",
        "look",
        "replace",
      ),
      at: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const server = new ServerModel();
        for (const each of steps) server.run(each.do as never, each.at);
        server.finish();
        for (const [name, had] of server.had)
          expect([name, had]).toEqual([name, had.toSorted((a, b) => a - b)]);
        expect([...server.had.values()].flat().length).toBe(server.count);
      }),
      { numRuns: 400, seed: 11 },
    );
  });
});

/** A stream and its reader, and the node that reads now. What was begun on a node before is either over by then or as if never begun. */
class ServerModel {
  /** By actor, what has had its effect: a repetition has none, and neither has what comes too late. */
  readonly had = new Map<string, number[]>();
  count = 0;
  #next = 1;
  #deliveries = 0;
  readonly #unsettled = new Map<number, "out" | "due">();
  #node = new InFlight<Message>();
  #begun: Held<Message>[] = [];

  run(what: "add" | "deliver" | "lose" | "expire" | "end" | "look" | "replace", at: number): void {
    if (what === "add") this.count++;
    if (what === "deliver" || what === "lose") this.#deliver(what === "lose");
    if (what === "expire") this.#expire(at);
    if (what === "end") this.#end(at);
    if (what === "look") this.#look();
    if (what === "replace") this.#replace();
  }

  /** Nothing gets lost any more. */
  finish(): void {
    for (let i = 0; i < this.count * 4 + 20; i++) {
      for (let n = 0; n <= this.#unsettled.size; n++) this.#expire(n);
      for (let n = 0; n <= this.count; n++) this.#deliver(false);
      this.#look();
      for (let n = 0; n <= this.count; n++) this.#end(0);
    }
  }

  #deliver(isLost: boolean): void {
    const due = [...this.#unsettled].filter(([, state]) => state === "due").map(([sequence]) => sequence);
    const sequence = due.length > 0 ? Math.min(...due) : this.#next <= this.count ? this.#next++ : undefined;
    if (sequence === undefined) return;
    this.#unsettled.set(sequence, "out");
    const delivery = ++this.#deliveries;
    if (!isLost) this.#begin(this.#node.deliver(at(sequence, delivery, `k${sequence % 3}`), laneOf));
  }

  #expire(at: number): void {
    const held = new Set([...this.#node].map(({ message }) => message.sequence));
    const lost = [...this.#unsettled.keys()].filter((sequence) => !held.has(sequence)); // what is in hands is held
    const one = lost[at % Math.max(1, lost.length)];
    if (one !== undefined) this.#unsettled.set(one, "due");
  }

  #end(at: number): void {
    const [held] = this.#begun.splice(at % Math.max(1, this.#begun.length), 1);
    if (held === undefined) return;
    const { sequence, name = "" } = held.message;
    const had = this.had.get(name) ?? [];
    if (sequence > (had.at(-1) ?? 0)) this.had.set(name, [...had, sequence]);
    this.#unsettled.delete(sequence);
    this.#begin(this.#node.end(held));
  }

  #look(): void {
    const status = { unsettled: this.#unsettled.size, lastDelivery: this.#deliveries, waiting: 0 };
    for (const held of this.#node.compare(status)) this.#begin(held);
  }

  #replace(): void {
    this.#node = new InFlight();
    this.#begun = [];
  }

  #begin(held: Held<Message> | undefined): void {
    if (held === undefined) return;
    held.hasBegun = true;
    this.#begun.push(held);
  }
}
