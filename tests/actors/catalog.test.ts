// The actors of one shard, with a shard and a store that stand still until a test says so.
import { describe, expect, test } from "bun:test";
import type { ActorRuntime } from "../../actors/activation/activation_host.ts";
import { Annex } from "../../actors/annex/annex.ts";
import { MEMBERSHIPS } from "../../actors/annex/memberships.ts";
import { NodeLimits } from "../../actors/node_limits.ts";
import { Catalog } from "../../actors/shard/catalog.ts";
import { Relocation } from "../../actors/shard/relocation.ts";
import { bare } from "../../actors/shard/sealed.ts";
import { pack } from "../../actors/state/snapshot.ts";
import type { Mail } from "../../actors/activation/mail.ts";
import { Scheduler } from "../../actors/activation/scheduler.ts";
import { TRIAL_DEFAULTS, TrialLane } from "../../actors/activation/trials.ts";
import { NOTHING_STORED, type StoredActor, type StateStore } from "../../actors/durable/state_store.ts";
import { type ErrorData, RecordsRefusedError, toErrorData, UnavailableError } from "../../errors.ts";
import { EventBus } from "../../events.ts";

import { seededRandom } from "../../platform/random.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { createCodec } from "../../codec/codec.ts";
import { hostTally, type Steering, tally } from "../support/tally.ts";

const codec = createCodec();
const error: ErrorData = toErrorData(new UnavailableError("Cannot go on: current test ends it"));

/** Mail that notes what becomes of it. */
class Noted implements Mail {
  readonly chain = [];
  readonly message = "note";
  readonly type: "ask" | "tell";
  readonly weight: number;
  readonly deadlineAt: number;
  readonly fate: string[] = [];

  constructor(type: "ask" | "tell", weight = 0, deadlineAt = 1_000) {
    this.type = type;
    this.weight = weight;
    this.deadlineAt = deadlineAt;
  }
  isFrom() {
    return false;
  }
  argument() {
    return 1;
  }
  waits() {}
  admitted() {
    this.fate.push("admitted");
  }
  refuse({ code }: ErrorData) {
    this.fate.push(`refused ${code}`);
  }
  succeed() {
    this.fate.push("handled");
    return undefined;
  }
  fail({ code }: ErrorData) {
    this.fate.push(`failed ${code}`);
  }
}

const tells = (count: number, weight = 0) => Array.from({ length: count }, () => new Noted("tell", weight));
const fates = (mails: readonly Noted[]) => mails.map(({ fate }) => fate.join(", "));

function world({
  mailboxMax = 2,
  lineMax = 3,
  bytesMax = 10,
  lineBytesMax = 10,
  durability = "stored" as "stored" | "memory",
  onAnnex = (_name: string) => {},
} = {}) {
  const clock = new ManualClock();
  const events = new EventBus(() => clock.now());
  const log: string[] = [];
  const checks = { fail: false };
  const contract = tally("tally", { mailboxMax, durability });
  const steering: Steering = { log };
  const whole = hostTally(steering, contract).register(undefined);
  const hosted = {
    ...whole,
    initialState: (name: string) => whole.initialState(name),
    upgrade: (): unknown => {
      if (checks.fail) throw new Error("on purpose");
      return { count: 0, text: "" };
    },
  } as typeof whole;
  let load: () => Promise<StoredActor> = () => new Promise(() => {});
  const stateStore: StateStore = {
    bytesMax: 1_000,
    load: () => load(),
    commit: () => new Promise(() => {}),
    bury: () => {},
  };
  const trials = new TrialLane(clock, TRIAL_DEFAULTS);
  const onThrow = (thrown: unknown) => log.push(`thrown ${thrown}`);
  const random = seededRandom(1);
  const annexes = { onAnnex: ({ name }: { name: string }) => onAnnex(name) };
  const runtime = { clock, random, codec, events, trials, onThrow, annexes, scheduler: new Scheduler(clock) };
  const shard = { serving: true, runs: false };
  const others = { activationsMax: 9, sleepingBytesMax: 9, outputBytesMax: 9 };
  const budget = new NodeLimits({
    ...others,
    mailboxBytesMax: bytesMax,
    tellsWaitingMax: lineMax,
    tellsWaitingBytesMax: lineBytesMax,
  });
  const catalog = new Catalog({
    hosted,
    runtime: runtime as Partial<ActorRuntime> as ActorRuntime,
    budget,
    shard: 0,
    epoch: 1,
    stateStore: durability === "stored" ? stateStore : undefined,
    get serving() {
      return shard.serving;
    },
    runsAt: () => shard.runs,
    onRest: () => {},
    freshReason: "first",
    isRecovering: false,
  });
  const loads = (next: typeof load) => void (load = next);
  return { clock, log, steering, checks, shard, budget, catalog, loads };
}

