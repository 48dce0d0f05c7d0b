/** Rules of `handoff/`: who takes a shard, and how it moves. */
import type { Rule, Unseen } from "./defect.ts";

export const HANDOFF: readonly Rule[] = [
  {
    rule: "only a compare-and-set that was won makes an owner",
    defects: [
      {
        name: "claim-by-view",
        what: "a node that lost the claim of a shard serves it all the same",
        changes: [
          {
            file: "handoff/claims.ts",
            find: "if (!change.won || hasEnded()) return change.won; const { epoch, late } = change.entry.record;",
            replace:
              "if (hasEnded()) return change.won; const { epoch, late } = change.won ? change.entry.record : next;",
          },
        ],
        found: { profile: "crash", seed: 53 },
      },
      {
        name: "resume-before-commit",
        what: "the target serves the shard before its commit has won",
        changes: [
          {
            file: "handoff/move/target_driver.ts",
            find: "this.#receiver.start(this.#size.data);",
            replace:
              "this.#receiver.start(this.#size.data); const early = async () => { while (!this.#bytes && !isOver(this.#state)) await new Promise<void>((resolve) => this.#deps.clock.after(1, resolve)); if (!this.#bytes || !this.#sealedAt) return; const { hosted, shard, epoch } = this.move; serveStaged(this.#deps, await stageShard(this.#deps, hosted, shard, epoch + 1, this.#bytes, this.#sealedAt)); }; void early();",
          },
        ],
        found: { profile: "planned", seed: 2 },
      },
      {
        name: "reclaim-by-read",
        what: "the source takes the shard back because nobody seems to have it",
        changes: [
          {
            file: "handoff/move/source_driver.ts",
            find: "if (!gate.isOpen || this.#isReclaiming) return;",
            replace: 'if (true) return this.dispatch({ type: "reclaimed" });',
          },
        ],
        found: { profile: "aimed", seed: 18 },
      },
    ],
  },
  {
    rule: "the floor tells a handover from a crash",
    defects: [
      {
        name: "floor-not-raised",
        what: "a claim after a crash looks like a handover",
        changes: [
          {
            file: "handoff/claims.ts",
            find: "const next = claimed(entry?.record, self, (id) => membership.isOver(id), above);",
            replace:
              "const claim = claimed(entry?.record, self, (id) => membership.isOver(id), above); const next = entry ? { ...claim, floor: entry.record.floor } : claim;",
          },
        ],
        found: { profile: "crash", seed: 1 },
      },
      {
        name: "floor-raised-by-move",
        what: "a handover looks like a crash",
        changes: [
          {
            file: "handoff/move/target_driver.ts",
            find: "const next = committed(entry.record, this.#lateActors());",
            replace:
              "const handed = committed(entry.record, this.#lateActors()); const next = { ...handed, floor: handed.epoch };",
          },
        ],
        found: { profile: "planned", seed: 1 },
      },
    ],
  },
  {
    rule: "the link table and the replies move along",
    defects: [
      {
        name: "no-link-table",
        what: "what was admitted from each sender does not move along",
        changes: [
          {
            file: "handoff/move/staging.ts",
            find: "shard.installLinks(batch.links.filter(({ from }) => !membership.isOver(from)));",
            replace: "",
          },
        ],
        found: { profile: "planned", seed: 11 },
      },
      {
        name: "no-replies",
        what: "replies that nobody has confirmed do not move along",
        changes: [
          {
            file: "handoff/move/staging.ts",
            find: "of batch.replies) {",
            replace: "of [] as typeof batch.replies) {",
          },
        ],
        found: { profile: "planned", seed: 70 },
      },
    ],
  },
  {
    rule: "the seal is one step, and takes everything",
    defects: [
      {
        name: "sleepers-left-behind",
        what: "actors that sleep are not sealed",
        changes: [
          {
            file: "handoff/move/seal.ts",
            find: "toPark ? {} : { bytesMax: settings.actorBytesMax });",
            replace:
              'toPark ? {} : { bytesMax: settings.actorBytesMax }).filter(({ status }) => status !== "passive");',
          },
        ],
        found: { profile: "planned", seed: 1 },
      },
      {
        name: "release-before-commit",
        what: "the source ends its actors when they are sealed",
        changes: [
          {
            file: "handoff/move/source_driver.ts",
            find: "this.#sender = new ChunkSender(this.#sealed.bytes, chunkBytesOf(this.#deps));",
            replace:
              "this.#sender = new ChunkSender(this.#sealed.bytes, chunkBytesOf(this.#deps)); this.released = shard.relocation.release();",
          },
          {
            file: "handoff/move/source_driver.ts",
            find: "const late = shard.relocation.release();",
            replace: "const late = this.released ?? shard.relocation.release();",
          },
        ],
        found: { profile: "planned", seed: 2 },
      },
    ],
  },
  {
    rule: "only the two ends of a move write its record until one of them is fenced",
    defects: [
      {
        name: "moves-redirected",
        what: "a third node that should own the shard writes the record of a move",
        changes: [
          {
            file: "handoff/coordinator.ts",
            find: "const step = planShard({",
            replace:
              'const redirected = record?.state === "moving" && !served && desired?.node === self.node && desired.incarnation === self.incarnation; const step = redirected ? ({ do: "claim" } as const) : planShard({',
          },
        ],
        found: { profile: "planned", seed: 2 },
      },
      {
        name: "third-node-claims",
        what: "a third node claims from a dead source, while the target lives",
        changes: [
          {
            file: "handoff/coordinator.ts",
            find: "const step = planShard({",
            replace:
              'const redirected = record?.state === "moving" && !served && isOver(record.owner); const step = redirected ? ({ do: "claim" } as const) : planShard({',
          },
        ],
        found: { profile: "aimed", seed: 1 },
      },
    ],
  },
  {
    rule: "a record that is missing gives its shard to nobody",
    defects: [
      {
        name: "missing-is-moved",
        what: "the source takes a missing record for the target's commit",
        changes: [
          {
            file: "handoff/move/source.ts",
            find: "export function step(state: SourceState, event: SourceEvent): readonly [SourceState, ...SourceEffect[]] {",
            replace:
              'export function step(state: SourceState, event: SourceEvent): readonly [SourceState, ...SourceEffect[]] { if (event.type === "missing" && !isOver(state)) return [{ at: "committed" }, "release"];',
          },
        ],
        found: { profile: "forgotten-moving", seed: 1 },
      },
    ],
  },
  {
    rule: "what does not go on is found again",
    defects: [
      {
        name: "dead-target-awaited",
        what: "the source waits for its target without end",
        changes: [
          {
            file: "handoff/move/source.ts",
            find: "export function step(state: SourceState, event: SourceEvent): readonly [SourceState, ...SourceEffect[]] {",
            replace:
              'export function step(state: SourceState, event: SourceEvent): readonly [SourceState, ...SourceEffect[]] { if (event.type === "silence" || event.type === "target-over") return [state];',
          },
        ],
        found: { profile: "aimed", seed: 1 },
      },
      {
        name: "looked-at-once",
        what: "a shard that could not be claimed is not looked at again",
        changes: [
          {
            file: "handoff/backoff.ts",
            find: "notBefore: this.#clock.now() + delayMs * (0.75 + this.#random.next() / 2)",
            replace: "notBefore: Infinity",
          },
        ],
        found: { profile: "planned", seed: 2 },
      },
    ],
  },
  {
    rule: "to park is a move whose target is the bucket",
    defects: [
      {
        name: "parked-before-written",
        what: "the record says parked before the state is written",
        changes: [
          {
            file: "handoff/park/parking.ts",
            find: "await this.#write(parkedAs, bytes); const manifest",
            replace: "const manifest",
          },
          {
            file: "handoff/park/parking.ts",
            find: "if (change.won) return;",
            replace: "if (change.won) return await this.#write(parkedAs, bytes);",
          },
        ],
        found: { profile: "aimed", seed: 78 },
      },
    ],
  },
  {
    rule: "late actors stand in the record, and their state is waited for",
    defects: [
      {
        name: "late-in-memory",
        what: "late actors are known to the target only",
        changes: [
          {
            file: "handoff/move/target_driver.ts",
            find: "const actors = this.#staged?.batch.actors ?? [];",
            replace: "if (true) return []; const actors = this.#staged?.batch.actors ?? [];",
          },
        ],
        found: { profile: "planned", seed: 1 },
      },
      {
        name: "late-list-of-one-move",
        what: "a further move forgets who was late before it",
        changes: [
          {
            file: "handoff/move/target_driver.ts",
            find: "const next = committed(entry.record, this.#lateActors());",
            replace:
              "const own = this.#lateActors().filter(({ at }) => sameNode(at, this.move.from)); const next = committed({ ...entry.record, late: [] }, own);",
          },
        ],
        found: { profile: "planned", seed: 2 },
      },
      {
        name: "claim-forgets-late",
        what: "a claim forgets who is late on a node that lives",
        changes: [
          {
            file: "handoff/claims.ts",
            find: "const next = claimed(entry?.record, self, (id) => membership.isOver(id), above);",
            replace:
              "const claim = claimed(entry?.record, self, (id) => membership.isOver(id), above); const next = { ...claim, late: [] };",
          },
        ],
        found: { profile: "aimed", seed: 1 },
      },
      {
        name: "late-dropped-early",
        what: "a late node drops its copy when it has sent it",
        changes: [
          {
            file: "handoff/late/departures.ts",
            find: "if (fits === false) this.#cutAgain(leaving);",
            replace: "if (fits === false) this.#cutAgain(leaving); this.#forget(leaving);",
          },
        ],
        found: { profile: "planned", seed: 1 },
      },
      {
        name: "late-for-one-move",
        what: "a late actor is delivered to the owner after its move, not to that of now",
        changes: [
          {
            file: "handoff/late/departures.ts",
            find: "if (entry === undefined || sealed === undefined) return;",
            replace:
              "if (entry === undefined || sealed === undefined) return; if (entry.record.epoch > shard.epoch + 1) return;",
          },
        ],
        found: { profile: "planned", seed: 2 },
      },
      {
        name: "late-unlisted",
        what: "a late actor's state counts although the record does not list it",
        changes: [
          {
            file: "handoff/late/arrivals.ts",
            find: "return at && sameNode(at, from) ? shard : undefined;",
            replace: "return shard;",
          },
          {
            file: "actors/shard/relocation.ts",
            find: "if (awaited === undefined) return; this.#residents.awaited.delete(name); // its own timers",
            replace:
              "if (awaited === undefined) { const former = this.#residents.active.get(name); if (former) this.#residents.remove(former); former?.end(); return this.#installOne(staged.sealed, staged.state); } this.#residents.awaited.delete(name); // its own timers",
          },
        ],
        found: { profile: "planned", seed: 2 },
      },
    ],
  },
  {
    rule: "what is slow holds up only itself",
    defects: [
      {
        name: "drain-waits-for-all",
        what: "a move waits for every running handler, and nobody is late",
        changes: [
          {
            file: "handoff/move/source_driver.ts",
            find: 'const budgetMs = this.plan.to === "bucket" ? Infinity : settings.drainMs;',
            replace: "const budgetMs = Infinity;",
          },
        ],
        found: { profile: "slow", seed: 1 },
      },
      {
        name: "barrier-of-all-nodes",
        what: "a move commits when every node has given a sign of life",
        changes: [
          {
            file: "handoff/move/target_driver.ts",
            find: "if (!gate.isOpen) return void again();",
            replace:
              "const { membership } = this.#deps; const { upNodes } = membership.view; this.revisions ??= new Map(upNodes.map((id) => [id.node, membership.revisionOf(id)])); const silent = upNodes.some((id) => this.revisions.get(id.node) === membership.revisionOf(id)); if (!gate.isOpen || silent) return void again();",
          },
        ],
        found: { profile: "slow", seed: 3 },
      },
    ],
  },
  {
    rule: "an upgrade in place is a move of a shard to its own node, in other code",
    defects: [
      {
        name: "upgraded-twice",
        what: "a sleeping state that was upgraded in place counts as one of the version before",
        changes: [
          {
            file: "actors/shard/relocation.ts",
            find: "const asleep = { ...sealed, snapshot: pack(hosted, woken.content, runtime.codec) };",
            replace:
              "const asleep = { ...sealed, snapshot: { ...pack(hosted, woken.content, runtime.codec), stateVersion: snapshot.stateVersion } };",
          },
        ],
        found: { profile: "upgraded", seed: 1 },
      },
      {
        name: "older-heirs",
        what: "shards go to nodes that read only the states of the version before, and these take them",
        changes: [
          {
            file: "handoff/placement_cache.ts",
            find: "return (hosted) => hosted.stateVersion >= stateVersion && (hosted",
            replace: "return (hosted) => stateVersion > 0 && (hosted",
          },
          {
            file: "handoff/move/incoming_moves.ts",
            find: "if (stateVersion < offer.stateVersion)",
            replace: "if (stateVersion < 0)",
          },
        ],
        found: { profile: "upgraded", seed: 1 },
      },
      {
        name: "upgrade-forgets-late-actors",
        what: "an upgrade in place does not list the actors whose handlers run on",
        changes: [
          {
            file: "handoff/upgrade/shard_upgrade.ts",
            find: "return upgraded(base, this.#staged?.sealed.flatMap(lateEntry));",
            replace: "return upgraded(base);",
          },
        ],
        found: { profile: "upgraded-stored", seed: 1 },
      },
      {
        name: "upgrade-in-one-epoch",
        what: "an upgrade in place does not raise the epoch",
        changes: [
          {
            file: "cluster/records/shard_changes.ts",
            find: "return { ...kept(record), epoch: record.epoch + 1, late: listed(record, late) }; } /** * The target has the shard",
            replace:
              "return { ...kept(record), late: listed(record, late) }; } /** * The target has the shard",
          },
        ],
        found: { profile: "upgraded", seed: 1 },
      },
      {
        name: "upgrade-before-record",
        what: "the first shards get other code before the records say that their node reads newer states",
        changes: [
          {
            file: "node/upgrading.ts",
            find: "await announced({ membership, clock, until, signal }, former, followed(former, next));",
            replace: "",
          },
        ],
        found: { profile: "upgraded", seed: 2 },
      },
    ],
  },
];

