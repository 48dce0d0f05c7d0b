// Words of who is not the owner, the target or the source: nothing comes of them but a look at the record.
import { afterEach, describe, expect, test } from "bun:test";
import type { WrittenItem } from "../support/frame_items.ts";
import { encodeMove, type MoveBody } from "../../handoff/wire/messages.ts";
import { type ActorNode, memoryTransport } from "../../mod.ts";
import { subjects } from "../../transport/subjects.ts";
import { hostLedger, Ledger, ledger, steering } from "../support/ledger.ts";
import { gateOf, startOwner } from "../support/ledger_cluster.ts";
import { MemoryCluster, signalled } from "../support/memory_cluster.ts";
import { clusterOf, codec, Forger, frame, idOf, type Who } from "./forgery.ts";

const names = subjects("test");
const OF = { kind: "ledger", shard: 0 };
const SEQS = Array.from({ length: 12 }, (_, i) => i + 1);
const EPOCHS = [0, 1, 2, 9_999];

interface Scene {
  readonly owner: ActorNode;
  readonly caller: ActorNode;
  readonly forger: Forger;
  readonly steered: ReturnType<typeof steering>;
  /** The forger's faces: nobody, a member that never had the shard, and lives that are not. */
  readonly faces: readonly Who[];
  /** What the owner says to this node is lost. */
  deaf: string;
}

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster?.close();
  expect(cluster?.thrown ?? []).toEqual([]);
});

async function scene(contract = Ledger): Promise<Scene> {
  const set = { deaf: "" };
  cluster = new MemoryCluster({
    filter: (from, to) => (from === "owner" && to === set.deaf ? "drop" : "deliver"),
  });
  const steered = steering();
  const owner = await cluster.start("owner", { hosts: [hostLedger(steered, contract)] });
  await cluster.settled("ledger", "owner");
  const caller = await cluster.start("caller");
  const bystander = await cluster.start("bystander");
  const faces = [
    { node: "nobody", incarnation: "1-nobody" },
    idOf(bystander),
    { node: "bystander", incarnation: "9-later" },
    { node: "owner", incarnation: "0-earlier" },
  ];
  return Object.assign(set, { owner, caller, forger: new Forger(cluster.network), steered, faces });
}

/** The item for every number and epoch, said with every face. */
async function said(
  { forger, faces }: Scene,
  to: ActorNode,
  make: (seq: number, epoch: number) => WrittenItem,
): Promise<void> {
  for (const face of faces)
    for (const seq of SEQS) for (const epoch of EPOCHS) forger.says(face, to, make(seq, epoch));
  await cluster.clock.advance(20);
}

