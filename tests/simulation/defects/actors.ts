/** Rules of `actors/`: what of an actor is sealed, and how it goes on. */
import type { Rule } from "./defect.ts";

export const ACTORS: readonly Rule[] = [
  {
    rule: "what accompanies a message arrives with it, and goes on from there",
    defects: [
      {
        name: "headers-stay-behind",
        what: "messages that wait lose who sent them, and their context, when their shard moves",
        changes: [
          {
            file: "handoff/wire/batch.ts",
            find: "writer.headers(mail.headers);",
            replace: "writer.headers(undefined);",
          },
        ],
        found: { profile: "planned", seed: 2 },
      },
      {
        name: "context-of-later",
        what: "a stored actor's tell has the context of what is handled when it goes out",
        changes: [
          {
            file: "actors/durable/output_gate.ts",
            find: "const held = { ...options, [HEADERS]: headers };",
            replace: "const held = options; void headers; void HEADERS;",
          },
        ],
        found: { profile: "stored", seed: 1 },
      },
      {
        name: "context-of-before",
        what: "an actor sends the context of the first message that had one with everything",
        changes: [
          {
            file: "actors/caller/actor_headers.ts",
            find: "if (handled === this.#of) return;",
            replace: "if (this.#of !== undefined) return;",
          },
        ],
        found: { profile: "planned", seed: 1 },
      },
    ],
  },
  {
    rule: "each activation has a gate of its own",
    defects: [
      {
        name: "ended-speaks",
        what: "an old handler speaks after its actor was sealed or given up",
        changes: [
          {
            file: "actors/activation/activation.ts",
            find: 'if (tenure === "ended" || tenure === "sealed") throw fenced(this.address, tenure);',
            replace: "",
          },
        ],
        found: { profile: "aimed", seed: 1 },
      },
    ],
  },
  {
    rule: "only what is idle is sealed",
    defects: [
      {
        name: "seal-running",
        what: "an actor is sealed although its handler or hook runs",
        changes: [
          {
            file: "actors/shard/relocation.ts",
            find: "activation.idle ? sealActor(",
            replace: "true ? sealActor(",
          },
        ],
        found: { profile: "planned", seed: 1 },
      },
      {
        name: "idle-with-sent",
        what: "an actor counts as idle although something it sent is still under way",
        changes: [
          {
            file: "actors/activation/activation.ts",
            find: "if (this.#code.busy || !this.#sends.isQuiet ||",
            replace: "if (this.#code.busy ||",
          },
        ],
        found: { profile: "planned", seed: 4 },
      },
    ],
  },
  {
    rule: "an actor goes on with its backlog, then with its links",
    defects: [
      {
        name: "held-before-backlog",
        what: "messages that waited for the new owner come before the backlog",
        changes: [
          {
            file: "actors/shard/relocation.ts",
            find: "for (const mail of backlog) activation.mailbox.push(mail); // before anything that comes from outside",
            replace:
              "const begun = activation; queueMicrotask(() => { for (const mail of backlog) begun.mailbox.push(mail); begun.wake(); });",
          },
          {
            file: "actors/shard/relocation.ts",
            find: "for (const mail of backlog) mailbox.push(mail);",
            replace: "queueMicrotask(() => { for (const mail of backlog) mailbox.push(mail); });",
          },
        ],
        found: { profile: "planned", seed: 3 },
      },
    ],
  },
  {
    rule: "what cannot be read is never started fresh",
    defects: [
      {
        name: "fresh-when-unreadable",
        what: "an actor whose state cannot be read begins from nothing",
        changes: [
          {
            file: "actors/shard/relocation.ts",
            find: 'const reason = wordsOf(error, "it cannot be read");',
            replace:
              'if (true) return { sealed: { ...sealed, snapshot: undefined }, state: undefined }; const reason = wordsOf(error, "it cannot be read");',
          },
        ],
        found: { profile: "planned", seed: 2 },
      },
    ],
  },
  {
    rule: "of an actor that has destroyed itself nothing is left",
    defects: [
      {
        name: "destroyed-comes-back",
        what: "the state of an actor stays when it destroys itself",
        changes: [{ file: "actors/activation/activation.ts", find: "this.#state.erase();", replace: "" }],
        found: { profile: "mortal", seed: 1 },
      },
      {
        name: "timers-outlive-destroy",
        what: "timers of an actor go on when it has destroyed itself",
        changes: [{ file: "actors/activation/activation.ts", find: "this.timers.erase();", replace: "" }],
        found: { profile: "mortal", seed: 1 },
      },
      {
        name: "destroyed-is-carried",
        what: "an actor that destroyed itself while it was late arrives with its state",
        changes: [
          {
            file: "actors/activation/activation.ts",
            find: 'if (this.#life.wish !== "destroyed" || this.#state.isErased) return;',
            replace:
              'if (this.#life.wish !== "destroyed" || this.#life.tenure === "late" || this.#state.isErased) return;',
          },
        ],
        found: { profile: "mortal", seed: 1 },
      },
      {
        name: "destroyed-before-stored",
        what: "a stored actor that has destroyed itself is gone before the store knows",
        changes: [
          {
            file: "actors/activation/machine.ts",
            find: 'if (stage === "leaving" && isSettled && isStored) return [state, { type: "depart", again }];',
            replace: 'if (stage === "leaving" && isSettled) return [state, { type: "depart", again }];',
          },
        ],
        found: { profile: "mortal", seed: 1 },
      },
    ],
  },
  {
    rule: "a watch is told of one real end, once",
    defects: [
      {
        name: "watch-believes-the-new",
        what: "an owner that knows nothing of a watch, because the actor has ended, takes it for a new one",
        changes: [
          {
            file: "actors/watch/rules.ts",
            find: 'if (again) return itEnded(says, standing.wasLost ? "lost" : "stopped", standing);',
            replace: "",
          },
        ],
        found: { profile: "watched", seed: 1 },
      },
      {
        name: "watch-is-not-asked-again",
        what: "nobody asks about a watch again when the shard of the watched actor has another owner",
        changes: [
          {
            file: "delivery/watching/next_word.ts",
            find: 'if (record.epoch <= confirmed.epoch) return "none";',
            replace: 'if (confirmed) return "none";',
          },
        ],
        found: { profile: "watched", seed: 5 },
      },
      {
        name: "unwatched-hears",
        what: "a notice that was on its way comes after the watch was ended",
        changes: [
          {
            file: "actors/watch/rules.ts",
            find: 'if (watch.stage === "leaving") return { change };',
            replace: "",
          },
        ],
        found: { profile: "watched", seed: 6 },
      },
    ],
  },
  {
    rule: "late actors stand in the record, and their state is waited for",
    defects: [
      {
        name: "late-mail-reversed",
        what: "the mail that waited for a late actor loses its order",
        changes: [
          {
            file: "actors/shard/relocation.ts",
            find: "const waited = awaited.mailbox.clear();",
            replace: "const waited = awaited.mailbox.clear().reverse();",
          },
        ],
        found: { profile: "planned", seed: 2 },
      },
      {
        name: "blank-copy",
        what: "a message to an awaited actor starts it from nothing",
        changes: [
          {
            file: "actors/shard/catalog.ts",
            find: "if (awaited) { const address",
            replace: "if (false) { const address",
          },
        ],
        found: { profile: "planned", seed: 1 },
      },
    ],
  },
  {
    rule: "the owner of a shard keeps actors alive, whatever ended them",
    defects: [
      {
        name: "kept-until-crash",
        what: "an actor that is kept alive does not begin where its shard was claimed after a crash",
        changes: [
          {
            file: "keeping/keep_alive.ts",
            find: 'if (shard.hosted.keep === undefined || shard.phase !== "serving") continue;',
            replace:
              'if (shard.hosted.keep === undefined || shard.phase !== "serving" || shard.lost) continue;',
          },
        ],
        found: { profile: "supervised", seed: 1 },
      },
      {
        name: "kept-beside-itself",
        what: "an actor that is kept alive and does not run is begun, although it is there and pauses or is stopped",
        changes: [
          {
            file: "actors/shard/catalog.ts",
            find: "return active.get(name)?.isDormant ?? true;",
            replace: 'return active.get(name)?.status !== "active";',
          },
          {
            file: "actors/shard/catalog.ts",
            find: "return there ?? this.#wakeOrBegin(name, { due: true, onlyIfStored });",
            replace: "return this.#wakeOrBegin(name, { due: true, onlyIfStored });",
          },
        ],
        found: { profile: "supervised", seed: 1 },
      },
    ],
  },
  {
    rule: "failures are counted beside the state, and what waits stays in its order",
    defects: [
      {
        name: "moved-has-not-failed",
        what: "an actor that comes from another node neither pauses nor is stopped",
        changes: [
          {
            file: "actors/activation/activation.ts",
            find: 'if (standing === undefined || standing.as === "free") return;',
            replace:
              'if (standing === undefined || standing.as === "free" || this.#why === "handed-off") return;',
          },
        ],
        found: { profile: "supervised", seed: 1 },
      },
      {
        name: "restart-turns-round",
        what: "mail that waits while its actor begins anew is handled the last one first",
        changes: [
          {
            file: "actors/shard/catalog.ts",
            find: "for (const mail of waiting) again(mail, (mailbox) => mailbox.push(mail));",
            replace: "for (const mail of waiting.toReversed()) again(mail, (mailbox) => mailbox.push(mail));",
          },
        ],
        found: { profile: "supervised", seed: 1 },
      },
      {
        name: "restart-tries-again",
        what: "the message that failed is handled once more when its actor has begun anew",
        changes: [
          {
            file: "actors/activation/turn.ts",
            find: 'if (onError !== "keep") this.#owner.failed(data, toldToEnd);',
            replace:
              'if (onError !== "keep") { this.#owner.failed(data, toldToEnd); (this.#owner as unknown as { mailbox: { push(mail: Mail): void } }).mailbox.push(mail); }',
          },
        ],
        found: { profile: "supervised", seed: 1 },
      },
    ],
  },
];
