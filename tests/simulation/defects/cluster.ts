/** Rules of `cluster/`: the records, the lease and the gate, and who judges whom. */
import type { Change, Rule, Unseen } from "./defect.ts";

/** Only who knows of a removal may make a record anew; broken, whoever knows of nothing may. */
const OVER_ANY_MARK: Change = {
  file: "transport/compare_and_set.ts",
  find: "return revision === 0 ? records.create(key, value) :",
  replace: "return revision === 0 ? createAbsent(records, key, value) :",
};
const WITH_CREATE_ABSENT: Change = {
  file: "transport/compare_and_set.ts",
  find: "import type { CasResult, Records }",
  replace: "import { type CasResult, createAbsent, type Records }",
};

export const CLUSTER: readonly Rule[] = [
  {
    rule: "nothing is given to a node that wants nothing, nor to one of an older version while a newer one can have it",
    defects: [
      {
        name: "cordon-ignored",
        what: "a cordoned node is given shards like any other",
        changes: [
          {
            file: "cluster/placement/suitability.ts",
            find: "({ cordon }: NodeRecord) => cordon === undefined",
            replace: '({ cordon }: NodeRecord) => cordon !== "draining"',
          },
        ],
        found: { profile: "placed", seed: 29 },
      },
      {
        name: "version-ignored",
        what: "a node of an older version of the application is given shards beside newer ones",
        changes: [
          {
            file: "cluster/placement/suitability.ts",
            find: "({ version }: NodeRecord) => compareAppVersions(version, newest) < 0",
            replace: "(_: NodeRecord) => false",
          },
        ],
        found: { profile: "placed", seed: 31 },
      },
    ],
  },
  {
    rule: "an unknown outcome is settled by the record",
    defects: [
      {
        name: "conflict-is-lost",
        what: "a change counts as lost when its repetition conflicts with itself",
        changes: [
          {
            file: "transport/compare_and_set.ts",
            find: "if (found && change.isOwn(found)) return",
            replace: "if (false) return",
          },
        ],
        found: { profile: "planned", seed: 4 },
      },
      {
        name: "silence-is-success",
        what: "a change without an answer counts as made",
        changes: [
          {
            file: "transport/compare_and_set.ts",
            find: 'if (next === "end") throw error;',
            replace:
              'if (next === "end") throw error; if (true) return { won: true, revision: change.revision + 1 };',
          },
        ],
        found: { profile: "planned", seed: 2 },
      },
      {
        name: "silence-is-failure",
        what: "a change without an answer counts as not made",
        changes: [
          {
            file: "transport/compare_and_set.ts",
            find: 'if (next === "end") throw error;',
            replace: 'if (next === "end") throw error; if (true) return { won: false, entry: undefined };',
          },
        ],
        found: { profile: "planned", seed: 4 },
      },
    ],
  },
  {
    rule: "a node has effects only while its gate is open",
    defects: [
      {
        name: "gate-by-lease-only",
        what: "the gate stays open although nothing comes back any more",
        changes: [
          {
            file: "cluster/gate.ts",
            find: "this.#freshMs = freshMs;",
            replace: "this.#freshMs = Number.POSITIVE_INFINITY;",
          },
        ],
        found: { profile: "half", seed: 8 },
      },
      {
        name: "gate-forgives",
        what: "after a disturbance a renewal from before it opens the gate",
        changes: [{ file: "cluster/gate.ts", find: "this.#mark++;", replace: "" }],
        found: { profile: "half", seed: 7 },
      },
      {
        name: "suspension-unseen",
        what: "a machine that slept does not notice",
        changes: [
          {
            file: "cluster/gate.ts",
            find: "const SUSPENDED_MS = 1_000;",
            replace: "const SUSPENDED_MS = Number.POSITIVE_INFINITY;",
          },
        ],
        found: { profile: "freeze", seed: 5 },
      },
      {
        name: "gate-counts-from-ack",
        what: "a renewal counts from its acknowledgement",
        changes: [
          {
            file: "cluster/gate.ts",
            find: "acked(sentAt: number, mark: number): void {",
            replace: "acked(_sentAt: number, mark: number): void { const sentAt = this.#clock.now();",
          },
        ],
        found: { profile: "verge", seed: 5 },
      },
    ],
  },
  {
    rule: "another generation of the records ends all incarnations",
    defects: [
      {
        name: "older-copy-ignored",
        what: "a node trusts a store that has forgotten what it acknowledged",
        changes: [
          {
            file: "cluster/records/cluster_records.ts",
            find: "new RecordTable<T>({ ...common, encode, decode, onWentBack })",
            replace: "new RecordTable<T>({ ...common, encode, decode, onWentBack: undefined })",
          },
        ],
        found: { profile: "restored", seed: 2 },
      },
      {
        name: "generation-unread",
        what: "a node is told of another generation by the watch alone",
        changes: [
          {
            file: "cluster/lease/lease_driver.ts",
            find: "async #checkGeneration(): Promise<boolean> {",
            replace: "async #checkGeneration(): Promise<boolean> { if (true) return true;",
          },
        ],
        found: { profile: "restored", seed: 138 },
      },
      {
        name: "generation-ignored",
        what: "a node goes on in records that are not those in which it began",
        changes: [
          {
            file: "cluster/lease/lease_driver.ts",
            find: "async #checkGeneration(): Promise<boolean> {",
            replace: "async #checkGeneration(): Promise<boolean> { if (true) return true;",
          },
          {
            file: "cluster/lease/lease_driver.ts",
            find: "if (now?.record.generation !== generation) return OTHER_GENERATION;",
            replace: "",
          },
          {
            file: "cluster/membership.ts",
            find: "#sawGeneration(generation: string): void {",
            replace: "#sawGeneration(generation: string): void { if (this.#generation !== undefined) return;",
          },
        ],
        found: { profile: "wiped", seed: 12 },
      },
    ],
  },
  {
    rule: "death is a compare-and-set",
    defects: [
      {
        name: "death-without-cas",
        what: "a node whose lease has run out counts as dead before its record says so",
        changes: [
          {
            file: "cluster/membership.ts",
            find: "gate: this.gate });",
            replace: "gate: this.gate, assume: (entry) => this.#sawNode(entry) });",
          },
          {
            file: "cluster/lease/lease_monitor.ts",
            find: "const dead = deadRecord(id, known?.record);",
            replace:
              "const dead = deadRecord(id, known?.record); return this.#deps.assume({ record: { ...dead, nonce: '' } });",
          },
        ],
        found: { profile: "crash", seed: 1 },
      },
      {
        name: "absence-is-death",
        what: "a node without a record counts as dead",
        changes: [
          {
            file: "cluster/membership.ts",
            find: "return this.#view.isOver(id) || this.#wasReplaced(id); }",
            replace:
              "return this.#view.get(id.node) === undefined || this.#view.isOver(id) || this.#wasReplaced(id); }",
          },
        ],
        found: { profile: "half", seed: 4 },
      },
    ],
  },
  {
    rule: "a name belongs to who has it until he is known to be over",
    defects: [
      {
        name: "predecessor-ignored",
        what: "a process takes a name from one who lives, or may wake up",
        changes: [
          {
            file: "cluster/lease/name_takeover.ts",
            find: "if (entry && entry.record.incarnation === former) return entry;",
            replace: "return entry;",
          },
        ],
        found: { profile: "names", seed: 1 },
      },
    ],
  },
  {
    rule: "who could not renew himself judges nobody",
    defects: [
      {
        name: "fence-after-outage",
        what: "one who could not renew himself judges the silence of others",
        changes: [
          {
            file: "cluster/lease/detector.ts",
            find: "this.#outageMs = outageMs(times);",
            replace: "this.#outageMs = Number.POSITIVE_INFINITY;",
          },
        ],
        found: { profile: "records", seed: 7 },
      },
    ],
  },
  {
    rule: "that NATS knows no connection is weak evidence",
    defects: [
      {
        name: "joins-unfound",
        what: "a node listens only when it knows that its record is written, and others look for it before",
        changes: [{ file: "cluster/membership.ts", find: "this.#deps.onNamed?.(this.#self);", replace: "" }],
        found: { profile: "verge", seed: 40 },
      },
      {
        name: "fence-on-one-503",
        what: "one refusal suffices",
        changes: [
          {
            file: "cluster/heartbeat/suspicion.ts",
            find: "if (sentAt < graceEndsAt(current, times)) return [current];",
            replace: "",
          },
          {
            file: "cluster/heartbeat/pulse_driver.ts",
            find: "membership.witness.heard(from, clock.now());",
            replace: "return true;",
          },
        ],
        found: { profile: "cut", seed: 5 },
      },
      {
        name: "fence-without-confirmation",
        what: "the others are not asked",
        changes: [
          {
            file: "cluster/heartbeat/suspicion.ts",
            find: "const { suspect, revision, now, sentAt, others } = event;",
            replace: "const { suspect, revision, now, sentAt } = event; const others: NodeId[] = [];",
          },
        ],
        found: { profile: "half", seed: 80 },
      },
      {
        name: "gone-forgotten",
        what: "what one who has just left may have answered keeps nobody from being given up",
        changes: [
          {
            file: "cluster/heartbeat/pulse_driver.ts",
            find: "#viewChanged(view: View, previous: View): void {",
            replace: "#viewChanged(view: View, previous: View): void { if (true) return;",
          },
        ],
        found: { profile: "unwitnessed", seed: 59 },
      },
      {
        name: "alone-by-echo",
        what: "the echo of a node that knows no other keeps its gate open, although somebody may have come and not found it",
        changes: [
          {
            file: "cluster/heartbeat/pulse_driver.ts",
            find: "if (this.#state.accompanied) return sentAt;",
            replace: "return sentAt;",
          },
        ],
        found: { profile: "unwitnessed", seed: 13 },
      },
      {
        name: "confirmed-by-one-503",
        what: "one whom a node has just answered, so that its gate may be open, is given up by that node all the same",
        changes: [
          {
            file: "cluster/heartbeat/pulse_driver.ts",
            find: "membership.witness.heard(from, clock.now());",
            replace: "return true;",
          },
        ],
        found: { profile: "doubted", seed: 13 },
      },
    ],
  },
];

