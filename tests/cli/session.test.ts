// How processes follow one another under `baton dev`, with processes that a test plays.
import { beforeEach, describe, expect, test } from "bun:test";
import { Session } from "../../cli/dev/session.ts";
import { Told } from "../../cli/dev/told.ts";
import type { Child, ChildExit } from "../../platform/process/child.ts";
import type { DevOrder, DevWord } from "../../platform/process/dev_parent.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

/** A process that does what the test says. */
class Played implements Child {
  readonly pid = 1;
  readonly slot: string;
  readonly orders: DevOrder[] = [];
  readonly signals: string[] = [];
  readonly exit: Promise<ChildExit>;
  readonly #heard: (message: unknown) => void;
  readonly #end: (exit: ChildExit) => void;
  /** Whether it ends when it is told to leave. */
  leaves = true;
  /** Whether it parks, and goes on, when it is told to. */
  obeys = true;
  isOver = false;

  constructor(slot: string, heard: (message: unknown) => void) {
    const { promise, resolve } = Promise.withResolvers<ChildExit>();
    this.slot = slot;
    this.exit = promise;
    this.#end = resolve;
    this.#heard = heard;
  }

  says(word: DevWord | object): void {
    this.#heard(word);
  }

  say(order: object): void {
    const { type } = order as DevOrder;
    this.orders.push(order as DevOrder);
    if (type === "yield") this.says({ type: "yielded", node: "a", ok: this.obeys });
    if (type === "resume") this.says({ type: "resumed", node: "a", ok: this.obeys });
  }

  signal(name: string): void {
    this.signals.push(name);
    if (name === "SIGKILL") this.ends({ status: null, signal: name });
    else if (this.leaves) this.ends({ status: 0, signal: null });
  }

  ends(exit: ChildExit = { status: 1, signal: null }): void {
    this.isOver = true;
    this.#end(exit);
  }

  get told(): string[] {
    return this.orders.map(({ type }) => type);
  }
}

let clock: ManualClock;
let started: Played[];
let lines: string[];
let session: Session;
let ended: Promise<number>;

beforeEach(() => {
  clock = new ManualClock();
  started = [];
  lines = [];
  const told = new Told("main.ts", { isColored: false, tell: (line) => void lines.push(line) });
  session = new Session({
    clock,
    told,
    memoryFile: (count) => `memory-${count}`,
    start: (env, heard) => {
      const process = new Played(env.BATON_DEV ?? "", heard);
      started.push(process);
      return Promise.resolve(process);
    },
  });
  ended = session.run(1);
});

const settle = () => clock.settle();
const last = () => started.at(-1) as Played;

/** The newest process asks for its turn and joins, as one without a server does. */
async function joins(process = last()): Promise<void> {
  process.says({ type: "turn", id: "t", needs: "memory" });
  await settle();
  process.says({ type: "joined", id: "j", node: "a" });
  await settle();
}

async function change(): Promise<Played> {
  session.changed(["a.ts"]);
  await settle();
  return last();
}