describe("to a sender, a node that never had the shard cannot", () => {
  test("acknowledge: a tell that was not admitted does not resolve", async () => {
    const set = await scene();
    const { caller } = set;
    await cluster.ends(caller.ref(Ledger, "x").add("one"));
    set.deaf = "caller";
    let ends = 0;
    const told = caller.ref(Ledger, "x").note("two", { timeoutMs: 30_000 });
    void told.then(() => ends++);
    await cluster.clock.advance(10);
    await said(set, caller, (seq, epoch) => ({ item: "ack", ...OF, epoch, upTo: seq }));
    expect(ends).toBe(0);
    set.deaf = "";
    await cluster.ends(told);
    expect(await cluster.ends(caller.ref(Ledger, "x").read())).toEqual(["one", "two"]);
  });

  test("reply: a call that waits goes on waiting for its own answer", async () => {
    const set = await scene();
    const gate = signalled();
    set.steered.gates.set("x", gate.promise);
    const held = set.caller.ref(Ledger, "x").hold("one", { timeoutMs: 30_000 });
    await cluster.clock.advance(20);
    await said(set, set.caller, (seq, epoch) => {
      return { item: "reply", ...OF, epoch, seq, ok: true, body: codec.encode(666) };
    });
    const error = { code: "busy", message: "forged", retryable: true };
    await said(set, set.caller, (seq, epoch) => {
      return { item: "reply", ...OF, epoch, seq, ok: false, body: codec.encode(error) };
    });
    gate.resolve();
    expect(await cluster.ends(held)).toBe(1);
    await cluster.until("the reply confirmed", () => set.owner.inspect().counters.unconfirmedReplies === 0);
  });

  test('say "not here": what an owner may have admitted is not sent to the next one as new', async () => {
    const set = await scene();
    await cluster.ends(set.caller.ref(Ledger, "x").add("one"));
    set.deaf = "caller"; // no acknowledgement comes back
    const asked = set.caller.ref(Ledger, "x").add("two", { timeoutMs: 60_000 });
    const outcome = cluster.outcome(asked);
    await cluster.until("it is handled", () => set.owner.inspect().counters.unconfirmedReplies > 0);
    await cluster.ends(set.owner.kill());
    // every copy is denied until the owner counts as dead
    for (let ms = 0; cluster.seen("node-lost").length === 0; ms += 20) {
      expect(ms).toBeLessThan(30_000);
      for (const face of set.faces)
        for (let copy = 1; copy <= 60; copy++)
          set.forger.says(face, set.caller, { item: "moved", ...OF, seq: 2, copy, epoch: 1 });
      await cluster.clock.advance(20);
    }
    const heir = await startOwner(cluster, "heir");
    expect((await outcome).error?.code).toBe("outcome-unknown");
    expect(await cluster.ends(heir.ref(Ledger, "x").read())).toEqual([]);
  });

  test("ask for a gap: nothing is sent again", async () => {
    const set = await scene();
    set.deaf = "caller";
    const told = set.caller.ref(Ledger, "x").note("one", { timeoutMs: 30_000 });
    await cluster.clock.advance(1);
    const before = set.caller.inspect().counters.itemsOut;
    for (const face of set.faces)
      for (let i = 0; i < 500; i++)
        set.forger.says(face, set.caller, { item: "gap", ...OF, epoch: 1, from: 0, to: 2 ** 50 });
    await cluster.clock.advance(1);
    expect(set.caller.inspect().counters.itemsOut - before).toBeLessThan(5);
    set.deaf = "";
    await cluster.ends(told);
  });
});

describe("to an owner, others cannot", () => {
  test("confirm somebody else's reply: it is kept until its caller has it", async () => {
    const set = await scene();
    set.deaf = "caller";
    const asked = set.caller.ref(Ledger, "x").add("one", { timeoutMs: 30_000 });
    await cluster.until("it is answered", () => set.owner.inspect().counters.unconfirmedReplies > 0);
    await said(set, set.owner, (seq) => ({ item: "got", ...OF, seqs: [seq] }));
    expect(set.owner.inspect().counters.unconfirmedReplies).toBe(1);
    set.deaf = "";
    expect(await cluster.ends(asked)).toBe(1);
  });

  test("be a node that is no member: its envelopes are counted, and nothing else", async () => {
    const set = await scene();
    const before = set.owner.inspect().counters.ignoredInputs;
    for (const face of set.faces.filter(({ node }) => node !== "bystander"))
      for (const seq of SEQS)
        set.forger.says(face, set.owner, {
          item: "envelope",
          ...OF,
          type: "tell",
          epoch: 1,
          seq,
          copy: 1,
          first: 1,
          remainingMs: 0,
          urgent: true,
          name: "x",
          message: "note",
          chain: [],
          argument: codec.encode("forged"),
        });
    await cluster.clock.advance(100);
    expect(set.owner.inspect().counters.ignoredInputs - before).toBe(2 * SEQS.length);
    expect(await cluster.ends(set.caller.ref(Ledger, "x").read())).toEqual([]);
  });
});

const SIZE = { bytes: 3, chunks: 1, hash: "0".repeat(64) };

function talk(epoch: number): MoveBody[] {
  const of = { ...OF, epoch };
  return [
    { type: "offer", ...of, actors: 1, stateVersion: 1 },
    { type: "accept" },
    { type: "decline", reason: "forged" },
    { type: "sealed", ...of, ...SIZE, revision: 1, data: new Uint8Array(3) },
    { type: "sealed", ...of, ...SIZE, revision: 9_999_999, data: new Uint8Array(3) },
    { type: "sealed", ...of, bytes: 2 ** 50, chunks: 2 ** 40, hash: "x", revision: 9_999_999 },
    { type: "chunk", index: 0, data: new Uint8Array(1_000) },
    { type: "pull", chunks: [0, 1, 2, 3] },
    { type: "progress" },
    { type: "late", ...of, ...SIZE, name: "slow" },
  ];
}

