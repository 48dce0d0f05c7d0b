/** Rules of `subscriptions/`: in which order the messages of a stream begin, when they are settled, and what of a repetition has an effect. */
import type { Rule } from "./defect.ts";

export const SUBSCRIPTIONS: readonly Rule[] = [
  {
    rule: "a message of a stream has its effect once",
    defects: [
      {
        name: "stream-repeats",
        what: "an actor does not remember how far a stream has come",
        changes: [
          {
            file: "actors/activation/turn.ts",
            find: "return position !== undefined && isPast(this.#state.settledAnnex, position);",
            replace:
              "return position !== undefined && isPast(this.#state.settledAnnex, { ...position, reader: '' });",
          },
        ],
        found: { profile: "fed-crashed", seed: 1 },
      },
      {
        name: "settled-before-stored",
        what: "a message to a stored actor is settled when it is admitted",
        changes: [
          {
            file: "subscriptions/session.ts",
            find: 'type: contract.durability === "stored" ? "ask" : "tell",',
            replace: 'type: "tell",',
          },
        ],
        found: { profile: "fed-crashed", seed: 1 },
      },
    ],
  },
  {
    rule: "an actor gets the messages of a stream in their order",
    defects: [
      {
        name: "begins-before-all-is-here",
        what: "a node that begins to read does not wait for what another one had under way",
        changes: [
          {
            file: "subscriptions/in_flight.ts",
            find: "if (this.#held.size !== unsettled) return [];",
            replace: "",
          },
        ],
        found: { profile: "fed-crashed", seed: 1 },
      },
      {
        name: "misses-a-delivery",
        what: "a delivery that is missing is not noticed",
        changes: [
          {
            file: "subscriptions/in_flight.ts",
            find: "if (!isNext && (delivery > this.#last || known === undefined)) this.#isWhole = false;",
            replace: "void isNext;",
          },
        ],
        found: { profile: "fed-crashed", seed: 1 },
      },
      {
        name: "does-not-wait-in-line",
        what: "a message of a stream begins although the one before it for the same actor has not ended",
        changes: [
          {
            file: "subscriptions/in_flight.ts",
            find: "return held.lane === undefined || this.#lanes.get(held.lane)?.[0] === held;",
            replace: "return true;",
          },
        ],
        found: { profile: "fed-crashed", seed: 1 },
      },
    ],
  },
];