export const HANDOFF_UNSEEN: readonly Unseen[] = [
  // The record of a served shard names another in three ways. Its owner is over: then all of that node has ended. Its owner
  // moves it: then the move ends its own service. Or it was removed: then all others leave the owner a lease and a renewal,
  // and every watch that the simulation has is late by less than that, so an owner that lives has made it anew.
  {
    name: "stale-epoch-serves",
    what: "an owner goes on serving a shard that its record gives to another",
    why: "a record gives a served shard to another only by its owner's own move, after its death, or a lease and a renewal after a removal of which the owner has heard by then; a test writes such a record by hand",
    changes: [
      {
        file: "handoff/claims.ts",
        find: "const served = table.get(kind, shard); if (!served) return;",
        replace: "const served = table.get(kind, shard); if (true) return;",
      },
    ],
    test: { file: "tests/cluster/alive.test.ts", name: "is dropped at once, without a move" },
  },
  // The simulation has no file: what a process that ends leaves in one is tried by seeds of its own.
  {
    name: "parked-copy-removed-first",
    what: "a parked copy is removed before the record says that it was taken",
    why: "its node may crash between the two; then nobody but the next process on a file asks for the copy again",
    changes: [
      {
        file: "handoff/park/parking.ts",
        find: "const next = restored(entry.record, self);",
        replace:
          "await this.#chunks.remove(parkedAs, parked.chunks); const next = restored(entry.record, self);",
      },
    ],
    test: {
      file: "tests/integration/moves/park_crashes.test.ts",
      name: "is found once, and nothing that is older than an answer",
    },
  },
  {
    name: "file-records-wait",
    what: "a record in a file is acknowledged before it is written",
    why: "the simulation's records are in memory, and have no crash of their own",
    changes: [
      {
        file: "storage/sqlite/records.ts",
        find: "if (this.#deps.mayWait?.(key))",
        replace: "if (true)",
      },
    ],
    test: {
      file: "tests/integration/moves/park_crashes.test.ts",
      name: "is found once, and nothing that is older than an answer",
    },
  },
];
