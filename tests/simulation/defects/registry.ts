/** Rules of `registry/`: what a node says of its actors, and what becomes of their metadata. */
import type { Rule, Unseen } from "./defect.ts";

export const REGISTRY: readonly Rule[] = [
  {
    rule: "whoever lists finds each actor that is there all the while, once",
    defects: [
      {
        name: "passes-over-the-rest",
        what: "a page that is full goes on behind the shard, and not behind its last name",
        changes: [
          {
            file: "registry/listing.ts",
            find: "if (part.upTo !== undefined) return { shard, after: part.upTo };",
            replace: "",
          },
        ],
        found: { profile: "listed", seed: 2 },
      },
      {
        name: "shows-what-is-not-loaded",
        what: "of a stored actor that is being loaded lists show no metadata, instead of what is stored",
        changes: [
          {
            file: "registry/states.ts",
            find: 'return active.isUnloaded ? "unloaded" : active.standingAnnex.get(META);',
            replace: "return active.standingAnnex.get(META);",
          },
        ],
        found: { profile: "listed-crashed", seed: 7 },
      },
    ],
  },
  {
    rule: "metadata goes with the state",
    defects: [
      {
        name: "metadata-is-not-undone",
        what: "a handler that fails leaves its metadata behind",
        changes: [
          {
            file: "actors/state/state_cell.ts",
            find: "undo(): void { this.#annex = this.#checkedAnnex;",
            replace: "undo(): void {",
          },
        ],
        found: { profile: "listed", seed: 1 },
      },
    ],
  },
];

export const REGISTRY_UNSEEN: readonly Unseen[] = [
  {
    name: "lists-what-is-sealed",
    what: "a former owner that has not heard of the commit lists what it has sealed, without those that came since",
    why: "an actor would have to begin, and be heard of by somebody who then lists, within the milliseconds between a commit and the moment at which its source and the one who lists have heard of it",
    changes: [
      {
        file: "registry/local_actors.ts",
        find: 'return served?.phase === "serving" || served?.phase === "draining" ? served : undefined;',
        replace: 'return served?.phase === "closed" ? undefined : served;',
      },
    ],
    test: {
      file: "tests/registry/local_actors.test.ts",
      name: "leaves what is sealed to the next owner, who may have taken in others already",
    },
  },
];
