/** Rules about what is stored. */
import type { Rule } from "./defect.ts";

export const STORAGE: readonly Rule[] = [
  {
    rule: "a stored actor's state is stored before anything tells of it",
    defects: [
      {
        name: "reply-before-commit",
        what: "a stored actor answers before its state is stored",
        changes: [
          {
            file: "actors/durable/output_gate.ts",
            find: "if (this.#closed) return end.drop(this.#refusal);",
            replace: "if (this.#closed) return end.drop(this.#refusal); end.release();",
          },
          {
            file: "actors/durable/output_gate.ts",
            find: "this.#queue.push(this.#weighed(end));",
            replace: "",
          },
        ],
        found: { profile: "stored", seed: 3 },
      },
      {
        name: "tells-before-commit",
        what: "a stored actor's tells go out before its state is stored",
        changes: [
          {
            file: "actors/durable/output_gate.ts",
            find: 'channel(contract: Pick<Contract, "kind" | "messages">, name: string, channel: Channel): Channel {',
            replace:
              'channel(contract: Pick<Contract, "kind" | "messages">, name: string, channel: Channel): Channel { if (true) return channel;',
          },
        ],
        found: { profile: "stored", seed: 5 },
      },
      {
        name: "chunks-after-head",
        what: "the head of a long entry is written before its chunks",
        changes: [
          {
            file: "storage/records/store.ts",
            find: "await this.#chunks.put(write, write.nonce, bytes); return await this.#writeHead(write, bytes.size);",
            replace:
              "const headFirst = await this.#writeHead(write, bytes.size); await this.#chunks.put(write, write.nonce, bytes); return headFirst;",
          },
        ],
        found: { profile: "stored", seed: 8 },
      },
    ],
  },
  {
    rule: "what is stored is fenced by its epoch",
    defects: [
      {
        name: "stored-epoch-ignored",
        what: "an owner does not exceed the epoch that it finds stored",
        changes: [
          {
            file: "handoff/claims.ts",
            find: 'if (contract.durability !== "stored") return 0;',
            replace: "if (true) return 0;",
          },
          {
            file: "storage/shard_state_store.ts",
            find: "#isAbove(record: StoredRecord): boolean {",
            replace: "#isAbove(record: StoredRecord): boolean { if (true) return false;",
          },
        ],
        found: { profile: "wiped-stored", seed: 311 },
      },
      {
        name: "conflict-ignored",
        what: "who meets another's entry goes on as if it were his own",
        changes: [
          {
            file: "actors/durable/output_gate.ts",
            find: "if (mark === undefined) return this.#refused();",
            replace: "",
          },
          {
            file: "actors/durable/output_gate.ts",
            find: "this.#mark = mark; this.#isNewer = false;",
            replace: "this.#mark = mark ?? this.#mark; this.#isNewer = false;",
          },
        ],
        found: { profile: "wiped-stored", seed: 109 },
      },
      {
        name: "commit-not-by-cas",
        what: "a commit overwrites whatever is there",
        changes: [
          {
            file: "storage/records/store.ts",
            find: "if (revision !== 0) return this.#records.update(key, value, revision);",
            replace: "await this.#records.remove(key);",
          },
        ],
        found: { profile: "stored", seed: 5 },
      },
      {
        name: "refusal-ends-doubt",
        what: "a commit counts as not applied when its repetition is refused",
        changes: [
          {
            file: "storage/committer.ts",
            find: 'return inDoubt && !isGone(error) ? "look" : "end";',
            replace: 'return "end";',
          },
        ],
        found: { profile: "refused", seed: 28 },
      },
      {
        name: "no-epoch-write",
        what: "an owner after a crash answers from what is stored, and does not fence the owner before it",
        changes: [
          {
            file: "storage/shard_state_store.ts",
            find: "return await this.#write({ name, state, timers, staysLoaded }, markOf(entry, record), true);",
            replace: "return markOf(entry, record);",
          },
        ],
        found: { profile: "aimed-stored", seed: 13 },
      },
    ],
  },
];
