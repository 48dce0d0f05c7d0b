/** Rules of `delivery/`: what is sent, admitted and answered once, and in order. */
import type { Rule, Unseen } from "./defect.ts";

export const DELIVERY: readonly Rule[] = [
  {
    rule: "a node is spoken to in a version of the protocol that it knows",
    defects: [
      {
        name: "protocol-unread",
        what: "the newest version is spoken to everybody, whatever their records say",
        changes: [
          {
            file: "node/assemble.ts",
            find: "new Peers((id) => membership.protocolOf(id))",
            replace: "new Peers(() => 2)",
          },
        ],
        found: { profile: "releases", seed: 2 },
      },
      {
        name: "newest-form-sealed",
        what: "a shard is sealed in the newest form, whoever is to have it",
        changes: [
          {
            file: "handoff/move/source_driver.ts",
            find: "versionFor(this.#deps.membership.protocolOf(to))",
            replace: "versionFor(2)",
          },
        ],
        found: { profile: "releases", seed: 24 },
      },
    ],
  },
  {
    rule: "whoever waits for a shard that nobody is known to own reads its record again",
    defects: [
      {
        name: "unserved-unread",
        what: "a caller relies on the watch alone to hear of a shard's next owner",
        changes: [
          {
            file: "delivery/router.ts",
            find: "read: (kind, shard) => deps.table.look(kind, shard),",
            replace: "read: () => {},",
          },
        ],
        found: { profile: "missed", seed: 49 },
      },
    ],
  },
  {
    rule: "links belong to one incarnation of a node",
    defects: [
      {
        name: "links-by-name",
        what: "a restarted node's messages are counted on from those of its former life",
        changes: [
          {
            file: "delivery/receiving/shard.ts",
            find: "link = new ReceiverLink(this.#deps.receiver, this, peer, first);",
            replace:
              "const former = [...this.#links.values()].filter((one) => one.peer.id.node === peer.id.node).at(-1); link = new ReceiverLink(this.#deps.receiver, this, peer, former?.expected ?? first);",
          },
          { file: "delivery/receiving/shard.ts", find: "this.#links.delete(peer);", replace: "" },
        ],
        found: { profile: "crash", seed: 2 },
      },
    ],
  },
  {
    rule: "a node has effects only while its gate is open",
    defects: [
      {
        name: "closed-gate-starts",
        what: "handlers start although the gate is closed",
        changes: [
          {
            file: "delivery/receiving/shard.ts",
            find: 'return this.#phase === "serving" && this.#deps.gate.isOpenAt(now);',
            replace: 'return this.#phase === "serving";',
          },
        ],
        found: { profile: "freeze", seed: 1 },
      },
      {
        name: "closed-gate-speaks",
        what: "what a closed gate holds back gets out",
        changes: [
          {
            file: "delivery/calls/local_reply_gate.ts",
            find: "if (this.#gate.isOpen) this.#release();",
            replace: "this.#release();",
          },
          {
            file: "delivery/wire/outbox.ts",
            find: "if (!this.#deps.gate.isOpen) return;",
            replace: "",
          },
        ],
        found: { profile: "verge", seed: 34 },
      },
    ],
  },
  {
    rule: "nothing is published raw",
    defects: [
      {
        name: "raw-publish",
        what: "what was sent once counts as acknowledged",
        changes: [
          {
            file: "delivery/wire/envelope_copy.ts",
            find: "oversize: skip ? undefined : oversize, headers, });",
            replace:
              'oversize: skip ? undefined : oversize, headers, }); this.#entry.acknowledge(); if (type === "tell") call.end(undefined);',
          },
        ],
        found: { profile: "planned", seed: 1 },
      },
      {
        name: "gaps-skipped",
        what: "an owner does not ask for what is missing before a message",
        changes: [
          {
            file: "delivery/receiving/receiver_link.ts",
            find: "return this.#hold({ envelope, cameAt }, now);",
            replace: "this.#skipTo(envelope.seq, now); return this.receive(envelope, now, cameAt);",
          },
        ],
        found: { profile: "planned", seed: 7 },
      },
      {
        name: "starts-at-one",
        what: "an owner without an entry waits for the first message, not the lowest kept",
        changes: [
          {
            file: "delivery/receiving/shard.ts",
            find: "this.#deps.receiver, this, peer, first);",
            replace: "this.#deps.receiver, this, peer, 1);",
          },
          {
            file: "delivery/receiving/receiver_link.ts",
            find: "if (this.#state.keeps(envelope.first)) this.#skipTo(envelope.first);",
            replace: "",
          },
        ],
        found: { profile: "crash", seed: 24 },
      },
    ],
  },
  {
    rule: "a refusal is final",
    defects: [
      {
        name: "busy-not-final",
        what: "a copy of a refused message is admitted",
        changes: [
          {
            file: "delivery/receiving/reply_keeper.ts",
            find: "repeat(peer: Peer, kind: string, shard: number, seq: number): void {",
            replace:
              "isRefused(peer: Peer, kind: string, shard: number, seq: number): boolean { return this.#known(peer, kind, shard)?.bySeq.get(seq)?.reply.ok === false; } repeat(peer: Peer, kind: string, shard: number, seq: number): void {",
          },
          {
            file: "delivery/receiving/receiver_link.ts",
            find: "return this.#again(envelope);",
            replace:
              "if (this.#deps.keeper.isRefused(this.peer, this.#shard.kind, this.#shard.shard, envelope.seq)) { this.#admit(envelope, now); this.#state.readmitted(); } return this.#again(envelope);",
          },
          {
            file: "delivery/receiving/receiver_state.ts",
            find: "/** The next number is admitted. */",
            replace: "readmitted(): void { this.#expected--; }",
          },
        ],
        found: { profile: "planned", seed: 1 },
      },
      {
        name: "busy-not-kept",
        what: "the refusal of a tell is not kept until its sender has it",
        changes: [
          {
            file: "delivery/receiving/remote_mail.ts",
            find: "if (this.#place) this.#forgetPlace();",
            replace: 'if (this.#place) this.#forgetPlace(); if (this.type === "tell") return;',
          },
        ],
        found: { profile: "planned", seed: 8 },
      },
    ],
  },
  {
    rule: "a tell that waits for room is not admitted yet",
    defects: [
      {
        name: "waiting-not-told",
        what: "the acknowledgement of a tell that waits counts as its admission",
        changes: [
          {
            file: "delivery/receiving/receiver_link.ts",
            find: "return this.#waiting.map(({ seq }) => seq).filter((seq) => seq <= upTo);",
            replace: "return [];",
          },
        ],
        found: { profile: "planned", seed: 2 },
      },
      {
        name: "waiting-left-at-seal",
        what: "what waits for room when its shard is sealed goes on waiting here",
        changes: [
          {
            file: "delivery/receiving/shard.ts",
            find: 'this.#phase = "draining"; this.catalog.admitWaiting();',
            replace: 'this.#phase = "draining";',
          },
          {
            file: "delivery/receiving/shard.ts",
            find: 'this.catalog.admitWaiting(); this.#phase = "sealed";',
            replace: 'this.#phase = "sealed";',
          },
        ],
        found: { profile: "planned", seed: 2 },
      },
    ],
  },
  {
    rule: "after a crash only what nobody can have admitted is sent again",
    defects: [
      {
        name: "all-sent-again",
        what: "whatever is not acknowledged is sent again",
        changes: [
          {
            file: "delivery/sending/sender_link.ts",
            find: "if (floor > state.floor) this.#lost(floor);",
            replace: "",
          },
        ],
        found: { profile: "crash", seed: 42 },
      },
    ],
  },
  {
    rule: "the seal is one step, and takes everything",
    defects: [
      {
        name: "seal-in-two-steps",
        what: "the link table is taken at the begin of the drain",
        changes: [
          {
            file: "delivery/receiving/shard.ts",
            find: 'this.#phase = "draining"; this.catalog.admitWaiting();',
            replace:
              'this.#phase = "draining"; this.catalog.admitWaiting(); this.early = [...this.#links.values()].map(({ peer, expected }) => ({ from: peer.id, expected }));',
          },
          {
            file: "delivery/receiving/shard.ts",
            find: "return [...this.#links.values()].map(({ peer, expected }) => ({ from: peer.id, expected }));",
            replace:
              "return this.early ?? [...this.#links.values()].map(({ peer, expected }) => ({ from: peer.id, expected }));",
          },
        ],
        found: { profile: "planned", seed: 18 },
      },
      {
        name: "admit-after-seal",
        what: "a sealed shard goes on admitting messages",
        changes: [
          {
            file: "delivery/receiving/shard.ts",
            find: 'this.#phase === "serving" || this.#phase === "draining";',
            replace: 'this.#phase !== "closed";',
          },
        ],
        found: { profile: "planned", seed: 2 },
      },
    ],
  },
  {
    rule: "a deadline travels as time left",
    defects: [
      {
        name: "deadline-by-wall-clock",
        what: "a message carries the time of its caller's wall clock at which it expires",
        changes: [
          {
            file: "delivery/wire/envelope_copy.ts",
            find: "timeLeft(call.ownersDeadlineAt(now), now)",
            replace: "timeLeft(call.ownersDeadlineAt(now), now - writer.wall)",
          },
          {
            file: "delivery/wire/outbox.ts",
            find: "writer.begin(peer.protocol, of, self, now);",
            replace: "writer.begin(peer.protocol, of, self, now); writer.wall = this.#deps.clock.wall();",
          },
          {
            file: "delivery/receiving/shard.ts",
            find: "this.#link(peer, envelope.first).receive(envelope, now, cameAt);",
            replace:
              "this.#link(peer, envelope.first).receive(envelope, now - this.#deps.runtime.clock.wall());",
          },
          {
            file: "handoff/move/seal.ts",
            find: "(mail as PackableMail).pack(self, now)",
            replace: "(mail as PackableMail).pack(self, now, clock.wall())",
          },
          {
            file: "handoff/move/seal.ts",
            find: '{ self }: Pick<HandoffDeps, "self">, now: number',
            replace: "{ self, clock }: HandoffDeps, now: number",
          },
          {
            file: "delivery/calls/local_mail.ts",
            find: "pack(self: NodeId, now: number): PackedMail {",
            replace:
              "pack(self: NodeId, since: number, wall: number): PackedMail { const now = since - wall;",
          },
          {
            file: "delivery/receiving/remote_mail.ts",
            find: "pack(_self: NodeId, now: number): PackedMail {",
            replace:
              "pack(_self: NodeId, since: number, wall: number): PackedMail { const now = since - wall;",
          },
          {
            file: "handoff/move/staging.ts",
            find: "const now = deps.clock.now();",
            replace: "const now = deps.clock.now() - deps.clock.wall();",
          },
        ],
        found: { profile: "clocks", seed: 1 },
      },
      {
        name: "held-does-not-age",
        what: "the time of a message does not go by while its owner holds it for a gap before it",
        changes: [
          {
            file: "delivery/receiving/receiver_link.ts",
            find: "{ envelope: copy, cameAt }",
            replace: "{ envelope: copy, cameAt: Infinity }",
          },
        ],
        found: { profile: "verge", seed: 2 },
      },
    ],
  },
  {
    rule: "what is slow holds up only itself",
    defects: [
      {
        name: "full-mailbox-waits",
        what: "a message for a full mailbox is not refused, and holds up its link",
        changes: [
          {
            file: "delivery/receiving/receiver_link.ts",
            find: "this.#admit(envelope, cameAt); this.#admitHeld(); return this.#owe(envelope.urgent);",
            replace:
              'const { active, awaited } = this.#shard.catalog.residents; const full = (active.get(envelope.name) ?? awaited.get(envelope.name))?.mailbox.isFull; if (envelope.type !== "skip" && full) return; this.#admit(envelope, cameAt); this.#admitHeld(); return this.#owe(envelope.urgent);',
          },
        ],
        found: { profile: "slow", seed: 1 },
      },
    ],
  },
  {
    rule: "a message that may have ended its owners is not tried for ever",
    defects: [
      {
        name: "poison-unseen",
        what: "a message is repeated at each next owner, however many have been lost by it",
        changes: [
          {
            file: "delivery/sending/sender_link.ts",
            find: "return Math.max(2, this.#deps.settings.deathsMax);",
            replace: "return Infinity;",
          },
          {
            file: "storage/shard_state_store.ts",
            find: "if (isJudged) return timers.map(unmarked);",
            replace: "return timers.map(unmarked);",
          },
        ],
        found: { profile: "poison", seed: 2 },
      },
    ],
  },
];

export const DELIVERY_UNSEEN: readonly Unseen[] = [
  // An owner admits a message only under the epoch under which it was sent, and answers under that one or a later one.
  // So an answer from below the floor is to a call that was sent from below it. In the step in which the floor rises
  // each of those ends, or goes on under a number that no owner below knows, and who was an owner below is forgotten.
  {
    name: "replies-below-floor",
    what: "an answer from below the floor counts",
    why: "in the step in which the floor rises, every call that an owner below it may have admitted ends, or is given another number: no call waits for its answer any more",
    changes: [
      {
        file: "delivery/sending/sender_state.ts",
        find: "return place === undefined || epoch < this.#floor ? undefined : place;",
        replace: "return place;",
      },
    ],
  },
];