const note = { id: "timer-1", message: "note", argument: codec.encode(5), everyMs: undefined };

describe("an actor to whose commit the store has said no", () => {
  for (const mark of [undefined, { ...NOTHING_STORED, revision: 7 }])
    test(`and whose state the schema refuses now is quarantined, ${mark ? "stored" : "never stored"}`, () => {
      const { catalog, checks } = world();
      const state = { stateVersion: 0, bytes: codec.encode({ count: 1, text: "" }) };
      const activation = catalog.begin({ name: "x", why: "first", stored: mark ?? NOTHING_STORED });
      const [asked, told] = [new Noted("ask"), new Noted("tell")];
      for (const mail of [asked, told]) catalog.admit("x", mail);
      checks.fail = true;
      activation.onDenied({ mark, state, timers: [{ ...note, dueAt: 5_000 }] });
      expect(fates([asked, told])).toEqual(["refused invalid-state", "refused invalid-state"]);
      expect(catalog.residents.quarantined.get("x")).toMatchObject({ snapshot: state, timers: [note] });
      expect(catalog.residents.active.has("x")).toBe(false);
    });
});

describe("an actor that is loaded until it can be", () => {
  test("keeps a timer that came due meanwhile; other mail hears why it waits no longer", async () => {
    const { catalog, clock, loads, log, shard } = world();
    shard.runs = true;
    loads(() => Promise.reject(new RecordsRefusedError("Cannot read it: current store says no")));
    const content = { state: { count: 1, text: "" }, annex: Annex.EMPTY };
    catalog.begin({
      name: "x",
      why: "handed-off",
      content,
      due: true,
      timers: [{ ...note, remainingMs: 100 }],
    });
    await clock.advance(200);
    const asked = new Noted("ask");
    catalog.admit("x", asked);
    await clock.advance(3_000);
    expect(fates([asked])).toEqual(["refused records-refused, failed records-refused"]);
    loads(async () => ({ mark: NOTHING_STORED, snapshot: undefined, timers: [], why: "first" }));
    await clock.advance(20_000);
    expect(log).toEqual(["x handed-off 1", "x note 5"]);
  });
});

describe("an actor that wants its end while its shard is on its way", () => {
  for (const wish of ["destroy", "passivate"] as const)
    test(`has it when the shard comes back: ${wish}()`, async () => {
      const { catalog, clock, log, shard, steering } = world({ durability: "memory", bytesMax: 100 });
      shard.runs = true;
      const gate = Promise.withResolvers<void>();
      steering.run = async (actor) => {
        actor.state.count++;
        await gate.promise;
        actor[wish]();
      };
      const run = Object.assign(new Noted("ask"), { message: "run" });
      catalog.admit("x", run);
      await clock.advance(1);
      const relocation = new Relocation(catalog);
      const [sealed] = relocation.seal({ node: "a", incarnation: "1" });
      expect(sealed?.status).toBe("late");
      gate.resolve();
      await clock.advance(1);
      expect(run.fate).toEqual(["handled"]);
      relocation.unseal();
      const next = new Noted("tell");
      catalog.admit("x", next);
      await clock.advance(1);
      expect(log).toEqual(["x first 0", `x ${wish === "destroy" ? "first 0" : "woken 1"}`, "x note 1"]);
      expect(catalog.residents.active.get("x")?.status).toBe("active");
    });
});