export const CLUSTER_UNSEEN: readonly Unseen[] = [
  {
    name: "marks-unread",
    what: "one who comes after a removal takes the shard for one that nobody has had, and no mark stands in his way",
    why: "the owner has to be away when the record is removed, and the one who comes must not have seen it: once in hundreds of seeds",
    changes: [
      {
        file: "cluster/records/cluster_records.ts",
        find: "{ marks: true }",
        replace: "{ marks: false }",
      },
      OVER_ANY_MARK,
      WITH_CREATE_ABSENT,
    ],
    test: {
      file: "tests/integration/moves/moves_forgotten.test.ts",
      name: "is claimed as after any crash also by one who came later, and has never seen the record",
    },
  },
  {
    name: "removal-unheard",
    what: "who has heard neither of a record nor of its removal writes it anew, as if there had never been one",
    why: "two watches are silent for longer than a lease while renewals get through, one of them since before the shard had an owner, and its record is removed meanwhile: watches begin anew long before that",
    changes: [OVER_ANY_MARK, WITH_CREATE_ABSENT],
    test: {
      file: "tests/integration/moves/moves_forgotten.test.ts",
      name: "is claimed above all its owners by one who has heard neither of them nor of the removal",
    },
  },
  {
    name: "lapsed-vouches",
    what: "a node whose own lease has lapsed still keeps the gates of others open",
    why: "two nodes lose the records one after the other, by more than the lease is longer than the gate is open, and reach each other and nobody else: not once in hundreds of seeds",
    changes: [
      {
        file: "cluster/heartbeat/pulse_driver.ts",
        find: "return sinceMs < vouchesForMs(membership.times);",
        replace: "return true;",
      },
    ],
    test: {
      file: "tests/cluster/alive.test.ts",
      name: "is replaced when no answer of one who is dead can keep its gate open",
    },
  },
];