describe("about moves, others cannot", () => {
  test("offer what they do not own: nobody answers, nothing waits for it, and the owner serves on", async () => {
    const set = await scene(ledger({ shards: 4 }));
    const host = await cluster.start("host", { hosts: [hostLedger(set.steered, ledger({ shards: 4 }))] });
    await cluster.settled("ledger", "owner", "host");
    set.forger.heard.length = 0;
    const records = JSON.stringify(host.inspect().shards);
    for (const face of set.faces)
      for (const shard of [0, 1, 2, 3, 4_000])
        for (const epoch of EPOCHS)
          set.forger.moves(face, host, `m-${face.node}-${shard}-${epoch}`, {
            type: "offer",
            kind: "ledger",
            shard,
            epoch,
            actors: 1,
            stateVersion: 1,
          });
    await cluster.clock.advance(50);
    const answers = set.forger.heard.filter(({ to }) => to !== "host");
    expect(answers).toEqual([]);
    await cluster.clock.advance(10_000);
    expect(JSON.stringify(host.inspect().shards)).toBe(records);
    expect(await cluster.ends(set.caller.ref(Ledger, "x").add("one"))).toBe(1);
  });

  test("put a name into a subject: who is no member gets no answer at all", async () => {
    const set = await scene();
    const heard: string[] = [];
    const spy = cluster.network.connect("spy").transport;
    spy.subscribe(">", ({ subject }) => void (subject.includes("evil") && heard.push(subject)));
    for (const node of ["evil.x", "evil >", "*", "evil\r\nPUB x", "", "evil"])
      set.forger.moves({ node, incarnation: "evil" }, set.owner, "m", ...talk(1));
    await cluster.clock.advance(100);
    const answered = heard.filter((subject) => !subject.startsWith(`test.node.owner.`));
    expect(answered).toEqual([]);
  });

  test("disturb a move whose number they know, at any of its steps", async () => {
    const set = await scene();
    const { owner, forger, faces } = set;
    await cluster.ends(set.caller.ref(Ledger, "x").add("one"));
    const heir = await cluster.start("heir", { hosts: [hostLedger(set.steered)] });
    const others = [...faces, { node: "heir", incarnation: "7-other" }];
    const leaving = owner.leave();
    let said = 0;
    for (let ms = 0; ms < 200 && said < 5; ms++) {
      const moveId = forger.heard.find(({ message }) => message.type === "offer")?.message.moveId;
      if (moveId !== undefined) {
        said++;
        for (const to of [owner, heir].filter((node) => node.inspect().gateOpen))
          for (const face of others)
            for (const epoch of [1, 2]) forger.moves(face, to, moveId, ...talk(epoch));
      }
      await cluster.clock.advance(0.2);
    }
    expect(said).toBe(5);
    const report = await cluster.ends(leaving);
    expect(report).toMatchObject({ leftOver: 0, recovered: 0 });
    expect(await cluster.ends(set.caller.ref(Ledger, "x").add("two"))).toBe(2);
    expect(cluster.seen("move-aborted")).toEqual([]);
  });

  test("get the state of a late actor, or bring another one in its place", async () => {
    const set = await scene();
    const { owner, caller, forger, faces, steered } = set;
    const gate = gateOf(steered, "slow");
    const held = caller.ref(Ledger, "slow").hold("one", { timeoutMs: 60_000 });
    await cluster.clock.advance(50);
    const heir = await cluster.start("heir", { hosts: [hostLedger(steered)] });
    const leaving = owner.leave({ deadlineMs: 60_000 });
    await cluster.settled("ledger", "heir");
    for (const face of faces) forger.moves(face, heir, `late-${face.node}`, ...talk(1), ...talk(2));
    await cluster.clock.advance(300);
    expect(
      forger.heard.filter(
        ({ message }) =>
          message.type === "pull" && message.moveId.startsWith("late-") && message.from.node === "heir",
      ),
    ).toEqual([]);
    set.deaf = "heir"; // the owner does not hear of it before others have
    gate.resolve();
    await cluster.until("it is announced", () => forger.told("heir", "late").length > 0);
    const moveId = forger.told("heir", "late").at(-1)?.moveId ?? "";
    for (const face of faces) forger.moves(face, owner, moveId, { type: "pull", chunks: [0] });
    await cluster.clock.advance(300);
    expect(forger.told("bystander", "chunk")).toEqual([]);
    set.deaf = "";
    expect(await cluster.ends(held)).toBe(1);
    expect(await cluster.ends(leaving)).toMatchObject({ recovered: 0, leftOver: 0 });
    expect(await cluster.ends(caller.ref(Ledger, "slow").read())).toEqual(["one"]);
  });
});