test("a late actor that arrives is in its place when something is said to it because of what it has beside its state", async () => {
  const said = new Noted("tell");
  const { catalog, shard, clock, log } = world({
    durability: "memory",
    onAnnex: (name) => catalog.admit(name, said),
  });
  shard.runs = true;
  const relocation = new Relocation(catalog);
  const at = { node: "a", incarnation: "1" };
  relocation.install([{ sealed: { ...bare("x", "late"), at } }] as never);
  const waits = new Noted("tell");
  catalog.admit("x", waits);
  const annex = Annex.EMPTY.with(MEMBERSHIPS, new Map([["room/7", new Uint8Array()]]));
  const state = { count: 5, text: "" };
  const snapshot = pack(catalog.shard.hosted, { state, annex }, codec);
  relocation.arrive(relocation.stage({ ...bare("x", "active"), snapshot }));
  await clock.advance(1);
  expect([...catalog.residents.active.values()].length).toBe(1);
  expect(log).toEqual(["x handed-off 5", "x note 1", "x note 1"]);
  expect(fates([waits, said])).toEqual(["handled", "handled"]);
});

describe("the end of all actors of a shard", () => {
  test("admits no tell that waits behind another mailbox", () => {
    const { budget, catalog } = world({ bytesMax: 10, lineBytesMax: 100 });
    const [first, ...waiting] = tells(3, 10);
    catalog.admit("x", first as Noted);
    catalog.admit("y", waiting[0] as Noted);
    catalog.admit("z", waiting[1] as Noted);
    catalog.drop(error, false);
    expect(fates([first as Noted, ...waiting])).toEqual([
      "failed unavailable",
      "refused unavailable",
      "refused unavailable",
    ]);
    expect([budget.mail.bytes, budget.mail.lineBytes]).toEqual([0, 0]);
  });
});

describe("a shard that is drained", () => {
  test("admits no more tells than a mailbox and its line may hold; then they wait, and then they are refused", () => {
    const { catalog, shard } = world({ mailboxMax: 2, lineMax: 3 });
    shard.serving = false;
    const all = tells(10);
    for (const mail of all) catalog.admit("x", mail);
    const [admitted, waiting, refused] = [
      fates(all.slice(2, 5)),
      fates(all.slice(5, 8)),
      fates(all.slice(8)),
    ];
    expect(admitted).toEqual(["admitted", "admitted", "admitted"]);
    expect(waiting).toEqual(["", "", ""]);
    expect(refused).toEqual(["refused busy", "refused busy"]);
    catalog.admitWaiting(); // it is sealed: the next owner gets them
    expect(fates(all.slice(5, 8))).toEqual(["admitted", "admitted", "admitted"]);
  });

  test("admits no more bytes than all mailboxes and lines may hold", () => {
    const { budget, catalog, shard } = world({ mailboxMax: 99, lineMax: 99, bytesMax: 10, lineBytesMax: 20 });
    shard.serving = false;
    const all = tells(60);
    for (const mail of all) catalog.admit("x", mail);
    const heavy = tells(60, 5);
    for (const mail of heavy) catalog.admit("y", mail);
    expect([budget.mail.bytes, budget.mail.lineBytes]).toEqual([30, 20]);
    expect(fates(heavy).filter((fate) => fate === "refused busy").length).toBe(50);
  });
});

describe("an actor that has not begun", () => {
  test("has the latest deadline of what waits, however much that is", () => {
    const { catalog } = world();
    const activation = catalog.begin({ name: "x", why: "first", stored: NOTHING_STORED });
    for (let i = 0; i < 500_000; i++) activation.mailbox.push(new Noted("tell", 0, i));
    expect(activation.deadlineAt).toBe(499_999);
    activation.mailbox.push(new Noted("tell", 0, Infinity));
    expect(activation.deadlineAt).toBe(Infinity);
  });
});