describe("a session of baton dev", () => {
  test("lets the one that serves yield for the next one's turn, end when that has joined, and only then goes on", async () => {
    await settle();
    await joins();
    const first = last();
    expect(first.orders).toEqual([
      { type: "go", id: "t", file: "memory-1" },
      { type: "proceed", id: "j" },
    ]);
    const second = await change();
    expect([first.slot, second.slot]).toEqual(["1", "2"]);
    expect(first.told).not.toContain("yield"); // the next one does not need it yet
    second.says({ type: "turn", id: "t2", needs: "memory" });
    await settle();
    expect(first.told.at(-1)).toBe("yield");
    expect(second.told).toEqual(["go"]);
    expect(first.isOver).toBe(false);
    first.leaves = false;
    second.says({ type: "joined", id: "j2", node: "a" });
    await settle();
    expect(first.signals).toEqual(["SIGTERM"]);
    expect(second.told).toEqual(["go"]); // its port would not be free
    first.ends({ status: 0, signal: null });
    await settle();
    expect(second.told).toEqual(["go", "proceed"]);
    second.says({ type: "serving", node: "a", actors: 3, timers: 2 });
    expect(lines.at(-1)).toBe("baton dev new code serves after 0 ms: 3 actors and 2 timers came along");
    expect((await change()).slot).toBe("1");
  });

  test.each([
    ["before its turn", false],
    ["after its turn", true],
  ] as const)("lets the one that serves go on when the next one ends %s", async (_, hasTurn) => {
    await settle();
    await joins();
    const [first, second] = [last(), await change()];
    if (hasTurn) second.says({ type: "turn", id: "t", needs: "memory" });
    await settle();
    second.ends();
    await settle();
    expect(first.told.includes("resume")).toBe(hasTurn);
    expect(first.signals).toEqual([]);
    expect(lines.at(-1)).toBe("baton dev main.ts did not start (status 1): the former code goes on");
    await change();
    await joins();
    expect(first.told.filter((each) => each === "yield").length).toBe(hasTurn ? 2 : 1); // it parks anew
    expect(first.isOver).toBe(true);
  });

  test("says so and ends the former one when that cannot go on", async () => {
    await settle();
    await joins();
    const [first, second] = [last(), await change()];
    second.says({ type: "turn", id: "t", needs: "memory" });
    await settle();
    first.obeys = false;
    second.ends();
    await settle();
    expect(lines.at(-1)).toContain("could not go on");
    expect(first.isOver).toBe(true);
    const third = await change();
    third.says({ type: "turn", id: "t", needs: "memory" });
    await settle();
    expect(third.told).toEqual(["go"]);
  });

  test("takes newer code at once while the next one is starting, and the one that has parked waits for that", async () => {
    await settle();
    await joins();
    const [first, second] = [last(), await change()];
    second.says({ type: "turn", id: "t", needs: "memory" });
    await settle();
    const third = await change();
    expect(second.isOver).toBe(true);
    expect(third).not.toBe(second);
    expect(first.told).toEqual(["go", "proceed", "yield"]); // no resume in between
    await joins(third);
    expect(first.isOver).toBe(true);
    expect(third.told).toEqual(["go", "proceed"]);
  });

  test("ends the one that serves before a file that both open", async () => {
    await settle();
    await joins();
    const [first, second] = [last(), await change()];
    second.says({ type: "turn", id: "t", needs: "file" });
    await settle();
    expect(first.told).not.toContain("yield");
    expect(first.isOver).toBe(true);
    expect(second.told).toEqual(["go"]);
  });

  test("starts a program anew that has no node, after its former process has ended", async () => {
    await settle();
    const first = last();
    first.leaves = false;
    const changed = change();
    await settle();
    expect(first.signals).toEqual(["SIGTERM"]);
    expect(started.length).toBe(1);
    first.ends();
    await changed;
    await settle();
    expect(started.length).toBe(2);
  });

  test("waits for a change when the one that serves ends by itself, and gives its place to the next one", async () => {
    await settle();
    await joins();
    last().ends({ status: null, signal: "SIGSEGV" });
    await settle();
    expect(lines.at(-1)).toBe("baton dev main.ts has ended (SIGSEGV): waiting for a change");
    expect(started.length).toBe(1);
    const second = await change();
    expect(second.slot).toBe("1"); // the name of the one that crashed
    await joins();
    const third = await change();
    expect(third.slot).toBe("2");
    third.ends();
    second.ends();
    await settle();
    expect((await change()).slot).toBe("1");
  });

  test("answers further nodes of a program, each with a file of its own, and passes over what is none of its words", async () => {
    await settle();
    await joins();
    const process = last();
    for (const word of [undefined, null, 7, "turn", {}, { type: "other" }]) process.says(word as object);
    process.says({ type: "turn", id: "b", needs: "memory" });
    process.says({ type: "joined", id: "c", node: "b" });
    expect(process.orders.slice(2)).toEqual([
      { type: "go", id: "b", file: "memory-2" },
      { type: "proceed", id: "c" },
    ]);
  });

  test("ends all processes when it is told to, waits for them, and kills those that stay", async () => {
    await settle();
    await joins();
    const [first, second] = [last(), await change()];
    first.leaves = second.leaves = false;
    session.stop();
    await settle();
    expect([first.signals, second.signals]).toEqual([[], ["SIGTERM"]]); // the newest may have taken over already
    await clock.advance(30_000);
    expect(second.signals).toEqual(["SIGTERM", "SIGKILL"]);
    expect(first.signals).toEqual(["SIGTERM"]);
    first.ends({ status: 0, signal: null });
    expect(await ended).toBe(0);
  });

  test("kills all processes at a later wish, also one that has begun to leave, with status 1", async () => {
    await settle();
    await joins();
    const [first, second] = [last(), await change()];
    first.leaves = second.leaves = false;
    second.says({ type: "joined", id: "j", node: "a" });
    await settle();
    expect(first.signals).toEqual(["SIGTERM"]);
    session.kill();
    await settle();
    expect([first.isOver, second.isOver]).toEqual([true, true]);
    expect(await ended).toBe(1);
  });
});