describe("about actors, a node that is not asked cannot", () => {
  test("answer for the owner, whatever number it guesses; and who is no member gets no answer", async () => {
    const set = await scene();
    const { owner, caller, forger, faces } = set;
    await cluster.ends(caller.ref(Ledger, "x").add("one"));
    set.deaf = "caller";
    const asked = cluster.outcome(caller.where(caller.ref(Ledger, "x"), { timeoutMs: 1_000 }));
    for (const face of faces)
      for (let id = 0; id < 20; id++) {
        forger.registers(face, caller, id, { type: "here", epoch: 1 });
        forger.registers(face, caller, id, { type: "page", parts: [], elsewhere: [0] });
      }
    expect((await asked).value).toMatchObject({ node: "owner", state: "unknown", reason: "no-answer" });
    set.deaf = "";
    const heard: string[] = [];
    cluster.network.connect("spy").transport.subscribe("test.node.*.*.registry", ({ subject }) => {
      if (!subject.startsWith("test.node.owner.")) heard.push(subject);
    });
    for (const face of faces.filter(({ node }) => node !== "bystander"))
      forger.registers(face, owner, 1, { type: "where", ...OF, name: "x" });
    await cluster.clock.advance(100);
    expect(heard).toEqual([]);
    expect((await cluster.ends(caller.where(caller.ref(Ledger, "x")))).state).toBe("active");
  });
});

describe("about events, who is no member cannot", () => {
  test("listen, or tell what nobody has told", async () => {
    const set = await scene();
    const { owner, caller, forger, faces } = set;
    const told: unknown[] = [];
    const heard: string[] = [];
    const stream = caller.events({ scope: "cluster", types: ["handler-failed"] });
    void (async () => {
      for await (const event of stream) told.push(event);
    })();
    await cluster.clock.advance(50);
    cluster.network.connect("spy").transport.subscribe("test.node.*.*.registry", ({ subject }) => {
      if (!/^test\.node\.(owner|caller|bystander)\./.test(subject)) heard.push(subject);
    });
    const event = codec.encode({ type: "handler-failed", at: 1 });
    for (const face of faces.filter(({ node }) => node !== "bystander")) {
      forger.registers(face, owner, 1, { type: "follow" });
      for (let id = 0; id < 5; id++)
        forger.registers(face, caller, id, { type: "told", first: 1, events: [event] });
    }
    await cluster.clock.advance(200);
    expect([told, heard]).toEqual([[], []]);
  });
});

describe("from another generation", () => {
  test("a member's own words have no effect, and are ignored as those of a stranger are", async () => {
    const { owner, caller, steered } = await scene();
    const { transport } = memoryTransport({ network: cluster.network, name: "elsewhere" });
    const [own, other] = [clusterOf(owner), { ...clusterOf(owner), generation: "elsewher" }];
    const tell = (seq: number, word: string): WrittenItem => ({
      ...{ item: "envelope", type: "tell", ...OF, epoch: 1, seq, copy: 1, first: 1, remainingMs: 0 },
      ...{ urgent: true, name: "x", message: "note", chain: [], argument: codec.encode(word) },
    });
    const subject = names.batch(owner.name, owner.incarnation);
    transport.publish(subject, frame(idOf(caller), [tell(1, "from elsewhere")], other));
    const move = names.move(owner.name, owner.incarnation, "m");
    const offer = { type: "offer", ...OF, epoch: 1, actors: 1, stateVersion: 1 } as const;
    transport.publish(move, encodeMove(codec, other, idOf(caller), "m", offer));
    await cluster.clock.advance(100);
    expect(owner.inspect().counters).toMatchObject({ ignoredInputs: 2, rejectedInputs: 0 });
    expect(steered.log).toEqual([]);
    transport.publish(subject, frame(idOf(caller), [tell(1, "from here")], own)); // the same in its own name is heard
    await cluster.clock.advance(100);
    expect(steered.log).toEqual(["activate x first"]);
    expect(cluster.seen("other-cluster")).toEqual([]);
  });
});
